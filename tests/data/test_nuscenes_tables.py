"""Streaming and joining: every layout, every chunk size, and tables that are broken in every way."""

from __future__ import annotations

import copy
import tracemalloc
from pathlib import Path

import msgspec
import numpy as np
import pytest

from lightemma.data import nuscenes_readers
from lightemma.data.nuscenes_index import KeyFrameIndex, TextColumn
from lightemma.data.nuscenes_readers import read_tables
from lightemma.data.nuscenes_tables import (
    TABLES,
    EgoPoseRow,
    SampleDataRow,
    read_table,
    scan_front_rows,
    scan_poses,
    stream_rows,
)
from lightemma.errors import UserError
from tests.data.nuscenes_tables_writer import LAYOUTS, World, make_world

CHUNKS = (64, 257, 4096, 1 << 20)


@pytest.fixture(scope="module")
def world() -> World:
    return make_world()


def assert_finds_truth(index: KeyFrameIndex, world: World) -> None:
    assert list(index.scene_names) == list(world.truth)
    for name, frames in world.truth.items():
        rows = index.rows_of(name)
        assert index.sample_tokens[rows] == [frame.sample_token for frame in frames]
        assert index.images[rows] == [frame.image for frame in frames]
        assert index.timestamps[rows].tolist() == [frame.timestamp for frame in frames]
        assert index.positions[rows].tolist() == [list(frame.position) for frame in frames]
        assert index.rotations[rows].tolist() == [list(frame.rotation) for frame in frames]
        calibrations = {row["token"]: row for row in world.tables["calibrated_sensor"]}
        for number, frame in zip(index.camera_numbers[rows], frames, strict=True):
            camera, row = index.cameras[number], calibrations[frame.calibration]
            assert camera.size == (1600, 900)
            assert camera.intrinsic.tolist() == row["camera_intrinsic"]
            assert camera.translation.tolist() == row["translation"]


def forbid_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading a large table whole becomes a failure."""

    def whole(path: Path, row: type) -> list:
        assert path.stem not in ("sample_data", "ego_pose"), "read whole"
        return read_table(path, row)

    monkeypatch.setattr(nuscenes_readers, "read_table", whole)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("chunk", CHUNKS)
def test_every_layout_streams_in_chunks_of_any_size(tmp_path, world, layout, chunk, monkeypatch):
    forbid_whole(monkeypatch)
    assert_finds_truth(read_tables(world.write(tmp_path, layout=layout), chunk), world)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("chunk", CHUNKS)
def test_scans_find_the_rows_without_parsing_the_rest(tmp_path, world, layout, chunk):
    folder = world.write(tmp_path, layout=layout)
    wanted = {frame.image for frames in world.truth.values() for frame in frames}
    assert {row.filename for row in scan_front_rows(folder / "sample_data.json", chunk)} == wanted
    poses = [row["token"] for row in world.tables["ego_pose"][::7]]
    found = [row.token for row in scan_poses(folder / "ego_pose.json", set(poses), chunk)]
    assert found == ([] if layout == "keys_reordered" else poses)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("chunk", CHUNKS)
def test_stream_gives_all_rows_in_order(tmp_path, world, layout, chunk):
    folder = world.write(tmp_path, layout=layout)
    rows = stream_rows(folder / "sample_data.json", SampleDataRow, chunk)
    assert [row.filename for row in rows] == [row["filename"] for row in world.tables["sample_data"]]
    poses = stream_rows(folder / "ego_pose.json", EgoPoseRow, chunk)
    assert [row.token for row in poses] == [row["token"] for row in world.tables["ego_pose"]]


def test_scan_only_parses_a_few_rows(tmp_path, world):
    """Rows that no benchmark needs may be anything: they are never parsed."""
    tables = copy.deepcopy(world.tables)
    for row in tables["sample_data"]:
        if "samples/CAM_FRONT/" not in row["filename"]:
            row["timestamp"] = "later"
    assert_finds_truth(read_tables(World(tables, world.truth).write(tmp_path)), world)


@pytest.mark.parametrize(
    "options",
    [
        {"links": False},
        {"shared_pose_tokens": False},
        {"folder": "pictures/front"},
        {"folder": "samples/CAM_FRONT/day}{1"},
        {"folder": "samples/CAM_FRONT/a\\b"},
        {"lengths": (1, 40)},
    ],
    ids=str,
)
@pytest.mark.parametrize("chunk", [64, 1 << 20])
def test_odd_worlds(tmp_path, options, chunk):
    world = make_world(**options)
    assert_finds_truth(read_tables(world.write(tmp_path), chunk), world)


def test_short_or_escaped_pose_tokens(tmp_path, world):
    tables = copy.deepcopy(world.tables)
    number = {row["token"]: f"é{place}" for place, row in enumerate(tables["ego_pose"])}
    for row in tables["ego_pose"]:
        row["token"] = number[row["token"]]
    for row in tables["sample_data"]:
        row["ego_pose_token"] = number[row["ego_pose_token"]]
    assert_finds_truth(read_tables(World(tables, world.truth).write(tmp_path)), world)


def test_nested_columns_are_read_whole(tmp_path, world):
    tables = copy.deepcopy(world.tables)
    for row in tables["sample_data"] + tables["ego_pose"]:
        row["extra"] = {"a": {"b": "}"}}
    assert_finds_truth(read_tables(World(tables, world.truth).write(tmp_path), 300), world)


def test_rows_of_scenes_not_listed_are_left_out(tmp_path, world):
    tables = copy.deepcopy(world.tables)
    gone = tables["scene"].pop(0)
    truth = {name: frames for name, frames in world.truth.items() if name != gone["name"]}
    assert_finds_truth(read_tables(World(tables, truth).write(tmp_path)), World(tables, truth))


def test_scene_without_samples_is_empty(tmp_path, world):
    tables = copy.deepcopy(world.tables)
    tables["scene"].append(tables["scene"][0] | {"token": "none", "name": "empty"})
    index = read_tables(World(tables).write(tmp_path))
    assert index.rows_of("empty") == slice(34, 34)


def test_scanning_takes_little_memory(tmp_path):
    row = b'{"token": "%08d000000000000000000000000", "timestamp": 1533151603512404, "rotation": [1.0, 0, 0, 0], '
    row += b'"translation": [1, 2, 3]}'
    path = tmp_path / "ego_pose.json"
    path.write_bytes(b"[\n" + b",\n".join(row % number for number in range(150_000)) + b"\n]")
    list(scan_poses(path, {"0" * 32}))  # what is made once, such as patterns
    tracemalloc.start()
    found = list(scan_poses(path, {f"{149_999:08d}" + "0" * 24}, 1 << 16))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [pose.translation for pose in found] == [[1, 2, 3]]
    assert path.stat().st_size > 15e6
    assert peak < 6e6


def test_text_column_is_a_sequence_of_strings():
    texts = ["", "a", "雪", "", "x" * 300, "\ud800"]
    column = TextColumn.of(texts)
    assert list(column) == texts
    assert column[-2] == "x" * 300
    assert column[1:4] == texts[1:4]
    assert len(TextColumn.of([])) == 0
    with pytest.raises(IndexError):
        column[6]


def test_missing_rows_are_counted_and_named(tmp_path, world):
    tables = copy.deepcopy(world.tables)
    lost = next(iter(world.truth.values()))[2]
    tables["sample_data"] = [row for row in tables["sample_data"] if row["filename"] != lost.image]
    with pytest.raises(UserError, match=rf"no CAM_FRONT key frame for 1 of 34 samples .*{lost.sample_token}"):
        read_tables(World(tables).write(tmp_path))

    tables = copy.deepcopy(world.tables)
    lost_rows = {row["ego_pose_token"] for row in tables["sample_data"] if row["sample_token"] == lost.sample_token}
    tables["ego_pose"] = [row for row in tables["ego_pose"] if row["token"] not in lost_rows]
    with pytest.raises(
        UserError, match=r"no pose for 1 of 34 CAM_FRONT key frames \(the first is ego pose [0-9a-f]{32}"
    ):
        read_tables(World(tables).write(tmp_path))


def test_two_key_frames_for_a_sample_are_refused(tmp_path, world):
    tables = copy.deepcopy(world.tables)
    front = next(iter(world.truth.values()))[2]
    row = next(row for row in tables["sample_data"] if row["filename"] == front.image)
    tables["sample_data"].append(row | {"token": "again"})
    with pytest.raises(UserError, match="more than one CAM_FRONT key frame for 1 of 34 samples"):
        read_tables(World(tables).write(tmp_path))


@pytest.mark.parametrize(
    ("table", "change", "sentence"),
    [
        ("sensor", {"channel": "FRONT"}, "no calibrated CAM_FRONT sensor"),
        ("scene", {"name": "same"}, "two scenes named 'same'"),
        ("ego_pose", {"rotation": [0, 0, 0, 0]}, "no unit quaternion for 34 of 34 key frames"),
        ("ego_pose", {"rotation": [1, 0, 0]}, "a rotation that is not four numbers for 34 of 34"),
        ("sample_data", {"timestamp": None}, "a timestamp that is missing"),
        ("sample_data", {"timestamp": 2**70}, "a timestamp that is too large for a time"),
        ("sample", {"scene_token": "other"}, "belongs to a scene"),
        ("calibrated_sensor", {"camera_intrinsic": [[1.0]]}, "no 3 x 3 camera_intrinsic"),
    ],
)
def test_broken_columns_are_reported(tmp_path, world, table, change, sentence):
    tables = copy.deepcopy(world.tables)
    for row in tables[table]:
        row.update(change)
    with pytest.raises(UserError, match=sentence):
        read_tables(World(tables).write(tmp_path))


@pytest.mark.parametrize("table", TABLES)
def test_missing_empty_and_cut_tables_are_reported(tmp_path, world, table):
    folder = world.write(tmp_path)
    path = folder / f"{table}.json"
    whole = path.read_bytes()
    for text, sentence in [
        (b"", "is empty"),
        (b"  \n", "is empty"),
        (b"{}", "cut short"),
        (b"[}]", "not valid JSON|no CAM_FRONT|no pose"),
        (b"[[]]", "cut short|does not hold"),
        (b"[\xff{}]", "not valid JSON"),
    ]:
        path.write_bytes(text)
        with pytest.raises(UserError, match=sentence):
            read_tables(folder)
    for end in np.linspace(1, len(whole) - 1, 60).astype(int).tolist():
        path.write_bytes(whole[:end])
        with pytest.raises(UserError, match="cut short"):
            read_tables(folder)
    path.write_bytes(b"[" + b"[" * 200_000 + b"{}]")
    with pytest.raises(UserError):
        read_tables(folder)
    path.unlink()
    with pytest.raises(UserError, match=rf"{table}\.json is missing"):
        read_tables(folder)
    path.mkdir()
    with pytest.raises(UserError, match=rf"{table}\.json is missing"):
        read_tables(folder)


@pytest.mark.parametrize("table", TABLES)
def test_no_broken_value_gives_anything_but_a_sentence(tmp_path, world, table):
    """Every value of a row that matters, replaced by everything it should not be."""
    front = next(iter(world.truth.values()))[3]
    data = next(row for row in world.tables["sample_data"] if row["filename"] == front.image)
    place = {
        "sample_data": world.tables["sample_data"].index(data),
        "ego_pose": [row["token"] for row in world.tables["ego_pose"]].index(data["ego_pose_token"]),
    }.get(table, 1)
    folder = world.write(tmp_path)
    sentences = []
    for key in world.tables[table][place]:
        for value in (None, "x", -1, 1.5, 2**64, True, [], [None], {}, {"a": [1]}, float("nan"), 1e308, "\ud800", ...):
            rows = [dict(row) for row in world.tables[table]]
            rows[place][key] = value
            if value is ...:
                del rows[place][key]
            (folder / f"{table}.json").write_text(LAYOUTS["indent0"](rows))
            try:
                assert read_tables(folder).scene_names
            except UserError as error:
                sentences.append(str(error))
    assert len(sentences) >= 15
    assert all(sentence.endswith(".") for sentence in sentences)


def test_stream_refuses_what_is_no_list_of_rows(tmp_path):
    path = tmp_path / "ego_pose.json"
    for text in (b'{"a": 1}', b'[{"token": "a"}]', b"[{} {}]", b"[{},,{}]"):
        path.write_bytes(text)
        with pytest.raises(msgspec.DecodeError):
            list(stream_rows(path, EgoPoseRow, 2))
