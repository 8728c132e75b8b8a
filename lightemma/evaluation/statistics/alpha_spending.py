"""How strict each look at growing data must be, so that all looks together err in 5 % of studies.

Who looks at the same data again and again, and stops as soon as a 95 % interval leaves zero out, finds something in far more
than 5 % of studies without any difference. Lan & DeMets (Discrete sequential boundaries for clinical trials, Biometrika 70(3),
1983) spend the 5 % over the looks instead: after a share t of the data, at most

    spent(t) = 2 - 2 Phi(z / sqrt(t)),   z = Phi^-1(0.975)

which is O'Brien and Fleming's way (Biometrics 35, 1979): hardly anything at first and nearly all at the end, so that the last
look is almost as sharp as a study without looks. The boundaries follow from the joint distribution of the looks, a Brownian
motion at the times t, by the recursion of Armitage, McPherson & Rowe (Repeated significance tests on accumulating data, Journal
of the Royal Statistical Society A 132, 1969). Each boundary is given as the level of a two-sided test: an interval of
confidence 1 - level at each look is a repeated confidence interval (Jennison & Turnbull, JRSS B 51, 1989): all of them hold the
truth together in at least 95 % of studies, whatever rule ends them.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from functools import lru_cache
from statistics import NormalDist

import numpy as np

from lightemma.frame import FloatArray

#: Chance of a wrong word over all looks of a study.
LEVEL = 0.05
#: Looks that may spend less than this are not taken: nothing could be decided there.
LEAST = 1e-9
#: Points of the grid over which the recursion integrates; odd, for Simpson's rule.
_POINTS = 401

_NORMAL = NormalDist()
_PHI = np.vectorize(_NORMAL.cdf, otypes=[np.float64])


def spent(share: float, level: float = LEVEL) -> float:
    """Chance of a wrong word that may be used up after a share of the data, 0 to 1."""
    if share <= 0:
        return 0.0
    return 4 * _upper(_NORMAL.inv_cdf(1 - level / 4) / math.sqrt(min(share, 1.0)))


def look_levels(shares: Sequence[float], level: float = LEVEL) -> list[float]:
    """The two-sided level of each look's test.

    Args:
        shares: of the data at each look, rising, above 0, at most 1.
        level: chance of a wrong word over all looks.

    Returns:
        One level per look; 0 where a look could decide nothing.

    Raises:
        ValueError: if the shares do not rise or are outside (0, 1].
    """
    if any(later <= earlier for earlier, later in itertools.pairwise(shares)) or any(
        not 0 < share <= 1 for share in shares
    ):
        raise ValueError(f"the shares {list(shares)} do not rise from above 0 to at most 1")
    return list(_levels(tuple(shares), level))


@lru_cache(maxsize=64)
def _levels(shares: tuple[float, ...], level: float) -> tuple[float, ...]:
    levels: list[float] = []
    places: FloatArray | None = None  # of the process at the last look taken, where it is still inside
    masses: FloatArray = np.array([1.0])
    before, used = 0.0, 0.0
    for share in shares:
        may = spent(share, level) - used
        if may < LEAST:
            levels.append(0.0)
            continue
        step = math.sqrt(share - before)
        start = np.array([0.0]) if places is None else places
        bound = _bound(start, masses, step, may)
        levels.append(2 * _upper(bound / math.sqrt(share)))
        inside = np.linspace(-bound, bound, _POINTS)
        away = (inside[:, None] - start[None, :]) / step
        density = (np.exp(-0.5 * away * away) / math.sqrt(2 * math.pi) / step) @ masses
        places, masses = inside, density * _simpson(bound)
        before, used = share, spent(share, level)
    return tuple(levels)


def _bound(places: FloatArray, masses: FloatArray, step: float, chance: float) -> float:
    """The bound that the process first crosses at this look with the given chance, by halving."""
    low, high = 0.0, 10.0 + float(np.abs(places).max())
    for _ in range(60):
        middle = (low + high) / 2
        crossed = float(((_PHI((-middle - places) / step) + _PHI((places - middle) / step)) * masses).sum())
        low, high = (middle, high) if crossed > chance else (low, middle)
    return (low + high) / 2


def _simpson(bound: float) -> FloatArray:
    weights = np.full(_POINTS, 2.0)
    weights[1::2] = 4.0
    weights[0] = weights[-1] = 1.0
    return weights * (2 * bound / (_POINTS - 1)) / 3


def _upper(z: float) -> float:
    """Chance of a normal value above ``z``, exact far out."""
    return 0.5 * math.erfc(z / math.sqrt(2))
