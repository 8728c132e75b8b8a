"""conventions: the same plans by every L2 convention."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product

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
        p_holm: the same p after Holm's correction over all pairs of runs by this convention
        significant: "better" or "worse" where p_holm is below 0.05 over 8 scenes or more
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
    p_holm: float
    significant: str


class Conventions(Table[ConventionRow]):
    """The same plans by every L2 convention, not only by that of the comparison."""

    name = "conventions"
    Row = ConventionRow

    def caption(self, study: Study) -> str:
        """What the numbers are."""
        return f"The same plans by every L2 convention, {study.over}. Numbers of different conventions do not compare."

    def build(self, study: Study) -> list[ConventionRow]:
        """Every run by every convention."""
        found = {convention: study.against_baseline(convention) for convention in CONVENTIONS}
        rows = []
        for run, convention in product(study.runs, CONVENTIONS):
            one, two, three, average = column_means(l2(run.errors[run.ok], convention))
            pair = found[convention].get(run.name)
            diff = None if pair is None else pair.difference
            rows.append(
                ConventionRow(
                    run=run.name,
                    convention=convention,
                    l2_1s=one,
                    l2_2s=two,
                    l2_3s=three,
                    l2_avg=average,
                    diff_vs_baseline=0.0 if diff is None else diff.mean,
                    ci_low=0.0 if diff is None else diff.low,
                    ci_high=0.0 if diff is None else diff.high,
                    p_value=math.nan if diff is None else diff.p_value,
                    p_holm=math.nan if pair is None else pair.p_holm,
                    significant="" if pair is None else pair.significant,
                )
            )
        return rows
