"""Student's t and the beta distribution, in plain Python: the program's core does without scipy."""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist

#: From here on the normal distribution replaces Student's; they agree to six digits.
NORMAL_DOF = 500_000

_TINY = 1e-300
_CONVERGED = 1e-15


def two_sided_p(t: float, dof: float) -> float:
    """Chance of a value at least as far from 0 as ``t``.

    Args:
        t: the statistic; its sign does not matter.
        dof: degrees of freedom, at least 1; need not be whole.

    Returns:
        I_x(dof/2, 1/2) with x = dof / (dof + t^2) (Abramowitz & Stegun 26.7.1).
    """
    if math.isinf(t):
        return 0.0
    square = t * t
    return _incomplete_beta(dof / 2, 0.5, dof / (dof + square), square / (dof + square))


@lru_cache(maxsize=4096)
def quantile(share: float, dof: float) -> float:
    """The value below which a share of the distribution is found.

    Newton's method from the normal quantile: the distribution function is concave beyond 0 and the t quantile is farther
    out than the normal one, so that the steps approach it from one side and never overshoot.

    Args:
        share: in (0, 1).
        dof: degrees of freedom, at least 1; need not be whole.
    """
    if share < 0.5:
        return -quantile(1 - share, dof)
    t = NormalDist().inv_cdf(share)
    if dof >= NORMAL_DOF:
        return t
    log_scale = math.lgamma((dof + 1) / 2) - math.lgamma(dof / 2) - 0.5 * math.log(dof * math.pi)
    for _ in range(200):
        density = math.exp(log_scale - (dof + 1) / 2 * math.log1p(t * t / dof))
        step = (two_sided_p(t, dof) / 2 - (1 - share)) / density
        t += step
        if abs(step) < 1e-12 * max(1.0, t):
            break
    # Kept for all who ask with an equal number: one of numpy's own would come back to those who ask with a plain one.
    return float(t)


def beta_quantile(share: float, a: float, b: float) -> float:
    """The value below which a share of the beta distribution is found.

    Newton's method on the distribution function, by halving wherever a step would leave what is known to hold the value.

    Args:
        share: in (0, 1).
        a: above 0.
        b: above 0.
    """
    low, high, x = 0.0, 1.0, a / (a + b)
    log_scale = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    for _ in range(200):
        excess = _incomplete_beta(a, b, x, 1 - x) - share
        low, high = (low, x) if excess > 0 else (x, high)
        log_density = log_scale + (a - 1) * math.log(x) + (b - 1) * math.log1p(-x)
        step = excess / math.exp(log_density) if -700 < log_density < 700 else math.inf
        nearer = x - step if low < x - step < high else (low + high) / 2
        if abs(nearer - x) <= 1e-13 * max(x, 1e-12) or not 0 < nearer < 1:
            return nearer
        x = nearer
    return x


def _incomplete_beta(a: float, b: float, x: float, rest: float) -> float:
    """The regularised incomplete beta function I_x(a, b); ``rest`` is 1 - x, given so that neither loses its digits."""
    if x <= 0 or rest <= 0:
        return 0.0 if x <= 0 else 1.0
    log_front = a * math.log(x) + b * math.log(rest) + math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    front = math.exp(log_front)
    if x < (a + 1) / (a + b + 2):
        return front * _continued_fraction(a, b, x) / a
    return 1 - front * _continued_fraction(b, a, rest) / b


def _continued_fraction(a: float, b: float, x: float) -> float:
    """The continued fraction of the incomplete beta function (Abramowitz & Stegun 26.5.8) by Lentz's method."""
    c, d = 1.0, 1 / _away_from_zero(1 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, 1000):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1 / _away_from_zero(1 + term * d)
            c = _away_from_zero(1 + term / c)
            value *= c * d
        if abs(c * d - 1) < _CONVERGED:
            break
    return value


def _away_from_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
