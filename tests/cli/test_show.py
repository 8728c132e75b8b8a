"""lightemma show prints what a frame was asked and what it answered."""

import json

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
        CallRecord("scene", PROMPT, "A road.", "ok", more=[AnswerRecord("Another road.")]),
        CallRecord("action", f"{PROMPT} A road.", None, "call:timeout", error="too late"),
    ]
    records = [make_record(frame, steady(5.0), "call:timeout", calls) for frame in FRAMES]
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
    assert "Another road." in text
    assert "too late" in text
    assert text.startswith("s-1, frame 1, ")


def test_as_json(run):
    record = json.loads(shown(run, "--frame", "s-1:2", "--json"))
    assert [call["prompt"] for call in record["calls"]] == [PROMPT, f"{PROMPT} A road."]
    assert "prompts" not in record


def test_a_frame_that_is_not_there(run):
    with pytest.raises(UserError, match="has no frame 's-1:9'"):
        shown(run, "--frame", "s-1:9")
