"""The kinematic planners against their formulas, written as loops."""

from __future__ import annotations

import asyncio
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightemma.errors import UserError
from lightemma.parsing import plausible
from lightemma.planners.base import PlannerSettings, View
from lightemma.planners.baselines import (
    ConstantAcceleration,
    ConstantAction,
    ConstantSpeedStraight,
    DampedAcceleration,
    KinematicPlanner,
    Stop,
)
from lightemma.planners.registry import PLANNERS, make_planner, planner_class
from lightemma.prompts.sets import load_prompts
from tests.conftest import make_frame

examples = settings(max_examples=100, deadline=None, derandomize=True)
histories = st.lists(st.tuples(st.floats(0.0, 30.0), st.floats(-0.2, 0.2)), min_size=6, max_size=6).map(np.array)
ALL = [ConstantAction, ConstantAcceleration, DampedAcceleration, ConstantSpeedStraight, Stop]


def by_hand(name: str, history) -> list[list[float]]:
    (before, _), (speed, curvature) = history[-2], history[-1]
    acceleration = (speed - before) / 0.5
    plan = []
    for k in range(1, 7):
        t = 0.5 * k
        plan.append(
            {
                "constant-action": [speed, curvature],
                "constant-acceleration": [max(0.0, speed + acceleration * t), curvature],
                "damped-acceleration": [max(0.0, speed + acceleration * 2 * (1 - math.exp(-t / 2))), curvature],
                "constant-speed-straight": [speed, 0.0],
                "stop": [0.0, 0.0],
            }[name]
        )
    return plan


@pytest.mark.parametrize("planner", ALL, ids=lambda planner: planner.name)
@examples
@given(history=histories)
def test_a_plan_is_its_formula(planner, history):
    before = history.copy()
    np.testing.assert_allclose(planner().actions(history), by_hand(planner.name, history.tolist()), atol=1e-12)
    np.testing.assert_array_equal(history, before)


@pytest.mark.parametrize("planner", ALL, ids=lambda planner: planner.name)
@examples
@given(batch=st.lists(histories, min_size=1, max_size=4).map(np.stack))
def test_a_batch_is_planned_like_its_members(planner, batch):
    np.testing.assert_array_equal(planner().actions(batch), np.stack([planner().actions(one) for one in batch]))


@pytest.mark.parametrize("planner", ALL, ids=lambda planner: planner.name)
def test_only_the_past_is_used_and_no_model(planner):
    history = np.column_stack([np.linspace(4.0, 9.0, 6), np.full(6, 0.01)])
    one = make_frame(history=history)
    other = make_frame(history=history, driven=np.zeros((6, 2)))
    plans = [asyncio.run(planner().plan(frame, View(), {})) for frame in (one, other)]
    np.testing.assert_array_equal(plans[0].actions, plans[1].actions)
    assert plans[0].actions.shape == (6, 2)
    assert plausible(plans[0].actions)
    assert (plans[0].outcome, plans[0].calls) == ("ok", [])


def test_no_planner_drives_backwards_after_hard_braking():
    history = np.array([[10.0, 0.0]] * 5 + [[6.0, 0.0]])
    for planner in (ConstantAcceleration, DampedAcceleration):
        speeds = planner().actions(history)[:, 0]
        assert speeds.min() == 0.0
        assert (np.diff(speeds) <= 0).all()


def test_damped_speed_tends_to_the_last_speed_plus_acceleration_times_time_constant():
    # Three seconds are sixty time constants.
    quick = DampedAcceleration(PlannerSettings(options={"time_constant_s": 0.05}))
    history = np.array([[5.0, 0.0]] * 5 + [[6.0, 0.01]])
    assert quick.actions(history)[-1, 0] == pytest.approx(6.0 + 2.0 * 0.05)
    slow = DampedAcceleration().actions(history)[:, 0]
    assert (np.diff(slow) > 0).all()
    assert slow[-1] < 6.0 + 2.0 * 2.0


def test_damped_speeds_are_between_constant_speed_and_constant_acceleration():
    history = np.array([[5.0, 0.0]] * 5 + [[6.0, 0.01]])
    held, damped, kept = (
        p().actions(history)[:, 0] for p in (ConstantAction, DampedAcceleration, ConstantAcceleration)
    )
    assert (held < damped).all()
    assert (damped < kept).all()


def test_settings_contain_what_decides_the_plan():
    assert DampedAcceleration().settings() == {"time_constant_s": 2.0}
    assert ConstantAction().settings() == {}


@pytest.mark.parametrize("name", PLANNERS)
def test_every_name_makes_the_planner_of_that_name(name):
    planner = make_planner(name, PlannerSettings(load_prompts("three-stage"), "tolerant"))
    assert planner.name == name
    assert bool(planner.needs().models) != isinstance(planner, KinematicPlanner)
    if planner.needs().models:
        # A manifest may say more than was chosen, such as which experts `all` means today, but never less.
        settings = planner.settings()
        assert settings["parser"] == "tolerant"
        assert set(planner.options.model_dump()) <= set(settings)


def test_an_unknown_planner_offers_near_names():
    with pytest.raises(UserError, match=r"no planner 'constant-acton'; did you mean constant-action"):
        planner_class("constant-acton")


def test_a_users_planner_is_loaded_by_module_and_class():
    assert planner_class("lightemma.planners.baselines:Stop") is Stop
    with pytest.raises(UserError, match="is not a planner"):
        planner_class("lightemma.parsing:Parsed")
