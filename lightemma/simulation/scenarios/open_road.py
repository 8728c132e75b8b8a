"""A road with little on it: cruise, a bend, and straight on after a turn."""

from __future__ import annotations

import numpy as np

from lightemma.simulation.network import Turn
from lightemma.simulation.scenarios.base import Scenario, ScenarioBuilder, green_at, way_start
from lightemma.simulation.setup import WARM_UP, Setup
from lightemma.simulation.streets import JunctionPlan, Stretch


def _cruise(builder: ScenarioBuilder) -> Setup:
    rng = builder.rng
    desired = builder.cruise_speed(10.0, 13.5)
    first, second = builder.bend(), builder.bend()
    parking = (bool(builder.extras.random() < 0.7), bool(builder.extras.random() < 0.7))
    junction = JunctionPlan(left=bool(rng.random() < 0.6), right=True, signals=False)
    streets = builder.lay(
        Stretch(((95.0, 0.0), first, (90.0, 0.0)), parking),
        junction,
        Stretch(((40.0, 0.0), second, (220.0, 0.0)), parking),
    )
    lanes = streets.network.onward(streets.stretches[0].forward[0])
    at = float(rng.uniform(25.0, 40.0))
    speed = desired * float(rng.uniform(0.9, 1.0))
    if rng.random() < 0.6:
        ahead = float(rng.uniform(45.0, 75.0))
        builder.car(lanes, at + ahead, desired, desired * float(rng.uniform(0.97, 1.1)), builder.kind())
    builder.behind(lanes, at, speed, desired)
    builder.oncoming(streets, float(builder.extras.uniform(0.5, 2.2)))
    builder.park(streets)
    builder.strollers(streets, int(builder.extras.integers(1, 6)))
    return builder.finish(streets, lanes, at, speed, desired, at + desired * (WARM_UP + 15.0))


def _bend(builder: ScenarioBuilder) -> Setup:
    rng = builder.rng
    desired = builder.cruise_speed(9.5, 12.5)
    radius = float(rng.uniform(28.0, 60.0))
    angle = float(np.radians(rng.uniform(40.0, 85.0)))
    turn = 1.0 if rng.random() < 0.5 else -1.0
    before = float(rng.uniform(105.0, 130.0))
    streets = builder.lay(Stretch(((before, 0.0), (radius * angle, turn / radius), (260.0, 0.0))))
    lanes = streets.network.onward(streets.stretches[0].forward[0])
    speed = desired * float(rng.uniform(0.9, 1.0))
    at = before - speed * WARM_UP - float(rng.uniform(30.0, 50.0))
    builder.behind(lanes, at, speed, desired)
    # A bus that comes round so narrow a bend would reach into the lane.
    builder.oncoming(streets, float(builder.extras.uniform(0.3, 1.5)), kinds=False)
    builder.strollers(streets, int(builder.extras.integers(0, 4)))
    return builder.finish(streets, lanes, at, speed, desired, before + radius * angle + 30.0)


def _turned(builder: ScenarioBuilder) -> Setup:
    rng = builder.rng
    desired = builder.cruise_speed(9.0, 12.0)
    turn: Turn = "left" if rng.random() < 0.5 else "right"
    streets = builder.lay(
        Stretch(((80.0, 0.0),)),
        JunctionPlan(signals=bool(rng.random() < 0.5), side_length=330.0),
        Stretch(((120.0, 0.0),)),
    )
    lanes = streets.network.onward(streets.stretches[0].forward[0], turn)
    if streets.junctions[0].plan.signals:
        builder.controllers[0] = green_at(-8.0, main=60.0)
    _, start = way_start(streets, lanes)
    length = streets.network.lanes[lanes[1]].path.length
    at = start + length - 3.5 * 4.6 - float(rng.uniform(0.5, 3.0))
    if rng.random() < 0.5:
        builder.car(lanes, start + length + float(rng.uniform(45.0, 70.0)), desired, desired * 1.05, builder.kind())
    builder.strollers(streets, 3)
    goal = start + length + desired * 11.0
    return builder.finish(streets, lanes, at, 4.6, desired, goal)


SCENARIOS = (
    Scenario(
        "cruise",
        "The road ahead is open, with parked cars and oncoming traffic beside it.",
        "Keep the lane and the speed, and follow a car ahead at its pace if there is one.",
        _cruise,
    ),
    Scenario(
        "bend",
        "The road bends ahead.",
        "Slow down before the bend, follow it, and speed up again as it opens.",
        _bend,
    ),
    Scenario(
        "turned-then-straight",
        "The car has just turned at a junction and the road ahead is straight.",
        "Straighten the wheel and speed up along the road; do not go on turning.",
        _turned,
    ),
)
