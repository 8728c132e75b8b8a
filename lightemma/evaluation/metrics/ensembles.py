"""Plans made from the plans of several models for the same frames: their median, and the best of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lightemma.frame import FloatArray


def median_trajectory(trajectories: Sequence[FloatArray]) -> FloatArray:
    """The coordinate-wise median of several plans for the same frames.

    Args:
        trajectories: (n, 6, 2) metres each, NaN where there is no plan.

    Returns:
        (n, 6, 2) metres; over those that have a plan, NaN where none has.
    """
    stacked = np.stack(trajectories)
    median = np.full(stacked.shape[1:], np.nan)
    planned = ~np.isnan(stacked[:, :, 0, 0]).all(axis=0)
    median[planned] = np.nanmedian(stacked[:, planned], axis=0)
    return median


def best_errors(errors: Sequence[FloatArray], averages: Sequence[FloatArray]) -> FloatArray:
    """The step errors of the plan with the smallest average, frame by frame: an oracle that knows the future.

    Args:
        errors: (n, 6) metres each, NaN where there is no plan.
        averages: (n,) metres each, the l2_avg to choose by.

    Returns:
        (n, 6) metres, NaN where none has a plan.
    """
    ranked = np.where(np.isnan(averages), np.inf, averages)
    chosen = ranked.argmin(axis=0)
    best: FloatArray = np.stack(errors)[chosen, np.arange(chosen.size)]
    return best
