"""Intervals whose unit is the scene: its frames resemble each other, and counting each alone makes intervals too narrow."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lightemma.evaluation.statistics.student_t import quantile, two_sided_p
from lightemma.frame import FloatArray

RESAMPLES = 10_000
SEED = 20_250_501
CONFIDENCE = 0.95
#: With fewer scenes too many draws hold a single one, and Student's t is used instead of the draws.
FEWEST_SCENES_DRAWN = 8
#: With fewer draws beyond zero than this the draws cannot say how small p is, and the tail of Student's t does.
FEWEST_DRAWS_BEYOND = 10

_CHUNK = 64  # columns at a time: the arrays of draws stay small enough for the processor's cache
_NO_SPREAD = 1e-12  # of the typical value: all scenes agree but for rounding


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
        standard_error: cluster-robust; NaN with fewer than two scenes.
    """

    mean: float
    low: float
    high: float
    p_value: float
    frames: int
    scenes: int
    standard_error: float


@dataclass(frozen=True, slots=True)
class _Tails:
    """The 2.5 and 97.5 percentile of the draws' t values; how many are beyond the observed one; the number of draws."""

    low: float
    high: float
    beyond: int
    draws: int


class SceneBootstrap:
    """Resamples scenes with replacement, all frames of a scene together, and studentises (pairs cluster bootstrap-t).

    Each draw's deviation from the observed mean is divided by the draw's own cluster-robust standard error; the quantiles
    of these t values replace those of Student's distribution. Against percentiles of the drawn means it covers better with
    few scenes and with skewed errors (scripts/check_coverage.py). Cameron, Gelbach & Miller, Bootstrap-based improvements
    for inference with clustered errors, Review of Economics and Statistics 90(3), 2008; Davison & Hinkley, Bootstrap
    Methods and their Application, 1997, 3.8 and 5.2.

    The draws are made once and shared by every mean, so that intervals of different runs are comparable and cheap.

    Args:
        scenes: (n,) integer code of each frame's scene, from 0.
        resamples: how many draws.
        seed: of the draws.
    """

    def __init__(self, scenes: npt.NDArray[np.int64], resamples: int = RESAMPLES, seed: int = SEED) -> None:
        self._scenes = scenes
        self._count = int(scenes.max()) + 1 if scenes.size else 0
        self._resamples = resamples
        rng = np.random.default_rng(seed)
        shares = np.full(self._count, 1 / max(self._count, 1))
        draws = rng.multinomial(self._count, shares, size=resamples) if self._count else np.zeros((resamples, 0))
        # How often each scene is drawn: (scenes, resamples).
        self._draws: FloatArray = np.ascontiguousarray(draws.T, dtype=np.float64)

    def intervals(self, values: FloatArray) -> list[Interval]:
        """Means over frames with intervals; NaN marks frames that do not take part.

        Args:
            values: (n, k) one column per quantity, rows in the order of ``scenes``.

        Returns:
            k intervals.
        """
        found: list[Interval] = []
        for start in range(0, values.shape[1], _CHUNK):
            found += self._chunk(values[:, start : start + _CHUNK])
        return found

    def interval(self, values: FloatArray) -> Interval:
        """The interval of one quantity, (n,) with NaN for frames that do not take part."""
        return self.intervals(values[:, None])[0]

    def drawn_means(self, values: FloatArray) -> FloatArray:
        """The mean of every quantity in every draw.

        Args:
            values: (n, k), NaN for frames that do not take part.

        Returns:
            (k, resamples); NaN where a draw has no frame that takes part.
        """
        sums, counts = self.scene_totals(values)
        drawn_counts = counts.T @ self._draws
        with np.errstate(invalid="ignore", divide="ignore"):
            means: FloatArray = np.where(drawn_counts > 0, (sums.T @ self._draws) / drawn_counts, np.nan)
        return means

    def scene_totals(self, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Sums of values and numbers of frames that take part, per scene.

        Args:
            values: (n, k), NaN for frames that do not take part.

        Returns:
            Two arrays of (scenes, k).
        """
        known = ~np.isnan(values)
        return self._per_scene(np.where(known, values, 0.0)), self._per_scene(known.astype(np.float64))

    def _per_scene(self, values: FloatArray) -> FloatArray:
        columns = [np.bincount(self._scenes, values[:, k], self._count) for k in range(values.shape[1])]
        totals: FloatArray = np.column_stack(columns) if columns else np.zeros((self._count, 0))
        return totals

    def _chunk(self, values: FloatArray) -> list[Interval]:
        sums, counts = self.scene_totals(values)
        frames, scenes = counts.sum(axis=0), (counts > 0).sum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            means = sums.sum(axis=0) / frames
            # What each scene adds to the deviation from the mean, in units of metres x frames.
            residuals = np.where(frames > 0, sums - counts * means, 0.0)
            errors = np.sqrt(scenes / (scenes - 1) * (residuals**2).sum(axis=0)) / frames
            size = np.sqrt((sums**2).sum(axis=0)) / frames
        spread = errors > _NO_SPREAD * size
        drawn = np.flatnonzero(spread & (scenes >= FEWEST_SCENES_DRAWN))
        ratios = self._ratios(residuals[:, drawn], counts[:, drawn])
        tails = dict(zip(drawn.tolist(), _tails(ratios, means[drawn] / errors[drawn]), strict=True))
        return [
            _interval(float(means[k]), float(errors[k]), int(frames[k]), int(scenes[k]), bool(spread[k]), tails.get(k))
            for k in range(values.shape[1])
        ]

    def _ratios(self, residuals: FloatArray, counts: FloatArray) -> FloatArray:
        """The t value of every draw: its deviation from the observed mean over its own standard error.

        Args:
            residuals: (scenes, k) sums of deviations.
            counts: (scenes, k) frames.

        Returns:
            (k, resamples); 0 where a draw has too few scenes to have a spread.
        """
        if not residuals.shape[1]:
            return np.zeros((0, self._resamples))
        # Runs over the same frames have the same counts; their part is computed once.
        unlike, same = np.unique(counts, axis=1, return_inverse=True)
        same = same.reshape(-1)
        drawn_frames = (unlike.T @ self._draws)[same]
        drawn_squares = ((unlike**2).T @ self._draws)[same]
        scenes = (counts > 0).sum(axis=0)[:, None]
        with np.errstate(invalid="ignore", divide="ignore"):
            deviation = (residuals.T @ self._draws) / drawn_frames
            squares = (residuals**2).T @ self._draws
            squares -= 2 * deviation * ((residuals * counts).T @ self._draws)
            squares += deviation**2 * drawn_squares
            error = np.sqrt(np.maximum(squares, 0.0) * (scenes / (scenes - 1))) / drawn_frames
            ratios: FloatArray = deviation / error
            typical = np.sqrt((residuals**2).sum(axis=0) / counts.sum(axis=0) ** 2)[:, None]
        # A draw of one scene only, or of none that takes part, has no spread to measure its deviation by.
        ratios[~(error > _NO_SPREAD**0.5 * typical)] = 0.0
        return ratios


def _tails(ratios: FloatArray, observed: FloatArray) -> list[_Tails]:
    """What an interval needs of the draws' t values.

    Args:
        ratios: (k, draws).
        observed: (k,) the t value of the observed mean against 0.
    """
    draws = ratios.shape[1]
    # Order statistics without interpolation: the interval then leaves 0 out exactly where p is below 0.05.
    cut = max(int((draws + 1) * (1 - CONFIDENCE) / 2), 1) - 1
    above, below = ((compare(ratios, observed[:, None])).sum(axis=1) for compare in (np.greater_equal, np.less_equal))
    ends = np.partition(ratios, (cut, draws - 1 - cut), axis=1)[:, [cut, draws - 1 - cut]]
    beyond = np.minimum(above, below)
    return [_Tails(float(low), float(high), int(count), draws) for (low, high), count in zip(ends, beyond, strict=True)]


def _interval(mean: float, error: float, frames: int, scenes: int, spread: bool, tails: _Tails | None) -> Interval:
    """The interval and p from the observed mean, its standard error and what the draws say."""
    if scenes < 2:
        unknown = math.nan
        return Interval(mean if frames else unknown, unknown, unknown, unknown, frames, scenes, unknown)
    if not spread:
        # Every scene says the same; the chance that all agree on one side is the sign test's p.
        return Interval(mean, mean, mean, 1.0 if mean == 0 else 2.0 ** (1 - scenes), frames, scenes, 0.0)
    t = mean / error
    if tails is None:
        reach = quantile((1 + CONFIDENCE) / 2, scenes - 1) * error
        return Interval(mean, mean - reach, mean + reach, two_sided_p(t, scenes - 1), frames, scenes, error)
    # The observed mean counts as one draw, so that p is never 0.
    p = min(1.0, 2 * (tails.beyond + 1) / (tails.draws + 1))
    if tails.beyond < FEWEST_DRAWS_BEYOND:
        p = min(p, max(two_sided_p(t, scenes - 1), math.ulp(0.0)))
    return Interval(mean, mean - tails.high * error, mean - tails.low * error, p, frames, scenes, error)
