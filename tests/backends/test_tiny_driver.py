"""The tiny driver: its words, how it reads prompts, and what its shipped weights answer."""

import asyncio
import functools
import hashlib
import io
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lightemma.backends.base import Backend, CallResult, Request
from lightemma.backends.tiny import vocabulary as words
from lightemma.backends.tiny.engine import SHIPPED, TinyEngine
from lightemma.backends.tiny.pixels import pixels
from lightemma.backends.tiny.reading import IMAGES, read_question
from lightemma.backends.tiny.vocabulary import VOCABULARY
from lightemma.data.embedded_demo import open_embedded_demo
from lightemma.errors import UserError
from lightemma.evaluation.reasoning.rules import RuleReader
from lightemma.frame import EarlierPicture, Frame, Picture
from lightemma.parsing import parse_answer
from lightemma.planners.base import PlannerSettings, View
from lightemma.planners.prompt_style import PromptStyle
from lightemma.planners.registry import make_planner
from lightemma.sessions.models import make_backend
from tests.conftest import make_frame

HISTORY = np.array([[6.0, 0.0], [6.5, 0.001], [7.2, 0.002], [7.9, 0.004], [8.0, 0.01], [7.75, 0.02]])
needs_engine = pytest.mark.skipif(
    not (SHIPPED / "model.safetensors").is_file(), reason="the weights of the tiny driver are not there"
)


def picture_of(colour: int) -> Picture:
    held = io.BytesIO()
    Image.new("RGB", (320, 180), (colour, colour, colour)).save(held, "PNG")
    data = held.getvalue()
    return Picture(data, "image/png", (320, 180), hashlib.sha256(data).hexdigest())


def asked_by(planner: str, style: PromptStyle, frame: Frame, view: View, *texts: str) -> list[Request]:
    """The requests of a planner whose model answers with some texts."""
    from lightemma.backends.base import Completion

    requests: list[Request] = []

    async def call(request: Request) -> CallResult:
        requests.append(request)
        return CallResult(Completion(texts[min(len(requests), len(texts)) - 1]))

    asyncio.run(make_planner(planner, PlannerSettings(style=style)).plan(frame, view, {"main": call}))
    return requests


def test_every_plan_that_it_can_write_is_read_by_the_strict_parser():
    random = np.random.default_rng(0)
    for _ in range(50):
        pairs = [(float(random.uniform(-1, 30)), float(random.uniform(-0.3, 0.3))) for _ in range(6)]
        ids = VOCABULARY.plan(pairs)
        parsed = parse_answer(VOCABULARY.text([*ids, words.END]), "strict")
        wanted = np.clip(np.array(pairs), [0.0, -0.2], [25.0, 0.2])
        assert len(ids) == 13
        assert parsed.actions is not None
        assert np.abs(parsed.actions - wanted)[:, 0].max() <= words.SPEED_STEP / 2 + 1e-9
        assert np.abs(parsed.actions - wanted)[:, 1].max() <= 0.0021


def test_phrases_are_found_again_in_the_text_that_they_make():
    phrases = ["It rains.", words.LIGHTS["red"], words.LINES[3], words.LEADERS[6], words.PACES[3]]
    ids = VOCABULARY.ids(phrases)
    assert VOCABULARY.found(f"Well: {VOCABULARY.text(ids)} And so on.") == ids
    assert len(set(VOCABULARY.texts)) == len(VOCABULARY)


@pytest.mark.parametrize(("pace", "read"), [
    ("accelerate", "accelerate"), ("keep", "keep"), ("decelerate", "decelerate"), ("stop", "decelerate"),
    ("stay", "stay-stopped"),
])  # fmt: skip
@pytest.mark.parametrize("side", ["left", "straight", "right"])
def test_its_intents_mean_to_the_harness_what_they_mean_to_it(pace: str, read: str, side: str):
    reading = RuleReader().read_intent(words.SPEEDING[pace] + words.STEERING[side])
    assert reading is not None
    assert (reading.longitudinal, reading.lateral) == (read, side)


def test_the_motion_of_a_prompt_becomes_speed_changes_and_curvatures():
    frame = replace(make_frame(history=HISTORY), command="left", command_m=24.0)
    (request,) = asked_by("single-call", PromptStyle(command=True), frame, View((picture_of(9),)), "no plan")
    question = read_question(request)
    assert question.task == "reasoned"
    assert (question.route, question.metres) == ("left", 24.0)
    assert question.history == tuple(map(tuple, HISTORY.tolist()))
    texts = [VOCABULARY.texts[one] for one in question.ids()[1 + IMAGES :]]
    assert texts[:4] == ["<route:left>", "<metres:24>", "<speed:7.75>", "<change -4:0.50>"]
    assert texts[7:10] == ["<change -0:-0.26>", "<curvature -5:0.0000>", "<curvature -4:0.0010>"]
    assert texts[-2:] == ["<read>", "<describe>"]


@pytest.mark.parametrize("seconds", [0, 1])
def test_what_is_not_told_of_the_motion_is_unknown(seconds: int):
    (request,) = asked_by("single-call", PromptStyle(history_s=seconds), make_frame(history=HISTORY), View(), "no plan")
    texts = [VOCABULARY.texts[one] for one in read_question(request).ids()]
    assert texts.count("<change:unknown>") == (4 if seconds else 5)
    assert texts.count("<curvature:unknown>") == (4 if seconds else 6)
    assert ("<speed:7.75>" in texts) == bool(seconds)


@pytest.mark.parametrize("dialogue", [False, True])
def test_later_stages_are_told_the_earlier_answers(dialogue: bool):
    scene = VOCABULARY.text(VOCABULARY.ids(["There is fog.", words.LIGHTS["amber"]]))
    intent = words.SPEEDING["stop"] + words.STEERING["right"]
    requests = asked_by(
        "chain-of-thought",
        PromptStyle(dialogue=dialogue),
        make_frame(history=HISTORY),
        View((picture_of(9),)),
        scene,
        intent,
        "[]",
    )
    first, second, third = (read_question(request) for request in requests)
    assert [one.task for one in (first, second, third)] == ["scene", "intent", "action"]
    assert second.scene == third.scene == tuple(VOCABULARY.found(scene))
    assert third.intent == tuple(VOCABULARY.found(intent))
    assert third.ids()[-1] == words.ACT
    assert third.picture == first.picture is not None


def test_the_picture_before_is_known_by_its_label():
    frame = make_frame(history=HISTORY)
    before, now = picture_of(10), picture_of(200)
    for ago, wanted in ((500_000, before), (1_000_000, None)):
        told = replace(frame, earlier=(EarlierPicture(Path("earlier.jpg"), frame.timestamp - ago),))
        (request,) = asked_by("single-call", PromptStyle(pictures=2), told, View((before, now)), "no plan")
        question = read_question(request)
        assert (question.picture, question.before) == (now, wanted)


def test_other_questions_are_taken_as_one_for_the_scene():
    (request,) = asked_by("waypoints", PromptStyle(), make_frame(), View((picture_of(9),)), "no plan")
    assert read_question(request).task == "scene"


def test_pixels_are_the_picture_and_its_change():
    alone = pixels(picture_of(255), None)
    both = pixels(picture_of(255), picture_of(0))
    assert alone.shape == (1, 6, 144, 256)
    assert (alone[:, :3] == 1).all()
    assert (alone[:, 3:] == 0).all()
    assert (both[:, 3:] == 2).all()
    assert (pixels(None, None) == 0).all()


def test_without_onnxruntime_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("lightemma.backends.tiny_driver.importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"lightemma\[tiny\]"):
        make_backend("tiny-driver")


# --- the shipped weights ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def demo_frames() -> list[Frame]:
    return [frame for number, frame in enumerate(open_embedded_demo().frames()) if number % 26 == 12]


@functools.cache
def shipped() -> Backend:
    pytest.importorskip("onnxruntime")
    return make_backend("tiny-driver")


def said_by_it(planner: str, frame: Frame, *, grey: bool = False, **options: object) -> tuple[object, list[str]]:
    backend = shipped()
    texts: list[str] = []
    assert frame.image_path is not None
    data = frame.image_path.read_bytes()
    shown = picture_of(128) if grey else Picture(data, "image/jpeg", (800, 450), hashlib.sha256(data).hexdigest())

    async def call(request: Request) -> CallResult:
        completion = await backend.generate(request)
        texts.append(completion.text)
        assert completion.finish_reason == "stop"
        return CallResult(completion)

    settings = PlannerSettings(options=options)
    return asyncio.run(make_planner(planner, settings).plan(frame, View((shown,)), {"main": call})), texts


@needs_engine
def test_it_answers_a_single_call_and_three_stages(demo_frames: list[Frame]):
    for frame in demo_frames[:3]:
        plan, (text,) = said_by_it("single-call", frame)
        assert plan.outcome == "ok"
        assert re.match(r"(Clear|Dry|It|There)", text)
        staged, texts = said_by_it("chain-of-thought", frame)
        assert staged.outcome == "ok"
        assert len(texts) == 3
        alone, (pairs,) = said_by_it("single-call", frame, reasoning=False)
        assert alone.outcome == "ok"
        assert pairs.startswith("[(")


@needs_engine
def test_it_looks(demo_frames: list[Frame]):
    seen, blind = (
        [said_by_it("chain-of-thought", frame, grey=grey)[1][0] for frame in demo_frames] for grey in (False, True)
    )
    assert len(set(blind)) == 1
    assert len(set(seen)) >= 4


@needs_engine
def test_it_says_what_transformers_says_token_for_token(demo_frames: list[Frame]):
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("onnxruntime")
    vlm = transformers.FastVlmForConditionalGeneration.from_pretrained(SHIPPED, dtype=torch.float32).eval()
    engine = TinyEngine()
    for place, frame in enumerate(demo_frames[::3]):
        assert frame.image_path is not None
        data = frame.image_path.read_bytes()
        values = pixels(Picture(data, "image/jpeg", (800, 450), ""), None)
        (request,) = asked_by("single-call", PromptStyle(), frame, View(), "no plan")
        ids = read_question(request).ids()
        said = engine.answer(engine.tokens(str(place), lambda values=values: values), ids, {words.END}, 40)
        given = torch.tensor([ids])
        out = vlm.generate(
            input_ids=given, attention_mask=torch.ones_like(given), pixel_values=torch.from_numpy(values),
            max_new_tokens=40, do_sample=False, eos_token_id=[words.END], pad_token_id=words.PAD,
        )  # fmt: skip
        assert out[0, len(ids) :].tolist() == said
