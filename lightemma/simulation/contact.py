"""What the ego touches, and how soon it would touch what is ahead if all kept their velocity."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lightemma.frame import FloatArray
from lightemma.simulation.blame import STANDING, blame
from lightemma.simulation.geometry import box_meets, contact_within, wrap
from lightemma.simulation.state import EGO_LENGTH, EGO_WIDTH
from lightemma.simulation.world import CitySimulation

#: Centre x, y (metres), heading, length and width of the ego's box.
Box = tuple[float, float, float, float, float]

#: Seconds ahead in which collisions are looked for.
HORIZON = 3.0
#: Half the diagonal of the ego's box (metres).
OWN_HALF_DIAGONAL = math.hypot(EGO_LENGTH, EGO_WIDTH) / 2.0
#: Metres from contact within which others are checked at every step; farther ones cannot touch within 0.2 s.
NEAR = 7.0


@dataclass(frozen=True, slots=True)
class Contact:
    """The ego has touched something.

    Attributes:
        actor: its number.
        at_fault: whether the ego is to blame.
        how: a short text.
    """

    actor: int
    at_fault: bool
    how: str


class ContactWatch:
    """Watches what the ego touches, each thing once.

    Args:
        world: at its start.

    Attributes:
        min_ttc: seconds, the smallest time to collision at constant velocity so far (inf: no collision within 3 s).
    """

    def __init__(self, world: CitySimulation) -> None:
        self._world = world
        self.min_ttc = math.inf
        self._touched_rows: list[int] = []
        self._near_rows: list[int] = []
        reach = world.half_diagonal + OWN_HALF_DIAGONAL
        self._near_square: FloatArray = (reach + NEAR) ** 2
        self._reach_square: FloatArray = reach * reach
        # A little more than the largest distance between centres of touching boxes, for rounding.
        self._touch_square: list[float] = ((reach + 1e-3) ** 2).tolist()
        #: A position of the ego's centre, and metres from there within which it touches no vehicle before the next look.
        self._free_distance = (0.0, 0.0, 0.0)

    def look(self, box: Box, *, afresh: bool) -> list[Contact]:
        """What the ego touches now.

        Args:
            box: the ego's.
            afresh: whether to find out who is near and how soon what is ahead would be touched; at least every 0.2 s.
        """
        world = self._world
        x, y = box[:2]
        if afresh:
            boxes = world.boxes
            dx: FloatArray = boxes[:, 0] - x
            dy: FloatArray = boxes[:, 1] - y
            apart: FloatArray = dx * dx + dy * dy
            near = np.flatnonzero(apart < self._near_square).tolist()
            self._near_rows = [row for row in near if row and row not in self._touched_rows]
            self._measure_free_distance(box)
            if world.ego.speed > STANDING:
                self._look_ahead(box, dx, dy, apart)
        from_x, from_y, free = self._free_distance
        far_from_vehicles = (x - from_x) ** 2 + (y - from_y) ** 2 < free * free
        vehicles = len(world.traffic.at)
        found = []
        for row in self._near_rows:
            if (row < vehicles and far_from_vehicles) or row in self._touched_rows:
                continue
            other = world.box(row)
            if (other[0] - x) ** 2 + (other[1] - y) ** 2 > self._touch_square[row] or not box_meets(box, other):
                continue
            self._touched_rows.append(row)
            fault, why = blame(world, np.array(box), world.boxes[row], world.velocities[row], row)
            found.append(Contact(world.number_of(row), fault, why))
        return found

    def passed_through(self, box: Box, start: tuple[float, float]) -> list[Contact]:
        """What the ego has passed through in a step that took it farther than its own length.

        Args:
            box: the ego's, at the end of the step.
            start: x and y of its centre at the beginning, metres.
        """
        world = self._world
        boxes = world.boxes
        x0, y0 = start
        dx, dy = box[0] - x0, box[1] - y0
        way = math.hypot(dx, dy)
        along = (boxes[:, 0] - x0) * (dx / way) + (boxes[:, 1] - y0) * (dy / way)
        beside = np.abs((boxes[:, 1] - y0) * (dx / way) - (boxes[:, 0] - x0) * (dy / way))
        reach = world.half_diagonal + OWN_HALF_DIAGONAL
        rows = np.flatnonzero((beside < reach) & (along > -reach) & (along < way + reach))
        found = []
        for row in rows[np.argsort(along[rows], kind="stable")].tolist():
            if row == 0 or row in self._touched_rows:
                continue
            centre, other = float(along[row]), boxes[row].tolist()
            places = np.clip(np.arange(-reach[row], reach[row], 0.5) + centre, 0.0, way)
            if any(
                box_meets((x0 + s * dx / way, y0 + s * dy / way, math.atan2(dy, dx), *box[3:]), other)
                for s in places.tolist()
            ):
                self._touched_rows.append(row)
                found.append(Contact(world.number_of(row), True, "passed through it"))
        return found

    def _measure_free_distance(self, box: Box) -> None:
        """Computes how far the ego may move before it could touch a vehicle, whatever those do within the next 0.2 s."""
        world = self._world
        free = math.inf
        for row in self._near_rows:
            if row >= len(world.traffic.at):
                break
            other = world.box(row)
            gap = math.hypot(other[0] - box[0], other[1] - box[1]) - float(world.half_diagonal[row]) - OWN_HALF_DIAGONAL
            free = min(free, gap - 1.0 - 0.3 * float(world.traffic.speed[row]))
        self._free_distance = (box[0], box[1], max(free, 0.0))

    def _look_ahead(self, box: Box, dx: FloatArray, dy: FloatArray, apart: FloatArray) -> None:
        """Measures the time to collision with what is ahead, if all keep their velocity."""
        world = self._world
        ego = world.ego
        velocity = (ego.speed * math.cos(ego.pose.heading), ego.speed * math.sin(ego.pose.heading))
        velocities = world.velocities
        relative_x, relative_y = velocities[:, 0] - velocity[0], velocities[:, 1] - velocity[1]
        # Circles around the boxes that never meet within the horizon need no exact check.
        closing = -(dx * relative_x + dy * relative_y)
        square = np.maximum(relative_x * relative_x + relative_y * relative_y, 1e-9)
        meet = np.minimum(np.maximum(closing / square, 0.0), HORIZON)
        nearest = apart - 2.0 * meet * closing + meet * meet * square
        may = (nearest < self._reach_square) & (dx * velocity[0] + dy * velocity[1] > 0.0)
        rows = [row for row in np.flatnonzero(may).tolist() if row and row not in self._touched_rows]
        if not rows:
            return
        boxes = world.boxes[rows]
        cos, sin = np.cos(boxes[:, 2]).tolist(), np.sin(boxes[:, 2]).tolist()
        others = zip(rows, boxes.tolist(), velocities[rows].tolist(), cos, sin, strict=True)
        for row, other, its_velocity, its_cos, its_sin in others:
            within = min(self.min_ttc, HORIZON)
            relative = (its_velocity[0] - velocity[0], its_velocity[1] - velocity[1])
            time = contact_within(within, box, other, relative, its_cos, its_sin)
            if time < within and not self._passes_by(world.boxes[row]):
                self.min_ttc = time

    def _passes_by(self, other: FloatArray) -> bool:
        """Whether a vehicle comes the other way in its own lane while the ego is in its own.

        In a bend two such cars point at each other and at constant velocity would meet, though nothing is wrong.
        """
        world = self._world
        path = world.route.path
        if abs(world.traffic.offset[0]) > 0.7:
            return False
        along, offset = path.project(float(other[0]), float(other[1]), near=float(world.traffic.at[0]), window=60.0)
        turned = abs(wrap(float(other[2]) - path.pose(along).heading))
        return abs(offset) > 2.3 and (turned > 2.0 or (other[4] < 2.6 and turned < 0.3))
