"""How well an imagined world ranks drivers: correlations with the true ranking, and how bad its worst mistakes are."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lightemma.evaluation.statistics.rank_correlation import pearson, rank_violation, spearman
from lightemma.frame import FloatArray

#: Draws of a bootstrap over starts.
DRAWS = 1000


@dataclass(frozen=True, slots=True)
class Agreement:
    """One figure with its 95 % interval over starts (percentile bootstrap).

    Attributes:
        value: over all drivers.
        low: lower end.
        high: upper end.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Ranking:
    """How alike two worlds rank drivers.

    Attributes:
        spearman: correlation of ranks.
        pearson: correlation of mean scores.
        violation: mean maximum rank violation, in points of the true score; 0 is best.
        drivers: number of them.
        starts: number of starts.
    """

    spearman: Agreement
    pearson: Agreement
    violation: Agreement
    drivers: int
    starts: int


def ranking(true: FloatArray, imagined: FloatArray, seed: int = 0) -> Ranking:
    """Compares scores of drivers in two worlds.

    Args:
        true: (drivers, starts) in the true world.
        imagined: (drivers, starts) of the same drives in the imagined one.
        seed: of the bootstrap.
    """
    rng = np.random.default_rng(seed)
    draws = [rng.integers(true.shape[1], size=true.shape[1]) for _ in range(DRAWS)]

    def of(figure: str) -> Agreement:
        measure = {"spearman": spearman, "pearson": pearson, "violation": rank_violation}[figure]
        found = [measure(true[:, rows].mean(axis=1), imagined[:, rows].mean(axis=1)) for rows in draws]
        known = [one for one in found if math.isfinite(one)]
        low, high = np.percentile(known, [2.5, 97.5]).tolist() if known else (math.nan, math.nan)
        return Agreement(measure(true.mean(axis=1), imagined.mean(axis=1)), low, high)

    return Ranking(of("spearman"), of("pearson"), of("violation"), *true.shape)
