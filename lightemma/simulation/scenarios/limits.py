"""A limit that binds: a zone of 30 km/h in a street where 50 are allowed."""

from __future__ import annotations

from functools import partial

from lightemma.simulation.incidents import Arrives
from lightemma.simulation.scenarios.base import Scenario, ScenarioBuilder
from lightemma.simulation.scenarios.junctions import BEND
from lightemma.simulation.setup import WARM_UP, Setup
from lightemma.simulation.streets import Stretch

LIMIT = 30.0 / 3.6


def _zone(builder: ScenarioBuilder, zone: bool) -> Setup:
    rng = builder.rng
    # In any weather faster than the zone allows.
    desired = builder.cruise_speed(12.5, 13.5)
    parking = (bool(builder.extras.random() < 0.5), bool(builder.extras.random() < 0.5))
    bend = builder.bend(straight=0.0)
    begin = BEND + bend[0] + float(rng.uniform(28.0, 45.0))
    end = begin + float(rng.uniform(75.0, 105.0))
    pieces = ((BEND, 0.0), bend, (95.0, 0.0), builder.bend(), (220.0, 0.0))
    streets = builder.lay(Stretch(pieces, parking, zone=(begin, end, LIMIT) if zone else None))
    lanes = streets.network.onward(streets.stretches[0].forward[0])
    speed = desired * 0.95
    at = BEND - speed * WARM_UP - float(rng.uniform(15.0, 35.0))
    pose = streets.middle.pose(begin)
    place = streets.network.route(lanes).path.project(pose.x, pose.y)[0]
    if zone:
        builder.incidents.append(Arrives("limit-30", place))
    builder.oncoming(streets, float(builder.extras.uniform(0.3, 1.5)))
    builder.park(streets)
    builder.strollers(streets, int(builder.extras.integers(1, 5)))
    return builder.finish(streets, lanes, at, speed, desired, end + 45.0, time_limit=35.0 if zone else 28.0)


SCENARIOS = (
    Scenario(
        "limit-30",
        "A zone of 30 km/h begins ahead, with signs and figures on the road.",
        "Slow down before the zone, keep to 30 km/h in it, and speed up behind it.",
        partial(_zone, zone=True),
    ),
    Scenario(
        "limit-50",
        "No zone of 30 km/h begins: 50 are allowed all the way.",
        "Keep the speed.",
        partial(_zone, zone=False),
        "limit-30",
    ),
)
