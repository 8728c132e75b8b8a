"""The scenarios: which exist, that each starts valid, and that it is what its name says."""

import math

import numpy as np
import pytest

from lightemma.errors import UserError
from lightemma.simulation.geometry import boxes_overlap
from lightemma.simulation.scenarios import CONDITIONS, SCENARIOS, make_world
from tests.simulation.refereed import steering

EXPECTED = {
    *("cruise", "bend", "left-turn", "right-turn", "lead-car-braking", "stopped-queue", "red-light"),
    *("light-turns-green", "green-but-blocked", "pedestrian-crossing", "roadworks-narrowing", "parked-car-to-pass"),
    *(
        "turned-then-straight",
        "cut-in",
        "lead-car-steady",
        "queue-moves-off",
        "no-cut-in",
        "straight-on",
        "green-light",
    ),
    *("light-stays-red", "green-and-free", "empty-crossing", "t-junction-left", "t-junction-right", "two-lanes-left"),
    "two-lanes-straight",
    *("limit-30", "limit-50", "person-behind-van", "van-and-nobody", "cyclist-ahead", "no-cyclist"),
    *("near-turn-cyclist", "near-turn", "far-turn-cyclist"),
    *("roundabout-straight", "roundabout-right", "roundabout-left", "roundabout-free"),
}


def test_the_scenarios_exist_and_are_described():
    assert set(SCENARIOS) == EXPECTED
    for scenario in SCENARIOS.values():
        for sentence in (scenario.description, scenario.right_answer):
            assert sentence[0].isupper()
            assert sentence.endswith(".")


def test_an_unknown_name_is_answered_with_near_names():
    with pytest.raises(UserError, match="left-turn"):
        make_world("left-trun", 0)


@pytest.mark.parametrize(
    ("name", "condition"),
    [
        pytest.param(name, condition, marks=pytest.mark.slow if (row + column) % 2 or scenario.family else ())
        for row, (name, scenario) in enumerate(SCENARIOS.items())
        for column, condition in enumerate(CONDITIONS)
    ],
)
def test_an_episode_starts_in_a_valid_state(name: str, condition: str):
    seed = 20 + list(CONDITIONS).index(condition)
    world = make_world(name, seed, CONDITIONS[condition], left_hand=seed % 2 == 1)
    assert world.city.conditions == CONDITIONS[condition]
    for row in range(len(world.boxes)):
        others = np.delete(world.boxes, row, axis=0)
        assert not boxes_overlap(world.boxes[row], others).any(), world.number_of(row) if row else "ego"
    assert world.start < world.setup.goal < world.route.path.length
    assert world.route.path.length - world.start > 170.0 or world.setup.goal - world.start < 120.0
    assert 0.0 <= world.ego.speed < 14.0
    numbers = [actor.number for actor in world.state().actors]
    assert len(set(numbers)) == len(numbers)
    assert 0 not in numbers


@pytest.mark.parametrize("left_hand", [False, True])
@pytest.mark.parametrize(
    ("name", "turned"),
    [
        ("left-turn", math.pi / 2),
        ("right-turn", -math.pi / 2),
        ("straight-on", 0.0),
        ("two-lanes-left", math.pi / 2),
        ("t-junction-left", math.pi / 2),
        ("t-junction-right", -math.pi / 2),
    ],
)
def test_turns_have_the_direction_of_their_name(name: str, turned: float, left_hand: bool):
    world = make_world(name, 1, left_hand=left_hand)
    path = world.route.path
    start = world.route.starts[1]
    length = world.traffic.network.lanes[world.route.lanes[1]].path.length
    change = path.pose(start + length).heading - path.pose(start).heading
    assert math.cos(change - turned) == pytest.approx(1.0, abs=1e-6)


def test_seeds_differ_and_lights_are_as_named():
    speeds = {make_world("cruise", seed).setup.desired for seed in range(4)}
    assert len(speeds) == 4
    for seed in range(3):
        red = make_world("red-light", seed).setup.controllers[0]
        assert {red.colour("main", t) for t in np.arange(-3.5, 40.0)} == {"red"}, "until the ego has waited"
        released = red.released(7.0)
        assert [released.colour("main", t) for t in (7.0, 11.9, 12.1)] == ["red", "red", "green"]
        assert [released.colour("side", t) for t in (7.0, 9.9, 10.1)] == ["amber", "amber", "red"]
        blocked = make_world("green-but-blocked", seed).setup.controllers[0]
        assert {blocked.colour("main", t) for t in np.arange(-3.5, 25.0)} == {"green"}


def test_the_car_that_cuts_in_ends_up_ahead_in_the_egos_lane():
    world = make_world("cut-in", 1)
    before = _leader_gap(world)
    for _ in range(200):
        world.step(world.setup.speed, steering(world, world.setup.speed))
    assert _leader_gap(world) < 25.0 < before


def _leader_gap(world) -> float:
    return float(world.traffic.leaders()[0][0])


def test_the_road_continues_after_the_goal_for_a_recorded_drive():
    for name in (name for name, scenario in SCENARIOS.items() if not scenario.family):
        world = make_world(name, 0)
        assert world.route.path.length - world.setup.goal > 30.0, name
