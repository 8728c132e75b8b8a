"""What all scenarios use: their description, and a builder for streets, traffic and people."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from lightemma.frame import Pose
from lightemma.simulation.actor_kinds import kind_named
from lightemma.simulation.actors import AHEAD, Command, Thing, Vehicle
from lightemma.simulation.geometry import Path
from lightemma.simulation.idm import Style
from lightemma.simulation.incidents import Incident
from lightemma.simulation.network import Turn
from lightemma.simulation.pedestrians import Person
from lightemma.simulation.setup import WARM_UP, Narrowing, Setup
from lightemma.simulation.signals import Controller
from lightemma.simulation.state import Conditions, SignalColour
from lightemma.simulation.street_builder import build_streets
from lightemma.simulation.streets import (
    BUILD_OUT,
    CROSSING_WIDTH,
    PARKING,
    JunctionPlan,
    Road,
    StreetPlan,
    Streets,
    Stretch,
)

Build = Callable[["ScenarioBuilder"], Setup]

PAINTS = (
    (0.82, 0.82, 0.83),
    (0.55, 0.56, 0.58),
    (0.12, 0.12, 0.13),
    (0.62, 0.10, 0.10),
    (0.10, 0.20, 0.45),
    (0.16, 0.30, 0.22),
    (0.72, 0.66, 0.52),
    (0.30, 0.32, 0.35),
)
COATS = (
    (0.65, 0.15, 0.15),
    (0.15, 0.25, 0.50),
    (0.20, 0.20, 0.22),
    (0.75, 0.70, 0.60),
    (0.20, 0.40, 0.28),
    (0.80, 0.60, 0.15),
)
#: Share of the streets' bends that are none.
STRAIGHT = 0.14
#: Metres that two people are apart when an episode begins.
APART = 1.0
HIGH_VISIBILITY = (0.85, 0.90, 0.10)
ORANGE = (0.95, 0.40, 0.08)


@dataclass(frozen=True, slots=True)
class Scenario:
    """A situation with a known right answer.

    Attributes:
        name: used on the command line.
        description: one sentence on what happens.
        right_answer: one sentence on what a good driver does.
        build: builds it with a builder.
        family: name of the scenario whose streets, speeds and surroundings it shares for every seed, so that the two differ in
            what happens only; empty for its own.
    """

    name: str
    description: str
    right_answer: str
    build: Build
    family: str = ""


@dataclass
class ScenarioBuilder:
    """Builds the setup of one episode of a scenario.

    Attributes:
        scenario: the scenario.
        rng: random numbers for what matters to the scenario.
        extras: random numbers for the traffic and people around it.
        conditions: light and weather.
        left_hand: whether traffic keeps to the left.
    """

    scenario: Scenario
    rng: np.random.Generator
    extras: np.random.Generator
    conditions: Conditions
    left_hand: bool
    vehicles: list[Vehicle] = field(default_factory=list)
    things: list[Thing] = field(default_factory=list)
    people: list[Person] = field(default_factory=list)
    controllers: dict[int, Controller] = field(default_factory=dict)
    narrowings: list[Narrowing] = field(default_factory=list)
    incidents: list[Incident] = field(default_factory=list)

    @property
    def caution(self) -> float:
        """Share of the usual speed that suits the weather and light."""
        share = {"clear": 1.0, "rain": 0.9, "fog": 0.8}[self.conditions.weather]
        return share * (0.95 if self.conditions.light == "dusk" else 1.0)

    def cruise_speed(self, low: float = 9.5, high: float = 13.0) -> float:
        """A speed in m/s for a free road in this weather."""
        return float(self.rng.uniform(low, high)) * self.caution

    def bend(self, straight: float = STRAIGHT) -> tuple[float, float]:
        """Length and curvature of a bend that a car that drives straight on does not get round; a share is straight."""
        radius = float(self.rng.uniform(75.0, 130.0))
        side = 1.0 if self.rng.random() < 0.5 else -1.0
        length = float(self.rng.uniform(0.30, 0.45)) * radius
        return length, 0.0 if self.rng.random() < straight else side / radius

    def lay(self, *elements: Stretch | JunctionPlan, lanes: int = 1, cycle: float = 0.0) -> Streets:
        """Lays out streets that start anywhere and head anywhere, mirrored in left-hand traffic (see `StreetPlan`)."""
        start = Pose(
            float(self.extras.uniform(-200.0, 200.0)),
            float(self.extras.uniform(-200.0, 200.0)),
            float(self.extras.uniform(-math.pi, math.pi)),
        )
        width = float(np.round(self.extras.uniform(3.3, 3.5), 2))
        streets = build_streets(StreetPlan(start, elements, lanes, width, cycle=cycle))
        return streets.mirrored() if self.left_hand else streets

    def paint(self) -> tuple[float, float, float]:
        """The colour of a car."""
        return PAINTS[int(self.extras.integers(len(PAINTS)))]

    def kind(self) -> str:
        """A random kind of vehicle: mostly cars."""
        kinds = ("car", "car", "car", "car", "van", "truck", "bus")
        return kinds[int(self.extras.integers(len(kinds)))]

    def car(
        self,
        lanes: tuple[int, ...],
        at: float,
        speed: float,
        desired: float,
        kind: str = "car",
        commands: tuple[Command, ...] = (),
        style: Style | None = None,
        attentive: bool = True,
        offset: float = 0.0,
    ) -> int:
        """Adds a vehicle whose rear bumper is ``at`` metres along its route; returns its row in the fleet."""
        axle = at + kind_named(kind).size[0] * (0.5 - AHEAD)
        self.vehicles.append(
            Vehicle(
                kind,
                lanes,
                axle,
                speed,
                desired,
                self.paint(),
                style or self.style(),
                commands,
                attentive=attentive,
                offset=offset,
            )
        )
        return len(self.vehicles)

    def style(self) -> Style:
        """A random driver of the traffic."""
        return Style(
            headway=float(self.extras.uniform(1.1, 1.7)),
            standstill=float(self.extras.uniform(1.8, 2.6)),
            accelerate=float(self.extras.uniform(1.3, 1.9)),
        )

    def oncoming(self, streets: Streets, density: float, first: float = 20.0, kinds: bool = True) -> None:
        """Adds traffic on the lanes against the main street, about ``density`` vehicles per 100 m."""
        for k in range(len(streets.stretches[-1].backward)):
            lanes = streets.network.onward(streets.stretches[-1].backward[k])
            length = streets.network.route(lanes).path.length
            place = first + float(self.extras.uniform(0.0, 30.0))
            while density > 0.0 and place < length - 60.0:
                desired = float(self.extras.uniform(9.5, 12.5)) * self.caution
                if not self._in_junction(streets, lanes, place):
                    self.car(lanes, place, desired, desired, self.kind() if kinds else "car")
                place += max(28.0, float(self.extras.exponential(100.0 / density)))

    def _in_junction(self, streets: Streets, lanes: tuple[int, ...], place: float) -> bool:
        """Whether a vehicle there would be in a junction or on the crossings around it."""
        route = streets.network.route(lanes)
        for lane, start in zip(route.lanes, route.starts, strict=True):
            if streets.network.lanes[lane].junction is not None:
                end = start + streets.network.lanes[lane].path.length
                if start - 25.0 < place < end + 8.0:
                    return True
        return False

    def behind(self, lanes: tuple[int, ...], at: float, speed: float, desired: float) -> None:
        """Adds a car behind the ego, in one of two episodes."""
        distance = float(self.extras.uniform(13.0, 22.0)) + 5.0
        if self.extras.random() < 0.5 and at - distance > 2.0:
            self.car(lanes, at - distance, speed, desired)

    def side_traffic(self, streets: Streets, junction: int, waiting: bool) -> None:
        """Adds cars on the side streets: at their stop line if they wait, else on their way to it."""
        for name in ("north", "south"):
            road = streets.junctions[junction].arms.get(name)
            if road is None or self.extras.random() < 0.25:
                continue
            lane = streets.network.lanes[road.backward[0]]
            line = lane.stop_at or lane.path.length
            lanes = streets.network.onward(lane.number)
            back = float(self.extras.uniform(5.2, 6.0)) if waiting else float(self.extras.uniform(15.0, 45.0))
            speed = 0.0 if waiting else 7.0
            self.car(lanes, line - back, speed, 10.0 * self.caution)

    def park(self, streets: Streets, share: float = 0.6) -> None:
        """Fills the parking strips of the main street, leaving gaps, ends and crossings free."""
        for road in streets.stretches:
            for direction, width in ((-1, road.parking[0]), (1, road.parking[1])):
                if width > 0.0:
                    self._park_side(streets, road, direction, share)

    def _park_side(self, streets: Streets, road: Road, direction: int, share: float) -> None:
        place = BUILD_OUT + 3.0
        while place < road.middle.length - BUILD_OUT - 3.0:
            kind = "van" if self.extras.random() < 0.12 else "car"
            length = kind_named(kind).size[0]
            middle = place + length / 2.0
            free = all(abs(middle - c) > CROSSING_WIDTH / 2.0 + 11.0 for c in road.crossings)
            if free and self.extras.random() < share:
                offset = direction * (road.half + PARKING / 2.0 + float(self.extras.uniform(-0.08, 0.12)))
                pose = road.middle.offset_pose(middle, streets.side * offset)
                if direction > 0:
                    pose = Pose(pose.x, pose.y, pose.heading + math.pi)
                self.things.append(Thing(kind, pose, self.paint()))
            place += length + float(self.extras.uniform(0.9, 1.6))

    def strollers(self, streets: Streets, count: int) -> None:
        """Adds people who walk along the main street's walkways."""
        for _ in range(count):
            road = streets.stretches[int(self.extras.integers(len(streets.stretches)))]
            direction = 1 if self.extras.random() < 0.5 else -1
            extra = road.parking[0 if direction < 0 else 1]
            offset = direction * (road.half + extra + float(self.extras.uniform(1.2, 2.4)))
            path = road.middle.shifted(streets.side * offset)
            if self.extras.random() < 0.5:
                path = path.reversed()
            speed = float(self.extras.uniform(1.0, 1.5))
            room = path.length - (30.0 + WARM_UP) * speed - 8.0
            if room > 8.0:
                start = float(self.extras.uniform(4.0, room))
                person = Person(path, start, speed, self.coat(), self.height())
                if all(math.dist(_begins(person), _begins(other)) > APART for other in self.people):
                    self.people.append(person)

    def coat(self) -> tuple[float, float, float]:
        """The colour of a coat."""
        return COATS[int(self.extras.integers(len(COATS)))]

    def height(self) -> float:
        """A random person's height in metres."""
        return float(np.round(self.extras.uniform(1.58, 1.88), 2))

    def crosser(self, streets: Streets, crossing: int, ready: float, towards: bool, offset: float = 0.0) -> int:
        """Adds a person who crosses from ``ready`` seconds on, ``offset`` metres from the crossing's middle.

        Returns:
            Its place among the people.
        """
        place = streets.network.crossings[crossing]
        (x0, y0), (x1, y1) = (place.start, place.end) if towards else (place.end, place.start)
        heading = math.atan2(y1 - y0, x1 - x0)
        start = Pose(x0 - offset * math.sin(heading), y0 + offset * math.cos(heading), heading)
        path = Path.from_pieces(start, [(place.length, 0.0)])
        speed = float(self.extras.uniform(1.2, 1.6))
        self.people.append(
            Person(path, 0.0, speed, self.coat(), self.height(), crossing=crossing, ready=ready, towards=towards)
        )
        return len(self.people) - 1

    def finish(
        self,
        streets: Streets,
        lanes: tuple[int, ...],
        at: float,
        speed: float,
        desired: float,
        goal: float,
        time_limit: float = 25.0,
    ) -> Setup:
        """The finished setup; a goal beyond the route is moved back to its end.

        Raises:
            ValueError: if a number is not finite, or the car would start beyond its goal.
        """
        length = streets.network.route(lanes).path.length
        if not all(map(math.isfinite, (at, speed, desired, goal, time_limit))):
            raise ValueError("at, speed, desired, goal and time_limit must be finite")
        if not 0.0 <= at < min(goal, length - 15.0):
            raise ValueError(
                f"the car would start at {at:g} m of its route; it must start between 0 m and the goal at "
                f"{min(goal, length - 15.0):g} m"
            )
        return Setup(
            name=self.scenario.name,
            description=self.scenario.description,
            right_answer=self.scenario.right_answer,
            streets=streets,
            lanes=lanes,
            at=at,
            speed=speed,
            desired=desired,
            goal=min(goal, length - 15.0),
            time_limit=time_limit,
            vehicles=tuple(self.vehicles),
            things=tuple(self.things),
            people=tuple(self.people),
            controllers=self.controllers,
            narrowings=tuple(self.narrowings),
            incidents=tuple(self.incidents),
            family=self.scenario.family or self.scenario.name,
        )


def _begins(person: Person) -> tuple[float, float]:
    """Where a person is at time 0, after the warm-up; who waits at a crossing has not walked until then."""
    walked = 0.0 if person.crossing is not None else person.speed * WARM_UP
    pose = person.path.pose(person.start + walked)
    return pose.x, pose.y


def green_at(time: float, main: float = 20.0, side: float = 15.0) -> Controller:
    """Lights whose main street turns green at a time (seconds; negative: it has been green for that long)."""
    lights = Controller(main, side)
    return Controller(main, side, offset=(-time) % lights.cycle)


def held_light(main: float = 20.0, side: float = 15.0, side_shows: SignalColour = "green") -> Controller:
    """Lights that hold the main street at red until an incident releases them."""
    return Controller(main, side, held=side_shows)


def way_start(streets: Streets, lanes: tuple[int, ...]) -> tuple[float, float]:
    """Metres along a route of its first stop line (or that lane's end), and of where its way through the junction starts."""
    route = streets.network.route(lanes)
    for lane, start, after in zip(route.lanes, route.starts, route.lanes[1:], strict=False):
        if streets.network.lanes[after].junction is not None:
            own = streets.network.lanes[lane]
            end = start + own.path.length
            return (end if own.stop_at is None else start + own.stop_at), end
    raise ValueError("the route crosses no junction")


def seen_turn(turn: Turn, left_hand: bool) -> Turn:
    """The turn to build before mirroring, so that it has the wanted direction afterwards."""
    if not left_hand or turn == "straight":
        return turn
    return "left" if turn == "right" else "right"
