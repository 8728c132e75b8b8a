"""calibration: what the car did where a model planned a certain speed or curvature."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lightemma.evaluation.metrics.recorded_actions import actions_from_places
from lightemma.evaluation.study import Study
from lightemma.evaluation.tables.base import Table
from lightemma.frame import FloatArray
from lightemma.protocol import LIGHTEMMA

#: Inner edges of the bins of planned values; the first bin is open below and the last above.
SPEED_EDGES = (0.5, 2.5, 5.0, 7.5, 10.0, 12.5, 15.0)  # m/s
CURVATURE_EDGES = (-0.1, -0.05, -0.02, -0.005, 0.005, 0.02, 0.05, 0.1)  # 1/m, positive = left

#: Steps shown, by their end: whole seconds. The curvature of the last step would need a point beyond the recorded ones.
SPEED_STEPS = (1, 3, 5)
CURVATURE_STEPS = (1, 3)


@dataclass(frozen=True, slots=True)
class CalibrationRow:
    """What the car really did where a run planned a speed or a curvature within a bin.

    Attributes:
        run: name of the run
        quantity: `speed` (m/s) or `curvature` (1/m, positive = left); the unit of the bins and the means
        horizon_s: seconds ahead, the end of the half second that the action is for
        bin_low: m/s or 1/m, lower edge of the planned value; empty for the bin that is open below
        bin_high: m/s or 1/m, upper edge, not included; empty for the bin that is open above
        frames: number of frames in the bin
        planned_mean: m/s or 1/m, mean of the planned values
        recorded_mean: m/s or 1/m, mean of the recorded ones
    """

    run: str
    quantity: str
    horizon_s: float
    bin_low: float
    bin_high: float
    frames: int
    planned_mean: float
    recorded_mean: float


class Calibration(Table[CalibrationRow]):
    """Frames in bins of the planned speed or curvature at whole seconds, and what the car did.

    The recorded speed is the chord over 0.5 s, the recorded curvature the change of heading to the next chord over the
    chord, which undoes the integration of plans; it is unknown where a chord is below 0.25 m, and at 3 s, which has no next
    chord.
    """

    name = "calibration"
    Row = CalibrationRow

    def caption(self, study: Study) -> str:
        """What the numbers are."""
        return "Recorded speeds (m/s) and curvatures (1/m) by what the run had planned."

    def build(self, study: Study) -> list[CalibrationRow]:
        """One row per run, quantity, horizon and bin that has frames."""
        recorded = actions_from_places(study.baseline.truth)
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
