"""Intervals of shares (errors, misses, collisions, copies) whose unit is the scene, and whether they have events enough.

A share near 0 or 1 has no symmetric interval. Korn & Graubard (Confidence intervals for proportions with small expected number
of positive counts estimated from survey data, Survey Methodology 24(2), 1998) take the exact interval of Clopper & Pearson for
as many independent frames as say as much as these:

    n_eff = n / deff,   deff = variance / (p (1 - p) / (n - 1))
    n* = min(n, n_eff * (t(0.975; n - 1) / t(0.975; dof))^2),   x* = p n*
    low = Beta(0.025; x*, n* - x* + 1),   high = Beta(0.975; x* + 1, n* - x*)

with n the number of frames and the variance and dof of :mod:`~lightemma.evaluation.statistics.cr2`; deff is the
design effect of the scenes. Where no frame has the event, or all have it, there is no variance to take; n* is then the least
that the frames can say: (sum n_g)^2 / sum n_g^2, the number of scenes if these are of equal size.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from lightemma.evaluation.statistics.cr2 import SceneIntervals, spread
from lightemma.evaluation.statistics.interval import CONFIDENCE
from lightemma.evaluation.statistics.student_t import beta_quantile, quantile
from lightemma.frame import FloatArray

#: A share with events in fewer scenes is marked: another such event more or less would change it much.
FEWEST_EVENT_SCENES = 5
TOO_FEW = "too few events"
_TAIL = (1 - CONFIDENCE) / 2


@dataclass(frozen=True, slots=True)
class Share:
    """A share of frames with its scene-clustered interval.

    Attributes:
        share: over frames; NaN where there are none.
        low: lower end of the 95 % interval, 0 or more; NaN with fewer than two scenes.
        high: upper end, 1 or less.
        frames: how many frames it is over.
        scenes: how many scenes these come from.
        event_scenes: how many scenes have a frame with the event.
    """

    share: float
    low: float
    high: float
    frames: int
    scenes: int
    event_scenes: int

    @property
    def mark(self) -> str:
        """``too few events`` where fewer than five scenes have one; empty otherwise, and where nothing is known."""
        return TOO_FEW if self.frames and self.event_scenes < FEWEST_EVENT_SCENES else ""


def few_events(found: Mapping[str, Share]) -> str:
    """The names of the columns that are marked, for a table's cell; empty where all have events enough."""
    return ", ".join(name for name, share in found.items() if share.mark)


def shares(over: SceneIntervals, values: FloatArray) -> list[Share]:
    """Shares of frames.

    Args:
        over: the frames' scenes.
        values: (n, k) 1 for an event, 0 for none, or a part of 1; NaN for frames that do not take part.

    Returns:
        k shares.
    """
    totals = over.totals(values)
    found = spread(totals)
    alike = found.frames**2 / (totals.counts**2).sum(axis=0).clip(min=1.0)
    events = (totals.sums > 0).sum(axis=0)
    made = []
    for k in range(values.shape[1]):
        p, frames, scenes = float(found.means[k]), int(found.frames[k]), int(found.scenes[k])
        low = high = math.nan
        if scenes >= 2:
            size = _effective(p, frames, float(found.errors[k]), float(found.dof[k]), float(alike[k]))
            low = 0.0 if p <= 0 else beta_quantile(_TAIL, p * size, (1 - p) * size + 1)
            high = 1.0 if p >= 1 else beta_quantile(1 - _TAIL, p * size + 1, (1 - p) * size)
        made.append(Share(p, low, high, frames, scenes, int(events[k])))
    return made


def _effective(p: float, frames: int, error: float, dof: float, alike: float) -> float:
    """How many independent frames say as much."""
    if p <= 0 or p >= 1:
        return alike
    if error == 0 or frames < 3:
        return float(frames)
    shrink = quantile(1 - _TAIL, frames - 1) / quantile(1 - _TAIL, dof)
    return min(float(frames), frames / (frames - 1) * p * (1 - p) / error**2 * shrink**2)
