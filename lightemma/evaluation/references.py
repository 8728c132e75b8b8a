"""Marks to measure models by that are made from the models themselves: their median, and the best of them per frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lightemma.evaluation.comparison_data import Study, column_means
from lightemma.evaluation.metrics.displacement import final_error, l2, misses, step_errors
from lightemma.evaluation.rows import ReferenceRow
from lightemma.evaluation.scores import RunScores
from lightemma.frame import FloatArray

LEAST_FOR_MEDIAN = 3
LEAST_FOR_BEST = 2


def median_trajectory(trajectories: Sequence[FloatArray]) -> FloatArray:
    """The coordinate-wise median of several plans for the same frames.

    Args:
        trajectories: (n, 6, 2) metres each, NaN where there is no plan.

    Returns:
        (n, 6, 2) metres; over those that have a plan, NaN where none has.
    """
    stacked = np.stack(trajectories)
    median = np.full(stacked.shape[1:], np.nan)
    planned = ~np.isnan(stacked[:, :, 0, 0]).all(axis=0)
    median[planned] = np.nanmedian(stacked[:, planned], axis=0)
    return median


def best_errors(errors: Sequence[FloatArray], averages: Sequence[FloatArray]) -> FloatArray:
    """The step errors of the plan with the smallest average, frame by frame: an oracle that knows the future.

    Args:
        errors: (n, 6) metres each, NaN where there is no plan.
        averages: (n,) metres each, the l2_avg to choose by.

    Returns:
        (n, 6) metres, NaN where none has a plan.
    """
    ranked = np.where(np.isnan(averages), np.inf, averages)
    chosen = ranked.argmin(axis=0)
    best: FloatArray = np.stack(errors)[chosen, np.arange(chosen.size)]
    return best


def reference_rows(study: Study) -> list[ReferenceRow]:
    """The median of three models or more and the best of two or more; no rows for fewer, and none from formulas."""
    models = study.models
    found: list[tuple[str, FloatArray]] = []
    if len(models) >= LEAST_FOR_MEDIAN:
        trajectory = median_trajectory([run.trajectory for run in models])
        found.append((f"coordinate-median of {len(models)}", step_errors(trajectory, study.baseline.truth)))
    if len(models) >= LEAST_FOR_BEST:
        found.append((f"best of {len(models)}", _best(study, models)))
    if not found:
        return []
    intervals = study.bootstrap.intervals(np.column_stack([study.above_baseline(errors) for _, errors in found]))
    rows = []
    for (name, errors), diff in zip(found, intervals, strict=True):
        known = errors[~np.isnan(errors[:, 0])]
        one, two, three, average = column_means(l2(known, study.convention))
        rows.append(
            ReferenceRow(
                run=name,
                runs=len(models),
                frames=len(known),
                l2_1s=one,
                l2_2s=two,
                l2_3s=three,
                l2_avg=average,
                fde=column_means(final_error(known)[:, None])[0],
                miss_rate_2m=column_means(misses(known)[:, None])[0],
                diff_vs_baseline=diff.mean,
                ci_low=diff.low,
                ci_high=diff.high,
            )
        )
    return rows


def _best(study: Study, models: Sequence[RunScores]) -> FloatArray:
    return best_errors([run.errors for run in models], [study.averages[run.name] for run in models])
