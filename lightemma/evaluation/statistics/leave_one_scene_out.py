"""How far a mean moves when a scene is left out (jackknife over scenes)."""

from __future__ import annotations

import numpy as np

from lightemma.frame import FloatArray


def most_influential(sums: FloatArray, counts: FloatArray, count: int) -> list[int]:
    """The scenes whose absence moves the mean over all frames most, the most influential first.

    Args:
        sums: (scenes,) sum of each scene's values.
        counts: (scenes,) number of its frames; scenes without a frame are never chosen.
        count: how many scenes at the most.

    Returns:
        Indices of scenes.
    """
    present = np.flatnonzero(counts)
    without = (sums.sum() - sums[present]) / (counts.sum() - counts[present])
    shift = np.abs(without - sums.sum() / counts.sum())
    chosen: list[int] = present[np.argsort(-shift, kind="stable")[:count]].tolist()
    return chosen
