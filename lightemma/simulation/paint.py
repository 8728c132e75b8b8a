"""Paint on the road, signs and signal heads."""

from __future__ import annotations

import math

import numpy as np

from lightemma.frame import FloatArray, Pose
from lightemma.simulation import ground_round
from lightemma.simulation.geometry import Path
from lightemma.simulation.network import Group, Lane
from lightemma.simulation.setup import Setup
from lightemma.simulation.state import Marking, MarkingKind, Sign, SignKind
from lightemma.simulation.streets import CROSSING_WIDTH, GUTTER, Junction, Road, Streets

#: The foot of a head's post, how far its head hangs out towards the middle of the road (negative: to the right), and its group.
Head = tuple[Pose, float, Group]

#: Metres from the kerb to the posts of signals and signs.
POST = 0.6


def markings(streets: Streets) -> list[Marking]:
    """All paint of the streets."""
    found: list[Marking] = []
    for road in streets.roads:
        begin = road.stops[0] or 0.0
        end = road.middle.length if road.stops[1] is None else road.stops[1]
        inner = road.middle.between(begin, end)
        for edge in (-1, 1):
            found.append(Marking("edge", inner.line(edge * (road.half - GUTTER / 2.0)), 0.12))
        found.append(Marking("centre", inner.line(), 0.14))
        for k in range(1, len(road.forward)):
            for edge in (-1, 1):
                found.append(Marking("lane", inner.line(edge * k * streets.lane_width), 0.12))
        if road.cycle:
            found += _cycle_lane(streets, road, inner)
        for along in road.crossings:
            ends = [road.middle.offset_pose(along, side * (road.half - 0.25)) for side in (-1, 1)]
            found.append(Marking("crossing", np.array([(p.x, p.y) for p in ends]), CROSSING_WIDTH))
        found += _zone_figures(streets, road)
    for lane in streets.network.lanes:
        if lane.cycle and lane.junction is not None:
            found += [Marking("lane", lane.path.line(edge * lane.width / 2.0), 0.12) for edge in (-1, 1)]
        if lane.stop_at is not None:
            found.append(Marking("stop", _across(lane, lane.stop_at), 0.4))
        found.extend(_arrows(streets, lane))
    for junction in streets.junctions:
        for quarter in junction.quarters:
            found.append(Marking("edge", ground_round.edge(streets.network, quarter, streets.side), 0.12))
    return found


def _zone_figures(streets: Streets, road: Road) -> list[Marking]:
    """The figures of a zone with another limit, twice on every lane."""
    if road.zone is None:
        return []
    found = []
    for lane in (*road.forward, *road.backward):
        path, (begin, _, _) = streets.network.lanes[lane].path, streets.network.lanes[lane].zones[0]
        for at in (begin + 4.0, begin + 34.0):
            line = [path.pose(at), path.pose(at + 2.4)]
            found.append(Marking("speed-30", np.array([(pose.x, pose.y) for pose in line]), 1.8))
    return found


def _cycle_lane(streets: Streets, road: Road, inner: Path) -> list[Marking]:
    """Lines beside the lanes for cyclists, and bicycles on them."""
    found = [Marking("edge", inner.line(edge * len(road.forward) * streets.lane_width), 0.14) for edge in (-1, 1)]
    for number in road.cycle:
        path = streets.network.lanes[number].path
        for at in np.arange(14.0, path.length - 10.0, 32.0):
            line = [path.pose(float(at)), path.pose(float(at) + 1.5)]
            found.append(Marking("bicycle", np.array([(pose.x, pose.y) for pose in line]), 1.1))
    return found


def _across(lane: Lane, along: float) -> FloatArray:
    ends = [lane.path.offset_pose(along, side * (lane.width / 2.0 - 0.1)) for side in (-1, 1)]
    return np.array([(pose.x, pose.y) for pose in ends])


def _arrows(streets: Streets, lane: Lane) -> list[Marking]:
    """Arrows before a junction, on lanes from which only some turns can be made."""
    if lane.junction is not None or not lane.successors or not lane.neighbours:
        return []
    turns = {streets.network.lanes[way].turn for way in lane.successors}
    at = (lane.stop_at or lane.path.length) - 14.0
    kinds: dict[str, MarkingKind] = {"left": "arrow-left", "right": "arrow-right", "straight": "arrow-straight"}
    found = []
    for turn in sorted(turns):
        start, end = lane.path.pose(at), lane.path.pose(at + 4.0)
        found.append(Marking(kinds[turn], np.array([(start.x, start.y), (end.x, end.y)]), 0.15))
    return found


def heads(setup: Setup) -> list[Head]:
    """Three signal heads for every approach with lights: at the stop line, behind the crossing, behind the junction.

    The second is near and yet in sight of a car at the line, which has left the first behind. The third hangs over the lane.
    """
    streets = setup.streets
    found: list[Head] = []
    for junction in streets.junctions:
        if junction.number not in setup.controllers:
            continue
        opposite = {"west": "east", "east": "west", "north": "south", "south": "north"}
        for name, road in junction.arms.items():
            lane = streets.network.lanes[(road.forward if name == "west" else road.backward)[-1]]
            if lane.group is None or lane.stop_at is None:
                continue
            out = road.half - (len(road.forward) - 0.5) * lane.width + POST  # from the lane's middle to the post
            near = lane.path.offset_pose(lane.stop_at + 0.6, -streets.side * out)
            again = lane.path.offset_pose(lane.path.length - 0.4, -streets.side * out)
            found += [(near, 0.0, lane.group), (again, 0.0, lane.group)]
            depth = junction.half_x if name in ("west", "east") else junction.half_y
            beyond = 2.0 * depth + 1.0
            if opposite[name] not in junction.arms:
                beyond = depth + junction.kerb_main + POST
            far = lane.path.offset_pose(lane.path.length + beyond, -streets.side * out)
            found.append((far, streets.side * out, lane.group))
    return found


def signs(setup: Setup) -> list[Sign]:
    """All signs of the streets."""
    streets = setup.streets
    first = streets.stretches[0]
    found = [_sign("speed-50", streets, first, True, min(58.0, first.middle.length * 0.5))]
    for junction in streets.junctions:
        if junction.plan.signals:
            continue
        if junction.quarters:
            found += _round_signs(streets, junction)
            continue
        west, east = junction.arms["west"], junction.arms["east"]
        found.append(_sign("priority", streets, west, True, west.middle.length - 22.0))
        found.append(_sign("priority", streets, east, False, 22.0))
        for name in ("north", "south"):
            road = junction.arms.get(name)
            if road is not None:
                found.append(_sign("yield", streets, road, False, 1.4))
    for road in streets.stretches:
        for along in road.crossings:
            if 20.0 < along < road.middle.length - 20.0:
                found.append(_sign("crossing", streets, road, True, along - 3.0))
                found.append(_sign("crossing", streets, road, False, along + 3.0))
    for road in streets.stretches:
        found += _zone_signs(streets, road)
    for narrowing in setup.narrowings:
        if narrowing.kind == "roadworks":
            found.append(_sign("roadworks", streets, first, True, narrowing.start - 38.0))
            found.append(_sign("speed-30", streets, first, True, narrowing.start - 30.0))
            keep: SignKind = "keep-left" if streets.side > 0 else "keep-right"
            pose = streets.offset_pose(narrowing.start - 1.0, -(first.half - 0.7))
            found.append(Sign(keep, pose))
    return found


def _zone_signs(streets: Streets, road: Road) -> list[Sign]:
    """Where a zone with another limit begins, on both sides, so that a car ahead hides one at most; and where it ends."""
    if road.zone is None:
        return []
    begin, end, limit = road.zone
    assert round(limit * 3.6) == 30, "there are signs for 30 km/h only"
    found = []
    for forward, first, last in ((True, begin, end + 3.0), (False, end, begin - 3.0)):
        other = _sign("speed-30", streets, road, not forward, first).pose
        found.append(_sign("speed-30", streets, road, forward, first))
        found.append(Sign("speed-30", Pose(other.x, other.y, other.heading + math.pi)))
        found.append(_sign("speed-50", streets, road, forward, last))
    return found


def _round_signs(streets: Streets, junction: Junction) -> list[Sign]:
    """Give way and roundabout at every arm."""
    found = []
    for name, road in junction.arms.items():
        west = name == "west"
        round_sign: SignKind = "roundabout" if streets.side > 0 else "roundabout-left"
        kinds: tuple[tuple[SignKind, float], ...] = (("yield", 1.2), (round_sign, 4.2))
        for kind, back in kinds:
            found.append(_sign(kind, streets, road, west, road.middle.length - back if west else back))
    return found


def _sign(kind: SignKind, streets: Streets, road: Road, forward: bool, along: float) -> Sign:
    """A sign next to a road for the traffic along it (``forward``) or against it."""
    parking = road.parking[0 if forward else 1]
    offset = (-1 if forward else 1) * (road.half + parking + POST)
    pose = road.middle.offset_pose(along, streets.side * offset)
    return Sign(kind, pose if forward else Pose(pose.x, pose.y, pose.heading + math.pi))
