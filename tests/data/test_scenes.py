"""Key frames of one scene become benchmark frames: how many, which, and seen from where."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from lightemma.data.scenes import SceneTrack, frames_of_track
from lightemma.errors import UserError
from lightemma.frame import Camera
from lightemma.protocol import Protocol


def track(count: int, *, heading: float = 0.0, speed: float = 4.0, root: Path | None = None) -> SceneTrack:
    """``count`` key frames of a car that drives straight with ``heading`` from (100, 200)."""
    along = 0.5 * speed * np.arange(count)[:, None]
    return SceneTrack(
        scene="scene-0007",
        sample_tokens=[f"token-{n}" for n in range(count)],
        timestamps=1_000_000 + 500_000 * np.arange(count, dtype=np.int64),
        positions=np.array([100.0, 200.0]) + along * np.array([math.cos(heading), math.sin(heading)]),
        rotations=np.tile([math.cos(heading / 2), 0.0, 0.0, math.sin(heading / 2)], (count, 1)),
        images=[f"samples/CAM_FRONT/{n}.jpg" for n in range(count)],
        cameras=[
            Camera(np.eye(3), np.array([1.0, 0.0, 0.0, 0.0]), np.array([float(n), 0.0, 0.0])) for n in range(count)
        ],
        root=root,
    )


@pytest.mark.parametrize(("key_frames", "frames"), [(1, 0), (13, 0), (14, 0), (15, 1), (16, 2), (40, 26), (41, 27)])
def test_n_key_frames_give_n_minus_14_frames(key_frames, frames):
    assert len(frames_of_track(track(key_frames))) == frames


def test_frames_are_the_key_frames_from_the_eighth_on(tmp_path):
    given = track(18, root=tmp_path)
    frames = frames_of_track(given)
    assert [frame.frame_index for frame in frames] == [0, 1, 2, 3]
    for frame in frames:
        now = frame.frame_index + 7
        assert frame.sample_token == f"token-{now}"
        assert frame.timestamp == 1_000_000 + 500_000 * now
        assert frame.image == f"samples/CAM_FRONT/{now}.jpg"
        assert frame.image_path == tmp_path / frame.image
        assert frame.camera is given.cameras[now]
        assert (frame.pose.x, frame.pose.y) == tuple(given.positions[now])


def test_a_source_without_pictures_gives_no_path():
    (frame,) = frames_of_track(track(15))
    assert frame.image_path is None
    assert frame.earlier == ()


def test_frames_know_the_pictures_before_them_oldest_first(tmp_path):
    frames = frames_of_track(track(18, root=tmp_path))
    for frame in frames:
        names = [f"{n}.jpg" for n in range(frame.frame_index, frame.frame_index + 7)]
        assert [one.path for one in frame.earlier] == [tmp_path / "samples/CAM_FRONT" / name for name in names]
        assert [round((frame.timestamp - one.timestamp) / 1e6, 3) for one in frame.earlier] == [
            3.5, 3.0, 2.5, 2.0, 1.5, 1.0, 0.5,
        ]  # fmt: skip
    assert frames[1].earlier[0] is frames[0].earlier[1], "shared, not copied"


@pytest.mark.parametrize("heading", [0.0, 1.0, -2.5, math.pi])
def test_history_and_future_are_seen_from_the_current_pose(heading):
    (frame,) = frames_of_track(track(15, heading=heading, speed=4.0))
    assert math.cos(frame.pose.heading - heading) == pytest.approx(1.0)
    ahead = 2.0 * np.arange(-7, 7)
    np.testing.assert_allclose(frame.history.positions, np.column_stack([ahead[:8], np.zeros(8)]), atol=1e-9)
    np.testing.assert_allclose(frame.future, np.column_stack([ahead[8:], np.zeros(6)]), atol=1e-9)
    np.testing.assert_array_equal(frame.history.actions, [[4.0, 0.0]] * 6)


def test_the_future_never_reaches_the_history():
    given = track(20)
    before = frames_of_track(given)[2]
    given.positions[2 + 8 :] += 1000.0
    after = frames_of_track(given)[2]
    np.testing.assert_array_equal(after.history.actions, before.history.actions)
    np.testing.assert_array_equal(after.history.positions, before.history.positions)
    assert (after.future[:, 0] > 900).all()


def test_speeds_use_the_pictures_own_times():
    given = track(15)
    given.timestamps[7:] += 100_000
    (frame,) = frames_of_track(given)
    assert frame.history.actions[:, 0].tolist() == [4.0] * 5 + [round(2.0 / 0.6, 3)]


def test_large_time_stamps_lose_nothing():
    given = track(15)
    given.timestamps[:] += 1_533_151_603_512_404
    (frame,) = frames_of_track(given)
    assert frame.timestamp == 1_533_151_603_512_404 + 1_000_000 + 7 * 500_000
    assert frame.history.actions[:, 0].tolist() == [4.0] * 6


def test_another_protocol_cuts_otherwise():
    assert len(frames_of_track(track(20), Protocol(spare_frames=0))) == 7
    assert len(frames_of_track(track(20), Protocol(plan_steps=10))) == 2


@pytest.mark.parametrize("key_frames", [3, 20])
@pytest.mark.parametrize("shift", [-500_000, -500_001])
def test_time_stamps_that_do_not_increase_are_refused(key_frames, shift):
    given = track(key_frames)
    given.timestamps[2:] += shift
    with pytest.raises(
        UserError, match=r"scene 'scene-0007' are not in time order: token-2 .* is not later than token-1"
    ):
        frames_of_track(given)
