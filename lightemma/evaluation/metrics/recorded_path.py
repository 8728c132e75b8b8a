"""Where the recorded car's nose pointed and how fast it was: from the places it reached, and from the poses of later frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lightemma.frame import FloatArray
from lightemma.kinematics import wrapped
from lightemma.protocol import LIGHTEMMA

LEAST_STEP = 0.25  # m: a shorter step has no direction
#: How many of the last steps the speed at the end is fitted to.
FITTED_STEPS = 4


@dataclass(frozen=True, slots=True)
class Steps:
    """The six steps of ``n`` recorded drives, as driven by a car that may go backwards.

    Attributes:
        lengths: (n, 6) metres, below 0 where the car goes backwards.
        headings: (n, 6) radians, where the nose points during each step, from the heading now; not wrapped.
    """

    lengths: FloatArray
    headings: FloatArray


def steps_of(truth: FloatArray) -> Steps:
    """Lengths and headings of the steps between recorded places.

    A step's direction is the nose's or the tail's, whichever is nearer to the heading before: no car turns by more than 90
    degrees in half a second. A step shorter than 0.25 m has no direction and keeps the heading before.

    Args:
        truth: (n, 6, 2) metres, ego frame.
    """
    chords = np.diff(truth, axis=1, prepend=0.0)
    lengths = np.hypot(chords[..., 0], chords[..., 1])
    directions = np.arctan2(chords[..., 1], chords[..., 0])
    heading = np.zeros(len(truth))
    signs, headings = np.ones_like(lengths), np.zeros_like(lengths)
    for step in range(lengths.shape[1]):
        turn = wrapped(directions[:, step] - heading)
        backwards = np.abs(turn) > np.pi / 2
        turn = np.where(backwards, wrapped(turn + np.pi), turn)
        heading = np.where(lengths[:, step] >= LEAST_STEP, heading + turn, heading)
        signs[:, step] = np.where(backwards, -1.0, 1.0)
        headings[:, step] = heading
    return Steps(lengths * signs, headings)


def end_speeds(lengths: FloatArray) -> FloatArray:
    """Speed over the last half second, by a straight line through the speeds of the last four steps (least squares).

    Key frames are up to a tenth of a second from where they should be, so the length of one step alone is up to a fifth off.

    Args:
        lengths: (n, 6) metres, below 0 where the car goes backwards.

    Returns:
        (n,) m/s, at least 0.
    """
    places = np.arange(FITTED_STEPS) - (FITTED_STEPS - 1) / 2
    weights = 1 / FITTED_STEPS + places * places[-1] / np.sum(places**2)
    speeds: FloatArray = np.maximum(lengths[:, -FITTED_STEPS:] @ weights / LIGHTEMMA.dt, 0.0)
    return speeds


def pose_turns(scenes: Sequence[str], frame_index: npt.NDArray[np.int64], truth: FloatArray) -> FloatArray:
    """By how much the car's pose turns until 3 s later, from the poses of the frames on the way.

    Two frames of a scene see the same recorded places from their own poses; the turn between the pictures is the turn
    between the poses (least squares, Kabsch 1976). Turns add up along the frames that lie between now and 3 s later.

    Args:
        scenes: (n) scene names.
        frame_index: (n,) places among the scenes' benchmark frames.
        truth: (n, 6, 2) metres, ego frame.

    Returns:
        (n,) radians, positive = left; NaN where no frame is there 3 s later, or two neighbours have no place in common.
    """
    steps, count = truth.shape[1], len(truth)
    if not count:
        return np.zeros(0)
    _, scene_codes = np.unique(np.asarray(scenes), return_inverse=True)
    key = scene_codes.reshape(-1) * (int(frame_index.max()) + steps + 1) + frame_index
    order = np.argsort(key, kind="stable")
    in_order = key[order]
    # Places now and at each step; the frame ``ahead`` frames later sees the same ones from ``ahead`` on.
    places = np.concatenate([np.zeros((count, 1, 2)), truth], axis=1)
    follows, turn = np.full(count, -1), np.zeros(count)
    for ahead in range(1, steps):
        at = np.searchsorted(in_order, key + ahead, side="right") - 1
        found = (follows < 0) & (at >= 0) & (in_order[at] == key + ahead)
        rows, later = np.flatnonzero(found), order[at[found]]
        follows[rows] = later
        turn[rows] = _turns_between(places[rows, ahead:], places[later, : steps + 1 - ahead])
    turns, here = np.zeros(count), np.arange(count)
    for _ in range(steps):
        turned = (follows[here] >= 0) & (frame_index[here] < frame_index + steps)
        turns = np.where(turned, turns + turn[here], turns)
        here = np.where(turned, follows[here], here)
    arrived: FloatArray = np.where(frame_index[here] == frame_index + steps, turns, np.nan)
    return arrived


def _turns_between(seen: FloatArray, later: FloatArray) -> FloatArray:
    """(m,) turns from poses to later ones that see the same (m, k, 2) places; 0 where these are within a step of another."""
    one, other = seen - seen.mean(axis=1, keepdims=True), later - later.mean(axis=1, keepdims=True)
    cross = np.sum(other[..., 0] * one[..., 1] - other[..., 1] * one[..., 0], axis=1)
    turns: FloatArray = np.arctan2(cross, np.sum(other * one, axis=(1, 2)))
    return np.where(np.ptp(other, axis=1).max(axis=1) < LEAST_STEP, 0.0, turns)
