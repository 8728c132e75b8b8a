"""Intervals and p-values over scenes, without draws: cluster-robust (CR2) with Satterthwaite's degrees of freedom.

The frames of a scene resemble each other; to count each alone makes intervals too narrow. With N frames in all, n_g of them in
scene g, h_g = n_g / N, and R_g the sum of scene g's deviations from the mean over all frames:

    variance = sum_g R_g^2 / (1 - h_g) / N^2

That is the bias-reduced cluster-robust variance of Bell & McCaffrey (Bias reduction in standard errors for linear regression
with multi-stage samples, Survey Methodology 28(2), 2002, section 3), CR2, for a regression on a constant: there the adjustment
matrix (I - H_gg)^(-1/2) only multiplies a scene's sum by (1 - h_g)^(-1/2), because H_gg = 1 1' / N. It has no bias where the
frames are independent, whatever the sizes of the scenes.

Its degrees of freedom are Satterthwaite's (the same, section 4; Imbens & Kolesar, Robust standard errors in small samples,
Review of Economics and Statistics 98(4), 2016; Pustejovsky & Tipton, Journal of Business & Economic Statistics 36(4), 2018):
trace(P)^2 / trace(P P) of the matrix P whose quadratic form the variance is. For a constant

    P_gg = h_g / N,   P_gk = -h_g h_k / sqrt((1 - h_g) (1 - h_k)) / N
    1 / dof = sum_g h_g^2 + (sum_g h_g^2 / (1 - h_g))^2 - sum_g h_g^4 / (1 - h_g)^2

which is scenes - 1 for scenes of equal size, fewer for unequal ones, and 1 for any two scenes.

An interval is never narrower than the spread within the scenes allows. Few scenes can agree by chance, and then the variance
between them says that nothing varies. With s^2 = (sum of squared deviations of frames from their own scene's mean) / (N -
scenes), the reach to either side of the mean is the larger of

    t(0.975; dof) * sqrt(variance)   and   t(0.975; N - scenes) * s / sqrt(N)

The second is what independent frames would have; frames of a scene that resemble each other cannot have less.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lightemma.evaluation.statistics.interval import CONFIDENCE, Interval
from lightemma.evaluation.statistics.scene_totals import SceneTotals, scene_totals
from lightemma.evaluation.statistics.student_t import quantile, two_sided_p
from lightemma.frame import FloatArray

#: Of the typical value: less than this is rounding.
NO_SPREAD = 1e-12


@dataclass(frozen=True, slots=True)
class Spread:
    """How sure k means are, by two measures; all (k,), NaN where there are fewer than two scenes.

    Attributes:
        means: over frames.
        frames: how many.
        scenes: how many they come from.
        errors: CR2 standard errors, between scenes.
        dof: Satterthwaite's degrees of freedom of these, at least 1.
        within_errors: standard errors if frames were independent, from the spread within scenes; 0 without any.
        within_dof: frames - scenes.
        varies: True where not all scenes and frames say the same.
    """

    means: FloatArray
    frames: FloatArray
    scenes: FloatArray
    errors: FloatArray
    dof: FloatArray
    within_errors: FloatArray
    within_dof: FloatArray
    varies: npt.NDArray[np.bool_]


class SceneIntervals:
    """Intervals over scenes.

    Args:
        scenes: (n,) integer code of each frame's scene, from 0.
    """

    def __init__(self, scenes: npt.NDArray[np.int64]) -> None:
        self._scenes = scenes
        self._count = int(scenes.max()) + 1 if scenes.size else 0

    def totals(self, values: FloatArray) -> SceneTotals:
        """The sums over each scene's frames; (n, k) with NaN for frames that do not take part."""
        return scene_totals(self._scenes, values, self._count)

    def intervals(self, values: FloatArray, confidence: float = CONFIDENCE) -> list[Interval]:
        """Means over frames with intervals; NaN marks frames that do not take part.

        Args:
            values: (n, k) one column per quantity, rows in the order of ``scenes``.
            confidence: share of studies whose interval holds the truth.

        Returns:
            k intervals.
        """
        found = spread(self.totals(values))
        return [_interval(found, k, (1 + confidence) / 2) for k in range(values.shape[1])]

    def interval(self, values: FloatArray, confidence: float = CONFIDENCE) -> Interval:
        """The interval of one quantity, (n,) with NaN for frames that do not take part."""
        return self.intervals(values[:, None], confidence)[0]


def spread(totals: SceneTotals) -> Spread:
    """Means and what is known of their spread between and within scenes."""
    sums, counts = totals.sums, totals.counts
    frames, scenes = counts.sum(axis=0), (counts > 0).sum(axis=0).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = sums.sum(axis=0) / frames
        shares = counts / frames
        rest = np.where(shares < 1, 1 - shares, np.nan)
        residuals = sums - counts * means
        errors = np.sqrt((residuals**2 / rest).sum(axis=0)) / frames
        cross = (shares**2 / rest).sum(axis=0) ** 2 - ((shares**2 / rest) ** 2).sum(axis=0)
        dof = np.maximum(1 / ((shares**2).sum(axis=0) + cross), 1.0)
        within_dof = frames - scenes
        within = np.sqrt(np.where(within_dof > 0, totals.squares.sum(axis=0) / within_dof, 0.0) / frames)
        size = np.sqrt((sums**2).sum(axis=0)) / frames
    errors, within = (np.where(error > NO_SPREAD * size, error, 0.0) for error in (errors, within))
    few = scenes < 2
    errors, dof, within = (np.where(few, np.nan, array) for array in (errors, dof, within))
    return Spread(means, frames, scenes, errors, dof, within, within_dof, (errors > 0) | (within > 0))


def _interval(found: Spread, k: int, share: float) -> Interval:
    mean, frames, scenes = float(found.means[k]), int(found.frames[k]), int(found.scenes[k])
    if scenes < 2:
        unknown = math.nan
        return Interval(mean, unknown, unknown, unknown, frames, scenes, unknown, unknown)
    error, dof = float(found.errors[k]), float(found.dof[k])
    if not found.varies[k]:
        # Every frame says the same; the chance that all scenes agree on one side is the sign test's p.
        return Interval(mean, mean, mean, 1.0 if mean == 0 else 2.0 ** (1 - scenes), frames, scenes, 0.0, dof)
    reach = quantile(share, dof) * error
    within, within_dof = float(found.within_errors[k]), float(found.within_dof[k])
    # The quantile falls with the degrees of freedom: mostly nothing is left to compare.
    if within > error or 0 < within_dof < dof:
        least = quantile(share, within_dof) * within
        if least > reach:
            reach, error, dof = least, within, within_dof
    # No p is 0: the smallest number there is says "smaller than any that can be written".
    p = max(two_sided_p(mean / error, dof), math.ulp(0.0))
    return Interval(mean, mean - reach, mean + reach, p, frames, scenes, error, dof)
