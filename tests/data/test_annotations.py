"""Boxes from tables to the surroundings of a frame: at the plan's own times, in the car's own frame, in little memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from pathlib import Path

import numpy as np
import pytest

from lightemma.agents import OTHER, PEDESTRIAN, VEHICLE, Surroundings, plan_times
from lightemma.data import annotation_columns
from lightemma.data.annotation_columns import read_annotations
from lightemma.data.annotations import AnnotationIndex, kind_of
from lightemma.data.nuscenes import NuScenesSource
from lightemma.data.nuscenes_tables import read_table
from lightemma.data.scene_texts import read_scene_texts
from lightemma.data.tracks import Tracks
from lightemma.errors import UserError
from lightemma.kinematics import to_ego_frame
from tests.data.nuscenes_tables_writer import LAYOUTS, World, make_world
from tests.devkit import needs_devkit
from tests.shared_data import TEST_POSES, needs_shared

VERSION = "v1.0-tiny"
SCENE = "scene-0001"
CATEGORIES = ("vehicle.car", "human.pedestrian.adult", "movable_object.barrier")
#: Samples are this much later than the camera's pictures, as the lidar's are in nuScenes. Microseconds.
LATE = 43_000


def place_at(seconds: float) -> tuple[float, float]:
    """Where every agent in these tests is: they drive 7 m/s along a straight line."""
    return 410.0 + 6.0 * seconds, 1010.0 - 3.6 * seconds


def heading_at(seconds: float) -> float:
    """They turn steadily, past the jump from pi to -pi."""
    return 2.9 + 0.2 * seconds


def start_of(world: World, scene: str = SCENE) -> int:
    """When a scene starts, in microseconds."""
    return world.truth[scene][0].timestamp // 500_000 * 500_000


def annotated(seen: Collection[int] = range(16), categories: tuple[str, ...] = CATEGORIES[:1]) -> World:
    """Tables with one agent per category in the first scene, seen at some of its samples."""
    world = make_world()
    tables, start = world.tables, start_of(world)
    for row in tables["sample"]:
        row["timestamp"] += LATE
    rows = []
    for number, category in enumerate(categories):
        tables["category"].append({"token": f"c{number}", "name": category, "description": "odd } [ words"})
        tables["instance"].append({"token": f"i{number}", "category_token": f"c{number}", "nbr_annotations": len(seen)})
        for index in seen:
            sample = world.truth[SCENE][index].sample_token
            seconds = index * 0.5 + LATE / 1e6
            half = heading_at(seconds) / 2
            rows.append(
                {
                    "token": f"a{number}-{index}",
                    "sample_token": sample,
                    "instance_token": f"i{number}",
                    "visibility_token": "4",
                    "attribute_tokens": ["x", "y"],
                    "translation": [*place_at(seconds), 1.0],
                    "size": [1.9, 4.6, 1.7],
                    "rotation": [math.cos(half), 0.0, 0.0, math.sin(half)],
                    "prev": "",
                    "next": "",
                    "num_lidar_pts": 3,
                    "num_radar_pts": 0,
                }
            )
    tables["sample_annotation"] = rows[::-1]
    assert start <= world.truth[SCENE][0].timestamp < start + 9000
    return world


def around(root: Path, world: World, index: int) -> Surroundings:
    found = AnnotationIndex.load(root, VERSION).surroundings(SCENE, world.truth[SCENE][index].sample_token)
    assert found is not None
    return found


@pytest.mark.parametrize("layout", sorted(LAYOUTS))
def test_agents_are_where_they_are_at_the_plans_times(tmp_path, layout):
    world = annotated()
    world.write(tmp_path, layout=layout)
    frame = world.truth[SCENE][5]
    found = around(tmp_path, world, 5)
    assert found.agents is not None
    assert found.agents.valid.all()
    seconds = (frame.timestamp - start_of(world)) / 1e6 + plan_times()
    pose = found.pose
    places = to_ego_frame(np.column_stack(place_at(seconds)), np.array([pose.x, pose.y]), pose.heading)
    assert found.agents.centres[0] == pytest.approx(places, abs=1e-5)
    turned = np.exp(1j * found.agents.yaws[0]) / np.exp(1j * (heading_at(seconds) - pose.heading))
    assert np.angle(turned) == pytest.approx(0.0, abs=1e-5)
    assert found.agents.sizes[0] == pytest.approx([4.6, 1.9], abs=1e-5)  # nuScenes writes width before length
    assert (pose.x, pose.y) == frame.position


def test_the_cars_own_places_are_at_the_plans_times_too(tmp_path):
    world = annotated()
    world.write(tmp_path)
    source = NuScenesSource(tmp_path, VERSION)
    for frame in source.scene_frames(SCENE):
        found = AnnotationIndex.load(tmp_path, VERSION).surroundings(SCENE, frame.sample_token)
        assert found is not None
        assert found.ego[0] == pytest.approx([0.0, 0.0, 0.0])
        # Pictures are up to 9 ms off the half seconds, and y is noise of a metre.
        assert found.ego[1:, :2] == pytest.approx(frame.future, abs=0.08)
        assert found.route[: len(frame.future) + 1] == pytest.approx(np.vstack([[0, 0], frame.future]), abs=1e-9)


def test_an_agent_is_held_a_quarter_of_a_second_beyond_its_boxes(tmp_path):
    world = annotated(seen=range(7, 10))
    world.write(tmp_path)
    found = around(tmp_path, world, 5)
    assert found.agents is not None
    # Boxes at 1.04, 1.54 and 2.04 s from now, give or take the picture's 9 ms: 1.0 s is held, 2.5 s is too late.
    assert found.agents.valid[0].tolist() == [False, False, True, True, True, False, False]
    first = to_ego_frame(
        np.array(place_at(3.5 + LATE / 1e6)), np.array([found.pose.x, found.pose.y]), found.pose.heading
    )
    assert found.agents.centres[0, 2] == pytest.approx(first)
    assert np.isnan(found.agents.centres[0, [0, 1, 5, 6]]).all()
    late = around(tmp_path, world, 10)
    assert late.agents is not None
    assert len(late.agents.kinds) == 0  # last seen 0.45 s ago


@pytest.mark.parametrize(
    ("seen", "valid"),
    [
        ([5, 6, 8, 9, 10, 11], [True] * 7),  # one sample lacks it
        ([5, 6, 10, 11], [True, True, False, False, False, True, True]),  # three lack it
    ],
)
def test_short_gaps_are_bridged_and_long_ones_are_not(tmp_path, seen, valid):
    world = annotated(seen=[4, *seen])
    world.write(tmp_path)
    found = around(tmp_path, world, 5)
    assert found.agents is not None
    assert found.agents.valid[0].tolist() == valid


def test_kinds_of_agents(tmp_path):
    world = annotated(categories=CATEGORIES)
    world.write(tmp_path)
    found = around(tmp_path, world, 0)
    assert found.agents is not None
    assert dict(zip(found.agents.categories, found.agents.kinds.tolist(), strict=True)) == dict(
        zip(CATEGORIES, (VEHICLE, PEDESTRIAN, OTHER), strict=True)
    )
    assert [kind_of(name) for name in ("vehicle.bicycle", "animal", "static_object.bicycle_rack", "")] == [
        VEHICLE, OTHER, OTHER, OTHER
    ]  # fmt: skip


def rows_of(world: World, index: int) -> list[dict]:
    """The boxes of the first scene's key frame."""
    token = world.truth[SCENE][index].sample_token
    return [row for row in world.tables["sample_annotation"] if row["sample_token"] == token]


@pytest.mark.parametrize(
    ("levels", "seen"),
    [
        ({5: "1"}, True),  # half a second ago it was in plain sight
        ({5: "1", 4: "1"}, True),
        ({5: "1", 4: "1", 3: "1"}, False),
        ({5: "1", 4: "1", 3: "2"}, True),
        ({5: "1", 4: "1", 3: "1", 2: "4", 6: "4"}, False),  # before and after that nobody asks
        ({5: 1, 4: 1.0, 3: "1"}, False),  # as converted sets write it
        ({5: None, 4: "1", 3: "1"}, True),  # unknown
        ({5: "", 4: "high", 3: [1]}, True),
    ],
)
def test_whether_an_agent_was_seen_lately(tmp_path, levels, seen):
    world = annotated()
    for index, level in levels.items():
        for row in rows_of(world, index):
            row["visibility_token"] = level
    world.write(tmp_path)
    found = around(tmp_path, world, 5).agents
    assert found is not None
    assert found.seen is not None
    assert found.seen.tolist() == [seen]


@pytest.mark.parametrize(
    ("points", "has_lidar"),
    [({5: 0}, False), ({5: 1}, True), ({4: 0, 6: 0}, True), ({5: None}, True), ({5: -3}, True), ({5: "0"}, False)],
)
def test_whether_a_lidar_point_is_in_the_box_now(tmp_path, points, has_lidar):
    world = annotated()
    for index, count in points.items():
        for row in rows_of(world, index):
            row["num_lidar_pts"] = count
    world.write(tmp_path)
    found = around(tmp_path, world, 5).agents
    assert found is not None
    assert found.has_lidar is not None
    assert found.has_lidar.tolist() == [has_lidar]


def test_without_any_lidar_point_there_was_no_lidar(tmp_path):
    world = annotated(categories=CATEGORIES)
    for row in world.tables["sample_annotation"]:
        row["num_lidar_pts"] = 0
        del row["visibility_token"]
    world.write(tmp_path)
    found = around(tmp_path, world, 5).agents
    assert found is not None
    assert found.has_lidar is None
    assert found.seen is None


def test_scenes_without_boxes_and_frames_that_are_not_there(tmp_path):
    world = annotated()
    world.write(tmp_path)
    index = AnnotationIndex.load(tmp_path, VERSION)
    assert index.missing == ""
    other = next(name for name in world.truth if name != SCENE)
    token = world.truth[other][0].sample_token
    empty = index.surroundings(other, token)
    assert empty is not None
    assert empty.agents is not None
    assert empty.agents.centres.shape == (0, 7, 2)
    assert index.surroundings(SCENE, token) is None
    assert index.surroundings("scene-9999", token) is None


def _without(folder: Path) -> None:
    (folder / "sample_annotation.json").unlink()


def _with_none(folder: Path) -> None:
    (folder / "sample_annotation.json").write_text(" [\n]\n")


@pytest.mark.parametrize(("spoil", "message"), [(_without, "has no sample_annotation.json"), (_with_none, "is empty")])
def test_without_annotations_there_is_a_reason_and_still_the_cars_poses(tmp_path, spoil, message):
    world = annotated()
    spoil(world.write(tmp_path))
    index = AnnotationIndex.load(tmp_path, VERSION, tmp_path / "cache")
    assert message in index.missing
    assert index.missing.endswith(", so collisions are unknown.")
    found = index.surroundings(SCENE, world.truth[SCENE][3].sample_token)
    assert found is not None
    assert found.agents is None
    assert np.isfinite(found.ego).all()


@needs_shared(TEST_POSES)
def test_nuscenes_test_split_has_no_annotations(tmp_path):
    index = AnnotationIndex.load(TEST_POSES, "v1.0-test", tmp_path)
    assert index.missing == "The sample_annotation.json of v1.0-test is empty, so collisions are unknown."


def test_boxes_are_kept_and_read_again_only_when_the_tables_change(tmp_path, monkeypatch):
    world = annotated()
    folder, cache = world.write(tmp_path), tmp_path / "cache"
    token = world.truth[SCENE][5].sample_token
    first = AnnotationIndex.load(tmp_path, VERSION, cache).surroundings(SCENE, token)
    reads: list[Path] = []
    reading = annotation_columns.read_annotations
    monkeypatch.setattr(
        "lightemma.data.annotations.read_annotations", lambda folder: reads.append(folder) or reading(folder)
    )
    again = AnnotationIndex.load(tmp_path, VERSION, cache).surroundings(SCENE, token)
    assert not reads
    assert first is not None
    assert again is not None
    assert first.agents is not None
    assert again.agents is not None
    assert np.array_equal(first.agents.centres, again.agents.centres)
    assert list(again.agents.categories) == list(first.agents.categories)
    world.tables["sample_annotation"].pop()
    world.write(tmp_path)
    AnnotationIndex.load(tmp_path, VERSION, cache)
    assert reads == [folder]
    for file in cache.glob("*boxes*"):
        file.write_bytes(b"torn")
    AnnotationIndex.load(tmp_path, VERSION, cache)
    assert len(reads) == 2


def test_the_large_table_is_never_read_whole(tmp_path, monkeypatch):
    world = annotated(categories=CATEGORIES)
    folder = world.write(tmp_path)

    def whole(path: Path, row: type) -> list:
        assert path.stem != "sample_annotation", "read whole"
        return read_table(path, row)

    monkeypatch.setattr(annotation_columns, "read_table", whole)
    for size in (64, 700, 1 << 20):
        assert len(read_annotations(folder, size).times) == 48


def _change(table: str, **values: object) -> Callable[[World], None]:
    return lambda world: world.tables[table][0].update(values)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_change("sample_annotation", instance_token="unknown"), "1 boxes of samples or instances that are not in"),
        (_change("sample_annotation", sample_token="never"), "1 boxes of samples or instances"),
        (
            _change("sample_annotation", translation=[1.0, 2.0]),
            "translation, rotation and size are not three",
        ),
        (_change("sample_annotation", translation=[1.0, 1e999, 2.0]), "not valid JSON|not finite|nuScenes rows"),
        (_change("sample_annotation", translation=[1.0, float("nan"), 2.0]), "boxes that are not finite"),
        (_change("sample_annotation", size=None), "translation, rotation and size are not three"),
        (_change("sample_annotation", sample_token=None), "1 boxes of samples or instances"),
        (_change("sample", timestamp="noon"), "sample.json has a timestamp that is no number"),
        (
            lambda world: world.tables["instance"].append(world.tables["instance"][0] | {"category_token": "x"}),
            "two rows",
        ),
        (lambda world: world.tables.pop("instance"), "instance.json is missing"),
    ],
)
def test_broken_tables_are_reported(tmp_path, spoil, message):
    world = annotated()
    spoil(world)
    folder = world.write(tmp_path)
    with pytest.raises(UserError, match=message):
        read_annotations(folder)


def test_times_with_a_fraction_give_the_same_boxes(tmp_path):
    world = annotated()
    boxes = read_annotations(world.write(tmp_path / "whole"))
    for row in world.tables["sample"]:
        row["timestamp"] = float(row["timestamp"])
    for row in world.tables["instance"]:
        row["category_token"] = row["category_token"] or None
    changed = read_annotations(world.write(tmp_path / "fraction"))
    np.testing.assert_array_equal(changed.times, boxes.times)
    np.testing.assert_array_equal(changed.positions, boxes.positions)


@pytest.mark.parametrize("gap", [1, 3])
def test_tracks_of_one_place_and_of_many_do_not_mix(gap):
    times = np.array([0, 500_000, 1_000_000, 200_000, 100_000, 600_000 * gap])
    tracks = Tracks(
        np.array([0, 3, 4, 6]),
        np.array([[0.0, 0], [1, 0], [2, 0], [50, 50], [9, 0], [9, 6]]),
        np.zeros(6),
        times,
    )
    poses, known = tracks.at(np.array([-300_000, -200_000, 250_000, 440_000, 460_000, 1_240_000, 1_260_000]))
    assert known[0].tolist() == [False, True, True, True, True, True, False]
    assert poses[0, 1:6, 0] == pytest.approx([0.0, 0.5, 0.88, 0.92, 2.0])
    assert known[1].tolist() == [False, False, True, True, False, False, False]
    assert poses[1, 2:4] == pytest.approx(np.array([[50, 50, 0], [50, 50, 0]]))
    inside = [2, 3, 4] if gap == 1 else [2]
    assert known[2][[2, 3, 4]].tolist() == [place in inside for place in (2, 3, 4)]


@needs_devkit
def test_devkit_has_the_same_boxes(tmp_path):
    from nuscenes.nuscenes import NuScenes

    world = annotated(categories=CATEGORIES)
    world.write(tmp_path)
    tables = NuScenes(version=VERSION, dataroot=str(tmp_path), verbose=False)
    columns = read_annotations(tmp_path / VERSION)
    assert len(columns.times) == len(tables.sample_annotation) == 48
    times = {row["token"]: row["timestamp"] for row in tables.sample}
    for row in tables.sample_annotation:
        box = tables.get_box(row["token"])
        same = columns.times == times[row["sample_token"]]
        mine = np.flatnonzero(same)[
            [columns.categories[n] == box.name for n in columns.category_numbers[same].tolist()]
        ]
        assert len(mine) == 1
        assert columns.positions[mine[0]] == pytest.approx(box.center[:2])
        assert columns.sizes[mine[0]] == pytest.approx([box.wlh[1], box.wlh[0]])
        assert math.cos(box.orientation.yaw_pitch_roll[0] - columns.yaws[mine[0]]) == pytest.approx(1.0, abs=1e-9)


def test_scene_facts_are_the_tables_own(tmp_path):
    world = make_world()
    folder = world.write(tmp_path)
    assert read_scene_texts(tmp_path, VERSION) == dict.fromkeys(
        world.truth, ("here", "rain, bus in samples/CAM_FRONT/")
    )
    (folder / "log.json").unlink()
    assert {place for place, _ in read_scene_texts(tmp_path, VERSION).values()} == {""}
