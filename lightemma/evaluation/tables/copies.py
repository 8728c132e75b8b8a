"""copies: how often a model only repeats the last action it was shown."""

from __future__ import annotations

from dataclasses import dataclass

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
        stationary_share: share of the copies in which the car is stationary now (below 0.5 m/s), where holding the
            action is often right
    """

    run: str
    frames: int
    copies: int
    share: float
    stationary_share: float


class Copies(Table[CopyRow]):
    """How often a plan only repeats the current action: there the run is the baseline itself."""

    name = "copies"
    Row = CopyRow

    def caption(self, study: Study) -> str:
        """What the numbers are."""
        return "Plans that repeat the current action six times."

    def build(self, study: Study) -> list[CopyRow]:
        """One row per run."""
        rows = []
        for run in study.runs:
            same, frames = repeats_action(run.actions, run.history), int(run.ok.sum())
            copies = int(same.sum())
            standing = int((same & (run.history[:, -1, 0] < STANDING_SPEED)).sum())
            rows.append(
                CopyRow(
                    run=run.name,
                    frames=frames,
                    copies=copies,
                    share=copies / frames if frames else float("nan"),
                    stationary_share=standing / copies if copies else float("nan"),
                )
            )
        return rows
