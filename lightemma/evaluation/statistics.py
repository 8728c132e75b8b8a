"""Intervals whose unit is the scene: frames of one scene are alike, and counting them singly makes intervals too narrow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lightemma.frame import FloatArray

RESAMPLES = 10_000
SEED = 20_250_501
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean with its bootstrap interval.

    Attributes:
        mean: over frames.
        low: lower end of the 95 % percentile interval; NaN with fewer than two scenes.
        high: upper end.
        p_value: two-sided bootstrap p that the mean is 0; NaN with fewer than two scenes.
        frames: how many frames it is over.
        scenes: how many scenes these come from.
    """

    mean: float
    low: float
    high: float
    p_value: float
    frames: int
    scenes: int


class SceneBootstrap:
    """Resamples scenes with replacement, all frames of a scene together (cluster bootstrap, Davison & Hinkley 1997, 3.8).

    The draws are made once and shared by every mean, so that intervals of different runs are comparable and cheap.

    Args:
        scenes: (n,) integer code of each frame's scene.
        resamples: how many draws.
        seed: of the draws.
    """

    def __init__(self, scenes: npt.NDArray[np.int64], resamples: int = RESAMPLES, seed: int = SEED) -> None:
        self._scenes = scenes
        self._count = int(scenes.max()) + 1 if scenes.size else 0
        rng = np.random.default_rng(seed)
        # How often each scene is drawn: (resamples, scenes).
        shares = np.full(self._count, 1 / max(self._count, 1))
        draws = rng.multinomial(self._count, shares, size=resamples) if self._count else np.zeros((resamples, 0))
        self._draws: FloatArray = draws.astype(np.float64)

    def intervals(self, values: FloatArray) -> list[Interval]:
        """Means over frames with intervals; NaN marks frames that do not take part.

        Args:
            values: (n, k) one column per quantity, rows in the order of ``scenes``.

        Returns:
            k intervals.
        """
        known = ~np.isnan(values)
        sums = self._per_scene(np.where(known, values, 0.0))
        counts = self._per_scene(known.astype(np.float64))
        resampled_counts = self._draws @ counts
        with np.errstate(invalid="ignore", divide="ignore"):
            means = np.where(resampled_counts > 0, (self._draws @ sums) / resampled_counts, np.nan)
        return [self._interval(sums[:, k], counts[:, k], means[:, k]) for k in range(values.shape[1])]

    def interval(self, values: FloatArray) -> Interval:
        """The interval of one quantity, (n,) with NaN for frames that do not take part."""
        return self.intervals(values[:, None])[0]

    def _per_scene(self, values: FloatArray) -> FloatArray:
        totals = np.zeros((self._count, values.shape[1]))
        np.add.at(totals, self._scenes, values)
        return totals

    @staticmethod
    def _interval(sums: FloatArray, counts: FloatArray, means: FloatArray) -> Interval:
        frames, scenes = int(counts.sum()), int((counts > 0).sum())
        mean = float(sums.sum() / frames) if frames else float("nan")
        drawn = means[~np.isnan(means)]
        if scenes < 2:
            return Interval(mean, float("nan"), float("nan"), float("nan"), frames, scenes)
        tail = (1 - CONFIDENCE) / 2
        low, high = np.quantile(drawn, [tail, 1 - tail])
        # The observed mean counts as one draw, so that p is never 0.
        beyond = 1 + min(int((drawn <= 0).sum()), int((drawn >= 0).sum()))
        return Interval(mean, float(low), float(high), min(1.0, 2 * beyond / (drawn.size + 1)), frames, scenes)
