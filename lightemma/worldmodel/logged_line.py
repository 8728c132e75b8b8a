"""Where a recorded car went, as what an imagined drive is measured by."""

from __future__ import annotations

import numpy as np

from lightemma.frame import FloatArray, Pose
from lightemma.kinematics import LEAST_CHORD
from lightemma.protocol import LIGHTEMMA

#: Metres that the line goes on straight behind its end, for cars that are faster than the recorded one.
_BEYOND = 200.0
#: Metres; a recorded car that moves less has stood.
LEAST_WAY = 2.0


class LoggedLine:
    """The line of a recorded car.

    Args:
        log: (n, 3) poses every half second from a start on.
    """

    def __init__(self, log: FloatArray) -> None:
        self.log = log
        moved = [0]
        for number in range(1, len(log)):
            if np.hypot(*(log[number, :2] - log[moved[-1], :2])) >= LEAST_CHORD:
                moved.append(number)
        points, heading = log[moved, :2], float(log[-1, 2])
        end = points[-1] + _BEYOND * np.array([np.cos(heading), np.sin(heading)])
        self._points = np.vstack([points, end])
        self._chords = np.diff(self._points, axis=0)
        self._lengths = np.hypot(*self._chords.T)
        self._begins = np.concatenate([[0.0], np.cumsum(self._lengths)])

    def place(self, pose: Pose) -> tuple[float, float]:
        """Metres along the line, and metres beside it (positive = left), of the nearest point."""
        to = np.array([pose.x, pose.y]) - self._points[:-1]
        share = np.clip((to * self._chords).sum(axis=1) / self._lengths**2, 0.0, 1.0)
        off = to - share[:, None] * self._chords
        nearest = int(np.argmin((off**2).sum(axis=1)))
        cross = self._chords[nearest, 0] * off[nearest, 1] - self._chords[nearest, 1] * off[nearest, 0]
        beside = float(np.hypot(*off[nearest])) * (1.0 if cross >= 0.0 else -1.0)
        return float(self._begins[nearest] + share[nearest] * self._lengths[nearest]), beside

    def way(self, seconds: float) -> float:
        """Metres that the recorded car came in this time."""
        count = round(min(seconds / LIGHTEMMA.dt, len(self.log) - 1))
        return float(np.hypot(*np.diff(self.log[: count + 1, :2], axis=0).T).sum())

    def curvature(self, along: float) -> float:
        """1/m of the recorded way, some metres along it; 0 beyond its end."""
        way = np.hypot(*np.diff(self.log[:, :2], axis=0).T)
        row = int(np.searchsorted(np.cumsum(way), along))
        return float(self.pairs(row * LIGHTEMMA.dt, 1)[0, 1]) if row < len(way) else 0.0

    def pairs(self, seconds: float, count: int = LIGHTEMMA.plan_steps) -> FloatArray:
        """(count, 2) mean speeds (m/s) and curvatures (1/m) of the recorded car from a time on; at its end it goes on so."""
        way = np.hypot(*np.diff(self.log[:, :2], axis=0).T)
        turn = np.diff(np.unwrap(self.log[:, 2]))
        curvature = np.where(way > LEAST_CHORD, turn / np.maximum(way, LEAST_CHORD), 0.0)
        rows = np.minimum(round(seconds / LIGHTEMMA.dt) + np.arange(count), len(way) - 1)
        return np.column_stack([way / LIGHTEMMA.dt, curvature])[rows]
