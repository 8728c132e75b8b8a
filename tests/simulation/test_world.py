"""The ego's motion, the traffic, and the events of the referee."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightemma.frame import Pose
from lightemma.kinematics import actions_from_poses, integrate
from lightemma.protocol import LIGHTEMMA, Protocol
from lightemma.simulation.ego import EgoCar, Limits
from lightemma.simulation.geometry import boxes_overlap
from lightemma.simulation.idm import Style, calm_idm, idm
from lightemma.simulation.setup import WARM_UP
from lightemma.simulation.world import STEP_TIME
from tests.simulation.ordinary_traffic import busy_traffic, run
from tests.simulation.refereed import make_world, steering

# A quotient of two numbers so small that they have few digits left is off by more than the tolerance; no plan has such.
bends = st.floats(-0.2, 0.2, allow_subnormal=False)
plans = st.lists(st.tuples(st.floats(0.0, 20.0), bends), min_size=6, max_size=6)
ARC = Protocol(integration="arc")


def driven(actions, limits, protocol) -> list[tuple[float, float]]:
    car = EgoCar(Pose(0.0, 0.0, 0.0), limits=limits, protocol=protocol)
    places = []
    for speed, curvature in actions:
        for tick in range(10):
            car.step(speed, curvature, 0.05, 0.5 - 0.05 * tick)
        places.append((car.pose.x, car.pose.y))
    return places


@given(plans)
@pytest.mark.parametrize("protocol", [ARC, LIGHTEMMA], ids=["arc", "euler"])
def test_without_limits_the_car_moves_as_the_protocol_integrates(protocol: Protocol, actions):
    np.testing.assert_allclose(driven(actions, None, protocol), integrate(np.array(actions), protocol), atol=1e-6)


@given(plans)
def test_with_limits_no_limit_is_broken(actions):
    limits = Limits()
    car = EgoCar(Pose(0.0, 0.0, 0.0), 8.0, 0.0, limits)
    for speed, curvature in actions:
        for tick in range(10):
            before, angle = car.speed, math.atan(car.curvature * limits.wheelbase)
            car.step(speed * 2.0 - 5.0, curvature * 5.0, 0.05, 0.5 - 0.05 * tick)
            assert -limits.brake - 1e-9 <= (car.speed - before) / 0.05 <= limits.accelerate + 1e-9
            assert car.speed >= 0.0
            assert abs(car.curvature) <= limits.curvature + 1e-9
            assert car.speed**2 * abs(car.curvature) <= limits.lateral + 1e-6
            turned = abs(math.atan(car.curvature * limits.wheelbase)) - abs(angle)
            assert turned <= limits.steering_rate * 0.05 + 1e-9


def test_a_gentle_pair_is_reached_within_its_half_second():
    car = EgoCar(Pose(0.0, 0.0, 0.0), 6.0)
    for tick in range(10):
        car.step(7.0, 0.02, 0.05, 0.5 - 0.05 * tick)
    assert (car.speed, car.curvature) == pytest.approx((7.0, 0.02))
    assert car.pose.x == pytest.approx(3.25, abs=0.01)


def test_invalid_numbers_stop_the_car():
    car = EgoCar(Pose(0.0, 0.0, 0.0), 6.0, limits=None)
    car.step(math.nan, math.inf, 0.05, 0.5)
    assert (car.speed, car.curvature) == (0.0, 0.0)


# Determinism and the past


def drive(name: str, seed: int, seconds: float, speed: float = 6.0, keeps_lane: bool = False, **options):
    world = make_world(name, seed, **options)
    for _ in range(round(seconds / STEP_TIME)):
        world.step(speed, steering(world.world, speed) if keeps_lane else 0.0)
    return world


@pytest.mark.parametrize("name", ["left-turn", "cut-in", "pedestrian-crossing"])
def test_same_seed_same_states_byte_for_byte(name: str):
    one, two = drive(name, 4, 12.0), drive(name, 4, 12.0)
    assert repr(one.state()) == repr(two.state())
    assert one.boxes.tobytes() == two.boxes.tobytes()
    assert repr(one.city) == repr(two.city)
    assert one.referee.account() == two.referee.account()
    assert repr(drive(name, 5, 12.0).state()) != repr(one.state())


def test_the_history_leads_to_the_start_with_plausible_motion():
    world = make_world("turned-then-straight", 1)
    assert world.history_poses.shape == (7, 3)
    assert [state.time for state in world.warm_up] == pytest.approx(np.arange(-WARM_UP, 0.0, 0.5))
    assert world.time == 0.0
    track = np.array(world.track)
    assert track.shape == (8, 3)
    steps = np.linalg.norm(np.diff(track[:, :2], axis=0), axis=1)
    assert np.all((steps > 1.0) & (steps < 6.0))
    assert abs(track[-1, 2] - track[0, 2]) > 0.8, "it has just turned"
    history = actions_from_poses(track[:, :2], np.arange(8) * 0.5)
    assert history.shape == (6, 2)
    assert np.abs(history[:, 1]).max() > 0.04
    assert world.ego.speed == pytest.approx(steps[-1] / 0.5, abs=0.6)


def test_poses_are_kept_at_2_hz():
    world = make_world("cruise", 0)
    world.hold(9.0, 0.0)
    assert world.time == pytest.approx(0.5)
    world.step(9.0, 0.0)
    world.hold(9.0, 0.0)
    assert world.time == pytest.approx(1.0)
    assert len(world.track) == 10


# Traffic


@pytest.mark.parametrize(("seed", "lanes"), [(0, 1), (1, 2)])
def test_ordinary_traffic_never_touches_and_never_jams(seed: int, lanes: int):
    traffic = busy_traffic(seed, lanes)
    still = np.zeros(len(traffic.at))
    seen: dict[str, float] = {"gap": np.inf, "still": 0.0, "moved": 0.0}

    def look(time: float) -> None:
        gap, _, owner = traffic.leaders()
        follows = (owner >= 0) & traffic.active
        seen["gap"] = min(seen["gap"], gap[follows].min(initial=np.inf))
        active = np.flatnonzero(traffic.active)
        for i, row in enumerate(active):
            others = active[i + 1 :]
            touched = others[boxes_overlap(traffic.boxes[row], traffic.boxes[others])] if len(others) else []
            assert not len(touched), f"{row} touches {touched} at {time:.1f} s"
        still[:] = np.where((traffic.speed < 0.1) & traffic.active, still + 0.25, 0.0)
        seen["still"] = max(seen["still"], still.max())
        seen["moved"] += traffic.speed.mean() * 0.25

    run(traffic, 130.0, look)
    assert seen["gap"] > 0.0
    assert seen["still"] < 60.0
    assert seen["moved"] > 400.0
    assert all(walker.activity == "done" for walker in traffic.rules.walkers)


@settings(max_examples=60)
@given(st.floats(3.0, 15.0), st.floats(0.0, 1.0), st.floats(10.0, 60.0))
def test_a_follower_never_hits_a_leader_that_brakes_normally(speed: float, share: float, gap: float):
    style, leading = Style(), speed * share
    gap += speed * 1.2 + max(speed**2 - leading**2, 0.0) / 4.0
    for model in ("plain", "calm"):
        v, lead, distance = speed, leading, gap
        for _ in range(600):
            brake = -2.5 if lead > 0.0 else 0.0
            chosen = (
                idm(v, 15.0, distance, v - lead, style)
                if model == "plain"
                else calm_idm(v, 15.0, distance, lead, brake, style)
            )
            chosen = max(chosen, -9.0)
            after, lead_after = max(0.0, v + chosen * 0.05), max(0.0, lead + brake * 0.05)
            distance += (lead + lead_after) * 0.025 - (v + after) * 0.025
            v, lead = after, lead_after
            assert distance > 0.0, model


def test_the_calm_driver_does_not_brake_hard_when_a_car_cuts_in():
    assert idm(11.0, 12.0, 8.0, 0.0, Style()) < -5.0
    assert calm_idm(11.0, 12.0, 8.0, 11.0, 0.0, Style()) > -2.5


def test_vehicles_behind_brake_for_a_standing_ego():
    world = next(w for w in (make_world("cruise", seed) for seed in range(20)) if _vehicle_behind(w))
    for _ in range(400):
        world.step(0.0, 0.0)
    assert not world.referee.account().count("collision", at_fault=False)
    assert min(state.speed for state in world.state().actors if state.kind != "pedestrian") < 0.1


def _vehicle_behind(world) -> bool:
    return any(v.lanes == world.setup.lanes and v.at < world.setup.at for v in world.setup.vehicles)


# The referee


def kinds(world) -> list[str]:
    return [event.kind for event in world.referee.events]


def test_driving_into_a_queue_is_the_egos_fault():
    world = drive("stopped-queue", 0, 15.0, speed=9.0, keeps_lane=True)
    (event, *_) = (e for e in world.referee.events if e.kind == "collision")
    assert event.at_fault
    assert event.actor in {actor.number for actor in world.state().actors}
    account = world.referee.account()
    assert account.min_ttc < 0.95


def test_hitting_a_person_who_crosses_is_the_egos_fault():
    world = drive("pedestrian-crossing", 0, 15.0, speed=9.0, keeps_lane=True)
    assert world.referee.account().count("collision") >= 1
    assert any(e.actor is not None and e.actor >= 700 for e in world.referee.events)


def test_being_hit_while_standing_is_not_the_egos_fault():
    world = make_world("cruise", 0)
    for _ in range(60):
        world.step(0.0, 0.0)
    traffic = world.traffic
    traffic.at[1], traffic.offset[1], traffic.route[1] = traffic.at[0] - 12.0, 0.0, traffic.route[0]
    traffic._rerouted()
    traffic.speed[1] = 12.0
    for _ in range(60):
        traffic.acceleration[1] = 0.0
        traffic.speed[1] = 12.0
        world.step(0.0, 0.0)
    found = [event for event in world.referee.events if event.kind == "collision"]
    assert [event.at_fault for event in found] == [False]


def test_leaving_the_road():
    world = make_world("cruise", 2)
    for _ in range(80):
        world.step(8.0, -0.05)
    assert "off-road" in kinds(world)
    assert world.referee.account().count("off-road") == 1
    assert "off-road" not in kinds(drive("lead-car-braking", 2, 2.0, speed=8.0))


def test_running_a_red_light_and_not_a_green_one():
    world = drive("red-light", 0, 12.0, speed=12.0, keeps_lane=True)
    assert kinds(world).count("red-light") == 1
    assert "red-light" not in kinds(drive("green-light", 0, 12.0, speed=12.0, keeps_lane=True))


@pytest.mark.parametrize("left_hand", [False, True])
def test_driving_on_the_wrong_side(left_hand: bool):
    world = make_world("lead-car-braking", 1, left_hand=left_hand)
    towards = -1.0 if left_hand else 1.0
    lane = world.setup.streets.lane_width
    for _ in range(140):
        offset = world.traffic.offset[0]
        heading = world.ego.pose.heading - world.route.path.pose(float(world.traffic.at[0])).heading
        error = towards * lane - offset
        world.step(7.0, float(np.clip(0.02 * error - 0.4 * math.sin(heading), -0.1, 0.1)))
    assert "wrong-side" in kinds(world)
    assert "wrong-side" not in kinds(drive("lead-car-braking", 1, 5.0, speed=7.0))


def test_standing_without_a_reason_is_being_stuck_and_waiting_at_red_is_not():
    assert "stuck" in kinds(drive("bend", 0, 14.0, speed=0.0))
    world = next(w for w in (make_world("light-turns-green", seed) for seed in range(20)) if w.setup.speed == 0.0)
    world.controllers[0] = type(world.controllers[0])(main=5.0, side=60.0, offset=12.0)
    for _ in range(300):
        world.step(0.0, 0.0)
    assert world.ego.speed == 0.0
    assert "stuck" not in kinds(world)


def test_progress_and_goal():
    world = drive("bend", 0, 2.0, speed=8.0)
    account = world.referee.account()
    assert 10.0 < account.progress < 25.0
    assert 0.0 < account.progress_share < 1.0
    assert not account.goal_reached
    assert not world.finished
