"""Something in the way: people who cross, roadworks with an officer, a parked car to pass."""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from lightemma.frame import Pose
from lightemma.simulation.actor_kinds import kind_named
from lightemma.simulation.actors import Thing
from lightemma.simulation.meetings import Meets
from lightemma.simulation.scenarios.base import HIGH_VISIBILITY, ORANGE, Scenario, ScenarioBuilder
from lightemma.simulation.scenarios.junctions import BEND, steps_off
from lightemma.simulation.setup import WARM_UP, Narrowing, Setup
from lightemma.simulation.state import EGO_WIDTH
from lightemma.simulation.streets import Streets, Stretch


def _pedestrian(builder: ScenarioBuilder, people: bool) -> Setup:
    rng = builder.rng
    desired = builder.cruise_speed(8.5, 12.0)
    parking = (bool(builder.extras.random() < 0.5), bool(builder.extras.random() < 0.5))
    bend = builder.bend()
    middle = BEND + bend[0] + float(rng.uniform(38.0, 50.0))
    streets = builder.lay(Stretch(((BEND, 0.0), bend, (90.0, 0.0), builder.bend(), (180.0, 0.0)), parking, (middle,)))
    lanes = streets.network.onward(streets.stretches[0].forward[0])
    speed = desired * 0.95
    at = BEND - speed * WARM_UP - float(rng.uniform(15.0, 35.0))
    rows = tuple(
        builder.crosser(streets, 0, math.inf, bool(rng.random() < 0.6), 0.7 * (i - 1))
        for i in range(int(rng.integers(1, 4)))
    )
    if people:
        steps_off(builder, "person", streets, lanes, 0, rows)
    else:
        builder.people.clear()  # made all the same, so that everything drawn after them is as in the twin
    builder.behind(lanes, at, speed, desired)
    builder.oncoming(streets, float(builder.extras.uniform(0.3, 1.5)))
    builder.park(streets)
    builder.strollers(streets, int(builder.extras.integers(1, 5)))
    return builder.finish(streets, lanes, at, speed, desired, middle + 60.0, time_limit=35.0 if people else 28.0)


def _along(streets: Streets, lanes: tuple[int, ...], place: float) -> float:
    """Metres along a route of a place on the straight ``place`` metres along the street's middle."""
    pose = streets.middle.pose(place)
    return streets.network.route(lanes).path.project(pose.x, pose.y)[0]


def _against(builder: ScenarioBuilder, streets: Streets, own: tuple[int, ...], meets: float, count: int) -> None:
    """Oncoming cars, the first of which reaches ``meets`` metres along the street when the ego does."""
    lanes = streets.network.onward(streets.stretches[-1].backward[0])
    speed = float(builder.rng.uniform(8.5, 10.0)) * builder.caution
    other = _along(streets, lanes, meets)
    place = other - 75.0 - 0.8 * speed * WARM_UP
    lag = float(builder.rng.uniform(-0.5, 0.5))
    for i in range(count):
        row = builder.car(lanes, place, 0.8 * speed, speed)
        if i == 0:
            builder.incidents.append(Meets("oncoming", row, _along(streets, own, meets), other, 12.0, lag))
        place -= float(builder.rng.uniform(18.0, 26.0))


def _parked(builder: ScenarioBuilder) -> Setup:
    rng = builder.rng
    desired = builder.cruise_speed(8.5, 11.5)
    bend = builder.bend()
    streets = builder.lay(Stretch(((BEND, 0.0), bend, (110.0, 0.0), builder.bend(), (150.0, 0.0))))
    road = streets.stretches[0]
    lanes = streets.network.onward(road.forward[0])
    speed = desired * 0.95
    kind = "van" if rng.random() < 0.4 else "car"
    length, width, _ = kind_named(kind).size
    middle = BEND + bend[0] + float(rng.uniform(44.0, 56.0))
    off_kerb = float(rng.uniform(0.15, 0.4))
    from_middle = road.half - off_kerb - width / 2.0
    builder.things.append(Thing(kind, streets.offset_pose(middle, -from_middle), builder.paint()))
    shift = _along(streets, lanes, middle) - middle
    begin, end = middle - length / 2.0 + shift, middle + length / 2.0 + shift
    _pass(builder, streets, begin, end, from_middle - width / 2.0, "parked-car", 7.0)
    at = BEND - speed * WARM_UP - float(rng.uniform(15.0, 35.0))
    _against(builder, streets, lanes, middle, min(int(rng.integers(0, 4)), 2))
    builder.strollers(streets, int(builder.extras.integers(1, 5)))
    return builder.finish(streets, lanes, at, speed, desired, middle + 45.0, time_limit=40.0)


def _roadworks(builder: ScenarioBuilder) -> Setup:
    rng = builder.rng
    desired = builder.cruise_speed(8.5, 11.0)
    bend = builder.bend()
    streets = builder.lay(Stretch(((BEND, 0.0), bend, (115.0, 0.0), builder.bend(), (150.0, 0.0))))
    road = streets.stretches[0]
    lanes = streets.network.onward(road.forward[0])
    speed = desired * 0.95
    begin = BEND + bend[0] + float(rng.uniform(46.0, 56.0))
    end = begin + float(rng.uniform(14.0, 22.0))
    closed = float(rng.uniform(1.5, 2.0))  # metres from the kerb
    edge = road.half - closed
    side = streets.side
    for place in np.arange(begin, end + 0.1, 3.0):
        builder.things.append(Thing("cone", streets.offset_pose(float(place), -(edge + 0.2)), ORANGE))
    taper = [(begin - 3.0 * (i + 1), edge + 0.2 + closed * (i + 1) / 4.0) for i in range(3)]
    builder.things.extend(Thing("cone", streets.offset_pose(place, -offset), ORANGE) for place, offset in taper)
    for place in (begin + 1.5, end - 0.5):
        pose = streets.offset_pose(place, -(edge + 1.5))
        builder.things.append(Thing("barrier", pose, ORANGE))
    for i in range(int(rng.integers(1, 3))):
        place = begin + 4.0 + 4.0 * i + float(rng.uniform(0.0, 2.0))
        pose = streets.offset_pose(place, -(road.half - 0.3))
        builder.things.append(
            Thing("worker", Pose(pose.x, pose.y, float(rng.uniform(-math.pi, math.pi))), HIGH_VISIBILITY)
        )
    officer = streets.offset_pose(begin - 6.5, -(road.half + 0.1))
    builder.things.append(
        Thing("officer", Pose(officer.x, officer.y, officer.heading + side * math.pi * 0.85), HIGH_VISIBILITY)
    )
    shift = _along(streets, lanes, begin) - begin
    _pass(builder, streets, begin - 1.0 + shift, end + shift, edge, "roadworks", 5.5)
    at = BEND - speed * WARM_UP - float(rng.uniform(15.0, 35.0))
    _against(builder, streets, lanes, begin + 8.0, min(int(rng.integers(0, 4)), 2))
    builder.strollers(streets, int(builder.extras.integers(0, 3)))
    return builder.finish(streets, lanes, at, speed, desired, end + 30.0, time_limit=40.0)


def _pass(
    builder: ScenarioBuilder, streets: Streets, start: float, end: float, edge: float, kind: str, speed: float
) -> None:
    """Adds the narrowing left by an obstacle whose border is ``edge`` metres from the street's middle."""
    lane = streets.lane_width / 2.0
    clearance = 0.75 + EGO_WIDTH / 2.0
    offset = lane - edge + clearance  # towards the middle, from the lane's middle
    builder.narrowings.append(
        Narrowing(
            "parked-car" if kind == "parked-car" else "roadworks",
            start,
            end,
            offset * streets.side,
            uses_oncoming=offset + EGO_WIDTH / 2.0 > lane,
            speed=speed * max(builder.caution, 0.9),
        )
    )


SCENARIOS = (
    Scenario(
        "pedestrian-crossing",
        "People step onto a crossing without lights.",
        "Slow down, let them cross, and drive on when the lane is free.",
        partial(_pedestrian, people=True),
    ),
    Scenario(
        "empty-crossing",
        "Nobody is at the crossing without lights.",
        "Drive on, ready to stop.",
        partial(_pedestrian, people=False),
        "pedestrian-crossing",
    ),
    Scenario(
        "roadworks-narrowing",
        "Roadworks with an officer beside them take part of the lane.",
        "Slow down, let oncoming traffic go first, and pass the cones slowly with some room.",
        _roadworks,
    ),
    Scenario(
        "parked-car-to-pass",
        "A car is parked in the lane.",
        "Slow down, let oncoming traffic go first, move over, pass with some room, and come back into the lane.",
        _parked,
    ),
)
