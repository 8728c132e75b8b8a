"""Places of several means, and how far they spread over draws (percentile bootstrap of ranks).

Goldstein & Spiegelhalter, Journal of the Royal Statistical Society A 159, 1996.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lightemma.evaluation.statistics.bootstrap import CONFIDENCE
from lightemma.frame import FloatArray

_SAME = 1e-9  # metres: less is rounding


@dataclass(frozen=True, slots=True)
class Place:
    """One mean's place among several.

    Attributes:
        place: 1 is the smallest; equal means share a place.
        low: the best place in 95 % of the draws, never worse than ``place``.
        high: the worst, never better than ``place``.
        share_first: share of draws in which no other mean is smaller.
    """

    place: int
    low: int
    high: int
    share_first: float


def places(observed: FloatArray, drawn: FloatArray) -> list[Place]:
    """The place of every mean, with the 2.5 to 97.5 percentile of its places in the draws.

    Args:
        observed: (k,) means.
        drawn: (k, draws) the same means in every draw; draws with an unknown mean are left out.

    Returns:
        k places.
    """
    found = _places(observed[:, None])[:, 0]
    in_draws = _places(drawn[:, ~np.isnan(drawn[0])])
    tail = (1 - CONFIDENCE) / 2
    low = np.quantile(in_draws, tail, axis=1, method="inverted_cdf")
    high = np.quantile(in_draws, 1 - tail, axis=1, method="inverted_cdf")
    return [
        Place(int(place), int(min(low[k], place)), int(max(high[k], place)), float((in_draws[k] == 1).mean()))
        for k, place in enumerate(found.tolist())
    ]


def _places(means: FloatArray) -> FloatArray:
    """1 + how many are smaller, column by column: (k, draws) means to (k, draws) places."""
    counted = np.ones_like(means)
    for row in means:
        counted += row < means - _SAME
    return counted
