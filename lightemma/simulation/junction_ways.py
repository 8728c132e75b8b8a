"""One way through a junction: which turn it is, its path, and to whom it gives way."""

from __future__ import annotations

import math

from lightemma.frame import Pose
from lightemma.simulation.geometry import Path
from lightemma.simulation.network import Lane, Turn


def turn_between(before: Path, after: Path) -> Turn:
    """Which way a driver turns from the end of one path to the start of another."""
    cross = math.sin(after.pose(0.0).heading - before.pose(before.length).heading)
    return "straight" if abs(cross) < 0.5 else "left" if cross > 0 else "right"


def way_path(start: Pose, end: Pose) -> Path:
    """Straight across, or the widest quarter circle that fits, with straights where the corner is not square."""
    cos, sin = math.cos(start.heading), math.sin(start.heading)
    dx, dy = end.x - start.x, end.y - start.y
    forward, left = dx * cos + dy * sin, dy * cos - dx * sin
    if abs(left) < 1e-6:
        return Path.from_pieces(start, [(forward, 0.0)])
    radius = min(forward, abs(left))
    curvature = math.copysign(1.0 / radius, left)
    return Path.from_pieces(
        start, [(forward - radius, 0.0), (radius * math.pi / 2, curvature), (abs(left) - radius, 0.0)]
    )


def gives_way(entry: Lane, own: Lane, other_entry: Lane, other: Lane) -> bool:
    """Whether ``own`` gives way to ``other`` (right-hand traffic).

    The side street gives way to the main street unless lights separate them; within one street a left turn gives way to all
    oncoming traffic that drives straight on or turns right, and a right turn to cyclists beside it.
    """
    if entry.must_yield != other_entry.must_yield:
        return entry.must_yield
    if entry.group != other_entry.group:
        return False
    if own.turn == "right" and other.cycle:
        return True
    return own.turn == "left" and other.turn != "left"
