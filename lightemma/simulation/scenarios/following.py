"""Behind other cars: one that brakes, a queue, one that cuts in."""

from __future__ import annotations

from lightemma.simulation.actor_kinds import kind_named
from lightemma.simulation.actors import Command
from lightemma.simulation.idm import Style
from lightemma.simulation.scenarios.base import Scenario, ScenarioBuilder, green_at, way_start
from lightemma.simulation.setup import WARM_UP, Setup
from lightemma.simulation.state import EGO_CENTRE_AHEAD, EGO_LENGTH
from lightemma.simulation.streets import JunctionPlan, Stretch

#: From the ego's rear axle to its front bumper.
NOSE = EGO_CENTRE_AHEAD + EGO_LENGTH / 2.0


def _braking(builder: ScenarioBuilder) -> Setup:
    rng = builder.rng
    desired = builder.cruise_speed(9.5, 12.5)
    parking = (bool(builder.extras.random() < 0.6), bool(builder.extras.random() < 0.6))
    streets = builder.lay(Stretch(((260.0, 0.0), (200.0, float(rng.uniform(-0.001, 0.001)))), parking))
    lanes = streets.network.onward(streets.stretches[0].forward[0])
    at, speed = float(rng.uniform(25.0, 40.0)), desired * 0.95
    brakes_at = float(rng.uniform(2.0, 4.5))
    down_to = float(rng.choice([0.0, 0.0, 2.0]))
    stands = float(rng.uniform(2.0, 3.5))
    gap = speed * float(rng.uniform(1.5, 2.2)) + 3.0
    builder.car(
        lanes,
        at + NOSE + gap,
        speed,
        speed,
        "van" if rng.random() < 0.25 else "car",
        (
            Command(brakes_at, down_to, float(rng.uniform(2.5, 4.5))),
            Command(brakes_at + speed / 3.0 + stands),
        ),
        style=Style(accelerate=1.8),
    )
    builder.behind(lanes, at, speed, desired)
    builder.oncoming(streets, float(builder.extras.uniform(0.5, 2.0)))
    builder.park(streets)
    builder.strollers(streets, int(builder.extras.integers(1, 5)))
    return builder.finish(streets, lanes, at, speed, desired, at + speed * (WARM_UP + brakes_at) + 65.0)


def _queue(builder: ScenarioBuilder) -> Setup:
    rng = builder.rng
    desired = builder.cruise_speed(9.0, 12.0)
    streets = builder.lay(
        Stretch(((190.0, 0.0),), (bool(builder.extras.random() < 0.5), False)), JunctionPlan(), Stretch(((200.0, 0.0),))
    )
    lanes = streets.network.onward(streets.stretches[0].forward[0])
    green = float(rng.uniform(6.5, 9.0))
    builder.controllers[0] = green_at(green, main=30.0)
    line, start = way_start(streets, lanes)
    place, count = line - 0.8, int(rng.integers(2, 4))
    for _ in range(count):
        kind = "van" if rng.random() < 0.2 else "car"
        place -= kind_named(kind).size[0]
        builder.car(lanes, place, 0.0, desired * float(rng.uniform(0.95, 1.1)), kind)
        place -= float(rng.uniform(1.8, 2.6))
    speed = desired * 0.95
    at = place - NOSE - speed * WARM_UP - float(rng.uniform(28.0, 42.0))
    builder.side_traffic(streets, 0, waiting=False)
    builder.oncoming(streets, float(builder.extras.uniform(0.3, 1.2)))
    builder.park(streets)
    builder.strollers(streets, 3)
    return builder.finish(streets, lanes, max(at, 8.0), speed, desired, start + 25.0, time_limit=28.0)


def _cut_in(builder: ScenarioBuilder) -> Setup:
    rng = builder.rng
    desired = builder.cruise_speed(10.0, 12.5)
    streets = builder.lay(Stretch(((240.0, 0.0), (240.0, float(rng.uniform(-0.001, 0.001)))), (True, False)), lanes=2)
    inner = int(rng.integers(2))
    own, other = streets.stretches[0].forward[inner], streets.stretches[0].forward[1 - inner]
    lanes = streets.network.onward(own)
    at, speed = float(rng.uniform(25.0, 40.0)), desired * 0.97
    pace = float(rng.uniform(6.5, 10.0))
    cuts_at = float(rng.uniform(2.0, 4.5))
    kind = "van" if rng.random() < 0.3 else "car"
    slow = desired * float(rng.uniform(0.7, 0.85))
    builder.car(
        streets.network.onward(other),
        at + NOSE + pace,
        speed,
        desired * 1.15,
        kind,
        (Command(cuts_at, lane=own), Command(cuts_at + 2.5, speed=slow, brake=1.5)),
        pace=pace,
    )
    builder.car(lanes, at + float(rng.uniform(60.0, 80.0)), desired, desired * 1.05, builder.kind())
    builder.behind(lanes, at, speed, desired)
    builder.oncoming(streets, float(builder.extras.uniform(0.3, 1.2)))
    builder.park(streets)
    builder.strollers(streets, int(builder.extras.integers(1, 4)))
    return builder.finish(streets, lanes, at, speed, desired, at + speed * WARM_UP + slow * 16.0)


SCENARIOS = (
    Scenario(
        "lead-car-braking",
        "The car ahead brakes hard, stands for a moment and drives on.",
        "Brake in time, keep a gap behind it, and follow when it drives on.",
        _braking,
    ),
    Scenario(
        "stopped-queue",
        "Cars stand in a queue before a red light, which turns green later.",
        "Slow down, stop behind the last car with a gap, and follow the queue when it moves.",
        _queue,
    ),
    Scenario(
        "cut-in",
        "On a street with two lanes per direction, a car changes into the lane right ahead.",
        "Ease off to open a gap behind the car that cuts in, and follow it in the lane.",
        _cut_in,
    ),
)
