"""A world in one file is driven in, resumed and tabled, by dotted name and by entry point."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from lightemma.closed_loop.records import read_episodes
from lightemma.closed_loop.replay import read_replay
from lightemma.run_folder.store import read_frames, read_manifest
from tests.conftest import run_at
from tests.plugins.installed import install

PLACE = "tests.plugins.straight_world"
SEEDS = ("--seeds", "2", "--quiet")
FEW = ("--scenarios", "cruise", "--seeds", "1", "--replan", "6", "--quiet")


def table(path: str) -> list[dict[str, str]]:
    with Path(path).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_world_in_one_file_is_driven_in(elsewhere, cli):
    arguments = ("drive", "--world", f"{PLACE}:StraightWorld:fog", "--planner", "constant-action", "--draw", *SEEDS)
    ended = cli(*arguments, "--size", "160x90")
    assert (ended.status, ended.err) == (0, "")
    folder = run_at("results/drive-constant-action")
    manifest = read_manifest(folder)
    assert (manifest.data.source, manifest.data.name) == ("closed-loop", "straight:fog")
    frames = read_frames(folder)
    assert {frame.scene for frame in frames} == {"road.000", "road.001"}
    assert all(frame.ground_truth is None for frame in frames)
    with Image.open(folder / frames[-1].image) as picture:
        assert picture.size == (160, 90)
    replay = read_replay(folder, "road.001")
    assert replay.actors == []
    assert replay.steps[-1].ego[0] >= 80.0
    again = cli(*arguments, "--size", "160x90")
    assert again.out.startswith("drive-constant-action: 2 episodes, 2 already done")


def test_an_installed_world_has_a_name(elsewhere, cli, monkeypatch, tmp_path):
    install(monkeypatch, tmp_path / "site", {"lightemma.worlds": {"straight": f"{PLACE}:StraightWorld"}})
    ended = cli("drive", "--world", "straight", "--planner", "constant-action,random,stop", *SEEDS)
    assert (ended.status, ended.err) == (0, "")
    rows = {row["run"]: row for row in table("results/reports/drive/closed_loop.csv")}
    assert float(rows["drive-constant-action"]["driving_score"]) == 100.0
    assert float(rows["drive-random"]["driving_score"]) < 100.0
    # What the world does not judge is left open, and never counted as done well.
    assert rows["drive-stop"]["red_light_rate"] == rows["drive-stop"]["l2_expert"] == ""


def test_its_runs_are_compared_among_themselves_only(elsewhere, cli):
    world = f"{PLACE}:StraightWorld"
    common = ("drive", "--world", world, "--seeds", "1", "--replan", "6", "--quiet")
    assert cli(*common, "--planner", "constant-action,stop").status == 0
    ended = cli("compare", "results/drive-stop+replan-6", "results/drive-constant-action+replan-6", "--out", "tables")
    assert (ended.status, ended.err) == (0, "")
    (pair,) = table("tables/closed_loop_paired.csv")
    assert float(pair["diff"]) > 90.0
    assert cli("drive", "--planner", "stop", *FEW, "--out", "city").status == 0
    ended = cli("compare", "results/drive-stop+replan-6", "city/drive-stop+replan-6", "--out", "mixed")
    assert ended.status == 0
    assert ended.err.count("\n") == 1
    assert "2 worlds (straight, made-up city), whose scores are never compared" in ended.err
    assert not Path("mixed/closed_loop.csv").exists()
    for place in ("straight", "made-up_city"):
        assert [row["run"] for row in table(f"mixed/{place}/closed_loop.csv")] == ["drive-stop+replan-6"]
        assert table(f"mixed/{place}/closed_loop_paired.csv") == []
    (agreement,) = table("mixed/closed_loop_worlds.csv")
    assert (agreement["drivers"], agreement["rank_correlation"]) == ("1", "")


def test_a_model_sees_what_the_world_draws(elsewhere, cli):
    answers = {"scene": ["A road."], "intent": ["Go on."], "action": [str([(9.0, 0.0)] * 6)]}
    yaml = {
        "name": "steady",
        "provider": "scripted",
        "model": "steady",
        "options": {"answers": answers, "repeat": True},
    }
    Path("steady.yaml").write_text(json.dumps(yaml))
    ended = cli("drive", "--world", f"{PLACE}:StraightWorld", "--model", "steady.yaml", "--size", "160x90", *SEEDS)
    assert (ended.status, ended.err) == (0, "")
    assert [one.outcome.end for one in read_episodes(run_at("results/drive-steady"))] == ["goal", "goal"]
    assert all(frame.image_sha256 for frame in read_frames(run_at("results/drive-steady")))


@pytest.mark.parametrize(
    ("world", "sentence"),
    [
        ("WrongHistory", "history has the shape (4, 3)"),
        ("WrongTruth", "ground truth has the shape (5, 2)"),
        ("WrongCommand", "its command is 'onwards'; it must be left, right, straight, follow or None"),
        ("WrongMetres", "its command_m is -3.0; it must be metres"),
        ("WrongObservation", "observe() gives NoneType"),
        ("WrongOutcome", "outcome() gives dict"),
        ("WrongNumbers", "the numbers of its outcome() are of a wrong type"),
        ("WrongProgress", "has the progress 85"),
        ("WrongOver", "its over is str"),
        ("LostCar", "a pose that is not finite"),
        ("Raises", "ZeroDivisionError: no road"),
    ],
)
def test_a_fault_of_a_world_is_one_sentence_that_names_it(elsewhere, cli, world, sentence):
    refused(cli("drive", "--world", f"{PLACE}:Broken:{world}", "--planner", "constant-action", "--quiet"), sentence)


@pytest.mark.parametrize(
    ("factory", "sentence"),
    [
        ("TakesNothing", "cannot be made: TypeError"),
        ("NoName", "has no name"),
        ("KeepsNoArgument", "super().__init__(argument)"),
        ("EpisodesRaise", "failed in `episodes`: KeyError: 'road'"),
        ("WrongEpisodes", "must give a list of EpisodeSpec"),
        ("WrongPrepared", "must give a Prepared"),
    ],
)
def test_a_fault_of_a_factory_is_one_sentence_that_names_it(elsewhere, cli, factory, sentence):
    refused(cli("drive", "--world", f"{PLACE}:{factory}", "--planner", "constant-action", "--quiet"), sentence)


def test_what_a_world_does_not_judge_is_empty_on_the_terminal(elsewhere, cli):
    ended = cli("drive", "--world", f"{PLACE}:StraightWorld", "--planner", "constant-action", *SEEDS)
    assert ended.status == 0
    assert "nan" not in ended.out


def test_a_fault_in_another_process_is_the_same_sentence(elsewhere, cli):
    arguments = ("--planner", "constant-action", "--draw", "--size", "160x90", "--quiet")
    refused(cli("drive", "--world", f"{PLACE}:Broken:Raises", *arguments), "ZeroDivisionError: no road")


def refused(ended: Any, sentence: str) -> None:
    assert ended.status == 2
    assert ended.err.count("\n") == 1
    assert sentence in ended.err
    assert "straight_world" in ended.err
    assert "fault in lightemma" not in ended.err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--world", "ctiy"), "There is no world 'ctiy'; did you mean city?"),
        (("--world", "city:large"), "takes nothing after its name"),
        (("--world", "no_such_module:World"), "no_such_module"),
        (("--world", f"{PLACE}:StraightRoad"), "does not subclass"),
        (("--world", f"{PLACE}:StraightWorld", "--scenarios", "bend"), "has no scenario 'bend'"),
        (("--world", f"{PLACE}:StraightWorld", "--planner", "expert"), "has no expert"),
        (("--world", f"{PLACE}:StraightWorld", "--planner", "idm"), "There is no planner 'idm'"),
        (("--world", f"{PLACE}:Broken:WrongName"), "'a/b.000'"),
    ],
)
def test_wrong_use_is_one_sentence(elsewhere, cli, arguments, sentence):
    given = arguments if "--planner" in arguments else (*arguments, "--planner", "stop")
    ended = cli("drive", *given, "--quiet")
    assert ended.status == 2
    assert ended.err.count("\n") == 1
    assert sentence in ended.err
