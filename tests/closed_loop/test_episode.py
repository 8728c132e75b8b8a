"""One episode: frames by the protocol, plans that are driven, braking without a plan, real time."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightemma.closed_loop.episode import DecisionPoint, Episode
from lightemma.closed_loop.plan_follower import PlanFollower
from lightemma.closed_loop.spec import (
    EpisodeSpec,
    LoopRules,
    choose,
    episodes,
    parse_seeds,
    parse_size,
)
from lightemma.errors import UserError
from lightemma.kinematics import integrate
from lightemma.simulation.scenarios import CONDITIONS
from tests.closed_loop.fake_world import FakeWorld
from tests.conftest import steady


def open_episode(folder: Path, scenario: str = "open", **rules) -> tuple[Episode, FakeWorld]:
    spec, loop = EpisodeSpec(scenario, 3), LoopRules(**rules)
    world = FakeWorld(spec, loop, pictures=True)
    return Episode(spec, loop, world, folder), world


def test_the_first_frame_is_what_the_protocol_says(tmp_path):
    episode, _ = open_episode(tmp_path)
    frame = episode.look().frame
    assert frame.scene == "open.day.003"
    assert (frame.frame_index, frame.timestamp) == (0, 1_600_000_000_000_000)
    np.testing.assert_allclose(frame.history.positions, [(2.5 * k, 0.0) for k in range(-7, 1)], atol=1e-12)
    np.testing.assert_array_equal(frame.history.actions, steady(5.0))
    np.testing.assert_allclose(frame.future, integrate(steady(5.0)))
    assert frame.image == "pictures/open.day.003/0000.jpg"
    assert (tmp_path / frame.image).read_bytes() == b"open 0.00 0.000 " + str(
        EpisodeSpec("open", 3).picture_seed(0)
    ).encode()


def test_tokens_depend_on_everything_that_makes_an_episode():
    specs = [
        EpisodeSpec("a", 1),
        EpisodeSpec("b", 1),
        EpisodeSpec("a", 2),
        EpisodeSpec("a", 1, "fog"),
        EpisodeSpec("a", 1, left_hand=True),
    ]
    tokens = {spec.token(step) for spec in specs for step in range(3)}
    assert len(tokens) == 15
    assert EpisodeSpec("a", 1).token(2) == EpisodeSpec("a", 1).token(2)


@pytest.mark.parametrize("replan", [1, 3, 6])
def test_replan_is_the_number_of_actions_driven_before_the_next_picture(tmp_path, replan):
    episode, world = open_episode(tmp_path, replan=replan)
    episode.look()
    plan = np.column_stack([np.arange(1.0, 7.0), np.zeros(6)])
    point = episode.advance(plan)
    assert world.x == pytest.approx(0.5 * plan[:replan, 0].sum())
    assert point.frame.timestamp - 1_600_000_000_000_000 == 500_000 * replan
    assert point.frame.history.actions[-1, 0] == pytest.approx(plan[replan - 1, 0])


def test_history_is_in_the_cars_own_frame_after_a_turn(tmp_path):
    episode, world = open_episode(tmp_path, replan=2)
    episode.look()
    frame = episode.advance(steady(6.0, 0.1)).frame
    assert frame.history.positions[-1] == pytest.approx([0.0, 0.0])
    assert frame.pose.heading == pytest.approx(world.heading)
    # It turned left: its past positions are behind and to the left.
    assert frame.history.positions[0, 0] < -10.0
    assert frame.history.positions[0, 1] > 1.0


def test_without_an_answer_the_car_holds_then_brakes_then_drives_again(tmp_path):
    episode, world = open_episode(tmp_path, replan=2)
    episode.look()
    episode.advance(steady(4.0))
    speeds = []
    for _ in range(5):
        episode.advance(None)
        speeds.append(world.speed)
    assert speeds == pytest.approx([4.0, 2.5, 1.0, 0.0, 0.0])
    episode.advance(steady(7.0))
    assert world.speed == 7.0
    episode.advance(None)
    assert world.speed == 7.0


def test_before_the_first_answer_the_car_keeps_its_motion(tmp_path):
    episode, world = open_episode(tmp_path)
    episode.look()
    episode.advance(None)
    assert world.speed == 5.0
    assert world.x == pytest.approx(2.5)
    episode.advance(None)
    assert world.speed == pytest.approx(3.5)


def test_in_real_time_the_old_plan_holds_while_the_planner_thinks(tmp_path):
    episode, world = open_episode(tmp_path, real_time=True)
    episode.look()
    point = episode.advance(steady(10.0), latency_s=1.2)
    # 1.2 s at the first speed of 5 m/s; the picture is due immediately, since more than half a second has passed.
    assert world.x == pytest.approx(6.0)
    assert point.frame.timestamp - 1_600_000_000_000_000 == 1_200_000
    assert point.frame.history.actions[-1, 0] == pytest.approx(5.0)
    episode.advance(steady(2.0), latency_s=0.2)
    # 0.2 s of the plan before, made 1.2 s ago, then 0.3 s of the new one.
    assert world.x == pytest.approx(6.0 + 0.2 * 10.0 + 0.3 * 2.0)


def test_in_real_time_the_past_part_of_a_plan_is_skipped(tmp_path):
    episode, world = open_episode(tmp_path, real_time=True)
    episode.look()
    plan = np.column_stack([np.arange(1.0, 7.0), np.zeros(6)])
    episode.advance(plan, latency_s=1.1)
    before = world.x
    episode.advance(steady(0.0), latency_s=0.4)
    # From 1.1 to 1.5 s the third action, then 0.1 s of standing.
    assert world.x - before == pytest.approx(0.4 * 3.0)


def test_in_real_time_a_plan_that_has_run_out_ends_in_braking(tmp_path):
    episode, world = open_episode(tmp_path, real_time=True)
    episode.look()
    episode.advance(steady(5.0), latency_s=4.0)
    # 3 s of the first motion, half a second held, half a second of braking by 1.5 m/s.
    assert world.x == pytest.approx(3.5 * 5.0 + 0.5 * 3.5)
    assert world.speed == pytest.approx(3.5)


@given(st.floats(0.0, 30.0), st.integers(0, 100), st.integers(0, 400))
def test_without_plans_the_car_never_speeds_up_and_stops(speed, silent_from, ticks):
    follower = PlanFollower(steady(speed))
    commands = []
    for tick in range(ticks):
        if tick == silent_from:
            follower.miss(tick)
        commands.append(follower.command(tick)[0])
    assert all(after <= before for before, after in pairwise(commands))
    assert all(0.0 <= command <= speed for command in commands)
    fallen_silent = min(silent_from, 60)
    if ticks > fallen_silent + 20 * (1.5 + speed / 3.0):
        assert commands[-1] == 0.0


def test_the_end_gives_an_outcome_and_a_replay_of_every_half_second(tmp_path):
    episode, world = open_episode(tmp_path, "wall")
    point: DecisionPoint = episode.look()
    decisions = 0
    while point.finished is None:
        decisions += 1
        point = episode.advance(steady(5.0))
    assert point.frame is None
    assert point.finished.outcome.end == "collision"
    assert decisions == 11  # 26 m at 5 m/s are 5.2 s
    assert [step.time for step in point.finished.replay.steps] == [*(0.5 * k for k in range(11)), world.ticks * 0.05]
    assert point.finished.replay.steps[-1].actors == [(1, 30.0, 0.0, 0.0, 0.0)]
    assert [(one.number, one.kind) for one in point.finished.replay.actors] == [(1, "car")]
    assert len(list((tmp_path / "pictures" / "wall.day.003").iterdir())) == decisions


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: LoopRules(replan=7), "`replan` is 7"),
        (lambda: LoopRules(replan=0), "`replan` is 0"),
        (lambda: LoopRules(size=(10, 10)), "`size` is 10x10"),
        (lambda: LoopRules(size=(9000, 5000)), "`size` is 9000x5000"),
        (lambda: parse_size("big"), "`size` is 'big'"),
        (lambda: parse_size("800x"), "`size` is '800x'"),
        (lambda: parse_seeds("x"), "`seeds` is 'x'"),
        (lambda: parse_seeds(""), "`seeds` is ''"),
        (lambda: parse_seeds("0"), "`seeds` is 0"),
        (lambda: choose("fogg", CONDITIONS, "condition"), "did you mean fog?"),
        (lambda: choose(" , ", CONDITIONS, "condition"), "No condition is named"),
    ],
)
def test_wrong_values_are_one_sentence(call, message):
    with pytest.raises(UserError, match=message.replace("?", r"\?")):
        call()


def test_seeds_sizes_and_names_are_read():
    assert parse_seeds("3") == [0, 1, 2]
    assert parse_seeds("5,") == [5]
    assert parse_seeds("1, 5,9,5") == [1, 5, 9]
    assert parse_size("1600X900") == (1600, 900)
    assert choose("all", CONDITIONS, "condition") == ["day", "dusk", "rain", "fog"]
    names = [spec.name for spec in episodes(["a", "b"], [0, 7], ["day", "fog"], left_hand=True)]
    assert names[:3] == ["a.day.left.000", "a.day.left.007", "a.fog.left.000"]
    assert len(names) == len(set(names)) == 8
