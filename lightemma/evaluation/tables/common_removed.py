"""common_removed: which run takes how many frames out of the common set."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lightemma.evaluation.study import Study
from lightemma.evaluation.tables.base import Table


@dataclass(frozen=True, slots=True)
class RemovedRow:
    """How many frames a run takes out of the common set.

    Attributes:
        run: name of the run
        frames_removed: number of frames that are not ok in this run
        frames_removed_alone: number of frames that are not ok in this run only
    """

    run: str
    frames_removed: int
    frames_removed_alone: int


class CommonRemoved(Table[RemovedRow]):
    """Which run makes the common set smaller, and by how many frames."""

    name = "common_removed"
    Row = RemovedRow

    def caption(self, study: Study) -> str:
        """What the numbers are."""
        return "Frames each run takes out of the common set, and those that only it takes out."

    def build(self, study: Study) -> list[RemovedRow]:
        """One row per run."""
        failed = np.array([~run.ok for run in study.runs])
        alone = failed & (failed.sum(axis=0) == 1)
        return [
            RemovedRow(run.name, int(mine.sum()), int(only.sum()))
            for run, mine, only in zip(study.runs, failed, alone, strict=True)
        ]
