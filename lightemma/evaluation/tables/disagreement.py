"""disagreement: how far models contradict each other about the same picture."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from lightemma.evaluation.reasoning.readings import CLAIM_FIELDS
from lightemma.evaluation.statistics.means import mean
from lightemma.evaluation.study import Study
from lightemma.evaluation.tables.base import Table
from lightemma.evaluation.tables.claims import claim_column
from lightemma.frame import FloatArray

DIRECTION = "direction"


@dataclass(frozen=True, slots=True)
class DisagreementRow:
    """Two models about the same pictures.

    Attributes:
        run: name of the run
        other: name of the other run
        about: a claim of the descriptions (claimed or not), or `direction`: faster, as fast or slower in the next 3 s
        frames: number of frames in which both say something
        disagree: share of these in which they say different things
        disagree_ci_low: share, lower end of its scene-clustered 95 % interval (Korn & Graubard)
        disagree_ci_high: share, upper end
        kappa: Cohen's, a factor: 1 full agreement, 0 as by chance
        contradict: share in which one claims what the other denies; for `direction`, one says faster and the other slower
    """

    run: str
    other: str
    about: str
    frames: int
    disagree: float
    disagree_ci_low: float
    disagree_ci_high: float
    kappa: float
    contradict: float


class Disagreement(Table[DisagreementRow]):
    """Pairs of models about the same pictures, without any annotation.

    Two that contradict each other cannot both be right. A model that agrees with no other one is to be looked at first.
    """

    name = "disagreement"
    ALWAYS = False
    Row = DisagreementRow

    def caption(self, study: Study) -> str:
        """What the numbers are."""
        return f"How far models say different things of the same pictures, {study.over}."

    def build(self, study: Study) -> list[DisagreementRow]:
        """One row per pair of models and question."""
        said = {
            name: {DIRECTION: one.said} | {f: claim_column(one, f, "claimed") for f in CLAIM_FIELDS}
            for name, one in study.ledgers.items()
        }
        denied = {
            name: {f: claim_column(one, f, "denied") for f in CLAIM_FIELDS} for name, one in study.ledgers.items()
        }
        keys = [(one, other, about) for one, other in combinations(said, 2) for about in (DIRECTION, *CLAIM_FIELDS)]
        if not keys:
            return []
        columns = []
        for one, other, about in keys:
            first, second = said[one][about], said[other][about]
            columns.append(np.where(np.isnan(first + second), np.nan, first != second))
        rows = []
        for (one, other, about), found in zip(keys, study.shares(np.column_stack(columns)), strict=True):
            first, second = said[one][about], said[other][about]
            if about == DIRECTION:
                opposed = first * second == -1
            else:
                opposed = ((first == 1) & (denied[other][about] == 1)) | ((second == 1) & (denied[one][about] == 1))
            rows.append(
                DisagreementRow(
                    run=one,
                    other=other,
                    about=about,
                    frames=found.frames,
                    disagree=found.share,
                    disagree_ci_low=found.low,
                    disagree_ci_high=found.high,
                    kappa=_kappa(first, second),
                    contradict=mean(np.where(np.isnan(first + second), np.nan, opposed)),
                )
            )
        return rows


def _kappa(one: FloatArray, other: FloatArray) -> float:
    """Cohen's kappa of two columns over the frames that both know."""
    both = ~np.isnan(one + other)
    first, second = one[both], other[both]
    if not len(first):
        return float("nan")
    chance = sum(float((first == value).mean() * (second == value).mean()) for value in np.unique(first))
    return float(((first == second).mean() - chance) / (1 - chance)) if chance < 1 else float("nan")
