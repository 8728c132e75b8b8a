"""Drivers that are told words by an oracle: how good could a driver be that says the right word and drives by it?

All are formulas over the history but for the word, which is taken from the recorded future; none is a rival for a model, they
are marks on its scale. What they learn (mean profiles, accelerations) they learn from other scenes: scenes are dealt into five
folds in turn, and each fold is driven by what the other four teach.

* *true word*: constant curvature, and the mean change of speed, step by step, of the training frames with the same true word
  (faster, as fast, slower); with *speed band*, of those in the same band of speed (below 0.5, 5, 10 m/s, above).
* *no word*: the same with one mean profile for all frames.
* *word for one of k accelerations*: constant curvature and one of k constant accelerations, the middles of k equal parts of the
  training frames' recorded accelerations (speed at 3 s less speed now, over 3 s): the one nearest to the recorded acceleration.
  *x 3 curvatures*: and the nearest of three changes of curvature, the middles of three equal parts of the recorded ones.
* *best of k accelerations*: the same candidates, but the one whose plan is closest to the recorded drive: what an oracle that
  chooses among drawn plans could reach.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lightemma.evaluation.metrics.displacement import Convention, l2, step_errors
from lightemma.evaluation.metrics.manoeuvres import speed_bands
from lightemma.evaluation.metrics.recorded_path import LEAST_STEP
from lightemma.evaluation.reasoning.directions import DEFINITION, recorded_change, speed_now
from lightemma.evaluation.scores import RunScores
from lightemma.frame import FloatArray
from lightemma.kinematics import integrate
from lightemma.protocol import Protocol

FOLDS = 5
ACCELERATIONS = (3, 5, 7)
CURVATURES = 3


@dataclass(frozen=True, slots=True)
class ReferenceDriver:
    """A driver with words.

    Attributes:
        name: what it is called in tables.
        choices: how many words it is told one of.
        errors: (n, 6) metres; NaN where the recorded drive is unknown.
    """

    name: str
    choices: int
    errors: FloatArray


def reference_drivers(
    run: RunScores, scene_codes: npt.NDArray[np.int64], convention: Convention
) -> list[ReferenceDriver]:
    """All reference drivers on a run's frames.

    Args:
        run: any run over the frames, such as the baseline; only history and recorded drive are taken from it.
        scene_codes: (n,) each frame's scene.
        convention: L2 convention by which the best candidate of a frame is the best.
    """
    known = ~np.isnan(run.truth[:, 0, 0])
    word = np.where(known, DEFINITION.directions(recorded_change(run), speed_now(run)), np.nan)
    band = speed_bands(run.history).astype(np.float64)
    none = np.where(known, 0.0, np.nan)
    bands = len(np.unique(band))
    drivers = [
        ReferenceDriver("no word, mean profile", 1, _profile(run, scene_codes, none)),
        ReferenceDriver("true word, mean profile", 3, _profile(run, scene_codes, word)),
        ReferenceDriver("true word and speed band", 3 * bands, _profile(run, scene_codes, 10 * band + word)),
    ]
    for by_error in (False, True):
        for curvatures in (1, CURVATURES):
            for count in ACCELERATIONS:
                what = "best of" if by_error else "word for one of"
                times = f" x {curvatures} curvatures" if curvatures > 1 else ""
                errors = _candidates(run, scene_codes, count, curvatures, convention if by_error else None)
                drivers.append(ReferenceDriver(f"{what} {count} accelerations{times}", count * curvatures, errors))
    return drivers


def _folds(scene_codes: npt.NDArray[np.int64]) -> list[tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]]:
    """Training and driven frames of each fold; a fold without scenes is left out."""
    fold = scene_codes % FOLDS
    return [(fold != number, fold == number) for number in range(FOLDS) if (fold == number).any()]


def recorded_speeds(run: RunScores) -> FloatArray:
    """(n, 6) m/s, the recorded car's speed over each step to come."""
    steps = np.diff(run.truth, axis=1, prepend=0.0)
    speeds: FloatArray = np.hypot(steps[..., 0], steps[..., 1]) / run.protocol.dt
    return speeds


def _profile(run: RunScores, scene_codes: npt.NDArray[np.int64], kind: FloatArray) -> FloatArray:
    """(n, 6) metres: the mean change of speed of the training frames of the same kind, curvature held."""
    speed = speed_now(run)
    gained = recorded_speeds(run) - speed[:, None]
    speeds = np.full(gained.shape, np.nan)
    for training, driven in _folds(scene_codes):
        for value in np.unique(kind[~np.isnan(kind)]):
            learn, drive = training & (kind == value), driven & (kind == value)
            # A kind that no other scene has keeps its speed.
            mean = gained[learn].mean(axis=0) if learn.any() else np.zeros(gained.shape[1])
            speeds[drive] = speed[drive, None] + mean
    return _errors(speeds, run.history[:, -1:, 1], run.truth, run.protocol)


def _candidates(
    run: RunScores,
    scene_codes: npt.NDArray[np.int64],
    count: int,
    curvatures: int,
    convention: Convention | None,
) -> FloatArray:
    """(n, 6) metres: the errors of one candidate per frame: the closest by a convention, or that of the word if None."""
    speed, curvature = speed_now(run), run.history[:, -1, 1]
    horizon = run.protocol.dt * np.arange(1, run.truth.shape[1] + 1)
    acceleration, bend = recorded_change(run) / horizon[-1], _recorded_bend(run)
    chosen = np.full(recorded_speeds(run).shape, np.nan)
    for training, driven in _folds(scene_codes):
        known = training & ~np.isnan(acceleration)
        if not known.any():
            continue
        rates = np.quantile(acceleration[known], _middles(count))
        bends = np.quantile(bend[known], _middles(curvatures)) if curvatures > 1 else np.zeros(1)
        now, held, truth = speed[driven, None], curvature[driven], run.truth[driven]
        if convention is None:  # the word names one
            rate = rates[np.abs(acceleration[driven, None] - rates).argmin(axis=1)]
            change = bends[np.abs(bend[driven, None] - bends).argmin(axis=1)]
            chosen[driven] = _errors(now + rate[:, None] * horizon, (held + change)[:, None], truth, run.protocol)
            continue
        errors = np.stack(
            [
                _errors(now + rate * horizon, (held + change)[:, None], truth, run.protocol)
                for rate in rates
                for change in bends
            ]
        )
        best = np.nan_to_num(l2(errors, convention)[..., 3], nan=np.inf).argmin(axis=0)
        chosen[driven] = errors[best, np.arange(len(truth))]
    return chosen


def _middles(count: int) -> FloatArray:
    """The middles of ``count`` equal parts of 0 … 1."""
    places: FloatArray = (np.arange(count) + 0.5) / count
    return places


def _recorded_bend(run: RunScores) -> FloatArray:
    """(n,) 1/m, the recorded mean curvature less the curvature now; 0 where the car hardly moves."""
    steps = np.diff(run.truth, axis=1, prepend=0.0)
    lengths = np.hypot(steps[..., 0], steps[..., 1])
    driven = lengths.sum(axis=1)
    heading = np.arctan2(steps[:, -1, 1], steps[:, -1, 0])
    usable = (lengths[:, -1] > LEAST_STEP) & (driven > 6 * LEAST_STEP)
    found: FloatArray = np.where(usable, heading / np.where(usable, driven, 1.0) - run.history[:, -1, 1], 0.0)
    return found


def _errors(speeds: FloatArray, curvature: FloatArray, truth: FloatArray, protocol: Protocol) -> FloatArray:
    """(n, 6) metres of plans of these speeds, never below 0, with (n, 1) curvature held."""
    actions = np.stack([np.maximum(speeds, 0.0), np.broadcast_to(curvature, speeds.shape)], axis=-1)
    return step_errors(integrate(actions, protocol), truth)
