"""The cost model against published numbers, and what must hold for any numbers."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightemma.backends.config import Limits, ModelConfig
from lightemma.backends.registry import config_of, picture_tokens
from lightemma.calls.prices import resolve_price
from lightemma.errors import UserError
from lightemma.planners.chain_of_thought import stage_calls
from lightemma.preflight.cost_model import (
    CARDS,
    FACTOR,
    Architecture,
    CallTokens,
    Card,
    Serving,
    architecture_of,
    predict,
)
from lightemma.preflight.estimate import DEFAULT_SIZE, RunEstimate, estimate_calls
from lightemma.preflight.gpu_estimate import card_named, estimate_gpus
from lightemma.prompts.sets import load_prompts
from tests.conftest import make_frames

H100 = CARDS["h100"]

#: transformers on H100s, one call at a time: input and output tokens and seconds a frame, cards.
PUBLISHED = {
    "Qwen/Qwen2.5-VL-7B-Instruct": (6554, 318, 8.7, 1),
    "Qwen/Qwen2.5-VL-72B-Instruct": (6634, 368, 32.0, 4),
    "meta-llama/Llama-3.2-11B-Vision-Instruct": (1039, 313, 7.4, 1),
    "deepseek-ai/deepseek-vl2-tiny": (6416, 257, 10.0, 1),
    "deepseek-ai/deepseek-vl2": (6398, 277, 13.9, 1),
}

tokens = st.builds(CallTokens, st.integers(50, 4000), st.integers(10, 500))
frame_calls = st.lists(tokens, min_size=1, max_size=4)


def run_of(config: ModelConfig, pictures: int = 1, *, dialogue: bool = False) -> RunEstimate:
    prompts = load_prompts("three-stage")
    prompts = prompts.as_dialogue() if dialogue else prompts
    calls = estimate_calls(config, stage_calls(prompts, make_frames(), pictures), DEFAULT_SIZE)
    price = resolve_price(config, datetime(2026, 11, 22, tzinfo=UTC))
    return RunEstimate("r", config, 6019, 6019, calls, picture_tokens(config.model, DEFAULT_SIZE).rule, price, None)


@pytest.mark.parametrize("model", PUBLISHED)
def test_within_the_stated_factor_of_the_published_runs(model):
    read, written, seconds, cards = PUBLISHED[model]
    architecture = architecture_of(model)
    assert architecture is not None
    found = predict(architecture, [CallTokens(read // 3, written // 3)] * 3, Serving(H100, cards, 1, engine=False))
    assert found is not None
    assert 1 / FACTOR < found.latency_s / seconds < FACTOR


def test_one_at_a_time_writes_about_36_tokens_a_second_on_an_h100():
    architecture = architecture_of("qwen2.5-vl-7b-instruct")
    assert architecture is not None
    found = predict(architecture, [CallTokens(2185, 106)] * 3, Serving(H100, 1, 1, engine=False))
    assert found is not None
    assert 318 / found.latency_s == pytest.approx(36, rel=0.2)


def test_by_hand():
    # 1e9 weights of 2 bytes on a card of 1,000 GB/s that are reached: 2 ms a step, and 50 us a layer.
    card = Card("made up", memory_gb=10, bandwidth_gbs=1000 / 0.70, tflops=100 / 0.45)
    plain = Architecture(parameters=1.0, working=1.0, layers=10, kv_values=1)
    found = predict(plain, [CallTokens(read=1000, written=100)], Serving(card))
    assert found is not None
    assert found.prefill_s == pytest.approx(2e9 * 1000 / 100e12)
    assert found.decode_s == pytest.approx(100 * (0.002 + 10 * 5e-5), rel=1e-3)
    assert found.memory_gb == pytest.approx(2.0, rel=1e-3)
    assert found.gpu_hours(3600) == pytest.approx(found.gpu_s)
    assert found.wall_hours(3600, 4) == pytest.approx(found.gpu_s / 4)


@given(frame_calls, st.integers(1, 64), st.sampled_from(sorted(CARDS)))
def test_more_concurrent_calls_are_never_dearer_and_never_quicker_for_one(calls, concurrency, card):
    architecture = architecture_of("qwen2.5-vl-7b")
    assert architecture is not None
    one = predict(architecture, calls, Serving(CARDS[card], 1, 1))
    many = predict(architecture, calls, Serving(CARDS[card], 1, concurrency))
    assert (one is None) == (many is None)
    if one is not None and many is not None:
        assert many.gpu_s <= one.gpu_s * (1 + 1e-9)
        assert many.latency_s >= one.latency_s * (1 - 1e-9)
        assert many.memory_gb <= CARDS[card].memory_gb


@given(frame_calls, st.integers(1, 200))
def test_more_cards_are_never_slower_and_no_run_is_shorter_than_a_frame(calls, frames):
    architecture = architecture_of("qwen2.5-vl-7b")
    assert architecture is not None
    found = predict(architecture, calls, Serving(H100, 1, 8))
    assert found is not None
    walls = [found.wall_hours(frames, count) for count in (1, 8, 64)]
    assert walls == sorted(walls, reverse=True)
    assert walls[-1] >= found.latency_s / 3600


def test_weights_that_do_not_fit_have_no_prediction():
    architecture = architecture_of("qwen2.5-vl-72b-instruct")
    assert architecture is not None
    calls = [CallTokens(2000, 100)]
    assert predict(architecture, calls, Serving(H100, 1)) is None
    assert predict(architecture, calls, Serving(H100, 4)) is not None


def test_a_longer_name_is_not_taken_for_a_shorter_one():
    tiny, whole = architecture_of("deepseek-ai/deepseek-vl2-tiny"), architecture_of("deepseek-ai/deepseek-vl2")
    assert tiny is not None
    assert whole is not None
    assert tiny.parameters < whole.parameters
    assert architecture_of("gpt-4o") is None


def test_only_models_on_ones_own_cards_have_gpu_hours():
    assert estimate_gpus(run_of(config_of("gpt-4o")), H100) is None
    local, served = (estimate_gpus(run_of(config_of(f"qwen2.5-vl-7b{end}")), H100) for end in ("-local", ""))
    assert local is not None
    assert served is not None
    assert (local.prediction.concurrency, served.prediction.concurrency) == (1, 16)
    assert local.gpu_hours > 10 * served.gpu_hours, "why one serves with an engine"
    assert local.gpu_hours == pytest.approx(6019 * 8.7 / 3600, rel=0.5)


def test_as_many_cards_as_the_weights_need():
    whole = estimate_gpus(run_of(config_of("qwen2.5-vl-72b")), H100)
    packed = {"quantization": "awq"}
    config = ModelConfig(name="q", provider="vllm", model="Qwen/Qwen2.5-VL-72B-Instruct-AWQ", options=packed)
    small = estimate_gpus(run_of(config), H100)
    assert whole is not None
    assert small is not None
    assert (whole.prediction.cards, small.prediction.cards) == (4, 1)
    assert whole.wall_hours(2) is None
    assert whole.wall_hours(8) == pytest.approx(whole.gpu_hours / 8)


def test_more_pictures_cost_more_and_a_dialogue_reads_its_beginning_once():
    config = ModelConfig(name="q", provider="vllm", model="Qwen/Qwen2.5-VL-7B-Instruct", limits=Limits(concurrency=32))
    one, four, talk = run_of(config), run_of(config, 4), run_of(config, dialogue=True)
    assert [call.picture for call in four.calls] == [4 * call.picture for call in one.calls]
    for before, after in zip(talk.calls, talk.calls[1:], strict=False):
        assert after.shared_prefix_tokens == before.input + before.output
        assert after.input > after.shared_prefix_tokens
    hours = [found.gpu_hours for run in (one, four) if (found := estimate_gpus(run, H100)) is not None]
    assert hours[1] > 1.3 * hours[0]


def test_a_card_that_is_not_in_the_table():
    assert card_named("a100").memory_gb == 80
    with pytest.raises(UserError, match="There is no GPU 'H1000' in the table; did you mean h100"):
        card_named("H1000")
