"""A table of one's own: how often each run plans to brake hard."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lightemma.evaluation.study import Study
from lightemma.evaluation.tables.base import Table

HARD = 3.0  # m/s in the first second


@dataclass(frozen=True)
class BrakingRow:
    """How often a run brakes hard.

    Attributes:
        run: name of the run
        share: share of its ok frames with a plan that loses 3 m/s or more in the first second
        ci_low: share, lower end of its scene-clustered 95 % interval
        ci_high: share, upper end
    """

    run: str
    share: float
    ci_low: float
    ci_high: float


class Braking(Table[BrakingRow]):
    """Hard braking at the beginning of plans."""

    name = "braking"
    Row = BrakingRow

    def caption(self, study: Study) -> str:
        return f"Plans that lose {HARD:g} m/s or more in the first second, {study.over}."

    def build(self, study: Study) -> list[BrakingRow]:
        lost = [run.history[:, -1, 0] - run.actions[:, 1, 0] for run in study.runs]
        hard = np.column_stack([np.where(np.isnan(one), np.nan, one >= HARD) for one in lost])
        return [
            BrakingRow(run.name, found.mean, found.low, found.high)
            for run, found in zip(study.runs, study.intervals(hard), strict=True)
        ]
