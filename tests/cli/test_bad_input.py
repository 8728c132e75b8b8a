"""Errors in what the user gave: exit status 2 and one sentence that says what is wrong, where, and what to do."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from lightemma.protocol import protocol_named
from tests.conftest import make_frames, steady_run, write_archive
from tests.data.nuscenes_tables_writer import make_world

SEEING = """
from lightemma.backends.base import Backend, Completion

class Seeing(Backend):
    async def generate(self, request):
        return Completion("nothing")
"""


@pytest.fixture(scope="module")
def world():
    return make_world()


@pytest.fixture
def place(elsewhere: Path, world, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with an archive, tables with pictures, a seeing model and some runs."""
    write_archive(elsewhere / "tiny")
    world.write(elsewhere / "nuscenes", pictures=True)
    frames = make_frames()
    steady_run(elsewhere / "results", "a", frames, 6.0)
    steady_run(elsewhere / "results", "b", frames, 7.0)
    (elsewhere / "seeing.py").write_text(SEEING)
    monkeypatch.syspath_prepend(elsewhere)
    return elsewhere


def sentence(cli, *arguments: object) -> str:
    """The one error line of a wrong command."""
    ended = cli(*arguments)
    assert ended.status == 2, ended
    assert ended.err.startswith("Error: ")
    assert ended.err.endswith("\n")
    assert ended.err.count("\n") == 1, ended.err
    assert "Traceback" not in ended.err
    assert len(ended.err) < 500
    return ended.err


TABLES = "nuscenes:nuscenes@v1.0-tiny"
BASELINE = ("--planner", "constant-action", "--out", "out")

TINY = "--data published:tiny"
STANDING = "--planner stop"
ASKED = "--model replay:tiny"
SEES = "--model seeing:Seeing"

BAD_OPTIONS = {
    "unknown parser": (f"{TINY} {ASKED} --parser lenient", "--parser is wrong.*'strict', 'tolerant'"),
    "unknown planner": (f"{TINY} --planner stopp", r"no planner 'stopp'; did you mean stop\?"),
    "planner of the wrong kind": (f"{TINY} --planner seeing:Seeing", "'seeing:Seeing' is not a planner"),
    "unknown model": (f"{TINY} --model no-such-vlm-9000", "no model 'no-such-vlm-9000' in configs/models"),
    "no model": (TINY, "asks a model; name one with --model"),
    "unknown prompts": (
        f"{TINY} {ASKED} --prompts three-stages",
        "no prompt set 'three-stages'.*did you mean three-stage",
    ),
    "unknown integration": (f"{TINY} {STANDING} --integration rk4", "--integration is wrong.*'euler' or 'arc'"),
    "unknown reader": (f"--data {TABLES} {STANDING} --reader pandas", "--reader is wrong"),
    "stride 0": (f"{TINY} {STANDING} --stride 0", "--stride is wrong.*greater than or equal to 1"),
    "limit 0": (f"{TINY} {STANDING} --limit 0", "--limit is wrong.*greater than or equal to 1"),
    "concurrency 0": (f"{TINY} {ASKED} --concurrency 0", "--concurrency is wrong"),
    "size 0": (f"{TINY} {ASKED} --max-side 0", "--max-side is wrong"),
    "text for a number": (f"{TINY} {STANDING} --stride two", "--stride.*integer"),
    "no data": (STANDING, "Nothing says what to drive; give a benchmark YAML, or --data"),
    "unknown source": (f"{STANDING} --data nuscene:x@v1.0-tiny", "no data source 'nuscene'; did you mean nuscenes"),
    "half a source": (f"{STANDING} --data nuscenes:", "'nuscenes:' is incomplete"),
    "missing folder": (f"{STANDING} --data nuscenes:gone@v1.0-tiny", "There is no folder gone"),
    "missing archive": (f"{STANDING} --data published:gone.zip", r"There is no archive 'gone\.zip'"),
    "unknown version": (f"{STANDING} --data nuscenes:nuscenes@v1.0-tinny", r"'v1\.0-tinny'; did you mean v1\.0-tiny"),
    "unknown scene": (
        f"{STANDING} --data {TABLES} --scenes scene-0001,scene-001",
        "no scene 'scene-001' in nuscenes; did you mean scene-0001",
    ),
    "a source without pictures": (f"{TINY} {SEES}", "tiny has no pictures for 5 of 5 frames"),
    "one name for two runs": (f"{TINY} --planner stop,constant-action --name x", "names one run, but this makes 2"),
    "a name that leads out": (f"{TINY} {STANDING} --name ../x", "cannot be called '../x'"),
    "two runs of one name": (f"{TINY} --planner stop,stop", "Two runs would be called 'stop'"),
    "unknown benchmark": ("nightly", "no benchmark 'nightly' in configs/benchmarks"),
    "unknown option": ("--dta published:tiny", "No such option:? .?--dta"),
}


@pytest.mark.parametrize("case", BAD_OPTIONS)
def test_an_impossible_run_is_refused(place, cli, case):
    arguments, complaint = BAD_OPTIONS[case]
    assert re.search(complaint, sentence(cli, "run", *arguments.split(), "--out", "out"))
    assert not list(place.rglob("out/**/frames.jsonl*")), "refused before the first frame"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["frobnicate"], "No such command 'frobnicate'; see `lightemma --help`"),
        (["compare", "results"], "Missing option '--out'; see `lightemma compare --help`"),
        (["compare", "results", "--out", "t", "--resamples", "3"], "--resamples"),
        (
            ["compare", "results", "--out", "t", "--convention", "endpiont"],
            "'endpiont'; did you mean endpoint",
        ),
        (["compare", "results", "--out", "t", "--parser", "lenient"], "no parser 'lenient'"),
        (["compare", "results/c", "--out", "t"], "There is no run 'results/c'"),
        (["compare", "tiny", "--out", "t"], "'tiny' is no run and holds none"),
        (["compare", "results", "--out", "results/a/manifest.json"], "tables cannot be written"),
        (["evaluate", "gone"], "There is no run 'gone'"),
        (["evaluate", "results", "--parser", "lenient"], "no parser 'lenient'"),
        (["import", "gone.zip"], r"There is no archive 'gone\.zip'"),
        (["import", "results", "--out", "out"], "is not a LightEMMA v1 or v2 scene file|several outputs"),
        (["import", "tiny", "--parser", "lenient"], "no parser 'lenient'"),
        (["import", "tiny", "tiny", "--name", "x"], "--name names one run"),
        (["import", "tiny", "--name", "a/b"], "cannot be called 'a/b'"),
        (["prompts", "show", "three-stagee"], "no prompt set 'three-stagee'.*did you mean three-stage"),
        (["prompts", "extract", "gone", "--out", "p"], "There is no archive 'gone'"),
        (["prompts", "extract", "tiny", "--out", "seeing.py"], "'seeing.py' cannot be written"),
        (["prompts", "show"], "Missing argument"),
    ],
)
def test_other_commands_refuse_in_the_same_way(place, cli, arguments, complaint):
    assert re.search(complaint, sentence(cli, *arguments))


def test_a_missing_table_is_named(place, cli):
    (place / "nuscenes" / "v1.0-tiny" / "ego_pose.json").unlink()
    assert "ego_pose.json" in sentence(cli, "run", "--data", TABLES, *BASELINE)


def test_a_table_that_is_cut_off_is_named(place, cli):
    path = place / "nuscenes" / "v1.0-tiny" / "sample_data.json"
    path.write_text(path.read_text(encoding="utf-8")[:-400], encoding="utf-8")
    assert "sample_data.json" in sentence(cli, "run", "--data", TABLES, *BASELINE)


def test_missing_pictures_are_counted_and_the_first_is_named(place, cli, world):
    first, second = (world.truth["scene-0001"][key].image for key in (7, 8))
    for image in (first, second):
        (place / "nuscenes" / image).unlink()
    message = sentence(cli, "run", "--data", TABLES, "--model", "seeing:Seeing", "--out", "out")
    assert f"2 of 3 pictures are missing under nuscenes, the first is '{first}'" in message
    ended = cli("run", "--data", TABLES, *BASELINE)
    assert (ended.status, ended.err) == (0, ""), "a baseline looks at no picture"


def test_a_truncated_zip_is_named(place, cli):
    import shutil

    whole = Path(shutil.make_archive("whole", "zip", place / "tiny")).read_bytes()
    (place / "cut.zip").write_bytes(whole[: len(whole) // 2])
    for arguments in (("import", "cut.zip"), ("run", "--data", "published:cut.zip", *BASELINE)):
        assert "'cut.zip' is not a whole .zip archive" in sentence(cli, *arguments)


def test_an_archive_of_another_kind_is_named(place, cli):
    (place / "other" / "output").mkdir(parents=True)
    (place / "other" / "output" / "scene-0001.json").write_text(json.dumps({"metrics": [1, 2]}))
    message = sentence(cli, "import", "other")
    assert "scene-0001.json' in 'other' is not a LightEMMA v1 or v2 scene file" in message
    (place / "pictures").mkdir()
    assert "holds no scene .json files" in sentence(cli, "import", "pictures")


def test_runs_under_different_protocols_are_not_compared(place, cli):
    steady_run(place / "results", "c", make_frames(), 6.0, protocol=protocol_named("arc").as_dict())
    message = sentence(cli, "compare", "results/a", "results/c", "--out", "tables")
    assert "'a' and 'c' were run under different protocols" in message
    assert "integration euler against arc" in message
    assert not (place / "tables").exists()


def test_runs_over_different_frames_are_compared_only_over_shared_frames(place, cli):
    steady_run(place / "results", "c", make_frames()[:3], 6.0)
    assert "--shared-frames" in sentence(cli, "compare", "results/a", "results/c", "--out", "tables")
    assert cli("compare", "results", "--out", "tables", "--shared-frames").status == 0


def test_an_empty_run_is_named(place, cli):
    (place / "results" / "b" / "frames.jsonl").unlink()
    for arguments in (("compare", "results/a", "results/b", "--out", "tables"), ("evaluate", "results/b")):
        assert re.search(r"The run '.*results/b' has no frames yet", sentence(cli, *arguments))
    ended = cli("evaluate", "results")
    assert (ended.status, ended.err) == (0, "b has no frames yet and is left out.\n")
    assert "a: 5 frames, 0 not ok" in ended.out


def test_a_run_is_not_resumed_under_another_setting(place, cli):
    run = ("run", "--data", "published:tiny", *BASELINE)
    assert cli(*run).status == 0
    assert "holds a run with other planner" in sentence(cli, *run[:4], "stop", *run[5:], "--name", "constant-action")


def test_a_wrong_key_in_a_yaml_is_named_with_its_line(place, cli):
    (place / "mine.yaml").write_text("name: mine\nprovider: scripted\nmodel: m\ntemprature: 0.5\n")
    message = sentence(cli, "run", "--data", "published:tiny", "--model", "mine.yaml")
    assert "'mine.yaml', line 4: there is no key 'temprature'; did you mean temperature" in message
    (place / "study.yaml").write_text("data: published:tiny\nplanners: [stop]\nlimt: 3\n")
    assert "'study.yaml', line 3: there is no key 'limt'; did you mean limit" in sentence(cli, "run", "study.yaml")
    (place / "study.yaml").write_text("data: [\n")
    assert "'study.yaml' is not valid YAML" in sentence(cli, "run", "study.yaml")


def test_results_that_cannot_be_written_are_named(place, cli):
    (place / "out").write_text("in the way")
    for arguments in (("run", "--data", "published:tiny", *BASELINE), ("import", "tiny", "--out", "out")):
        assert "The folder 'out' cannot be written" in sentence(cli, *arguments)


def test_a_damaged_line_is_named(place, cli):
    path = place / "results" / "a" / "frames.jsonl"
    path.write_bytes(path.read_bytes().replace(b"\n", b"}\n", 1))
    assert re.search(r"Line 1 of '.*results/a/frames\.jsonl' is damaged", sentence(cli, "evaluate", "results/a"))


def test_debug_shows_where_an_error_comes_from(place, cli):
    from lightemma.errors import UserError

    with pytest.raises(UserError, match="There is no run 'gone'"):
        cli("--debug", "evaluate", "gone")


def test_a_fault_of_the_program_is_not_blamed_on_the_user(place, cli, monkeypatch):
    def fails(*_: object, **__: object) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("lightemma.evaluation.scores.load_scores", fails)
    ended = cli("evaluate", "results")
    assert ended.status == 70
    assert (
        ended.err == "Error: ZeroDivisionError: division by zero. This is a fault in lightemma; --debug shows where.\n"
    )


def lightemma(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """The installed command, in a separate process."""
    command = Path(sys.executable).with_name("lightemma")
    return subprocess.run([str(command), *arguments], capture_output=True, text=True, cwd=cwd, timeout=60, check=False)


def test_the_installed_command_says_one_sentence_and_with_debug_a_traceback(place):
    plain = lightemma("evaluate", "gone", cwd=place)
    assert (plain.returncode, plain.stdout) == (2, "")
    assert plain.stderr == "Error: There is no run 'gone'; make one with `lightemma run` or `lightemma import`.\n"
    debug = lightemma("evaluate", "gone", "--debug", cwd=place)
    assert debug.returncode != 0
    assert "Traceback (most recent call last)" in debug.stderr
    assert "UserError: There is no run 'gone'" in debug.stderr


def test_a_torn_last_line_is_a_warning_and_not_an_error(place):
    with (place / "results" / "a" / "frames.jsonl").open("ab") as file:
        file.write(b'{"scene": "scene-00')
    done = lightemma("evaluate", "results/a", cwd=place)
    assert done.returncode == 0
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("WARNING: ")
    assert "ends in a torn line" in done.stderr
    assert "a: 5 frames, 0 not ok" in done.stdout
