"""Names of pictures stay inside the data: what is private is never opened, and data on another disk works."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from lightemma.closed_loop.driven_source import DrivenSource
from lightemma.data.argoverse2 import Argoverse2Source
from lightemma.data.folder import FolderSource
from lightemma.data.nuscenes import NuScenesSource
from lightemma.data.picture_names import PictureFolder, leads_out
from lightemma.errors import UserError
from lightemma.run_folder.store import write_manifest
from tests.conftest import make_frame, make_manifest, make_record, steady, write_run
from tests.data.made_up_logs import MadeUpLog
from tests.data.nuscenes_tables_writer import World, make_world


@pytest.mark.parametrize(
    "name",
    [
        "../x.jpg", "a/../../x.jpg", "..", "a/..", "/etc/x.jpg", "//host/x.jpg", "\\\\host\\x.jpg", "..\\x.jpg", "a\\..\\x.jpg",
        "C:\\x.jpg", "C:x.jpg", "\\x.jpg", "a\0.jpg",
    ],
)  # fmt: skip
def test_names_that_lead_out_as_written(name, tmp_path):
    assert leads_out(name)
    assert PictureFolder(tmp_path).wrong(name) == "leads out of the data folder as it is written"


@pytest.mark.parametrize(
    "name", ["x.jpg", "a/x.jpg", "./x.jpg", "..x.jpg", "a/...jpg", "a\\b.jpg", "a/b..c/x.jpg", "~/x.jpg"]
)
def test_names_that_stay_inside(name, tmp_path):
    assert not leads_out(name)
    assert PictureFolder(tmp_path).wrong(name) == ""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A data folder, a disk that it may use, and a private picture."""
    for folder in ("data", "disk/CAM_FRONT", "home"):
        (tmp_path / folder).mkdir(parents=True)
    Image.new("RGB", (4, 4)).save(tmp_path / "home" / "private.jpg")
    Image.new("RGB", (4, 4)).save(tmp_path / "disk" / "CAM_FRONT" / "1.jpg")
    return tmp_path


def link(at: Path, to: str | Path) -> None:
    at.parent.mkdir(parents=True, exist_ok=True)
    at.symlink_to(to)


def test_the_first_folder_may_be_a_link_to_another_disk(place):
    link(place / "data" / "samples", place / "disk")
    assert PictureFolder(place / "data").wrong("samples/CAM_FRONT/1.jpg") == ""
    link(place / "short", place / "data")
    assert PictureFolder(place / "short").wrong("samples/CAM_FRONT/1.jpg") == "", "so may the data folder"
    link(place / "disk" / "CAM_FRONT" / "2.jpg", "1.jpg")
    assert PictureFolder(place / "data").wrong("samples/CAM_FRONT/2.jpg") == "", "a link that stays on the disk"
    link(place / "disk" / "CAM_FRONT" / "3.jpg", place / "home" / "private.jpg")
    assert "is a link out of the data folder, to" in PictureFolder(place / "data").wrong("samples/CAM_FRONT/3.jpg")


@pytest.mark.parametrize(
    ("at", "to", "name"),
    [
        ("samples/1.jpg", "../../home/private.jpg", "samples/1.jpg"),
        ("1.jpg", "../home/private.jpg", "1.jpg"),
        ("samples/CAM_FRONT", "../../home", "samples/CAM_FRONT/private.jpg"),
        ("samples/a/b", "../../../home", "samples/a/b/private.jpg"),
        ("samples/1.jpg", "../../home/gone.jpg", "samples/1.jpg"),
    ],
)
def test_links_further_inside_may_not_lead_out(place, at, to, name):
    link(place / "data" / at, to)
    assert "is a link out of the data folder" in PictureFolder(place / "data").wrong(name)


def test_links_in_a_ring_are_no_pictures(place):
    link(place / "data" / "a.jpg", "b.jpg")
    link(place / "data" / "b.jpg", "a.jpg")
    PictureFolder(place / "data").wrong("a.jpg")  # it ends; whether there is a picture is asked later


def test_a_neighbour_with_a_longer_name_is_outside(place):
    (place / "data-of-others").mkdir()
    (place / "data-of-others" / "x.jpg").touch()
    link(place / "data" / "samples" / "x.jpg", place / "data-of-others" / "x.jpg")
    assert "is a link out" in PictureFolder(place / "data").wrong("samples/x.jpg")


def test_a_revision_in_a_hugging_face_cache_has_its_pictures_in_blobs(place):
    cache = place / "models--me--drives"
    (cache / "blobs").mkdir(parents=True)
    (cache / "blobs" / "0a1b").touch()
    root = cache / "snapshots" / "main" / "drives"
    link(root / "samples" / "1.jpg", "../../../../blobs/0a1b")
    link(root / "samples" / "2.jpg", place / "home" / "private.jpg")
    assert PictureFolder(root).wrong("samples/1.jpg") == ""
    assert "is a link out" in PictureFolder(root).wrong("samples/2.jpg")


def tables(root: Path, filename: str) -> NuScenesSource:
    """nuScenes tables with pictures, one of which has another name."""
    world: World = make_world((16,))
    row = next(row for row in world.tables["sample_data"] if row["filename"] == world.truth["scene-0001"][9].image)
    world.write(root, pictures=True)
    row["filename"] = filename
    world.write(root)
    return NuScenesSource(root, "v1.0-tiny")


@pytest.mark.parametrize("filename", ["../home/private.jpg", "{home}/private.jpg", "samples/CAM_FRONT/linked.jpg"])
def test_tables_cannot_name_a_private_picture(place, filename):
    link(place / "data" / "samples" / "CAM_FRONT" / "linked.jpg", place / "home" / "private.jpg")
    source = tables(place / "data", filename.format(home=place / "home"))
    with pytest.raises(UserError, match=r"Scene 'scene-0001' names the picture '.*', which .*--scenes"):
        list(source.frames())


def test_tables_on_another_disk_work(place):
    link(place / "data" / "samples", place / "disk")
    source = tables(place / "data", "samples/CAM_FRONT/1.jpg")
    assert all(frame.image_path and frame.image_path.is_file() for frame in source.frames())


def rows(root: Path, last: str) -> FolderSource:
    lines = [f"a,{1_700_000_000_000_000 + 500_000 * n},{5 * n},0,0,pictures/{n}.jpg" for n in range(15)]
    (root / "poses.csv").write_text(
        "\n".join(["scene,timestamp_us,x,y,heading,image", *lines[:-1], f"{lines[-1].rpartition(',')[0]},{last}"])
    )
    return FolderSource(root)


def test_a_folder_cannot_name_a_private_picture(place):
    for name in ("../home/private.jpg", str(place / "home" / "private.jpg"), "pictures\\..\\..\\private.jpg"):
        with pytest.raises(UserError, match=r"line 16, has the image '.*'; give a path inside the folder"):
            rows(place / "data", name)
    link(place / "data" / "pictures" / "14.jpg", place / "home" / "private.jpg")
    with pytest.raises(UserError, match=r"Scene 'a' names the picture 'pictures/14.jpg', which is a link out"):
        list(rows(place / "data", "pictures/14.jpg").frames())


def test_a_log_may_be_a_link_and_its_pictures_may_not(place):
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    log = MadeUpLog(pictures=True)
    there = log.write(place / "disk")
    link(place / "data" / "sensor" / "val" / log.name, there)
    assert len(list(Argoverse2Source(place / "data").frames())) == 7
    frame = list(Argoverse2Source(place / "data").frames())[3]
    assert frame.image_path is not None
    frame.image_path.unlink()
    frame.image_path.symlink_to(place / "home" / "private.jpg")
    with pytest.raises(UserError, match="which is a link out of the data folder"):
        list(Argoverse2Source(place / "data").frames())


def test_a_closed_loop_run_of_others_shows_no_private_picture(place):
    frame = make_frame()
    manifest = make_manifest("theirs", [frame])
    folder = write_run(place, manifest, [make_record(frame, steady(5.0))])
    write_manifest(folder, manifest)
    record = json.loads((folder / "frames.jsonl").read_text(encoding="utf-8"))
    for name in ("../home/private.jpg", str(place / "home" / "private.jpg"), "linked.jpg"):
        (folder / "linked.jpg").unlink(missing_ok=True)
        link(folder / "linked.jpg", place / "home" / "private.jpg")
        (folder / "frames.jsonl").write_text(json.dumps(record | {"image": name}) + "\n", encoding="utf-8")
        (shown,) = DrivenSource(folder).checked_frames("scene-0001")
        assert shown.image_path is None
    (folder / "own.jpg").write_bytes((place / "home" / "private.jpg").read_bytes())
    (folder / "frames.jsonl").write_text(json.dumps(record | {"image": "own.jpg"}) + "\n", encoding="utf-8")
    (shown,) = DrivenSource(folder).checked_frames("scene-0001")
    assert shown.image_path == folder / "own.jpg"
