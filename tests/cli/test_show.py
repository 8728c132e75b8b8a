"""lightemma show prints what a frame was asked and what it answered."""

import json

import msgspec
import pytest
import typer
from typer.testing import CliRunner

from lightemma.cli.show_frame import show_frame
from lightemma.errors import UserError
from lightemma.run_folder.records import AnswerRecord, CallRecord
from tests.conftest import make_frames, make_manifest, make_record, steady, write_run

FRAMES = make_frames({"s-1": 3})
PROMPT = "What is ahead? " * 60 + "End."


@pytest.fixture
def run(tmp_path):
    calls = [
        CallRecord(
            "scene",
            PROMPT,
            "A road.",
            "ok",
            more=[AnswerRecord("Another road.", "format:prose", "Or none?")],
            reasoning="Hm.",
        ),
        CallRecord("action", f"{PROMPT} A road.", None, "call:timeout", error="too late"),
    ]
    records = [make_record(frame, steady(5.0), "call:timeout", calls) for frame in FRAMES[:2]]
    records.append(msgspec.structs.replace(make_record(FRAMES[2], None, "call:planner_error"), error="It broke."))
    return write_run(tmp_path, make_manifest("vlm", FRAMES), records)


def shown(*arguments: object) -> str:
    app = typer.Typer()
    app.command()(show_frame)
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.output


@pytest.mark.parametrize("frame", [FRAMES[1].sample_token, "s-1:1"])
def test_prompts_and_answers_are_printed_whole(run, frame):
    text = shown(run, "--frame", frame)
    assert f"{PROMPT}\n" in text
    assert f"{PROMPT} A road.\n" in text
    thoughts = ["--- thought\nHm.\n", "--- answer: ok\nA road.\n"]
    thoughts += ["--- thought\nOr none?\n", "--- answer: format:prose\nAnother road.\n"]
    assert sorted(thoughts, key=text.index) == thoughts, "each with its own outcome and thoughts"
    assert "too late" in text
    assert text.startswith("s-1, frame 1, ")


def test_as_json(run):
    record = json.loads(shown(run, "--frame", "s-1:0", "--json"))
    assert [call["prompt"] for call in record["calls"]] == [PROMPT, f"{PROMPT} A road."]
    assert "prompts" not in record


def test_a_frame_without_calls_says_so(run):
    assert shown(run, "--frame", "s-1:2").splitlines()[1:] == ["It broke.", "No model was asked."]


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        ("s-1:9", "has no frame 's-1:9'; of 's-1' it has 3, from 0 to 2"),
        ("s-2:0", "has no frame 's-2:0'; did you mean s-1"),
        ("nothing", f"has no frame 'nothing'; there are .*{FRAMES[0].sample_token}"),
        ("", "has no frame ''; there are"),
    ],
)
def test_a_frame_that_is_not_there(run, frame, said):
    with pytest.raises(UserError, match=said):
        shown(run, "--frame", frame)


def test_of_several_runs_one_is_to_be_named(run):
    write_run(run.parent, make_manifest("other", FRAMES), [])
    with pytest.raises(UserError, match="holds 2 runs"):
        shown(run.parent, "--frame", "s-1:0")
