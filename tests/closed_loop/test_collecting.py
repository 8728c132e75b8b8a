"""Driving for training data: who steers, labels of visited states, disturbed starts, and no early end."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from lightemma.closed_loop.episode import Episode
from lightemma.closed_loop.mixture import expert_steers, parse_mixture
from lightemma.closed_loop.set_up import open_drives
from lightemma.closed_loop.spec import EpisodeSpec, LoopRules
from lightemma.closed_loop.visited_states import visited_states
from lightemma.closed_loop.worlds.city import CityFactory
from lightemma.closed_loop.worlds.city_disturbance import MOST
from lightemma.errors import UserError
from lightemma.label_rows import FACTS, FactsRow, read_rows
from lightemma.sessions.benchmark import Benchmark, WorldSettings
from tests.closed_loop.fake_world import FakeWorld
from tests.conftest import steady

SPECS = [EpisodeSpec("open", seed) for seed in range(40)]


def open_city(scenario: str = "cruise", seed: int = 0, **rules):
    return CityFactory().open(EpisodeSpec(scenario, seed), LoopRules(**rules), pictures=False)


class TestWhoSteers:
    @pytest.mark.parametrize("beta", [0.0, 0.25, 0.8, 1.0])
    def test_the_share_is_the_probability(self, beta):
        drawn = [expert_steers(spec, step, beta) for spec in SPECS for step in range(40)]
        assert np.mean(drawn) == pytest.approx(beta, abs=0.04)

    def test_it_depends_on_episode_and_decision_only(self):
        table = [[expert_steers(spec, step, 0.5) for step in range(20)] for spec in SPECS[:4]]
        assert table == [[expert_steers(spec, step, 0.5) for step in range(20)] for spec in SPECS[:4]]
        assert len({tuple(row) for row in table}) == 4

    @pytest.mark.parametrize(
        "text", ["mixture", "mixture:", "mixture:1.1", "mixture:-0.1", "mixture:nan", "expert", ""]
    )
    def test_wrong_drivers_are_refused_in_a_sentence(self, text):
        with pytest.raises(UserError, match=r"mixture:0\.5"):
            parse_mixture(text)

    def test_the_right_ones_are_read(self):
        assert (parse_mixture("planner"), parse_mixture("mixture:0.25"), parse_mixture("mixture:1")) == (None, 0.25, 1)


def mixed_episode(tmp_path, world: FakeWorld | None = None, **rules):
    spec, loop = EpisodeSpec("open", 3), LoopRules(**rules)
    return Episode(spec, loop, world or FakeWorld(spec, loop), tmp_path)


class TestEpisodesOfAMixture:
    def test_the_plan_of_whoever_steers_is_driven(self, tmp_path):
        episode = mixed_episode(tmp_path, mixture=0.5)
        point, seen = episode.look(), []
        while point.finished is None and len(seen) < 12:
            before = point.frame.pose.x
            steered = point.steered
            point = episode.advance(steady(2.0))
            if point.frame is not None:
                seen.append((steered, round(point.frame.pose.x - before, 6)))
        # The fake expert keeps 5 m/s, the planner wants 2 m/s; the fake car reaches both immediately.
        assert set(seen) == {("expert", 2.5), ("planner", 1.0)}

    def test_the_planner_steers_where_the_label_is_not_valid(self, tmp_path):
        class Lost(FakeWorld):
            def label(self):
                label = super().label()
                return type(label)(label.actions, valid=False, reason="no way back")

            def observe(self):
                return replace(FakeWorld(self.spec, self.rules).observe(), ground_truth=None)

        world = Lost(EpisodeSpec("open", 3), LoopRules())
        point = mixed_episode(tmp_path, world, mixture=1.0).look()
        assert point.steered == "planner"
        assert not point.label.valid

    def test_a_world_without_an_expert_cannot_take_turns(self, tmp_path):
        class Alone(FakeWorld):
            info = replace(FakeWorld.info, knows=FakeWorld.info.knows - {"expert"})

            def label(self):
                return None

            def observe(self):
                return replace(FakeWorld(self.spec, self.rules).observe(), ground_truth=None)

        world = Alone(EpisodeSpec("open", 3), LoopRules())
        with pytest.raises(UserError, match="no expert"):
            mixed_episode(tmp_path, world, mixture=0.5).look()


class TestNoEarlyEnd:
    def test_faults_are_noted_and_the_drive_goes_on(self):
        ends = {}
        for early in (True, False):
            world = open_city("turned-then-straight", early_end=early)
            while not world.over:
                world.step(8.0, 0.05)
            ends[early] = world.outcome()
        assert (ends[True].end, ends[False].end) == ("off-road", "time-out")
        assert ends[False].off_road
        assert ends[False].time_s > ends[True].time_s + 5.0

    def test_the_rules_tell_such_runs_apart(self):
        rules = [
            LoopRules(),
            LoopRules(early_end=False),
            LoopRules(disturb=True),
            LoopRules(mixture=0.5),
            LoopRules(mixture=0.0),
        ]
        assert len({one.description for one in rules}) == len(rules)


class TestDisturbedStarts:
    def test_each_episode_has_its_own_within_bounds(self):
        moved = []
        for seed in range(4):
            clean, other = open_city(seed=seed), open_city(seed=seed, disturb=True)
            again = open_city(seed=seed, disturb=True)
            assert again.car == other.car
            heading = clean.car.pose.heading
            dx, dy = other.car.pose.x - clean.car.pose.x, other.car.pose.y - clean.car.pose.y
            sideways = dy * np.cos(heading) - dx * np.sin(heading)
            moved.append((sideways, other.car.pose.heading - heading, other.car.speed - clean.car.speed))
        assert len(set(moved)) == 4
        sideways, turned, faster = np.abs(moved).T
        assert (sideways <= MOST.sideways).all()
        assert (turned <= MOST.turned).all()
        assert (faster <= MOST.faster).all()
        assert sideways.max() > 0.1
        assert turned.max() > 0.02

    def test_the_history_says_how_fast_the_car_is(self, tmp_path):
        spec, rules = EpisodeSpec("cruise", 2), LoopRules(disturb=True)
        world = CityFactory().open(spec, rules, pictures=False)
        frame = Episode(spec, rules, world, tmp_path).look().frame
        assert frame.history.actions[-1, 0] == pytest.approx(world.car.speed, abs=0.4)


def test_a_run_keeps_the_facts_of_every_decision(tmp_path):
    world = WorldSettings(
        scenarios=["cruise"],
        seeds=2,
        driver="mixture:0.5",
        disturb=True,
        early_end=False,
        record_facts=True,
        replan=4,
    )

    def drive():
        drives, _ = open_drives(Benchmark(world=world, planners=["constant-action"]), tmp_path, workers=0)
        drives.run()
        return tmp_path / drives.jobs[0].name

    folder = drive()
    assert folder.name == "drive-constant-action+replan-4+mixture-0.5+disturbed+no-early-end"
    frames = [json.loads(line) for line in (folder / "frames.jsonl").read_text().splitlines()]
    tokens = [frame["sample_token"] for frame in frames]
    assert {frame["steered"] for frame in frames} == {"expert", "planner"}
    facts = list(read_rows(folder / FACTS, FactsRow))
    assert [row.sample_token for row in facts] == tokens
    assert all(row.facts.privileged is not None for row in facts)
    assert any(row.facts.lane is not None for row in facts)
    states = list(visited_states(folder))
    assert [state.frame.sample_token for state in states] == tokens
    for state, frame in zip(states, frames, strict=True):
        label = frame["label"]
        assert (state.target is None) == (not label["valid"])
        assert state.target is None or state.target.tolist() == label["actions"]
    assert {state.part for state in states} == {"train"}
    assert not list(visited_states(folder, "test"))
    assert all(state.facts.privileged is None and state.privileged is not None for state in states)
    # An episode whose end was not written is driven again, and gives the same.
    before = sorted((folder / FACTS).read_bytes().splitlines())
    episodes = (folder / "episodes.jsonl").read_bytes().splitlines(keepends=True)
    (folder / "episodes.jsonl").write_bytes(episodes[0])
    assert sorted((drive() / FACTS).read_bytes().splitlines()) == before


def test_a_run_without_facts_is_driven_again_when_they_are_asked_for(tmp_path):
    for asked in (False, True):
        world = WorldSettings(scenarios=["cruise"], seeds=1, record_facts=asked, replan=6)
        drives, _ = open_drives(Benchmark(world=world, planners=["stop"]), tmp_path, workers=0)
        drives.run()
        folder = tmp_path / drives.jobs[0].name
        facts = list(read_rows(folder / FACTS, FactsRow)) if asked else []
        assert len(facts) == asked * len(list(visited_states(folder)))
        assert (folder / FACTS).exists() == asked
