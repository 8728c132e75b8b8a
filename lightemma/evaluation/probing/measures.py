"""What a probe's law measures in each frame, from the untouched plan and the probed one. docs/probes.md has the formulas.

Plans come from models and may be anywhere, so every measure is bounded: distances at 20 m, headings at a right angle, speeds at
50 m/s. Frames without both plans take no part; nor do those of a standing car where the law speaks of steering.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lightemma.evaluation.probing.probed_runs import ProbedRun
from lightemma.evaluation.statistics.runaways import CAP
from lightemma.frame import FloatArray
from lightemma.protocol import LIGHTEMMA
from lightemma.run_folder.probe_entry import Measure

#: (n, 6, 2) actions and (n, 6, 2) metres of trajectory -> (n,) what a gain is the change of.
Response = Callable[[FloatArray, FloatArray], FloatArray]

#: m/s; a slower car can hardly change its heading in three seconds.
MOVING = 2.0
MOST_HEADING = math.pi / 2
MOST_SPEED = 50.0
#: Metres that count as no movement at all: rounding of the integration.
NOTHING = 1e-9


@dataclass(frozen=True, slots=True)
class Measured:
    """One law in each frame.

    Attributes:
        effect: (n,) what the probe did to the plan, in ``unit``; NaN for frames that take no part.
        violation: (n,) how far that is from the law, in ``violation_unit``; 0 is the law.
        unit: of the effect.
        violation_unit: of the violation.
        expected: the effect that the law expects; NaN where it only says that there is one.
    """

    effect: FloatArray
    violation: FloatArray
    unit: str
    violation_unit: str
    expected: float


def measured(run: ProbedRun, unrest: FloatArray) -> Measured:
    """The law of a probe's run in each frame.

    Args:
        run: beside its untouched run.
        unrest: (n,) metres that the plan moves where nothing is changed; 0 where that is not known.
    """
    return _MEASURES[run.entry.law.measure](run, unrest)


def measured_together(runs: Sequence[ProbedRun]) -> Measured | None:
    """The gain of several variants of one probe, such as turns by several angles, from the frames that all have.

    The least-squares slope of each frame's response over the amounts, sum_k a_k (r_k - r_0) / sum_k a_k^2. Where the
    amounts add up to 0 the untouched response r_0 falls out, and with it all that the variants have in common, such as
    their cropping.

    Args:
        runs: of one family and one untouched run.

    Returns:
        None where the law has no gain, or there are no amounts of both signs.
    """
    law = runs[0].entry.law
    response = _RESPONSES.get(law.measure)
    if response is None or len(runs) < 2:
        return None
    amounts = np.array([run.amounts for run in runs])
    if not (np.nanmin(amounts, initial=np.inf) < 0 < np.nanmax(amounts, initial=-np.inf)):
        return None
    moves = np.array([_change(run, response) for run in runs])
    with np.errstate(invalid="ignore", divide="ignore"):
        gain = (amounts * moves).sum(axis=0) / (amounts**2).sum(axis=0)
    return _gain(gain, _EXPECTED[law.measure])


def distance(run: ProbedRun) -> FloatArray:
    """(n,) metres, mean distance between the points of the two plans; mirrored back where the probe mirrors."""
    probed = run.trajectory
    if run.entry.law.measure == "mirrors":
        probed = probed * np.array([1.0, -1.0])
    with np.errstate(invalid="ignore", over="ignore"):
        apart: FloatArray = np.linalg.norm(probed - run.plain.trajectory, axis=2).mean(axis=1)
        return np.minimum(apart, CAP)


def unchanged(run: ProbedRun) -> FloatArray:
    """(n,) 1 where the two plans are the same to the last digit, else 0; NaN without both."""
    same = (run.actions == run.plain.actions).all(axis=(1, 2)).astype(np.float64)
    return np.where(_both(run), same, np.nan)


def _both(run: ProbedRun) -> npt.NDArray[np.bool_]:
    known: npt.NDArray[np.bool_] = ~np.isnan(run.actions[:, 0, 0]) & ~np.isnan(run.plain.actions[:, 0, 0])
    return known


def _moves(run: ProbedRun, unrest: FloatArray) -> Measured:
    """The plan must move by more than it does by itself."""
    moved = distance(run)
    still = np.where(np.isnan(moved), np.nan, (moved <= np.maximum(unrest, NOTHING)).astype(np.float64))
    return Measured(moved, still, "m", "share", math.nan)


def _stays(run: ProbedRun, unrest: FloatArray) -> Measured:
    """The plan must not move by more than it does by itself."""
    moved = distance(run)
    return Measured(moved, moved - unrest, "m", "m", 0.0)


def _follows_words(run: ProbedRun, unrest: FloatArray) -> Measured:
    """The final speed must change in the direction of the words."""
    along = run.amounts * _change(run, _final_speed, moving=False)
    against = np.where(np.isnan(along), np.nan, (along <= NOTHING).astype(np.float64))
    return Measured(along, against, "m/s", "share", math.nan)


def _gain(gain: FloatArray, expected: float) -> Measured:
    return Measured(gain, gain - expected, "gain", "gain", expected)


def _gain_of(measure: Measure) -> Callable[[ProbedRun, FloatArray], Measured]:
    def found(run: ProbedRun, unrest: FloatArray) -> Measured:
        change = _change(run, _RESPONSES[measure], moving=measure != "follows-speed")
        amounts = np.where(run.amounts == 0, np.nan, run.amounts)
        return _gain(change / amounts, _EXPECTED[measure])

    return found


def _change(run: ProbedRun, response: Response, *, moving: bool = True) -> FloatArray:
    """(n,) the probed response minus the untouched one."""
    with np.errstate(invalid="ignore", over="ignore"):
        change = response(run.actions, run.trajectory) - response(run.plain.actions, run.plain.trajectory)
    if moving:
        change = np.where(run.plain.history[:, -1, 0] >= MOVING, change, np.nan)
    return change


def _heading(actions: FloatArray, trajectory: FloatArray) -> FloatArray:
    """(n,) radians to the left after the six actions."""
    turned: FloatArray = (actions[:, :, 0] * actions[:, :, 1] * LIGHTEMMA.dt).sum(axis=1)
    return np.clip(turned, -MOST_HEADING, MOST_HEADING)


def _final_left(actions: FloatArray, trajectory: FloatArray) -> FloatArray:
    return np.clip(trajectory[:, -1, 1], -CAP, CAP)


def _mean_speed(actions: FloatArray, trajectory: FloatArray) -> FloatArray:
    speed: FloatArray = np.clip(actions[:, :, 0], -MOST_SPEED, MOST_SPEED).mean(axis=1)
    return speed


def _final_speed(actions: FloatArray, trajectory: FloatArray) -> FloatArray:
    return np.clip(actions[:, -1, 0], -MOST_SPEED, MOST_SPEED)


_RESPONSES: Mapping[Measure, Response] = {
    "turns": _heading,
    "shifts": _final_left,
    "follows-speed": _mean_speed,
}
_EXPECTED: Mapping[Measure, float] = {"turns": -1.0, "shifts": -1.0, "follows-speed": 1.0}
_MEASURES: Mapping[Measure, Callable[[ProbedRun, FloatArray], Measured]] = {
    "moves": _moves,
    "stays": _stays,
    "mirrors": _stays,
    "turns": _gain_of("turns"),
    "shifts": _gain_of("shifts"),
    "follows-speed": _gain_of("follows-speed"),
    "follows-words": _follows_words,
}
