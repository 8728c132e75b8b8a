"""lightemma drive: drives, prints how it ended, writes tables, resumes, and refuses in one sentence."""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path

import pytest
from PIL import Image

from lightemma.closed_loop.driven_source import DrivenSource
from lightemma.closed_loop.records import read_episodes
from lightemma.closed_loop.replay import read_replay
from lightemma.run_folder.store import read_frames, read_manifest
from lightemma.simulation.render import RenderError
from tests.conftest import Cli, make_frames, steady_run


@pytest.fixture
def drive(cli: Cli, elsewhere):
    """``lightemma drive`` in an empty folder."""
    return lambda *arguments: cli("drive", *arguments)


FEW = ("--scenarios", "lead-car-braking", "--seeds", "2")


def test_drives_and_prints_the_folders(drive):
    ended = drive("--planner", "stop,expert", *FEW, "--out", "out", "--quiet")
    assert (ended.status, ended.err) == (0, "")
    lines = ended.out.splitlines()
    assert lines[:2] == [
        "drive-stop: 2 episodes -> out/city/drive-stop",
        "drive-expert: 2 episodes -> out/city/drive-expert",
    ]
    assert "Tables: out/reports/drive" in lines
    assert lines[-1].startswith("Report: out/reports/drive/drive.html (")
    assert Path("out/reports/drive/drive.html").is_file()
    assert "driving score" in ended.out
    with Path("out/reports/drive/closed_loop.csv").open(newline="") as file:
        stop, expert = csv.DictReader(file)
    assert float(expert["driving_score"]) > float(stop["driving_score"]) + 40.0
    assert len(read_episodes(Path("out/city/drive-expert"))) == 2


def test_the_same_command_keeps_finished_episodes(drive):
    arguments = ("--planner", "constant-action", *FEW, "--out", "out", "--quiet")
    drive(*arguments)
    before = Path("out/city/drive-constant-action/episodes.jsonl").read_bytes()
    again = drive(*arguments)
    assert again.status == 0
    assert again.out.startswith("drive-constant-action: 2 episodes, 2 already done -> out/city/drive-constant-action\n")
    assert Path("out/city/drive-constant-action/episodes.jsonl").read_bytes() == before
    fewer = drive(*arguments, "--seeds", "1")
    assert "drive-constant-action has 2 episodes, 1 of them asked for now" in fewer.out
    assert "asked for now" not in again.out


def test_the_same_seed_gives_the_same_episode_and_another_seed_another(drive):
    arguments = ("--planner", "idm", "--scenarios", "lead-car-braking")
    drive(*arguments, "--seeds", "1,2", "--out", "one")
    drive(*arguments, "--seeds", "2,", "--out", "two")
    one, two = read_episodes(Path("one/city/drive-idm"))
    (again,) = read_episodes(Path("two/city/drive-idm"))
    assert two == again
    assert read_replay(Path("one/city/drive-idm"), one.name) != read_replay(Path("one/city/drive-idm"), two.name)
    assert read_replay(Path("one/city/drive-idm"), two.name) == read_replay(Path("two/city/drive-idm"), two.name)


def test_left_hand_traffic_and_conditions_make_other_episodes(drive):
    drive("--planner", "expert", "--scenarios", "cruise", "--seeds", "1", "--conditions", "day,fog", "--left-hand")
    names = [record.name for record in read_episodes(Path("results/city/drive-expert"))]
    assert names == ["cruise.day.left.000", "cruise.fog.left.000"]


def test_conditions_are_named_as_for_simulated_data(drive):
    arguments = ("--planner", "stop", "--scenarios", "cruise", "--seeds", "1", "--replan", "6", "--quiet")
    drive(*arguments, "--conditions", "rain-dusk,clear,dusk-fog", "--out", "some")
    names = {record.name for record in read_episodes(Path("some/city/drive-stop+replan-6"))}
    assert names == {"cruise.dusk-rain.000", "cruise.day.000", "cruise.dusk-fog.000"}
    drive(*arguments, "--conditions", "all", "--out", "all")
    assert len(read_episodes(Path("all/city/drive-stop+replan-6"))) == 6


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--scenarios", "cruse"), "There is no scenario 'cruse'; did you mean cruise?"),
        (("--conditions", "foggy"), "There is no condition 'foggy'; did you mean fog?"),
        (("--conditions", "rain-fog"), "There is no condition 'rain-fog'"),
        (("--conditions", ","), "No condition is named"),
        (("--scenarios", ","), "No scenario is named"),
        (("--planner", "experts"), "There is no planner 'experts'; did you mean expert, expert-tools"),
        (("--planner", "chain-of-thought"), "asks a model; name one with --model"),
        (("--seeds", "many"), "--seeds is 'many'"),
        (("--size", "huge"), "--size is 'huge'"),
        (("--size", "20x20"), "--size is 20x20"),
        (("--size", "800x800"), "keep 16 : 9"),
        (("--renderer", "panda4d", "--draw"), "There is no renderer 'panda4d'; did you mean panda3d?"),
        (("--replan", "9"), "--replan is 9"),
        (("--max-cost", "0"), "--max-cost is 0"),
        (("--planner", "stop,idm", "--name", "one"), "--name names one run"),
        (("--planner", "stop", "--name", "a/b"), "cannot be called 'a/b'"),
    ],
)
def test_wrong_use_is_one_sentence(drive, arguments, sentence):
    given = arguments if "--planner" in arguments else ("--planner", "stop", *arguments)
    ended = drive(*given)
    assert ended.status == 2
    assert ended.err.count("\n") == 1
    assert sentence in ended.err


def test_a_folder_that_cannot_be_written_is_one_sentence(drive, elsewhere):
    (elsewhere / "file").write_text("")
    ended = drive("--planner", "stop", *FEW, "--out", "file")
    assert ended.status == 2
    assert "cannot be written" in ended.err


STEADY = """
name: steady
provider: scripted
model: steady
options:
  answers:
    scene: ["A road."]
    intent: ["Go on."]
    action: ["[(9.0, 0.0), (9.0, 0.0), (9.0, 0.0), (9.0, 0.0), (9.0, 0.0), (9.0, 0.0)]"]
  repeat: true
"""
SMALL = (
    "--size",
    "160x90",
    "--renderer",
    "painter",
    "--scenarios",
    "lead-car-braking",
    "--seeds",
    "1",
    "--replan",
    "3",
    "--no-blind-ceiling",
)


def test_a_model_gets_pictures_that_the_painter_can_draw_anywhere(drive, elsewhere):
    from PIL import Image

    (elsewhere / "steady.yaml").write_text(STEADY)
    ended = drive("--model", "steady.yaml", *SMALL, "--quiet")
    assert (ended.status, ended.err) == (0, "")
    folder = Path("results/city/drive-steady+replan-3")
    frames = read_frames(folder)
    assert len(frames) > 3
    for frame in frames:
        data = (folder / frame.image).read_bytes()
        assert hashlib.sha256(data).hexdigest() == frame.image_sha256
        with Image.open(folder / frame.image) as picture:
            assert picture.size == (160, 90)
    assert len({frame.image_sha256 for frame in frames}) == len(frames)
    assert read_manifest(folder).images["renderer"] == "painter"
    assert drive("--model", "steady.yaml", *SMALL).out.startswith("drive-steady+replan-3: 1 episodes, 1 already done")


def test_a_replaced_renderer_is_reported_once(drive, elsewhere, monkeypatch):
    from lightemma.closed_loop.worlds import city_camera
    from lightemma.simulation.render.automatic import AutomaticRenderer

    def no_panda():
        raise RenderError("panda3d cannot draw here: there is no EGL.")

    monkeypatch.setattr(city_camera, "make_renderer", lambda kind: AutomaticRenderer(no_panda))
    (elsewhere / "steady.yaml").write_text(STEADY)
    ended = drive("--model", "steady.yaml", *SMALL, "--renderer", "auto")
    assert ended.status == 0
    assert ended.err.count("there is no EGL") == 1


def test_a_chosen_renderer_that_fails_is_one_sentence(drive, elsewhere, monkeypatch):
    from lightemma.closed_loop.worlds import city_camera

    def no_panda(kind):
        raise RenderError("panda3d cannot draw here: there is no EGL.")

    monkeypatch.setattr(city_camera, "make_renderer", no_panda)
    (elsewhere / "steady.yaml").write_text(STEADY)
    ended = drive("--model", "steady.yaml", *SMALL, "--renderer", "panda3d")
    assert ended.status == 2
    assert "there is no EGL; give the same command again, or --renderer painter." in ended.err


def test_closed_loop_runs_are_compared_only_with_each_other(elsewhere, cli):
    common = ("--scenarios", "cruise", "--seeds", "1", "--out", "out", "--quiet")
    assert cli("drive", "--planner", "stop", *common).status == 0
    assert cli("drive", "--planner", "expert", *common).status == 0
    ended = cli("compare", "out/city/drive-stop", "out/city/drive-expert", "--out", "tables")
    assert (ended.status, ended.err) == (0, "")
    with Path("tables/closed_loop.csv").open(newline="") as file:
        assert {row["run"] for row in csv.DictReader(file)} == {"drive-stop", "drive-expert"}
    assert cli("report", "out/city/drive-stop", "--out", "page.html").out.startswith("Report: page.html (")
    steady_run(Path("out"), "steady", make_frames(), 5.0)
    for command in (("report", "--out", "both.html"), ("compare", "--out", "both")):
        for runs in (("out/city/drive-stop", "out/steady"), ("out/steady", "out/city/drive-stop")):
            ended = cli(*command, *runs)
            assert ended.status == 2
            assert "'drive-stop' is a closed-loop run" in ended.err


def test_a_driven_episode_can_be_watched(elsewhere, cli):
    common = (
        "--scenarios",
        "stopped-queue",
        "--seeds",
        "1",
        "--draw",
        "--renderer",
        "painter",
        "--size",
        "160x90",
        "--replan",
        "3",
    )
    assert cli("drive", "--planner", "constant-action", *common, "--out", "out", "--quiet").status == 0
    frames = DrivenSource(Path("out/city/drive-constant-action+replan-3")).scene_frames("stopped-queue.day.000")
    assert len(frames) > 3
    assert [frame.frame_index for frame in frames] == list(range(len(frames)))
    assert all(frame.image_path is not None and frame.image_path.is_file() for frame in frames)
    assert frames[-1].history.positions[-1].tolist() == [0.0, 0.0]
    ended = cli(
        "video",
        "out/city/drive-constant-action+replan-3",
        "--scene",
        "stopped-queue.day.000",
        "--out",
        "film.gif",
        "--width",
        "640",
    )
    assert (ended.status, ended.err) == (0, "")
    with Image.open("film.gif") as film:
        assert film.n_frames == len(frames)


WORLD = """
world: {scenarios: [lead-car-braking], seeds: 1, conditions: [dusk-rain], replan: 6, size: 160x90, renderer: painter}
planners: [chain-of-thought, stop]
models: [steady.yaml]
"""


def test_one_file_is_driven_and_studied(elsewhere, cli):
    (elsewhere / "steady.yaml").write_text(STEADY)
    (elsewhere / "mine.yaml").write_text(WORLD)
    ended = cli("drive", "mine.yaml", "--dialogue", "--pictures", "2", "--quiet")
    assert (ended.status, ended.err) == (0, "")
    asked = Path("results/city/drive-steady+dialogue+2-frames+replan-6")
    assert ended.out.splitlines()[:2] == [
        f"{asked.name}: 1 episodes -> {asked}",
        "drive-stop+replan-6: 1 episodes -> results/city/drive-stop+replan-6",
    ]
    (record,) = read_episodes(asked)
    assert record.name == "lead-car-braking.dusk-rain.000"
    assert read_manifest(asked).planner.settings == {"parser": "strict", "dialogue": True, "frames": 2}

    ended = cli("study", "mine.yaml", "--quiet")
    assert (ended.status, ended.err) == (0, "")
    assert "drive-stop+replan-6: 1 episodes, 1 already done -> results/city/drive-stop+replan-6\n" in ended.out
    assert ended.out.splitlines()[-1].startswith("Report: results/reports/mine/mine.html (")
    assert "Tables: results/reports/mine/tables" in ended.out.splitlines()
    with Path("results/reports/mine/tables/closed_loop.csv").open(newline="") as file:
        names = [row["run"] for row in csv.DictReader(file)]
    # A planner that is given pictures is measured by the best of those that see nothing.
    assert names == ["drive-steady+replan-6", "drive-stop+replan-6", "blind ceiling"]


def test_a_study_of_a_world_waits_for_runs_that_are_not_finished(elsewhere, cli):
    (elsewhere / "steady.yaml").write_text(STEADY + "price: {input: 1000000, output: 1000000}\n")
    (elsewhere / "mine.yaml").write_text(WORLD)
    ended = cli("study", "mine.yaml", "--quiet", "--max-cost", "0.000001")
    assert ended.status == 1
    assert "The report waits until all runs are finished (the next call might exceed --max-cost 1e-06)" in ended.out
    assert not Path("results/reports").exists()
