"""Spearman's rank correlation."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from lightemma.frame import FloatArray

#: With fewer, a rank correlation says nothing.
FEWEST = 3
#: With fewer, its interval is nearly as wide as it can be.
FEWEST_FOR_INTERVAL = 5


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
    first, second = _ranks(one[known]), _ranks(other[known])
    first, second = first - first.mean(), second - second.mean()
    size = math.sqrt(float((first**2).sum()) * float((second**2).sum()))
    return float((first * second).sum()) / size if size else math.nan


def spearman_interval(correlation: float, pairs: int) -> tuple[float, float]:
    """Its 95 % interval: Fisher's z with the variance (1 + r²/2) / (n - 3) of Bonett and Wright, Psychometrika 65, 2000.

    Args:
        correlation: Spearman's.
        pairs: number of pairs that it was made from.

    Returns:
        Both ends; NaN with fewer than five pairs, and for -1 and 1, about which it says nothing.
    """
    if math.isnan(correlation) or pairs < FEWEST_FOR_INTERVAL or abs(correlation) >= 1.0 - 1e-12:
        return math.nan, math.nan
    half = NormalDist().inv_cdf(0.975) * math.sqrt((1.0 + correlation**2 / 2.0) / (pairs - 3))
    middle = math.atanh(correlation)
    return math.tanh(middle - half), math.tanh(middle + half)


def _ranks(values: FloatArray) -> FloatArray:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks: FloatArray = (ends - (counts - 1) / 2.0)[place]
    return ranks
