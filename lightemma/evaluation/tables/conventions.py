"""conventions: the same plans by every L2 convention."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lightemma.evaluation.metrics.displacement import CONVENTIONS, l2
from lightemma.evaluation.statistics.means import column_means
from lightemma.evaluation.study import Study
from lightemma.evaluation.tables.base import Table


@dataclass(frozen=True, slots=True)
class ConventionRow:
    """One run's L2 by one convention, on its own ok frames, and its difference to the baseline on the same frames.

    Attributes:
        run: name of the run
        convention: the L2 convention of this row
        l2_1s: metres, L2 at 1 s
        l2_2s: metres, L2 at 2 s
        l2_3s: metres, L2 at 3 s
        l2_avg: metres, the convention's average L2
        diff_vs_baseline: metres of l2_avg above (+) or below (-) the baseline on the same frames
        ci_low: metres, lower end of the difference's scene-clustered 95 % interval
        ci_high: metres, upper end
        p_value: two-sided p that the difference is 0
    """

    run: str
    convention: str
    l2_1s: float
    l2_2s: float
    l2_3s: float
    l2_avg: float
    diff_vs_baseline: float
    ci_low: float
    ci_high: float
    p_value: float


class Conventions(Table[ConventionRow]):
    """The same plans by every L2 convention, not only by that of the comparison."""

    name = "conventions"
    Row = ConventionRow

    def caption(self, study: Study) -> str:
        """What the numbers are."""
        return f"The same plans by every L2 convention, {study.over}. Numbers of different conventions do not compare."

    def build(self, study: Study) -> list[ConventionRow]:
        """Every run by every convention."""
        keys = [(run, convention) for run in study.runs for convention in CONVENTIONS]
        columns = [study.above_baseline(run.errors, convention) for run, convention in keys]
        rows = []
        for (run, convention), diff in zip(keys, study.intervals(np.column_stack(columns)), strict=True):
            one, two, three, average = column_means(l2(run.errors[run.ok], convention))
            ends = (diff.mean, diff.low, diff.high, diff.p_value)
            if run is study.baseline:
                ends = (0.0, 0.0, 0.0, float("nan"))
            rows.append(ConventionRow(run.name, convention, one, two, three, average, *ends))
        return rows
