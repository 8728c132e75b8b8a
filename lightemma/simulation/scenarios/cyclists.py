"""Cyclists: one in the lane, to be overtaken when nobody comes the other way; others whose lane a turn leads across."""

from __future__ import annotations

from functools import partial

from lightemma.simulation.idm import Style
from lightemma.simulation.incidents import CatchesUp
from lightemma.simulation.meetings import MeetsInTurn
from lightemma.simulation.network import Turn
from lightemma.simulation.scenarios.base import Scenario, ScenarioBuilder, way_start
from lightemma.simulation.scenarios.following import NOSE
from lightemma.simulation.scenarios.junctions import BEND, INATTENTIVE
from lightemma.simulation.setup import WARM_UP, Setup
from lightemma.simulation.streets import JunctionPlan, Streets, Stretch

#: How somebody rides: gently, and close behind others.
RIDER = Style(headway=1.0, standstill=1.0, accelerate=0.9, brake=2.0)
#: Metres from the kerb at which cyclists ride.
FROM_KERB = 1.2
#: Metres: width of a lane for cyclists.
CYCLE = 1.8


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


def _turns(builder: ScenarioBuilder, near: bool, cyclist: bool) -> Setup:
    """A turn across a lane for cyclists: to the ego's own side of the road (``near``), or across the oncoming traffic."""
    rng = builder.rng
    desired = builder.cruise_speed(8.5, 11.0)
    streets = builder.lay(
        Stretch(((BEND, 0.0), builder.bend(straight=0.0), (float(rng.uniform(34.0, 44.0)), 0.0))),
        JunctionPlan(signals=False, side_length=220.0),
        Stretch(((20.0, 0.0), builder.bend(), (150.0, 0.0))),
        cycle=CYCLE,
    )
    turn: Turn = "right" if near != builder.left_hand else "left"
    lanes = streets.network.onward(streets.stretches[0].forward[0], turn)
    way = streets.network.lanes[lanes[1]]
    _, start = way_start(streets, lanes)
    speed = desired * 0.95
    at = BEND - speed * WARM_UP - float(rng.uniform(15.0, 35.0))
    road = streets.stretches[0 if near else 1]
    own = streets.network.onward(road.cycle[0 if near else 1])
    _, begins = way_start(streets, own)
    found = next(c for c in streets.network.conflicts[lanes[1]] if c.other == own[1])
    pace, lag = float(rng.uniform(4.5, 5.5)), float(rng.uniform(-0.5, 0.2) if near else rng.uniform(0.0, 0.6))
    takes = (start + found.enter - at) / speed + 0.5
    attentive = bool(rng.random() > INATTENTIVE)
    place = max(begins + found.other_enter - pace * takes, 3.0)
    row = builder.car(own, place, pace, pace, "cyclist", style=RIDER, attentive=attentive)
    builder.incidents.append(MeetsInTurn("cyclist", row, start + found.enter, begins + found.other_enter, 3.0, lag))
    if not cyclist:  # made all the same, so that everything drawn after it is as in the twin
        builder.vehicles.clear()
        builder.incidents.clear()
    builder.behind(lanes, at, speed, desired)
    builder.strollers(streets, int(builder.extras.integers(1, 4)))
    return builder.finish(streets, lanes, at, speed, desired, start + way.path.length + 25.0, time_limit=40.0)


SCENARIOS = (
    Scenario(
        "near-turn-cyclist",
        "The route turns across a lane for cyclists, in which somebody rides straight on beside the car.",
        "Let the cyclist go first, then turn.",
        partial(_turns, near=True, cyclist=True),
    ),
    Scenario(
        "near-turn",
        "The route turns across a lane for cyclists, in which nobody rides.",
        "Slow down, turn into the side street, and speed up.",
        partial(_turns, near=True, cyclist=False),
        "near-turn-cyclist",
    ),
    Scenario(
        "far-turn-cyclist",
        "The route turns across the oncoming lane and the lane for cyclists beside it, in which somebody comes.",
        "Let the cyclist go first, then turn.",
        partial(_turns, near=False, cyclist=True),
        "near-turn-cyclist",
    ),
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
