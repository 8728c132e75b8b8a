"""Maps: our own files, nuScenes' map expansion through the devkit, and what is wrong when there is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightemma.data import drivable
from lightemma.data.drivable import DrivableArea, DrivableMaps, read_drivable
from lightemma.errors import UserError
from tests.data.nuscenes_tables_writer import make_world
from tests.devkit import needs_devkit
from tests.shared_data import SHARED, needs_shared

VERSION = "v1.0-tiny"
SQUARE = [[0, 0], [10, 0], [10, 10], [0, 10]]
NEXT = [[10, 0], [20, 0], [20, 10], [10, 10]]


def data_set(root: Path, location: str = "here") -> list[str]:
    """Tables of three scenes at a location; their names."""
    world = make_world(names=("scene-0001", "scene-0002", "scene-0003"))
    world.tables["log"][0]["location"] = location
    world.write(root, VERSION)
    return list(world.truth)


def own_file(root: Path, scene: str, content: Any) -> Path:
    path = root / "drivable" / f"{scene}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def test_points_in_the_ground_and_in_lanes():
    area = DrivableArea.of_rings([SQUARE, NEXT], [SQUARE, [[5, 0], [15, 0], [15, 10], [5, 10]]])
    points = np.array([[1.0, 1.0], [7.0, 5.0], [15.5, 5.0], [20.5, 5.0], [10.0, 5.0], [np.nan, 1.0]])
    assert area.contains(points).tolist() == [True, True, True, False, True, False]
    assert sorted(map(tuple, area.lanes_at(points).tolist())) == [(0, 0), (1, 0), (1, 1), (4, 0), (4, 1)]
    assert area.contains(np.empty((0, 2))).shape == (0,)
    assert area.lanes_at(np.empty((0, 2))).shape == (0, 2)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.floats(-15, 15), st.floats(-15, 15)), min_size=1, max_size=20), st.floats(-3, 3))
def test_a_turned_square_holds_what_the_square_holds(points, turn):
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    places = np.array(points)
    edge = np.abs(places - 5.0).max(axis=1)
    places = places[np.abs(edge - 5.0) > 1e-6]
    turned = DrivableArea.of_rings([(np.array(SQUARE) @ rotation.T).tolist()])
    assert turned.contains(places @ rotation.T).tolist() == (np.abs(places - 5.0).max(axis=1) < 5.0).tolist()


def test_a_ring_that_crosses_itself_counts_its_loops():
    area = DrivableArea.of_rings([[[0, 0], [10, 10], [10, 0], [0, 10]]])
    assert area.contains(np.array([[9.0, 5.0], [1.0, 5.0], [5.0, 9.0]])).tolist() == [True, True, False]


def test_own_files_are_found_by_scene(tmp_path):
    first, second, _ = data_set(tmp_path)
    own_file(tmp_path, first, {"drivable": [SQUARE], "lanes": [SQUARE, NEXT]})
    own_file(tmp_path, second, {"drivable": [NEXT]})
    maps = DrivableMaps(tmp_path, VERSION)
    assert maps.missing == ""
    assert [bool(maps.of(name).contains(np.array([[5.0, 5.0]]))[0]) for name in (first, second)] == [True, False]
    assert maps.of("scene-0003") is None
    assert maps.of("no-such-scene") is None


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        {"lanes": []},
        {"drivable": [[[0, 0], [1, 1]]]},
        {"drivable": [[[0, 0], [1, 1], [0, 0], [1, 1]]]},
        {"drivable": [[[0, 0, 0], [1, 0, 0], [1, 1, 0]]]},
        {"drivable": [[["a", 0], [1, 0], [1, 1]]]},
        {"drivable": [SQUARE], "walkways": []},
        '{"drivable": [[[0, 0], [1e999, 0], [1, 1]]]}',
    ],
    ids=str,
)
def test_a_broken_own_file_is_reported(tmp_path, content):
    path = own_file(tmp_path, "scene-0001", content)
    with pytest.raises(UserError, match=r"scene-0001\.json is broken .*docs/safety\.md"):
        read_drivable(path)


def test_a_scenes_name_does_not_lead_out_of_the_folder(tmp_path):
    root = tmp_path / "data"
    world = make_world(names=("../elsewhere", "scene-0002", "scene-0003"))
    world.write(root, VERSION)
    own_file(root, "scene-0002", {"drivable": [SQUARE]})
    (root / "elsewhere.json").write_text(json.dumps({"drivable": [SQUARE]}))
    maps = DrivableMaps(root, VERSION)
    assert maps.of("../elsewhere") is None
    assert maps.of("scene-0002") is not None


def test_without_maps_there_is_a_reason(tmp_path):
    data_set(tmp_path)
    maps = DrivableMaps(tmp_path, VERSION)
    assert maps.missing.startswith("The data has no maps/expansion/*.json")
    assert maps.of("scene-0001") is None


@needs_shared(SHARED / "real-scenes")
def test_the_real_scenes_have_no_map():
    assert "leaving the road is unknown" in DrivableMaps(SHARED / "real-scenes", "v1.0-real").missing


def test_a_missing_devkit_is_reported_with_what_to_install(tmp_path, monkeypatch):
    data_set(tmp_path)
    expansion(tmp_path, "boston-seaport")
    monkeypatch.setattr(drivable, "find_spec", lambda name: None)
    maps = DrivableMaps(tmp_path, VERSION)
    assert "the package nuscenes-devkit that reads them is not" in maps.missing
    assert "pip install 'lightemma[nuscenes]'" in maps.missing
    assert maps.of("scene-0001") is None


def expansion(root: Path, location: str) -> Path:
    """A city of two squares, one of them with a hole, in the layout of the map expansion 1.3."""
    rings = {"ground": SQUARE, "hole": [[4, 4], [6, 4], [6, 6], [4, 6]], "lane": SQUARE, "turn": NEXT}
    layers = ("line", "road_segment", "road_block", "ped_crossing", "walkway", "stop_line", "carpark_area",
              "road_divider", "lane_divider", "traffic_light")  # fmt: skip
    city: dict[str, Any] = {name: [] for name in layers} | {"arcline_path_3": {}, "connectivity": {}}
    nodes = {name: [f"{name}{i}" for i in range(len(ring))] for name, ring in rings.items()}
    city["node"] = [
        {"token": token, "x": 100 + x, "y": 200 + y}
        for name, ring in rings.items()
        for token, (x, y) in zip(nodes[name], ring, strict=True)
    ]
    holes = {"ground": [{"node_tokens": nodes["hole"]}]}
    city["polygon"] = [
        {"token": name, "exterior_node_tokens": nodes[name], "holes": holes.get(name, [])}
        for name in ("ground", "lane", "turn")
    ]
    city["drivable_area"] = [{"token": "d", "polygon_tokens": ["ground", "turn"]}]
    city["lane"] = [{"token": "l", "polygon_token": "lane", "left_lane_divider_segments": [],
                     "right_lane_divider_segments": []}]  # fmt: skip
    city["lane_connector"] = [{"token": "t", "polygon_token": "turn"}]
    path = root / "maps" / "expansion" / f"{location}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(city | {"version": "1.3", "canvas_edge": [500.0, 500.0]}))
    return path


@needs_devkit
def test_the_map_expansion_is_read_through_the_devkit(tmp_path):
    first, second, _ = data_set(tmp_path, "boston-seaport")
    expansion(tmp_path, "boston-seaport")
    own_file(tmp_path, second, {"drivable": [SQUARE]})
    maps = DrivableMaps(tmp_path, VERSION)
    city = maps.of(first)
    assert city is not None
    points = np.array([[101.0, 201.0], [105.0, 205.0], [115.0, 205.0], [125.0, 205.0]])
    assert city.contains(points).tolist() == [True, False, True, False]
    assert city.lanes_at(points).tolist() == [[0, 0], [1, 0], [2, 1]]
    assert maps.of("scene-0003") is city  # a city is read once
    assert maps.of(second).contains(points).any() is np.False_  # a scene's own file comes first


@needs_devkit
def test_a_broken_or_unknown_city(tmp_path):
    first, *_ = data_set(tmp_path, "boston-seaport")
    path = expansion(tmp_path, "boston-seaport")
    path.write_text("{}")
    with pytest.raises(UserError, match="nuscenes-devkit cannot read the map"):
        DrivableMaps(tmp_path, VERSION).of(first)
    path.rename(path.with_name("singapore-queenstown.json"))
    assert DrivableMaps(tmp_path, VERSION).of(first) is None
