"""Spearman's rank correlation."""

from __future__ import annotations

import math

import numpy as np

from lightemma.frame import FloatArray

#: With fewer, a rank correlation says nothing.
FEWEST = 3


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


def _ranks(values: FloatArray) -> FloatArray:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks: FloatArray = (ends - (counts - 1) / 2.0)[place]
    return ranks
