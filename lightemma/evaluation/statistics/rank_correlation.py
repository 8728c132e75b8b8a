"""How alike two rankings of the same things are: Spearman's and Pearson's correlations, and the worst mistakes."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from lightemma.frame import FloatArray

#: With fewer, a rank correlation says nothing.
FEWEST = 3
#: With fewer, its interval is nearly as wide as it can be.
FEWEST_FOR_INTERVAL = 5
_DRAWS = 1000


def spearman(one: FloatArray, other: FloatArray) -> float:
    """Pearson's correlation of the ranks, ties sharing their mean rank (Spearman, American Journal of Psychology 15, 1904).

    Args:
        one: (n,) values; NaN takes no part.
        other: (n,) values of the same things.

    Returns:
        -1 … 1; NaN with fewer than three pairs, or where one of them does not vary.
    """
    known = ~(np.isnan(one) | np.isnan(other))
    if known.sum() < FEWEST:
        return math.nan
    return pearson(_ranks(one[known]), _ranks(other[known]))


def spearman_interval(correlation: float, pairs: int) -> tuple[float, float]:
    """Its 95 % interval: Fisher's z with the variance (1 + r²/2) / (n - 3) of Bonett and Wright, Psychometrika 65, 2000.

    Args:
        correlation: Spearman's.
        pairs: number of pairs that it was made from.

    Returns:
        Both ends; NaN with fewer than five pairs, and for -1 and 1, about which it says nothing.
    """
    return _fisher(correlation, pairs, 1.0 + correlation**2 / 2.0)


def pearson(one: FloatArray, other: FloatArray) -> float:
    """Pearson's correlation; NaN where one does not vary."""
    first, second = one - one.mean(), other - other.mean()
    size = math.sqrt(float((first**2).sum() * (second**2).sum()))
    return float((first * second).sum()) / size if size else math.nan


def pearson_interval(correlation: float, pairs: int) -> tuple[float, float]:
    """Its 95 % interval: Fisher's z with the variance 1 / (n - 3) (Fisher, Metron 1, 1921).

    Args:
        correlation: Pearson's.
        pairs: number of pairs that it was made from.

    Returns:
        Both ends; NaN with fewer than five pairs, and for -1 and 1, about which it says nothing.
    """
    return _fisher(correlation, pairs, 1.0)


def rank_violation(true: FloatArray, other: FloatArray) -> float:
    """Mean maximum rank violation: for each thing the largest true difference to one that is ranked the other way round.

    From Li et al., Evaluating Real-World Robot Manipulation Policies in Simulation (SIMPLER), 2024, equation 2.

    Args:
        true: (n,) scores.
        other: (n,) scores of the same things, whose ranking is judged.
    """
    apart = np.abs(true[:, None] - true[None, :])
    wrong = (other[:, None] < other[None, :]) != (true[:, None] < true[None, :])
    return float((apart * wrong).max(axis=1).mean())


def rank_violation_interval(true: FloatArray, other: FloatArray, seed: int = 0) -> tuple[float, float]:
    """Its 95 % interval over the things that are ranked (percentile bootstrap, 1000 draws); NaN with fewer than five."""
    count = len(true)
    if count < FEWEST_FOR_INTERVAL:
        return math.nan, math.nan
    draws = np.random.default_rng(seed).integers(count, size=(_DRAWS, count))
    low, high = np.percentile([rank_violation(true[one], other[one]) for one in draws], [2.5, 97.5])
    return float(low), float(high)


def _fisher(correlation: float, pairs: int, variance: float) -> tuple[float, float]:
    if math.isnan(correlation) or pairs < FEWEST_FOR_INTERVAL or abs(correlation) >= 1.0 - 1e-12:
        return math.nan, math.nan
    half = NormalDist().inv_cdf(0.975) * math.sqrt(variance / (pairs - 3))
    middle = math.atanh(correlation)
    return math.tanh(middle - half), math.tanh(middle + half)


def _ranks(values: FloatArray) -> FloatArray:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks: FloatArray = (ends - (counts - 1) / 2.0)[place]
    return ranks
