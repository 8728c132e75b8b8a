"""What a scenario gives to the world: streets, actors, the ego's task, and the right answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from lightemma.simulation.actors import Thing, Vehicle
from lightemma.simulation.incidents import Incident
from lightemma.simulation.pedestrians import Person
from lightemma.simulation.signals import Controller
from lightemma.simulation.streets import Streets

#: Seconds that are driven before time 0, so that the protocol's eight positions exist.
WARM_UP = 3.5


@dataclass(frozen=True, slots=True)
class Narrowing:
    """Something in the ego's lane that is passed by moving over.

    Attributes:
        kind: what it is.
        start: metres along the ego's route where it begins.
        end: metres where it ends.
        offset: metres to the left (negative: right) at which the rear axle passes it.
        uses_oncoming: whether the car reaches into the oncoming lane, so that oncoming traffic has priority.
        speed: m/s at which a careful driver passes.
    """

    kind: Literal["parked-car", "roadworks", "cyclist"]
    start: float
    end: float
    offset: float
    uses_oncoming: bool
    speed: float


@dataclass(frozen=True)
class Setup:
    """Everything that an episode starts from.

    Attributes:
        name: of the scenario.
        description: one sentence on what happens.
        right_answer: one sentence on what a good driver does.
        streets: laid out, mirrored already in left-hand traffic.
        lanes: numbers of the lanes of the ego's route.
        at: metres along the route of the ego's rear axle when the warm-up begins.
        speed: m/s of the ego then.
        desired: m/s of the ego on a free road.
        goal: metres along the route to be reached.
        time_limit: seconds.
        vehicles: the others.
        things: what stands still.
        people: on foot.
        controllers: lights by junction.
        narrowings: to be passed by moving over.
        incidents: what happens because of where the ego is.
        family: name of the scenarios that share streets, surroundings and seeds with this one.
    """

    name: str
    description: str
    right_answer: str
    streets: Streets
    lanes: tuple[int, ...]
    at: float
    speed: float
    desired: float
    goal: float
    time_limit: float = 25.0
    vehicles: tuple[Vehicle, ...] = ()
    things: tuple[Thing, ...] = ()
    people: tuple[Person, ...] = ()
    controllers: dict[int, Controller] = field(default_factory=dict)
    narrowings: tuple[Narrowing, ...] = ()
    incidents: tuple[Incident, ...] = ()
    family: str = ""
