"""The nuScenes source: frames, pictures, the index file, specs, and agreement with nuscenes-devkit."""

from __future__ import annotations

import logging
import os
import pickle
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from lightemma.data import nuscenes, nuscenes_cache, nuscenes_readers
from lightemma.data.nuscenes import NuScenesSource, parse_spec
from lightemma.data.pictures_check import MISSING, PictureFault
from lightemma.errors import UserError
from lightemma.frame import Frame
from lightemma.protocol import Protocol
from tests.data.looked_at import picture_faults
from tests.data.nuscenes_tables_writer import LAYOUTS, World, make_world
from tests.devkit import needs_devkit

SHARED = Path(__file__).resolve().parents[2] / ".." / "shared"


def shared(name: str) -> Path:
    if not (SHARED / name).is_dir():
        pytest.skip(f"the shared folder {name} is not next to the project")
    return SHARED / name


@pytest.fixture(scope="module")
def world() -> World:
    return make_world()


@pytest.fixture
def root(tmp_path: Path, world: World) -> Path:
    world.write(tmp_path / "tiny")
    return tmp_path / "tiny"


def assert_same_frames(ours: list[Frame], others: list[Frame]) -> None:
    assert len(ours) == len(others)
    for a, b in zip(ours, others, strict=True):
        names = ("scene", "frame_index", "sample_token", "timestamp", "image", "image_path", "pose")
        assert [getattr(a, name) for name in names] == [getattr(b, name) for name in names]
        assert a.camera.size == b.camera.size
        for x, y in [
            (a.future, b.future),
            (a.history.positions, b.history.positions),
            (a.history.actions, b.history.actions),
            (a.camera.intrinsic, b.camera.intrinsic),
            (a.camera.rotation, b.camera.rotation),
            (a.camera.translation, b.camera.translation),
        ]:
            np.testing.assert_array_equal(x, y)


def test_frames_are_the_tables_rows(root, world):
    source = NuScenesSource(root, "v1.0-tiny")
    assert source.info == nuscenes.DataInfo("nuscenes", "tiny", "v1.0-tiny", 3)
    assert list(source.scene_names) == list(world.truth)
    frames = list(source.frames())
    assert [frame.scene for frame in frames] == ["scene-0001", "scene-0001", "scène-雪"]
    first, truth = frames[0], world.truth["scene-0001"]
    assert (first.sample_token, first.timestamp, first.image) == (
        truth[7].sample_token,
        truth[7].timestamp,
        truth[7].image,
    )
    assert (first.pose.x, first.pose.y) == truth[7].position
    assert first.image_path is None
    assert frames[0].camera is frames[1].camera
    assert frames[0].camera is not frames[2].camera
    assert first.history.actions.shape == (6, 2)
    assert first.future.shape == (6, 2)
    with pytest.raises(KeyError):
        source.scene_frames("scene-0009")
    with pytest.raises(UserError, match="did you mean scene-0001"):
        source.frames(["scene-0009"])


def test_protocol_decides_the_cut(root):
    source = NuScenesSource(root, "v1.0-tiny", protocol=Protocol(spare_frames=0))
    assert len(source.scene_frames("scene-0001")) == 3


def test_scene_without_samples_has_no_frames(tmp_path):
    world = make_world()
    world.tables["scene"].append(world.tables["scene"][0] | {"token": "none", "name": "empty"})
    world.write(tmp_path)
    assert NuScenesSource(tmp_path, "v1.0-tiny").scene_frames("empty") == []


def test_pictures_are_found_or_named_as_missing(tmp_path, world):
    world.write(tmp_path, pictures=True)
    frames = list(NuScenesSource(tmp_path, "v1.0-tiny").frames())
    assert frames[0].image_path == tmp_path / frames[0].image
    assert picture_faults(frames) == []
    frames[1].image_path.unlink()
    assert picture_faults(frames) == [PictureFault(frames[1].image, MISSING)]


def test_without_pictures_all_are_missing(root):
    frames = list(NuScenesSource(root, "v1.0-tiny").frames())
    assert picture_faults(frames) == [PictureFault(frame.image, MISSING) for frame in frames]


def test_missing_folders_are_reported(root):
    with pytest.raises(UserError, match="There is no folder"):
        NuScenesSource(root / "absent", "v1.0-tiny")
    with pytest.raises(UserError, match=r"no version folder 'v1.0-tinny'; did you mean v1.0-tiny\?"):
        NuScenesSource(root, "v1.0-tinny")
    with pytest.raises(UserError, match=r"is a version folder itself; write .*tiny@v1.0-tiny"):
        NuScenesSource(root / "v1.0-tiny", "v1.0-tiny")


def test_specs(root, tmp_path, world, monkeypatch):
    assert parse_spec(f"{root}@v1.0-tiny") == (root, "v1.0-tiny")
    assert parse_spec(str(root)) == (root, "v1.0-tiny")
    assert parse_spec("/data/a@b@v1") == (Path("/data/a@b"), "v1")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert parse_spec("~/tiny@v1.0-tiny") == (root, "v1.0-tiny")
    world.write(tmp_path / "at@home")
    assert parse_spec(str(tmp_path / "at@home")) == (tmp_path / "at@home", "v1.0-tiny")
    (root / "v1.0-other").mkdir()
    (root / "v1.0-other" / "scene.json").write_text("[]")
    with pytest.raises(UserError, match=r"has the versions v1\.0-other, v1\.0-tiny; write ROOT@VERSION"):
        parse_spec(str(root))
    with pytest.raises(UserError, match=r"no version folder with a scene\.json"):
        parse_spec(str(tmp_path / "tiny" / "maps"))
    with pytest.raises(UserError, match="is a version folder itself"):
        parse_spec(str(root / "v1.0-tiny"))
    for spec, sentence in [("", "No nuScenes root"), ("@v1", "write ROOT@VERSION"), ("x@", "write ROOT@VERSION")]:
        with pytest.raises(UserError, match=sentence):
            parse_spec(spec)
    with pytest.raises(UserError, match="There is no folder"):
        parse_spec(str(tmp_path / "absent"))


class Count:
    """Counts how often the tables are read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reads = 0
        self._read = nuscenes_readers.read_tables
        monkeypatch.setattr(nuscenes_readers, "read_tables", self)

    def __call__(self, folder: Path):
        self.reads += 1
        return self._read(folder)


@pytest.fixture
def count(monkeypatch) -> Count:
    return Count(monkeypatch)


def test_index_is_kept_and_used_while_tables_are_unchanged(root, tmp_path, count):
    cache = tmp_path / "results" / ".index"

    def opened() -> NuScenesSource:
        return NuScenesSource(root, "v1.0-tiny", cache_dir=cache)

    cold = opened()
    assert [path.suffix for path in cache.iterdir()] == [".npz"]
    assert next(cache.iterdir()).name.startswith("tiny-v1.0-tiny-")
    warm = opened()
    assert count.reads == 1
    assert_same_frames(list(cold.frames()), list(warm.frames()))
    for reads, table in enumerate(
        ("scene", "sample", "sample_data", "ego_pose", "calibrated_sensor", "sensor"), start=2
    ):
        path = root / "v1.0-tiny" / f"{table}.json"
        os.utime(path, ns=(1, path.stat().st_mtime_ns + 1))
        opened(), opened()
        assert count.reads == reads
    (root / "v1.0-tiny" / "sample_annotation.json").write_text("[]\n")
    opened()
    assert count.reads == 7
    (root / "v1.0-tiny" / "scene.json").write_text("")
    with pytest.raises(UserError, match="is empty"):
        opened()


def test_tables_that_changed_under_the_same_size_and_time_are_read_again(root, tmp_path, count):
    def places() -> list[float]:
        return [frame.pose.x for frame in NuScenesSource(root, "v1.0-tiny", cache_dir=tmp_path / "index").frames()]

    before = places()
    path = root / "v1.0-tiny" / "ego_pose.json"
    state, text = path.stat(), path.read_text(encoding="utf-8")
    for place in set(before):
        text = text.replace(f"{place!r}", f"{1e3 + place!r}"[: len(f"{place!r}")].ljust(len(f"{place!r}"), "1"))
    path.write_text(text, encoding="utf-8", newline="")
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (state.st_size, state.st_mtime_ns)
    after = places()
    assert count.reads == 2
    assert len(after) == len(before)
    assert all(now != then for now, then in zip(after, before, strict=True))


def test_a_large_table_that_changed_is_read_again(root, tmp_path, count, monkeypatch):
    monkeypatch.setattr(nuscenes_cache, "_LOOKED_AT", 0)
    path = root / "v1.0-tiny" / "ego_pose.json"
    for _ in range(2):
        NuScenesSource(root, "v1.0-tiny", cache_dir=tmp_path / "index")
    assert count.reads == 1
    state = path.stat()
    time.sleep(0.02)  # the file system's clock ticks every few milliseconds
    path.write_bytes(path.read_bytes())
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    NuScenesSource(root, "v1.0-tiny", cache_dir=tmp_path / "index")
    assert count.reads == 2


def test_damaged_and_older_index_is_built_again_in_silence(root, tmp_path, count, monkeypatch, caplog):
    cache = tmp_path / "index"
    NuScenesSource(root, "v1.0-tiny", cache_dir=cache)
    path = next(cache.iterdir())
    good = path.read_bytes()
    flipped = bytearray(good)
    flipped[len(good) // 2] ^= 0xFF
    damaged = [b"", b"PK", b"no archive", good[:-30], good[: len(good) // 2], bytes(flipped), pickle.dumps({"key": 1})]
    for reads, content in enumerate(damaged, start=2):
        path.write_bytes(content)
        source = NuScenesSource(root, "v1.0-tiny", cache_dir=cache)
        assert len(list(source.frames())) == 3
        assert count.reads == reads
        assert path.read_bytes()[:2] == b"PK"
    monkeypatch.setattr(nuscenes_cache, "FORMAT", nuscenes_cache.FORMAT + 1)
    NuScenesSource(root, "v1.0-tiny", cache_dir=cache)
    assert count.reads == len(damaged) + 2
    assert not caplog.records
    assert list(cache.iterdir()) == [path]


def test_pickles_in_an_index_are_never_opened(root, tmp_path, count):
    cache = tmp_path / "index"
    NuScenesSource(root, "v1.0-tiny", cache_dir=cache)
    path = next(cache.iterdir())
    with np.load(path) as stored:
        arrays = dict(stored) | {"positions": np.array([object()], dtype=object)}
    with path.open("wb") as file:
        np.savez(file, **arrays)
    assert len(list(NuScenesSource(root, "v1.0-tiny", cache_dir=cache).frames())) == 3
    assert count.reads == 2


def test_folder_that_cannot_be_written_gives_one_warning(root, tmp_path, caplog):
    (tmp_path / "file").write_text("")
    with caplog.at_level(logging.WARNING):
        source = NuScenesSource(root, "v1.0-tiny", cache_dir=tmp_path / "file" / "index")
    assert len(list(source.frames())) == 3
    assert len(caplog.records) == 1
    assert "cannot be kept" in caplog.text


def test_failed_write_leaves_nothing_behind(root, tmp_path, monkeypatch, caplog):
    def fails(file, **arrays):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", fails)
    NuScenesSource(root, "v1.0-tiny", cache_dir=tmp_path / "index")
    assert list((tmp_path / "index").iterdir()) == []
    assert "No space left" in caplog.text


def test_like_named_roots_have_files_of_their_own(tmp_path, world, count):
    for place in ("a", "b"):
        world.write(tmp_path / place / "nuscenes")
        NuScenesSource(tmp_path / place / "nuscenes", "v1.0-tiny", cache_dir=tmp_path / "index")
    assert count.reads == 2
    assert len(list((tmp_path / "index").iterdir())) == 2


def test_a_devkit_that_is_not_installed_is_reported(root, monkeypatch):
    monkeypatch.setitem(sys.modules, "nuscenes.nuscenes", None)
    with pytest.raises(UserError, match=r"pip install 'lightemma\[nuscenes\]'"):
        NuScenesSource(root, "v1.0-tiny", reader="devkit")


@needs_devkit
@pytest.mark.parametrize("seed", range(5))
def test_devkit_gives_the_same_frames(tmp_path, seed):
    layout = ("compact", "indent0", "utf8", "keys_reordered", "escaped_slashes")[seed]
    world = make_world((17, 16, 2), seed=seed, shared_pose_tokens=bool(seed % 2))
    world.write(tmp_path, layout=layout)
    ours, devkit = (NuScenesSource(tmp_path, "v1.0-tiny", reader=reader) for reader in ("tables", "devkit"))
    assert ours.info == devkit.info
    assert len(list(ours.frames())) == 5
    assert_same_frames(list(ours.frames()), list(devkit.frames()))


@needs_devkit
def test_devkit_failures_are_sentences(root):
    (root / "v1.0-tiny" / "map.json").unlink()
    with pytest.raises(UserError, match=r"nuscenes-devkit cannot open .*map\.json.*use reader='tables'"):
        NuScenesSource(root, "v1.0-tiny", reader="devkit")


@needs_devkit
def test_both_readers_agree_on_the_test_split_and_keep_their_own_index(tmp_path):
    root = shared("nuscenes-test-poses")
    for _ in range(2):
        ours, devkit = (
            NuScenesSource(root, "v1.0-test", reader=reader, cache_dir=tmp_path) for reader in ("tables", "devkit")
        )
        assert len(ours.index.timestamps) == 6008
        for name in ("timestamps", "positions", "rotations", "camera_intrinsics", "camera_sizes", "scene_starts"):
            np.testing.assert_array_equal(getattr(ours.index, name), getattr(devkit.index, name))
        assert ours.index.images[:] == devkit.index.images[:]
    assert len(list(tmp_path.iterdir())) == 2
    scenes = list(ours.scene_names)
    assert len(scenes) == 150
    assert_same_frames(list(ours.frames(scenes[::10])), list(devkit.frames(scenes[::10])))


def test_the_test_split_has_the_published_number_of_frames():
    source = NuScenesSource(shared("nuscenes-test-poses"), "v1.0-test")
    assert sum(1 for _ in source.frames()) == 3908


def test_real_drives_have_their_pictures():
    root, version = parse_spec(str(shared("real-scenes")))
    source = NuScenesSource(root, version)
    frames = list(source.frames())
    assert [len(source.scene_frames(name)) for name in source.scene_names] == [26, 17]
    assert picture_faults(frames) == []
    assert frames[0].camera.size == (400, 225)


# --- the other cameras ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", LAYOUTS)
def test_other_cameras_are_found_in_every_layout(layout, tmp_path):
    world = make_world()
    world.write(tmp_path, layout=layout, pictures=True)
    lookup = NuScenesSource(tmp_path, "v1.0-tiny").cameras()
    rows = [row for row in world.tables["sample_data"] if row["is_key_frame"] and "CAM_FRONT_LEFT" in row["filename"]]
    assert len(rows) == 34
    for row in rows:
        assert lookup("scene-0001", row["sample_token"]) == {"CAM_FRONT_LEFT": tmp_path / row["filename"]}
    assert lookup("scene-0001", "no such sample") == {}


def test_data_without_other_cameras_or_pictures_have_none(tmp_path):
    world = make_world()
    world.write(tmp_path)
    assert NuScenesSource(tmp_path, "v1.0-tiny").cameras() is None
    world.tables["sample_data"] = [
        row for row in world.tables["sample_data"] if "CAM_FRONT_LEFT" not in row["filename"]
    ]
    world.write(tmp_path / "front", pictures=True)
    assert NuScenesSource(tmp_path / "front", "v1.0-tiny").cameras() is None


@pytest.mark.parametrize("name", ["samples/CAM_FRONT_LEFT/../../../secret.jpg", "samples/CAM_FRONT_LEFT/link.jpg"])
def test_pictures_of_other_cameras_that_lead_out_of_the_data_are_never_read(name, tmp_path):
    world, root = make_world(), tmp_path / "data"
    row = next(row for row in world.tables["sample_data"] if row["filename"].startswith("samples/CAM_FRONT_LEFT"))
    row["filename"] = name
    world.write(root, pictures=True)
    (tmp_path / "secret.jpg").write_bytes(b"private")
    (root / "samples/CAM_FRONT_LEFT").mkdir(parents=True, exist_ok=True)
    (root / "samples/CAM_FRONT_LEFT/link.jpg").symlink_to(tmp_path / "secret.jpg")
    lookup = NuScenesSource(root, "v1.0-tiny").cameras()
    if ".." in name:
        assert "CAM_FRONT_LEFT" not in lookup("scene-0001", row["sample_token"])
    else:
        with pytest.raises(UserError, match=r"link.jpg' of sample .* is a link out of the data folder"):
            lookup("scene-0001", row["sample_token"])
