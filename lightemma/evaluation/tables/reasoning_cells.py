"""reasoning_cells: words right or wrong, followed or departed from: how often, and what it costs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lightemma.evaluation.reasoning.ledger import CELLS
from lightemma.evaluation.study import Study
from lightemma.evaluation.tables.base import Table


@dataclass(frozen=True, slots=True)
class CellRow:
    """One of the four ways in which words, plan and recorded drive go together.

    Attributes:
        run: name of the run
        words: `right` or `wrong`: whether the words say what the recorded car did
        plan: `followed` or `departed`: whether the plan does what the words say
        frames: number of judged frames in the cell
        share: share of the judged frames
        share_ci_low: share, lower end of its scene-clustered 95 % interval (Korn & Graubard)
        share_ci_high: share, upper end
        diff_vs_baseline: metres of l2_avg above (+) or below (-) the baseline on these frames
        ci_low: metres, lower end of its scene-clustered 95 % interval (CR2)
        ci_high: metres, upper end
        few_events: "too few events" where fewer than 5 scenes have such a frame
    """

    run: str
    words: str
    plan: str
    frames: int
    share: float
    share_ci_low: float
    share_ci_high: float
    diff_vs_baseline: float
    ci_low: float
    ci_high: float
    few_events: str


class ReasoningCells(Table[CellRow]):
    """The four cells of every model: what it said right or wrong, and whether it did it.

    Right and followed: it understands and acts on it. Right and departed: the words are not connected with the plan. Wrong and
    followed: an honest mistake. Wrong and departed: neither.
    """

    name = "reasoning_cells"
    ALWAYS = False
    Row = CellRow

    def caption(self, study: Study) -> str:
        """What the numbers are."""
        return f"Words right or wrong, followed or departed from, {study.over}. L2 convention: {study.convention}."

    def build(self, study: Study) -> list[CellRow]:
        """Four rows per model."""
        keys, events, above = [], [], []
        for run in study.models:
            cells = study.ledgers[run.name].cells()
            for number, (words, plan) in enumerate(CELLS):
                inside = np.where(np.isnan(cells), np.nan, cells == number)
                keys.append((run.name, words, plan))
                events.append(inside)
                above.append(np.where(inside == 1, study.above_baseline(run.errors), np.nan))
        if not keys:
            return []
        shares, differences = study.shares(np.column_stack(events)), study.intervals(np.column_stack(above))
        return [
            CellRow(
                run=run,
                words=words,
                plan=plan,
                frames=found.frames,
                share=share.share,
                share_ci_low=share.low,
                share_ci_high=share.high,
                diff_vs_baseline=found.mean,
                ci_low=found.low,
                ci_high=found.high,
                few_events=share.mark,
            )
            for (run, words, plan), share, found in zip(keys, shares, differences, strict=True)
        ]
