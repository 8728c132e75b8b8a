"""Cyclists: one in the lane, to be overtaken when nobody comes the other way."""

from __future__ import annotations

from functools import partial

from lightemma.simulation.idm import Style
from lightemma.simulation.incidents import CatchesUp
from lightemma.simulation.scenarios.base import Scenario, ScenarioBuilder
from lightemma.simulation.scenarios.following import NOSE
from lightemma.simulation.scenarios.junctions import BEND
from lightemma.simulation.setup import WARM_UP, Setup
from lightemma.simulation.streets import Streets, Stretch

#: How somebody rides: gently, and close behind others.
RIDER = Style(headway=1.0, standstill=1.0, accelerate=0.9, brake=2.0)
#: Metres from the kerb at which cyclists ride.
FROM_KERB = 0.8


def _ahead(builder: ScenarioBuilder, cyclist: bool) -> Setup:
    rng = builder.rng
    desired = builder.cruise_speed(9.5, 11.5)
    bend = builder.bend(straight=0.0)
    streets = builder.lay(Stretch(((BEND, 0.0), bend, (190.0, 0.0), builder.bend(), (160.0, 0.0))))
    lanes = streets.network.onward(streets.stretches[0].forward[0])
    speed = desired * 0.95
    at = BEND - speed * WARM_UP - float(rng.uniform(15.0, 35.0))
    pace = float(rng.uniform(3.8, 4.8))
    # The ego catches up behind the bend: until then the cyclist rides on, in the warm-up, too.
    meets = BEND + bend[0] + float(rng.uniform(20.0, 35.0))
    takes = (meets - at - NOSE - 12.0) / speed
    offset = -(streets.stretches[0].half - streets.lane_width / 2.0 - FROM_KERB) * streets.side
    row = builder.car(lanes, meets - pace * takes, pace, pace, "cyclist", style=RIDER, offset=offset)
    builder.incidents.append(CatchesUp("cyclist", row))
    if not cyclist:  # made all the same, so that everything drawn after it is as in the twin
        builder.vehicles.clear()
        builder.incidents.clear()
    _oncoming(builder, streets, meets)
    builder.strollers(streets, int(builder.extras.integers(1, 5)))
    return builder.finish(streets, lanes, at, speed, desired, meets + 150.0, time_limit=42.0 if cyclist else 34.0)


def _oncoming(builder: ScenarioBuilder, streets: Streets, meets: float) -> None:
    """A few cars that come towards the ego where it would overtake, and then a gap."""
    lanes = streets.network.onward(streets.stretches[-1].backward[0])
    speed = float(builder.rng.uniform(8.5, 10.5)) * builder.caution
    pose = streets.middle.pose(meets + 30.0)
    place = streets.network.route(lanes).path.project(pose.x, pose.y)[0] - 95.0 - speed * WARM_UP
    for _ in range(int(builder.rng.integers(0, 4))):
        if place < 12.0:
            break
        builder.car(lanes, place, speed, speed)
        place -= float(builder.rng.uniform(16.0, 30.0))


SCENARIOS = (
    Scenario(
        "cyclist-ahead",
        "A cyclist rides in the lane ahead.",
        "Stay behind until nobody comes the other way, overtake with 1.5 m to the side, and come back into the lane.",
        partial(_ahead, cyclist=True),
    ),
    Scenario(
        "no-cyclist",
        "Nobody is in the lane ahead.",
        "Keep the lane and the speed.",
        partial(_ahead, cyclist=False),
        "cyclist-ahead",
    ),
)
