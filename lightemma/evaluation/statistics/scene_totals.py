"""Sums over the frames of every scene: all that intervals over scenes need of the frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lightemma.frame import FloatArray


@dataclass(frozen=True, slots=True)
class SceneTotals:
    """Per scene and quantity, over the frames that take part.

    Attributes:
        sums: (scenes, k) of the values.
        counts: (scenes, k) how many frames.
        squares: (scenes, k) of the squared deviations from the scene's own mean.
    """

    sums: FloatArray
    counts: FloatArray
    squares: FloatArray


def scene_totals(scenes: npt.NDArray[np.int64], values: FloatArray, count: int | None = None) -> SceneTotals:
    """Sums up the frames of every scene.

    Args:
        scenes: (n,) integer code of each frame's scene, from 0.
        values: (n, k), NaN for frames that do not take part.
        count: how many scenes there are; one more than the largest code if None.
    """
    if count is None:
        count = int(scenes.max()) + 1 if scenes.size else 0
    parts = [_column_totals(scenes, values[:, k], count) for k in range(values.shape[1])]
    if not parts:
        return SceneTotals(*(np.zeros((count, 0)) for _ in range(3)))
    sums, counts, squares = (np.column_stack(columns) for columns in zip(*parts, strict=True))
    return SceneTotals(sums, counts, squares)


def _column_totals(scenes: npt.NDArray[np.int64], values: FloatArray, count: int) -> tuple[FloatArray, ...]:
    """(scenes,) sums, counts and squares of one column: copies of a column at a time, never of all of them."""
    known = ~np.isnan(values)
    sums = _summed(scenes, np.where(known, values, 0.0), count)
    counts = _summed(scenes, known.astype(np.float64), count)
    means = sums / np.maximum(counts, 1.0)
    return sums, counts, _summed(scenes, np.where(known, values - means[scenes], 0.0) ** 2, count)


def _summed(scenes: npt.NDArray[np.int64], values: FloatArray, count: int) -> FloatArray:
    return np.asarray(np.bincount(scenes, values, count), dtype=np.float64)
