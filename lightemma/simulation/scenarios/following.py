"""Behind other cars: one that brakes, a queue, one that cuts in; and the same where it does not."""

from __future__ import annotations

import math
from functools import partial

from lightemma.simulation.actor_kinds import kind_named
from lightemma.simulation.idm import Style
from lightemma.simulation.incidents import CutsIn, HeldLight, LeaderBrakes
from lightemma.simulation.scenarios.base import Scenario, ScenarioBuilder, green_at, held_light, way_start
from lightemma.simulation.setup import WARM_UP, Setup
from lightemma.simulation.state import EGO_CENTRE_AHEAD, EGO_LENGTH
from lightemma.simulation.streets import JunctionPlan, Stretch

#: From the ego's rear axle to its front bumper.
NOSE = EGO_CENTRE_AHEAD + EGO_LENGTH / 2.0


def _braking(builder: ScenarioBuilder, brakes: bool) -> Setup:
    rng = builder.rng
    desired = builder.cruise_speed(9.5, 12.5)
    parking = (bool(builder.extras.random() < 0.6), bool(builder.extras.random() < 0.6))
    streets = builder.lay(Stretch(((95.0, 0.0), builder.bend(), (60.0, 0.0), builder.bend(), (220.0, 0.0)), parking))
    lanes = streets.network.onward(streets.stretches[0].forward[0])
    at, speed = float(rng.uniform(25.0, 40.0)), desired * 0.95
    place = 95.0 + float(rng.uniform(0.0, 45.0))
    hard, stands = float(rng.uniform(2.5, 4.5)), float(rng.uniform(1.0, 2.5))
    gap = speed * float(rng.uniform(1.5, 2.2)) + 3.0
    kind = "van" if rng.random() < 0.25 else "car"
    row = builder.car(lanes, at + NOSE + gap, speed, speed, kind, style=Style(accelerate=1.8))
    builder.incidents.append(
        LeaderBrakes("leader-brakes" if brakes else "", row, gap, place if brakes else math.inf, place, hard, stands)
    )
    builder.behind(lanes, at, speed, desired)
    builder.oncoming(streets, float(builder.extras.uniform(0.5, 2.0)))
    builder.park(streets)
    builder.strollers(streets, int(builder.extras.integers(1, 5)))
    return builder.finish(streets, lanes, at, speed, desired, place + 90.0, time_limit=35.0 if brakes else 28.0)


def _queue(builder: ScenarioBuilder, stands: bool) -> Setup:
    rng = builder.rng
    desired = builder.cruise_speed(9.0, 12.0)
    streets = builder.lay(
        Stretch(((110.0, 0.0), builder.bend(), (65.0, 0.0)), (bool(builder.extras.random() < 0.5), False)),
        JunctionPlan(),
        Stretch(((30.0, 0.0), builder.bend(), (130.0, 0.0))),
    )
    lanes = streets.network.onward(streets.stretches[0].forward[0])
    line, start = way_start(streets, lanes)
    patience = float(rng.uniform(0.5, 3.0))
    builder.controllers[0] = held_light(main=30.0) if stands else green_at(-WARM_UP, main=60.0)
    place, count = line - 0.8, int(rng.integers(2, 4))
    for _ in range(count):
        kind = "van" if rng.random() < 0.2 else "car"
        place -= kind_named(kind).size[0]
        builder.car(lanes, place, 0.0, desired * float(rng.uniform(0.95, 1.1)), kind)
        place -= float(rng.uniform(1.8, 2.6))
    if stands:
        builder.incidents.append(HeldLight("queue", 0, place, patience))
    speed = desired * 0.95
    at = 110.0 - speed * WARM_UP - float(rng.uniform(15.0, 35.0))
    builder.side_traffic(streets, 0, waiting=False)
    builder.oncoming(streets, float(builder.extras.uniform(0.3, 1.2)))
    builder.park(streets)
    builder.strollers(streets, 3)
    return builder.finish(
        streets, lanes, max(at, 8.0), speed, desired, start + 45.0, time_limit=50.0 if stands else 30.0
    )


def _cut_in(builder: ScenarioBuilder, cuts: bool) -> Setup:
    rng = builder.rng
    desired = builder.cruise_speed(10.0, 12.5)
    pieces = ((90.0, 0.0), builder.bend(), (50.0, 0.0), builder.bend(), (240.0, 0.0))
    streets = builder.lay(Stretch(pieces, (True, False)), lanes=2)
    inner = int(rng.integers(2))
    own, other = streets.stretches[0].forward[inner], streets.stretches[0].forward[1 - inner]
    lanes = streets.network.onward(own)
    at, speed = float(rng.uniform(25.0, 40.0)), desired * 0.97
    gap = float(rng.uniform(6.5, 10.0))
    place = 90.0 + float(rng.uniform(5.0, 50.0))
    kind = "van" if rng.random() < 0.3 else "car"
    share = float(rng.uniform(0.5, 0.65))
    row = builder.car(streets.network.onward(other), at + NOSE + gap, speed, desired, kind)
    lasts = float(rng.uniform(5.0, 7.0))
    builder.incidents.append(CutsIn("cut-in" if cuts else "", row, own if cuts else -1, gap, place, share, lasts))
    builder.car(lanes, at + float(rng.uniform(80.0, 100.0)), desired, desired * 1.1, builder.kind())
    builder.behind(lanes, at, speed, desired)
    builder.oncoming(streets, float(builder.extras.uniform(0.3, 1.2)))
    builder.park(streets)
    builder.strollers(streets, int(builder.extras.integers(1, 4)))
    return builder.finish(streets, lanes, at, speed, desired, place + 95.0, time_limit=32.0 if cuts else 28.0)


SCENARIOS = (
    Scenario(
        "lead-car-braking",
        "The car ahead brakes hard, stands for a moment and drives on.",
        "Brake in time, keep a gap behind it, and follow when it drives on.",
        partial(_braking, brakes=True),
    ),
    Scenario(
        "lead-car-steady",
        "A car drives ahead and does not brake.",
        "Follow it with a gap.",
        partial(_braking, brakes=False),
        "lead-car-braking",
    ),
    Scenario(
        "stopped-queue",
        "Cars stand in a queue before a red light, which turns green later.",
        "Slow down, stop behind the last car with a gap, and follow the queue when it moves.",
        partial(_queue, stands=True),
    ),
    Scenario(
        "queue-moves-off",
        "The light has just turned green, and the cars before it move off.",
        "Follow the last of them with a gap, without stopping.",
        partial(_queue, stands=False),
        "stopped-queue",
    ),
    Scenario(
        "cut-in",
        "On a street with two lanes per direction, a car changes into the lane right ahead.",
        "Ease off to open a gap behind the car that cuts in, and follow it in the lane.",
        partial(_cut_in, cuts=True),
    ),
    Scenario(
        "no-cut-in",
        "On a street with two lanes per direction, a car drives next to the ego and stays in its lane.",
        "Keep the lane and the speed.",
        partial(_cut_in, cuts=False),
        "cut-in",
    ),
)
