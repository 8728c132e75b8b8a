"""references: plans made from those of all models, to measure single models by: their median, and the best of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lightemma.evaluation.metrics.displacement import final_error, l2, misses, step_errors
from lightemma.evaluation.metrics.ensembles import best_errors, median_trajectory
from lightemma.evaluation.statistics.means import column_means, mean
from lightemma.evaluation.statistics.shares import few_events
from lightemma.evaluation.study import Study
from lightemma.evaluation.tables.base import Table
from lightemma.frame import FloatArray

LEAST_FOR_MEDIAN = 3
LEAST_FOR_BEST = 2


@dataclass(frozen=True, slots=True)
class ReferenceRow:
    """A plan made from those of all models: their coordinate-wise median, or per frame the best of them.

    Attributes:
        run: `coordinate-median of N` or `best of N`
        runs: number of models it is made from, N
        frames: number of frames where at least one of them is ok
        l2_1s: metres, L2 at 1 s
        l2_2s: metres, L2 at 2 s
        l2_3s: metres, L2 at 3 s
        l2_avg: metres, the convention's average L2
        fde: metres, distance at the last point (3 s)
        miss_rate_2m: share of frames with a point more than 2 m off
        diff_vs_baseline: metres of l2_avg above (+) or below (-) the baseline on the same frames
        ci_low: metres, lower end of the difference's scene-clustered 95 % interval
        ci_high: metres, upper end
        miss_rate_2m_ci_low: share, lower end of its scene-clustered 95 % interval (Korn & Graubard)
        miss_rate_2m_ci_high: share, upper end
        few_events: the columns of shares whose event is in fewer than 5 scenes: one more or less would change them much
    """

    run: str
    runs: int
    frames: int
    l2_1s: float
    l2_2s: float
    l2_3s: float
    l2_avg: float
    fde: float
    miss_rate_2m: float
    diff_vs_baseline: float
    ci_low: float
    ci_high: float
    miss_rate_2m_ci_low: float
    miss_rate_2m_ci_high: float
    few_events: str


class References(Table[ReferenceRow]):
    """Plans that are made from those of all models.

    `coordinate-median of N` is the plan whose every x and y is the median of those of the N models that have one (three
    models or more), and `best of N` is per frame the plan with the smallest l2_avg, an oracle that knows the future (two
    models or more). Formulas and the baseline take no part.
    """

    name = "references"
    Row = ReferenceRow

    def caption(self, study: Study) -> str:
        """What the numbers are."""
        return (
            "Made from the plans of all models: their median, and the best of them per frame. "
            f"L2 convention: {study.convention}."
        )

    def build(self, study: Study) -> list[ReferenceRow]:
        """The median and the best, where there are models enough."""
        found = _made(study)
        if not found:
            return []
        intervals = study.intervals(np.column_stack([study.above_baseline(errors) for _, errors in found]))
        missed = study.shares(np.column_stack([misses(errors) for _, errors in found]))
        rows = []
        for (name, errors), diff, miss in zip(found, intervals, missed, strict=True):
            known = errors[~np.isnan(errors[:, 0])]
            one, two, three, average = column_means(l2(known, study.convention))
            rows.append(
                ReferenceRow(
                    run=name,
                    runs=len(study.models),
                    frames=len(known),
                    l2_1s=one,
                    l2_2s=two,
                    l2_3s=three,
                    l2_avg=average,
                    fde=mean(final_error(known)),
                    miss_rate_2m=miss.share,
                    diff_vs_baseline=diff.mean,
                    ci_low=diff.low,
                    ci_high=diff.high,
                    miss_rate_2m_ci_low=miss.low,
                    miss_rate_2m_ci_high=miss.high,
                    few_events=few_events({"miss_rate_2m": miss}),
                )
            )
        return rows


def _made(study: Study) -> list[tuple[str, FloatArray]]:
    """Name and (n, 6) step errors in metres of every plan that can be made from these models."""
    models = study.models
    found: list[tuple[str, FloatArray]] = []
    if len(models) >= LEAST_FOR_MEDIAN:
        trajectory = median_trajectory([run.trajectory for run in models])
        found.append((f"coordinate-median of {len(models)}", step_errors(trajectory, study.baseline.truth)))
    if len(models) >= LEAST_FOR_BEST:
        averages = [study.averages[run.name] for run in models]
        found.append((f"best of {len(models)}", best_errors([run.errors for run in models], averages)))
    return found
