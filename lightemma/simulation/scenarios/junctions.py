"""At junctions: turns, red and green lights, a green light with no room behind it; and the same with no reason to stop."""

from __future__ import annotations

import math
from functools import partial

from lightemma.simulation.actors import Command
from lightemma.simulation.incidents import ExitClears, HeldLight, StepsOff
from lightemma.simulation.meetings import Meets
from lightemma.simulation.network import Turn
from lightemma.simulation.scenarios.base import Scenario, ScenarioBuilder, green_at, held_light, seen_turn, way_start
from lightemma.simulation.scenarios.following import NOSE
from lightemma.simulation.setup import WARM_UP, Setup
from lightemma.simulation.streets import CROSSING_WIDTH, JunctionPlan, Streets, Stretch

#: Metres along the main street at which the bend before the junction begins.
BEND = 110.0
#: Share of the drivers on side streets, and of those that come against a turning ego, that do not brake for it.
INATTENTIVE, INATTENTIVE_ONCOMING = 0.75, 0.4


def _crossroads(
    builder: ScenarioBuilder, side_length: float = 160.0, signals: bool = True, parking: bool = True, lanes: int = 1
) -> Streets:
    extras = builder.extras
    sides = (parking and bool(extras.random() < 0.5), parking and bool(extras.random() < 0.5))
    return builder.lay(
        Stretch(((BEND, 0.0), builder.bend(), (float(builder.rng.uniform(32.0, 42.0)), 0.0)), sides),
        JunctionPlan(signals=signals, side_length=side_length),
        Stretch(((16.0, 0.0), builder.bend(), (150.0, 0.0)), sides),
        lanes=lanes,
    )


def _start(builder: ScenarioBuilder, speed: float) -> float:
    """Where the warm-up begins, so that the episode starts shortly before the bend."""
    return BEND - speed * WARM_UP - float(builder.rng.uniform(15.0, 35.0))


def _turn(builder: ScenarioBuilder, turn: Turn, per_direction: int = 1) -> Setup:
    rng = builder.rng
    desired = builder.cruise_speed(8.5, 11.5)
    signals = bool(rng.random() < 0.6)
    streets = _crossroads(builder, 300.0, signals, parking=False, lanes=per_direction)
    # Of two lanes, the one from which a left turn can be made: the inner one, in left-hand traffic the outer.
    entry = streets.stretches[0].forward[-1 if builder.left_hand else 0]
    lanes = streets.network.onward(entry, turn)
    way = streets.network.lanes[lanes[1]]
    _, start = way_start(streets, lanes)
    if signals:
        builder.controllers[0] = green_at(-6.0, main=70.0)
    speed = desired * 0.95
    at = _start(builder, speed)
    _oncoming_at_the_junction(builder, streets, lanes, start)
    people = [(float(rng.uniform(-0.05, 0.05)), bool(rng.random() < 0.5)) for _ in range(int(rng.integers(1, 3)))]
    if signals:
        crosses = seen_turn(turn, builder.left_hand) == "right"
        crossing = _crossing_of(streets, lanes[2]) if crosses else 0
        rows = tuple(
            builder.crosser(streets, crossing, math.inf, towards, offset + 0.8 * i - 0.4)
            for i, (offset, towards) in enumerate(people)
        )
        if crosses:
            steps_off(builder, "person", streets, lanes, crossing, rows)
        else:
            builder.people.clear()  # made all the same, so that everything drawn after them is as in the twins
    builder.behind(lanes, at, speed, desired)
    if signals:
        builder.side_traffic(streets, 0, waiting=True)
    builder.strollers(streets, 3)
    beyond, limit = (45.0, 30.0) if turn == "straight" else (22.0, 35.0)
    return builder.finish(streets, lanes, at, speed, desired, start + way.path.length + beyond, time_limit=limit)


def _oncoming_at_the_junction(builder: ScenarioBuilder, streets: Streets, lanes: tuple[int, ...], start: float) -> None:
    """Oncoming cars, the first of which reaches the junction when the ego would, and then a gap."""
    rng = builder.rng
    against = streets.network.onward(streets.stretches[-1].backward[0])
    _, begins = way_start(streets, against)
    speed = float(rng.uniform(9.0, 11.0)) * builder.caution
    place = begins - 60.0 - 0.8 * speed * WARM_UP
    lag = float(rng.uniform(-0.3, 0.8))
    found = next((c for c in streets.network.conflicts[lanes[1]] if c.other == against[1]), None)
    for i in range(int(rng.integers(1, 4))):
        attentive = bool(rng.random() > INATTENTIVE_ONCOMING)
        row = builder.car(against, place, 0.8 * speed, speed, builder.kind() if i else "car", attentive=attentive)
        if i == 0 and found is not None and found.yields:
            own, other = start + found.enter, begins + found.other_enter
            builder.incidents.append(Meets("oncoming", row, own, other, 9.0, lag))
        place -= float(rng.uniform(18.0, 26.0))


def steps_off(
    builder: ScenarioBuilder,
    name: str,
    streets: Streets,
    lanes: tuple[int, ...],
    crossing: int,
    people: tuple[int, ...],
) -> None:
    """Lets people at a crossing of the ego's route step off before the ego."""
    place = streets.network.crossings[crossing]
    lane, along = next((lane, along) for lane, along in place.lanes if lane in lanes)
    pose = streets.network.lanes[lane].path.pose(along)
    across = tuple(builder.people[person].path.project(pose.x, pose.y)[0] for person in people)
    near = streets.network.route(lanes).start_of[lane] + along - CROSSING_WIDTH / 2.0
    builder.incidents.append(StepsOff(name, people, near, across))


def _crossing_of(streets: Streets, lane: int) -> int:
    """The crossing over a lane, the nearest to the lane's start."""
    found = [(along, c.number) for c in streets.network.crossings for number, along in c.lanes if number == lane]
    return min(found)[1]


def _cross_traffic(builder: ScenarioBuilder, streets: Streets, lanes: tuple[int, ...], start: float) -> None:
    """Cars on both side streets that cross when an ego which does not stop would, some of whose drivers do not see it."""
    for name in ("north", "south"):
        road = streets.junctions[0].arms[name]
        side = streets.network.onward(road.backward[0])
        _, begins = way_start(streets, side)
        found = next(c for c in streets.network.conflicts[lanes[1]] if c.other == side[1])
        attentive = bool(builder.rng.random() > INATTENTIVE)
        place = begins - float(builder.rng.uniform(70.0, 85.0))
        row = builder.car(side, place, 7.0, 10.0 * builder.caution, attentive=attentive)
        lag = float(builder.rng.uniform(-0.2, 0.4))
        builder.incidents.append(Meets("", row, start + found.enter, begins + found.other_enter, 4.0, lag))


def _red(builder: ScenarioBuilder, red: bool) -> Setup:
    rng = builder.rng
    desired = builder.cruise_speed(9.0, 12.0)
    streets = _crossroads(builder)
    lanes = streets.network.onward(streets.stretches[0].forward[0])
    line, start = way_start(streets, lanes)
    patience = float(rng.uniform(0.5, 3.0))
    builder.controllers[0] = held_light(main=30.0, side=14.0) if red else green_at(-8.0, main=90.0)
    if red:
        builder.incidents.append(HeldLight("red-light", 0, line, patience))
    speed = desired * 0.95
    at = _start(builder, speed)
    builder.behind(lanes, at, speed, desired)
    _cross_traffic(builder, streets, lanes, start)
    crossing = _crossing_of(streets, lanes[2])
    if rng.random() < 0.5:
        builder.crosser(streets, crossing, 0.0, bool(rng.random() < 0.5))
    builder.oncoming(streets, float(builder.extras.uniform(0.3, 1.0)))
    builder.park(streets)
    builder.strollers(streets, 3)
    return builder.finish(streets, lanes, at, speed, desired, start + 60.0, time_limit=40.0 if red else 28.0)


def _turns_green(builder: ScenarioBuilder, soon: bool) -> Setup:
    rng = builder.rng
    desired = builder.cruise_speed(9.0, 12.0)
    streets = _crossroads(builder)
    lanes = streets.network.onward(streets.stretches[0].forward[0])
    line, start = way_start(streets, lanes)
    stands = bool(rng.random() < 0.6)
    early, late = float(rng.uniform(0.5, 2.0)), float(rng.uniform(7.0, 10.0))
    builder.controllers[0] = held_light(main=30.0, side_shows="red")
    builder.incidents.append(HeldLight("red-light", 0, line, early if soon else late))
    speed = 0.0 if stands else desired * 0.9
    at = line - NOSE - float(rng.uniform(0.9, 1.6)) if stands else _start(builder, speed)
    builder.side_traffic(streets, 0, waiting=True)
    builder.oncoming(streets, float(builder.extras.uniform(0.3, 1.2)))
    builder.park(streets)
    builder.strollers(streets, 3)
    return builder.finish(streets, lanes, at, speed, desired, start + 75.0, time_limit=40.0)


def _blocked(builder: ScenarioBuilder, blocked: bool) -> Setup:
    rng = builder.rng
    desired = builder.cruise_speed(9.0, 12.0)
    streets = _crossroads(builder, parking=False)
    lanes = streets.network.onward(streets.stretches[0].forward[0])
    line, start = way_start(streets, lanes)
    builder.controllers[0] = green_at(-5.0, main=90.0)
    end = start + streets.network.lanes[lanes[1]].path.length
    patience = float(rng.uniform(1.0, 4.0))
    place = end + float(rng.uniform(0.5, 2.0))
    for i in range(3):
        gap = float(rng.uniform(1.9, 2.6))
        row = builder.car(lanes, place, 0.0, desired, "car", (Command(-10.0, 0.0),) if i == 2 else ())
        if blocked and i == 2:
            builder.incidents.append(ExitClears("blocked-exit", row, line, patience))
        place += 4.4 + gap
    if not blocked:
        builder.vehicles.clear()  # made all the same, so that everything drawn after them is as in the twin
    speed = desired * 0.95
    at = _start(builder, speed)
    builder.behind(lanes, at, speed, desired)
    builder.side_traffic(streets, 0, waiting=True)
    builder.strollers(streets, 3)
    return builder.finish(streets, lanes, at, speed, desired, start + 60.0, time_limit=40.0 if blocked else 28.0)


SCENARIOS = (
    Scenario(
        "left-turn",
        "The route turns left at the junction ahead.",
        "Slow down, let those go who go first, turn left into the lane, and speed up again.",
        partial(_turn, turn="left"),
    ),
    Scenario(
        "right-turn",
        "The route turns right at the junction ahead.",
        "Slow down, let those go who go first, turn right into the lane, and speed up again.",
        partial(_turn, turn="right"),
        "left-turn",
    ),
    Scenario(
        "straight-on",
        "The route goes straight on at the junction ahead.",
        "Drive on across the junction, and follow the street.",
        partial(_turn, turn="straight"),
        "left-turn",
    ),
    Scenario(
        "two-lanes-left",
        "The route turns left from a street with two lanes per direction, whose arrows say where each leads.",
        "Slow down, let those go who go first, turn left into the lane, and speed up again.",
        partial(_turn, turn="left", per_direction=2),
    ),
    Scenario(
        "two-lanes-straight",
        "The route goes straight on from a lane with an arrow to the left as well.",
        "Drive on across the junction in the lane.",
        partial(_turn, turn="straight", per_direction=2),
        "two-lanes-left",
    ),
    Scenario(
        "red-light",
        "The light ahead is red and turns green later.",
        "Stop at the line while the light is red, and drive on when it is green.",
        partial(_red, red=True),
    ),
    Scenario(
        "green-light",
        "The light ahead is green.",
        "Drive on without slowing down.",
        partial(_red, red=False),
        "red-light",
    ),
    Scenario(
        "light-turns-green",
        "The light ahead is red and about to turn green.",
        "Wait for green, then drive on without delay.",
        partial(_turns_green, soon=True),
    ),
    Scenario(
        "light-stays-red",
        "The light ahead is red and stays so for a long time.",
        "Wait for green, however long it takes.",
        partial(_turns_green, soon=False),
        "light-turns-green",
    ),
    Scenario(
        "green-but-blocked",
        "The light ahead is green, but cars stand right behind the junction and leave no room.",
        "Stop at the line although the light is green, and drive on when there is room behind the junction.",
        partial(_blocked, blocked=True),
    ),
    Scenario(
        "green-and-free",
        "The light ahead is green, and there is room behind the junction.",
        "Drive on without slowing down.",
        partial(_blocked, blocked=False),
        "green-but-blocked",
    ),
)
