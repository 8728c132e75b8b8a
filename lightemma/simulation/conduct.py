"""How the ego treats others: too fast, too close behind, in the way of those who go first, standing on a junction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lightemma.simulation.geometry import box_corners
from lightemma.simulation.hazards import assess
from lightemma.simulation.world import CitySimulation

ConductFault = Literal["speeding", "failed-to-yield", "blocking"]

#: Times the limit beyond which a speed is a fault.
TOO_FAST = 1.1
#: m/s² that another has to brake for the ego, which should have let it go first.
HARD = 2.0
#: Seconds between bumpers below which the ego is too close behind another, and m/s below which this is not looked at.
HEADWAY, MOVES = 0.8, 3.0
#: m/s below which nobody has to brake hard for the ego that could not see it in time.
CREEPS = 1.0
#: Seconds after a change of lane for which the ego may be in the way of those who were there before.
NEW_IN_LANE = 4.0
#: Metres beside its route from which on an ego on a free road is in the way of oncoming traffic.
OFF_LANE = 0.5
#: Seconds that the ego may stand on a junction behind a queue.
BLOCKS_AFTER = 3.0
#: Seconds between two looks.
LOOK_EVERY = 0.2


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that has just begun.

    Attributes:
        kind: what.
        actor: number of the other road user, or None.
        detail: a few words.
    """

    kind: ConductFault
    actor: int | None = None
    detail: str = ""


class Conduct:
    """Watches how the ego treats others; call :meth:`look` five times a second.

    Args:
        world: at its start.

    Attributes:
        speeding_s: seconds at more than 1.1 times the limit.
        following_s: seconds behind another within 60 m at more than 3 m/s.
        close_s: seconds of those with less than 0.8 s between the bumpers.
    """

    def __init__(self, world: CitySimulation) -> None:
        self._world = world
        self.speeding_s = self.following_s = self.close_s = 0.0
        self._speeding = self._blocked = False
        self._on_junction = 0.0
        self._hindered: set[int] = set()
        self._lane, self._since = -1, world.time

    def look(self) -> list[Fault]:
        """The faults that begin now."""
        return [*self._speed(), *self._yielding(), *self._blocking(), *self._gap()]

    def _speed(self) -> list[Fault]:
        world = self._world
        lane, along = world.route.lane_at(float(world.traffic.at[0]))
        limit = world.traffic.network.lanes[lane].limit_at(along)
        fast = world.ego.speed > TOO_FAST * limit
        begins = fast and not self._speeding
        self._speeding = fast
        if fast:
            self.speeding_s += LOOK_EVERY
        return [Fault("speeding", None, f"{world.ego.speed:.1f} of {limit:.1f} m/s")] if begins else []

    def _yielding(self) -> list[Fault]:
        """Others who brake hard for an ego that has entered their way."""
        world = self._world
        traffic = world.traffic
        lane, _ = world.route.lane_at(float(traffic.at[0] + traffic.front[0]))
        if lane != self._lane:
            self._lane, self._since = lane, world.time
        hard = [n for n in range(1, len(traffic.at)) if traffic.active[n] and traffic.acceleration[n] < -HARD]
        if not hard or world.ego.speed < CREEPS:
            return []
        leaders = traffic.leaders()[2]
        crosses = traffic.network.lanes[lane].junction is not None or world.time - self._since < NEW_IN_LANE
        beside = abs(float(traffic.offset[0])) > OFF_LANE
        found = []
        for n in hard:
            # Who has come along the ego's own way keeps the distance that it likes.
            from_elsewhere = traffic.vehicles[n].lanes[0] != traffic.vehicles[0].lanes[0]
            entered = bool(leaders[n] == 0) and from_elsewhere and (crosses or beside)
            if n not in self._hindered and (entered or n in traffic.rules.for_ego) and self._in_the_way_of(n):
                self._hindered.add(n)
                hardness = f"it braked at {-traffic.acceleration[n]:.1f} m/s²"
                found.append(Fault("failed-to-yield", traffic.number[n], hardness))
        return found

    def _in_the_way_of(self, n: int) -> bool:
        """Whether the ego's box reaches into what a vehicle drives over; some brake for a car that only comes near it."""
        traffic = self._world.traffic
        path, half = traffic.route_of(n).path, float(traffic.size[n, 1]) / 2.0
        offsets = [path.project(float(x), float(y))[1] for x, y in box_corners(*traffic.boxes[0].tolist())]
        return min(offsets) < half and max(offsets) > -half

    def _blocking(self) -> list[Fault]:
        world = self._world
        lane, _ = world.route.lane_at(float(world.traffic.at[0] + world.traffic.ahead[0]))
        if world.ego.speed > 0.1 or world.traffic.network.lanes[lane].junction is None:
            self._on_junction = 0.0
            return []
        self._on_junction += LOOK_EVERY
        if self._blocked or self._on_junction < BLOCKS_AFTER:
            return []
        ahead = next((c for c in assess(world).concerns if c.kind == "leader" and c.distance < 12.0), None)
        if ahead is None or ahead.speed > 0.5:
            return []
        self._blocked = True
        return [Fault("blocking", ahead.actor, "stands on the junction behind a queue")]

    def _gap(self) -> list[Fault]:
        world = self._world
        if world.ego.speed > MOVES and abs(float(world.traffic.offset[0])) < 1.7:
            gap = float(world.traffic.leaders()[0][0])
            if gap < 60.0:
                self.following_s += LOOK_EVERY
                if gap < HEADWAY * world.ego.speed:
                    self.close_s += LOOK_EVERY
        return []
