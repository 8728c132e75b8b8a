"""What happens because of where the ego is: lights, people, leaders, cars that cut in, exits that clear, traffic that meets it.

Nothing here counts time from the episode's start, so that no driver can wait an incident out, and a slow one meets it as a
fast one does. Each looks at the world ten times a second, in the warm-up as well, and notes whether the ego met it.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from lightemma.frame import FloatArray
from lightemma.simulation.ego import EgoCar
from lightemma.simulation.pedestrians import Walker
from lightemma.simulation.routes import STEP
from lightemma.simulation.signals import Controller
from lightemma.simulation.traffic import Traffic

#: Seconds between two looks.
LOOK_EVERY = 0.1
#: m/s below which the ego stands and waits.
WAITS = 0.5
#: Metres before a line or a queue within which a standing ego waits for it, and within which the ego has come to it.
ZONE, COMES = 20.0, 25.0
#: Metres before a meeting within which an ego that stands, or brakes harder than this (m/s²), slows down for it.
SLOWS, SLOWING = 45.0, -0.6
#: m/s that an ego is taken to drive at least, when it is asked how soon it comes.
WALKS = 1.5
#: m/s² harder than anybody slows down for a turn.
BRAKES = -2.2
#: m/s below which an ego near a turn lets the other go first, who must not wait for it in turn.
CREEPS = 2.8
#: m/s at which one who comes to a turn waits at the slowest for an ego that crawls.
SLOWEST = 0.6


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
class Meets(Incident):
    """A vehicle that comes to a place when the ego would, until the ego slows down or is near; then it drives as it likes.

    Attributes:
        vehicle: its row.
        own: metres along the ego's route of the place.
        other: metres along the vehicle's route of the same place.
        until: metres before the place, and one second more, at which the ego is near.
        lag: seconds by which it comes after the ego.
    """

    vehicle: int
    own: float
    other: float
    until: float
    lag: float = 0.0
    gone: bool = field(default=False, init=False)

    def look(self, world: MovingWorld) -> None:
        """Adapts the vehicle's speed."""
        traffic, n = world.traffic, self.vehicle
        if self.gone or not traffic.active[n]:
            return
        usual = traffic.vehicles[n].desired
        distance, speed = self.own - front_of(world), float(traffic.speed[0])
        slows = world.time >= 0.0 and (world.ego.acceleration < SLOWING or speed < WAITS)
        arrives = distance / max(speed, 0.5) + self.lag
        left = self.other - float(traffic.at[n] + traffic.front[n])
        traffic.desired[n] = min(max(left / max(arrives, 0.5), 1.5), 1.25 * usual)
        self._meet(world, distance, left, usual, slows=slows, slowest=WALKS)

    def _meet(
        self, world: MovingWorld, distance: float, left: float, usual: float, *, slows: bool, slowest: float
    ) -> None:
        """Notes whether the ego is near, and the vehicle there; from then on it drives as it likes.

        Args:
            world: as it is now.
            distance: metres from the ego to the place.
            left: metres from the vehicle to the place.
            usual: m/s as the vehicle likes to drive.
            slows: whether the ego slows down for the place.
            slowest: m/s that the ego is taken to drive at least.
        """
        speed, vehicle = float(world.traffic.speed[0]), float(world.traffic.speed[self.vehicle])
        near = distance < self.until + speed or (distance < SLOWS and slows)
        comes = left / max(vehicle, 1.0)
        # Who crawls is near for longer than 6 s, and is met by what comes no later than it does itself.
        latest = max(6.0, distance / max(speed, slowest) + 1.5)
        self._note(world, reached=near, met=near and -1.5 < comes < latest)
        if near:
            self.gone = True
            world.traffic.desired[self.vehicle] = usual


@dataclass
class MeetsInTurn(Meets):
    """As `Meets`, before a turn or a roundabout, for which every driver slows down.

    The ego is taken to drive as fast as it does now, or as the bends of its way allow; when it waits or is near, the other
    drives as it likes.
    """

    def look(self, world: MovingWorld) -> None:
        """Adapts the vehicle's speed."""
        traffic, n = world.traffic, self.vehicle
        if self.gone or not traffic.active[n]:
            return
        usual = traffic.vehicles[n].desired
        front, speed = front_of(world), float(traffic.speed[0])
        distance = self.own - front
        permitted = traffic.permitted_between(0, front - float(traffic.front[0]), self.own)
        creeps = speed < CREEPS and distance < ZONE
        slow = world.time >= 0.0 and (speed < WAITS or creeps or world.ego.acceleration < BRAKES)
        arrives = float((STEP / np.minimum(permitted, max(speed, 0.5))).sum())
        arrives *= max(distance, 0.0) / max(len(permitted) * STEP, STEP)
        left = self.other - float(traffic.at[n] + traffic.front[n])
        traffic.desired[n] = min(max(left / max(arrives + self.lag, 0.5), SLOWEST), 1.35 * usual)
        self._meet(world, distance, left, usual, slows=slow, slowest=1.0)


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
