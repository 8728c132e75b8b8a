"""Continuous batches give the answers of single calls, with fewer steps, and step aside where they cannot."""

from __future__ import annotations

import asyncio
import copy
import functools

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from lightemma.backends.local.batching import BatchLimits  # noqa: E402
from lightemma.backends.local.continuous import ContinuousRunner  # noqa: E402
from lightemma.backends.local.faster import vllm_offer  # noqa: E402
from lightemma.backends.local.generation import BatchRunner, Sampling  # noqa: E402
from lightemma.backends.local.loading import LoadedModel, load_model  # noqa: E402
from lightemma.backends.local.options import LocalOptions  # noqa: E402
from lightemma.backends.local.readings import Readings  # noqa: E402
from lightemma.backends.local.rows import Cache, side_by_side  # noqa: E402
from lightemma.backends.transformers import TransformersBackend, used_places  # noqa: E402
from tests.backends import tiny_models  # noqa: E402
from tests.backends.test_transformers import MIXED, ROAD, Asked, _quick, config, folder, loaded_model, plainly, request  # noqa: E402

__all__ = ["_quick", "folder"]  # fixtures

TOKENS = 10
#: The stages of four frames; all of a frame's prompts begin with its picture and the same words.
FRAMES = tuple(
    tuple(
        request(f"You drive. {words} {stage}", tiny_models.picture(20 + number))
        for stage in ("Describe the scene in words.", "And what does it intend now?", "Six pairs")
    )
    for number, words in enumerate(("a", "b b", "c c c", "It rains."))
)


class Driven:
    """Frames driven at once, the stages of each in order, and what was done for them."""

    def __init__(self, model, backend=TransformersBackend, frames=FRAMES, tokens=TOKENS, **options):
        options = {"batching": "continuous", "max_batch": 3, **options}

        async def drive():
            asked = backend(config(model, tokens, **options))

            async def one(frame):
                return [await asked.generate(stage) for stage in frame]

            try:
                frames_answers = await asyncio.gather(*map(one, frames))
                self.work, engine = list(asked.work), asked._engine
                self.continuous, self.pixels = engine.continuous, engine.preparation.pixels
            finally:
                await asked.aclose()
            return [answer for frame in frames_answers for answer in frame]

        self.answers = asyncio.run(drive())
        self.texts = [answer.text for answer in self.answers]


def alone(model, frames=FRAMES, tokens=TOKENS):
    return [text for text, _, _ in plainly(model, tuple(stage for frame in frames for stage in frame), tokens)]


@pytest.mark.parametrize("architecture", ["qwen2_5_vl", "qwen3_vl", "idefics3", "llava", "deepseek_vl"])
def test_answers_are_those_of_single_calls_and_later_stages_read_only_what_differs(folder, architecture):
    driven = Driven(folder(architecture))
    assert driven.texts == alone(folder(architecture))
    assert driven.continuous.active
    assert sum(work.calls for work in driven.work) == 12
    assert used_places(driven.work) == 1.0
    readings = driven.continuous.readings
    # Of each frame's three prompts, two begin with what is known: its picture and some words at the least.
    assert 0.2 < readings.found / readings.asked < 0.7
    assert driven.pixels.made == 4


def test_without_reuse_of_prompts_the_answers_are_the_same(folder):
    driven = Driven(folder("qwen2_5_vl"), reuse_prompts=False)
    assert driven.texts == alone(folder("qwen2_5_vl"))
    assert driven.continuous.readings.asked == 0


def test_a_conversation_is_read_on_from_the_answer_on(folder):
    model, earlier = folder("llava"), "Describe the scene."
    first = plainly(model, (request(earlier, ROAD),), TOKENS)[0][0]
    messages = request("And now?", before=()).messages
    both = request(earlier, ROAD).messages
    turns = (*both, type(both[0])("assistant", (type(messages[0].parts[0])(first),)), *messages)
    second = type(request("x"))(turns, "token", "intent")
    driven = Driven(model, frames=((request(earlier, ROAD), second),))
    assert driven.texts == [text for text, _, _ in plainly(model, (request(earlier, ROAD), second), TOKENS)]
    assert driven.continuous.readings.found > 0


@pytest.mark.parametrize("architecture", ["qwen2_5_vl", "llava"])
def test_pictures_several_and_none_are_answered_side_by_side(folder, architecture):
    requests = (*MIXED, request("Compare them.", ROAD, tiny_models.picture(3, 64, 96)), request("Count to six."))
    asked = Asked(config(folder(architecture), batching="continuous"), requests)
    assert asked.texts == [text for text, _, _ in plainly(folder(architecture), requests)]
    assert asked.tokens == [(count, written) for _, count, written in plainly(folder(architecture), requests)]


def test_sampled_answers_are_those_of_static_batches(folder):
    drawn = [
        Asked(config(folder("qwen2_5_vl"), temperature=0.9, seed=5, batching=batching, max_batch=2), MIXED).texts
        for batching in ("continuous", "static")
    ]
    assert drawn[0] == drawn[1]
    assert drawn[0] != [text for text, _, _ in plainly(folder("qwen2_5_vl"), MIXED)]


def test_the_repetition_penalty_is_that_of_static_batches(folder, tmp_path):
    model = tiny_models.save("llava", tmp_path)
    path = model / "generation_config.json"
    path.write_text(path.read_text().replace("{", '{"repetition_penalty": 1.7,', 1))
    answers = [
        Asked(config(model, TOKENS, batching=batching), MIXED[:2]).texts for batching in ("continuous", "static")
    ]
    assert answers[0] == answers[1]
    assert answers[0] != [text for text, _, _ in plainly(folder("llava"), MIXED[:2], TOKENS)]


class Uneven(TransformersBackend):
    """Some answers are cut early."""

    def output_limit(self, request):
        """Two tokens, or all."""
        return (
            2 if "Six" in request.messages[-1].parts[-1].text or "a" in request.messages[-1].parts[-1].text[:13] else 10
        )


def test_places_of_short_answers_are_given_to_others(folder):
    even = {"reuse_prompts": False}
    continuous = Driven(folder("qwen2_5_vl"), Uneven, **even)
    static = Driven(folder("qwen2_5_vl"), Uneven, batching="static", **even)
    assert continuous.texts == static.texts
    assert {answer.usage.output for answer in continuous.answers} == {2, 10}
    assert used_places(continuous.work) == 1.0
    assert used_places(static.work) < 0.9
    assert sum(work.steps for work in continuous.work) < sum(work.steps for work in static.work)


# --- stepping aside ------------------------------------------------------------------------------------------------


def test_llama_which_reads_pictures_apart_is_answered_in_static_batches(folder):
    driven = Driven(folder("mllama"), frames=FRAMES[:2])
    assert driven.texts == alone(folder("mllama"), FRAMES[:2])
    assert driven.continuous is None


def obstacle(model, change):
    loaded = loaded_model(model)
    other = copy.deepcopy(loaded.model)
    change(other)
    limits = BatchLimits(2, 1000, 8, 0.0)
    loaded = LoadedModel(other, loaded.processor, "other")
    return ContinuousRunner(loaded, Sampling(8, None), limits, BatchRunner(loaded, Sampling(8, None), limits, 0), True)


def _windows(model):
    text = model.config.get_text_config()
    text.sliding_window, text.layer_types = 8, ["sliding_attention"] * text.num_hidden_layers


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda model: None, ""),
        (_windows, "window"),
        (lambda model: setattr(model.generation_config, "no_repeat_ngram_size", 3), "no_repeat_ngram_size"),
        (lambda model: setattr(model.generation_config, "suppress_tokens", [4]), "suppress_tokens"),
        (lambda model: setattr(model, "_is_stateful", True), "cache"),
    ],
    ids=["none", "windows", "ngrams", "suppressed", "state"],
)
def test_what_stands_in_the_way_is_named(folder, change, reason):
    runner = obstacle(folder("qwen2_5_vl"), change)
    assert runner.active == (not reason)
    assert reason in runner.reason


def test_other_scores_than_generates_switch_it_off(folder, monkeypatch, caplog):
    original = ContinuousRunner._positions
    monkeypatch.setattr(ContinuousRunner, "_positions", lambda self, call: original(self, call) * 3)
    driven = Driven(folder("qwen2_5_vl"))
    assert driven.texts == alone(folder("qwen2_5_vl"))
    assert not driven.continuous.active
    assert "static batches" in caplog.text


def test_shared_readings_that_give_other_scores_are_not_used(folder, monkeypatch, caplog):
    original = Readings.find

    def find(self, *asked):
        return [(keys * 0, values * 2) for keys, values in original(self, *asked)]

    monkeypatch.setattr(Readings, "find", find)
    driven = Driven(folder("llava"))
    assert driven.texts == alone(folder("llava"))
    assert driven.continuous.active
    assert "read by each" in caplog.text


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory"), ValueError("no such batch")])
def test_a_step_that_fails_is_begun_again_in_static_batches(folder, monkeypatch, error):
    original, count = ContinuousRunner._step, []

    def step(self, sitting):
        count.append(len(sitting.rows))
        if len(count) == 4:
            raise error
        original(self, sitting)

    monkeypatch.setattr(ContinuousRunner, "_step", step)
    driven = Driven(folder("llava"))
    assert driven.texts == alone(folder("llava"))
    assert sum(work.calls for work in driven.work) == 12
    assert len(driven.work) > 1


def test_a_call_that_cannot_be_read_fails_alone(folder, monkeypatch):
    bad = request("the bad one", ROAD)
    owner = type(loaded_model(folder("llava")).model)
    original = owner.forward

    @functools.wraps(original)
    def forward(self, *args, **inputs):
        ids = inputs.get("input_ids")
        if ids is not None and any(row[-len(wrong) :] == wrong for row in ids.tolist()):
            raise ValueError("not this one")
        return original(self, *args, **inputs)

    backend = TransformersBackend(config(folder("llava")))
    wrong = backend._ready().preparation.encode(bad).inputs["input_ids"][0].tolist()[-12:]
    asyncio.run(backend.aclose())
    monkeypatch.setattr(owner, "forward", forward)
    asked = Asked(config(folder("llava"), batching="continuous"), (MIXED[0], bad, MIXED[1]))
    monkeypatch.undo()
    assert asked.answers[1].kind == "server_error"
    assert "not this one" in asked.answers[1].message
    assert [asked.answers[place].text for place in (0, 2)] == [
        text for text, _, _ in plainly(folder("llava"), MIXED[:2])
    ]


def test_a_cancelled_call_leaves_the_others_alone(folder):
    async def ask():
        backend = TransformersBackend(config(folder("idefics3"), 40, batching="continuous"))
        tasks = [asyncio.create_task(backend.generate(each)) for each in MIXED[:3]]
        while not (backend._engine and len(backend._engine.batcher._running) == 3):
            await asyncio.sleep(0.002)
        tasks[1].cancel()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        await backend.aclose()
        return answers

    answers = asyncio.run(ask())
    expected = plainly(folder("idefics3"), MIXED[:3], 40)
    assert [answers[place].text for place in (0, 2)] == [expected[place][0] for place in (0, 2)]
    assert isinstance(answers[1], asyncio.CancelledError) or answers[1].text == expected[1][0]


# --- the parts -----------------------------------------------------------------------------------------------------


def layers(length, start=0.0):
    keys = torch.arange(length, dtype=torch.float32).view(1, 1, length, 1).repeat(1, 2, 1, 3) + start
    return [(keys, keys + 100), (keys + 1000, keys + 1100)]


def test_rows_of_different_lengths_end_at_one_column_and_come_out_as_they_went_in():
    cache = side_by_side([layers(2), layers(5, 10.0)])
    assert cache.mask.tolist() == [[0, 0, 0, 1, 1], [1, 1, 1, 1, 1]]
    joined = cache.joined(side_by_side([layers(7, 50.0)]))
    assert joined.width == 7
    for place, (length, start) in enumerate(((2, 0.0), (5, 10.0), (7, 50.0))):
        for ours, theirs in zip(joined.of_row(place), layers(length, start), strict=True):
            assert torch.equal(ours[0], theirs[0])
            assert torch.equal(ours[1], theirs[1])
    # Columns that no row uses any more go.
    assert joined.kept([0]).width == 2
    assert torch.equal(joined.kept([1, 0]).of_row(1)[0][0], layers(2)[0][0])
    assert isinstance(joined, Cache)


def test_readings_are_found_by_what_they_have_in_common_with_a_prompt():
    readings = Readings(20)
    readings.keep(("a",), [1, 2, 3, 4, 5, 6], layers(6))
    assert readings.find(("a",), [1, 2, 3, 9], 2)[0][0].shape[2] == 3
    assert readings.find(("a",), [1, 2, 3], 2)[0][0].shape[2] == 2  # something must be left to be read
    assert readings.find(("a",), [1, 9, 9], 2) == []  # not the whole picture
    assert readings.find(("b",), [1, 2, 3, 4], 2) == []  # another picture
    readings.keep(("b",), list(range(10)), layers(10))
    readings.find(("a",), [1, 2, 3, 9], 2)
    readings.keep(("c",), list(range(8)), layers(8))  # 24 tokens: that which was not used for longest goes
    assert readings.find(("b",), list(range(10)), 2) == []
    assert readings.find(("a",), [1, 2, 3, 9], 2)
    readings.keep(("d",), list(range(30)), layers(30))  # larger than all that may be kept
    assert len(readings) == 0


def test_threads_share_one_picture(folder):
    backend = TransformersBackend(config(folder("qwen2_5_vl")))
    preparation = type(backend._ready().preparation)(
        loaded_model(folder("qwen2_5_vl")).processor, backend._ready().runner._model.config, 4, 4
    )
    assert preparation.count == 4

    async def ask():
        loop = asyncio.get_running_loop()
        return await asyncio.gather(
            *(loop.run_in_executor(None, preparation.encode, request(f"say {n}", ROAD)) for n in range(8))
        )

    calls = asyncio.run(ask())
    assert preparation.pixels.made == 1
    one = backend._ready().preparation
    for number, call in enumerate(calls):
        alone = one.encode(request(f"say {number}", ROAD))
        assert set(call.inputs) == set(alone.inputs)
        assert all(torch.equal(value, alone.inputs[name]) for name, value in call.inputs.items())
    asyncio.run(backend.aclose())


# --- the faster way ------------------------------------------------------------------------------------------------


def test_vllm_is_offered_where_it_serves_the_model_and_a_gpu_is_there(tmp_path):
    def nowhere(name):
        return None

    offer = vllm_offer("mine", "qwen2_5_vl", gpu=True, environment=tmp_path / "none", importable=nowhere)
    assert "'mine'" in offer
    assert "`provider: vllm`" in offer
    assert "make_vllm_env.py --gpu" in offer
    assert "make_vllm_env" not in vllm_offer("mine", "qwen2_5_vl", gpu=True, environment=tmp_path, importable=nowhere)
    assert vllm_offer("mine", "qwen2_5_vl", gpu=False) == ""
    assert vllm_offer("mine", "mllama", gpu=True) == ""
    assert vllm_offer("mine", "deepseek_vl", gpu=True) == ""


def test_loading_says_so_once(folder, monkeypatch, caplog):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    load_model(config(folder("llava")), LocalOptions(device_map="cpu"))
    assert caplog.text.count("provider: vllm") == 1
