"""The loop in the real city: known drivers rank in the right order, and faults end as documented."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lightemma.closed_loop.driving_score import score_of
from lightemma.closed_loop.records import EpisodeOutcome
from lightemma.closed_loop.results import results_of
from lightemma.closed_loop.set_up import open_drives
from lightemma.closed_loop.spec import EpisodeSpec, LoopRules
from lightemma.closed_loop.study import load_driven
from lightemma.closed_loop.worlds.city import CityFactory
from lightemma.closed_loop.worlds.city_world import CityWorld
from lightemma.sessions.benchmark import Benchmark, WorldSettings
from tests.simulation.refereed import steering


def drive(scenario: str, command, seed: int = 0) -> tuple[EpisodeOutcome, CityWorld]:
    """An episode in which ``command`` gives speed and curvature at each step."""
    world = CityFactory().open(EpisodeSpec(scenario, seed), LoopRules(), pictures=False)
    while not world.over:
        world.step(*command(world))
    return world.outcome(), world


def keeping_lane(world: CityWorld, speed: float) -> tuple[float, float]:
    return speed, steering(world.simulation, speed)


def test_known_drivers_rank_as_they_must(tmp_path):
    names = ["stop", "constant-action", "idm", "expert"]
    world = WorldSettings(scenarios=["lead-car-braking", "red-light", "bend"], seeds=1)
    drives, _ = open_drives(Benchmark(world=world, planners=names), tmp_path, workers=0)
    drives.run()
    rows = results_of([load_driven(tmp_path / job.name) for job in drives.jobs]).closed_loop
    scores = [row.driving_score for row in rows]
    assert scores == sorted(scores)
    assert scores[-1] > 90.0
    assert scores[1] < 50.0


def test_running_into_the_car_ahead_scores_zero():
    outcome, _ = drive("lead-car-braking", lambda world: keeping_lane(world, 14.0))
    assert outcome.end == "collision"
    assert [crash.struck for crash in outcome.crashes_at_fault] == ["vehicle"]
    assert score_of(outcome).score == 0.0


def test_running_into_a_person_scores_zero():
    def blind(world):
        pose = world.simulation.ego.pose
        for walker in world.simulation.walkers:
            distance = np.hypot(walker.pose.x - pose.x, walker.pose.y - pose.y)
            bearing = np.arctan2(walker.pose.y - pose.y, walker.pose.x - pose.x) - pose.heading
            bearing = (bearing + np.pi) % (2 * np.pi) - np.pi
            if distance < 15.0 and abs(bearing) < 1.0:
                return 7.0, float(np.clip(2 * np.sin(bearing) / distance, -0.2, 0.2))
        return keeping_lane(world, 7.0)

    ends = [drive("pedestrian-crossing", blind, seed)[0] for seed in range(3)]
    struck = [crash.struck for outcome in ends for crash in outcome.crashes_at_fault]
    assert "person" in struck
    assert all(score_of(outcome).score == 0.0 for outcome in ends if outcome.crashes_at_fault)


def test_a_red_light_halves_the_score():
    outcome, _ = drive("light-turns-green", lambda world: keeping_lane(world, 9.0))
    assert outcome.red_lights == 1
    parts = score_of(outcome)
    assert parts.red_light == 0.5
    assert not parts.success


def test_leaving_the_road_ends_the_episode_a_second_later():
    outcome, world = drive("turned-then-straight", lambda world: (8.0, 0.05))
    assert outcome.end == "off-road"
    off = next(event.time for event in world.referee.account().events if event.kind == "off-road")
    assert outcome.time_s == pytest.approx(off + 1.0, abs=0.11)
    assert score_of(outcome).off_road == 0.5


def test_standing_without_a_reason_ends_as_stuck_and_scores_close_to_zero():
    outcome, _ = drive("cruise", lambda world: (0.0, 0.0))
    assert outcome.end == "stuck"
    assert 8.0 <= outcome.time_s < 15.0
    assert outcome.standing_s >= 7.5
    assert score_of(outcome).score < 15.0


def test_without_limits_the_car_reaches_every_command_immediately():
    spec = EpisodeSpec("cruise", 0)
    for limits, speed in ((False, 1.0), (True, 5.0)):
        world = CityFactory().open(spec, LoopRules(car_limits=limits), pictures=False)
        world.step(1.0, 0.0)
        assert (world.simulation.ego.speed == speed) is not limits


def test_an_episode_is_the_same_every_time(tmp_path: Path):
    for name in ("one", "two"):
        benchmark = Benchmark(world=WorldSettings(scenarios=["left-turn"], seeds=2), planners=["random"])
        drives, _ = open_drives(benchmark, tmp_path / name, workers=0 if name == "one" else 2)
        drives.run()
    one, two = (load_driven(tmp_path / name / "drive-random") for name in ("one", "two"))
    assert one.episodes == two.episodes


def test_facts_are_told_only_where_the_rules_ask_for_them():
    spec = EpisodeSpec("red-light", 1)
    assert CityFactory().open(spec, LoopRules(), pictures=False).observe().facts is None
    seen = CityFactory().open(spec, LoopRules(facts=True), pictures=False).observe()
    assert seen.facts.command == seen.command
    assert seen.facts.lane is not None
    assert seen.facts.privileged.goal > 0.0
