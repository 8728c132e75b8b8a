"""Sorts frames by what the recorded car did next and how fast it was going, so that a mean cannot hide where models differ."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lightemma.frame import FloatArray
from lightemma.protocol import LIGHTEMMA

#: Thresholds of the manoeuvre classes; docs/metrics.md prints them.
STANDING_SPEED = 0.5  # m/s
STANDING_DISTANCE = 1.0  # m driven in 3 s
SPEED_CHANGE = 0.15  # share of the larger of the two speeds …
LEAST_SPEED_CHANGE = 1.0  # … but at least this, m/s
TURN = np.radians(20.0)
CURVE = np.radians(5.0)

MANOEUVRES = (
    "stationary", "starting", "braking to a stop", "left turn", "right turn", "gentle curve",
    "accelerating", "slowing", "cruising",
)  # fmt: skip
SPEED_EDGES = (0.5, 5.0, 10.0)
SPEED_BANDS = ("standing", "up to 5 m/s", "5-10 m/s", "over 10 m/s")


@dataclass(frozen=True, slots=True)
class Stratum:
    """A named set of frames: (n,) booleans."""

    name: str
    frames: npt.NDArray[np.bool_]


def strata(history: FloatArray, truth: FloatArray) -> list[Stratum]:
    """All strata that have frames: one per manoeuvre, then one per speed band. Each family splits all frames.

    Args:
        history: (n, 6, 2) past actions.
        truth: (n, 6, 2) recorded future, metres, ego frame.
    """
    manoeuvre, band = manoeuvres(history, truth), speed_bands(history)
    found = [Stratum(f"manoeuvre: {name}", manoeuvre == index) for index, name in enumerate(MANOEUVRES)]
    found += [Stratum(f"speed: {name}", band == index) for index, name in enumerate(SPEED_BANDS)]
    return [stratum for stratum in found if stratum.frames.any()]


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
    now = history[:, -1, 0]
    steps = np.diff(truth, axis=1, prepend=0.0)
    lengths = np.linalg.norm(steps, axis=2)
    driven, end = lengths.sum(axis=1), lengths[:, -1] / LIGHTEMMA.dt
    # The last step that is long enough to have a direction tells the heading at the end.
    moving = lengths > 0.25
    last = np.where(moving.any(axis=1), 5 - np.argmax(moving[:, ::-1], axis=1), 0)
    final = np.take_along_axis(steps, last[:, None, None].repeat(2, axis=2), axis=1)[:, 0]
    turned = np.where(moving.any(axis=1), np.arctan2(final[:, 1], final[:, 0]), 0.0)
    change = np.maximum(SPEED_CHANGE * np.maximum(now, end), LEAST_SPEED_CHANGE)
    standing = now < STANDING_SPEED
    conditions = [
        standing & (driven < STANDING_DISTANCE),
        standing,
        end < STANDING_SPEED,
        turned >= TURN,
        turned <= -TURN,
        np.abs(turned) >= CURVE,
        end - now >= change,
        now - end >= change,
    ]
    found: npt.NDArray[np.int64] = np.select(conditions, list(range(8)), default=8).astype(np.int64)
    return found


def speed_bands(history: FloatArray) -> npt.NDArray[np.int64]:
    """The current speed's band, as an index into ``SPEED_BANDS``. (n, 6, 2) past actions to (n,)."""
    bands: npt.NDArray[np.int64] = np.digitize(history[:, -1, 0], SPEED_EDGES).astype(np.int64)
    return bands
