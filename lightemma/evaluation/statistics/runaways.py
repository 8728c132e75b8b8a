"""Differences of means beside what a few runaway plans cannot move: the median, and a mean with a cap."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lightemma.frame import FloatArray

#: Metres. A plan whose average error is larger is a runaway: at a steady speed it is wrong by more than 11 m/s (41 km/h).
CAP = 20.0


@dataclass(frozen=True, slots=True)
class Typical:
    """A difference of two runs' errors, measured so that few frames cannot decide it.

    Attributes:
        median: metres, over frames; NaN where there are none.
        capped: metres, mean with every error above 20 m counted as 20 m.
        runaways: on how many frames one of the two is more than 20 m off.
        carrying: the fewest frames that hold half of the sum of the sizes of all differences; 0 where these all are 0.
    """

    median: float
    capped: float
    runaways: int
    carrying: int


def typical(errors: FloatArray, reference: FloatArray) -> Typical:
    """The difference of two runs on the frames where both are known.

    Args:
        errors: (n,) metres, NaN where unknown.
        reference: (n,) metres of the other run.
    """
    known = ~np.isnan(errors) & ~np.isnan(reference)
    mine, other = errors[known], reference[known]
    if not mine.size:
        return Typical(math.nan, math.nan, 0, 0)
    sizes = np.sort(np.abs(mine - other))[::-1]
    # Divided first: sizes near the largest number there is would not add up.
    shares = np.cumsum(sizes / sizes[0]) if sizes[0] > 0 else np.zeros(0)
    return Typical(
        median=float(np.median(mine - other)),
        capped=float((np.minimum(mine, CAP) - np.minimum(other, CAP)).mean()),
        runaways=int(((mine > CAP) | (other > CAP)).sum()),
        carrying=int((shares < 0.5 * shares[-1]).sum()) + 1 if shares.size else 0,
    )
