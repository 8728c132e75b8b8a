"""What the car did where a model planned so much speed or curvature."""

from __future__ import annotations

import numpy as np

from lightemma.evaluation.comparison_data import Study
from lightemma.evaluation.rows import CalibrationRow
from lightemma.evaluation.strata import LEAST_STEP
from lightemma.frame import FloatArray
from lightemma.protocol import LIGHTEMMA

#: Inner edges of the bins of planned values; the first bin is open below and the last above.
SPEED_EDGES = (0.5, 2.5, 5.0, 7.5, 10.0, 12.5, 15.0)  # m/s
CURVATURE_EDGES = (-0.1, -0.05, -0.02, -0.005, 0.005, 0.02, 0.05, 0.1)  # 1/m, positive = left

#: Steps shown, by their end: whole seconds. The curvature of the last step would need a point beyond the recorded ones.
SPEED_STEPS = (1, 3, 5)
CURVATURE_STEPS = (1, 3)


def recorded_actions(truth: FloatArray) -> FloatArray:
    """The actions that lead along the recorded points: the plan's own rule (move, then turn), backwards.

    Speed is the chord over dt. Curvature is the change of heading from a chord to the next over the chord's length; it is
    unknown where either chord is shorter than 0.25 m, and at the last step, which has no next chord.

    Args:
        truth: (n, 6, 2) metres, ego frame.

    Returns:
        (n, 6, 2) pairs (m/s, 1/m), NaN where unknown.
    """
    chords = np.diff(truth, axis=1, prepend=0.0)
    lengths = np.hypot(chords[..., 0], chords[..., 1])
    heading = np.arctan2(chords[..., 1], chords[..., 0])
    turn = (np.diff(heading, axis=1) + np.pi) % (2 * np.pi) - np.pi
    long_enough = np.minimum(lengths[:, :-1], lengths[:, 1:]) >= LEAST_STEP
    curvature = np.full(lengths.shape, np.nan)
    curvature[:, :-1] = np.where(long_enough, turn / np.where(long_enough, lengths[:, :-1], 1.0), np.nan)
    actions: FloatArray = np.stack([lengths / LIGHTEMMA.dt, curvature], axis=-1)
    return actions


def calibration_rows(study: Study) -> list[CalibrationRow]:
    """Planned against recorded actions of every run at whole seconds, in bins of the planned value that have frames."""
    recorded = recorded_actions(study.baseline.truth)
    kinds = (("speed", 0, SPEED_EDGES, SPEED_STEPS), ("curvature", 1, CURVATURE_EDGES, CURVATURE_STEPS))
    rows = []
    for run in study.runs:
        for quantity, column, edges, steps in kinds:
            for step in steps:
                planned, driven = run.actions[:, step, column], recorded[:, step, column]
                horizon = (step + 1) * LIGHTEMMA.dt
                rows += _bins(run.name, quantity, horizon, edges, planned, driven)
    return rows


def _bins(
    run: str, quantity: str, horizon: float, edges: tuple[float, ...], planned: FloatArray, driven: FloatArray
) -> list[CalibrationRow]:
    known = ~np.isnan(planned) & ~np.isnan(driven)
    planned, driven = planned[known], driven[known]
    member = np.digitize(planned, edges)
    counts = np.bincount(member, minlength=len(edges) + 1)
    sums = [np.bincount(member, values, minlength=len(edges) + 1) for values in (planned, driven)]
    lows, highs = (float("nan"), *edges), (*edges, float("nan"))
    return [
        CalibrationRow(
            run=run,
            quantity=quantity,
            horizon_s=horizon,
            bin_low=lows[k],
            bin_high=highs[k],
            frames=int(counts[k]),
            planned_mean=float(sums[0][k] / counts[k]),
            recorded_mean=float(sums[1][k] / counts[k]),
        )
        for k in np.flatnonzero(counts).tolist()
    ]
