"""A pair means the same in the loop as in a history: the mean speed of its half second, the curvature at its beginning."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightemma.closed_loop.plan_follower import PlanFollower, ends_from_means
from lightemma.kinematics import actions_from_poses
from lightemma.protocol import LIGHTEMMA
from lightemma.simulation.ego import EgoCar, Limits
from lightemma.simulation.state import Pose


def driven(plans: list[np.ndarray], car: EgoCar, replan: int = 1) -> np.ndarray:
    """(n, 2) places of a car every half second."""
    places = [(car.pose.x, car.pose.y)]
    follower = PlanFollower(plans[0], limits=car.limits)
    for number, plan in enumerate(plans):
        if number % replan == 0:
            follower.take(plan, 10 * number)
        for tick in range(10):
            car.step(*follower.command(10 * number + tick), 0.05, 0.5 - 0.05 * tick)
        places.append((car.pose.x, car.pose.y))
    return np.array(places)


@pytest.mark.parametrize("replan", [1, 2, 6])
def test_a_planned_change_of_speed_is_driven_whole_however_often_is_planned(replan: int):
    # From 9 m/s to rest at 2 m/s²: the means of a car that brakes evenly.
    speeds = np.maximum(9.0 - np.arange(0.0, 12.0, 0.5) * 2.0, 0.0)
    means = (speeds[:-1] + speeds[1:]) / 2.0
    plans = [np.column_stack([means[k : k + 6], np.zeros(6)]) for k in range(12)]
    car = EgoCar(Pose(0.0, 0.0, 0.0), 9.0)
    places = driven(plans, car, replan)
    assert places[-1, 0] == pytest.approx(9.0**2 / 4.0, abs=0.25)
    assert car.speed == pytest.approx(0.0, abs=0.3)


@given(st.floats(0.0, 15.0), st.floats(0.0, 15.0))
def test_a_constant_plan_is_reached_without_swinging(now: float, planned: float):
    car = EgoCar(Pose(0.0, 0.0, 0.0), now)
    speeds = [now]
    for _ in range(12):
        driven([np.column_stack([np.full(6, planned), np.zeros(6)])], car)
        speeds.append(car.speed)
    toward = np.sign(planned - now)
    assert all(toward * step >= -1e-9 for step in np.diff(speeds))
    assert max(speeds) <= max(now, planned) + 1e-9


def test_what_a_history_says_of_a_turn_is_driven_as_it_was():
    # A turn to the left by somebody who turns the wheel in and out again, measured as a history is.
    wheel = np.concatenate(
        [np.zeros(4), np.linspace(0.0, 0.12, 5), np.full(3, 0.12), np.linspace(0.12, 0.0, 5), np.zeros(9)]
    )
    teacher = EgoCar(Pose(0.0, 0.0, 0.0), 6.0)
    places = [(-3.0, 0.0), (0.0, 0.0)]
    for before, after in pairwise(wheel):
        for tick in range(10):
            share = (tick + 1) / 10
            teacher.step(6.0, before + share * (after - before), 0.05, 0.5 - 0.05 * tick)
        places.append((teacher.pose.x, teacher.pose.y))
    pairs = actions_from_poses(np.array(places), np.arange(len(places)) * LIGHTEMMA.dt)
    plans = [pairs[k : k + 6] for k in range(len(pairs) - 6)]
    again = driven(plans, EgoCar(Pose(0.0, 0.0, 0.0), 6.0))
    off = np.linalg.norm(again - np.array(places)[1 : len(again) + 1], axis=1)
    assert off.max() < 0.6  # of 75 m, by curvatures of three decimals


def test_ends_of_equal_accelerations_are_exact_and_never_negative():
    assert ends_from_means(np.array([0.4, 1.2, 2.0])).tolist() == pytest.approx([0.8, 1.6, 2.4])
    assert ends_from_means(np.array([1.0, 0.2, 0.0])).min() == 0.0


def test_a_car_without_limits_has_each_pair_at_once():
    follower = PlanFollower(np.array([[5.0, 0.1], [7.0, -0.1], *[[0.0, 0.0]] * 4]))
    assert [follower.command(tick) for tick in (0, 9, 10)] == [(5.0, 0.1), (5.0, 0.1), (7.0, -0.1)]
    assert Limits().curvature == 0.2  # what a car with limits is held to
