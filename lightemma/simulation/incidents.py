"""What happens because of where the ego is: lights, people, leaders, cars that cut in, exits that clear (traffic: `meetings`).

Nothing here counts time from the episode's start, so that no driver can wait an incident out, and a slow one meets it as a
fast one does. Each looks at the world ten times a second, in the warm-up as well, and notes whether the ego met it.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Protocol

from lightemma.frame import FloatArray
from lightemma.simulation.ego import EgoCar
from lightemma.simulation.pedestrians import Walker
from lightemma.simulation.signals import Controller
from lightemma.simulation.traffic import Traffic

#: Seconds between two looks.
LOOK_EVERY = 0.1
#: m/s below which the ego stands and waits.
WAITS = 0.5
#: Metres before a line or a queue within which a standing ego waits for it, and within which the ego has come to it.
ZONE, COMES = 20.0, 25.0


class MovingWorld(Protocol):
    """What incidents read and change: a `CitySimulation`, of which setups, which contain incidents, know nothing.

    Attributes:
        ego: the car.
        traffic: all vehicles.
        walkers: all people.
        controllers: the lights by junction.
        thing_boxes: (n, 5) centre x, y (metres), heading, length and width of what stands still.
    """

    ego: EgoCar
    traffic: Traffic
    walkers: list[Walker]
    controllers: dict[int, Controller]
    thing_boxes: FloatArray

    @property
    def time(self) -> float:
        """Seconds since the episode's start, negative in the warm-up."""


@dataclass
class Incident(ABC):
    """One thing that happens, and whether the ego met it.

    Attributes:
        name: what it is, such as ``red-light``.
        met: seconds at which the ego met it, or None.
        reached: whether the ego came to the place where it meets it.
    """

    name: str
    met: float | None = field(default=None, init=False)
    reached: bool = field(default=False, init=False)

    @abstractmethod
    def look(self, world: MovingWorld) -> None:
        """Looks at the world, and changes what the incident changes."""

    def _note(self, world: MovingWorld, *, reached: bool, met: bool) -> None:
        if world.time < 0.0:
            return
        self.reached = self.reached or reached
        if met and self.met is None:
            self.met = world.time


def front_of(world: MovingWorld) -> float:
    """Metres along the route of the ego's front bumper."""
    return float(world.traffic.at[0] + world.traffic.front[0])


@dataclass
class HeldLight(Incident):
    """A light that stays red until the ego has stood before the line, or behind the queue at it.

    Attributes:
        junction: number of the junction.
        place: metres along the ego's route of the line, or of the queue's end.
        patience: seconds that the ego has to stand.
    """

    junction: int
    place: float
    patience: float
    stood: float = field(default=0.0, init=False)

    def look(self, world: MovingWorld) -> None:
        """Releases the light once the ego has waited."""
        lights = world.controllers[self.junction]
        distance = self.place - front_of(world)
        self._note(world, reached=distance < COMES, met=distance < COMES and lights.held is not None)
        self.stood = stood_for(world, self.stood, distance)
        if lights.held is not None and self.stood >= self.patience:
            world.controllers[self.junction] = lights.released(world.time)


def stood_for(world: MovingWorld, stood: float, distance: float, zone: float = ZONE) -> float:
    """Seconds for which the ego has stood within the zone before a place that is ``distance`` metres ahead."""
    if world.time >= 0.0 and world.ego.speed < WAITS and -2.0 < distance < zone:
        return stood + LOOK_EVERY
    return stood


@dataclass
class StepsOff(Incident):
    """People who step onto a crossing before the ego, unless full braking could not save them.

    Each goes when the ego would arrive just as they are in the middle of its lane, or when it is slow and near, or has stopped.

    Attributes:
        people: their places in the world's list of walkers.
        near: metres along the ego's route at which the crossing begins.
        across: metres from the kerb, along each one's way, to the middle of the ego's lane.
    """

    people: tuple[int, ...]
    near: float
    across: tuple[float, ...]
    stood: float = field(default=0.0, init=False)

    def look(self, world: MovingWorld) -> None:
        """Lets people go whose moment has come."""
        distance, speed = self.near - front_of(world), world.ego.speed
        self.stood = stood_for(world, self.stood, distance, COMES)
        # A driver decides twice a second and brakes at 4 m/s² to a metre before the crossing.
        needed = 0.7 * speed + speed * speed / 8.0 + 1.0
        stepped = False
        for person, across in zip(self.people, self.across, strict=True):
            walker = world.walkers[person]
            takes = across / walker.person.speed
            nearest = max(needed + 0.2 * speed, speed * takes, 1.5)
            if world.time >= 0.0 and walker.activity == "wait" and distance > 0.0:
                if distance < nearest + 3.5 * speed or self.stood:
                    walker.shown = min(walker.shown, world.time)
                goes = self.stood >= 1.5 or needed - 0.2 * speed <= distance <= nearest
                walker.ready = world.time if goes else math.inf
            stepped = stepped or walker.activity == "walk"
        self._note(world, reached=-4.0 < distance < 1.0, met=stepped and distance > -4.0)


@dataclass
class LeaderBrakes(Incident):
    """A car that keeps ahead of the ego, brakes to a stop at a place of the ego's route, and waits for it there.

    Attributes:
        vehicle: its row.
        gap: metres that it keeps ahead at the ego's starting speed; at others in proportion.
        place: metres along the ego's route of the ego's front bumper at which it brakes; inf for a car that never does.
        until: metres along the route up to which it keeps its gap if it does not brake.
        brake: m/s².
        patience: seconds that the ego has to stand or creep behind it until it drives on.
    """

    vehicle: int
    gap: float
    place: float
    until: float
    brake: float
    patience: float
    stood: float = field(default=0.0, init=False)
    braked: bool = field(default=False, init=False)
    gone: bool = field(default=False, init=False)

    def look(self, world: MovingWorld) -> None:
        """Keeps the gap, brakes, and drives on."""
        traffic, n = world.traffic, self.vehicle
        if self.gone or not traffic.active[n]:
            return
        front, gap = front_of(world), traffic.gap_to_ego(n)
        speed = float(traffic.speed[0])
        usual = traffic.vehicles[n].desired
        if not self.braked:
            wanted = 3.0 + (self.gap - 3.0) * min(speed / usual, 1.3)
            traffic.desired[n] = min(max(speed + 0.5 * (wanted - gap), 1.5), 1.25 * usual)
        if world.time < 0.0:
            return
        if not self.braked and front >= self.place:
            self.braked = True
            traffic.desired[n] = usual
            traffic.limit(n, 0.0, self.brake)
        elif not self.braked and front >= self.until:
            self.gone = True
            traffic.desired[n] = usual
        if self.braked:
            slow = float(traffic.speed[n]) < 0.6 * max(speed, 2.0)
            self._note(world, reached=front > self.place + 8.0, met=slow and gap < 30.0)
            if world.ego.speed < 1.0 and gap < COMES and float(traffic.speed[n]) < 0.3:
                self.stood += LOOK_EVERY
            if self.stood >= self.patience:
                self.gone = True
                traffic.limit(n, math.inf)


@dataclass
class CutsIn(Incident):
    """A car in the next lane that keeps a little ahead of the ego, moves over in front of it, and slows down.

    Attributes:
        vehicle: its row.
        lane: the lane it moves into; -1 for a car that stays in its own.
        gap: metres ahead of the ego that it keeps.
        place: metres along the ego's route of its front bumper at which the car moves over, or stops keeping level.
        share: its speed afterwards, as a share of the ego's.
        slow_for: seconds for which it is slow.
    """

    vehicle: int
    lane: int
    gap: float
    place: float
    share: float
    slow_for: float
    since: float = field(default=-1.0, init=False)
    gone: bool = field(default=False, init=False)

    def look(self, world: MovingWorld) -> None:
        """Keeps level, moves over, slows down, and speeds up again."""
        traffic, n = world.traffic, self.vehicle
        if self.gone or not traffic.active[n]:
            return
        front, speed = front_of(world), float(traffic.speed[0])
        usual = traffic.vehicles[n].desired
        if self.since < 0.0:
            gap = traffic.gap_to_ego(n)
            traffic.desired[n] = min(max(speed + 0.5 * (self.gap - gap), 1.0), 1.3 * usual)
            if world.time >= 0.0 and front >= self.place:
                if self.lane < 0:
                    self.gone = True
                    traffic.desired[n] = usual
                elif self.gap - 3.0 < gap < self.gap + 6.0:
                    self.since = 0.0
                    traffic.start_change(n, self.lane)
                    traffic.desired[n] = max(speed, 2.0)
                    self._note(world, reached=True, met=True)
                self._note(world, reached=self.lane >= 0 and front > self.place + 10.0, met=False)
            return
        self.since += LOOK_EVERY
        if self.since >= self.slow_for + 2.0:
            self.gone = True
            traffic.limit(n, math.inf)
            traffic.desired[n] = usual
        elif self.since >= 2.0 and math.isinf(float(traffic.cap[n])):
            traffic.limit(n, max(self.share * float(traffic.desired[n]), 1.0), 2.0)


@dataclass
class ExitClears(Incident):
    """A queue behind the junction that moves on only when the ego has stood before the junction.

    Attributes:
        vehicle: row of the queue's first car.
        place: metres along the ego's route of the stop line.
        patience: seconds that the ego has to stand.
    """

    vehicle: int
    place: float
    patience: float
    stood: float = field(default=0.0, init=False)
    clear: bool = field(default=False, init=False)

    def look(self, world: MovingWorld) -> None:
        """Lets the queue move once the ego has waited."""
        distance = self.place - front_of(world)
        self._note(world, reached=distance < COMES, met=distance < COMES and not self.clear)
        self.stood = stood_for(world, self.stood, distance)
        if self.stood >= self.patience and not self.clear:
            self.clear = True
            world.traffic.limit(self.vehicle, math.inf)


@dataclass
class Arrives(Incident):
    """Something that is there all the time, such as a zone with another limit; it is met by coming to it.

    Attributes:
        place: metres along the ego's route where it begins.
    """

    place: float

    def look(self, world: MovingWorld) -> None:
        """Notes the arrival."""
        there = front_of(world) >= self.place
        self._note(world, reached=there, met=there)


@dataclass
class CatchesUp(Incident):
    """Somebody slow ahead; met by coming close.

    Attributes:
        vehicle: its row.
    """

    vehicle: int

    def look(self, world: MovingWorld) -> None:
        """Notes when the ego is near."""
        if world.traffic.active[self.vehicle]:
            near = -6.0 < world.traffic.gap_to_ego(self.vehicle) < COMES
            self._note(world, reached=near, met=near)
