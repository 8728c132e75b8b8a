"""Checks that frames fit the protocol, those of every source, so that wrong input is never scored without a message.

Each scene's frames are checked together. Refused with a sentence: values of another shape, not finite or beyond all reason,
times that run backwards, are in another unit or are not 0.5 s apart, two frames with one token, speeds that do not fit the
positions, and headings that disagree with the motion. Warned of: frames left out of a scene, jumps of the car's place or
heading, and key frames that share a picture.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from lightemma.errors import UserError
from lightemma.frame import FloatArray, Frame
from lightemma.protocol import LIGHTEMMA

#: Seconds between key frames that still count as 0.5 s; nuScenes has 0.40 to 0.65.
LEAST_STEP, MOST_STEP = 0.25, 0.75
#: Metres, m/s and 1/m that no car reaches within a frame's seven seconds; squares of them stay finite.
_FARTHEST = 1e5
#: m/s that no car drives; a faster step is a jump of the recorded pose.
JUMP_SPEED = 100.0
#: Metres by which two steps that follow each other may differ, and the share of the shorter one that is added to it for steps
#: that are not 0.5 s long: 20 m/s², where nuScenes' cars reach 3 m/s².
_LEAP, _LEAP_SHARE = 5.0, 0.6
#: Radians that no car turns by from one key frame to the next; nuScenes has up to 17 degrees.
_SPIN = np.radians(45.0)
#: Radians between heading and direction of travel, and metres below which a step has no direction.
_TURNED, _MOVING = np.radians(30.0), 1.0
#: Steps with a direction that a scene needs before its headings are judged.
_LEAST_MOVING = 3
#: How much larger or smaller than the positions say a speed may be; a step of 0.25 s to 0.75 s gives up to 2.
_SPEED_RATIO = 2.5

_UNITS = ((1e-3, "milliseconds"), (1e-6, "seconds"), (1e3, "nanoseconds"))

log = logging.getLogger(__name__)


def unit_of_step(step_us: float, dt: float = LIGHTEMMA.dt) -> str:
    """The unit that times are in if ``step_us`` of it are ``dt`` seconds; empty for microseconds and where none fits."""
    for scale, unit in _UNITS:
        if LEAST_STEP / dt <= step_us / (dt * 1e6 * scale) <= MOST_STEP / dt:
            return unit
    return ""


class CutFrames(list[Frame]):
    """Frames that were cut from a scene's key frames.

    Attributes:
        left_out: how many could not be cut, and why, as a clause; empty where all could.
    """

    left_out = ""


class FrameChecks:
    """Checks the frames of one source, scene by scene; warns of each thing once.

    Args:
        source: the source in messages, such as ``'v1.0-test'``.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self._warned: set[str] = set()

    def checked(self, frames: Any, scene: str) -> list[Frame]:
        """The frames, if they fit.

        Args:
            frames: what the source gave for the scene, in time order.
            scene: its name.

        Raises:
            UserError: if something contradicts the protocol.
        """
        if not isinstance(frames, list) or not all(isinstance(frame, Frame) for frame in frames):
            raise self._refusal(scene, f"scene_frames gave {type(frames).__name__} instead of a list of Frame")
        left_out = frames.left_out if isinstance(frames, CutFrames) else _left_out(frames)
        self._warn(scene, left_out)
        if not frames:
            return frames
        for frame in frames:
            wrong = _wrong_values(frame, scene)
            if wrong:
                raise self._refusal(scene, f"frame {frame.frame_index} has {wrong}")
        wrong = _wrong_order(frames) or _wrong_times(frames) or _wrong_motion(frames)
        if wrong:
            raise self._refusal(scene, wrong)
        self._warn(scene, _jump(frames))
        self._warn(scene, _spin(frames))
        self._warn(scene, _same_picture(frames))
        return frames

    def _refusal(self, scene: str, what: str) -> UserError:
        return UserError(f"Scene '{scene}' of {self._source} does not fit the protocol: {what}.")

    def _warn(self, scene: str, what: str) -> None:
        if what and (scene + what) not in self._warned:
            self._warned.add(scene + what)
            log.warning("Scene '%s': %s.", scene, what)


class UniqueTokens:
    """Checks that no two frames of a source have the same token.

    Args:
        source: the source in messages.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self._scenes: dict[str, str] = {}

    def checked(self, frames: list[Frame]) -> list[Frame]:
        """The frames of the next scene, if their tokens are new.

        Raises:
            UserError: if one is not.
        """
        for frame in frames:
            other = self._scenes.setdefault(frame.sample_token, frame.scene)
            if other != frame.scene:
                raise UserError(
                    f"Scenes '{other}' and '{frame.scene}' of {self._source} both have a frame with the sample token "
                    f"'{frame.sample_token}'; give every frame a token of its own."
                )
        return frames


def _wrong_values(frame: Frame, scene: str) -> str:
    """What is wrong with one frame on its own."""
    token: object = frame.sample_token  # what a user's class gives may be of any type
    time: object = frame.timestamp
    if frame.scene != scene:
        return f"the scene name '{frame.scene}'"
    if not isinstance(token, str) or not token:
        return f"the sample token {token!r}, which is no text"
    if not isinstance(time, int):
        return f"the timestamp {time!r}, which is no whole number of microseconds"
    if not np.isfinite((frame.pose.x, frame.pose.y, frame.pose.heading)).all():
        return f"a pose that is not finite ({frame.pose.x:g}, {frame.pose.y:g}, {frame.pose.heading:g})"
    wanted: dict[str, tuple[object, tuple[int, int]]] = {
        "history.positions": (frame.history.positions, (LIGHTEMMA.history_positions, 2)),
        "history.actions": (frame.history.actions, (LIGHTEMMA.history_actions, 2)),
        "future": (frame.future, (LIGHTEMMA.plan_steps, 2)),
    }
    for name, (values, shape) in wanted.items():
        if values is None and name == "future":
            continue  # a world that has no ground truth
        if not isinstance(values, np.ndarray):
            return f"{name} that is no array but {type(values).__name__}"
        # A recorded closed-loop decision has one position less: only those that its history's actions lead back to.
        if values.shape != shape and not (name == "history.positions" and values.shape == (shape[0] - 1, 2)):
            return f"{name} of shape {values.shape} instead of {shape}"
        if not np.isfinite(values).all():
            return f"{name} with values that are not finite"
        if np.abs(values).max() > _FARTHEST:
            return f"{name} with a value of {np.abs(values).max():g}, which no car reaches"
    if np.linalg.norm(frame.history.positions[-1]) > 0.5:
        return "history.positions that do not end at (0, 0), so they are not in the ego frame of the current key frame"
    return ""


def _wrong_order(frames: Sequence[Frame]) -> str:
    tokens = [frame.sample_token for frame in frames]
    if len(set(tokens)) < len(tokens):
        twice = next(token for token in tokens if tokens.count(token) > 1)
        return f"two frames have the sample token '{twice}'; give every frame a token of its own"
    for one, after in pairwise(frames):
        if after.timestamp <= one.timestamp or after.frame_index <= one.frame_index:
            return (
                f"frame {after.frame_index} ({after.timestamp} µs) comes after frame {one.frame_index} "
                f"({one.timestamp} µs), so they are not in time order"
            )
    return ""


def _wrong_times(frames: Sequence[Frame]) -> str:
    """Whether neighbouring frames are not one key frame apart."""
    for one, after in pairwise(frames):
        gap = after.timestamp - one.timestamp
        if after.frame_index != one.frame_index + 1 or LEAST_STEP <= gap / 1e6 <= MOST_STEP:
            continue
        unit = unit_of_step(gap)
        if unit:
            return f"its times seem to be in {unit}; timestamps are microseconds"
        return (
            f"frames {one.frame_index} and {after.frame_index} are {gap / 1e6:g} s apart, and key frames are "
            f"{LIGHTEMMA.dt:g} s apart; leave out frames across a gap, or take every n-th picture"
        )
    return ""


def _wrong_motion(frames: Sequence[Frame]) -> str:
    """Whether speeds, positions, headings and poses contradict each other, judged over the whole scene."""
    chords = np.stack([np.diff(f.history.positions[-7:], axis=0) for f in frames])  # (n, 6, 2): actions are along these
    lengths = np.linalg.norm(chords, axis=2).sum(axis=1)
    driven = np.stack([f.history.actions[:, 0] for f in frames]).sum(axis=1) * LIGHTEMMA.dt
    moved = np.maximum(lengths, driven) > 3 * _MOVING
    if moved.any():
        ratio = float(np.median(driven[moved] / np.maximum(lengths[moved], 1e-9)))
        if not 1 / _SPEED_RATIO <= ratio <= _SPEED_RATIO:
            fast, slow = float(driven[moved].max() / 3.0), float(lengths[moved].max() / 3.0)
            return (
                f"the history's speeds (up to {fast:,.0f} m/s) are {ratio:,.3g} times what its positions say "
                f"({slow:,.0f} m/s with {LIGHTEMMA.dt:g} s between key frames); check the unit of the times and positions"
            )
    # Through the current key frame: from the place before it to the one after it.
    through = [f.future[0] - f.history.positions[-2] for f in frames if f.future is not None]
    wrong = _disagreement(np.array(through).reshape(-1, 2), np.zeros(len(through)))
    poses = np.array([[f.pose.x, f.pose.y, f.pose.heading] for f in frames])
    follows = np.diff([f.frame_index for f in frames]) == 1
    steps = np.diff(poses[:, :2], axis=0)[follows]
    turn = np.mod(np.diff(poses[:, 2])[follows] + np.pi, 2 * np.pi) - np.pi
    middle = poses[:-1, 2][follows] + turn / 2
    wrong = max(wrong, _disagreement(steps, middle))
    if wrong:
        return (
            f"its headings and its direction of travel differ by {np.degrees(wrong):.0f} degrees in most moving frames; check "
            "the order of the quaternions and that headings are radians"
        )
    return ""


def _disagreement(steps: FloatArray, headings: FloatArray) -> float:
    """Median angle in radians between steps (n, 2) and headings (n,), where it is too large to be right; else 0."""
    moving = np.linalg.norm(steps, axis=1) > _MOVING
    if np.count_nonzero(moving) < _LEAST_MOVING:
        return 0.0
    angle = np.arctan2(steps[moving, 1], steps[moving, 0]) - headings[moving]
    middle = float(np.median(np.abs(np.mod(angle + np.pi, 2 * np.pi) - np.pi)))
    return middle if middle > _TURNED else 0.0


def _left_out(frames: Sequence[Frame]) -> str:
    indices = np.array([frame.frame_index for frame in frames])
    holes = np.flatnonzero(np.diff(indices) > 1)
    if not holes.size:
        return ""
    count = int(np.diff(indices)[holes].sum() - holes.size)
    return (
        f"{count} frames between frame {indices[holes[0]]} and frame {indices[holes[-1] + 1]} are left out, since key frames "
        f"are missing around them or are not {LIGHTEMMA.dt:g} s apart"
    )


def _jump(frames: Sequence[Frame]) -> str:
    """Whether the car's place jumps: a step that is too long, or too unlike the one before it."""
    known = np.array([f.future is not None for f in frames])
    # Unknown futures are stationary: their steps are no jumps.
    paths = np.stack(
        [np.concatenate([f.history.positions[-7:], np.zeros((6, 2)) if f.future is None else f.future]) for f in frames]
    )
    steps = np.diff(paths, axis=1)  # (n, 12, 2)
    lengths = np.linalg.norm(steps, axis=2)
    fastest, place = float(lengths.max()) / LIGHTEMMA.dt, int(lengths.max(axis=1).argmax())
    if fastest > JUMP_SPEED:
        return (
            f"the recorded car jumps near frame {frames[place].frame_index} (a step of {fastest * LIGHTEMMA.dt:,.0f} m, "
            f"{fastest:,.0f} m/s); check its poses, or leave the scene out with --scenes"
        )
    unlike = np.linalg.norm(np.diff(steps, axis=1), axis=2)
    leaps = np.where(unlike > _LEAP + _LEAP_SHARE * np.minimum(lengths[:, 1:], lengths[:, :-1]), unlike, 0.0)
    # A world without futures may stop its car at once, by a collision.
    farthest = np.where(known, leaps.max(axis=1), 0.0)
    if farthest.max() <= 0.0:
        return ""
    return (
        f"the recorded car jumps near frame {frames[int(farthest.argmax())].frame_index} (a step of {LIGHTEMMA.dt:g} s is "
        f"{farthest.max():,.1f} m unlike the one before it, {farthest.max() / LIGHTEMMA.dt**2:,.0f} m/s²); check its poses and "
        "times, or leave the scene out with --scenes"
    )


def _spin(frames: Sequence[Frame]) -> str:
    """Whether the car's heading jumps from one frame to the next."""
    headings = np.array([f.pose.heading for f in frames])
    follows = np.diff([f.frame_index for f in frames]) == 1
    turns = np.where(follows, np.abs(np.mod(np.diff(headings) + np.pi, 2 * np.pi) - np.pi), 0.0)
    if not turns.size or turns.max() <= _SPIN:
        return ""
    place = int(turns.argmax())
    return (
        f"the recorded car's heading jumps by {np.degrees(turns[place]):.0f} degrees from frame {frames[place].frame_index} to "
        f"frame {frames[place + 1].frame_index}; check its rotations, or leave the scene out with --scenes"
    )


def _same_picture(frames: Sequence[Frame]) -> str:
    seen: dict[str, Frame] = {}
    twice = []
    for frame in frames:
        if frame.image_path is not None and frame.image and seen.setdefault(frame.image, frame) is not frame:
            twice.append((seen[frame.image], frame))
    if not twice:
        return ""
    one, other = twice[0]
    return (
        f"frames share pictures (the first of {len(twice)}: frames {one.frame_index} and {other.frame_index} show "
        f"'{other.image}'); each key frame should have its own"
    )
