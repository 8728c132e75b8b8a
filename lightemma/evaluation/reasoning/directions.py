"""Faster, as fast, slower: the direction of a change of speed, of what is said, planned, recorded, or told by a formula.

The change is the speed at 3 s less the speed now. It is a direction where it is beyond

    max(0.3 m/s, 5 % of the speed now)

and "as fast" within. Directions are numbers: 1 faster, 0 as fast, -1 slower, NaN unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lightemma.evaluation.metrics.manoeuvres import CURVE, STANDING_SPEED, recorded_motion
from lightemma.evaluation.reasoning.readings import IntentReading
from lightemma.evaluation.scores import RunScores
from lightemma.frame import FloatArray

#: The history rule: the last step of speed, beyond this (m/s), goes on.
RULE_STEP = 0.05
#: The trend rule: the change in 3 s (six steps) is this many times the last step. A trend goes on, and fades.
TREND_STEPS = 4.0


@dataclass(frozen=True, slots=True)
class Definition:
    """When a change of speed is one.

    Attributes:
        least: m/s, at least this …
        share: … and at least this part of the speed now.
    """

    least: float = 0.3
    share: float = 0.05

    @property
    def name(self) -> str:
        """Such as ``max(0.3 m/s, 5 %)``."""
        return f"max({self.least:g} m/s, {100 * self.share:g} %)" if self.share else f"{self.least:g} m/s"

    def directions(self, change: FloatArray, speed: FloatArray) -> FloatArray:
        """(n,) directions of changes (m/s) from speeds (m/s)."""
        limit = np.maximum(self.least, self.share * speed)
        found: FloatArray = np.where(np.isnan(change), np.nan, np.sign(change) * (np.abs(change) > limit))
        return found


DEFINITION = Definition()
#: Others, for the table ``reasoning_sensitivity``.
ALTERNATIVES = (
    Definition(0.1, 0.02), Definition(0.2, 0.05), Definition(0.3, 0.0), Definition(0.3, 0.1), Definition(0.5, 0.05),
    Definition(0.5, 0.1), Definition(1.0, 0.1),
)  # fmt: skip


def speed_now(run: RunScores) -> FloatArray:
    """(n,) m/s, the last speed of the history."""
    speed: FloatArray = run.history[:, -1, 0]
    return speed


def planned_change(run: RunScores) -> FloatArray:
    """(n,) m/s, the plan's last speed less the speed now; NaN where there is no plan."""
    change: FloatArray = run.actions[:, -1, 0] - speed_now(run)
    return change


def recorded_change(run: RunScores) -> FloatArray:
    """(n,) m/s, the recorded car's speed over the last half second less the speed now; NaN where unknown."""
    change: FloatArray = recorded_motion(run.history, run.truth).end - speed_now(run)
    return change


def history_rule(run: RunScores) -> FloatArray:
    """(n,) directions of the last step of speed of the history: a formula that reads no words and sees no picture."""
    step = run.history[:, -1, 0] - run.history[:, -2, 0]
    found: FloatArray = np.sign(step) * (np.abs(step) > RULE_STEP)
    return found


def trend_change(run: RunScores) -> FloatArray:
    """(n,) m/s, the change that the last step of speed leads to: four such steps, which any definition can be asked of."""
    change: FloatArray = TREND_STEPS * (run.history[:, -1, 0] - run.history[:, -2, 0])
    return change


def said_direction(intents: Sequence[IntentReading | None], speed: FloatArray) -> FloatArray:
    """(n,) directions that statements advise, NaN where there is none.

    To stay stopped is "as fast" for a car that stands (below 0.5 m/s) and "slower" for one that moves.
    """
    known = {"accelerate": 1.0, "keep": 0.0, "decelerate": -1.0}
    stopped = np.where(speed < STANDING_SPEED, 0.0, -1.0)
    return np.array(
        [
            np.nan
            if one is None
            else stop
            if one.longitudinal == "stay-stopped"
            else known.get(one.longitudinal, np.nan)
            for one, stop in zip(intents, stopped, strict=True)
        ],
        dtype=np.float64,
    )


def said_side(intents: Sequence[IntentReading | None]) -> FloatArray:
    """(n,) 1 left, 0 straight, -1 right; NaN where nothing is said, and for changes of lane."""
    known = {"left": 1.0, "straight": 0.0, "right": -1.0}
    return np.array([np.nan if one is None else known.get(one.lateral, np.nan) for one in intents], dtype=np.float64)


def driven_side(history: FloatArray, places: FloatArray) -> FloatArray:
    """(n,) the side that places lead to: 1 left, -1 right where the last step points 5 degrees or more aside; NaN unknown.

    Args:
        history: (n, 6, 2) past actions.
        places: (n, 6, 2) metres, ego frame: planned or recorded.
    """
    turned = recorded_motion(history, places).turned
    side: FloatArray = np.where(np.isnan(places[:, 0, 0]), np.nan, np.sign(turned) * (np.abs(turned) >= CURVE))
    return side
