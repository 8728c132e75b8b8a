"""Estimates: calls, tokens and dollars before spending, against what the published runs recorded."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from PIL import Image

from lightemma.backends.base import CallError, Request
from lightemma.backends.config import ModelConfig
from lightemma.backends.registry import characters_per_token, config_of, picture_tokens
from lightemma.data.pictures import PicturePolicy
from lightemma.data.published import PublishedArchive
from lightemma.errors import UserError
from lightemma.planners.chain_of_thought import TYPICAL_ANSWERS, stage_calls
from lightemma.preflight.estimate import (
    DEFAULT_SIZE,
    RunEstimate,
    estimate_calls,
    estimate_runs,
    offline_backend,
    picture_size,
)
from lightemma.prompts.sets import load_prompts
from lightemma.sessions.benchmark import Benchmark
from lightemma.sessions.frames_of_source import open_runs
from lightemma.sessions.importing import archive_prompts
from tests.conftest import MadeUpSource, make_frame, make_frames, make_manifest, make_record, steady, write_run
from tests.shared_data import PUBLISHED, needs_shared

NOW = datetime(2026, 11, 22, tzinfo=UTC)

#: Tokens per frame (input, output) that whole published runs recorded over 3,908 frames, pictures of 1600 x 900.
RECORDED = {
    "gpt-4o": (4401.9, 340.8),
    "gpt-4.1": (4498.0, 429.0),
    "claude-3.7-sonnet": (5948.0, 461.0),
    "gemini-2.5-pro": (1877.0, 344.0),
    "qwen2.5-vl-7b": (6554.0, 318.0),
    "qwen2.5-vl-72b": (6634.0, 368.0),
    "deepseek-vl2-16b": (6416.0, 257.0),
    "deepseek-vl2-28b": (6398.0, 277.0),
}


def per_frame(name: str) -> tuple[int, int]:
    calls = estimate_calls(config_of(name), stage_calls(load_prompts("three-stage"), make_frames(), 1), DEFAULT_SIZE)
    return sum(call.input for call in calls), sum(call.output for call in calls)


def estimates(results: Path, frames=None, **settings) -> list[RunEstimate]:
    source = MadeUpSource(make_frames() if frames is None else frames)
    return estimate_runs(open_runs(Benchmark(data="x", **settings), results, source, offline_backend), NOW)


def test_gpt_4o_within_15_percent_of_the_published_run():
    sent, answered = per_frame("gpt-4o")
    assert sent == pytest.approx(RECORDED["gpt-4o"][0], rel=0.15)
    assert answered == pytest.approx(RECORDED["gpt-4o"][1], rel=0.15)


@pytest.mark.parametrize("name", RECORDED)
def test_input_of_every_published_model_within_15_percent(name):
    assert per_frame(name)[0] == pytest.approx(RECORDED[name][0], rel=0.15)


@needs_shared(PUBLISHED)
@pytest.mark.parametrize("name", ["gpt-4o", "claude-3.7-sonnet", "gemini-2.5-pro", "qwen-2.5-7b", "deepseek-vl2-28b"])
def test_pictures_against_the_first_recorded_call(name):
    """The scene stage is a picture and a fixed prompt, so the recorded count less the prompt is the picture's."""
    _, frame = next(iter(PublishedArchive(PUBLISHED / f"{name}.zip").frames()))
    stage = frame.call("scene")
    assert stage.usage is not None
    model = {"qwen-2.5-7b": "qwen2.5-vl-7b"}.get(name, name)
    picture = stage.usage.input - len(stage.prompt) / 4
    assert picture_tokens(config_of(model).model, (1600, 900)).tokens == pytest.approx(picture, abs=20)


@pytest.mark.slow
@needs_shared(PUBLISHED / "gpt-4o.zip")
def test_the_published_wording_too():
    prompts = archive_prompts(PublishedArchive(PUBLISHED / "gpt-4o.zip"))
    calls = estimate_calls(config_of("gpt-4o"), stage_calls(prompts, make_frames(), 1), DEFAULT_SIZE)
    assert sum(call.input for call in calls) == pytest.approx(RECORDED["gpt-4o"][0], rel=0.15)


@pytest.mark.parametrize(
    ("model", "size", "tokens"),
    [
        ("gpt-4o-2024-11-20", (1600, 900), 85 + 170 * 6),
        ("gpt-4o", (512, 512), 85 + 170),
        ("gpt-4o", (4096, 8192), 85 + 170 * 6),  # OpenAI's own example: 1024 x 2048, then 768 x 1536
        ("gpt-4o", (1024, 1024), 85 + 170 * 4),  # and the other one
        ("gpt-4.1-mini", (1024, 1024), round(1024 * 1.62)),
        ("gpt-4.1-mini", (1800, 2400), round(1536 * 1.62)),
        ("gpt-5-2025-08-07", (1600, 900), 70 + 140 * 6),
        # A public table of measured picture tokens.
        ("gpt-5.5", (1920, 1080), 2448),
        ("gpt-6-astra", (3840, 2160), 9792),
        ("gpt-6.1-sol", (256, 256), 77),
        ("claude-sonnet-5-5", (1920, 1080), 2768 - 77),
        ("claude-opus-5-5", (1280, 720), 1273 - 77),
        ("claude-haiku-4-5", (1280, 720), 1261 - 65),
        ("claude-haiku-4-5", (512, 512), 426 - 65),
        ("claude-3-7-sonnet-20250219", (1600, 900), 1568),
        ("gemini-2.5-pro", (1600, 900), 258),
        ("gemini-2.0-flash", (384, 384), 258),
        ("gemini-2.0-flash", (1600, 900), 258 * 6),
        ("gemini-4-argon", (1600, 900), 1120),
        ("Qwen/Qwen2.5-VL-7B-Instruct", (1600, 900), 57 * 32),
        ("qwen/qwen2.5-vl-72b-instruct", (1600, 900), 57 * 32),
        ("Qwen/Qwen3-VL-8B-Instruct", (1600, 900), 50 * 28),
        ("Qwen/Qwen3-VL-8B-Instruct", (4, 4), 1),
        ("deepseek-ai/deepseek-vl2", (1600, 900), 14 * 15 + 1 + 28 * 57),
        ("deepseek-ai/deepseek-vl2-tiny", (384, 384), 14 * 15 + 1 + 14 * 15),
        ("meta-llama/Llama-3.2-11B-Vision-Instruct", (1600, 900), 1),
        ("unknown-maker/some-model", (1600, 900), 1600),
        ("unknown-maker/some-model", (300, 200), 80),
    ],
)
def test_pictures_by_rule(model, size, tokens):
    assert picture_tokens(model, size).tokens == tokens
    assert picture_tokens(model, size).rule


def test_the_newer_claude_writes_more_tokens():
    assert characters_per_token("claude-sonnet-5-5") < characters_per_token("claude-sonnet-4-5") == 4.0
    assert per_frame("claude-sonnet-5.5")[1] > per_frame("claude-3.7-sonnet")[1] == sum(TYPICAL_ANSWERS.values())


def test_the_first_pictures_header_says_the_size(tmp_path, monkeypatch):
    path = tmp_path / "a.jpg"
    Image.new("RGB", (640, 360)).save(path)
    monkeypatch.setattr(Image.Image, "load", lambda _: pytest.fail("decoded"))
    frame = make_frame(image_path=path)
    assert picture_size(frame, PicturePolicy()) == (640, 360)
    assert picture_size(frame, PicturePolicy(max_side=320)) == (320, 180)
    assert picture_size(frame, PicturePolicy(max_side=2000)) == (640, 360)


def test_without_a_picture_the_camera_or_nuscenes_says_it(tmp_path):
    assert picture_size(make_frame(image_path=tmp_path / "none.jpg"), PicturePolicy()) == (1600, 900)
    torn = tmp_path / "torn.jpg"
    torn.write_bytes(b"\xff\xd8 no picture")
    assert picture_size(make_frame(image_path=torn), PicturePolicy()) == (1600, 900)


def test_a_study_needs_no_key_server_or_picture(tmp_path, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    paid, local = estimates(tmp_path, models=["gpt-4o", "qwen2.5-vl-7b"])
    assert (paid.run, paid.frames, paid.remaining_frames, paid.remaining_calls) == ("gpt-4o", 5, 5, 15)
    assert paid.input_tokens == 5 * per_frame("gpt-4o")[0]
    assert paid.output_tokens == 5 * 300
    assert paid.usd == pytest.approx((paid.input_tokens * 2.5 + paid.output_tokens * 10) / 1e6)
    assert paid.usd_batch == pytest.approx(paid.usd / 2)
    assert paid.usd_longest == pytest.approx((paid.input_tokens * 2.5 + 15 * 512 * 10) / 1e6)
    assert (local.usd, local.usd_batch, local.usd_longest) == (None, None, None)


def test_planners_that_ask_no_model_are_left_out(tmp_path):
    assert estimates(tmp_path, planners=["constant-action", "stop"]) == []
    both = estimates(tmp_path, planners=["constant-action", "chain-of-thought"], models=["gpt-4o"])
    assert [run.run for run in both] == ["gpt-4o"]


def test_recordings_and_scripts_cost_nothing(tmp_path):
    runs = estimates(tmp_path, models=["scripted-example", "replay:some/where/gpt-4o (1).zip"])
    assert [(run.run, run.usd) for run in runs] == [("scripted-example", 0.0), ("gpt-4o-1", 0.0)]


def test_frames_that_the_run_has_are_not_asked_again(tmp_path):
    frames = make_frames()
    records = [
        make_record(frames[0], steady(5.0)),
        make_record(frames[1], None, "format:prose"),
        make_record(frames[2], None, "call:timeout"),  # is tried again
    ]
    write_run(tmp_path, make_manifest("gpt-4o", frames), records)
    (run,) = estimates(tmp_path, frames, models=["gpt-4o"])
    assert (run.frames, run.remaining_frames, run.remaining_calls) == (5, 3, 9)
    (other,) = estimates(tmp_path, frames, models=["gpt-4.1"])
    assert other.remaining_frames == 5


def test_smaller_pictures_cost_less(tmp_path):
    (large,) = estimates(tmp_path, models=["gpt-4o"])
    (small,) = estimates(tmp_path, models=["gpt-4o"], pictures={"max_side": 800})
    assert [call.picture for call in small.calls] == [425] * 3
    assert [call.text for call in small.calls] == [call.text for call in large.calls]


def test_answers_are_fed_on():
    scene, intent, action = estimate_calls(
        config_of("gpt-4o"), stage_calls(load_prompts("three-stage"), make_frames(), 1), DEFAULT_SIZE
    )
    assert intent.text > scene.text
    # The action stage is given the scene and the intent.
    template = len(load_prompts("three-stage").templates["action"]) / 4
    assert action.text > template + TYPICAL_ANSWERS["scene"] + TYPICAL_ANSWERS["intent"] - 20


async def _ask(backend) -> None:
    await backend.generate(Request((), "token", "scene"))


def test_the_offline_backend_answers_nothing():
    import asyncio

    with pytest.raises(CallError):
        asyncio.run(_ask(offline_backend("gpt-4o")))


def test_what_a_model_may_be_called(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("name: mine\nprovider: no-such-package\nmodel: m\noptions: {anything: 1}\n")
    assert config_of(str(path)).name == "mine"
    assert offline_backend(str(path)).config.options == {"anything": 1}
    assert config_of("my_package.models:Mine") == ModelConfig(
        name="Mine", provider="my_package.models:Mine", model="Mine"
    )
    with pytest.raises(UserError, match="did you mean gpt-4o"):
        config_of("gpt4o")
