"""The interval of a mean over a fixed set of strata: what it would be with other draws within each, not with other strata.

With W = N observations in all, n_s of them in stratum s and s_s^2 the variance within it,

    variance = sum_s (n_s / N)^2 s_s^2 / n_s,   dof = variance^2 / sum_s ((n_s / N)^2 s_s^2 / n_s)^2 / (n_s - 1)

(Cochran, Sampling Techniques, 3rd edition, 1977, sections 5.4 and 5.9; Satterthwaite's degrees of freedom).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from lightemma.evaluation.statistics.interval import CONFIDENCE, Interval
from lightemma.evaluation.statistics.student_t import quantile, two_sided_p
from lightemma.frame import FloatArray


def stratified_interval(strata: Sequence[str], units: Sequence[str], values: FloatArray) -> Interval:
    """The mean of values with its 95 % interval within strata.

    Args:
        strata: stratum of each value, such as its scenario.
        units: independent draw of each value within its stratum, such as its seed; values of one draw are averaged first.
        values: (n,), NaN for what does not take part.

    Returns:
        The interval; its ends are NaN where a stratum has a single draw. ``scenes`` counts the draws.
    """
    known = ~np.isnan(values)
    total = int(known.sum())
    if not total:
        unknown = math.nan
        return Interval(unknown, unknown, unknown, unknown, 0, 0, unknown, unknown)
    mean = float(values[known].mean())
    drawn: dict[str, dict[str, list[float]]] = {}
    for stratum, unit, value, take in zip(strata, units, values.tolist(), known.tolist(), strict=True):
        if take:
            drawn.setdefault(stratum, {}).setdefault(unit, []).append(value)
    parts, freedoms, draws = [], [], 0
    for by_unit in drawn.values():
        means = np.array([np.mean(one) for one in by_unit.values()])
        weight = sum(map(len, by_unit.values())) / total
        draws += len(means)
        freedoms.append(len(means) - 1)
        parts.append(weight**2 * float(means.var(ddof=1)) / len(means) if len(means) > 1 else math.nan)
    variance = sum(parts)
    if math.isnan(variance):
        return Interval(mean, math.nan, math.nan, math.nan, total, draws, math.nan, math.nan)
    if variance == 0.0:
        return Interval(mean, mean, mean, 1.0 if mean == 0 else math.ulp(0.0), total, draws, 0.0, float(sum(freedoms)))
    dof = max(variance**2 / sum(part**2 / free for part, free in zip(parts, freedoms, strict=True)), 1.0)
    error = math.sqrt(variance)
    reach = quantile((1 + CONFIDENCE) / 2, dof) * error
    p = max(two_sided_p(mean / error, dof), math.ulp(0.0))
    return Interval(mean, mean - reach, mean + reach, p, total, draws, error, dof)
