"""What the recorded car did around each frame: its manoeuvre, its course and its speed band."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lightemma.frame import FloatArray
from lightemma.protocol import LIGHTEMMA

#: Thresholds of the classes; docs/metrics.md prints them.
STANDING_SPEED = 0.5  # m/s
STANDING_DISTANCE = 1.0  # m driven in 3 s
SPEED_CHANGE = 0.15  # share of the larger of the two speeds …
LEAST_SPEED_CHANGE = 1.0  # … but at least this, m/s
TURN = np.radians(20.0)
CURVE = np.radians(5.0)
COURSE_TURN = np.radians(10.0)
COURSE_SPEED_CHANGE = 1.5  # m/s in 3 s: a mean of 0.5 m/s2
LEAST_STEP = 0.25  # m: a shorter step has no direction

MANOEUVRES = (
    "stationary", "starting", "braking to a stop", "left turn", "right turn", "gentle curve",
    "accelerating", "slowing", "cruising",
)  # fmt: skip
COURSES = ("standing", "turning", "straight and braking", "straight and accelerating", "straight and steady")
SPEED_EDGES = (0.5, 5.0, 10.0)
SPEED_BANDS = ("standing", "up to 5 m/s", "5-10 m/s", "over 10 m/s")


@dataclass(frozen=True, slots=True)
class RecordedMotion:
    """What the recorded car did in the next three seconds.

    Attributes:
        now: (n,) m/s, the current speed.
        end: (n,) m/s, over the last half second.
        driven: (n,) metres along the recorded points.
        turned: (n,) radians, direction of the last step that is long enough to have one; positive = left.
    """

    now: FloatArray
    end: FloatArray
    driven: FloatArray
    turned: FloatArray


def recorded_motion(history: FloatArray, truth: FloatArray) -> RecordedMotion:
    """Speeds, distance and change of heading of the recorded drive.

    Args:
        history: (n, 6, 2) past actions.
        truth: (n, 6, 2) metres, ego frame.
    """
    steps = np.diff(truth, axis=1, prepend=0.0)
    lengths = np.linalg.norm(steps, axis=2)
    # The last step that is long enough to have a direction gives the heading at the end.
    moving = lengths > LEAST_STEP
    last = np.where(moving.any(axis=1), 5 - np.argmax(moving[:, ::-1], axis=1), 0)
    final = np.take_along_axis(steps, last[:, None, None].repeat(2, axis=2), axis=1)[:, 0]
    return RecordedMotion(
        now=history[:, -1, 0],
        end=lengths[:, -1] / LIGHTEMMA.dt,
        driven=lengths.sum(axis=1),
        turned=np.where(moving.any(axis=1), np.arctan2(final[:, 1], final[:, 0]), 0.0),
    )


def manoeuvres(history: FloatArray, truth: FloatArray) -> npt.NDArray[np.int64]:
    """What the recorded car did in the next three seconds, as an index into ``MANOEUVRES``; the first that fits counts.

    stationary / starting: standing now (below 0.5 m/s) and driving less / more than 1 m; braking to a stop: below 0.5 m/s at
    the end; left or right turn: heading changes by 20 degrees or more; gentle curve: by 5 degrees or more; accelerating or
    slowing: speed changes by 15 % and 1 m/s or more; cruising: the rest.

    Args:
        history: (n, 6, 2) past actions.
        truth: (n, 6, 2) metres, ego frame.

    Returns:
        (n,) indices.
    """
    drive = recorded_motion(history, truth)
    change = np.maximum(SPEED_CHANGE * np.maximum(drive.now, drive.end), LEAST_SPEED_CHANGE)
    standing = drive.now < STANDING_SPEED
    conditions = [
        standing & (drive.driven < STANDING_DISTANCE),
        standing,
        drive.end < STANDING_SPEED,
        drive.turned >= TURN,
        drive.turned <= -TURN,
        np.abs(drive.turned) >= CURVE,
        drive.end - drive.now >= change,
        drive.now - drive.end >= change,
    ]
    found: npt.NDArray[np.int64] = np.select(conditions, list(range(8)), default=8).astype(np.int64)
    return found


def courses(history: FloatArray, truth: FloatArray) -> npt.NDArray[np.int64]:
    """A coarser split than ``manoeuvres``, as an index into ``COURSES``; the first that fits counts.

    standing: below 0.5 m/s now; turning: heading changes by 10 degrees or more; straight and braking or accelerating: at
    the end 1.5 m/s slower or faster than now, a mean of 0.5 m/s2 over the three seconds; straight and steady: the rest.

    Args:
        history: (n, 6, 2) past actions.
        truth: (n, 6, 2) metres, ego frame.

    Returns:
        (n,) indices.
    """
    drive = recorded_motion(history, truth)
    gained = drive.end - drive.now
    conditions = [
        drive.now < STANDING_SPEED,
        np.abs(drive.turned) >= COURSE_TURN,
        gained <= -COURSE_SPEED_CHANGE,
        gained >= COURSE_SPEED_CHANGE,
    ]
    found: npt.NDArray[np.int64] = np.select(conditions, list(range(4)), default=4).astype(np.int64)
    return found


def speed_bands(history: FloatArray) -> npt.NDArray[np.int64]:
    """The current speed's band, as an index into ``SPEED_BANDS``. (n, 6, 2) past actions to (n,)."""
    bands: npt.NDArray[np.int64] = np.digitize(history[:, -1, 0], SPEED_EDGES).astype(np.int64)
    return bands
