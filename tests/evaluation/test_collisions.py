"""Hand-made scenes with known answers under each convention: who counts, when, and where."""

from __future__ import annotations

import numpy as np
import pytest

from lightemma.agents import CAR_AHEAD, CAR_LENGTH, CAR_WIDTH, OTHER, PEDESTRIAN, VEHICLE, Surroundings
from lightemma.evaluation.metrics.agents_around import AgentsAround, planned_poses
from lightemma.evaluation.metrics.collisions import (
    CONVENTIONS,
    RASTERS,
    collision_columns,
    step_hits,
)
from lightemma.evaluation.metrics.occupancy import CAR_COLUMNS, CAR_ROWS, LIDAR_AHEAD
from lightemma.evaluation.metrics.time_to_collision import min_ttc, recorded_touches
from lightemma.kinematics import integrate
from lightemma.protocol import LIGHTEMMA
from tests.conftest import steady
from tests.evaluation.surroundings_kit import PERSON, Box, around, poses

NEVER = [0] * 6


def traffic(*frames: Surroundings) -> AgentsAround:
    found = dict(enumerate(frames))
    return AgentsAround.gather(["a"] * len(frames), [str(i) for i in found], lambda scene, token: found[int(token)])


def hits(actions: np.ndarray, *boxes: Box) -> dict[str, list[int]]:
    """By convention, the six steps of a plan."""
    there = traffic(around(*boxes))
    return {name: step_hits(name, poses(actions)[None], there)[0].astype(int).tolist() for name in CONVENTIONS}


def test_a_parked_car_straight_ahead_is_hit_when_the_bumpers_meet():
    # At 5 m/s the front, 3.427 m ahead of the rear axle, is at 5.9, 8.4, 10.9, 13.4 … m; the parked car's rear at 12.75 m.
    found = hits(steady(5.0), Box(15.0, 0.0))
    # ST-P3 draws the parked car around the rear axle and its own car around the lidar: 0.94 m too near.
    assert found.pop("stp3") == [0, 0, 0, 0, 1, 1]
    assert list(found.values()) == [[0, 0, 0, 1, 1, 1]] * 3


def test_who_is_driven_through_between_two_steps_is_seen_by_the_exact_convention_only():
    # At 30 m/s the front is at 18.4 m after the first step, and the rear at 29.3 m after the second.
    assert hits(steady(30.0), Box(22.0, 0.0, size=(1.0, 1.0))) == {
        **dict.fromkeys(RASTERS, NEVER),
        "exact": [0, 1, 0, 0, 0, 0],
    }


def test_a_car_in_the_next_lane_is_not_hit_but_the_raster_sees_no_gap_below_a_cell():
    assert hits(steady(5.0), Box(15.0, 3.5)) == dict.fromkeys(CONVENTIONS, NEVER)
    # 30 cm between the flanks: 0.925 + 0.3 + 1.0.
    close = hits(steady(5.0), Box(15.0, 2.225))
    assert close["exact"] == NEVER
    assert close["uniad"] == close["vad"] == [0, 0, 0, 1, 1, 1]
    # On the right the published rectangle begins half a cell later, so that it sees the same gap there.
    other = hits(steady(5.0), Box(15.0, -2.225))
    assert other["uniad"] == other["vad"] == NEVER
    # ST-P3's columns count to the left: its sides are the other way around.
    assert (close["stp3"], other["stp3"]) == (NEVER, [0, 0, 0, 0, 1, 1])


def test_a_person_is_not_in_uniads_raster_and_a_cone_in_none():
    assert hits(steady(5.0), Box(10.0, 0.0, size=PERSON, kind=PEDESTRIAN)) == {
        "stp3": [0, 0, 1, 1, 0, 0],
        "vad": [0, 0, 1, 1, 0, 0],
        "uniad": NEVER,
        "exact": [0, 0, 1, 1, 1, 0],
    }
    cone = hits(steady(5.0), Box(10.0, 0.0, size=(0.4, 0.4), kind=OTHER))
    assert cone == {**dict.fromkeys(RASTERS, NEVER), "exact": [0, 0, 1, 1, 1, 0]}


@pytest.mark.parametrize(
    ("box", "counts_for"),
    [
        (Box(15.0, 0.0), {"stp3", "vad", "uniad", "exact"}),
        (Box(15.0, 0.0, seen=False), {"vad", "uniad", "exact"}),
        (Box(15.0, 0.0, lidar=False), {"stp3", "uniad", "exact"}),
        (Box(15.0, 0.0, there=(2, 7)), {"stp3", "uniad", "exact"}),  # not annotated now
        (Box(15.0, 0.0, category="vehicle.emergency.police"), {"stp3", "exact"}),
        (Box(15.0, 0.0, category="human.pedestrian.wheelchair", kind=PEDESTRIAN), {"stp3", "exact"}),
        (Box(15.0, 0.0, category="human.pedestrian.adult", kind=PEDESTRIAN), {"stp3", "vad", "exact"}),
        (Box(15.0, 0.0, category="vehicle.bicycle"), {"stp3", "vad", "uniad", "exact"}),
        # Out of VAD's range now, and in our way at 3 s: 31 m ahead and coming, or from 15 m to the side.
        (Box(31.0, 0.0, velocity=(-5.0, 0.0)), {"stp3", "uniad", "exact"}),
        (Box(16.0, 15.1, velocity=(0.0, -5.0), yaw=np.pi / 2), {"stp3", "uniad", "exact"}),
        (Box(16.0, 14.9, velocity=(0.0, -5.0), yaw=np.pi / 2), {"stp3", "vad", "uniad", "exact"}),
        (Box(15.0, 0.0, kind=OTHER), {"exact"}),
    ],
)
def test_who_counts_is_part_of_the_rule(box, counts_for):
    found = hits(steady(5.0), box)
    assert {name for name in CONVENTIONS if any(found[name])} == counts_for


def test_vad_loses_an_agent_at_its_first_gap():
    there = traffic(around(Box(15.0, 0.0)))
    there.valid[0, 2] = False
    there.centres[0, 2] = np.nan
    assert step_hits("vad", poses(steady(5.0))[None], there)[0].tolist() == [False] * 6
    assert step_hits("uniad", poses(steady(5.0))[None], there)[0].tolist() == [False] * 3 + [True] * 3


def test_a_crossing_car_is_hit_only_by_who_comes_at_the_same_time():
    crossing = Box(20.0, -14.0, yaw=np.pi / 2, velocity=(0.0, 6.0))  # on our path from 1.6 to 3.1 s
    for speed, met in ((7.5, True), (2.0, False), (18.0, False)):
        found = hits(steady(speed), crossing)
        assert [any(steps) for steps in found.values()] == [met] * 4, speed


def test_a_turned_box_matters_to_the_exact_convention_only():
    # 2 m ahead, then a quarter turn to the left and a stop: the car ends across the lane, its nose 3.4 m to the left.
    actions = np.array([[4.0, np.pi / 4], *[[0.0, 0.0]] * 5])
    assert poses(actions)[-1] == pytest.approx([2.0, 0.0, np.pi / 2])
    next_to_its_nose, ahead = Box(2.0, 3.1, size=(0.5, 0.5)), Box(4.0, 1.0, size=(0.5, 0.5))
    assert hits(actions, next_to_its_nose)["exact"] == [1] * 6
    # Its nose sweeps over what is ahead while it turns, and is past it when it has.
    assert hits(actions, ahead)["exact"] == [1, 0, 0, 0, 0, 0]
    # The rasters' rectangle points ahead for every heading.
    assert [hits(actions, next_to_its_nose)[name] for name in RASTERS] == [NEVER] * 3
    assert hits(actions, ahead)["uniad"] == hits(actions, ahead)["vad"] == [1] * 6


def test_agents_are_only_where_they_are_known():
    late = hits(steady(5.0), Box(15.0, 0.0, there=(5, 7)))
    assert late.pop("vad") == NEVER
    assert list(late.values()) == [[0, 0, 0, 0, 1, 1]] * 3
    assert hits(steady(5.0), Box(15.0, 0.0, there=(0, 3))) == dict.fromkeys(CONVENTIONS, NEVER)


def test_everyone_is_judged_in_their_own_frame():
    there = traffic(around(), around(Box(8.0, 0.0)), around(Box(8.0, 30.0), Box(60.0, 0.0)))
    plans = np.stack([poses(steady(5.0))] * 3)
    for name in CONVENTIONS:
        assert step_hits(name, plans, there).any(axis=1).tolist() == [False, True, False]
    plans[1] = np.nan
    for name in CONVENTIONS:
        assert not step_hits(name, plans, there).any()


def test_wild_numbers_do_not_break_anything():
    wild = np.stack([steady(1e300), steady(-1e12), np.full((6, 2), np.inf), steady(5.0, 1e308)])
    with np.errstate(all="ignore"):
        planned = planned_poses(integrate(wild), wild, LIGHTEMMA)
    there = traffic(*[around(Box(10.0, 0.0))] * 4)
    assert np.isfinite(planned).all()
    with np.errstate(all="raise", under="ignore"):
        for name in CONVENTIONS:
            assert step_hits(name, planned, there).shape == (4, 6)


@pytest.mark.parametrize(
    ("convention", "columns"),
    [
        ("stp3", [0.0, 0.25, 0.5, 0.25]),
        ("vad", [0.0, 0.25, 0.5, 0.25]),
        ("uniad", [0.0, 0.0, 1.0, 1 / 3]),
        ("exact", [0.0, 1.0, 1.0, 2 / 3]),
    ],
)
def test_columns_of_each_convention(convention, columns):
    steps = np.array([[0, 0, 1, 0, 1, 1], [np.nan] * 6], dtype=float)
    found = collision_columns(convention, steps)
    assert found[0] == pytest.approx(columns)
    assert np.isnan(found[1]).all()


def test_the_cars_cells_are_its_rectangle_half_a_metre_ahead_of_the_lidar():
    middles = lambda cells: (cells + 0.5) * 0.5 - 50.0  # noqa: E731
    for cells, low, high in ((CAR_ROWS, 0.5 - CAR_LENGTH / 2, 0.5 + CAR_LENGTH / 2), (CAR_COLUMNS, -0.925, 0.925)):
        inside = np.flatnonzero((middles(np.arange(200)) >= low) & (middles(np.arange(200)) <= high))
        assert cells.tolist() == inside.tolist()
    assert pytest.approx(LIDAR_AHEAD + 0.5, abs=0.06) == CAR_AHEAD
    assert CAR_WIDTH == 2 * 0.925


def least(actions: np.ndarray, *boxes: Box, recorded: np.ndarray | None = None) -> float:
    there = traffic(around(*boxes, recorded=recorded))
    return float(min_ttc(poses(actions)[None], there, recorded_touches(there))[0])


def test_time_to_collision_is_the_gap_over_the_closing_speed():
    # Bumper to bumper: 40 - 2.25 - 3.427 m less 5 m/s for 3 s leaves 19.3 m, more than 3 s; at 10 m/s …
    assert least(steady(5.0), Box(40.0, 0.0)) == np.inf
    assert least(steady(10.0), Box(40.0, 0.0)) == pytest.approx((40 - 2.25 - CAR_AHEAD - CAR_LENGTH / 2 - 30) / 10)
    # Following at the same speed is safe, and so is stopping before an obstacle.
    assert least(steady(10.0), Box(10.0, 0.0, velocity=(10.0, 0.0))) == np.inf
    assert least(steady(0.0), Box(6.0, 0.0, velocity=(-1.0, 0.0))) == np.inf
    # Who comes from behind is not ours to judge.
    assert least(steady(2.0), Box(-12.0, 0.0, velocity=(10.0, 0.0))) == np.inf
    # A contact is no time at all.
    assert least(steady(5.0), Box(15.0, 0.0)) == 0.0


def test_who_the_recorded_car_touches_does_not_count():
    assert least(steady(5.0), Box(15.0, 0.0), recorded=steady(5.0)) == np.inf
    assert least(steady(5.0), Box(15.0, 0.0), Box(17.0, 0.0), recorded=steady(3.6)) == 0.0


def test_time_to_collision_is_unknown_without_a_plan_or_agents():
    nobody_knows = Surroundings(around().pose, around().ego, around().route, None)
    there = traffic(around(), around(), nobody_knows)
    plans = np.stack([poses(steady(5.0))] * 3)
    plans[1] = np.nan
    found = min_ttc(plans, there, recorded_touches(there))
    assert found[0] == np.inf
    assert np.isnan(found[1:]).all()


@pytest.mark.parametrize("kind", [VEHICLE, PEDESTRIAN, OTHER])
def test_every_kind_of_agent_counts_for_time_to_collision(kind):
    assert least(steady(5.0), Box(15.0, 0.0, kind=kind)) == 0.0
