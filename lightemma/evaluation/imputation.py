"""Failed frames filled in, so that no run gains by failing where driving is hard."""

from __future__ import annotations

import numpy as np

from lightemma.evaluation.comparison_data import Study, column_means
from lightemma.evaluation.metrics.displacement import l2
from lightemma.evaluation.rows import ImputedRow
from lightemma.evaluation.scores import RunScores
from lightemma.frame import FloatArray


def imputed_errors(run: RunScores, baseline: RunScores) -> FloatArray:
    """The run's step errors with the baseline's where it has no plan, (n, 6) metres.

    A car whose model fails must do something: it holds its last action.
    """
    errors: FloatArray = np.where(run.ok[:, None], run.errors, baseline.errors)
    return errors


def imputed_rows(study: Study) -> list[ImputedRow]:
    """Every run over all frames."""
    filled = [imputed_errors(run, study.baseline) for run in study.runs]
    columns = np.column_stack([study.above_baseline(errors) for errors in filled])
    rows = []
    for run, errors, diff in zip(study.runs, filled, study.bootstrap.intervals(columns), strict=True):
        one, two, three, average = column_means(l2(errors, study.convention))
        ends = (0.0, 0.0, 0.0) if run is study.baseline else (diff.mean, diff.low, diff.high)
        rows.append(ImputedRow(run.name, len(errors), int((~run.ok).sum()), one, two, three, average, *ends))
    return rows
