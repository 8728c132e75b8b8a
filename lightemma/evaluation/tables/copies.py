"""copies: how often a model only repeats the last action it was shown."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lightemma.evaluation.metrics.manoeuvres import STANDING_SPEED
from lightemma.evaluation.metrics.repeated_action import repeats_action
from lightemma.evaluation.study import Study
from lightemma.evaluation.tables.base import Table


@dataclass(frozen=True, slots=True)
class CopyRow:
    """How often a run's plan is nothing but the current action, six times.

    Attributes:
        run: name of the run
        frames: number of ok frames
        copies: number of ok frames whose six actions all are the current one to three decimals, as the prompt shows it
        share: share of the ok frames that are copies
        stationary_share: share of the copies in which the car stands now (below 0.5 m/s) and holding the action is often right
        share_ci_low: share, lower end of the scene-clustered 95 % interval of `share` (Korn & Graubard)
        share_ci_high: share, upper end
        few_events: "too few events" where fewer than 5 scenes have a copy
    """

    run: str
    frames: int
    copies: int
    share: float
    stationary_share: float
    share_ci_low: float
    share_ci_high: float
    few_events: str


class Copies(Table[CopyRow]):
    """How often a plan only repeats the current action: there the run is the baseline itself."""

    name = "copies"
    Row = CopyRow

    def caption(self, study: Study) -> str:
        """What the numbers are."""
        return "Plans that repeat the current action six times."

    def build(self, study: Study) -> list[CopyRow]:
        """One row per run."""
        same_in = [repeats_action(run.actions, run.history) for run in study.runs]
        columns = [np.where(run.ok, same, np.nan) for run, same in zip(study.runs, same_in, strict=True)]
        rows = []
        for run, same, found in zip(study.runs, same_in, study.shares(np.column_stack(columns)), strict=True):
            frames, copies = int(run.ok.sum()), int(same.sum())
            standing = int((same & (run.history[:, -1, 0] < STANDING_SPEED)).sum())
            rows.append(
                CopyRow(
                    run=run.name,
                    frames=frames,
                    copies=copies,
                    share=copies / frames if frames else float("nan"),
                    stationary_share=standing / copies if copies else float("nan"),
                    share_ci_low=found.low,
                    share_ci_high=found.high,
                    few_events=found.mark,
                )
            )
        return rows
