"""What happened in an episode: collisions and whose fault they are, leaving the road, red lights, progress, time to collision.

The rules are those of nuPlan's closed-loop metrics (Karnchanachari et al., 2024) and NAVSIM (Dauner et al., 2024).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from lightemma.simulation.conduct import Conduct, ConductFault
from lightemma.simulation.contact import Box, ContactWatch
from lightemma.simulation.geometry import Area, box_corners, wrap
from lightemma.simulation.hazards import assess
from lightemma.simulation.overtaking import may_overtake
from lightemma.simulation.state import EGO_CENTRE_AHEAD, EGO_LENGTH, EGO_WIDTH
from lightemma.simulation.stop_lines import StopLines
from lightemma.simulation.world import CitySimulation

EventKind = ConductFault | Literal["collision", "off-road", "wrong-side", "red-light", "off-route", "stuck", "goal"]

#: Seconds in an oncoming lane, and standing without a reason, after which it counts as an event.
WRONG_SIDE_TIME, STUCK_TIME = 1.5, 8.0
#: Metres beside its route at which the ego has left it, such as by driving on where it was to turn.
OFF_ROUTE = 8.0
#: Metres in one step beyond which contact is looked for along the way, too: 30 m/s.
LONG_STEP = 1.5
#: Metres of such a step that are looked at: no street is that long.
FARTHEST = 400.0


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
        self._contacts = ContactWatch(world)
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
        self._lines = StopLines(world)
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
        long_step = self._look_along_the_step(box)
        for contact in self._contacts.look(box, afresh=self._steps % 4 == 1):
            self._record("collision", contact.at_fault, contact.actor, contact.how)
        for _ in range(self._lines.crossed_in_red(long_step)):
            self._record("red-light")
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
            min_ttc=self._contacts.min_ttc,
        )

    def _record(self, kind: EventKind, at_fault: bool = True, actor: int | None = None, detail: str = "") -> None:
        pose = self._world.ego.pose
        self._events.append(Event(kind, self._world.time, at_fault, actor, detail, (pose.x, pose.y)))

    def _look_along_the_step(self, box: Box) -> tuple[tuple[float, float], tuple[float, float]] | None:
        """Looks along the way of a step that took the ego farther than its own length, and gives both its ends; else None."""
        x0, y0 = self._place_before
        self._place_before = box[0], box[1]
        dx, dy = box[0] - x0, box[1] - y0
        way = math.hypot(dx, dy)
        if way < LONG_STEP:
            return None
        for contact in self._contacts.passed_through(box, (x0, y0)):
            self._record("collision", contact.at_fault, contact.actor, contact.how)
        if not self._off_road:
            self._look_at_the_way(box, (x0, y0), (dx / way, dy / way), way)
        return (x0, y0), (box[0], box[1])

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
