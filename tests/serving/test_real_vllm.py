"""The real engine behind the harness: runs, counts, and every way of ending. Minutes, since each start takes half a minute."""

from __future__ import annotations

import asyncio
import csv
import itertools
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from lightemma.backends.base import CallError, Message, PicturePart, Request, TextPart
from lightemma.backends.config import ModelConfig
from lightemma.backends.vllm import VllmBackend
from lightemma.evaluation.tables import TABLES
from lightemma.run_folder.store import read_frames
from lightemma.serving.pool import ServerPool
from tests.backends import tiny_models
from tests.conftest import lines_of_run
from tests.serving.kit import carrying, wait_until
from tests.serving.real_vllm import needs_vllm, save_model, settings
from tests.shared_data import SHARED, needs_shared

pytestmark = [pytest.mark.slow, needs_vllm]
REAL = SHARED / "real-scenes"
SOURCE = f"nuscenes:{REAL}@v1.0-real"
#: Seconds for a start on a busy machine with two cores, and a little more.
START_S = 300


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_model(tmp_path_factory.mktemp("weights"))


@pytest.fixture
def folder(tmp_path):
    """A folder for runs; no process that was started for it may be left."""
    yield tmp_path
    left = carrying(f"TEST_FOLDER={tmp_path}")
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert not left, "processes are left"


def command(folder, model, *arguments):
    path = folder / "tiny.yaml"
    # Long enough for six pairs, where the answer is constrained to them.
    path.write_text(
        yaml.safe_dump(settings(model, str(folder)) | {"max_output_tokens": 200 if "guided" in arguments else 16})
    )
    run = ["run", "--data", SOURCE, "--model", str(path), "--out", str(folder / "results"), "--quiet", *arguments]
    return [sys.executable, "-m", "lightemma", *run]


def harness(folder, model, *arguments):
    return subprocess.Popen(
        command(folder, model, *arguments), cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def frames_done(folder):
    return len(lines_of_run(folder / "results" / "tiny"))


def starts(folder):
    return [json.loads(line) for line in (folder / "results" / "tiny" / "server.jsonl").read_text().splitlines()]


@needs_shared(REAL)
def test_a_complete_run_counts_as_the_server_does(folder, model):
    # Random weights write plans only when constrained to their form, and without plans there is nothing to score.
    arguments = command(folder, model, "--answer", "guided", "--name", "tiny")
    done = subprocess.run(arguments, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert carrying(f"TEST_FOLDER={folder}") == []
    run = folder / "results" / "tiny"
    stages = [stage for frame in read_frames(run) for stage in frame.calls]
    assert all(stage.usage.source == "api" for stage in stages)
    (start,) = starts(folder)
    assert (start["how"], start["counted"]["requests"]) == ("stopped", len(stages))
    assert start["counted"]["input_tokens"] == sum(stage.usage.input for stage in stages)
    assert start["counted"]["output_tokens"] == sum(stage.usage.output for stage in stages)
    assert start["counted"]["prefix_cache_found"] == sum(stage.usage.cached_input for stage in stages)
    assert start["counted"]["picture_cache_found"] > 0, "a frame's picture is encoded once for its three stages"
    tables = folder / "tables"
    compare = [sys.executable, "-m", "lightemma", "compare", str(run), "--out", str(tables)]
    subprocess.run(compare, cwd=folder, check=True, capture_output=True)
    rows = {}
    for table in (one.name for one in TABLES):
        with (tables / f"{table}.csv").open() as file:
            rows[table] = list(csv.DictReader(file))
        assert rows[table] or table == "references", table  # those are made of several models
    (own,) = [row for row in rows["summary"] if row["run"] == "tiny"]
    assert int(own["frames"]) == len(stages) / 3 == 43
    assert float(own["input_tokens"]) * 43 == pytest.approx(start["counted"]["input_tokens"])
    assert float(own["output_tokens"]) * 43 == pytest.approx(start["counted"]["output_tokens"])
    assert int(own["ok_frames"]) == 43


@needs_shared(REAL)
def test_an_engine_that_is_killed_is_started_again_and_ctrl_c_ends_it(folder, model):
    process = harness(folder, model, "--concurrency", "1")
    assert wait_until(lambda: frames_done(folder) >= 2 or process.poll() is not None, START_S)
    engines = [pid for pid in carrying(f"TEST_FOLDER={folder}") if _name(pid).startswith("VLLM")]
    assert engines, "the processes that compute are found by their names"
    for pid in engines:
        os.kill(pid, signal.SIGKILL)
    before = frames_done(folder)
    assert wait_until(lambda: frames_done(folder) >= before + 2 or process.poll() is not None, START_S)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode in (0, 130), output
    assert "starting the server of 'tiny' again (1 of 2)" in output
    assert carrying(f"TEST_FOLDER={folder}") == []
    first, second = starts(folder)
    assert first["how"] in ("died", "is not healthy any more")
    assert second["how"] == "stopped"
    assert {frame.outcome.partition(":")[0] for frame in read_frames(folder / "results" / "tiny")} <= {"ok", "format"}


@needs_shared(REAL)
def test_a_killed_harness_leaves_a_server_that_the_next_start_ends(folder, model):
    process = harness(folder, model, "--concurrency", "1", "--limit", "6")
    assert wait_until(lambda: frames_done(folder) >= 1 or process.poll() is not None, START_S)
    (note,) = (folder / "results" / ".servers").glob("*.json")
    watchdog = json.loads(note.read_text())["server"]["pid"]
    os.kill(watchdog, signal.SIGKILL)
    process.kill()
    process.communicate()
    stale = set(carrying(f"TEST_FOLDER={folder}"))
    assert len(stale) >= 2, "the server and its engine still run without a harness"
    again = subprocess.run(
        command(folder, model, "--limit", "6"), cwd=folder, capture_output=True, text=True, check=False
    )
    assert again.returncode == 0, again.stderr
    assert "ended the server of a run that was killed" in again.stderr
    assert "already done" in again.stdout
    assert not stale & set(carrying(""))
    assert not (folder / "results" / ".servers").exists()


def test_pictures_turns_and_one_too_many(folder, model):
    def asked(*turns):
        messages = [
            Message("user" if place % 2 == 0 else "assistant", tuple(map(_part, turn)))
            for place, turn in enumerate(turns)
        ]
        return Request(tuple(messages), "token", "scene")

    def _part(part):
        return TextPart(part) if isinstance(part, str) else PicturePart(part)

    pictures = [tiny_models.picture(number, 224, 168) for number in range(5)]

    async def scenario():
        backend = VllmBackend(ModelConfig(**settings(model, str(folder))))
        backend.prepare_run(folder / "run", ServerPool(folder))
        try:
            inputs = [(await backend.generate(asked([*pictures[:n], "What is ahead?"]))).usage.input for n in range(5)]
            with pytest.raises(CallError, match=r"HTTP 400: At most 4 image\(s\)") as refused:
                await backend.generate(asked([*pictures, "What is ahead?"]))
            # The cache knows whole blocks of 128 tokens only.
            question = [pictures[0], "What is ahead, and what may change the plan? " * 20]
            first = await backend.generate(asked(question))
            second = await backend.generate(asked(question, [first.text], ["And now?"]))
        finally:
            await backend.aclose()
        return inputs, refused.value.kind, first, second

    inputs, kind, first, second = asyncio.run(scenario())
    assert kind == "bad_request"
    steps = {after - before for before, after in itertools.pairwise(inputs)}
    # 8 x 6 tokens of 28 x 28 pixels, between two marks.
    assert steps == {8 * 6 + 2}
    assert second.usage.input > first.usage.input + len(first.text.split())
    assert second.usage.cached_input >= 128, "the first turn comes out of the prefix cache"


def _name(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return ""
