"""common: one row per run on the frames that are ok in every run."""

from __future__ import annotations

from lightemma.evaluation.study import Study
from lightemma.evaluation.tables.base import Table
from lightemma.evaluation.tables.summary import PAGE, SummaryRow, summary_row


class Common(Table[SummaryRow]):
    """The same as `summary` on the frames that are ok in every run."""

    name = "common"
    Row = SummaryRow
    PAGE = PAGE

    def caption(self, study: Study) -> str:
        """What the numbers are."""
        return f"All runs on the frames that are ok in every run, of {study.over}. L2 convention: {study.convention}."

    def build(self, study: Study) -> list[SummaryRow]:
        """One row per run over the frames that all have."""
        differences = study.differences([study.common] * len(study.runs))
        against = study.against_baseline(common=True)
        return [
            summary_row(study, run, study.common, diff, against.get(run.name))
            for run, diff in zip(study.runs, differences, strict=True)
        ]
