"""Means of columns in which some values are unknown."""

from __future__ import annotations

import numpy as np

from lightemma.frame import FloatArray


def column_means(values: FloatArray) -> list[float]:
    """Means over the known values of each column; NaN where none is known. (n, k) to k numbers."""
    known = ~np.isnan(values)
    counts = known.sum(axis=0)
    sums = np.where(known, values, 0.0).sum(axis=0)
    means: list[float] = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan).tolist()
    return means


def mean(values: FloatArray) -> float:
    """The mean over the known values, (n,) to a number; NaN where none is known."""
    return column_means(values[:, None])[0]
