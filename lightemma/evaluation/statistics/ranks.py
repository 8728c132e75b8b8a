"""Places of several means, and which places the tests between them leave open.

Mogstad, Romano, Shaikh & Wilhelm, Inference for Ranks with Applications to Mobility across Neighbourhoods and Academic
Achievement across Countries, Review of Economic Studies 91(1), 2024: a mean is placed no better than behind all that are
significantly smaller, and no worse than before all that are significantly larger. Corrected over one mean's own comparisons,
its places hold the true one with 95 %; corrected over all pairs, the places of all means do so at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from lightemma.evaluation.statistics.interval import Interval
from lightemma.evaluation.statistics.multiple_testing import LEVEL, holm
from lightemma.frame import FloatArray

_SAME = 1e-9  # metres: less is rounding


@dataclass(frozen=True, slots=True)
class Place:
    """One mean's place among several.

    Attributes:
        place: 1 is the smallest; equal means share a place.
        low: the best place that its own comparisons leave open, never worse than ``place``.
        high: the worst, never better than ``place``.
        low_together: the best place that all comparisons together leave open, never worse than ``low``.
        high_together: the worst.
        share_first: share of draws in which no other mean is smaller.
    """

    place: int
    low: int
    high: int
    low_together: int
    high_together: int
    share_first: float


def pairs_of(count: int) -> list[tuple[int, int]]:
    """All pairs of ``count`` means, in the order in which :func:`places` takes their differences."""
    return list(combinations(range(count), 2))


def places(observed: FloatArray, differences: list[Interval], drawn: FloatArray) -> list[Place]:
    """The place of every mean.

    Args:
        observed: (k,) means.
        differences: the first mean less the second of every pair, in the order of :func:`pairs_of`.
        drawn: (k, draws) the same means in every draw of scenes; draws with an unknown mean are left out.

    Returns:
        k places.
    """
    found = _places(observed[:, None])[:, 0]
    first = (_places(drawn[:, ~np.isnan(drawn[0])]) == 1).mean(axis=1)
    pairs = pairs_of(len(observed))
    together = dict(zip(pairs, holm([one.p_value for one in differences]), strict=True))
    made = []
    for k, place in enumerate(found.tolist()):
        mine = [pair for pair in pairs if k in pair]
        alone = dict(zip(mine, holm([differences[pairs.index(pair)].p_value for pair in mine]), strict=True))
        own, all_pairs = _open(k, observed, alone), _open(k, observed, {pair: together[pair] for pair in mine})
        made.append(
            Place(
                place=int(place),
                low=min(int(place), own[0]),
                high=max(int(place), own[1]),
                low_together=min(int(place), all_pairs[0]),
                high_together=max(int(place), all_pairs[1]),
                share_first=float(first[k]),
            )
        )
    return made


def _open(k: int, observed: FloatArray, p_values: Mapping[tuple[int, int], float]) -> tuple[int, int]:
    """The best and the worst place that the tests of one mean leave open; ``p_values`` has its own pairs."""
    refuted = [pair[1] if pair[0] == k else pair[0] for pair, p in p_values.items() if p < LEVEL]
    before = sum(bool(observed[other] < observed[k]) for other in refuted)
    after = sum(bool(observed[other] > observed[k]) for other in refuted)
    return 1 + before, len(observed) - after


def _places(means: FloatArray) -> FloatArray:
    """1 + how many are smaller, column by column: (k, draws) means to (k, draws) places."""
    counted = np.ones_like(means)
    for row in means:
        counted += row < means - _SAME
    return counted
