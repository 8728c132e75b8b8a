"""How often a model only repeats the last action it was shown."""

from __future__ import annotations

import numpy as np

from lightemma.evaluation.comparison_data import Mask, Study
from lightemma.evaluation.rows import CopyRow
from lightemma.evaluation.scores import RunScores
from lightemma.evaluation.strata import STANDING_SPEED
from lightemma.protocol import LIGHTEMMA


def copied(run: RunScores) -> Mask:
    """Frames whose six actions all are the current one, (n,); False where there is no plan.

    Compared after rounding to three decimals, the precision that the prompt shows the current action in.
    """
    planned = np.round(run.actions, LIGHTEMMA.decimals)
    current = np.round(run.history[:, -1:, :], LIGHTEMMA.decimals)
    same: Mask = (planned == current).all(axis=(1, 2))
    return same


def copy_rows(study: Study) -> list[CopyRow]:
    """Every run's copies."""
    rows = []
    for run in study.runs:
        same, frames = copied(run), int(run.ok.sum())
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
