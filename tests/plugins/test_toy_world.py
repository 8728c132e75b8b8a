"""A world that computes many episodes at once, with its own time step and camera, is driven, resumed, compared and filmed."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lightemma.closed_loop.drivers import own_driver, run_names
from lightemma.closed_loop.episodes_of_world import EpisodesOfWorld
from lightemma.closed_loop.hosts import InProcessHost, ProcessHost
from lightemma.closed_loop.records import read_episodes
from lightemma.closed_loop.replay import read_replay
from lightemma.closed_loop.rollout import rollout
from lightemma.closed_loop.spec import VERSION, EpisodeSpec, LoopRules
from lightemma.closed_loop.world_factory import EpisodeChoice
from lightemma.closed_loop.world_info import WorldInfo
from lightemma.closed_loop.worlds import open_factory
from lightemma.closed_loop.worlds.city import CityFactory
from lightemma.errors import UserError
from lightemma.run_folder.store import read_frames, read_manifest
from lightemma.sessions.benchmark import Benchmark
from lightemma.sessions.jobs import make_jobs
from lightemma.sessions.session import Session
from tests.closed_loop.fake_world import FakeFactory
from tests.conftest import run_at, steady
from tests.plugins import straight_world, toy_world

POND = "tests.plugins.toy_world:PondWorld"
#: A decision every 3 s, and how such a run is named.
FEW, NAME = LoopRules(replan=6), "drive-constant-action+replan-6"
COMMON = ("drive", "--world", POND, "--quiet")


def table(path: str) -> list[dict[str, str]]:
    with Path(path).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def lines_of(data: bytes) -> list[bytes]:
    return data.splitlines()


def drives(out: Path, factory, planners=("constant-action",), seeds=3, rules=None, host=None, concurrency=8):
    rules = rules or LoopRules()
    jobs = make_jobs(
        Benchmark(world="city", planners=list(planners), models=[]),
        lambda _: None,
        run_names(rules),
        own_driver(factory.drivers),
    )
    specs = factory.episodes(EpisodeChoice(seeds=str(seeds)))
    work = EpisodesOfWorld(specs, rules, host or (lambda: InProcessHost(factory)), {"renderer": "pond"}, "pond", "a1b2")
    return Session(work, jobs, out, concurrency)


def test_it_is_driven_resumed_compared_and_filmed(elsewhere, cli):
    drawn = (*COMMON, "--draw", "--seeds", "3", "--replan", "3", "--planner", "constant-action,stop,random")
    ended = cli(*drawn)
    assert (ended.status, ended.err) == (0, "")
    folder = run_at("results/drive-constant-action+replan-3")
    manifest = read_manifest(folder)
    assert manifest.images["size"] == [64, 48], "the world's own camera"
    assert manifest.data.version == f"loop {VERSION}, replan 3, world a1b2"
    frames = [frame for frame in read_frames(folder) if frame.scene == "crossing.000"]
    assert [frame.timestamp - frames[0].timestamp for frame in frames[:3]] == [0, 1_500_000, 3_000_000]
    with Image.open(folder / frames[0].image) as picture:
        assert picture.size == (64, 48)
    assert read_replay(folder, "crossing.000").camera.size == (64, 48)
    rows = {row["run"]: row for row in table("results/reports/drive/closed_loop.csv")}
    row = rows["drive-constant-action+replan-3"]
    assert row["known"] == "progress off_road side ttc comfort arrival"
    assert row["red_light_rate"] == row["collision_rate"] == row["efficiency"] == ""
    assert float(row["close_rate"]) == 0.0
    assert float(rows["drive-stop+replan-3"]["driving_score"]) < float(row["driving_score"]) == 100.0

    # As after a process that ended between two writes.
    names = ("episodes.jsonl", "frames.jsonl")
    whole = {name: (folder / name).read_bytes() for name in names}
    lines = lines_of(whole["episodes.jsonl"])
    (folder / "episodes.jsonl").write_bytes(lines[0] + b"\n" + lines[1][:40])
    again = cli(*drawn)
    assert again.status == 0
    assert "1 already done" in again.out
    assert sorted((folder / "episodes.jsonl").read_bytes().splitlines()) == sorted(lines_of(whole["episodes.jsonl"]))
    assert len(lines_of((folder / "frames.jsonl").read_bytes())) == len(lines_of(whole["frames.jsonl"]))

    runs = ("results/drive-constant-action+replan-3", "results/drive-stop+replan-3", "results/drive-random+replan-3")
    ended = cli("compare", *runs, "--out", "tables")
    assert (ended.status, ended.err) == (0, "")
    assert len(table("tables/closed_loop_paired.csv")) == 3
    ended = cli("video", str(folder), "--scene", "crossing.001", "--out", "film.gif", "--width", "640")
    assert (ended.status, ended.err) == (0, "")
    with Image.open("film.gif") as film:
        assert film.n_frames == sum(frame.scene == "crossing.001" for frame in read_frames(folder))


def test_worlds_are_compared_by_their_ranks_only(elsewhere, cli):
    planners = ("--planner", "constant-action,stop,random", "--seeds", "1")
    assert cli(*COMMON, *planners).status == 0
    straight = ("drive", "--world", "tests.plugins.straight_world:StraightWorld", "--quiet", "--out", "straight")
    assert cli(*straight, *planners).status == 0
    ended = cli("compare", "results", "straight", "--out", "tables")
    assert ended.status == 0
    (row,) = table("tables/closed_loop_worlds.csv")
    assert (row["world"], row["other"], row["drivers"]) == ("pond", "straight", "3")
    assert float(row["rank_correlation"]) == pytest.approx(1.0)
    assert 0.0 < float(row["pearson"]) <= 1.0
    assert (float(row["violation"]), row["violation_low"]) == (0.0, "")
    assert row["other_known"] == "progress off_road arrival"
    assert "rank correlation" in ended.out


def test_a_horizon_ends_an_episode_without_a_penalty(elsewhere, cli):
    world = ("drive", "--world", "tests.plugins.toy_world:StormWorld", "--quiet", "--seeds", "2")
    assert cli(*world, "--planner", "constant-action").status == 0
    for one in read_episodes(run_at("results/drive-constant-action")):
        assert (one.outcome.end, one.outcome.time_s, one.score.arrival) == ("horizon", 4.0, 1.0)
        assert one.score.success is None
        assert one.score.score == pytest.approx(100.0 * one.outcome.progress)
    (row,) = table("results/reports/drive/closed_loop.csv")
    assert row["success_rate"] == ""
    assert float(row["stuck_rate"]) == 0.0


def test_the_records_do_not_depend_on_how_episodes_are_computed_together(tmp_path):
    """One at a time, all at once, or in another process."""
    factory = toy_world.PondWorld()
    drives(tmp_path / "together", factory, ["random"], seeds=5).run()
    assert max(factory.batches) > 1, "episodes were stepped together"
    alone = toy_world.PondWorld()
    drives(tmp_path / "alone", alone, ["random"], seeds=5, concurrency=1).run()
    assert set(alone.batches) == {1}
    host = lambda: ProcessHost(toy_world.PondWorld(), workers=1)  # noqa: E731
    drives(tmp_path / "processes", factory, ["random"], seeds=5, host=host).run()
    kept = [
        [
            sorted((tmp_path / where / "drive-random" / name).read_bytes().splitlines())
            for name in ("episodes.jsonl", "frames.jsonl")
        ]
        for where in ("together", "alone", "processes")
    ]
    assert kept[0] == kept[1] == kept[2]
    assert len(kept[0][0]) == 5


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("StepRaises", "ZeroDivisionError: no wind"),
        ("StepStops", "StopIteration"),
        ("Sinks", "a pose that is not finite"),
        ("OverRaises", "KeyError: 'over'"),
        ("open", "MemoryError: no water"),
        ("Boasts", "its info knows 'red_lights', but outcome() leaves it None"),
        ("Hides", "outcome() reports 'off_road', which its info does not know"),
        ("NoExpert", "its info knows 'expert', but label() gives None"),
        ("SecretTruth", "its info does not know 'expert'"),
        ("SpokenWords", "its label's words are str"),
        ("SaidYes", "True or False as `valid`"),
        ("WrittenLabel", "its label's actions cannot be read as numbers"),
        ("LooseFacts", "its facts are dict"),
        ("ListedCommand", "its command is ['left']"),
        ("EndlessMetres", "it must be metres from 0 on"),
        ("FarAway", "a number beyond 1e+08"),
        ("StrangeLimits", "its limits are str"),
        ("Leaves", "SystemExit: 3"),
        ("OtherVersion", "has the version 'a1b2', but the info of an episode 'a1b3'"),
        ("OtherName", "has the name 'pond', but the info of an episode 'lake'"),
        ("NoInfo", "its info is str"),
        ("NegativeCount", "negative 'wrong_side'"),
        ("EndlessTime", "a number that is not finite"),
        ("StrangeReplay", "hold a number that is not finite"),
        ("StrangeActors", "something of a wrong type"),
        ("StrangeCamera", "its camera's intrinsic"),
        ("OtherPixels", "they must be the same"),
        ("step_many-strange", "`step_many` gives str for a world"),
    ],
)
def test_a_fault_costs_the_episode_in_which_it_is(tmp_path, fault, sentence):
    with pytest.raises(UserError) as caught:
        drives(tmp_path, toy_world.Faulty(fault), rules=FEW).run()
    assert sentence in str(caught.value)
    assert "toy_world.py" in str(caught.value)
    assert {one.name for one in read_episodes(tmp_path / NAME)} == {"crossing.000", "crossing.002"}
    drives(tmp_path, toy_world.PondWorld(), rules=FEW).run()
    assert len(read_episodes(tmp_path / NAME)) == 3, "the same command drives only what failed"


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("observe_many-raises", "RuntimeError: no light"),
        ("observe_many-short", "results for"),
        ("step_many-raises", "RuntimeError: no wind"),
        ("step_many-nothing", "`step_many` gives NoneType"),
    ],
)
def test_a_fault_of_the_family_ends_the_run_soon_and_no_other(tmp_path, fault, sentence):
    with pytest.raises(UserError) as caught:
        drives(tmp_path, toy_world.Faulty(fault), seeds=3).run()
    assert sentence in str(caught.value)


def test_an_error_at_the_end_loses_nothing(tmp_path, caplog):
    (outcome,) = drives(tmp_path, toy_world.Faulty("CloseRaises")).run()
    assert (outcome.done, outcome.failed) == (3, 0)
    assert "stuck in the mud" in caplog.text


def worlds():
    """Every world of this repository, opened at its first moment."""
    city = CityFactory()
    yield city.open(EpisodeSpec("red-light", 5), LoopRules(), pictures=False)
    yield FakeFactory().open(EpisodeSpec("light", 5), LoopRules(), pictures=False)
    yield toy_world.PondWorld().open(EpisodeSpec("crossing", 5), LoopRules(), pictures=False)
    road = EpisodeSpec("road", 5, "", options={"fog": False})
    yield straight_world.StraightWorld().open(road, LoopRules(), pictures=False)


@pytest.mark.parametrize("world", list(worlds()), ids=lambda world: world.info.name)
def test_every_world_keeps_the_contract(world):
    assert isinstance(world.info, WorldInfo)
    before = world.car
    plan = steady(4.0)
    one, two = rollout(world, plan), rollout(world, plan)
    assert world.car == before, "a rollout leaves the world as it is"
    assert one.outcome == two.outcome
    np.testing.assert_array_equal(one.trace, two.trace)
    assert len(one.times) == 1 + 6 * world.info.steps_per_action
    assert one.times[-1] == pytest.approx(3.0)
    assert one.outcome.end == "horizon"
    # The world itself, driven in the same way, comes to the same place.
    for _ in range(6 * world.info.steps_per_action):
        world.step(4.0, 0.0)
    assert world.car.pose.x == one.trace[-1, 0]
    assert rollout(world, plan).trace[0, 0] == world.car.pose.x
    world.close()


def test_a_world_without_an_end_is_a_fault(tmp_path, monkeypatch):
    monkeypatch.setattr("lightemma.closed_loop.episode.LONGEST_S", 30.0)
    with pytest.raises(UserError, match="has not ended after 30 s"):
        drives(tmp_path, toy_world.Faulty("Endless")).run()
    assert len(read_episodes(tmp_path / "drive-constant-action")) == 2


def test_a_rollout_of_nothing_is_refused():
    world = toy_world.PondWorld().open(EpisodeSpec("crossing", 0), LoopRules(), pictures=False)
    for wrong in (np.zeros((0, 2)), np.zeros((6, 3)), np.full((6, 2), np.nan)):
        with pytest.raises(ValueError, match="rollout"):
            rollout(world, wrong)


@pytest.mark.parametrize("dt", [0.3, 0.0, -0.5, 1.0, float("nan"), "0.5", True])
def test_a_step_of_which_half_a_second_is_no_multiple_is_refused(dt):
    with pytest.raises(ValueError, match="action_dt"):
        WorldInfo("pond", action_dt=dt)


@pytest.mark.parametrize(("dt", "steps"), [(0.5, 1), (0.25, 2), (0.1, 5), (1 / 12, 6), (0.05, 10), (0.01, 50)])
def test_half_a_second_is_a_whole_number_of_steps(dt, steps):
    assert WorldInfo("pond", action_dt=dt).steps_per_action == steps


def test_what_a_world_knows_is_named_as_in_the_outcome():
    with pytest.raises(ValueError, match="lights"):
        WorldInfo("pond", knows=frozenset({"lights"}))
    with pytest.raises(ValueError, match="horizon_s"):
        WorldInfo("pond", horizon_s=0.0)


def test_an_installed_or_dotted_world_is_batched_by_what_it_defines():
    assert open_factory(POND).batched
    assert not CityFactory().batched


def test_drive_json_says_which_version(tmp_path):
    drives(tmp_path, toy_world.PondWorld(), seeds=1).run()
    assert json.loads((tmp_path / "drive-constant-action" / "drive.json").read_text())["world_version"] == "a1b2"
