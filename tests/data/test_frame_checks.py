"""Frames that contradict the protocol are refused with a sentence, or warned about, from every source."""

from __future__ import annotations

import dataclasses
import logging
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lightemma.data.frame_checks import unit_of_step
from lightemma.data.scenes import SceneTrack, frames_of_track
from lightemma.data.sources import open_source
from lightemma.errors import UserError
from lightemma.frame import EgoHistory, Frame, Pose
from lightemma.kinematics import quaternion_from_yaw
from tests.conftest import MadeUpSource
from tests.shared_data import TEST_POSES, needs_shared


def track(count: int = 22, scene: str = "s") -> SceneTrack:
    """A car at 5 m/s on a wide left curve, once around its heading."""
    headings = 0.1 * np.arange(count)
    steps = 2.5 * np.column_stack([np.cos(headings + 0.05), np.sin(headings + 0.05)])
    return SceneTrack(
        scene=scene,
        sample_tokens=[f"{scene}{n}" for n in range(count)],
        timestamps=1_700_000_000_000_000 + 500_000 * np.arange(count, dtype=np.int64),
        positions=np.vstack([np.zeros((1, 2)), np.cumsum(steps, axis=0)[:-1]]),
        rotations=quaternion_from_yaw(headings),
        images=[""] * count,
        cameras=[None] * count,
        root=None,
    )


def frames() -> list[Frame]:
    return frames_of_track(track())


def refused(given: list[Frame]) -> str:
    with pytest.raises(UserError) as complaint:
        list(MadeUpSource(given).frames())
    assert "\n" not in str(complaint.value)
    return str(complaint.value)


def test_good_frames_pass_unchanged(caplog):
    given = frames()
    assert list(MadeUpSource(given).frames()) == given
    assert caplog.text == ""


def _each(change: Callable[[Frame, int], Frame]) -> Callable[[], list[Frame]]:
    return lambda: [change(frame, n) for n, frame in enumerate(frames())]


def _one(**changes: object) -> Callable[[], list[Frame]]:
    return _each(lambda frame, n: dataclasses.replace(frame, **changes) if n == 2 else frame)


def _history(frame: Frame, **changes: object) -> Frame:
    return dataclasses.replace(frame, history=dataclasses.replace(frame.history, **changes))


def _turned(frame: Frame, by: float) -> Frame:
    """As if the heading was wrong by ``by`` when the frame was cut."""
    rotation = np.array([[math.cos(by), -math.sin(by)], [math.sin(by), math.cos(by)]])
    history = EgoHistory(frame.history.positions @ rotation, frame.history.actions)
    pose = Pose(frame.pose.x, frame.pose.y, frame.pose.heading + by)
    return dataclasses.replace(frame, history=history, future=frame.future @ rotation, pose=pose)


WRONG = {
    "milliseconds": (_each(lambda f, n: dataclasses.replace(f, timestamp=f.timestamp // 1000)), "in milliseconds"),
    "nanoseconds": (_each(lambda f, n: dataclasses.replace(f, timestamp=f.timestamp * 1000)), "in nanoseconds"),
    "10 Hz": (_each(lambda f, n: dataclasses.replace(f, timestamp=100_000 * n)), r"are 0.1 s apart"),
    "a gap": (
        _each(lambda f, n: dataclasses.replace(f, timestamp=f.timestamp + 2_000_000 * (n > 4))),
        "frames 4 and 5 are 2.5 s apart",
    ),
    "backwards": (lambda: frames()[::-1], "not in time order"),
    "equal times": (_one(timestamp=1_700_000_000_000_000 + 8 * 500_000), "not in time order"),
    "fraction": (_one(timestamp=1.5e15), "no whole number of microseconds"),
    "one token": (_one(sample_token="s8"), "two frames have the sample token 's8'"),
    "no token": (_one(sample_token=""), "is no text"),
    "NaN pose": (_one(pose=Pose(math.nan, 0.0, 0.0)), "frame 2 has a pose that is not finite"),
    "infinite heading": (_one(pose=Pose(0.0, 0.0, math.inf)), "frame 2 has a pose that is not finite"),
    "NaN history": (_each(lambda f, n: _history(f, actions=f.history.actions * np.nan)), "history.actions with values"),
    "short history": (_each(lambda f, n: _history(f, actions=f.history.actions[1:])), r"of shape \(5, 2\) instead of"),
    "list": (_each(lambda f, n: dataclasses.replace(f, future=f.future.tolist())), "future that is no array but list"),
    "short future": (_one(future=np.zeros((5, 2))), r"future of shape \(5, 2\) instead of \(6, 2\)"),
    "a future out of this world": (_one(future=np.full((6, 2), 1e308)), "frame 2 has future with a value of 1e\\+308"),
    "world frame": (
        _each(lambda f, n: _history(f, positions=f.history.positions + 40.0)),
        "not in the ego frame of the current key frame",
    ),
    "kilometres an hour": (
        _each(lambda f, n: _history(f, actions=f.history.actions * np.array([3.6, 1.0]))),
        "history's speeds .* are 3.6 times what its positions say",
    ),
    "feet": (
        _each(lambda f, n: _history(f, positions=f.history.positions * 3.28)),
        "history's speeds .* are 0.30",
    ),
    "degrees": (
        _each(lambda f, n: dataclasses.replace(f, pose=Pose(f.pose.x, f.pose.y, math.degrees(f.pose.heading)))),
        "headings and its direction of travel differ",
    ),
    "turned": (_each(lambda f, n: _turned(f, math.pi / 2)), "direction of travel differ by 90 degrees"),
    "backward heading": (_each(lambda f, n: _turned(f, math.pi)), "direction of travel differ by 180 degrees"),
}  # fmt: skip


@pytest.mark.parametrize("kind", WRONG)
def test_what_contradicts_the_protocol_is_refused_in_one_sentence(kind):
    make, complaint = WRONG[kind]
    said = refused(make())
    with pytest.raises(UserError, match=complaint):
        raise UserError(said)
    assert "Scene 's' of class 'MadeUpSource' in " in said
    assert "conftest.py" in said


def test_two_scenes_may_not_share_a_token():
    other = [dataclasses.replace(frame, scene="t") for frame in frames()]
    assert "both have a frame with the sample token 's7'" in refused([*frames(), *other])


def test_a_jump_and_left_out_frames_are_warned_about_once(caplog):
    given = [dataclasses.replace(frame, future=frame.future + np.array([400.0, 0.0])) for frame in frames()]
    del given[3:5]
    source = MadeUpSource(given)
    assert len(list(source.frames())) == len(list(source.frames())) == 6
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2
    assert "2 frames between frame 2 and frame 5 are left out" in caplog.text
    assert "the recorded car jumps near frame" in caplog.text


def test_a_standing_car_has_no_direction_and_a_reversing_moment_passes():
    standing = track()
    standing.positions[:] = 5.0
    assert len(list(MadeUpSource(frames_of_track(standing)).frames())) == 8
    reversing = track()
    reversing.positions[:11] = reversing.positions[10] + 2.0 * np.arange(10, -1, -1)[:, None] * np.array([0.54, 0.84])
    assert len(list(MadeUpSource(frames_of_track(reversing)).frames())) == 8


@pytest.mark.parametrize(
    ("step", "unit"),
    [(500_000, ""), (400_000, ""), (500, "milliseconds"), (0.5, "seconds"), (5e8, "nanoseconds"), (1e7, "")],
)
def test_units_are_known_by_their_half_second(step, unit):
    assert unit_of_step(step) == unit


@pytest.mark.parametrize(("scale", "message"), [(1e-3, "milliseconds"), (1e3, "nanoseconds"), (0.2, "0.1 s apart")])
def test_tracks_with_other_times_are_refused_before_frames_are_cut(scale, message):
    given = track()
    times = np.rint((given.timestamps - given.timestamps[0]) * scale).astype(np.int64)
    with pytest.raises(UserError, match=message):
        frames_of_track(dataclasses.replace(given, timestamps=times))


def test_no_frame_reaches_across_a_gap_in_a_track():
    given = track(50)
    given.timestamps[20:] += 7_000_000
    kept = frames_of_track(given)
    # Key frames 0 to 19 and 20 to 49, and the last one is spare.
    assert [frame.frame_index for frame in kept] == [*range(7), *range(20, 36)]


@needs_shared(TEST_POSES)
def test_all_published_frames_pass(tmp_path, caplog):
    source = open_source(f"nuscenes:{TEST_POSES}@v1.0-test", tmp_path)
    assert len(list(source.frames())) == 3908
    assert caplog.text == ""


def test_the_demo_passes(tmp_path, caplog):
    assert len(list(open_source("demo", Path(tmp_path)).frames())) == 208
    assert caplog.text == ""
