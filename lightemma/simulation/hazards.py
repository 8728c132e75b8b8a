"""What the ego has to react to now, by the world's true state: whom to follow, where to stop, what to pass, and why."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from lightemma.simulation.overtaking import LAG, LEAD, RAMP, comes_against, overtaken
from lightemma.simulation.pedestrians import Walker
from lightemma.simulation.routes import Control
from lightemma.simulation.state import SignalColour
from lightemma.simulation.streets import WALK_WIDTH
from lightemma.simulation.world import CitySimulation

ConcernKind = Literal["leader", "light", "person", "give-way", "no-room", "junction", "narrowing", "oncoming"]


@dataclass(frozen=True, slots=True)
class Concern:
    """One thing that the driver has to react to.

    Attributes:
        kind: what sort of thing.
        line: metres along the route: of the line to stop at, of the leader's rear, or of where a narrowing begins.
        distance: metres from the front bumper to there.
        stops: whether the car must stop there now.
        speed: m/s of a leader, or at which a narrowing should be passed.
        acceleration: m/s² of a leader.
        actor: number of the other actor, or None.
        actor_kind: its kind.
        colour: what a light shows.
        gap: for traffic that has priority, its distance in metres.
        cuts_in: whether a leader is still moving into the lane.
        marked: whether a person is at a crossing, and not just anywhere on the road.
    """

    kind: ConcernKind
    line: float
    distance: float
    stops: bool
    speed: float = 0.0
    acceleration: float = 0.0
    actor: int | None = None
    actor_kind: str | None = None
    colour: SignalColour | None = None
    gap: float | None = None
    cuts_in: bool = False
    marked: bool = True


@dataclass(frozen=True, slots=True)
class Situation:
    """All concerns of a moment.

    Attributes:
        time: seconds.
        at: metres along the route of the rear axle.
        front: metres along the route of the front bumper.
        speed: m/s.
        concerns: nearest first.
    """

    time: float
    at: float
    front: float
    speed: float
    concerns: tuple[Concern, ...]

    @property
    def reason_to_stand(self) -> bool:
        """Whether there is a reason not to move."""
        for concern in self.concerns:
            if (
                concern.kind == "leader"
                and concern.distance < 8.0
                and concern.speed < 1.0
                and concern.actor is not None
            ):
                return True
            if concern.kind != "leader" and concern.stops and concern.distance < 12.0:
                return True
        return False


def assess(world: CitySimulation) -> Situation:
    """Finds all concerns on the ego's route from the world's true state."""
    traffic = world.traffic
    front = float(traffic.at[0] + traffic.front[0])
    concerns = [*_leader(world, front), *_controls(world, front), *_narrowings(world, front)]
    taken = traffic.rules.ground_taken(0, front)
    if math.isfinite(taken):
        concerns.append(Concern("junction", taken, taken - front, True))
    concerns.sort(key=lambda concern: concern.distance)
    return Situation(world.time, float(traffic.at[0]), front, float(traffic.speed[0]), tuple(concerns))


def _leader(world: CitySimulation, front: float) -> list[Concern]:
    """The vehicle ahead on the route within 80 m; things to be passed are not leaders."""
    traffic = world.traffic
    lane, low, middle, speed, owner = traffic.rows()
    start = traffic.starts_of(0)[lane]
    with np.errstate(invalid="ignore"):
        valid = (start + middle > float(traffic.centre[0])) & (owner != 0)
        if world.setup.narrowings:
            valid &= owner != -1
        for passed in overtaken(world):
            valid &= owner != passed.row
    place = np.where(valid, start + low, np.inf)
    nearest = int(np.argmin(place))
    if not place[nearest] < front + 80.0:
        return []
    n = int(owner[nearest])
    known = n > 0
    return [
        Concern(
            "leader",
            float(place[nearest]),
            float(place[nearest]) - front,
            False,
            float(speed[nearest]),
            float(traffic.acceleration[n]) if known else 0.0,
            traffic.number[n] if known else None,
            traffic.vehicles[n].kind if known else "barrier",
            cuts_in=known and traffic.changes_lane(n),
        )
    ]


def _controls(world: CitySimulation, front: float) -> list[Concern]:
    traffic = world.traffic
    rules = traffic.rules
    found = []
    for control in traffic.controls_of(0):
        distance = control.stop - front
        if distance < -0.8:
            continue
        if distance > 70.0:
            break
        if control.kind == "crossing":
            walker = rules.person_in_the_way(0, control, world.time)
            if walker is not None:
                marked = traffic.network.crossings[control.number].width > WALK_WIDTH
                found.append(_person(control, distance, walker, marked))
            continue
        colour: SignalColour | None = None
        if control.kind == "signal":
            group = traffic.network.lanes[control.number].group
            if group is not None and group[0] in world.controllers:
                colour = world.controllers[group[0]].colour(group[1], world.time)
                stops = rules.light_stops(0, control, world.time)
                found.append(Concern("light", control.stop, distance, stops, colour=colour))
                if stops:
                    continue
        found.extend(_way(world, control, distance))
    return found


def _person(control: Control, distance: float, walker: Walker, marked: bool) -> Concern:
    return Concern(
        "person",
        control.stop,
        distance,
        True,
        walker.speed,
        actor=walker.number,
        actor_kind="pedestrian",
        marked=marked,
    )


def _way(world: CitySimulation, control: Control, distance: float) -> list[Concern]:
    """The concern that keeps the car from driving into the junction."""
    traffic = world.traffic
    rules = traffic.rules
    way = rules.way_of(0, control)
    if way is None or distance > 45.0:
        return []
    if control.kind != "inside":
        blocker = rules.vehicle_blocking_exit(0, way)
        if blocker is not None:
            return [
                Concern(
                    "no-room",
                    control.stop,
                    distance,
                    True,
                    actor=traffic.number[blocker],
                    actor_kind=traffic.vehicles[blocker].kind,
                )
            ]
    other = rules.vehicle_with_priority(0, control, way, world.time)
    if other is None:
        return []
    x, y = traffic.boxes[other, :2] - traffic.boxes[0, :2]
    return [
        Concern(
            "give-way",
            control.stop,
            distance,
            True,
            float(traffic.speed[other]),
            actor=traffic.number[other],
            actor_kind=traffic.vehicles[other].kind,
            gap=math.hypot(float(x), float(y)),
        )
    ]


def _narrowings(world: CitySimulation, front: float) -> list[Concern]:
    found = []
    at = float(world.traffic.at[0])
    for passed in overtaken(world):
        n = passed.row
        found.append(
            Concern(
                "narrowing",
                passed.narrowing.start,
                passed.gap,
                False,
                float(world.traffic.speed[n]),
                actor=world.traffic.number[n],
                actor_kind=world.traffic.vehicles[n].kind,
            )
        )
    for narrowing in world.setup.narrowings:
        if at > narrowing.end + LAG or narrowing.start - front > 80.0:
            continue
        found.append(Concern("narrowing", narrowing.start, narrowing.start - front, False, narrowing.speed))
        begin = narrowing.start - LEAD - RAMP
        if narrowing.uses_oncoming and at < begin + 2.0:
            other = comes_against(world, narrowing)
            if other is not None:
                line = begin + float(world.traffic.front[0]) - 0.5
                x, y = world.traffic.boxes[other, :2] - world.traffic.boxes[0, :2]
                found.append(
                    Concern(
                        "oncoming",
                        line,
                        line - front,
                        True,
                        float(world.traffic.speed[other]),
                        actor=world.traffic.number[other],
                        actor_kind=world.traffic.vehicles[other].kind,
                        gap=math.hypot(float(x), float(y)),
                    )
                )
    return found
