"""The expert reaches every goal without a fault."""

import numpy as np
import pytest

from lightemma.closed_loop.driving_score import TTC_BOUND
from lightemma.kinematics import integrate
from lightemma.protocol import Protocol
from lightemma.simulation.expert import Expert, stop_at
from lightemma.simulation.scenarios import CONDITIONS, SCENARIOS
from tests.simulation.refereed import Refereed, make_world


def driven(world: Refereed) -> Refereed:
    expert = Expert()
    while not world.finished:
        world.hold(*expert.plan(world).actions[0])
    return world


@pytest.mark.parametrize(
    "name",
    # A twin differs from its scenario in little.
    [pytest.param(name, marks=pytest.mark.slow if one.family else ()) for name, one in SCENARIOS.items()],
)
def test_clean_in_every_scenario(name: str):
    index = list(SCENARIOS).index(name)
    condition = list(CONDITIONS)[index % 4]
    world = driven(make_world(name, 100 + index, CONDITIONS[condition], left_hand=index % 3 == 2))
    account = world.referee.account()
    assert [event.kind for event in account.events] == ["goal"]
    assert world.harsh_s == 0.0
    assert account.min_ttc >= TTC_BOUND


def test_a_plan_is_six_pairs_that_end_near_the_lane():
    world = make_world("bend", 2)
    for _ in range(8):
        world.hold(*Expert().plan(world).actions[0])
    actions = Expert().plan(world).actions
    assert actions.shape == (6, 2)
    assert np.isfinite(actions).all()
    assert (actions[:, 0] >= 0.0).all()
    assert (np.abs(actions[:, 1]) <= 0.2).all()
    end = integrate(actions, Protocol(integration="arc"))[-1]
    pose = world.ego.pose
    x = pose.x + end[0] * np.cos(pose.heading) - end[1] * np.sin(pose.heading)
    y = pose.y + end[0] * np.sin(pose.heading) + end[1] * np.cos(pose.heading)
    assert abs(world.route.path.project(float(x), float(y))[1]) < 0.8


def test_it_drives_without_limits_too():
    world = driven(make_world("right-turn", 3, limits=None))
    assert [event.kind for event in world.referee.events] == ["goal"]


@pytest.mark.parametrize(("speed", "distance"), [(12.0, 60.0), (9.0, 30.0), (5.0, 7.0)])
def test_a_stop_ends_at_the_line(speed: float, distance: float):
    left = distance
    for _ in range(2000):
        after = max(0.0, speed + stop_at(speed, left) * 0.05)
        left -= (speed + after) * 0.025
        speed = after
    assert speed < 0.05
    assert -0.1 < left < 0.6
