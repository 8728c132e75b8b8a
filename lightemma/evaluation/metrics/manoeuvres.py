"""What the recorded car did around each frame: its manoeuvre, its course and its speed band."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lightemma.evaluation.metrics.recorded_path import end_speeds, steps_of
from lightemma.frame import FloatArray
from lightemma.kinematics import BRAKING
from lightemma.protocol import LIGHTEMMA

#: Thresholds of the classes; docs/metrics.md prints them.
STANDING_SPEED = 0.5  # m/s
STANDING_DISTANCE = 1.0  # m driven in 3 s
REVERSING_DISTANCE = 1.0  # m driven backwards in 3 s
#: m/s slower, or faster, after 3 s: who slows down by BRAKING in the mean, brakes.
SPEED_CHANGE = BRAKING * LIGHTEMMA.dt * LIGHTEMMA.plan_steps
TURN = np.radians(20.0)
CURVE = np.radians(5.0)
COURSE_TURN = np.radians(10.0)
#: Metres to the side that no turning explains.
LANE_SHIFT = 1.0

MANOEUVRES = (
    "reversing", "stationary", "starting", "braking to a stop", "left turn", "right turn", "lane change", "gentle curve",
    "accelerating", "slowing", "cruising",
)  # fmt: skip
COURSES = (
    "reversing", "standing", "turning", "straight and braking", "straight and accelerating", "straight and steady",
)  # fmt: skip
SPEED_EDGES = (0.5, 5.0, 10.0)
SPEED_BANDS = ("standing", "up to 5 m/s", "5-10 m/s", "over 10 m/s")


@dataclass(frozen=True, slots=True)
class RecordedMotion:
    """What the recorded car did in the next three seconds.

    Attributes:
        now: (n,) m/s, the current speed.
        end: (n,) m/s, over the last half second, fitted to the last two seconds.
        driven: (n,) metres along the recorded points.
        reversed: (n,) metres of these that were driven backwards.
        turned: (n,) radians, by how much the nose turned; positive = left.
        aside: (n,) metres to the side, unsigned, that turning by ``turned`` does not explain, however early or late it is:
            all of it at once, now or at the end, leads to the ends of what it explains.
    """

    now: FloatArray
    end: FloatArray
    driven: FloatArray
    reversed: FloatArray
    turned: FloatArray
    aside: FloatArray


def recorded_motion(history: FloatArray, truth: FloatArray, turned: FloatArray | None = None) -> RecordedMotion:
    """Speeds, distance and change of heading of the recorded drive.

    Args:
        history: (n, 6, 2) past actions.
        truth: (n, 6, 2) metres, ego frame.
        turned: (n,) radians by which the car's pose turns, see ``pose_turns``; where NaN or left out, the direction in
            which it arrives: that of the last step, and half of the turn into it.
    """
    steps = steps_of(truth)
    lengths = np.abs(steps.lengths)
    arrives = steps.headings[:, -1] + (steps.headings[:, -1] - steps.headings[:, -2]) / 2
    turned = arrives if turned is None else np.where(np.isnan(turned), arrives, turned)
    driven = lengths.sum(axis=1)
    left, turning = truth[:, -1, 1], driven * np.sin(np.clip(turned, -np.pi / 2, np.pi / 2))
    return RecordedMotion(
        now=history[:, -1, 0],
        end=end_speeds(steps.lengths),
        driven=driven,
        reversed=-np.minimum(steps.lengths, 0.0).sum(axis=1),
        turned=turned,
        aside=np.abs(left - np.clip(left, np.minimum(turning, 0.0), np.maximum(turning, 0.0))),
    )


def manoeuvres(history: FloatArray, truth: FloatArray, turned: FloatArray | None = None) -> npt.NDArray[np.int64]:
    """What the recorded car did in the next three seconds, as an index into ``MANOEUVRES``; the first that fits counts.

    reversing: driving 1 m or more backwards; stationary / starting: standing now (below 0.5 m/s) and driving less / more than
    1 m; braking to a stop: below 0.5 m/s at the end; left or right turn: heading changes by 20 degrees or more; lane change: 1
    m or more to the side that no turning explains; gentle curve: heading changes by 5 degrees or more; accelerating or
    slowing: at the end 1.5 m/s faster or slower than now; cruising: the rest.

    Args:
        history: (n, 6, 2) past actions.
        truth: (n, 6, 2) metres, ego frame.
        turned: (n,) radians, see :func:`recorded_motion`.

    Returns:
        (n,) indices.
    """
    drive = recorded_motion(history, truth, turned)
    standing = drive.now < STANDING_SPEED
    conditions = [
        drive.reversed >= REVERSING_DISTANCE,
        standing & (drive.driven < STANDING_DISTANCE),
        standing,
        drive.end < STANDING_SPEED,
        drive.turned >= TURN,
        drive.turned <= -TURN,
        drive.aside >= LANE_SHIFT,
        np.abs(drive.turned) >= CURVE,
        drive.end - drive.now >= SPEED_CHANGE,
        drive.now - drive.end >= SPEED_CHANGE,
    ]
    found: npt.NDArray[np.int64] = np.select(conditions, list(range(10)), default=10).astype(np.int64)
    return found


def courses(history: FloatArray, truth: FloatArray, turned: FloatArray | None = None) -> npt.NDArray[np.int64]:
    """A coarser split than ``manoeuvres``, as an index into ``COURSES``; the first that fits counts.

    reversing: driving 1 m or more backwards; standing: below 0.5 m/s now; turning: heading changes by 10 degrees or more;
    straight and braking or accelerating: at the end 1.5 m/s slower or faster than now, a mean of 0.5 m/s2 over the three
    seconds; straight and steady: the rest.

    Args:
        history: (n, 6, 2) past actions.
        truth: (n, 6, 2) metres, ego frame.
        turned: (n,) radians, see :func:`recorded_motion`.

    Returns:
        (n,) indices.
    """
    drive = recorded_motion(history, truth, turned)
    gained = drive.end - drive.now
    conditions = [
        drive.reversed >= REVERSING_DISTANCE,
        drive.now < STANDING_SPEED,
        np.abs(drive.turned) >= COURSE_TURN,
        gained <= -SPEED_CHANGE,
        gained >= SPEED_CHANGE,
    ]
    found: npt.NDArray[np.int64] = np.select(conditions, list(range(5)), default=5).astype(np.int64)
    return found


def speed_bands(history: FloatArray) -> npt.NDArray[np.int64]:
    """The current speed's band, as an index into ``SPEED_BANDS``. (n, 6, 2) past actions to (n,)."""
    bands: npt.NDArray[np.int64] = np.digitize(history[:, -1, 0], SPEED_EDGES).astype(np.int64)
    return bands
