"""The commands do what their help says, print what they did, and can be repeated."""

from __future__ import annotations

import csv
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from lightemma.cli import main
from lightemma.files import lines_of
from lightemma.prompts.sets import SINGLE_PLACES, TOOL_PLACES
from lightemma.run_folder.frame_lines import frames_file
from lightemma.run_folder.records import STAGES
from lightemma.run_folder.store import read_frames, read_manifest
from tests.conftest import STEADY_TEXT, good_answer, lines_of_run, make_frames, steady_run, write_archive

NO_COMMAS = STEADY_TEXT.replace("), (", ") (")


def one_slip(token: str, stage: str) -> str:
    return NO_COMMAS if stage == "action" and token == "scene-0001/1" else good_answer(token, stage)


@pytest.fixture
def place(elsewhere: Path) -> Path:
    """A working folder with an archive; one of its five answers lacks its commas."""
    write_archive(elsewhere / "tiny", one_slip)
    return elsewhere


def write_model(path: Path, answers: dict | list, **more) -> Path:
    values = {
        "name": path.stem,
        "provider": "scripted",
        "model": "script-1",
        "limits": {"attempts": 1},
        "options": {"answers": answers, "repeat": True},
    }
    values["options"] |= more
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(values, sort_keys=False))
    return path


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_run_drives_baselines_and_prints_their_folders(place, cli):
    ended = cli("run", "--data", "published:tiny", "--planner", "constant-action, stop", "--out", "out")
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.splitlines() == [
        "constant-action: 5 frames -> out/published/constant-action",
        "stop: 5 frames -> out/published/stop",
    ]
    assert [record.sample_token for record in read_frames(Path("out/published/stop"))] == [
        f.sample_token for f in make_frames()
    ]


def test_a_second_run_keeps_finished_frames(place, cli):
    arguments = ("run", "--data", "published:tiny", "--model", "replay:tiny", "--out", "out")
    first = "tiny: 5 frames, 1 of 5 answers outside the format, mostly format:missing_commas -> out/published/tiny\n"
    assert cli(*arguments).out == first
    before = frames_file(Path("out/published/tiny")).read_bytes()
    again = cli(*arguments)
    assert (again.status, again.out) == (0, "tiny: 5 frames, 5 already done -> out/published/tiny\n")
    assert frames_file(Path("out/published/tiny")).read_bytes() == before


def test_run_ends_with_1_when_calls_failed_and_tries_them_again_when_repeated(place, cli):
    good = {"scene": ["A road."], "intent": ["Go on."], "action": [STEADY_TEXT]}
    write_model(place / "configs" / "models" / "shaky.yaml", good | {"intent": ["Go on.", {"fault": "overloaded"}]})
    arguments = ("run", "--data", "published:tiny", "--model", "shaky", "--out", "out", "--concurrency", "1")
    first = cli(*arguments)
    assert first.status == 1
    assert first.out == (
        "shaky: 5 frames, 2 with failed calls, mostly overloaded: scripted overloaded (the same command tries them again) "
        "-> out/published/shaky\n"
    )
    second = cli(*arguments)
    assert (second.status, second.out) == (1, first.out.replace("5 frames, 2", "5 frames, 3 already done, 1"))
    assert cli(*arguments).status == 0
    assert {record.outcome for record in read_frames(Path("out/published/shaky"))} == {"ok"}


def test_options_override_a_benchmark(place, cli):
    study = {"data": "published:tiny", "planners": ["stop", "constant-action"], "stride": 2}
    folder = place / "configs" / "benchmarks"
    folder.mkdir(parents=True)
    (folder / "small.yaml").write_text(yaml.safe_dump(study))
    assert cli("run", "small", "--out", "out").out.splitlines() == [
        "stop: 3 frames -> out/published/stop",
        "constant-action: 3 frames -> out/published/constant-action",
    ]
    assert (
        cli("run", "small", "--planner", "stop", "--scenes", "scene-0002", "--name", "mine", "--out", "out").status == 0
    )
    assert [record.sample_token for record in read_frames(Path("out/published/mine"))] == ["scene-0002/0"]
    assert read_manifest(Path("out/published/mine")).data.stride == 2


def test_several_models_and_another_prompt_set_get_their_own_names(place, cli):
    for name in ("one", "two"):
        write_model(place / f"{name}.yaml", {"*": [STEADY_TEXT]})
    arguments = ("run", "--data", "published:tiny", "--model", "one.yaml,two.yaml", "--limit", "1", "--out", "out")
    assert cli(*arguments).status == 0
    assert cli(*arguments, "--prompts", "three-stage-json", "--parser", "tolerant").status == 0
    assert sorted(path.name for path in Path("out/published").iterdir() if not path.name.startswith(".")) == [
        "one", "one+three-stage-json", "two", "two+three-stage-json",
    ]  # fmt: skip
    manifest = read_manifest(Path("out/published/one+three-stage-json"))
    assert manifest.prompts is not None
    assert (manifest.prompts.answer, manifest.parser) == ("json", "tolerant")


def test_import_twice_does_nothing(place, cli):
    first = cli("import", "tiny", "--out", "out")
    assert (first.status, first.out) == (0, "tiny -> out/published/tiny\n")
    before = {path.name: path.read_bytes() for path in Path("out/published/tiny").iterdir()}
    assert cli("import", "tiny", "--out", "out") == first
    assert {path.name: path.read_bytes() for path in Path("out/published/tiny").iterdir()} == before


def test_import_reads_a_zip_without_unpacking_it(place, cli):
    import shutil

    shutil.make_archive("packed", "zip", place, "tiny")
    assert cli("import", "packed.zip", "--out", "out", "--parser", "tolerant", "--name", "mine").status == 0
    assert [path.name for path in Path("out/published").iterdir()] == ["mine"]
    assert {record.outcome for record in read_frames(Path("out/published/mine"))} == {"ok"}


def test_evaluate_shows_every_convention_and_writes_scores(place, cli):
    steady_run(place / "out", "fast", make_frames(), 6.0, {"scene-0001/1": "format:prose"})
    ended = cli("evaluate", "out/fast")
    assert (ended.status, ended.err) == (0, "")
    assert "fast: 5 frames, 1 not ok, parser strict; FDE 3.0000 m, miss rate 1.0000" in ended.out
    found = {line.split()[1]: line.split()[2:] for line in ended.out.splitlines() if line.startswith("  fast ")}
    assert found == {
        "lightemma": ["0.7500", "1.7500", "2.7500", "1.7500"],
        "endpoint": ["1.0000", "2.0000", "3.0000", "2.0000"],
        "cumulative": ["0.7500", "1.2500", "1.7500", "1.2500"],
    }
    assert "format:prose 1, ok 4" in ended.out
    scores = read(place / "out" / "fast" / "scores.csv")
    assert [row["outcome"] for row in scores] == ["ok", "format:prose", "ok", "ok", "ok"]
    assert [row["l2_avg_endpoint"] for row in scores] == ["2.0", "", "2.0", "2.0", "2.0"]


def test_evaluate_reads_stored_answers_by_another_parser(place, cli):
    cli("import", "tiny", "--out", "out")
    assert "5 frames, 1 not ok, parser strict" in cli("evaluate", "out").out
    assert "5 frames, 0 not ok, parser tolerant" in cli("evaluate", "out", "--parser", "tolerant").out
    assert read_manifest(Path("out/published/tiny")).parser == "strict", "nothing stored changes"


def test_compare_writes_tables_and_shows_the_summary(place, cli):
    for name, speed in (("fast", 6.0), ("faster", 7.0)):
        steady_run(place / "out", name, make_frames(), speed)
    ended = cli("compare", "out", "--out", "tables", "--convention", "endpoint", "--resamples", "200")
    assert (ended.status, ended.err) == (0, "")
    assert "5 frames of 2 scenes. L2 convention: endpoint." in ended.out
    cells = [re.split(r"\s{2,}", line.strip()) for line in ended.out.splitlines() if line.startswith("  ")]
    rows = {row[0]: row for row in cells}
    assert rows["faster"][1] == "front, 3 s"
    assert rows["faster"][7] == "4.0000"
    assert rows["constant-action"][-1] == "reference"
    assert [row["run"] for row in read(place / "tables" / "summary.csv")] == ["fast", "faster", "constant-action"]
    assert ended.out.endswith("Tables: tables\n")


def test_compare_is_deterministic_per_seed(place, cli):
    for name, speed in (("a", 6.0), ("b", 7.0)):
        steady_run(place / "out", name, make_frames({"s-1": 2, "s-2": 3, "s-3": 1}), speed)
    for out in ("one", "two"):
        cli("compare", "out", "--out", out, "--seed", "4", "--resamples", "300")
    assert {p.name: p.read_bytes() for p in Path("one").iterdir()} == {
        p.name: p.read_bytes() for p in Path("two").iterdir()
    }


def test_models_lists_what_is_configured(place, cli):
    write_model(place / "configs" / "models" / "mine.yaml", ["yes"])
    ended = cli("models")
    assert ended.status == 0
    assert ["mine", "scripted", "script-1"] in [line.split()[:3] for line in ended.out.splitlines()]


def test_prompts_are_listed_and_shown(place, cli):
    listed = cli("prompts", "list").out
    assert "three-stage  (list, " in listed
    assert "three-stage-json  (json, " in listed
    shown = cli("prompts", "show", "three-stage").out
    assert [line for line in shown.splitlines() if line.startswith("---")] == [
        *(f"--- {stage}" for stage in STAGES),
        *(f"--- {stage}, as a turn of a dialogue" for stage in STAGES[1:]),
        *(f"--- {one}, a planner's only prompt" for one in SINGLE_PLACES),
        *(f"--- {one}, a question that controls tools" for one in TOOL_PLACES),
    ]
    assert "{{curvatures}}" in shown


def test_extracted_prompts_replay_the_archive(place, cli):
    ended = cli("prompts", "extract", "tiny", "--out", "extracted")
    assert ended.out == "One template reproduces all 5 x 3 prompts of tiny -> extracted\n"
    assert "Ahead is this: {{scene}} So far speeds {{speeds}}" in cli("prompts", "show", "extracted").out
    cli("import", "tiny", "--out", "out")
    arguments = (
        "--data",
        "published:tiny",
        "--model",
        "replay:tiny",
        "--prompts",
        "extracted",
        "--name",
        "again",
        "--out",
        "out",
    )
    assert cli("run", *arguments).status == 0
    for old, new in zip(read_frames(Path("out/published/tiny")), read_frames(Path("out/published/again")), strict=True):
        assert (new.outcome, new.actions, new.trajectory) == (old.outcome, old.actions, old.trajectory)
        assert [stage.prompt for stage in new.calls] == [stage.prompt for stage in old.calls]


def test_prompts_of_several_templates_are_refused_by_the_first_that_differs(elsewhere, cli):
    write_archive(elsewhere / "mixed", question=lambda token: "What?" if token != "scene-0002/1" else "Why?")
    ended = cli("prompts", "extract", "mixed", "--out", "extracted")
    assert ended.status == 2
    assert "do not come from one template: the scene prompt of scene-0002, frame 1 differs" in ended.err
    assert not Path("extracted").exists()


def test_the_version_is_the_packages(cli):
    import lightemma

    assert cli("--version").out == f"lightemma {lightemma.__version__}\n"


def test_without_a_command_the_help_is_shown(cli):
    ended = cli()
    assert ended.status == 2
    assert "compare" in ended.out + ended.err


# In a process started in the background SIGINT may be ignored, and Python then leaves it so.
INTERRUPTIBLE = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\nfrom lightemma.cli import main\nmain()"
)


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C works differently on Windows")
def test_an_interrupted_run_says_so_keeps_whole_lines_and_resumes(place):
    write_archive(place / "long", scenes={"scene-0001": 24})
    answers = {"scene": ["A road."], "intent": ["Go on."], "action": [STEADY_TEXT]}
    write_model(place / "slow.yaml", answers, latency_s=0.03)
    arguments = ["run", "--data", "published:long", "--model", "slow.yaml", "--out", "out", "--concurrency", "2"]
    folder = place / "out" / "published" / "slow"
    command = [sys.executable, "-c", INTERRUPTIBLE]
    process = subprocess.Popen(
        [*command, *arguments], cwd=place, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        deadline = time.monotonic() + 30
        while not lines_of_run(folder):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 130
    assert errors == "Interrupted. Finished work is kept; give the same command again to resume.\n"
    assert all(line.endswith(b"\n") for line in lines_of(frames_file(folder)))
    kept = len(read_frames(folder))
    assert 0 < kept < 24
    again = subprocess.run([*command, *arguments], cwd=place, capture_output=True, text=True, check=True, timeout=30)
    assert again.stdout == f"slow: 24 frames, {kept} already done -> out/published/slow\n"
    assert len({record.sample_token for record in read_frames(folder)}) == 24


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C works differently on Windows")
@pytest.mark.parametrize("twice", [False, True], ids=["once", "twice"])
def test_calls_that_hang_do_not_delay_an_interrupted_run(place, twice):
    write_archive(place / "long", scenes={"scene-0001": 6})
    answers = {"scene": ["A road."], "intent": ["Go on."], "action": [STEADY_TEXT]}
    write_model(place / "hanging.yaml", answers, latency_s=60.0)
    arguments = ["run", "--data", "published:long", "--model", "hanging.yaml", "--out", "out"]
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTIBLE, *arguments], cwd=place, stderr=subprocess.PIPE, text=True
    )
    try:
        deadline = time.monotonic() + 30
        while not (place / "out" / "published" / "hanging" / "frames.jsonl").exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        if twice:
            time.sleep(0.5)
            process.send_signal(signal.SIGINT)
        # Half the minute that the calls would take: waiting for them fails here.
        _, errors = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 130
    assert errors.endswith("Interrupted. Finished work is kept; give the same command again to resume.\n")


def test_an_interrupt_before_the_command_begins_is_a_sentence_too(monkeypatch, capsys):
    def interrupt(environment):
        raise KeyboardInterrupt

    monkeypatch.setattr("lightemma.cli.remember_environment", interrupt)
    monkeypatch.setattr(sys, "argv", ["lightemma", "models"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 130
    assert capsys.readouterr().err.startswith("Interrupted. Finished work is kept")
