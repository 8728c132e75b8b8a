"""The numbers that the page can switch between: every run by L2 convention and by subset of frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lightemma.evaluation.comparison import Comparison
from lightemma.evaluation.metrics.displacement import CONVENTIONS, Convention, l2
from lightemma.evaluation.statistics.means import column_means
from lightemma.evaluation.study import Study
from lightemma.evaluation.tables.common import Common
from lightemma.evaluation.tables.conventions import ConventionRow, Conventions
from lightemma.evaluation.tables.summary import SummaryRow
from lightemma.frame import FloatArray

SUBSETS = ("own", "common")


@dataclass(frozen=True, slots=True)
class ViewRow:
    """One run by one convention on one subset: metres, metres against the baseline, and whether these are significant."""

    run: str
    l2_1s: float
    l2_2s: float
    l2_3s: float
    l2_avg: float
    diff: float
    ci_low: float
    ci_high: float
    significant: str


def view_rows(comparison: Comparison) -> dict[str, dict[str, list[ViewRow]]]:
    """Convention -> subset -> one row per run, in the order of the summary.

    What the comparison's tables have is taken from them; only what no table has (other conventions on the common frames)
    is computed here, with the intervals of the same study.
    """
    return {
        convention: {
            "own": [_row(row) for row in comparison.rows(Conventions) if row.convention == convention],
            "common": [_row(row) for row in comparison.rows(Common)]
            if convention == comparison.convention
            else _computed(comparison.study, convention),
        }
        for convention in CONVENTIONS
    }


def horizon_curves(study: Study) -> dict[str, dict[str, dict[str, list[list[float]]]]]:
    """Convention -> subset -> run -> points of [seconds, mean error, low, high], metres, from 0.5 s; NaN where unknown.

    ``lightemma`` and ``endpoint`` are drawn as the error of each step: what ``lightemma`` calls 1, 2 and 3 s are means of two
    of them. The lower end stops at 0: no distance is smaller.
    """
    runs = study.runs
    found: dict[str, dict[str, dict[str, list[list[float]]]]] = {name: {} for name in CONVENTIONS}
    for subset in SUBSETS:
        masks = [run.ok for run in runs] if subset == "own" else [study.common] * len(runs)
        for convention in CONVENTIONS:
            curves = [
                np.where(mask[:, None], _curve(run.errors, convention), np.nan)
                for run, mask in zip(runs, masks, strict=True)
            ]
            steps = curves[0].shape[1]
            intervals = study.intervals(np.concatenate(curves, axis=1))
            found[convention][subset] = {
                run.name: [
                    [3 * (step + 1) / steps, point.mean, float(np.maximum(point.low, 0.0)), point.high]
                    for step, point in enumerate(intervals[steps * number : steps * (number + 1)])
                ]
                for number, run in enumerate(runs)
            }
    return found


def _curve(errors: FloatArray, convention: Convention) -> FloatArray:
    """A convention's L2 as it grows: (n, 6) metres to (n, 6), the last at 3 s."""
    if convention == "cumulative":
        means: FloatArray = np.cumsum(errors, axis=1) / np.arange(1, 7)
        return means
    return errors


def _row(row: ConventionRow | SummaryRow) -> ViewRow:
    return ViewRow(
        run=row.run,
        l2_1s=row.l2_1s,
        l2_2s=row.l2_2s,
        l2_3s=row.l2_3s,
        l2_avg=row.l2_avg,
        diff=row.diff_vs_baseline,
        ci_low=row.ci_low,
        ci_high=row.ci_high,
        significant=row.significant,
    )


def _computed(study: Study, convention: Convention) -> list[ViewRow]:
    """One row per run on the common frames, by another convention than the comparison's."""
    against = study.against_baseline(convention, common=True)
    rows = []
    for run in study.runs:
        at_1s, at_2s, at_3s, average = column_means(l2(run.errors, convention)[study.common])
        pair = against.get(run.name)
        diff, low, high = 0.0, 0.0, 0.0
        if pair is not None:
            diff, low, high = pair.difference.mean, pair.difference.low, pair.difference.high
        verdict = "" if pair is None else pair.significant
        rows.append(ViewRow(run.name, at_1s, at_2s, at_3s, average, diff, low, high, verdict))
    return rows
