"""Folders survive use: runs grow, are grouped, and a study finds what cannot be compared before the first call."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import yaml

from lightemma.run_folder.frame_lines import frames_file
from lightemma.run_folder.store import read_frames, read_manifest
from tests.conftest import (
    STEADY_TEXT,
    good_answer,
    lines_of_run,
    make_frames,
    put_lines,
    run_at,
    steady_run,
    write_archive,
)

BASELINES = ("--data", "published:tiny", "--planner", "constant-action,stop", "--quiet")


@pytest.fixture
def place(elsewhere: Path) -> Path:
    write_archive(elsewhere / "tiny", good_answer)
    return elsewhere


def runs_in(table: str) -> list[str]:
    with Path(table).open(newline="", encoding="utf-8") as file:
        return [row["run"] for row in csv.DictReader(file)]


def test_a_run_grows_and_a_subset_asks_nothing(place, cli):
    assert "stop: 2 frames -> results/published/stop" in cli("run", *BASELINES, "--limit", "2").out
    grown = cli("run", *BASELINES).out
    assert "stop: 5 frames, 2 already done -> results/published/stop" in grown
    assert "asked for now" not in grown
    before = frames_file(run_at("results/stop")).read_bytes()
    fewer = cli("run", *BASELINES, "--stride", "2").out
    assert "stop: 3 frames, 3 already done -> results/published/stop" in fewer
    assert "stop has 5 frames, 3 of them asked for now" in fewer
    assert frames_file(run_at("results/stop")).read_bytes() == before
    data = read_manifest(run_at("results/stop")).data
    assert (data.frames, data.stride, data.limit) == (5, 1, None)
    assert len(read_frames(run_at("results/stop"))) == 5


def test_a_run_over_other_frames_is_refused_before_anything_is_asked(place, cli):
    assert cli("run", *BASELINES, "--scenes", "scene-0001").status == 0
    ended = cli("run", *BASELINES, "--limit", "4", "--stride", "2")
    assert ended.status == 2
    assert (
        "with other frames (2 of its 3 are among the 3 of this command); give this run its own name with --name"
        in ended.err
    )


def test_one_demo_and_one_drive_among_runs_do_not_stop_compare_report_and_plot(place, cli):
    for name in ("a", "b"):
        steady_run(place / "results", name, make_frames({"s": 3}), 5.0)
    assert cli("run", *BASELINES).status == 0
    assert cli("run", *BASELINES[:2], "--planner", "stop", "--name", "short", "--limit", "2", "--quiet").status == 0
    drive = ("drive", "--planner", "stop", "--scenarios", "cruise", "--seeds", "1", "--replan", "6", "--quiet")
    assert cli(*drive).status == 0
    ended = cli("compare", "results", "--out", "t", "--resamples", "100")
    assert ended.status == 0
    assert ended.err.startswith(
        "4 groups: published (2 runs, 5 frames); made-up-drives-v1.0-made-up (2 runs, 3 frames); "
    )
    assert (
        "published-2 (1 run, 2 frames, all among those of published); city (1 drive in a world). Showing published"
        in ended.err
    )
    assert runs_in("t/summary.csv") == ["constant-action", "stop"]
    assert runs_in("t/closed-loop/closed_loop.csv") == ["drive-stop+replan-6"]
    assert cli("compare", "results", "--out", "u", "--group", "2", "--resamples", "100").err == ""
    assert runs_in("u/summary.csv") == ["a", "b", "constant-action"]
    assert cli("compare", "results", "--out", "v", "--group", "city").status == 0
    assert runs_in("v/closed_loop.csv") == ["drive-stop+replan-6"]
    assert "4 groups: " in cli("report", "results", "--out", "page.html", "--resamples", "100").err
    assert Path("page.html").is_file()
    ended = cli("plot", "frame", "results", "--sample", "scene-0001:0", "--out", "frame.png")
    assert "3 runs: frame.png" in ended.out, "all that drove it, of whatever group"
    listed = cli("runs").out
    assert [text for text in listed.splitlines() if text and not text.startswith(" ")][-1].startswith("compare, report")
    assert "short" in listed


def test_runs_says_what_is_not_finished(place, cli):
    assert cli("run", *BASELINES).status == 0
    put_lines(run_at("results/stop"), lines_of_run(run_at("results/stop"))[:2])
    manifest = (run_at("results/stop") / "manifest.json").read_text()
    (run_at("results/stop") / "manifest.json").write_text(manifest.replace('"ended": "', '"ended": null, "was": "'))
    listed = cli("runs").out
    assert "Not finished; the same command that began a run resumes it" in listed
    assert "2 of 5 frames" in listed
    ended = cli("compare", "results", "--out", "t", "--resamples", "100")
    assert ended.err.startswith("Left out: stop has 2 of 5 frames. ")
    assert runs_in("t/summary.csv") == ["constant-action"]


def study(path: Path, **changes: object) -> None:
    values = {"data": "published:tiny", "planners": ["constant-action", "stop"], "report": {"figures": False}}
    path.write_text(yaml.safe_dump(values | changes))


def test_a_study_grows_with_its_limit_and_shrinks_without_harm(place, cli):
    for limit, frames in ((2, "2 frames"), (None, "5 frames"), (3, "3 frames")):
        study(place / "mine.yaml", limit=limit)
        ended = cli("study", "mine.yaml", "--quiet", "--resamples", "100")
        assert ended.status == 0, ended.err
        assert f"{frames} of " in ended.out, "the tables are over the frames that the study names"
    assert len(read_frames(run_at("results/stop"))) == 5


@pytest.mark.parametrize(
    ("other", "says"),
    [
        ({"frames": make_frames({"s": 2})}, "has 0 of the 5 frames of this study"),
        ({"frames": make_frames()[:3]}, "has 3 of the 5 frames of this study"),
        ({"frames": make_frames(), "protocol": {"integration": "arc"}}, "was run under another protocol"),
        ({"frames": make_frames(), "run": "constant-action"}, "Two runs of this study are called 'constant-action'"),
        ({"frames": make_frames(), "moved": True}, "disagrees with the data on where the car went"),
    ],
)
def test_a_study_says_before_the_first_call_what_cannot_be_compared(place, cli, other, says):
    from dataclasses import replace

    from lightemma.protocol import LIGHTEMMA

    frames = other["frames"]
    if "moved" in other:
        frames = [replace(frame, future=frame.future + 1.0) for frame in frames]
    more = {"protocol": LIGHTEMMA.as_dict() | other["protocol"]} if "protocol" in other else {}
    folder = steady_run(place / "old", str(other.get("run", "other")), frames, 5.0, **more)
    (place / "asked.yaml").write_text(
        yaml.safe_dump(
            {
                "name": "asked",
                "provider": "scripted",
                "model": "m",
                "options": {"answers": [STEADY_TEXT], "repeat": True},
            }
        )
    )
    changes = {"planners": ["constant-action", "chain-of-thought"], "models": ["asked.yaml"]}
    study(place / "mine.yaml", **changes, report={"also": [str(folder)], "figures": False})
    ended = cli("study", "mine.yaml", "--quiet")
    assert ended.status == 2
    assert says in ended.err
    assert not list((place / "results").rglob("frames.jsonl*")), "nothing was driven"


def test_a_study_takes_a_finished_run_over_more_frames(place, cli):
    folder = steady_run(place / "old", "other", make_frames({"scene-0001": 3, "scene-0002": 2, "s": 4}), 5.0)
    study(place / "mine.yaml", report={"also": [str(folder)], "figures": False})
    ended = cli("study", "mine.yaml", "--quiet", "--resamples", "100")
    assert ended.status == 0, ended.err
    assert runs_in("results/reports/mine/tables/summary.csv") == ["constant-action", "stop", "other"]
    assert "5 frames of 2 scenes" in ended.out
