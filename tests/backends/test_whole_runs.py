"""Whole runs through every provider's SDK and a local model: complete tables, nothing paid twice, no key in any file."""

from __future__ import annotations

import csv
import json
import logging
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from lightemma.backends.base import Backend
from lightemma.calls.monitor import Monitor
from lightemma.data.nuscenes import NuScenesSource
from lightemma.evaluation.comparison import compare_runs
from lightemma.evaluation.scores import load_scores
from lightemma.evaluation.tables import TABLES
from lightemma.evaluation.tables.files import write_tables
from lightemma.frame import EgoHistory, Frame
from lightemma.run_folder.frame_lines import frames_file
from lightemma.run_folder.store import read_frames, read_manifest, whole_lines
from lightemma.sessions.benchmark import Benchmark
from lightemma.sessions.frames_of_source import FramesOfSource, open_runs
from lightemma.sessions.run import Spending
from lightemma.sessions.session import Session
from tests.backends.kit import CHAT, HOSTED, KEY, each
from tests.conftest import MadeUpSource, make_frames, steady
from tests.fake_providers import Fault
from tests.shared_data import SHARED, needs_shared

REAL = SHARED / "real-scenes"


def pictured(folder: Path) -> list[Frame]:
    """Five frames with a picture and a history of their own each, so that all calls differ."""
    frames = []
    for number, frame in enumerate(make_frames()):
        path = folder / f"{number}.jpg"
        Image.new("RGB", (32, 18), (40 * number, 120, 150)).save(path)
        history = EgoHistory(frame.history.positions, steady(4.0 + number))
        frames.append(replace(frame, image_path=path, history=history))
    return frames


def study(folder: Path, backend: Backend, frames: list[Frame] | None = None, **more) -> Session[FramesOfSource]:
    source = more.pop("source", None) or MadeUpSource(frames or pictured(folder))
    benchmark = Benchmark(data="made-up", models=["m"], **more)
    return open_runs(benchmark, folder / "results", source, backends=lambda _: backend)


def answers(folder: Path) -> dict[str, list[tuple[str, str, str | None]]]:
    """Every call and its answer, by frame."""
    return {
        record.sample_token: [(stage.stage, stage.prompt, stage.response) for stage in record.calls]
        for record in read_frames(folder / "results" / "m")
    }


@each
def test_a_run_is_complete_paid_once_and_keeps_its_key_to_itself(server, provider, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    monitors: list[Monitor] = []
    first = study(tmp_path, provider.make(server))
    (outcome,) = first.run(watch=monitors.append)
    assert (outcome.done, outcome.failed) == (5, 0)
    assert server.counts.served.total() == 15
    assert (monitors[0].calls, monitors[0].cached) == (15, 0)
    assert monitors[0].input_tokens > 0

    again = study(tmp_path, provider.make(server), name="again")
    again.run()
    assert server.counts.served.total() == 15, "answers given before were asked again"

    scores = [load_scores(tmp_path / "results" / name) for name in ("m", "again")]
    write_tables(compare_runs(scores), tmp_path / "tables")
    for table in (one.name for one in TABLES if one.ALWAYS):
        with (tmp_path / "tables" / f"{table}.csv").open() as file:
            assert list(csv.DictReader(file)), table
    manifest = read_manifest(tmp_path / "results" / "m")
    assert manifest.model is not None
    assert manifest.model.answered_as
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) > 20
    assert not [path for path in files if KEY.encode() in path.read_bytes()]
    assert KEY not in caplog.text


@pytest.mark.parametrize("provider", HOSTED, ids=lambda provider: provider.name)
def test_a_batch_brings_the_same_records_as_single_calls(server, provider, tmp_path):
    single, batch = tmp_path / "single", tmp_path / "batch"
    for folder in (single, batch):
        folder.mkdir()
    one = study(single, provider.make(server))
    one.run()
    asked = server.counts.requests
    many = study(batch, provider.make(server))
    (outcome,) = many.run(Spending(batch=True, poll_s=0.0))
    assert (outcome.done, outcome.failed) == (5, 0)
    assert server.counts.requests == asked, "single calls were made in addition to the batches"
    assert answers(batch) == answers(single)
    named = [read_manifest(folder / "results" / "m").model for folder in (single, batch)]
    assert named[0] is not None
    assert named[1] is not None
    assert named[1].answered_as == named[0].answered_as is not None


def test_faults_on_the_way_change_nothing_but_the_tries(server, tmp_path):
    """Every call meets a fault or two; the run ends as if there had been none."""
    clean, shaken = tmp_path / "clean", tmp_path / "shaken"
    for folder in (clean, shaken):
        folder.mkdir()
    one = study(clean, CHAT.make(server))
    one.run()
    server.reset()
    faults = ["server_error", Fault("rate_limited", retry_after="0.01"), "overloaded", "reset", "invalid_json", None]
    server.next(*faults * 3)
    two = study(shaken, CHAT.make(server))
    (outcome,) = two.run()
    assert outcome.failed == 0
    assert server.counts.requests > 15
    assert answers(shaken) == answers(clean)


def test_a_wrong_key_ends_one_model_and_not_the_other(server, tmp_path, monkeypatch):
    frames = pictured(tmp_path)
    good = CHAT.make(server, name="good")
    monkeypatch.setenv("OTHER_KEY", "sk-wrong-9876543210")
    bad = CHAT.make(server, name="bad", api_key_env="OTHER_KEY")
    both = open_runs(
        Benchmark(data="made-up", models=["good", "bad"]),
        tmp_path / "results",
        MadeUpSource(frames),
        backends=lambda name: {"good": good, "bad": bad}[name],
    )
    with pytest.raises(Exception, match="refused the key for model 'bad'") as caught:
        both.run()
    assert "sk-wrong" not in str(caught.value)
    assert len(read_frames(tmp_path / "results" / "good")) == 5
    assert read_frames(tmp_path / "results" / "bad") == []


def real_run(folder: Path, backend: Backend) -> list[dict[str, str]]:
    source = NuScenesSource(REAL, "v1.0-real")
    drive = study(folder, backend, source=source, concurrency=8)
    (outcome,) = drive.run()
    assert (outcome.total, outcome.done, outcome.failed) == (43, 43, 0)
    write_tables(compare_runs([load_scores(folder / "results" / "m")]), folder / "tables")
    with (folder / "tables" / "summary.csv").open() as file:
        return list(csv.DictReader(file))


@needs_shared(REAL)
def test_real_pictures_go_through_the_server(server, tmp_path):
    model, baseline = real_run(tmp_path, CHAT.make(server, name="m"))
    assert (model["frames"], model["ok_frames"], model["calls_per_frame"]) == ("43", "43", "3.0")
    assert float(model["input_tokens"]) > 0
    assert baseline["run"] == "constant-action"
    assert server.counts.served.total() == 129
    assert all(record.image_sha256 for record in read_frames(tmp_path / "results" / "m"))


@needs_shared(REAL)
def test_real_pictures_go_through_a_local_model(tmp_path):
    pytest.importorskip("torch", reason="local models need the extra `local`")
    pytest.importorskip("transformers", reason="local models need the extra `local`")
    from lightemma.backends.config import ModelConfig
    from lightemma.backends.transformers import TransformersBackend
    from tests.backends.tiny_models import save

    weights = save("qwen2_5_vl", tmp_path / "weights")
    config = ModelConfig(
        name="m", provider="transformers", model=str(weights), max_output_tokens=4, options={"max_pixels": 28 * 28 * 16}
    )
    model, _ = real_run(tmp_path, TransformersBackend(config))
    assert model["frames"] == "43"
    assert float(model["format_error_rate"]) == 1.0, "random weights write no list, and that is said"
    assert float(model["call_error_rate"]) == 0.0
    lines = [json.loads(line) for line in whole_lines(frames_file(tmp_path / "results" / "m"))]
    assert all(stage["usage"]["source"] == "tokenizer" for line in lines for stage in line["calls"])
