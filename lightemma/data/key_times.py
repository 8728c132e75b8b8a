"""Which moments of a denser recording are its 2 Hz key frames."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lightemma.agents import IntArray
from lightemma.protocol import LIGHTEMMA

#: Microseconds that a recorded moment may be from the key frame's due time: a quarter of a step, so that neighbouring key
#: frames are 0.25 to 0.75 s apart (nuScenes' are 0.40 to 0.65 s).
TOLERANCE_US = 125_000


def key_rows(times: npt.NDArray[np.int64], tolerance_us: int = TOLERANCE_US) -> IntArray:
    """Rows of the key frames: of each 0.5 s after the first moment the nearest one, if it is near enough.

    Where none is near enough that key frame is missing, which leaves a gap (see ``frames_of_track``).

    Args:
        times: (n,) microseconds, increasing.
        tolerance_us: how far the nearest moment may be away.

    Returns:
        (k,) rows, increasing.
    """
    if not len(times):
        return np.empty(0, dtype=np.int64)
    step = round(LIGHTEMMA.dt * 1e6)
    since = times - times[0]
    slots = (since + step // 2) // step
    off = np.abs(since - slots * step)
    # Slot after slot, the nearest moment of each first; of two equally near ones the earlier.
    order = np.lexsort([since, off, slots])
    _, first = np.unique(slots[order], return_index=True)
    rows = order[first]
    kept: IntArray = rows[off[rows] <= tolerance_us].astype(np.int64)
    return kept
