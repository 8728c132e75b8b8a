"""Roundabouts: their lanes, who gives way, their ground, and three exits."""

from __future__ import annotations

import itertools
import math
from functools import cache

import numpy as np
import pytest

from lightemma.frame import Pose
from lightemma.simulation import ground
from lightemma.simulation.geometry import Area
from lightemma.simulation.scenarios import make_world
from lightemma.simulation.street_builder import build_streets
from lightemma.simulation.streets import JunctionPlan, StreetPlan, Streets, Stretch

ARMS = ("east", "north", "west", "south")


@cache
def streets(arms: int = 4, mirrored: bool = False, ring: float = 17.0) -> Streets:
    plan = JunctionPlan(left=arms == 4, signals=False, side_length=60.0, ring=ring)
    laid = build_streets(StreetPlan(Pose(3.0, 4.0, 0.5), (Stretch(((60.0, 0.0),)), plan, Stretch(((60.0, 0.0),)))))
    return laid.mirrored() if mirrored else laid


def ends(laid: Streets, name: str) -> tuple[int, int]:
    """The lane that leads to the roundabout from an arm, and the one that leads away."""
    road = laid.junctions[0].arms[name]
    return (road.forward[0], road.backward[0]) if name == "west" else (road.backward[0], road.forward[0])


@pytest.mark.parametrize("ring", [14.0, 17.0, 24.0])
@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("arms", [3, 4])
def test_every_arm_leads_to_every_other_the_same_way_round(arms: int, mirrored: bool, ring: float):
    laid = streets(arms, mirrored, ring)
    centre = laid.junctions[0].centre
    for one, other in itertools.permutations(laid.junctions[0].arms, 2):
        route = laid.network.route(laid.network.between(ends(laid, one)[0], ends(laid, other)[1]))
        places = np.arange(0.0, route.path.length, 0.5)
        poses = [route.path.pose(float(s)) for s in places]
        steps = [math.hypot(b.x - a.x, b.y - a.y) for a, b in itertools.pairwise(poses)]
        assert max(steps) < 0.51, "a gap between two lanes"
        turns = [math.remainder(b.heading - a.heading, 2.0 * math.pi) for a, b in itertools.pairwise(poses)]
        assert max(map(abs, turns)) < 0.5 / 13.0, "a kink, or sharper than an arc of 14 m"
        away = [math.atan2(pose.y - centre.y, pose.x - centre.x) for pose in poses]
        round_it = sum(math.remainder(b - a, 2.0 * math.pi) for a, b in itertools.pairwise(away))
        assert (round_it > 0.5) != mirrored
        assert abs(round_it) > 0.5
        assert min(math.hypot(pose.x - centre.x, pose.y - centre.y) for pose in poses) > ring - 0.1


@pytest.mark.parametrize("arms", [3, 4])
def test_who_comes_in_gives_way_and_nobody_else(arms: int):
    laid = streets(arms)
    network = laid.network
    conflicts = [c for found in network.conflicts.values() for c in found]
    assert len(conflicts) == 2 * arms
    for quarter in laid.junctions[0].quarters:
        (one,) = network.conflicts[quarter.lanes[0]]
        assert (one.other, one.yields, one.merges) == (quarter.past, True, True)
        (back,) = network.conflicts[quarter.past]
        assert (back.other, back.yields) == (quarter.lanes[0], False)
        assert not network.conflicts[quarter.lanes[1]]
        assert not network.conflicts[quarter.lanes[2]]
    lines = [lane for lane in network.lanes if lane.stop_at is not None]
    assert len(lines) == arms, "a line to give way at before every way in"


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_car_in_the_middle_of_every_lane_is_on_the_road_and_the_island_is_not(mirrored: bool):
    laid = streets(mirrored=mirrored)
    road, paved = Area(ground.drivable(laid)), Area(ground.walkways(laid))
    for lane in laid.network.lanes:
        places = np.arange(0.5, lane.path.length - 0.5, 1.3)
        spots = [lane.path.offset_pose(float(s), o) for s in places for o in (-1.2, 0.0, 1.2)]
        assert road.contains(np.array([(pose.x, pose.y) for pose in spots])).all(), lane.number
        assert not paved.contains(np.array([(pose.x, pose.y) for pose in spots])).any(), lane.number
    centre = np.array([(laid.junctions[0].centre.x, laid.junctions[0].centre.y)])
    assert paved.contains(centre).all()
    assert not road.contains(centre).any()


def test_no_way_leads_back_against_the_traffic():
    laid = streets()
    with pytest.raises(ValueError, match="no way leads"):
        laid.network.between(ends(laid, "west")[1], ends(laid, "east")[0])


@pytest.mark.parametrize("left_hand", [False, True])
def test_the_route_leaves_where_its_name_says(left_hand: bool):
    wanted = {"roundabout-left": math.pi / 2, "roundabout-right": -math.pi / 2, "roundabout-straight": 0.0}
    for name, turned in wanted.items():
        world = make_world(name, 3, left_hand=left_hand)
        path = world.route.path
        entered = path.pose(world.route.starts[1]).heading
        left = path.pose(world.route.starts[-1] + 1.0).heading
        assert math.cos(left - entered - turned) == pytest.approx(1.0, abs=1e-6), name
