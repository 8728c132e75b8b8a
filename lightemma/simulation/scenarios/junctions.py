"""At junctions: turns, red and green lights, and a green light with no room behind it."""

from __future__ import annotations

from lightemma.simulation.actors import Command
from lightemma.simulation.network import Turn
from lightemma.simulation.scenarios.base import Scenario, ScenarioBuilder, green_at, seen_turn, way_start
from lightemma.simulation.scenarios.following import NOSE
from lightemma.simulation.setup import WARM_UP, Setup
from lightemma.simulation.streets import JunctionPlan, Streets, Stretch


def _crossroads(
    builder: ScenarioBuilder, side_length: float = 160.0, signals: bool = True, parking: bool = True
) -> Streets:
    extras = builder.extras
    sides = (parking and bool(extras.random() < 0.5), parking and bool(extras.random() < 0.5))
    return builder.lay(
        Stretch(((170.0, 0.0),), sides),
        JunctionPlan(signals=signals, side_length=side_length),
        Stretch(((210.0, 0.0),), sides),
    )


def _turn(builder: ScenarioBuilder, turn: Turn) -> Setup:
    rng = builder.rng
    desired = builder.cruise_speed(8.5, 11.5)
    signals = bool(rng.random() < 0.6)
    streets = _crossroads(builder, 300.0, signals, parking=False)
    lanes = streets.network.onward(streets.stretches[0].forward[0], turn)
    way = streets.network.lanes[lanes[1]]
    line, start = way_start(streets, lanes)
    if signals:
        builder.controllers[0] = green_at(-6.0, main=50.0)
    speed = desired * 0.95
    at = line - NOSE - speed * WARM_UP - float(rng.uniform(35.0, 55.0))
    across = seen_turn(turn, builder.left_hand) == "left"
    if across:
        _gap_for_the_turn(builder, streets)
    elif signals and rng.random() < 0.6:
        crossing = _crossing_of(streets, lanes[2])
        for i in range(int(rng.integers(1, 3))):
            builder.crosser(streets, crossing, float(rng.uniform(-1.0, 3.0)), bool(rng.random() < 0.5), 0.6 * i - 0.3)
        builder.oncoming(streets, float(builder.extras.uniform(0.3, 1.0)))
    builder.behind(lanes, at, speed, desired)
    if signals:
        builder.side_traffic(streets, 0, waiting=True)
    builder.strollers(streets, 3)
    return builder.finish(streets, lanes, at, speed, desired, start + way.path.length + 22.0, time_limit=28.0)


def _gap_for_the_turn(builder: ScenarioBuilder, streets: Streets) -> None:
    """Oncoming cars that reach the junction when the ego does, and then a gap."""
    rng = builder.rng
    lanes = streets.network.onward(streets.stretches[-1].backward[0])
    _, start = way_start(streets, lanes)
    speed = float(rng.uniform(9.0, 11.0)) * builder.caution
    place = start - speed * (WARM_UP + float(rng.uniform(4.0, 6.0)))
    for _ in range(int(rng.integers(1, 4))):
        builder.car(lanes, place, speed, speed, builder.kind())
        place -= float(rng.uniform(18.0, 26.0))


def _crossing_of(streets: Streets, lane: int) -> int:
    """The crossing over a lane, the nearest to the lane's start."""
    found = [(along, c.number) for c in streets.network.crossings for number, along in c.lanes if number == lane]
    return min(found)[1]


def _left(builder: ScenarioBuilder) -> Setup:
    return _turn(builder, "left")


def _right(builder: ScenarioBuilder) -> Setup:
    return _turn(builder, "right")


def _red(builder: ScenarioBuilder) -> Setup:
    rng = builder.rng
    desired = builder.cruise_speed(9.0, 12.0)
    streets = _crossroads(builder)
    lanes = streets.network.onward(streets.stretches[0].forward[0])
    line, start = way_start(streets, lanes)
    builder.controllers[0] = green_at(float(rng.uniform(8.5, 11.5)), main=30.0, side=14.0)
    speed = desired * 0.95
    at = line - NOSE - speed * WARM_UP - float(rng.uniform(38.0, 60.0))
    builder.behind(lanes, at, speed, desired)
    builder.side_traffic(streets, 0, waiting=False)
    crossing = _crossing_of(streets, lanes[2])
    if rng.random() < 0.5:
        builder.crosser(streets, crossing, 0.0, bool(rng.random() < 0.5))
    builder.oncoming(streets, float(builder.extras.uniform(0.3, 1.0)))
    builder.park(streets)
    builder.strollers(streets, 3)
    return builder.finish(streets, lanes, at, speed, desired, start + 40.0)


def _turns_green(builder: ScenarioBuilder) -> Setup:
    rng = builder.rng
    desired = builder.cruise_speed(9.0, 12.0)
    streets = _crossroads(builder)
    lanes = streets.network.onward(streets.stretches[0].forward[0])
    line, start = way_start(streets, lanes)
    stands = bool(rng.random() < 0.6)
    green = float(rng.uniform(2.0, 4.0))
    builder.controllers[0] = green_at(green, main=30.0)
    speed = 0.0 if stands else desired * 0.9
    at = line - NOSE - (float(rng.uniform(0.9, 1.6)) if stands else speed * WARM_UP + float(rng.uniform(20.0, 30.0)))
    builder.side_traffic(streets, 0, waiting=False)
    builder.oncoming(streets, float(builder.extras.uniform(0.3, 1.2)))
    builder.park(streets)
    builder.strollers(streets, 3)
    return builder.finish(streets, lanes, at, speed, desired, start + 55.0)


def _blocked(builder: ScenarioBuilder) -> Setup:
    rng = builder.rng
    desired = builder.cruise_speed(9.0, 12.0)
    streets = _crossroads(builder, parking=False)
    lanes = streets.network.onward(streets.stretches[0].forward[0])
    line, start = way_start(streets, lanes)
    builder.controllers[0] = green_at(-5.0, main=45.0)
    end = start + streets.network.lanes[lanes[1]].path.length
    free_at = float(rng.uniform(7.0, 9.5))
    place = end + float(rng.uniform(0.5, 2.0))
    for i in range(3):
        begins = free_at - 2.0 * (2 - i)
        builder.car(lanes, place, 0.0, desired, "car", (Command(-10.0, 0.0), Command(begins)) if i == 2 else ())
        place += 4.4 + float(rng.uniform(1.9, 2.6))
    speed = desired * 0.95
    at = line - NOSE - speed * WARM_UP - float(rng.uniform(38.0, 55.0))
    builder.behind(lanes, at, speed, desired)
    builder.side_traffic(streets, 0, waiting=True)
    builder.strollers(streets, 3)
    return builder.finish(streets, lanes, at, speed, desired, start + 30.0)


SCENARIOS = (
    Scenario(
        "left-turn",
        "The route turns left at the junction ahead.",
        "Slow down, let those go who go first, turn left into the lane, and speed up again.",
        _left,
    ),
    Scenario(
        "right-turn",
        "The route turns right at the junction ahead.",
        "Slow down, let those go who go first, turn right into the lane, and speed up again.",
        _right,
    ),
    Scenario(
        "red-light",
        "The light ahead is red and turns green later.",
        "Stop at the line while the light is red, and drive on when it is green.",
        _red,
    ),
    Scenario(
        "light-turns-green",
        "The light ahead is red and about to turn green.",
        "Wait for green, then drive on without delay.",
        _turns_green,
    ),
    Scenario(
        "green-but-blocked",
        "The light ahead is green, but cars stand right behind the junction and leave no room.",
        "Stop at the line although the light is green, and drive on when there is room behind the junction.",
        _blocked,
    ),
)
