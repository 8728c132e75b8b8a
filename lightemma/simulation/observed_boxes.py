"""Boxes of road users as `ObservedFacts` has them; a box is a row of `Sight.boxes`."""

from __future__ import annotations

import math

import numpy as np

from lightemma.camera import NEAR
from lightemma.frame import FloatArray, Pose
from lightemma.observed_facts import Box3d
from lightemma.simulation.geometry import box_corners, wrap
from lightemma.simulation.own_lane import FRONT


def box_of(box: FloatArray) -> Box3d:
    """A row of `Sight.boxes` as the facts have it."""
    x, y, heading, length, width, height, ground = box.tolist()
    centre = round(x, 3), round(y, 3), round(ground + height / 2.0, 3)
    return *centre, round(length, 3), round(width, 3), round(height, 3), round(wrap(heading), 4)


def distance_to(box: FloatArray) -> float:
    """Metres from the middle of the front bumper to the nearest point of a box (a row) on the ground."""
    x, y, heading, length, width = box[:5].tolist()
    dx, dy = FRONT - x, -y
    along = dx * math.cos(heading) + dy * math.sin(heading)
    aside = dy * math.cos(heading) - dx * math.sin(heading)
    return math.hypot(max(abs(along) - length / 2.0, 0.0), max(abs(aside) - width / 2.0, 0.0))


def corners_of(box: FloatArray) -> FloatArray:
    """(8, 3) corners of a box."""
    x, y, heading, length, width, height, ground = box.tolist()
    flat = box_corners(x, y, heading, length, width)
    return np.concatenate([np.column_stack([flat, np.full(4, level)]) for level in (ground, ground + height)])


def cut_near(seen: FloatArray) -> FloatArray:
    """(n, 3) points where the lines between corners, in camera axes, pass the near plane: a hull of what is before it."""
    before, behind = seen[seen[:, 2] >= NEAR], seen[seen[:, 2] < NEAR]
    pairs = [(one, other) for one in before for other in behind]
    cuts = [one + (other - one) * (one[2] - NEAR) / (one[2] - other[2]) for one, other in pairs]
    return np.array(cuts).reshape(-1, 3)


def into_ego(places: FloatArray, ego: Pose) -> FloatArray:
    """(n, 2) world positions in the ego frame."""
    cos, sin = math.cos(ego.heading), math.sin(ego.heading)
    dx, dy = places[:, 0] - ego.x, places[:, 1] - ego.y
    return np.column_stack([cos * dx + sin * dy, cos * dy - sin * dx])
