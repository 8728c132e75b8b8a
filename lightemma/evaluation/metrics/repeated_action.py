"""Whether a plan only repeats the current action."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lightemma.frame import FloatArray
from lightemma.protocol import LIGHTEMMA


def repeats_action(actions: FloatArray, history: FloatArray) -> npt.NDArray[np.bool_]:
    """Which plans are the current action, six times; False where there is no plan.

    Compared after rounding to three decimals, the precision that the prompt shows the current action in.

    Args:
        actions: (n, 6, 2) planned speed (m/s) and curvature (1/m); NaN where there is no plan.
        history: (n, 6, 2) past actions, the current one last.

    Returns:
        (n,) booleans.
    """
    planned = np.round(actions, LIGHTEMMA.decimals)
    current = np.round(history[:, -1:, :], LIGHTEMMA.decimals)
    same: npt.NDArray[np.bool_] = (planned == current).all(axis=(1, 2))
    return same
