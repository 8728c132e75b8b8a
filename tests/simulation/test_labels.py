"""The expert's label from any state: within the car's limits, back to the route, a stop, or marked as no answer."""

import copy
import math
import re
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightemma.frame import Pose
from lightemma.kinematics import integrate, to_ego_frame
from lightemma.simulation.ego import Limits
from lightemma.simulation.expert import Expert
from lightemma.simulation.labels import Labeller
from lightemma.simulation.scenarios import make_world
from lightemma.simulation.world import CitySimulation

LIMITS = Limits()


@cache
def fresh(name: str) -> CitySimulation:
    return make_world(name, 41)


def placed(
    name: str, beside: float, turned: float, speed: float | None = None, curvature: float = 0.0
) -> CitySimulation:
    """A world with its car so many metres to the left of the route, turned by so many radians."""
    world = copy.deepcopy(fresh(name))
    ego = world.ego
    pose = ego.pose
    ego.pose = Pose(
        pose.x - beside * math.sin(pose.heading), pose.y + beside * math.cos(pose.heading), pose.heading + turned
    )
    ego.speed, ego.curvature = ego.speed if speed is None else speed, curvature
    world.traffic.place_ego(ego.state())
    return world


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(["left-turn", "bend", "parked-car-to-pass"]),
    st.floats(-40.0, 40.0),
    st.floats(-math.pi, math.pi),
    st.floats(0.0, 20.0),
    st.floats(-0.2, 0.2),
)
def test_no_label_asks_for_more_than_the_car_can_do(
    name: str, beside: float, turned: float, speed: float, curvature: float
):
    curvature = float(np.clip(curvature, -LIMITS.lateral / max(speed, 1.0) ** 2, LIMITS.lateral / max(speed, 1.0) ** 2))
    label = Labeller(placed(name, beside, turned, speed, curvature)).label()
    speeds, curvatures = label.pairs.T
    assert label.pairs.shape == (6, 2)
    assert np.isfinite(label.pairs).all()
    assert np.abs(curvatures).max() <= LIMITS.curvature
    assert (speeds**2 * np.abs(curvatures)).max() <= LIMITS.lateral + 1e-6
    steps = np.diff([speed, *speeds]) / 0.5
    assert -LIMITS.brake - 1e-3 <= steps.min()
    assert steps.max() <= LIMITS.accelerate + 1e-3
    wheels = np.arctan(np.array([curvature, *curvatures]) * LIMITS.wheelbase)
    # Where the tyres lose grip the path widens faster than the wheels turn.
    slips = np.append(speed, speeds[:-1]) ** 2 * np.abs([curvature, *curvatures[:-1]]) > 0.9 * LIMITS.lateral
    assert (np.abs(np.diff(wheels))[~slips] <= LIMITS.steering_rate * 0.5 + 1e-3).all()
    assert label.valid == (label.words is not None)
    assert label.valid or label.reason


@pytest.mark.parametrize("beside", [-3.0, 3.5])
def test_a_car_beside_its_route_is_led_back(beside: float):
    world = placed("cruise", beside, 0.0, 5.0)
    label = Labeller(world).label()
    assert label.valid
    assert label.reason.startswith("comes back")
    assert "come back to my lane" in label.words.intent
    end = integrate(label.pairs)[-1]
    assert end[1] * beside < 0.0


@pytest.mark.parametrize(("beside", "turned"), [(40.0, 0.0), (30.0, 2.0), (0.5, math.pi)])
def test_where_there_is_no_way_back_the_label_says_so(beside: float, turned: float):
    label = Labeller(placed("cruise", beside, turned, 6.0)).label()
    assert not label.valid
    assert label.reason.startswith("no way back")
    assert label.words is None


def test_a_car_that_missed_its_turn_stops_in_its_lane():
    world = placed("left-turn", 0.0, 0.0)
    # Where it would be had it driven straight on through the junction.
    lanes = world.traffic.network.lanes
    way = next(lane for lane in lanes if lane.junction is not None and lane.turn == "straight" and leaves(world, lane))
    pose = lanes[way.successors[0]].path.pose(25.0)
    world.ego.pose, world.ego.speed, world.ego.curvature = pose, 8.0, 0.0
    world.traffic.place_ego(world.ego.state())
    label = Labeller(world).label()
    assert label.valid
    assert label.reason.startswith("stops")
    assert label.pairs[-1, 0] < 8.0 - 5 * 0.5 * 1.5
    assert "stop" in label.words.intent


def leaves(world: CitySimulation, lane) -> bool:
    """Whether a way through the junction begins where the ego's route does."""
    own = next(n for n in world.route.lanes if world.traffic.network.lanes[n].junction is not None)
    start, other = world.traffic.network.lanes[own].path.pose(0.0), lane.path.pose(0.0)
    return math.hypot(start.x - other.x, start.y - other.y) < 0.5


def test_on_its_route_the_label_is_the_plan_and_says_nothing_more():
    world = placed("bend", 0.4, 0.05)
    label = Labeller(world).label()
    assert label.valid
    assert label.reason == ""
    assert label.words.intent


def test_the_label_is_driven_as_measured_and_its_points_are_near_the_motion():
    label = Labeller(placed("bend", 0.0, 0.0)).label()
    motion = Expert().plan(placed("bend", 0.0, 0.0)).motion
    assert label.pairs[:2].tolist() == label.driven[:2].tolist()
    points = to_ego_frame(motion.points[2:], motion.points[1], motion.heading)
    off = [np.linalg.norm(integrate(pairs) - points, axis=1).mean() for pairs in (label.pairs, label.driven)]
    assert off[0] <= off[1]
    assert off[0] < 0.4


def test_words_name_no_change_and_no_distance_that_is_rounded_away():
    world = placed("right-turn", 0.0, 0.0)
    labeller, expert, said = Labeller(world), Expert(), []
    for _ in range(30):
        words = labeller.label().words
        said += [words.scene, words.intent, words.reason]
        command = expert.plan(world).actions[0]
        for _ in range(10):
            world.step(*command)
    text = " ".join(said)
    assert " 0 m" not in text
    assert not any(first == second for first, second in re.findall(r"from (\d+) to about (\d+)", text))
