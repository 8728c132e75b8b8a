"""imputed: every run over all frames, failed ones filled in, so that no run gains by failing where driving is hard."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lightemma.evaluation.metrics.displacement import l2
from lightemma.evaluation.scores import RunScores
from lightemma.evaluation.statistics.means import column_means
from lightemma.evaluation.study import Study
from lightemma.evaluation.tables.base import Table
from lightemma.frame import FloatArray


@dataclass(frozen=True, slots=True)
class ImputedRow:
    """One run over all its frames; where it has no plan, it holds the last action as the baseline does.

    Attributes:
        run: name of the run
        frames: number of frames driven, all of which count
        imputed_frames: number of frames without a plan, which were filled in
        l2_1s: metres, L2 at 1 s
        l2_2s: metres, L2 at 2 s
        l2_3s: metres, L2 at 3 s
        l2_avg: metres, the convention's average L2
        diff_vs_baseline: metres of l2_avg above (+) or below (-) the baseline
        ci_low: metres, lower end of the difference's scene-clustered 95 % interval
        ci_high: metres, upper end
    """

    run: str
    frames: int
    imputed_frames: int
    l2_1s: float
    l2_2s: float
    l2_3s: float
    l2_avg: float
    diff_vs_baseline: float
    ci_low: float
    ci_high: float


class Imputed(Table[ImputedRow]):
    """All frames scored; where the run failed, by format or call, it holds the last action.

    Compared with `summary` it shows whether a run gains by failing on hard frames.
    """

    name = "imputed"
    Row = ImputedRow

    def caption(self, study: Study) -> str:
        """What the numbers are."""
        return (
            f"All frames; where a run has no plan it holds the last action, {study.over}. "
            f"L2 convention: {study.convention}."
        )

    def build(self, study: Study) -> list[ImputedRow]:
        """One row per run."""
        filled = [imputed_errors(run, study.baseline) for run in study.runs]
        columns = np.column_stack([study.above_baseline(errors) for errors in filled])
        rows = []
        for run, errors, diff in zip(study.runs, filled, study.intervals(columns), strict=True):
            one, two, three, average = column_means(l2(errors, study.convention))
            ends = (0.0, 0.0, 0.0) if run is study.baseline else (diff.mean, diff.low, diff.high)
            rows.append(ImputedRow(run.name, len(errors), int((~run.ok).sum()), one, two, three, average, *ends))
        return rows


def imputed_errors(run: RunScores, baseline: RunScores) -> FloatArray:
    """The run's step errors with the baseline's where it has no plan, (n, 6) metres.

    A car whose model fails must do something: it holds its last action.
    """
    errors: FloatArray = np.where(run.ok[:, None], run.errors, baseline.errors)
    return errors
