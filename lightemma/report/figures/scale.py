"""Axes that one run far off cannot squash."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

#: A run that is this many times farther out than the one before it is shown off the axis.
JUMP = 8.0


def reach(values: Iterable[float]) -> float:
    """How far an axis has to reach: the largest magnitude before one jumps by more than ``JUMP``; most runs are within.

    Args:
        values: one per run, any sign; those that are not finite do not count.

    Returns:
        A magnitude; 0.0 if there is none.
    """
    sizes = np.sort(np.abs([value for value in values if np.isfinite(value)]))
    if not sizes.size:
        return 0.0
    for index in range(sizes.size // 2, sizes.size - 1):
        if sizes[index] > 0 and sizes[index + 1] > JUMP * sizes[index]:
            return float(sizes[index])
    return float(sizes[-1])


def short(value: float, *, sign: bool = False) -> str:
    """A number in at most about six characters."""
    plus = "+" if sign else ""
    size = abs(value)
    if size < 10:
        text = f"{value:{plus}.2f}"
    elif size < 1000:
        text = f"{value:{plus}.1f}" if size < 100 else f"{value:{plus}.0f}"
    else:
        text = f"{value:{plus}.1e}".replace("e+0", "e").replace("e+", "e")
    return text.replace("-", "\u2212")
