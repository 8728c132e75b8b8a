"""Which of several trajectories for the same moment is in the middle of the others."""

from __future__ import annotations

import numpy as np

from lightemma.frame import FloatArray


def distances(trajectories: FloatArray) -> FloatArray:
    """How far apart several trajectories are, each from each.

    Args:
        trajectories: (..., k, 6, 2) metres; NaN where there is none.

    Returns:
        (..., k, k) metres, the mean distance over the points (ADE); NaN where one of the two is missing.
    """
    apart = trajectories[..., :, None, :, :] - trajectories[..., None, :, :, :]
    between: FloatArray = np.hypot(apart[..., 0], apart[..., 1]).mean(axis=-1)
    return between


def medoid(trajectories: FloatArray) -> int | None:
    """The trajectory with the smallest sum of distances to the others: one that was planned, unlike a mean.

    Source: Kaufman and Rousseeuw, "Clustering by means of medoids", 1987. Of equal ones the first.

    Args:
        trajectories: (k, 6, 2) metres; NaN where there is none.

    Returns:
        Its place; None if there is no trajectory at all.
    """
    known = ~np.isnan(trajectories[:, 0, 0])
    if not known.any():
        return None
    sums = np.nansum(distances(trajectories), axis=-1)
    return int(np.where(known, sums, np.inf).argmin())
