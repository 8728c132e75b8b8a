"""The expert's label: what it would do from the car's present state, as pairs that the car can drive, or that there is no way.

On its route the label is the expert's plan. A car that has strayed comes back if that takes it, within a few seconds and
on the road, to its route without touching anything that stands. Otherwise it stops in its lane. Where neither is possible
(in a meadow far from the route, across the oncoming lane) there is no right answer, and the label is not valid.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lightemma.frame import FloatArray
from lightemma.simulation.ego import EgoCar, Limits
from lightemma.simulation.expert import Expert, ExpertPlan, stop_at
from lightemma.simulation.explain import Explanation, explain
from lightemma.simulation.geometry import Area, Path, box_corners, boxes_overlap, wrap
from lightemma.simulation.lane_finder import LaneFinder
from lightemma.simulation.mean_pairs import Motion, MotionRecorder, mean_pairs
from lightemma.simulation.state import EGO_CENTRE_AHEAD, EGO_LENGTH, EGO_WIDTH
from lightemma.simulation.steering import SLOWEST_BACK, calm_speed, line_of, steer, steer_along
from lightemma.simulation.world import CitySimulation

#: Seconds within which a car must be back on its route for the way back to be near.
NEAR_S = 12.0
#: Seconds off the road for which a car that is off it may take to be on it again.
OFF_ROAD_S = 3.0
#: m/s² of a safe stop, and seconds until which it is looked at.
STOP, STOP_S = 2.0, 8.0
#: Metres and radians from a lane's middle and direction within which a car is in it.
IN_LANE, ALONG = 2.0, 0.6
#: m/s below which another vehicle counts as standing.
STANDS = 0.5
#: Seconds of one move of a car that is tried out.
MOVE = 0.1


@dataclass(frozen=True, slots=True)
class Label:
    """What the expert would do.

    Attributes:
        pairs: (6, 2) mean speed (m/s) and curvature (1/m) of each half second, whose points are the expert's.
        driven: the same as the protocol measures it on the motion, to be driven; the first two pairs are those of ``pairs``.
        valid: False where there is no right answer.
        reason: why it is not valid, or how the car gets back; empty on the route.
        words: what the expert says; None where it is not valid.
    """

    pairs: FloatArray
    driven: FloatArray
    valid: bool
    reason: str
    words: Explanation | None


class Labeller:
    """Makes labels of one world.

    Args:
        world: of the episode.
    """

    def __init__(self, world: CitySimulation) -> None:
        self._world = world
        self._expert = Expert()
        self._area = Area(world.city.drivable)
        self._lanes = LaneFinder(world.traffic.network)

    def label(self) -> Label:
        """The label of this moment."""
        world = self._world
        line = line_of(world, self._car())
        if not line.strayed:
            plan = self._expert.plan(world)
            return Label(*self._pairs(plan), True, "", explain(world, plan))
        side = "left" if line.error > 0.0 else "right"
        turned = math.degrees(abs(line.askew))
        where = f"{abs(line.error):.1f} m to the {side} of its route, turned {turned:.0f} degrees from it"
        if self._comes_back():
            plan = self._expert.plan(world)
            return Label(*self._pairs(plan), True, f"comes back from {where}", explain(world, plan))
        motion, safe = self._stop()
        pairs = mean_pairs(motion, self._limits, world.protocol)
        if not safe:
            return Label(pairs, pairs, False, f"no way back and no safe stop: {where}", None)
        stands = world.ego.speed < STANDS
        words = Explanation(
            f"I have left my route: I am {abs(line.error):.0f} m beside it.",
            "I keep standing." if stands else "I slow down and stop.",
            f"The way back is not near, so I {'wait' if stands else 'stop in my lane'}.",
        )
        return Label(pairs, pairs, True, f"stops, since the way back is not near: {where}", words)

    @property
    def _limits(self) -> Limits:
        return self._world.ego.limits or Limits()

    def _car(self) -> EgoCar:
        ego = self._world.ego
        return EgoCar(ego.pose, ego.speed, ego.curvature, self._limits, self._world.protocol)

    def _pairs(self, plan: ExpertPlan) -> tuple[FloatArray, FloatArray]:
        """The pairs of a plan as they are integrated, and as they are driven."""
        if self._world.ego.limits is None:
            # A car that has each pair at once keeps a speed for the whole half second: it is the mean and the end.
            return plan.actions, plan.actions
        limits, protocol = self._limits, self._world.protocol
        return mean_pairs(plan.motion, limits, protocol), mean_pairs(plan.motion, limits, protocol, made_up=False)

    def _comes_back(self) -> bool:
        """Whether the car can be back on its route soon, on the road and without touching what stands."""
        world, car = self._world, self._car()
        blocks = self._blocks()
        off = 0.0 if self._on_road(car) else OFF_ROAD_S
        for _ in range(round(NEAR_S / world.protocol.dt)):
            goal = min(calm_speed(world, car), 2.0 * SLOWEST_BACK)
            speed = min(max(goal, car.speed - 2.5 * world.protocol.dt), car.speed + 1.6 * world.protocol.dt)
            curvature = steer(world, car, (car.speed + speed) / 2.0)
            self._move(car, speed, curvature)
            line = line_of(world, car)
            if not self._on_road(car):
                off -= world.protocol.dt
                if off < 0.0:
                    return False
            elif not line.strayed and abs(line.error) < 0.8:
                return True
            if self._touches(car, blocks):
                return False
        return False

    def _stop(self) -> tuple[Motion, bool]:
        """A stop in the lane where the car is, and whether it stays on the road, in a lane, and touches nothing."""
        world, car = self._world, self._car()
        lane = self._lane(car)
        blocks = self._blocks()
        safe = lane is not None and self._on_road(car)
        recorder, noted = MotionRecorder(car, world.protocol), 0
        for _ in range(round(STOP_S / world.protocol.dt)):
            brake = max(STOP, -stop_at(car.speed, self._free_way(car, blocks)) if car.speed > 0.1 else 0.0)
            speed = max(0.0, car.speed - min(brake, self._limits.brake) * world.protocol.dt)
            curvature = steer_along(lane, car, (car.speed + speed) / 2.0) if lane else 0.0
            self._move(car, speed, curvature)
            if noted < world.protocol.plan_steps:
                recorder.note()
                noted += 1
            safe = safe and self._on_road(car) and not self._touches(car, blocks)
            if noted == world.protocol.plan_steps and (car.speed == 0.0 or not safe):
                break
        return recorder.motion, safe and car.speed < STANDS

    def _move(self, car: EgoCar, speed: float, curvature: float) -> None:
        dt = self._world.protocol.dt
        for move in range(round(dt / MOVE)):
            car.step(speed, curvature, MOVE, dt - move * MOVE)

    def _lane(self, car: EgoCar) -> Path | None:
        """The middle of the lane in which the car is, along its direction."""
        network = self._world.traffic.network
        best, found = IN_LANE, None
        for number in self._lanes.near(car.pose.x, car.pose.y):
            path = network.lanes[number].path
            at, offset = path.project(car.pose.x, car.pose.y)
            inside = -2.0 < at < path.length + 2.0
            if inside and abs(offset) < best and abs(wrap(car.pose.heading - path.pose(at).heading)) < ALONG:
                best, found = abs(offset), path
        return found

    def _blocks(self) -> FloatArray:
        """(n, 5) boxes of everything that stands, but for the ego."""
        world = self._world
        slow = np.hypot(world.velocities[:, 0], world.velocities[:, 1]) < STANDS
        slow[0] = False
        boxes: FloatArray = world.boxes[slow]
        return boxes

    def _free_way(self, car: EgoCar, blocks: FloatArray) -> float:
        """Metres straight ahead of the bumper to what stands there, less one; inf where nothing does."""
        if not len(blocks):
            return math.inf
        cos, sin = math.cos(car.pose.heading), math.sin(car.pose.heading)
        dx, dy = blocks[:, 0] - car.pose.x, blocks[:, 1] - car.pose.y
        ahead = dx * cos + dy * sin - EGO_CENTRE_AHEAD - EGO_LENGTH / 2.0 - np.hypot(blocks[:, 3], blocks[:, 4]) / 2.0
        beside = np.abs(dy * cos - dx * sin) < (EGO_WIDTH + blocks[:, 4]) / 2.0
        near = ahead[beside & (ahead > -1.0)]
        return float(near.min()) - 1.0 if len(near) else math.inf

    def _touches(self, car: EgoCar, blocks: FloatArray) -> bool:
        return bool(len(blocks)) and bool(boxes_overlap(_box(car), blocks).any())

    def _on_road(self, car: EgoCar) -> bool:
        x, y, heading, length, width = _box(car).tolist()
        return bool(self._area.contains(box_corners(x, y, heading, length, width)).all())


def _box(car: EgoCar) -> FloatArray:
    pose = car.pose
    x = pose.x + EGO_CENTRE_AHEAD * math.cos(pose.heading)
    y = pose.y + EGO_CENTRE_AHEAD * math.sin(pose.heading)
    return np.array([x, y, pose.heading, EGO_LENGTH, EGO_WIDTH])
