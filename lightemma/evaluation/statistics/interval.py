"""What a mean over frames is known to be: its value, its interval, and the chance that it is 0."""

from __future__ import annotations

from dataclasses import dataclass

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean with its scene-clustered interval.

    Attributes:
        mean: over frames.
        low: lower end of the 95 % interval; NaN with fewer than two scenes.
        high: upper end.
        p_value: two-sided p that the mean is 0, below 0.05 where the interval leaves 0 out; NaN with fewer than two scenes.
        frames: how many frames it is over.
        scenes: how many scenes these come from.
        standard_error: of the mean; NaN with fewer than two scenes.
        dof: degrees of freedom of Student's t for this standard error; NaN with fewer than two scenes.
    """

    mean: float
    low: float
    high: float
    p_value: float
    frames: int
    scenes: int
    standard_error: float
    dof: float
