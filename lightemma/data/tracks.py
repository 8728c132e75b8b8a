"""Tracks of boxes or of the car, looked up at other times than those they were recorded at."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lightemma.agents import BoolArray, IntArray
from lightemma.frame import FloatArray
from lightemma.kinematics import wrapped

#: Seconds before its first and after its last place that a track is taken to stay where that place is.
HOLD = 0.25
#: Seconds between two places of a track that are bridged: one key frame may be lacking, two may not.
BRIDGE = 1.25


class Tracks:
    """Some tracks, one after the other, each in time order.

    Args:
        starts: (a + 1,) where each track's places begin; the last is their number. No track is empty.
        places: (n, 2) metres.
        headings: (n,) radians.
        times: (n,) microseconds, increasing within a track.
    """

    def __init__(
        self, starts: IntArray, places: FloatArray, headings: npt.NDArray[np.float64], times: npt.NDArray[np.int64]
    ) -> None:
        self._starts, self._places, self._headings, self._times = starts, places, headings, times
        # One growing number for all tracks: their times, shifted so that each track's come after the previous track's.
        self._origin = int(times.min()) - 1 if times.size else 0
        self._stride = int(times.max()) - self._origin + 2 if times.size else 1
        self._shift = np.arange(len(starts) - 1, dtype=np.int64) * self._stride
        self._keys = times - self._origin + np.repeat(self._shift, np.diff(starts))

    def at(self, wanted: npt.NDArray[np.int64]) -> tuple[FloatArray, BoolArray]:
        """All tracks at some times: places linearly in time, headings by the shortest arc.

        Args:
            wanted: (k,) microseconds.

        Returns:
            (a, k, 3) x, y and heading, NaN where not known; (a, k) whether known.
        """
        first, last = self._starts[:-1, None], self._starts[1:, None] - 1
        clipped = np.clip(wanted - self._origin, 0, self._stride - 1)
        # The place at or before each time, or the first one; and the one after it, or the last one.
        before = np.searchsorted(self._keys, clipped + self._shift[:, None], side="right") - 1
        before = np.clip(before, first, np.maximum(last - 1, first))
        after = np.minimum(before + 1, last)
        gap = (self._times[after] - self._times[before]) / 1e6
        since, until = (wanted - self._times[before]) / 1e6, (self._times[after] - wanted) / 1e6
        bridged = gap <= BRIDGE
        held = np.minimum(np.abs(since), np.abs(until)) <= HOLD
        known: BoolArray = np.where((since >= 0) & (until >= 0), bridged | held, held)
        share = np.clip(since / np.where(gap > 0, gap, 1.0), 0.0, 1.0)
        # In a gap too long to bridge the nearer place holds.
        share = np.where(bridged, share, np.rint(share))
        heading = self._headings[before] + share * wrapped(self._headings[after] - self._headings[before])
        place = self._places[before] + share[..., None] * (self._places[after] - self._places[before])
        poses = np.concatenate([place, heading[..., None]], axis=-1)
        return np.where(known[..., None], poses, np.nan), known

    def any_between(self, marked: BoolArray, begin: int, end: int) -> BoolArray:
        """Which tracks have a marked place at some times.

        Args:
            marked: (n,) places.
            begin: microseconds.
            end: microseconds, which still count.

        Returns:
            (a,) booleans.
        """
        chosen = marked & (self._times >= begin) & (self._times <= end)
        counts = np.concatenate([[0], np.cumsum(chosen)])[self._starts]
        some: BoolArray = np.diff(counts) > 0
        return some
