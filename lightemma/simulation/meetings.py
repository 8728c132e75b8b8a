"""Vehicles that come to a place when the ego would: oncoming and crossing traffic, and traffic before a turn."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from lightemma.simulation.incidents import WAITS, ZONE, Incident, MovingWorld, front_of
from lightemma.simulation.routes import STEP

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
