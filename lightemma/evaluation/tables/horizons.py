"""horizons: how the error grows along the plan."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lightemma.evaluation.study import Study
from lightemma.evaluation.tables.base import Table


@dataclass(frozen=True, slots=True)
class HorizonRow:
    """A run's mean error at one step of its plan, on its own ok frames.

    Attributes:
        run: name of the run
        horizon_s: seconds ahead
        error: metres, mean distance to the recorded place
        ci_low: metres, lower end of its scene-clustered 95 % interval, never below 0
        ci_high: metres, upper end
    """

    run: str
    horizon_s: float
    error: float
    ci_low: float
    ci_high: float


class Horizons(Table[HorizonRow]):
    """Mean distance at 0.5, 1.0, … 3.0 s on the run's ok frames, before any L2 convention."""

    name = "horizons"
    Row = HorizonRow

    def caption(self, study: Study) -> str:
        """What the numbers are."""
        return f"Mean distance to the recorded place at each step, own ok frames, {study.over}."

    def build(self, study: Study) -> list[HorizonRow]:
        """One row per run and step."""
        intervals = study.intervals(np.concatenate([run.errors for run in study.runs], axis=1))
        steps = study.baseline.errors.shape[1]
        keys = [(run, step) for run in study.runs for step in range(steps)]
        return [
            HorizonRow(
                run=run.name,
                horizon_s=(step + 1) * run.protocol.dt,
                error=found.mean,
                # No distance is below 0.
                ci_low=float(np.maximum(found.low, 0.0)),
                ci_high=found.high,
            )
            for (run, step), found in zip(keys, intervals, strict=True)
        ]
