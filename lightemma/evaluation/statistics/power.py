"""How small a difference the scenes at hand can show."""

from __future__ import annotations

import math

from lightemma.evaluation.statistics.interval import CONFIDENCE, Interval
from lightemma.evaluation.statistics.student_t import quantile

POWER = 0.80
#: Metres; ``scenes_for_0_05`` is named after it.
SOUGHT = 0.05
#: Scenes beyond which Student's t is the normal distribution to all digits that count.
LARGE = 1_000_000


def detectable(difference: Interval) -> float:
    """The true difference that a two-sided 5 % test finds with 80 % power, metres; NaN with fewer than two scenes.

    (t_0.975 + t_0.80) x standard error, both quantiles with the interval's own degrees of freedom (Bloom, Minimum detectable
    effects, Evaluation Review 19(5), 1995).
    """
    if difference.scenes < 2:
        return math.nan
    return _factor(difference.dof) * difference.standard_error


def scenes_needed(difference: Interval, sought: float = SOUGHT) -> int | None:
    """How many scenes like these it takes to find a difference of ``sought`` metres with 80 % power.

    The standard error falls with the root of the number of scenes, and the degrees of freedom grow with scenes - 1. None
    with fewer than two scenes, or where all agree.
    """
    if difference.scenes < 2 or not difference.standard_error > 0:
        return None
    per_scene = difference.standard_error * math.sqrt(difference.scenes) / sought
    dof_per_scene = difference.dof / (difference.scenes - 1)

    def short(scenes: int) -> bool:
        return _factor(max(dof_per_scene * (scenes - 1), 1.0)) * per_scene > math.sqrt(scenes)

    # Normal quantiles give a lower bound.
    low = high = max(2, math.ceil((_factor(LARGE) * per_scene) ** 2))
    while high < LARGE and short(high):
        low, high = high + 1, 2 * high
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if short(middle) else (low, middle)
    return low


def _factor(dof: float) -> float:
    return quantile(0.5 + CONFIDENCE / 2, dof) + quantile(POWER, dof)
