"""What happens depends on where the ego is, never on the clock, and each scenario has a twin in which it does not."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lightemma.simulation.expert import Expert
from lightemma.simulation.scenarios import SCENARIOS, make_world
from tests.simulation.refereed import Refereed, steering
from tests.simulation.refereed import make_world as refereed_world

#: A scenario and what it has in store.
IN_STORE = {
    "lead-car-braking": "leader-brakes",
    "stopped-queue": "queue",
    "cut-in": "cut-in",
    "red-light": "red-light",
    "light-stays-red": "red-light",
    "green-but-blocked": "blocked-exit",
    "pedestrian-crossing": "person",
    "left-turn": "oncoming",
}


def keep_lane(world: Refereed, speed: float, seconds: float, until=lambda world: False) -> Refereed:
    for _ in range(round(seconds / 0.05)):
        if until(world):
            break
        world.step(speed, steering(world.world, speed))
    return world


@pytest.mark.parametrize("speed", [4.0, 12.0])
@pytest.mark.parametrize("name", IN_STORE)
def test_slow_and_fast_cars_meet_what_a_scenario_has_in_store(name: str, speed: float):
    world = refereed_world(name, 31)
    (one,) = (one for one in world.incidents if one.name)
    assert one.name == IN_STORE[name]
    keep_lane(world, speed, 32.0, lambda _: one.met is not None)
    assert one.met is not None


@pytest.mark.parametrize("name", ["red-light", "green-but-blocked", "stopped-queue", "light-stays-red"])
def test_what_keeps_a_car_at_the_line_ends_only_when_it_has_stood_there(name: str):
    """A car that stands far away for a minute changes nothing; one at the line is let go."""
    world = make_world(name, 32)
    (one,) = (one for one in world.incidents if one.name)
    while world.ego.speed > 0.0 and name != "light-stays-red":
        world.step(0.0, steering(world, 5.0))
    if one.place - float(world.traffic.at[0] + world.traffic.front[0]) > 25.0:
        for _ in range(1200):
            world.step(0.0, 0.0)
        assert one.stood == 0.0
        assert name == "green-but-blocked" or world.controllers[0].held is not None
    expert = Expert()
    for _ in range(80):
        speed, curvature = expert.plan(world).actions[0].tolist()
        for _ in range(10):
            world.step(speed, curvature)
    assert one.stood >= one.patience
    assert float(world.traffic.at[0]) > one.place


@pytest.mark.parametrize("speed", [3.0, 9.0, 16.0, 22.0])
def test_nobody_steps_off_before_a_car_that_could_not_stop(speed: float):
    for seed in (1, 2, 3):
        world = refereed_world("pedestrian-crossing", seed)
        (one,) = (one for one in world.incidents if one.name)
        walking = 0
        while float(world.traffic.at[0]) < one.near and world.time < 30.0:
            keep_lane(world, speed, 0.05)
            now = sum(walker.activity == "walk" for walker in world.walkers)
            if now > walking:
                distance = one.near - float(world.traffic.at[0] + world.traffic.front[0])
                assert world.ego.speed**2 / (2.0 * max(distance, 0.01)) <= 4.2
            walking = now


def test_somebody_at_the_kerb_does_not_wait_for_ever():
    world = refereed_world("pedestrian-crossing", 4)
    (one,) = (one for one in world.incidents if one.name)
    keep_lane(world, 6.0, 40.0, lambda w: one.near - float(w.traffic.at[0] + w.traffic.front[0]) < 16.0)
    for _ in range(400):
        world.step(0.0, 0.0)
    assert all(world.walkers[person].activity == "done" for person in one.people)


TWINS = {name: scenario.family for name, scenario in SCENARIOS.items() if scenario.family}


@pytest.mark.parametrize("name", TWINS)
def test_a_twin_has_the_same_streets_and_start(name: str):
    twin, one = make_world(name, 33), make_world(TWINS[name], 33)
    assert [house.footprint.tolist() for house in twin.city.buildings] == [
        house.footprint.tolist() for house in one.city.buildings
    ]
    assert twin.city.seed == one.city.seed
    assert twin.setup.things == one.setup.things
    assert twin.setup.desired == one.setup.desired
    np.testing.assert_allclose(twin.history_poses[-1], one.history_poses[-1], atol=1.5)
    assert twin.setup.description != one.setup.description


def test_houses_differ_between_scenarios_of_one_seed():
    names = sorted({scenario.family or name for name, scenario in SCENARIOS.items()})[:4]
    assert len({make_world(name, 5).city.buildings[0].height for name in names}) == len(names)
    assert len({make_world(name, 5).city.seed for name in names}) == len(names)


def test_left_right_and_straight_are_three_ways_from_one_place():
    worlds = [make_world(name, 6) for name in ("left-turn", "right-turn", "straight-on")]
    ends = {
        tuple(np.round(world.route.path.pose(world.setup.goal).heading - world.ego.pose.heading, 0) for _ in "x")
        for world in worlds
    }
    assert len(ends) == 3
    assert len({(world.ego.pose.x, world.ego.pose.y) for world in worlds}) == 1
    for world in worlds[:2]:  # a car that goes straight on leaves these routes
        straight = worlds[2].route.path.pose(worlds[2].setup.goal)
        assert abs(world.route.path.project(straight.x, straight.y)[1]) > 8.0


# Faults


def kinds(world: Refereed) -> list[str]:
    return [event.kind for event in world.referee.events]


def test_speeding_is_timed_from_a_tenth_above_the_limit():
    fast, allowed = (keep_lane(refereed_world("cruise", 7), speed, 6.0) for speed in (18.0, 15.0))
    assert kinds(fast).count("speeding") == 1
    assert fast.referee.conduct.speeding_s > 3.0
    assert "speeding" not in kinds(allowed)
    assert allowed.referee.conduct.speeding_s == 0.0


def test_cutting_across_oncoming_traffic_is_a_failure_to_yield():
    found = [kinds(keep_lane(refereed_world("left-turn", seed), 7.0, 18.0)) for seed in range(6)]
    assert sum("failed-to-yield" in each for each in found) >= 2
    assert any("collision" in each for each in found), "not every driver brakes for the ego"


def test_standing_on_a_junction_behind_a_queue_is_blocking_it():
    world = refereed_world("green-but-blocked", 8)
    expert = Expert()
    while float(world.traffic.at[0]) < world.route.starts[1] + 14.0 and world.time < 25.0:
        world.step(7.0, steering(world.world, 7.0))
    assert "blocking" not in kinds(world)
    for _ in range(120):
        world.step(0.0, steering(world.world, 5.0))
    assert kinds(world).count("blocking") == 1
    assert expert.plan(world.world).actions.shape == (6, 2)


def test_following_too_closely_is_counted():
    world = refereed_world("lead-car-steady", 9)
    for _ in range(120):
        gap = float(world.traffic.leaders()[0][0])
        speed = float(world.traffic.speed[1]) + 0.5 * (gap - 4.0)
        world.step(max(speed, 0.0), steering(world.world, 9.0))
    conduct = world.referee.conduct
    assert 0.0 < conduct.close_s <= conduct.following_s
    calm = keep_lane(refereed_world("lead-car-steady", 9), 6.0, 5.0).referee.conduct
    assert calm.close_s == 0.0


@pytest.mark.parametrize("speed", [300.0, 1e6])
def test_no_speed_leads_through_others_or_over_a_red_light_unseen(speed: float):
    for name, kind in (("stopped-queue", "collision"), ("light-stays-red", "red-light")):
        world = refereed_world(name, 10, limits=None)
        line = world.route.starts[1]
        while float(world.traffic.at[0]) < line - 45.0:
            world.step(8.0, steering(world.world, 8.0))
        for _ in range(2):
            world.step(speed, 0.0)
        assert kind in kinds(world), name


@pytest.mark.parametrize("speed", [60.0, 300.0, 1e6])
def test_no_speed_leads_over_the_meadow_unseen(speed: float):
    """Straight on where the street bends, and back on a street at the step's end or not."""
    world = refereed_world("bend", 5, limits=None)
    for _ in range(math.ceil(150.0 / (speed * 0.05))):
        world.step(speed, 0.0)
    assert "off-road" in kinds(world)


def test_a_held_light_shows_red_for_ever_and_a_released_one_runs():
    lights = make_world("red-light", 0).controllers[0]
    assert lights.look("main", 500.0) == ("red", math.inf)
    assert lights.look("side", 500.0) == ("green", math.inf)
    assert lights.released(100.0).colour("main", 105.01) == "green"
