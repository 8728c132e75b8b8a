"""errors: how the frames of every run ended."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from lightemma.evaluation.scores import RunScores
from lightemma.evaluation.study import Study
from lightemma.evaluation.tables.base import Table
from lightemma.run_folder.records import OK

#: The outcome of scored plans beyond physics.
IMPLAUSIBLE = "ok:implausible"


@dataclass(frozen=True, slots=True)
class ErrorRow:
    """How many frames of a run ended in an outcome.

    Attributes:
        run: name of the run
        outcome: `ok`, `ok:implausible` (a scored plan beyond physics), `format:…` or `call:…`
        frames: number of frames
        share: share of the run's frames
        ci_low: share, lower end of its scene-clustered 95 % interval (Korn & Graubard)
        ci_high: share, upper end
        few_events: "too few events" where fewer than 5 scenes have such a frame
    """

    run: str
    outcome: str
    frames: int
    share: float
    ci_low: float
    ci_high: float
    few_events: str


class Errors(Table[ErrorRow]):
    """How the frames ended; the outcomes are explained in [parsing](parsing.md)."""

    name = "errors"
    Row = ErrorRow

    def caption(self, study: Study) -> str:
        """What the numbers are."""
        return f"How the frames ended, {study.over}."

    def build(self, study: Study) -> list[ErrorRow]:
        """One row per run and outcome, by name."""
        rows = []
        for run in study.runs:
            outcomes = np.array(outcomes_of(run))
            names = sorted(Counter(outcomes.tolist()))
            found = study.shares(np.column_stack([(outcomes == name).astype(np.float64) for name in names]))
            rows += [
                ErrorRow(run.name, name, int((outcomes == name).sum()), one.share, one.low, one.high, one.mark)
                for name, one in zip(names, found, strict=True)
            ]
        return rows


def outcomes_of(run: RunScores) -> list[str]:
    """Every frame's outcome, with scored plans beyond physics as ``ok:implausible``."""
    return [
        IMPLAUSIBLE if outcome == OK and beyond else outcome
        for outcome, beyond in zip(run.outcomes, run.implausible.tolist(), strict=True)
    ]
