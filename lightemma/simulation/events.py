"""What happened in an episode: collisions and whose fault they are, leaving the road, red lights, progress, time to collision.

The rules are those of nuPlan's closed-loop metrics (Karnchanachari et al., 2024) and NAVSIM (Dauner et al., 2024).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from lightemma.frame import FloatArray
from lightemma.simulation.conduct import Conduct, ConductFault
from lightemma.simulation.geometry import Area, box_corners, box_meets, boxes_overlap, contact_within, wrap
from lightemma.simulation.hazards import assess
from lightemma.simulation.network import Group
from lightemma.simulation.overtaking import may_overtake
from lightemma.simulation.state import EGO_CENTRE_AHEAD, EGO_LENGTH, EGO_WIDTH
from lightemma.simulation.world import CitySimulation

#: Centre x, y (metres), heading, length and width of the ego's box.
Box = tuple[float, float, float, float, float]
EventKind = ConductFault | Literal["collision", "off-road", "wrong-side", "red-light", "off-route", "stuck", "goal"]

#: Seconds ahead in which collisions are looked for.
HORIZON = 3.0
#: Half the diagonal of the ego's box (metres).
OWN_HALF_DIAGONAL = math.hypot(EGO_LENGTH, EGO_WIDTH) / 2.0
#: Metres from contact within which others are checked at every step; farther ones cannot touch within 0.2 s.
NEAR = 7.0
#: Seconds in an oncoming lane, and standing without a reason, after which it counts as an event.
WRONG_SIDE_TIME, STUCK_TIME = 1.5, 8.0
#: Metres beside its route at which the ego has left it, such as by driving on where it was to turn.
OFF_ROUTE = 8.0
#: Metres in one step beyond which contact is looked for along the way, too: 30 m/s.
LONG_STEP = 1.5
#: Metres of such a step that are looked at: no street is that long.
FARTHEST = 400.0
#: m/s below which a car counts as standing (nuPlan: 5e-2).
STANDING = 0.05


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened.

    Attributes:
        kind: what.
        time: seconds.
        at_fault: whether the ego is to blame.
        actor: number of the other actor in a collision, else None.
        detail: a short text.
        place: x, y of the ego's rear axle, metres.
    """

    kind: EventKind
    time: float
    at_fault: bool = True
    actor: int | None = None
    detail: str = ""
    place: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True, slots=True)
class EpisodeAccount:
    """What happened in an episode.

    Attributes:
        events: in order.
        goal_reached: whether the goal was reached within the time limit.
        progress: metres along the route.
        progress_share: share of the way to the goal, 0 … 1.
        min_ttc: seconds, the smallest time to collision at constant velocity (inf: no collision within 3 s).
    """

    events: tuple[Event, ...]
    goal_reached: bool
    progress: float
    progress_share: float
    min_ttc: float

    def count(self, kind: EventKind, at_fault: bool = True) -> int:
        """How many events of a kind there were (those the ego is to blame for, or all of them)."""
        return sum(event.kind == kind and (event.at_fault or not at_fault) for event in self.events)


class Referee:
    """Watches a world and records what happens; call :meth:`look` after every step.

    Args:
        world: at its start.
    """

    def __init__(self, world: CitySimulation) -> None:
        self._world = world
        #: How the ego treats others.
        self.conduct = Conduct(world)
        self._area = Area(world.city.drivable)
        self._events: list[Event] = []
        self._touched_rows: list[int] = []
        self._near_rows: list[int] = []
        reach = world.half_diagonal + OWN_HALF_DIAGONAL
        self._near_square: FloatArray = (reach + NEAR) ** 2
        self._reach_square: FloatArray = reach * reach
        # A little more than the largest distance between centres of touching boxes, for rounding.
        self._touch_square: list[float] = ((reach + 1e-3) ** 2).tolist()
        #: A position of the ego's centre, and metres from there within which it touches no vehicle before the next look.
        self._free_distance = (0.0, 0.0, 0.0)
        #: Both ends of a step that was longer than any car's, for what is on the way.
        self._long_step: tuple[tuple[float, float], tuple[float, float]] | None = None
        pose = world.ego.pose
        self._place_before = (
            pose.x + EGO_CENTRE_AHEAD * math.cos(pose.heading),
            pose.y + EGO_CENTRE_AHEAD * math.sin(pose.heading),
        )
        self._off_road = False
        self._off_route = False
        self._wrong_since = 0.0
        self._wrong_said = False
        self._still = 0.0
        self._stuck_said = False
        self._goal_reached = False
        self._furthest = world.start
        self._min_ttc = math.inf
        self._lines = _stop_lines(world)
        self._before_line = self._ahead_of_lines()
        self._steps = 0

    @property
    def goal_reached(self) -> bool:
        """Whether the goal has been reached."""
        return self._goal_reached

    @property
    def events(self) -> tuple[Event, ...]:
        """What has happened so far, in order; cheaper than :meth:`account`."""
        return tuple(self._events)

    def look(self) -> None:
        """Records the world as it is now; called once per step."""
        self._steps += 1
        world = self._world
        ego = world.ego
        heading = ego.pose.heading
        x = ego.pose.x + EGO_CENTRE_AHEAD * math.cos(heading)
        y = ego.pose.y + EGO_CENTRE_AHEAD * math.sin(heading)
        box = (x, y, heading, EGO_LENGTH, EGO_WIDTH)
        self._look_along_the_step(box)
        self._look_for_contact(box)
        self._look_at_lights()
        along = float(world.traffic.at[0])
        offset = abs(float(world.traffic.offset[0]))
        if offset > OFF_ROUTE and not self._off_route:
            self._off_route = True
            self._record("off-route")
        # What comes after leaving the route is no progress on it.
        if along > self._furthest and offset < 4.0 and not self._off_route:
            self._furthest = along
        if (
            not self._goal_reached
            and self._furthest >= world.setup.goal
            and world.time <= world.setup.time_limit + 1e-9
        ):
            self._goal_reached = True
            self._record("goal", False)
        if self._steps % 4 == 0:
            if not self._off_road:
                self._look_at_road(box)
            self._look_at_side(box)
            for fault in self.conduct.look():
                self._record(fault.kind, True, fault.actor, fault.detail)
        self._look_whether_stuck()

    @property
    def progress(self) -> float:
        """Metres along the route so far."""
        return self._furthest - self._world.start

    @property
    def finished(self) -> bool:
        """Whether the goal is reached or the time is up. The world can still be stepped after that."""
        return self._goal_reached or self._world.time >= self._world.setup.time_limit - 1e-9

    def account(self) -> EpisodeAccount:
        """What happened so far."""
        world = self._world
        way = max(world.setup.goal - world.start, 1e-6)
        progress = self._furthest - world.start
        return EpisodeAccount(
            events=tuple(self._events),
            goal_reached=self._goal_reached,
            progress=progress,
            progress_share=min(max(progress / way, 0.0), 1.0),
            min_ttc=self._min_ttc,
        )

    def _record(self, kind: EventKind, at_fault: bool = True, actor: int | None = None, detail: str = "") -> None:
        pose = self._world.ego.pose
        self._events.append(Event(kind, self._world.time, at_fault, actor, detail, (pose.x, pose.y)))

    # Contact

    def _look_for_contact(self, box: Box) -> None:
        world = self._world
        x, y = box[:2]
        if self._steps % 4 == 1:
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
        for row in self._near_rows:
            if (row < vehicles and far_from_vehicles) or row in self._touched_rows:
                continue
            other = world.box(row)
            if (other[0] - x) ** 2 + (other[1] - y) ** 2 > self._touch_square[row] or not box_meets(box, other):
                continue
            self._touched_rows.append(row)
            fault, why = self._fault(np.array(box), world.boxes[row], world.velocities[row], row)
            self._record("collision", fault, world.number_of(row), why)

    def _look_along_the_step(self, box: Box) -> None:
        """Looks for what the ego has passed through, where one step takes it farther than its own length."""
        x0, y0 = self._place_before
        self._place_before = box[0], box[1]
        dx, dy = box[0] - x0, box[1] - y0
        way = math.hypot(dx, dy)
        self._long_step = None
        if way < LONG_STEP:
            return
        self._long_step = (x0, y0), (box[0], box[1])
        world = self._world
        boxes = world.boxes
        along = (boxes[:, 0] - x0) * (dx / way) + (boxes[:, 1] - y0) * (dy / way)
        beside = np.abs((boxes[:, 1] - y0) * (dx / way) - (boxes[:, 0] - x0) * (dy / way))
        reach = world.half_diagonal + OWN_HALF_DIAGONAL
        rows = np.flatnonzero((beside < reach) & (along > -reach) & (along < way + reach))
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
                self._record("collision", True, world.number_of(row), "passed through it")
        if not self._off_road:
            self._look_at_the_way(box, (x0, y0), (dx / way, dy / way), way)

    def _look_at_the_way(
        self, box: Box, start: tuple[float, float], direction: tuple[float, float], way: float
    ) -> None:
        """Looks for a corner off the road on the way of a step that is longer than the car."""
        places = np.arange(0.0, min(way, FARTHEST), 1.0)
        along, across = np.array(direction), np.array((-direction[1], direction[0]))
        middles = np.array(start) + places[:, None] * along
        length, width = box[3] / 2.0, box[4] / 2.0
        corners = [middles + a * along + b * across for a in (length, -length) for b in (width, -width)]
        if not self._area.contains(np.concatenate(corners)).all():
            self._off_road = True
            self._record("off-road", detail="passed over it")

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
        """Records the time to collision with what is ahead, if all keep their velocity."""
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
            within = min(self._min_ttc, HORIZON)
            relative = (its_velocity[0] - velocity[0], its_velocity[1] - velocity[1])
            time = contact_within(within, box, other, relative, its_cos, its_sin)
            if time < within and not self._passes_by(world.boxes[row]):
                self._min_ttc = time

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

    def _fault(self, box: FloatArray, other: FloatArray, velocity: FloatArray, row: int) -> tuple[bool, str]:
        """Whether the ego is to blame, and how they met, after nuPlan's classes of collisions.

        Not to blame: the ego stood still, or was hit from behind. To blame: it hit something with its front, or something that
        stood still. In a contact at its side: to blame only when it was not within one lane of its own direction, or, beyond
        nuPlan's rules, was on a junction in the way of one who goes first there.
        """
        ego = self._world.ego
        if ego.speed <= STANDING:
            return False, "the ego stood"
        if float(np.hypot(*velocity)) <= STANDING:
            return True, "hit something that stood"
        front = box_corners(box[0], box[1], box[2], box[3], box[4])
        bumper = _slab(front[0], front[3], box)
        if boxes_overlap(bumper, other[None, :])[0]:
            return True, "hit with its front"
        if self._goes_first(row):
            return True, "in the way of one who goes first"
        tail = _slab(front[1], front[2], box)
        if boxes_overlap(tail, other[None, :])[0]:
            return False, "hit from behind"
        return not self._within_lane(box), "met side to side"

    def _goes_first(self, row: int) -> bool:
        """Whether another vehicle is on a way that the ego's way through a junction has to yield to."""
        traffic = self._world.traffic
        if row >= len(traffic.at):
            return False
        at, network = float(traffic.at[0]), traffic.network
        own = {self._world.route.lane_at(at + float(part))[0] for part in (traffic.front[0], traffic.back[0])}
        its = {int(traffic.lanes_at(traffic.at + part)[row]) for part in (traffic.front, traffic.back)}
        return any(c.yields and c.other in its for lane in own for c in network.conflicts.get(lane, ()))

    def _within_lane(self, box: FloatArray) -> bool:
        world = self._world
        corners = box_corners(*(float(value) for value in box))
        for number in world.traffic.lanes.near(float(box[0]), float(box[1])):
            lane = world.traffic.network.lanes[number]
            if all(abs(lane.path.project(float(x), float(y))[1]) <= lane.width / 2 + 0.1 for x, y in corners):
                along, _ = lane.path.project(float(box[0]), float(box[1]))
                return abs(wrap(float(box[2]) - lane.path.pose(along).heading)) < math.pi / 2
        return False

    # Road, side, lights, standing

    def _look_at_road(self, box: Box) -> None:
        if not self._area.contains(box_corners(*box)).all():
            self._off_road = True
            self._record("off-road")

    def _look_at_side(self, box: Box) -> None:
        world = self._world
        along = float(world.traffic.at[0])
        allowed = any(n.uses_oncoming and n.start - 30.0 < along < n.end + 30.0 for n in world.setup.narrowings)
        allowed = allowed or may_overtake(world)
        if not allowed and self._oncoming_lane(box):
            self._wrong_since += 0.2
            if self._wrong_since > WRONG_SIDE_TIME and not self._wrong_said:
                self._wrong_said = True
                self._record("wrong-side")
        else:
            self._wrong_since = 0.0

    def _oncoming_lane(self, box: Box) -> bool:
        world = self._world
        x, y, heading = box[:3]
        if abs(world.traffic.offset[0]) < 1.6:
            return False
        for number in world.traffic.lanes.near(x, y):
            lane = world.traffic.network.lanes[number]
            if lane.junction is not None:
                continue
            along, offset = lane.path.project(x, y)
            if 0.0 < along < lane.path.length and abs(offset) < lane.width / 2:
                return abs(wrap(heading - lane.path.pose(along).heading)) > 2.0
        return False

    def _ahead_of_lines(self) -> list[float]:
        """Metres by which the ego's front bumper is past each stop line; nan where it is not near the line in its lane."""
        if not self._lines:
            return []
        ego = self._world.ego
        reach = EGO_CENTRE_AHEAD + EGO_LENGTH / 2.0
        cos, sin = math.cos(ego.pose.heading), math.sin(ego.pose.heading)
        x, y = ego.pose.x + reach * cos, ego.pose.y + reach * sin
        found = []
        for line in self._lines:
            dx, dy = x - line.x, y - line.y
            past = math.nan
            if abs(dx) < 8.0 and abs(dy) < 8.0 and cos * line.cos + sin * line.sin > 0.5:
                along, across = dx * line.cos + dy * line.sin, dy * line.cos - dx * line.sin
                if abs(across) < line.half and abs(along) < 5.0:
                    past = along
            found.append(past)
        return found

    def _look_at_lights(self) -> None:
        past = self._ahead_of_lines()
        if not past:
            return
        for line, before, now in zip(self._lines, self._before_line, past, strict=True):
            if before < 0.0 <= now or (self._long_step is not None and self._jumped_over(line, *self._long_step)):
                junction, phase = line.group
                if self._world.controllers[junction].colour(phase, self._world.time) == "red":
                    self._record("red-light")
        self._before_line = past

    def _jumped_over(self, line: _Line, start: tuple[float, float], end: tuple[float, float]) -> bool:
        """Whether a step that is longer than any car's led over a stop line."""
        (x0, y0), (x1, y1) = start, end
        before, now = ((x - line.x) * line.cos + (y - line.y) * line.sin for x, y in (start, end))
        if not before < 0.0 <= now:
            return False
        share = before / (before - now)
        x, y = x0 + share * (x1 - x0), y0 + share * (y1 - y0)
        return abs((y - line.y) * line.cos - (x - line.x) * line.sin) < line.half

    def _look_whether_stuck(self) -> None:
        world = self._world
        if world.ego.speed > 0.1:
            self._still = 0.0
            self._stuck_said = False
            return
        self._still += 0.05
        if self._steps % 10 == 0 and assess(world).reason_to_stand:
            self._still = 0.0
        if self._still > STUCK_TIME and not self._stuck_said:
            self._stuck_said = True
            self._record("stuck")


def _slab(one: FloatArray, other: FloatArray, box: FloatArray) -> FloatArray:
    """A bumper: a box of 0.3 m depth around the line between two corners."""
    middle = (one + other) / 2.0
    return np.array((middle[0], middle[1], box[2], 0.3, box[4]))


@dataclass(frozen=True, slots=True)
class _Line:
    """A stop line with lights: its middle, the direction of travel, half the lane's width and the signal group."""

    x: float
    y: float
    cos: float
    sin: float
    half: float
    group: Group


def _stop_lines(world: CitySimulation) -> list[_Line]:
    found = []
    for lane in world.traffic.network.lanes:
        if lane.stop_at is None or lane.group is None or lane.group[0] not in world.controllers:
            continue
        pose = lane.path.pose(lane.stop_at)
        found.append(
            _Line(pose.x, pose.y, math.cos(pose.heading), math.sin(pose.heading), lane.width / 2.0, lane.group)
        )
    return found
