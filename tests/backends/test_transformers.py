"""Models in this process: batches, reused pictures and failures, against transformers used plainly on the same weights."""

import asyncio
import functools
import gc
import importlib.util
import io
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
REASON = "the local models need torch and transformers: pip install 'lightemma[local]'"
torch = pytest.importorskip("torch", reason=REASON)
transformers = pytest.importorskip("transformers", reason=REASON)
transformers.utils.logging.disable_progress_bar()

from lightemma.backends.base import CallError, Message, PicturePart, Request, TextPart  # noqa: E402
from lightemma.backends.config import ModelConfig  # noqa: E402
from lightemma.backends.local.batching import Answer as LocalAnswer  # noqa: E402
from lightemma.backends.local.batching import BatchLimits, Ticket, choose  # noqa: E402
from lightemma.backends.local.generation import BatchRunner, Sampling  # noqa: E402
from lightemma.backends.local.inputs import PreparedCall, RequestEncoder, collate  # noqa: E402
from lightemma.backends.local.loading import load_model  # noqa: E402
from lightemma.backends.local.options import LocalOptions  # noqa: E402
from lightemma.backends.local.pictures import LeastRecentlyUsed, VisionReuse  # noqa: E402
from lightemma.backends.local.sampling import GumbelNoise, RepetitionPenalty, row_seed  # noqa: E402
from lightemma.backends.transformers import TransformersBackend  # noqa: E402
from lightemma.errors import UserError  # noqa: E402
from lightemma.frame import Picture  # noqa: E402
from lightemma.sessions.models import make_backend, model_entry  # noqa: E402
from tests.backends import tiny_models  # noqa: E402

ARCHITECTURES = tiny_models.ARCHITECTURES
LENGTH = 8


@pytest.fixture(scope="module", autouse=True)
def _quick():
    """One thread for tiny tensors; and closing a model collects garbage, which need not look through all of torch."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    gc.freeze()
    yield
    gc.unfreeze()
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Folder of a saved model, built once for each architecture."""
    made = {}

    def get(architecture):
        if architecture not in made:
            made[architecture] = tiny_models.save(architecture, tmp_path_factory.mktemp(architecture))
        return made[architecture]

    return get


def config(model, tokens=LENGTH, temperature=0.0, seed=None, **options):
    options = {"device_map": "cpu", "dtype": "float32", "batching": "static", **options}
    return ModelConfig(
        name="tiny",
        provider="transformers",
        model=str(model),
        max_output_tokens=tokens,
        temperature=temperature,
        seed=seed,
        options=options,
    )


def request(text, *pictures, system=None, before=()):
    messages = [Message("system", (TextPart(system),))] if system else []
    for role, earlier in before:
        messages.append(Message(role, (TextPart(earlier),)))
    messages.append(Message("user", (*map(PicturePart, pictures), TextPart(text))))
    return Request(tuple(messages), "token", "scene")


ROAD, WIDE, TALL = tiny_models.picture(1), tiny_models.picture(2, 120, 40), tiny_models.picture(3, 64, 96)
#: Different lengths, picture sizes and turns; the first two and the last share a picture.
MIXED = (
    request("Describe the scene.", ROAD),
    request("Give six pairs for the road ahead; a car is stopped at the traffic light.", ROAD),
    request("Stop", WIDE, system="You drive a car."),
    request("What is ahead? " * 6, TALL),
    request("And now?", ROAD, before=(("user", "Is the lane free?"), ("assistant", "It is."))),
)


class Asked:
    """Answers to concurrent requests, and what the backend did for them."""

    def __init__(self, settings, requests, together=True):
        async def ask():
            backend = TransformersBackend(settings)
            try:
                if together:
                    self.answers = await asyncio.gather(
                        *(backend.generate(each) for each in requests), return_exceptions=True
                    )
                else:
                    self.answers = [await backend.generate(each) for each in requests]
                self.work = list(backend.work)
                engine = backend._engine
                self.pixels, self.vision = engine.preparation.pixels, engine.runner.vision
            finally:
                await backend.aclose()

        asyncio.run(ask())

    @property
    def texts(self):
        return [answer.text for answer in self.answers]

    @property
    def tokens(self):
        return [(answer.usage.input, answer.usage.output) for answer in self.answers]


@functools.cache
def loaded_model(model):
    return load_model(config(model), LocalOptions(device_map="cpu", dtype="float32"))


@functools.cache
def plainly(model, requests, tokens=LENGTH):
    """The same by transformers alone: one call after the other, everything anew."""
    loaded = loaded_model(model)
    processor, answers = loaded.processor, []
    for each in requests:
        pictures, turns = [], []
        for message in each.messages:
            parts = []
            for part in message.parts:
                if isinstance(part, TextPart):
                    parts.append({"type": "text", "text": part.text})
                else:
                    parts.append({"type": "image"})
                    pictures.append(Image.open(io.BytesIO(part.picture.data)).convert("RGB"))
            turns.append({"role": message.role, "content": parts})
        text = processor.apply_chat_template(turns, add_generation_prompt=True)
        begun = processor.tokenizer.bos_token and text.startswith(processor.tokenizer.bos_token)
        inputs = processor(
            text=[text],
            images=[pictures] if pictures else None,
            return_tensors="pt",
            add_special_tokens=not begun,
        )
        output = loaded.model.generate(**inputs, max_new_tokens=tokens, do_sample=False)
        new = output[0, inputs["input_ids"].shape[1] :]
        answers.append((processor.decode(new, skip_special_tokens=True), inputs["input_ids"].shape[1], len(new)))
    return answers


# --- batches give the answers of single calls ---------------------------------------------------------------------


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_batched_answers_and_tokens_are_those_of_single_calls(folder, architecture):
    expected = plainly(folder(architecture), MIXED)
    assert len({text for text, _, _ in expected}) == len(MIXED)  # not degenerate: each prompt has its own answer
    for reuse in (True, False):
        asked = Asked(config(folder(architecture), reuse_pictures=reuse), MIXED)
        assert [work.calls for work in asked.work] == [len(MIXED)]
        assert asked.texts == [text for text, _, _ in expected]
        assert [output for _, output in asked.tokens] == [output for _, _, output in expected]
        if architecture != "mllama":
            assert [count for count, _ in asked.tokens] == [count for _, count, _ in expected]
        assert {answer.usage.source for answer in asked.answers} == {"tokenizer"}
    assert asked.pixels is None


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_three_stages_of_a_frame_prepare_and_encode_its_picture_once(folder, architecture):
    texts = ("Describe the scene.", "What does the car intend?", "Give six pairs.")
    stages = tuple(request(each, ROAD) for each in texts)
    asked = Asked(config(folder(architecture)), stages, together=False)
    assert asked.texts == [text for text, _, _ in plainly(folder(architecture), stages)]
    assert (asked.pixels.made, asked.vision.made, asked.vision.active) == (1, 1, True)


@pytest.mark.parametrize("architecture", ["qwen2_5_vl", "mllama", "idefics3", "llava"])
def test_collated_calls_are_what_the_processor_makes_of_a_batch(folder, architecture):
    loaded = loaded_model(folder(architecture))
    encoder = RequestEncoder(loaded.processor, loaded.model.config, 0)
    calls = [encoder.encode(each) for each in MIXED]
    processor = loaded.processor
    texts = [encoder._prompt(each.messages) for each in MIXED]
    pictures = [[Image.open(io.BytesIO(each.messages[-1].parts[0].picture.data))] for each in MIXED]
    theirs = processor(
        text=texts,
        images=pictures,
        return_tensors="pt",
        padding=True,
        padding_side="left",
        add_special_tokens=architecture not in ("mllama",),
    )
    ours = collate(calls, processor.tokenizer.pad_token_id)
    assert set(ours) == set(theirs)
    for name, tensor in ours.items():
        assert torch.equal(tensor, theirs[name]), name


@pytest.mark.parametrize("architecture", ["qwen2_5_vl", "mllama", "idefics3", "llava"])
def test_several_pictures_and_none(folder, architecture):
    requests = [
        request("Compare them.", ROAD, TALL),
        request("Compare these two.", WIDE, ROAD),
        request("What is ahead?", ROAD),
        request("Count to six."),
        request("Count."),
    ]
    expected = plainly(folder(architecture), tuple(requests))
    asked = Asked(config(folder(architecture)), requests)
    assert asked.texts == [text for text, _, _ in expected]
    # With pictures and without cannot be one batch, nor can Llama's rows of one picture and of two.
    assert sorted(work.calls for work in asked.work) == ([1, 2, 2] if architecture == "mllama" else [2, 3])


def test_llama_counts_the_patches_in_addition_to_the_text(folder):
    asked = Asked(config(folder("mllama")), MIXED[:1])
    (_, text_tokens, _), *_ = plainly(folder("mllama"), MIXED[:1])
    tiles, patches = 4, (56 // 14) ** 2 + 1  # a picture of 96 x 64 becomes 2 x 2 tiles of 56 pixels
    assert asked.tokens[0][0] == text_tokens + tiles * patches


def test_answers_do_not_depend_on_16_bit_weights_being_asked_for(folder):
    asked = Asked(config(folder("qwen2_5_vl"), dtype="bfloat16"), MIXED)
    assert asked.vision.active
    assert all(answer.usage.output for answer in asked.answers)


# --- ends of answers ----------------------------------------------------------------------------------------------


def test_finish_reason_and_tokens_of_ended_and_cut_answers(folder, tmp_path):
    model = tmp_path / "ends"
    shutil.copytree(folder("llava"), model)
    loaded = loaded_model(model)
    encoder = RequestEncoder(loaded.processor, loaded.model.config, 0)
    inputs = encoder.encode(MIXED[1]).inputs
    row = loaded.model.generate(**inputs, max_new_tokens=LENGTH, do_sample=False)[0, inputs["input_ids"].shape[1] :]
    settings = json.loads((model / "generation_config.json").read_text())
    end = int(row[4])
    place = row.tolist().index(end)
    (model / "generation_config.json").write_text(json.dumps({**settings, "eos_token_id": [end]}))

    loaded_model.cache_clear()
    asked = Asked(config(model), MIXED)
    expected = plainly(model, MIXED)
    ended = asked.answers[1]
    assert (ended.finish_reason, ended.usage.output) == ("stop", place + 1)
    assert asked.texts == [text for text, _, _ in expected]
    for answer, (_, _, count) in zip(asked.answers, expected, strict=True):
        assert answer.usage.output == count
    assert "length" in {answer.finish_reason for answer in asked.answers}


def test_a_block_of_thinking_is_cut_off_and_counted(folder):
    backend = TransformersBackend(config(folder("qwen2_5_vl")))
    engine = SimpleNamespace(name="m", tokenizer=SimpleNamespace(encode=lambda text, **_: text.split()))
    call = PreparedCall({}, 3, 3, ())

    def read(text, *, complete=True, thinks=False):
        return backend._completion(engine, replace(call, thinks=thinks), [LocalAnswer(text, 9, complete, 1.0)], 1.0)

    found = read("<think>one two three</think>\n[1]")
    assert (found.text, found.reasoning, found.usage.reasoning) == ("[1]", "one two three", 3)
    assert read("one</think>[1]", thinks=True).text == "[1]"
    cut = read("the plan is [(1, 2)]", complete=False, thinks=True)
    assert (cut.text, cut.finish_reason, cut.reasoning) == ("", "length", "the plan is [(1, 2)]")
    with pytest.raises(CallError) as caught:
        read("the plan is [(1, 2)]", thinks=True)
    assert caught.value.kind == "reasoning_only"


def test_signs_of_thinking_that_are_special_tokens_stay_until_they_are_parted():
    words = {0: "<pad>", 1: "[THINK]", 2: "hm", 3: "[/THINK]", 4: "yes", 5: "</s>"}
    special = [0, 1, 3, 5]

    def decode(tokens, skip_special_tokens, **_):
        return "".join(words[one] for one in tokens if not (skip_special_tokens and one in special))

    tokenizer = SimpleNamespace(
        all_special_ids=special, convert_ids_to_tokens=lambda ids: [words[one] for one in ids], decode=decode
    )
    settings = transformers.GenerationConfig(pad_token_id=0, eos_token_id=5)
    loaded = SimpleNamespace(model=SimpleNamespace(generation_config=settings), processor=tokenizer)
    runner = BatchRunner(loaded, Sampling(8, None), BatchLimits(1, 100, 8, 0.0), 0)
    assert runner.answer([1, 2, 3, 4, 5, 0], 1.0).text == "[THINK]hm[/THINK]yes"
    assert runner.answer([2, 4, 5, 0], 1.0).text == "hmyes"


# --- sampling -----------------------------------------------------------------------------------------------------


def test_sampled_answers_follow_the_seed_and_not_the_batch(folder):
    model = folder("qwen2_5_vl")
    together = Asked(config(model, temperature=1.0, seed=7), MIXED)
    alone = Asked(config(model, temperature=1.0, seed=7), MIXED, together=False)
    other = Asked(config(model, temperature=1.0, seed=8), MIXED)
    greedy = [text for text, _, _ in plainly(model, MIXED)]
    assert together.texts == alone.texts
    assert len({tuple(together.texts), tuple(other.texts), tuple(greedy)}) == 3
    assert Asked(config(model, temperature=None), MIXED[:2]).texts == greedy[:2]


def test_samples_of_one_call_are_rows_that_are_each_the_same_alone(folder):
    model = folder("qwen2_5_vl")
    several = replace(MIXED[0], samples=3, temperature=1.0)
    (sampled,) = Asked(config(model, seed=7), [several]).answers
    texts = [sampled.text, *(one.text for one in sampled.more)]
    assert len(set(texts)) == 3
    alone = [replace(several, samples=1, sample=number) for number in range(3)]
    assert Asked(config(model, seed=7), alone).texts == texts, "whatever else is in the batch"
    greedy = Asked(config(model), [MIXED[0]]).answers[0]
    assert sampled.usage.input == 3 * greedy.usage.input, "each row reads the prompt"
    mixed = Asked(config(model, seed=7), [several, MIXED[0]])
    assert mixed.texts[1] == greedy.text, "a call at temperature 0 in the same batch"


def test_noise_samples_the_softmax():
    scores = torch.tensor([2.0, 1.0, 0.0, -1.0])
    noise = GumbelNoise([0.7], [3], "cpu")
    drawn = torch.stack([noise(None, scores[None])[0].argmax() for _ in range(4000)])
    shares = torch.bincount(drawn, minlength=4) / 4000
    assert torch.allclose(shares, torch.softmax(scores / 0.7, 0), atol=0.03)
    assert row_seed(1, [1, 2], ()) == row_seed(1, [1, 2], ()) != row_seed(1, [1, 2], ("a",))


def test_the_repetition_penalty_is_transformers_own_without_padding(folder, tmp_path):
    ids, scores = torch.tensor([[0, 0, 3, 1]]), torch.tensor([[1.0, -1.0, 2.0, 4.0, 0.5]])
    theirs = transformers.RepetitionPenaltyLogitsProcessor(1.3)(ids[:, 2:], scores.clone())
    assert torch.allclose(RepetitionPenalty(1.3, torch.tensor([[0, 0, 1]]))(ids, scores), theirs)

    model = tmp_path / "penalty"
    shutil.copytree(folder("qwen2_5_vl"), model)
    settings = json.loads((model / "generation_config.json").read_text())
    (model / "generation_config.json").write_text(
        json.dumps({**settings, "repetition_penalty": 1.3, "do_sample": True, "temperature": 0.5, "top_k": 3})
    )
    expected = [text for text, _, _ in plainly(model, MIXED)]
    assert Asked(config(model), MIXED).texts == expected
    assert expected != [text for text, _, _ in plainly(folder("qwen2_5_vl"), MIXED)]


# --- forming batches ----------------------------------------------------------------------------------------------


def ticket(tokens, kind="text"):
    return Ticket(PreparedCall({kind: None}, tokens, tokens, ()))


def test_a_batch_keeps_to_the_budget_and_gathers_like_lengths():
    limits = BatchLimits(calls=3, tokens=330, output_tokens=10, wait_s=0)
    waiting = [ticket(100), ticket(20), ticket(99), ticket(300, "picture"), ticket(101), ticket(98)]
    batch, full = choose(waiting, limits)
    assert [each.call.tokens for each in batch] == [100, 99, 98] or [each.call.tokens for each in batch] == [100, 99]
    assert full
    assert waiting[0] in batch
    assert limits.allow([each.call for each in batch])
    # Too large for any batch: alone, and not kept waiting.
    assert choose([ticket(1000), ticket(20)], limits)[1]
    assert len(choose([ticket(1000), ticket(20)], limits)[0]) == 1
    # Not full: two short calls leave room.
    assert choose([ticket(20), ticket(30), ticket(30, "picture")], limits)[1] is False


def test_batches_of_a_run_keep_to_the_budget(folder):
    model, budget = folder("llava"), 2 * (40 + LENGTH)
    requests = [request(text, ROAD) for text in ("a", "b", "c", "d", "e", "f g h i j k l m n o p q r s t u")]
    asked = Asked(config(model, max_batch_tokens=budget, max_batch=4), requests)
    assert all(work.calls * (work.width + LENGTH) <= budget or work.calls == 1 for work in asked.work)
    assert sum(work.calls for work in asked.work) == len(requests)
    assert max(work.calls for work in asked.work) == 2
    assert asked.texts == [text for text, _, _ in plainly(model, tuple(requests))]


def test_a_lone_call_does_not_wait_for_a_full_batch(folder):
    async def ask():
        backend = TransformersBackend(config(folder("llava"), tokens=1))
        await backend.generate(MIXED[0])
        started = time.perf_counter()
        await backend.generate(MIXED[0])
        seconds = time.perf_counter() - started
        await backend.aclose()
        return seconds

    assert asyncio.run(ask()) < 1.0


def test_calls_being_prepared_are_waited_for(folder):
    """Eight concurrent calls are one batch even though preparing takes longer than the wait."""
    asked = Asked(config(folder("llava"), max_wait_ms=0), [request(f"say {n}", ROAD) for n in range(8)])
    assert [work.calls for work in asked.work] == [8]


# --- callers that stop waiting, models that close ---------------------------------------------------------------------------


def test_a_cancelled_call_leaves_the_others_alone(folder):
    model = folder("idefics3")

    async def ask():
        backend = TransformersBackend(config(model))
        tasks = [asyncio.create_task(backend.generate(each)) for each in MIXED]
        while not backend._engine:  # cancelled while it is prepared, or in the queue, or in the batch
            await asyncio.sleep(0.005)
        tasks[1].cancel()
        await asyncio.sleep(0.03)
        tasks[3].cancel()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        again = await backend.generate(MIXED[1])
        await backend.aclose()
        return answers, again

    answers, again = asyncio.run(ask())
    expected = [text for text, _, _ in plainly(model, MIXED)]
    assert isinstance(answers[1], asyncio.CancelledError)
    assert isinstance(answers[3], asyncio.CancelledError)
    assert [answers[place].text for place in (0, 2, 4)] == [expected[place] for place in (0, 2, 4)]
    assert again.text == expected[1]


def test_a_batch_without_callers_ends_early(folder):
    async def ask():
        backend = TransformersBackend(config(folder("qwen2_5_vl"), tokens=2000))
        task = asyncio.create_task(backend.generate(MIXED[0]))
        while not (backend._engine and backend._engine.batcher._running):
            await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        engine = backend._engine
        await backend.aclose()
        return engine.runner.work

    (work,) = asyncio.run(ask())
    assert work.output_tokens < 1000


def test_closing_ends_the_thread_fails_the_waiting_and_can_be_followed_by_calls(folder):
    async def ask():
        backend = TransformersBackend(config(folder("llava"), tokens=1500, max_batch=1))
        tasks = [asyncio.create_task(backend.generate(each)) for each in MIXED[:2]]
        while not (backend._engine and backend._engine.batcher._running):
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.05)
        await backend.aclose()
        await asyncio.gather(*tasks, return_exceptions=True)
        names = {thread.name for thread in threading.enumerate()}
        failed = tasks[1].exception()
        backend.config.max_output_tokens = 2
        again = await backend.generate(MIXED[0])
        await backend.aclose()
        return names, failed, again

    names, failed, again = asyncio.run(ask())
    assert "lightemma-model" not in names
    assert isinstance(failed, CallError)
    assert failed.kind == "server_error"
    assert again.usage.output == 2


def test_one_backend_serves_event_loops_one_after_the_other(folder):
    backend = TransformersBackend(config(folder("llava")))
    first = asyncio.run(backend.generate(MIXED[0]))
    assert asyncio.run(backend.generate(MIXED[0])).text == first.text
    asyncio.run(backend.aclose())


# --- memory and failures ------------------------------------------------------------------------------------------


def failing_generate(monkeypatch, architecture, most, error):
    """The model refuses batches of more than ``most`` calls."""
    owner = getattr(transformers, architecture)
    original = owner.generate

    def generate(self, **inputs):
        if len(inputs["input_ids"]) > most:
            raise error
        return original(self, **inputs)

    monkeypatch.setattr(owner, "generate", generate)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: can't allocate memory"),
    ],
    ids=["gpu", "python", "cpu"],
)
def test_a_batch_that_does_not_fit_is_halved_and_later_ones_stay_small(folder, monkeypatch, error):
    model = folder("llava")
    expected = [text for text, _, _ in plainly(model, MIXED)]
    failing_generate(monkeypatch, "LlavaForConditionalGeneration", 3, error)

    async def ask():
        backend = TransformersBackend(config(model))
        answers = [await asyncio.gather(*(backend.generate(each) for each in MIXED)) for _ in range(2)]
        limits, work = backend._engine.batcher._limits, list(backend.work)
        await backend.aclose()
        return answers, limits, work

    answers, limits, work = asyncio.run(ask())
    assert all([answer.text for answer in each] == expected for each in answers)
    assert limits.tokens < LocalOptions().max_batch_tokens
    assert max(each.calls for each in work) <= 3


def test_a_single_call_that_does_not_fit_fails_alone(folder, monkeypatch):
    failing_generate(monkeypatch, "LlavaForConditionalGeneration", 0, torch.OutOfMemoryError("CUDA out of memory"))
    asked = Asked(config(folder("llava")), MIXED[:2])
    assert [error.kind for error in asked.answers] == ["server_error"] * 2
    assert "max_output_tokens" in asked.answers[0].message
    assert "CUDA out of memory" in asked.answers[0].message


def test_a_model_that_fails_on_batches_is_asked_one_by_one(folder, monkeypatch):
    failing_generate(monkeypatch, "LlavaForConditionalGeneration", 1, ValueError("batch size must be 1"))
    asked = Asked(config(folder("llava")), MIXED[:3])
    monkeypatch.undo()
    assert asked.texts == [text for text, _, _ in plainly(folder("llava"), MIXED[:3])]


def test_broken_pictures_and_long_prompts_are_bad_requests(folder):
    torn = Picture(ROAD.data[:60], "image/png", ROAD.size, "torn")
    requests = [
        MIXED[0],
        request("torn", torn),
        request("none", None),
        request("word " * 5000, ROAD),
        request("an <image> too many", ROAD),
    ]
    asked = Asked(config(folder("llava")), requests)
    assert asked.answers[0].text
    assert [(type(each), each.kind) for each in asked.answers[1:]] == [(CallError, "bad_request")] * 4
    assert "4096" in asked.answers[3].message


def test_reuse_steps_aside_where_single_pictures_give_other_features(folder, monkeypatch, caplog):
    """A vision encoder whose features depend on the whole batch cannot be asked picture by picture."""
    owner = transformers.models.llava.modeling_llava.LlavaModel
    original = owner.get_image_features

    def get_image_features(self, pixel_values, *args, **kwargs):
        output = original(self, pixel_values, *args, **kwargs)
        output.pooler_output = [feature * len(pixel_values) for feature in output.pooler_output]
        return output

    monkeypatch.setattr(owner, "get_image_features", get_image_features)
    with_reuse = Asked(config(folder("llava")), MIXED)
    without = Asked(config(folder("llava"), reuse_pictures=False), MIXED)
    assert with_reuse.texts == without.texts
    assert not with_reuse.vision.active
    assert "not reused" in caplog.text


def test_a_model_without_a_known_feature_method_is_left_as_it_is():
    class Config:
        model_type = "other"

    class Model:
        config = Config()

    assert not VisionReuse(Model(), 4).active


def test_the_cache_forgets_what_was_not_asked_for_longest():
    cache, made = LeastRecentlyUsed(2), []
    for key in "abacab":
        cache.get(key, lambda key=key: made.append(key))
    assert made == ["a", "b", "c", "b"]
    assert len(cache) == 2


def test_small_caches_only_cost_time(folder):
    asked = Asked(config(folder("qwen2_5_vl"), cached_pictures=1), MIXED)
    assert asked.texts == [text for text, _, _ in plainly(folder("qwen2_5_vl"), MIXED)]


# --- set-up -------------------------------------------------------------------------------------------------------


def loading_error(settings):
    with pytest.raises(UserError) as caught:
        Asked(settings, MIXED[:2], together=False)
    return str(caught.value)


def test_models_that_cannot_be_loaded_say_what_to_do(folder, tmp_path, monkeypatch):
    # A hub that does not answer is waited for, up to a minute on some networks.
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert "does not exist" in loading_error(config(tmp_path / "nowhere"))
    sentence = loading_error(config("someone/unheard-of-vlm"))
    assert "hf download someone/unheard-of-vlm" in sentence
    pinned = config("someone/unheard-of-vlm").model_copy(update={"revision": "abc123"})
    assert "--revision abc123" in loading_error(pinned)

    text = tmp_path / "text"
    transformers.LlamaConfig(vocab_size=8, hidden_size=8, num_attention_heads=1, num_hidden_layers=1).save_pretrained(
        text
    )
    assert "'llama'" in loading_error(config(text))
    assert "image-text-to-text" in loading_error(config(text))

    empty = tmp_path / "empty"
    empty.mkdir()
    assert "from that folder" in loading_error(config(empty))
    assert "max_pixels" in loading_error(config(folder("llava"), max_pixels=1000))
    assert "attention" in loading_error(config(folder("llava"), attention="flash_attention_2"))

    own = tmp_path / "own"
    shutil.copytree(folder("llava"), own)
    settings = json.loads((own / "config.json").read_text())
    settings |= {"model_type": "homemade", "auto_map": {"AutoConfig": "homemade.Config"}}
    (own / "config.json").write_text(json.dumps(settings))
    assert "trust_remote_code: true" in loading_error(config(own))


def test_missing_packages_are_named_before_anything_is_imported(folder, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "torch" else find(name, *rest))
    with pytest.raises(UserError, match=r"needs torch; install with pip install 'lightemma\[local\]'"):
        TransformersBackend(config(folder("llava")))
    code = (
        "import sys\n"
        "from lightemma.backends.transformers import TransformersBackend\n"
        "from lightemma.backends.config import ModelConfig\n"
        "TransformersBackend(ModelConfig(name='m', provider='transformers', model='a/b'))\n"
        "print(sorted({'torch', 'transformers', 'PIL'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_pixel_limits_change_the_tokens(folder):
    model = folder("qwen2_5_vl")
    large = Asked(config(model), [request("a", tiny_models.picture(1, 320, 240))])
    small = Asked(config(model, max_pixels=56 * 56), [request("a", tiny_models.picture(1, 320, 240))])
    assert small.tokens[0][0] < large.tokens[0][0]


def test_a_yaml_names_the_provider(folder, tmp_path):
    place = tmp_path / "tiny.yaml"
    place.write_text(
        f"name: tiny\nprovider: transformers\nmodel: {folder('llava')}\nmax_output_tokens: 3\n"
        "options:\n  dtype: float32\n  max_batch: 2\n  device_map: cpu\n"
    )
    backend = make_backend(str(place))
    assert isinstance(backend, TransformersBackend)
    assert (backend.config.limits.timeout_s, backend.config.limits.concurrency) == (3600.0, 4)
    assert model_entry(backend).parameters["options"] == {"dtype": "float32", "max_batch": 2, "device_map": "cpu"}
    answer = asyncio.run(backend.generate(MIXED[0]))
    asyncio.run(backend.aclose())
    assert (answer.usage.output, answer.model) == (3, str(folder("llava")))
    assert answer.latency_s < 5
    with pytest.raises(UserError, match="max_batch_tokens"):
        TransformersBackend(config(folder("llava"), batch=3))


def test_limits_of_the_user_are_kept(folder):
    settings = config(folder("llava")).model_dump() | {"limits": {"timeout_s": 5, "concurrency": 1}}
    backend = TransformersBackend(ModelConfig.model_validate(settings))
    assert (backend.config.limits.timeout_s, backend.config.limits.concurrency) == (5, 1)


@pytest.mark.parametrize("kind", ["plain", "of a text model"])
def test_processors_without_a_template_for_pictures(folder, kind):
    loaded = load_model(config(folder("llava")), LocalOptions(device_map="cpu", dtype="float32"))
    processor = loaded.processor
    processor.chat_template = processor.tokenizer.chat_template = (
        None
        if kind == "plain"
        else "{% for m in messages %}[{{ m['role'] }}] {{ m['content'] }}\n{% endfor %}[assistant]"
    )
    encoder = RequestEncoder(processor, loaded.model.config, 0)
    prompt = encoder._prompt(MIXED[2].messages)
    if kind == "plain":
        assert prompt == "System: You drive a car.\nUser: <image>Stop\nAssistant:"
    else:
        assert prompt == "[system] You drive a car.\n[user] <image>Stop\n[assistant]"
    call = encoder.encode(MIXED[2])
    assert (call.inputs["input_ids"] == loaded.model.config.image_token_id).sum() == 16


def test_the_page_names_every_option():
    page = (Path(__file__).resolve().parents[2] / "docs" / "local-models.md").read_text()
    assert all(f"`{name}`" in page for name in TransformersBackend.Options.model_fields)
