"""Comparison of closed-loop runs: one study, and every table that is made from it."""

from __future__ import annotations

from collections.abc import Sequence

from lightemma.closed_loop.paper import paper_table
from lightemma.closed_loop.study import DrivenRun, DrivenStudy
from lightemma.closed_loop.tables import TABLES, WORLDS
from lightemma.closed_loop.tables.closed_loop import ClosedLoop
from lightemma.evaluation.tables.base import TableSet, build
from lightemma.paper_tables import PaperTable


class ClosedLoopResults(TableSet[DrivenStudy]):
    """A study of closed-loop runs and its tables."""

    def paper(self) -> PaperTable:
        """The table for a paper."""
        return paper_table(self.study, self.rows(ClosedLoop))


def results_of(runs: Sequence[DrivenRun]) -> ClosedLoopResults:
    """The tables of runs, each over its own finished episodes; pairs over those that both have.

    Raises:
        UserError: if runs were driven under different rules.
    """
    study = DrivenStudy(runs)
    return ClosedLoopResults(study, {table.name: build(table, study) for table in TABLES})


def agreement_of(runs: Sequence[DrivenRun]) -> TableSet[Sequence[DrivenRun]]:
    """How alike the worlds of some runs rank the drivers that drove in several of them."""
    return TableSet(runs, {WORLDS.name: build(WORLDS, runs)})
