"""The privileged block of `ObservedFacts`: what no camera shows."""

from __future__ import annotations

import math
from collections.abc import Set
from typing import Final

import numpy as np
from msgspec.structs import replace

from lightemma.frame import FloatArray
from lightemma.observed_facts import HiddenThing, PrivilegedFacts
from lightemma.simulation.observed_boxes import box_of, distance_to, into_ego
from lightemma.simulation.own_lane import FRONT
from lightemma.simulation.state import WorldState
from lightemma.simulation.world import CitySimulation

#: Metres within which hidden things are told, metres of route, and metres between two of its points.
HIDDEN_REACH: Final = 100.0
ROUTE_REACH: Final = 60.0
ROUTE_STEP: Final = 5.0


def privileged_facts(world: CitySimulation, state: WorldState, boxes: FloatArray, seen: Set[int]) -> PrivilegedFacts:
    """What is not seen now.

    Args:
        world: as it is now.
        state: of it.
        boxes: of `Sight`, of the state's actors.
        seen: numbers of the actors that are seen.
    """
    path = world.route.path
    ego = state.ego.pose
    at, _ = path.project(float(ego.x), float(ego.y))
    steps = min(ROUTE_REACH, max(path.length - at, 0.0))
    poses = [path.pose(at + ahead) for ahead in np.arange(0.0, steps + 0.1, ROUTE_STEP).tolist()]
    route = into_ego(np.array([(pose.x, pose.y) for pose in poses]), ego)
    hidden = [
        HiddenThing(
            number=actor.number,
            kind=actor.kind,
            box_3d=box_of(box),
            distance=round(distance_to(box), 3),
            speed=round(actor.speed, 3),
        )
        for actor, box in zip(state.actors, boxes, strict=True)
        if actor.number not in seen and math.hypot(box[0], box[1]) <= HIDDEN_REACH
    ]
    return _with_lines(
        world,
        at + FRONT,
        PrivilegedFacts(
            hidden=tuple(sorted(hidden, key=lambda thing: (thing.distance, thing.number))),
            route=tuple((round(x, 3), round(y, 3)) for x, y in route.tolist()),
            goal=round(max(world.setup.goal - at, 0.0), 3),
        ),
    )


def _with_lines(world: CitySimulation, front: float, facts: PrivilegedFacts) -> PrivilegedFacts:
    """The facts with the junction, the light and the line that come next on the route."""

    lanes, route = world.traffic.network.lanes, world.route
    for number, start in zip(route.lanes, route.starts, strict=True):
        lane = lanes[number]
        if start + lane.path.length <= front:
            continue
        if facts.next_turn is None and lane.junction is not None:
            facts = replace(facts, next_turn=(lane.turn, round(start - front, 3)))
        if lane.stop_at is None or start + lane.stop_at < front:
            continue
        distance = round(start + lane.stop_at - front, 3)
        if facts.stop_line is None:
            facts = replace(facts, stop_line=distance)
        if facts.light is None and lane.group is not None and lane.group[0] in world.controllers:
            colour, lasts = world.controllers[lane.group[0]].look(lane.group[1], world.time)
            changes = round(lasts, 3) if math.isfinite(lasts) else None
            facts = replace(facts, light=colour, light_distance=distance, light_changes_in=changes)
    return facts
