from __future__ import annotations

import copy
import math

import numpy as np
import pytest

from lightemma.frame import Pose
from lightemma.kinematics import actions_from_poses
from lightemma.simulation.expert import Expert
from lightemma.simulation.perturb import MOST, Perturbation, draw_perturbation, fits, past_of, perturbed
from lightemma.simulation.scenarios import make_world
from lightemma.simulation.world import CitySimulation


@pytest.fixture(scope="module")
def driven() -> CitySimulation:
    """A city after 2 s of the expert's drive."""
    simulation, expert = make_world("lead-car-braking", 3), Expert()
    for _ in range(4):
        speed, curvature = expert.plan(simulation).actions[0].tolist()
        for _ in range(10):
            simulation.step(speed, curvature)
    return simulation


def test_the_car_is_moved_turned_and_faster_and_the_original_is_not(driven: CitySimulation) -> None:
    before = driven.ego.state()
    other = perturbed(driven, Perturbation(0.4, 0.05, 1.5))
    assert other is not None
    assert driven.ego.state() == before
    pose = other.ego.pose
    dx, dy = pose.x - before.pose.x, pose.y - before.pose.y
    left = dy * math.cos(before.pose.heading) - dx * math.sin(before.pose.heading)
    assert left == pytest.approx(0.4)
    assert math.hypot(dx, dy) == pytest.approx(0.4)
    assert pose.heading - before.pose.heading == pytest.approx(0.05)
    assert other.ego.speed == pytest.approx(before.speed + 1.5)
    assert other.traffic.offset[0] == pytest.approx(driven.traffic.offset[0] + 0.4, abs=0.05)
    assert np.array_equal(other.boxes[1:], driven.boxes[1:])


def test_its_history_says_what_is_true_of_it(driven: CitySimulation) -> None:
    other = perturbed(driven, Perturbation(-0.4, -0.05, -1.5))
    assert other is not None
    poses = np.array([*other.history_poses.tolist(), (other.ego.pose.x, other.ego.pose.y, other.ego.pose.heading)])
    own = np.array(driven.track[-8:])
    times = np.arange(8) * 0.5
    moved, unmoved = (actions_from_poses(each[:, :2], times) for each in (poses, own))
    assert moved[-3:, 0] == pytest.approx(unmoved[-3:, 0] - 1.5, abs=0.02)
    assert len(other.track) == 8


def test_nothing_moved_is_the_same_world(driven: CitySimulation) -> None:
    first, other = copy.deepcopy(driven), perturbed(driven, Perturbation())
    assert other is not None
    assert other.history_poses == pytest.approx(np.array(driven.track[-8:-1]))
    for _ in range(40):
        for one in (first, other):
            one.step(6.0, 0.01)
    assert repr(first.state()) == repr(other.state())
    assert np.array_equal(first.boxes, other.boxes)


def test_a_car_that_stood_stays_where_it_stood_when_it_is_slower() -> None:
    here = Pose(5.0, 2.0, 0.0)
    past = np.tile((5.0, 2.0, 0.0), (7, 1))
    assert past_of(past, here, here, -1.0, 0.5) == pytest.approx(past)
    faster = past_of(past, here, here, 2.0, 0.5)
    assert faster[:, 0] == pytest.approx(5.0 - np.arange(7, 0, -1))
    assert faster[:, 1] == pytest.approx(np.full(7, 2.0))


@pytest.mark.parametrize("sideways", [-9.0, 9.0])
def test_off_the_road_it_cannot_be(driven: CitySimulation, sideways: float) -> None:
    assert perturbed(driven, Perturbation(sideways)) is None


def test_inside_another_it_cannot_be(driven: CitySimulation) -> None:
    x, y, heading = driven.boxes[1, :3].tolist()
    assert not fits(driven, Pose(x, y, heading))


def test_the_speed_is_never_negative(driven: CitySimulation) -> None:
    other = perturbed(driven, Perturbation(faster=-50.0))
    assert other is not None
    assert other.ego.speed == 0.0


def test_draws_stay_within_the_most() -> None:
    drawn = [draw_perturbation(np.random.default_rng(seed)) for seed in range(50)]
    assert all(abs(one.sideways) <= MOST.sideways for one in drawn)
    assert max(abs(one.faster) for one in drawn) > 1.8
    assert drawn[0] == draw_perturbation(np.random.default_rng(0))
    assert drawn[0].opposite.opposite == drawn[0]
