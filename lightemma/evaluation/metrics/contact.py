"""Whether two oriented boxes touch while both move and turn: no look in between is missed.

Inside a part of a step, each box is taken to keep its middle heading and to move along a straight line. What it really
does stays within a known distance of that, so the boxes made larger by this distance show that there is no contact, and
made smaller that there is one. Parts that neither decides are halved, until the distance is below a millimetre.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lightemma.agents import BoolArray, IntArray
from lightemma.boxes import first_contact
from lightemma.frame import FloatArray

#: Metres: what comes closer than this touches.
CLOSE = 1e-3


@dataclass(frozen=True, slots=True)
class Paths:
    """How ``m`` boxes move during one step: a point of each along a straight line, the heading steadily.

    Attributes:
        start: (m, 3) x, y (metres) and heading (radians) of that point.
        change: (m, 3) by how much each changes until the end.
        ahead: metres from that point to the box's middle, along its heading.
        sizes: (m, 2) length and width, metres.
    """

    start: FloatArray
    change: FloatArray
    ahead: float
    sizes: FloatArray

    def middles(self, rows: IntArray, share: FloatArray) -> FloatArray:
        """(k, 2) the middles of some boxes when a share (k,) of the step has passed."""
        pose = self.start[rows] + share[:, None] * self.change[rows]
        heading = np.stack([np.cos(pose[:, 2]), np.sin(pose[:, 2])], axis=-1)
        middles: FloatArray = pose[:, :2] + self.ahead * heading
        return middles

    def headings(self, rows: IntArray, share: FloatArray) -> FloatArray:
        """(k,) the same of their headings."""
        headings: FloatArray = self.start[rows, 2] + share * self.change[rows, 2]
        return headings

    def strays(self, rows: IntArray, length: FloatArray) -> FloatArray:
        """(k,) metres that no point is farther from where a straight, unturned move over a part of the step puts it."""
        turn = np.minimum(np.abs(self.change[rows, 2]) * length, 2 * np.pi)
        half_diagonal = np.linalg.norm(self.sizes[rows], axis=1) / 2
        # A middle ahead of its point moves on an arc, whose chord is at most this far off.
        strays: FloatArray = half_diagonal * turn / 2 + abs(self.ahead) * turn**2 / 8
        return strays


def touch(one: Paths, other: Paths) -> BoolArray:
    """Whether each pair of boxes touches at any time of the step, its ends included; to a millimetre.

    Args:
        one: m boxes.
        other: m boxes.

    Returns:
        (m,) booleans; False where something is NaN.
    """
    count = len(one.start)
    touching: BoolArray = np.zeros(count, dtype=np.bool_)
    rows, begin, end = np.arange(count), np.zeros(count), np.ones(count)
    while rows.size:
        stray = one.strays(rows, end - begin) + other.strays(rows, end - begin)
        possible = _meet(one, other, rows, begin, end, stray)
        touching[rows[possible & (stray <= CLOSE)]] = True
        undecided = possible & (stray > CLOSE)
        undecided[undecided] &= ~touching[rows[undecided]]
        rows, begin, end, stray = rows[undecided], begin[undecided], end[undecided], stray[undecided]
        sure = _meet(one, other, rows, begin, end, -stray)
        touching[rows[sure]] = True
        left = ~touching[rows]
        rows, begin, end = rows[left], begin[left], end[left]
        middle = (begin + end) / 2
        rows = np.concatenate([rows, rows])
        begin, end = np.concatenate([begin, middle]), np.concatenate([middle, end])
    return touching


def _meet(
    one: Paths, other: Paths, rows: IntArray, begin: FloatArray, end: FloatArray, larger: FloatArray
) -> BoolArray:
    """Whether boxes made larger (or smaller) all around by ``larger`` metres meet if they move straight and do not turn."""
    half = (begin + end) / 2
    sizes = other.sizes[rows] + 2 * larger[:, None]
    mine, others = (path.middles(rows, begin) for path in (one, other))
    moved = (other.middles(rows, end) - others) - (one.middles(rows, end) - mine)
    when = first_contact(
        mine, one.headings(rows, half), one.sizes[rows], others, other.headings(rows, half), sizes, moved
    )
    meet: BoolArray = (when <= 1.0) & (sizes > 0).all(axis=1)
    return meet
