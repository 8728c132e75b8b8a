"""Draws of scenes: a second opinion on the intervals of means, and how often a run is the best."""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np
import numpy.typing as npt

from lightemma.evaluation.statistics.cr2 import NO_SPREAD
from lightemma.evaluation.statistics.interval import CONFIDENCE
from lightemma.evaluation.statistics.scene_totals import scene_totals
from lightemma.frame import FloatArray

RESAMPLES = 10_000
SEED = 20_250_501
#: With fewer scenes the draws say less than the formula (scripts/check_coverage.py), and differ from seed to seed.
FEWEST_SCENES = 100

_CHUNK = 64  # columns at a time: the arrays of draws stay small enough for the processor's cache
_BLOCK = 500  # draws at a time, as real numbers; as counts of one or two bytes all of them are kept


class SceneBootstrap:
    """Resamples scenes with replacement, all frames of a scene together, and studentises (pairs cluster bootstrap-t).

    Each draw's deviation from the observed mean is divided by the draw's own cluster-robust standard error; the quantiles
    of these t values replace those of Student's distribution. Cameron, Gelbach & Miller, Bootstrap-based improvements for
    inference with clustered errors, Review of Economics and Statistics 90(3), 2008; Davison & Hinkley, Bootstrap Methods and
    their Application, 1997, 3.8 and 5.2.

    The draws are made once, when they are first needed, and shared by every mean.

    Args:
        scenes: (n,) integer code of each frame's scene, from 0.
        resamples: how many draws.
        seed: of the draws.
        fewest: with fewer scenes there is no interval.
    """

    def __init__(
        self,
        scenes: npt.NDArray[np.int64],
        resamples: int = RESAMPLES,
        seed: int = SEED,
        fewest: int = FEWEST_SCENES,
    ) -> None:
        self._scenes = scenes
        self._count = int(scenes.max()) + 1 if scenes.size else 0
        self._resamples, self._seed, self._fewest = resamples, seed, max(fewest, 2)

    def ends(self, values: FloatArray) -> list[tuple[float, float]]:
        """The two ends of the 95 % interval of every mean; NaN with fewer than ``fewest`` scenes.

        Args:
            values: (n, k), NaN for frames that do not take part.
        """
        found: list[tuple[float, float]] = []
        for start in range(0, values.shape[1], _CHUNK):
            found += self._chunk(values[:, start : start + _CHUNK])
        return found

    def drawn_means(self, values: FloatArray) -> FloatArray:
        """The mean of every quantity in every draw.

        Args:
            values: (n, k), NaN for frames that do not take part.

        Returns:
            (k, resamples); NaN where a draw has no frame that takes part.
        """
        totals = scene_totals(self._scenes, values, self._count)
        counts, sums = self._drawn(totals.counts, totals.sums)
        with np.errstate(invalid="ignore", divide="ignore"):
            means: FloatArray = np.where(counts > 0, sums / counts, np.nan)
        return means

    def _drawn(self, *of_scenes: FloatArray) -> list[FloatArray]:
        """(k, resamples) sums over the drawn scenes of each array of (scenes, k) numbers.

        No matrix product: its threads wait for each other on few columns, and cost ten times as much on a busy machine.
        """
        rows = np.concatenate([numbers.T for numbers in of_scenes])
        summed, start = np.zeros((len(rows), self._resamples)), 0
        for block in self._draws:
            end = start + block.shape[1]
            np.einsum("ks,sd->kd", rows, block.astype(np.float64), out=summed[:, start:end])
            start = end
        return np.split(summed, np.cumsum([numbers.shape[1] for numbers in of_scenes])[:-1])

    @cached_property
    def _draws(self) -> list[npt.NDArray[np.uint16]]:
        """Blocks of (scenes, draws): how often each scene is drawn. A scene is drawn once on average, so that two bytes do."""
        if not self._count:
            return []
        shares, rng = np.full(self._count, 1 / self._count), np.random.default_rng(self._seed)
        sizes = [min(_BLOCK, self._resamples - start) for start in range(0, self._resamples, _BLOCK)]
        return [
            np.ascontiguousarray(rng.multinomial(self._count, shares, size=size).T.astype(np.uint16)) for size in sizes
        ]

    def _chunk(self, values: FloatArray) -> list[tuple[float, float]]:
        totals = scene_totals(self._scenes, values, self._count)
        sums, counts = totals.sums, totals.counts
        frames, scenes = counts.sum(axis=0), (counts > 0).sum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            means = sums.sum(axis=0) / frames
            # What each scene adds to the deviation from the mean, in units of metres x frames.
            residuals = np.where(frames > 0, sums - counts * means, 0.0)
            errors = np.sqrt(scenes / (scenes - 1) * (residuals**2).sum(axis=0)) / frames
            size = np.sqrt((sums**2).sum(axis=0)) / frames
        enough = scenes >= self._fewest
        found = [
            (float(mean), float(mean)) if many else (math.nan, math.nan)
            for mean, many in zip(means, enough, strict=True)
        ]
        drawn = np.flatnonzero(enough & (errors > NO_SPREAD * size))
        if not drawn.size:
            return found
        # Order statistics without interpolation.
        cut = max(int((self._resamples + 1) * (1 - CONFIDENCE) / 2), 1) - 1
        places = (cut, self._resamples - 1 - cut)
        ratios = np.partition(self._ratios(residuals[:, drawn], counts[:, drawn]), places, axis=1)[:, places]
        for k, (low, high) in zip(drawn.tolist(), ratios.tolist(), strict=True):
            found[k] = (float(means[k] - high * errors[k]), float(means[k] - low * errors[k]))
        return found

    def _ratios(self, residuals: FloatArray, counts: FloatArray) -> FloatArray:
        """The t value of every draw: its deviation from the observed mean over its own standard error.

        Args:
            residuals: (scenes, k) sums of deviations.
            counts: (scenes, k) frames.

        Returns:
            (k, resamples); 0 where a draw has too few scenes to have a spread.
        """
        # Runs over the same frames have the same counts; their part is computed once.
        unlike, same = np.unique(counts, axis=1, return_inverse=True)
        same = same.reshape(-1)
        frames, frames_squared, deviation, squares, products = self._drawn(
            unlike, unlike**2, residuals, residuals**2, residuals * counts
        )
        drawn_frames = frames[same]
        scenes = (counts > 0).sum(axis=0)[:, None]
        with np.errstate(invalid="ignore", divide="ignore"):
            deviation /= drawn_frames
            squares -= 2 * deviation * products
            squares += deviation**2 * frames_squared[same]
            error = np.sqrt(np.maximum(squares, 0.0) * (scenes / (scenes - 1))) / drawn_frames
            ratios: FloatArray = deviation / error
            typical = np.sqrt((residuals**2).sum(axis=0) / counts.sum(axis=0) ** 2)[:, None]
        # A draw of one scene only, or of none that takes part, has no spread to measure its deviation by.
        ratios[~(error > NO_SPREAD**0.5 * typical)] = 0.0
        return ratios
