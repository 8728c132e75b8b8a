"""references: what single models are measured by: the median and the best of all of them, and the recorded actions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lightemma.evaluation.metrics.displacement import final_error, l2, misses, step_errors
from lightemma.evaluation.metrics.ensembles import best_errors, median_trajectory
from lightemma.evaluation.metrics.recorded_actions import recorded_actions
from lightemma.evaluation.statistics.means import column_means, mean
from lightemma.evaluation.statistics.shares import few_events
from lightemma.evaluation.study import Study
from lightemma.evaluation.tables.base import Table
from lightemma.frame import FloatArray
from lightemma.kinematics import integrate

#: The row of the integrator's floor.
RECORDED_ACTIONS = "recorded actions"
LEAST_FOR_MEDIAN = 3
LEAST_FOR_BEST = 2


@dataclass(frozen=True, slots=True)
class ReferenceRow:
    """A plan that no run made: of all models the coordinate-wise median or per frame the best, or the recorded actions.

    Attributes:
        run: `coordinate-median of N`, `best of N` or `recorded actions`
        runs: number of models it is made from, N; 0 for the recorded actions
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
    """Plans that no run made.

    `coordinate-median of N` is the plan whose every x and y is the median of those of the N models that have one (three
    models or more), and `best of N` is per frame the plan with the smallest l2_avg, an oracle that knows the future (two
    models or more). Formulas and the baseline take no part. `recorded actions` is the plan of whoever knows the future,
    the recorded car's own speeds and curvatures by the protocol, integrated as every plan is: what it is off by is what
    six pairs of speed and curvature cost, and no run can be expected below it.
    """

    name = "references"
    Row = ReferenceRow

    def caption(self, study: Study) -> str:
        """What the numbers are."""
        return (
            "The median of all models' plans, the best of them per frame, and the recorded actions, integrated. "
            f"L2 convention: {study.convention}."
        )

    def build(self, study: Study) -> list[ReferenceRow]:
        """The median and the best, where there are models enough, and the recorded actions, where there is a future."""
        found = [(name, count, errors) for name, count, errors in _made(study) if not np.isnan(errors).all()]
        if not found:
            return []
        intervals = study.intervals(np.column_stack([study.above_baseline(errors) for _, _, errors in found]))
        missed = study.shares(np.column_stack([misses(errors) for _, _, errors in found]))
        rows = []
        for (name, count, errors), diff, miss in zip(found, intervals, missed, strict=True):
            known = errors[~np.isnan(errors[:, 0])]
            one, two, three, average = column_means(l2(known, study.convention))
            rows.append(
                ReferenceRow(
                    run=name,
                    runs=count,
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


def _made(study: Study) -> list[tuple[str, int, FloatArray]]:
    """Name, number of models and (n, 6) step errors in metres of every plan that can be made."""
    models, truth = study.models, study.baseline.truth
    found: list[tuple[str, int, FloatArray]] = []
    if len(models) >= LEAST_FOR_MEDIAN:
        trajectory = median_trajectory([run.trajectory for run in models])
        found.append((f"coordinate-median of {len(models)}", len(models), step_errors(trajectory, truth)))
    if len(models) >= LEAST_FOR_BEST:
        averages = [study.averages[run.name] for run in models]
        found.append((f"best of {len(models)}", len(models), best_errors([run.errors for run in models], averages)))
    trajectory = integrate(recorded_actions(study.baseline), study.baseline.protocol)
    return [*found, (RECORDED_ACTIONS, 0, step_errors(trajectory, truth))]
