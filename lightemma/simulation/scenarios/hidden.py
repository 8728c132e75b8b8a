"""A van on the parking strip, behind which somebody may be who wants to cross the road."""

from __future__ import annotations

import math
from functools import partial

from lightemma.frame import Pose
from lightemma.simulation.actor_kinds import kind_named
from lightemma.simulation.actors import Thing
from lightemma.simulation.geometry import Path
from lightemma.simulation.hidden_people import StepsOut
from lightemma.simulation.pedestrians import Person
from lightemma.simulation.scenarios.base import Scenario, ScenarioBuilder
from lightemma.simulation.scenarios.junctions import BEND
from lightemma.simulation.setup import WARM_UP, Setup
from lightemma.simulation.streets import PARKING, WALK_WIDTH, Streets, Stretch

#: Metres from the van's front to the middle of the person's way, and metres that are kept free beyond it.
AHEAD, FREE = 0.9, 3.0


def _van(builder: ScenarioBuilder, person: bool) -> Setup:
    rng = builder.rng
    desired = builder.cruise_speed(8.0, 10.0)
    bend = builder.bend(straight=0.0)
    middle = BEND + bend[0] + float(rng.uniform(60.0, 72.0))
    pieces = ((BEND, 0.0), bend, (115.0, 0.0), builder.bend(), (180.0, 0.0))
    streets = builder.lay(Stretch(pieces, (True, bool(builder.extras.random() < 0.5)), walks=(middle,)))
    lanes = streets.network.onward(streets.stretches[0].forward[0])
    speed = desired * 0.95
    at = BEND - speed * WARM_UP - float(rng.uniform(15.0, 35.0))
    pace = float(rng.uniform(1.15, 1.4))
    _somebody(builder, streets, lanes, pace)
    if not person:  # made all the same, so that everything drawn after them is as in the twin
        builder.people.clear()
        builder.incidents.clear()
    builder.behind(lanes, at, speed, desired)
    builder.park(streets)
    _clear(builder, streets, middle)
    colour = builder.paint()
    builder.things.append(Thing("van", _beside(streets, middle - AHEAD - kind_named("van").size[0] / 2.0), colour))
    builder.strollers(streets, int(builder.extras.integers(1, 4)))
    return builder.finish(streets, lanes, at, speed, desired, middle + 60.0, time_limit=42.0 if person else 34.0)


def _somebody(builder: ScenarioBuilder, streets: Streets, lanes: tuple[int, ...], pace: float) -> None:
    """Somebody who waits in front of the van for the ego to come."""
    way = streets.network.crossings[0]
    heading = math.atan2(way.end[1] - way.start[1], way.end[0] - way.start[0])
    path = Path.from_pieces(Pose(*way.start, heading), [(way.length, 0.0)])
    lane, along = next((lane, along) for lane, along in way.lanes if lane in lanes)
    pose = streets.network.lanes[lane].path.pose(along)
    coat, height = builder.coat(), builder.height()
    builder.people.append(Person(path, 0.0, pace, coat, height, crossing=way.number, ready=math.inf))
    near = streets.network.route(lanes).start_of[lane] + along - WALK_WIDTH / 2.0
    builder.incidents.append(StepsOut("person", 0, near, path.project(pose.x, pose.y)[0]))


def _beside(streets: Streets, along: float) -> Pose:
    """The middle of the parking strip next to the forward lane."""
    return streets.offset_pose(along, -(streets.stretches[0].half + PARKING / 2.0))


def _clear(builder: ScenarioBuilder, streets: Streets, middle: float) -> None:
    """Removes the parked cars where the van and the person are going to be."""
    low, high = middle - AHEAD - kind_named("van").size[0] - 0.8, middle + FREE
    kept = []
    for thing in builder.things:
        along, offset = streets.middle.project(thing.pose.x, thing.pose.y)
        half = kind_named(thing.kind).size[0] / 2.0
        if along + half < low or along - half > high or offset * streets.side > 0.0:
            kept.append(thing)
    builder.things[:] = kept


SCENARIOS = (
    Scenario(
        "person-behind-van",
        "Somebody steps onto the road from behind a parked van.",
        "Brake as soon as they are seen, let them cross, and drive on.",
        partial(_van, person=True),
    ),
    Scenario(
        "van-and-nobody",
        "A van is parked beside the lane, and nobody is behind it.",
        "Drive on, ready to brake.",
        partial(_van, person=False),
        "person-behind-van",
    ),
)
