"""People on foot: they walk along a walkway, or wait at a crossing, cross, and walk on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from lightemma.frame import Pose
from lightemma.simulation.geometry import Path

#: Metres from one step of the same foot to the next.
STRIDE = 1.4

Activity = Literal["stroll", "wait", "walk", "done"]


@dataclass(frozen=True, slots=True)
class Person:
    """A person and what they are going to do.

    Attributes:
        path: the way, in the direction of walking.
        start: metres along it at the episode's start.
        speed: m/s.
        colour: of the coat.
        height: metres.
        crossing: the crossing whose line ``path`` follows, or None for a walk along the street.
        ready: seconds, the earliest time to step off the kerb; inf for somebody whom an incident tells when.
        towards: of a person at a crossing, whether it walks from the crossing's start to its end.
    """

    path: Path
    start: float
    speed: float
    colour: tuple[float, float, float]
    height: float = 1.72
    crossing: int | None = None
    ready: float = 0.0
    towards: bool = True


class Walker:
    """A person during an episode."""

    def __init__(self, number: int, person: Person) -> None:
        self.number = number
        self.person = person
        self.along = person.start
        self.activity: Activity = "stroll" if person.crossing is None else "wait"
        self.walked = 0.0
        #: Seconds, the earliest time to step off, and from when on the traffic stops for somebody who still waits.
        self.ready, self.shown = person.ready, person.ready - 1.0
        #: Whether nobody on the road can see it yet, nor react to it.
        self.hidden = False

    @property
    def pose(self) -> Pose:
        """Position and heading of the person."""
        return self.person.path.pose(self.along)

    @property
    def speed(self) -> float:
        """m/s."""
        return self.person.speed if self.activity in ("walk", "stroll") else 0.0

    @property
    def gait(self) -> float:
        """Phase of the steps in radians, 0 while standing."""
        return 0.0 if self.speed == 0.0 else 2.0 * math.pi * self.walked / STRIDE % (2.0 * math.pi)

    def step(self, dt: float) -> None:
        """Walks on for ``dt`` seconds, if walking."""
        if self.activity in ("walk", "stroll"):
            self.along += self.person.speed * dt
            self.walked += self.person.speed * dt
            if self.activity == "walk" and self.along >= self.person.path.length:
                self.activity = "done"

    def clears(self, across: float) -> bool:
        """Whether a walker on the crossing is past a place ``across`` metres from the crossing's start."""
        length = self.person.path.length
        at = self.along if self.person.towards else length - self.along
        return at > across if self.person.towards else at < across
