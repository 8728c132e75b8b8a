"""Tables of converted data sets are read, and rows that contradict each other are refused or warned of, by both readers."""

from __future__ import annotations

import copy
import json
import logging
import math
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from lightemma.data.nuscenes import NuScenesSource
from lightemma.errors import UserError
from lightemma.frame import Frame
from tests.data.nuscenes_tables_writer import World, make_world

Tables = dict[str, list[dict[str, Any]]]
SCENES = ("scene-0001", "scene-0002")
LENGTHS = (26, 16)


@pytest.fixture(scope="module")
def world() -> World:
    made = make_world(LENGTHS, names=SCENES)
    # Few rows of other sensors and sweeps: they are the same for all.
    rows = made.tables["sample_data"]
    made.tables["sample_data"] = [
        row for n, row in enumerate(rows) if "samples/CAM_FRONT/" in row["filename"] or n % 20 == 0
    ]
    kept = {row["ego_pose_token"] for row in made.tables["sample_data"]}
    made.tables["ego_pose"] = [row for row in made.tables["ego_pose"] if row["token"] in kept]
    return made


class FakeDevkit:
    """The part of nuscenes-devkit's NuScenes that is used: tables as JSON has them, rows by token, pictures by channel."""

    def __init__(self, version: str, dataroot: str, verbose: bool) -> None:
        folder = Path(dataroot) / version
        self._rows = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.json")}
        self.scene, self.sample = self._rows["scene"], self._rows["sample"]
        self._by_token = {name: {row["token"]: row for row in rows} for name, rows in self._rows.items()}
        for row in self.sample:
            row["data"] = {}
        for row in self._rows["sample_data"]:
            sensor = self.get("calibrated_sensor", row["calibrated_sensor_token"])["sensor_token"]
            if row["is_key_frame"]:
                self.get("sample", row["sample_token"])["data"][self.get("sensor", sensor)["channel"]] = row["token"]

    def get(self, table: str, token: str) -> dict[str, Any]:
        row: dict[str, Any] = self._by_token[table][token]
        return row


@pytest.fixture(params=["tables", "devkit"])
def reader(request, monkeypatch) -> str:
    if request.param == "devkit":
        monkeypatch.setitem(sys.modules, "nuscenes", SimpleNamespace())
        monkeypatch.setitem(sys.modules, "nuscenes.nuscenes", SimpleNamespace(NuScenes=FakeDevkit))
    return str(request.param)


def opened(root: Path, world: World, change: Callable[[Tables], None], reader: str = "tables") -> NuScenesSource:
    tables = copy.deepcopy(world.tables)
    change(tables)
    World(tables, world.truth).write(root, layout="compact")
    return NuScenesSource(root, "v1.0-tiny", reader=reader)


def fronts(tables: Tables, scene: int = 0) -> list[dict[str, Any]]:
    """The CAM_FRONT key frames of a scene, in time order."""
    samples = {row["token"] for row in tables["sample"] if row["scene_token"] == tables["scene"][scene]["token"]}
    rows = [
        row
        for row in tables["sample_data"]
        if row["sample_token"] in samples and "samples/CAM_FRONT/" in row["filename"]
    ]
    return sorted(rows, key=lambda row: row["timestamp"])


def pose(tables: Tables, row: dict[str, Any]) -> dict[str, Any]:
    return next(one for one in tables["ego_pose"] if one["token"] == row["ego_pose_token"])


def samples(tables: Tables, scene: int = 0) -> list[dict[str, Any]]:
    token = tables["scene"][scene]["token"]
    return [row for row in tables["sample"] if row["scene_token"] == token]


def numbers(frames: list[Frame]) -> np.ndarray:
    rows = [[f.timestamp, f.pose.x, f.pose.y, f.pose.heading, *f.history.actions.flat, *f.future.flat] for f in frames]
    return np.array(rows)


def every(table: str, **values: Any) -> Callable[[Tables], None]:
    """Sets or, by a function, changes columns of all rows."""

    def change(tables: Tables) -> None:
        for row in tables[table]:
            for key, value in values.items():
                row[key] = value(row[key]) if callable(value) else value

    return change


def both(*changes: Callable[[Tables], None]) -> Callable[[Tables], None]:
    def change(tables: Tables) -> None:
        for one in changes:
            one(tables)

    return change


def of_front(number: int = 9, scene: int = 0, **values: Any) -> Callable[[Tables], None]:
    """Sets columns of one CAM_FRONT key frame."""
    return lambda tables: fronts(tables, scene)[number].update(values)


def of_pose(number: int = 9, scene: int = 0, **values: Any) -> Callable[[Tables], None]:
    return lambda tables: pose(tables, fronts(tables, scene)[number]).update(values)


def times(to: Callable[[int], Any]) -> Callable[[Tables], None]:
    return both(*(every(table, timestamp=to) for table in ("sample", "sample_data", "ego_pose")))


def calibration(**values: Any) -> Callable[[Tables], None]:
    """Sets columns of the CAM_FRONT calibration of the first scene."""

    def change(tables: Tables) -> None:
        token = fronts(tables)[0]["calibrated_sensor_token"]
        next(row for row in tables["calibrated_sensor"] if row["token"] == token).update(values)

    return change


def twice(table: str) -> Callable[[Tables], None]:
    def change(tables: Tables) -> None:
        tables[table] += copy.deepcopy(tables[table])

    return change


READ: dict[str, Callable[[Tables], None]] = {
    "times as floats": times(float),
    "times as text": times(str),
    "times as text with a point": times(lambda time: f"{time}.0"),
    "times as text with an exponent": times(lambda time: f"{time / 1e15:.15f}e15"),
    "times with quarters": times(lambda time: time + 0.25),
    "no height": every("sample_data", height=None),
    "sizes as floats": every("sample_data", width=1600.0, height=900.0),
    "sizes as text": every("sample_data", width="1600", height="900"),
    "empty sizes": every("sample_data", width="", height=""),
    "sizes that are lists": every("sample_data", width=[], height=[16, 9]),
    "endless sizes": every("sample_data", width=10**400, height=-5),
    "flags as 0 and 1": every("sample_data", is_key_frame=int),
    "no links": both(*(every(table, prev=None, next=None) for table in ("sample", "sample_data"))),
    "nulls in texts": both(every("scene", description=None, log_token=None), every("log", location=None)),
    "counts as floats": every("scene", nbr_samples=float),
    "rows twice": both(*map(twice, ("scene", "sample", "sample_data", "ego_pose", "calibrated_sensor", "sensor"))),
    "a lidar that nobody needs": lambda tables: [
        row.update(rotation=None, translation=[math.nan]) for row in tables["calibrated_sensor"] if not row["camera_intrinsic"]
    ] and None,
    "sweeps without pose": lambda tables: [
        row.update(translation=[math.nan] * 3) for row in _sweep_poses(tables)
    ] and None,
}  # fmt: skip


def _sweep_poses(tables: Tables) -> list[dict[str, Any]]:
    used = {row["ego_pose_token"] for row in tables["sample_data"] if row["is_key_frame"]}
    return [row for row in tables["ego_pose"] if row["token"] not in used]


@pytest.mark.parametrize("kind", READ)
def test_what_converted_tables_hold_is_read(tmp_path, world, reader, kind, caplog):
    frames = list(opened(tmp_path / "good", world, lambda _: None).frames())
    assert len(frames) == sum(LENGTHS) - 28
    changed = list(opened(tmp_path / "changed", world, READ[kind], reader).frames())
    np.testing.assert_array_equal(numbers(changed), numbers(frames))
    assert caplog.text == ""


def test_an_unknown_size_is_unknown_and_a_written_one_is_known(tmp_path, world):
    first = next(opened(tmp_path / "none", world, every("sample_data", height=None)).frames())
    assert first.camera.size is None
    first = next(opened(tmp_path / "text", world, every("sample_data", height="900.0", width=1600.0)).frames())
    assert first.camera.size == (1600, 900)


def _swap_times(tables: Tables) -> None:
    one, other = fronts(tables)[8:10]
    for row, time in ((one, other["timestamp"]), (other, one["timestamp"])):
        row["timestamp"] = pose(tables, row)["timestamp"] = time


def _link(table: str, number: int, link: str, to: int) -> Callable[[Tables], None]:
    def change(tables: Tables) -> None:
        rows = samples(tables) if table == "sample" else fronts(tables)
        rows[number][link] = rows[to]["token"]

    return change


def _other_duplicate(table: str, **values: Any) -> Callable[[Tables], None]:
    def change(tables: Tables) -> None:
        row = {
            "ego_pose": lambda: pose(tables, fronts(tables)[9]),
            "sample_data": lambda: fronts(tables)[9],
        }.get(table, lambda: tables[table][1])()
        tables[table].append(row | values)

    return change


def _same_token(tables: Tables) -> None:
    fronts(tables)[9]["token"] = fronts(tables)[4]["token"]


def _link_to_other_scene(tables: Tables) -> None:
    samples(tables)[5]["next"] = samples(tables, 1)[5]["token"]


def _same_time(tables: Tables) -> None:
    one, other = fronts(tables)[8:10]
    other["timestamp"] = one["timestamp"]


REFUSED: dict[str, tuple[Callable[[Tables], None], str]] = {
    "NaN in a pose": (of_pose(translation=[math.nan, 0.0, 0.0]), "a position that is not finite for 1 of 42 .*scene-0001"),
    "infinity in a pose": (of_pose(translation=[0.0, -math.inf, 0.0]), "position that is not finite"),
    "null in a pose": (of_pose(translation=[None, 1.0, 2.0]), "a position that is not finite"),
    "NaN in a rotation": (of_pose(rotation=[math.nan, 0.0, 0.0, 1.0]), "no unit quaternion for 1 of 42"),
    "zero rotation": (of_pose(rotation=[0, 0, 0, 0]), "no unit quaternion for 1 of 42"),
    "rotation of length 2": (of_pose(rotation=[2.0, 0.0, 0.0, 0.0]), "no unit quaternion"),
    "flat place": (of_pose(translation=[1.0, 2.0]), r"a translation that is not three numbers .*\[1.0, 2.0\]"),
    "no place": (of_pose(translation=None), "a translation that is not three numbers .*None"),
    "words for a place": (of_pose(translation="1 2 3"), "a translation that is not three numbers"),
    "nowhere on Earth": (of_pose(translation=[1e300, 0.0, 0.0]), "beyond a million kilometres"),
    "no time": (of_front(timestamp=None), "a timestamp that is missing .*sample .* of scene 'scene-0001'"),
    "words for a time": (of_front(timestamp="noon"), "a timestamp that is no number .*'noon'"),
    "NaN for a time": (of_front(timestamp=math.nan), "a timestamp that is"),
    "an endless time": (of_front(timestamp="1e999999999"), "too large for a time"),
    "before 1970": (of_front(timestamp=-5), "a timestamp that is negative"),
    "seconds": (times(lambda time: time / 1e6), "has a fraction, so that it is not in microseconds"),
    "whole seconds": (times(lambda time: time // 1_000_000), "times seem to be in seconds"),
    "milliseconds with a fraction": (times(lambda time: time / 1e3), "has a fraction"),
    "milliseconds": (times(lambda time: time // 1_000), "in milliseconds"),
    "no flag": (of_front(is_key_frame=None), "no CAM_FRONT key frame for 1 of 42 .*is_key_frame None"),
    "no calibration": (of_front(calibrated_sensor_token=None), "no CAM_FRONT key frame for 1 of 42 .*calibrated_sensor_token"),
    "no pose": (of_front(ego_pose_token=None), "no pose for 1 of 42"),
    "a pose that is not there": (of_front(ego_pose_token="0" * 32), "no pose for 1 of 42"),
    "empty intrinsic": (calibration(camera_intrinsic=[]), r"no 3 x 3 camera_intrinsic .*but \[\]"),
    "null intrinsic": (calibration(camera_intrinsic=None), "no 3 x 3 camera_intrinsic .*but None"),
    "NaN intrinsic": (calibration(camera_intrinsic=[[math.nan] * 3] * 3), "no 3 x 3 camera_intrinsic"),
    "flat camera": (calibration(translation=[1.0, 2.0]), r"no translation of three finite numbers \(but \[1.0, 2.0\]"),
    "camera nowhere": (calibration(translation=None), "no translation of three finite numbers"),
    "camera that looks nowhere": (calibration(rotation=[0, 0, 0, 0]), "no unit quaternion as rotation"),
    "another sample under a token": (_other_duplicate("sample", timestamp=5), "sample.json has two rows with the token"),
    "another pose under a token": (
        _other_duplicate("ego_pose", translation=[1.0, 1.0, 0.0]),
        r"ego_pose.json has two rows with the token .* differ \(translation is .* and \[1.0, 1.0, 0.0\]\)",
    ),
    "another scene under a token": (_other_duplicate("scene", name="x"), "scene.json .*name is 'scene-0002' and 'x'"),
    "a token of two pictures": (_same_token, "sample_data.json has two rows with the token"),
    "two pictures of a sample": (_other_duplicate("sample_data", token="again"), "more than one CAM_FRONT key frame for 1"),
    "times exchanged": (_swap_times, "Scene 'scene-0001' cannot be used: the rows of sample.json contradict each other"),
    "next goes back": (_link("sample", 9, "next", 4), "next of .* is .*, and by the times it is"),
    "a ring": (_link("sample", 25, "next", 0), "and by the times it is no other key frame of the scene"),
    "a row after itself": (_link("sample", 9, "next", 9), "contradict each other"),
    "prev goes on": (_link("sample", 9, "prev", 12), "prev of .* is .*, and by the times it is"),
    "pictures in another order": (_link("sample_data", 9, "next", 4), "the rows of sample_data.json contradict each other"),
    "a link into another scene": (_link_to_other_scene, "contradict each other"),
    "two key frames at one time": (_same_time, r"not in time order: \S+ \(\d+ µs\) is not later than \S+ \(\d+ µs\)"),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_right_is_refused_in_one_sentence(tmp_path, world, kind):
    change, complaint = REFUSED[kind]
    with pytest.raises(UserError, match=complaint) as said:
        list(opened(tmp_path, world, change).frames())
    assert "\n" not in str(said.value)


#: The devkit itself keeps one of two such rows, and does not say so.
SILENT = {"another pose under a token", "two pictures of a sample"}


@pytest.mark.parametrize("kind", sorted(REFUSED.keys() - SILENT))
def test_the_devkit_refuses_the_same(tmp_path, world, kind, monkeypatch):
    monkeypatch.setitem(sys.modules, "nuscenes", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "nuscenes.nuscenes", SimpleNamespace(NuScenes=FakeDevkit))
    with pytest.raises(UserError):
        list(opened(tmp_path, world, REFUSED[kind][0], "devkit").frames())


def test_a_scene_that_contradicts_itself_can_be_left_out(tmp_path, world):
    source = opened(tmp_path, world, _swap_times)
    assert len(list(source.frames(["scene-0002"]))) == 2
    with pytest.raises(UserError, match="leave the scene out with --scenes"):
        list(source.frames(["scene-0001"]))


def _without_sample(tables: Tables) -> None:
    gone = samples(tables)[20]["token"]
    tables["sample"] = [row for row in tables["sample"] if row["token"] != gone]


def _one_moved(tables: Tables) -> None:
    row = fronts(tables)[9]
    place = pose(tables, row)["translation"]
    pose(tables, row)["translation"] = [place[0] + 20.0, *place[1:]]


def _one_turned(tables: Tables) -> None:
    w, x, y, z = pose(tables, fronts(tables)[9])["rotation"]
    pose(tables, fronts(tables)[9])["rotation"] = [-z, x, y, w]


def _homeless(tables: Tables) -> None:
    tables["sample"].append({"token": "f" * 32, "timestamp": 1, "prev": "", "next": "", "scene_token": "gone"})


def _times_exchanged_without_links(tables: Tables) -> None:
    for row in tables["sample"]:
        row["prev"] = row["next"] = ""
    _swap_times(tables)


WARNED: dict[str, tuple[Callable[[Tables], None], str, int]] = {
    "count": (lambda t: t["scene"][0].update(nbr_samples=40), "nbr_samples is 40 and there are 26 key frames", 14),
    "first": (lambda t: t["scene"][0].update(first_sample_token="x"), "first_sample_token is 'x' and by the times it is", 14),
    "last": (lambda t: t["scene"][0].update(last_sample_token="x"), "last_sample_token is 'x'", 14),
    "lost link": (lambda t: samples(t)[9].update(next="gone"), r"the first of 1 links: next of '\w+' is 'gone'", 14),
    "cut chain": (lambda t: samples(t)[9].update(next=None), r"the first of 1 links: next of '\w+' is ''", 14),
    "pose of another moment": (
        lambda t: pose(t, fronts(t)[9]).update(timestamp=fronts(t)[9]["timestamp"] + 2_500_000),
        r"1 of 26 pictures are more than 0.1 s away from the time of its ego pose \(the farthest 2.5 s: the picture of sample",
        14,
    ),
    "poses in milliseconds": (
        every("ego_pose", timestamp=lambda time: time // 1000), "26 of 26 pictures are more than 0.1 s away", 14,
    ),
    "sample of another moment": (
        lambda t: samples(t)[9].update(timestamp=samples(t)[9]["timestamp"] - 400_000),
        "1 of 26 pictures are more than 0.25 s away from the time of its sample",
        14,
    ),
    "no scene": (_homeless, "v1.0-tiny: 1 of 43 samples are left out, since they belong to no scene .* of scene 'gone'", 14),
    "no sample": (_without_sample, "1 CAM_FRONT key frames of sample_data.json are left out, since their", 9),
    "moved": (_one_moved, r"Scene 'scene-0001': the recorded car jumps near frame \d \(a step of 0.5 s is 4\d.\d m unlike", 14),
    "turned": (_one_turned, "the recorded car's heading jumps by 1.. degrees from frame \\d to frame", 14),
    "unlinked times exchanged": (_times_exchanged_without_links, "the recorded car jumps near frame", 14),
}  # fmt: skip


@pytest.mark.parametrize("kind", WARNED)
def test_what_may_be_right_is_warned_of_once(tmp_path, world, kind, caplog):
    change, complaint, count = WARNED[kind]
    source = opened(tmp_path, world, change)
    assert len(list(source.frames())) == len(list(source.frames())) == count
    said = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    with pytest.raises(UserError, match=complaint):
        raise UserError("\n".join(said))
    assert len(set(said)) == len(said)


def test_remarks_are_kept_with_the_index(tmp_path, world, caplog):
    opened(tmp_path / "data", world, WARNED["count"][0])
    for _ in range(2):
        caplog.clear()
        source = NuScenesSource(tmp_path / "data", "v1.0-tiny", cache_dir=tmp_path / "index")
        list(source.frames())
        assert "nbr_samples is 40" in caplog.text


def test_a_key_frame_without_a_filename_has_no_picture(tmp_path, world):
    (tmp_path / "samples").mkdir()
    frames = list(opened(tmp_path, world, of_front(9, filename=None)).frames(["scene-0001"]))
    assert [frame.image_path is None for frame in frames] == [False, False, True, *[False] * 9]
    assert [len(frame.earlier) for frame in frames] == [7, 7, 7, 0, 1, 2, 3, 4, 5, 6, 7, 7]
    assert frames[2].image == ""
