"""People who step onto the road from behind what hides them from the ego."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from lightemma.frame import FloatArray, Pose
from lightemma.simulation.geometry import box_corners
from lightemma.simulation.incidents import COMES, Incident, MovingWorld, front_of, stood_for

#: Metres from the ego's rear axle forwards to its camera.
EYE = 1.7
#: m/s² of braking that must still save a person when they come into sight, seconds that a driver needs who decides twice a
#: second and whose car takes a moment, and metres that remain.
SAVES, REACTS, REMAINS = 4.0, 0.7, 1.0
#: Metres before the person's way from which on it matters whether the ego sees them.
WITHIN = 60.0


def stopping_way(speed: float) -> float:
    """Metres from where a person comes into sight within which a car at ``speed`` m/s can stand, with some to spare."""
    return REACTS * speed + speed * speed / (2.0 * SAVES) + REMAINS


def is_hidden(eye: Pose, place: Pose, boxes: FloatArray) -> bool:
    """Whether the straight line from one place to another leads through a box.

    Args:
        eye: of the camera.
        place: of the middle of what is looked at.
        boxes: (n, 5) centre x, y (metres), heading, length and width.
    """
    ends = (eye.x, eye.y), (place.x, place.y)
    for x, y, heading, length, width in boxes.tolist():
        corners = box_corners(x, y, heading, length, width).tolist()
        if any(_cross(*ends, *side) for side in zip(corners, [*corners[1:], corners[0]], strict=True)):
            return True
    return False


def _cross(a: tuple[float, float], b: tuple[float, float], c: list[float], d: list[float]) -> bool:
    def side(p: tuple[float, float], q: tuple[float, float], x: float, y: float) -> float:
        return (q[0] - p[0]) * (y - p[1]) - (q[1] - p[1]) * (x - p[0])

    one, two = (c[0], c[1]), (d[0], d[1])
    return side(a, b, *one) * side(a, b, *two) < 0.0 and side(one, two, *a) * side(one, two, *b) < 0.0


@dataclass
class StepsOut(Incident):
    """Somebody who comes from behind a parked van when the ego would reach them, if braking can still save them.

    They walk unseen to the van's edge and stop there if the ego could no longer stand before them; who has come into sight
    walks on. So when they come into sight, the ego is never nearer than `stopping_way` allows.

    Attributes:
        person: its place in the world's list of walkers.
        near: metres along the ego's route at which its way begins.
        across: metres along its own way to the middle of the ego's lane.
    """

    person: int
    near: float
    across: float
    stood: float = field(default=0.0, init=False)
    things: FloatArray | None = field(default=None, init=False, repr=False)
    #: Metres that the ego was before the way when the person came into sight, and its speed then.
    seen_at: tuple[float, float] | None = field(default=None, init=False)

    def look(self, world: MovingWorld) -> None:
        """Lets the person walk, or hold on behind the van."""
        walker = world.walkers[self.person]
        distance, speed = self.near - front_of(world), world.ego.speed
        if self.seen_at is None and distance > WITHIN:
            walker.hidden = True
        elif self.seen_at is None:
            pace, walks = walker.person.speed, walker.activity == "walk"
            edge = self._edge(world, walker.along)
            in_sight = edge <= walker.along + 0.01
            # Who stands at the van's edge and is seen there by an ego that comes past does not cross.
            walker.hidden = not (in_sight and walks)
            if in_sight and walks:
                self.seen_at = distance, speed
            else:
                self.stood = stood_for(world, self.stood, distance, COMES)
                needed = stopping_way(speed + 0.3) + 0.1 * speed
                unseen = (edge - walker.along) / pace + 0.25
                latest = max(needed + unseen * speed, speed * (self.across - walker.along) / pace, 2.0)
                goes = world.time >= 0.0 and (self.stood >= 1.5 or needed <= distance <= latest)
                walker.ready = world.time if goes else math.inf
                # Two more steps and they are in sight.
                if walks and edge - walker.along < 0.3 * pace and distance < needed:
                    walker.activity, walker.ready = "wait", math.inf
        self._note(world, reached=-6.0 < distance < 1.0, met=self.seen_at is not None and distance > -4.0)

    def _edge(self, world: MovingWorld, along: float) -> float:
        """Metres along its way at which the person comes into sight of the ego as it is now."""
        boxes, path = self._boxes(world), world.walkers[self.person].person.path
        pose, heading = world.ego.pose, world.ego.pose.heading
        eye = Pose(pose.x + EYE * math.cos(heading), pose.y + EYE * math.sin(heading), heading)
        if not is_hidden(eye, path.pose(along), boxes):
            return along
        low, high = along, self.across
        for _ in range(6):
            middle = (low + high) / 2.0
            low, high = (middle, high) if is_hidden(eye, path.pose(middle), boxes) else (low, middle)
        return high

    def _boxes(self, world: MovingWorld) -> FloatArray:
        """What stands within 30 m of the person's way; nothing of it moves."""
        if self.things is None:
            pose, boxes = world.walkers[self.person].person.path.pose(0.0), world.thing_boxes
            self.things = boxes[np.hypot(boxes[:, 0] - pose.x, boxes[:, 1] - pose.y) < 30.0]
        return self.things
