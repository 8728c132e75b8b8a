"""Cyclists: overtaken with room when nobody comes, let go first where a turn leads across their lane."""

from __future__ import annotations

import numpy as np
import pytest

from lightemma.frame import Pose
from lightemma.simulation.actor_kinds import kind_named
from lightemma.simulation.events import Referee
from lightemma.simulation.expert import Expert
from lightemma.simulation.geometry import box_corners
from lightemma.simulation.overtaking import narrowings_now, overtaken
from lightemma.simulation.scenarios import make_world
from lightemma.simulation.street_builder import build_streets
from lightemma.simulation.streets import JunctionPlan, StreetPlan, Stretch
from lightemma.simulation.world import CitySimulation
from tests.simulation.refereed import steering


def beside(world: CitySimulation, row: int) -> float:
    """Metres between the ego and another while they are side by side, inf while they are not."""
    path = world.route.path
    own, other = (
        np.array([path.project(float(x), float(y)) for x, y in box_corners(*world.traffic.boxes[n].tolist())])
        for n in (0, row)
    )
    if own[:, 0].min() > other[:, 0].max() or own[:, 0].max() < other[:, 0].min():
        return np.inf
    side = world.setup.streets.side
    return float((own[:, 1] * side).min() - (other[:, 1] * side).max())


@pytest.mark.parametrize(("seed", "left_hand"), [(11, False), (12, True)])
def test_the_expert_overtakes_with_a_metre_and_a_half_and_waits_for_who_comes(seed: int, left_hand: bool):
    world = make_world("cyclist-ahead", seed, left_hand=left_hand)
    referee, expert, (row,) = Referee(world), Expert(), world.traffic.riders
    room = np.inf
    while not referee.finished and world.traffic.gap_to_ego(row) > -12.0:
        speed, curvature = expert.plan(world).actions[0].tolist()
        for _ in range(10):
            world.step(speed, curvature)
            referee.look()
        room = min(room, beside(world, row))
    assert 1.45 < room < 1.9
    assert [event.kind for event in referee.events if event.kind != "goal"] == []


def test_nobody_is_overtaken_while_somebody_comes():
    world = make_world("cyclist-ahead", 14)
    (row,) = world.traffic.riders
    while world.traffic.gap_to_ego(row) > 15.0:
        world.step(8.0, steering(world, 8.0))
    comes = next(n for n in range(1, len(world.traffic.at)) if n != row)
    path = world.traffic.route_of(comes).path
    ahead = world.route.path.pose(float(world.traffic.at[0]) + 70.0)
    world.traffic.at[comes] = path.project(ahead.x, ahead.y)[0]
    world.traffic._moved = True
    assert overtaken(world) == []
    assert narrowings_now(world) == world.setup.narrowings
    world.traffic.active[comes] = False
    for n in range(1, len(world.traffic.at)):
        world.traffic.active[n] &= n == row
    (passed,) = overtaken(world)
    assert passed.row == row
    assert passed.narrowing.offset > 1.4


def test_a_turn_yields_to_the_lane_beside_it_and_a_straight_way_to_nobody():
    plan = StreetPlan(
        Pose(0.0, 0.0, 0.2), (Stretch(((60.0, 0.0),)), JunctionPlan(signals=False), Stretch(((60.0, 0.0),))), cycle=1.8
    )
    network = build_streets(plan).network
    yields = {
        (network.lanes[c.own].turn, network.lanes[c.own].cycle, network.lanes[c.other].cycle): c.yields
        for found in network.conflicts.values()
        for c in found
    }
    assert yields["right", False, True]
    assert yields["left", False, True]
    assert not any(value for (turn, own, _), value in yields.items() if own and turn == "straight")
    for found in network.conflicts.values():
        for c in found:
            one, two = network.lanes[c.own], network.lanes[c.other]
            if one.turn == two.turn == "straight" and one.cycle != two.cycle:
                angle = abs(np.cos(one.path.pose(0.0).heading - two.path.pose(0.0).heading))
                assert angle < 0.5, "a lane beside another is no conflict"


def test_a_cyclist_who_goes_first_and_hits_the_cars_side_is_the_cars_fault():
    found = []
    for seed in range(3):
        world = make_world("near-turn-cyclist", 602 + seed)
        referee = Referee(world)
        for _ in range(600):
            if referee.finished or any(event.kind == "collision" for event in referee.events):
                break
            allowed = float(
                np.min(world.traffic.permitted_between(0, float(world.traffic.at[0]), float(world.traffic.at[0]) + 4.0))
            )
            speed = min(allowed, world.setup.desired)
            world.step(speed, steering(world, speed))
            referee.look()
        found += [event for event in referee.events if event.kind in ("collision", "failed-to-yield")]
    assert found
    assert all(event.at_fault for event in found)


def test_a_cyclist_rides_on_the_road_and_counts_as_a_person():
    kind = kind_named("cyclist")
    assert (kind.struck, kind.is_vehicle, kind.walks, kind.category) == ("person", True, False, "vehicle.bicycle")
