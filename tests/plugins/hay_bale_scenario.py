"""A scenario in one file: a barrier is in the lane round a bend, and the car must stop before it."""

from __future__ import annotations

from lightemma.simulation.actors import Thing
from lightemma.simulation.scenarios import Scenario, ScenarioBuilder
from lightemma.simulation.setup import WARM_UP, Setup
from lightemma.simulation.streets import Stretch


def _build(builder: ScenarioBuilder) -> Setup:
    desired = builder.cruise_speed(8.0, 10.0)
    streets = builder.lay(Stretch(((150.0, 0.0), (120.0, 0.01))))
    lanes = streets.network.onward(streets.stretches[0].forward[0])
    at = float(builder.rng.uniform(25.0, 30.0))
    barrier = at + desired * WARM_UP + float(builder.rng.uniform(60.0, 70.0))
    offset = streets.lane_width / 2.0
    builder.things.append(Thing("barrier", streets.offset_pose(barrier, -offset)))
    return builder.finish(streets, lanes, at, desired, desired, goal=barrier, time_limit=15.0)


SCENARIO = Scenario("hay-bale", "A barrier is in the lane.", "Stop before it.", _build)


def scenario() -> Scenario:
    return SCENARIO


def needs(argument: str) -> Scenario:
    return SCENARIO


WRONG = 3


def _raises(builder: ScenarioBuilder) -> Setup:
    raise ValueError("no streets")


def _gives_nothing(builder: ScenarioBuilder) -> Setup:
    return None  # type: ignore[return-value]


RAISES = Scenario("raises", "", "", _raises)
GIVES_NOTHING = Scenario("gives-nothing", "", "", _gives_nothing)


def _starts_behind_its_goal(builder: ScenarioBuilder) -> Setup:
    streets = builder.lay(Stretch(((150.0, 0.0),)))
    lanes = streets.network.onward(streets.stretches[0].forward[0])
    return builder.finish(streets, lanes, 500.0, 8.0, 8.0, goal=130.0)


def _has_no_speed(builder: ScenarioBuilder) -> Setup:
    streets = builder.lay(Stretch(((150.0, 0.0),)))
    lanes = streets.network.onward(streets.stretches[0].forward[0])
    return builder.finish(streets, lanes, 25.0, float("nan"), 8.0, goal=130.0)


BEHIND = Scenario("behind", "", "", _starts_behind_its_goal)
NO_SPEED = Scenario("no-speed", "", "", _has_no_speed)
TAKEN = Scenario("red-light", "", "", _build)


def fails() -> Scenario:
    raise KeyError("no scenario")
