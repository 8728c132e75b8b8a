"""Every hosted backend keeps the same contract: what the provider gets, and what comes back."""

from __future__ import annotations

import asyncio
import json

import pytest

from lightemma.backends.base import CallError, PicturePart
from lightemma.errors import UserError
from lightemma.run_folder.records import Usage
from tests.backends.kit import (
    ALL,
    ANTHROPIC,
    CHAT,
    COMPATIBLE,
    GOOGLE,
    KEY,
    ONE,
    RESPONSES,
    TWO,
    arrived,
    each,
    request,
    turn,
    using,
)
from tests.fake_providers import Fault
from tests.fake_providers.answers import THINKING_TOKENS
from tests.fake_providers.google_format import camel

pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class:DeprecationWarning")

SCHEMA = {
    "type": "object",
    "properties": {
        "actions": {
            "type": "array",
            "minItems": 6,
            "maxItems": 6,
            "items": {
                "type": "object",
                "properties": {"speed": {"type": "number"}, "curvature": {"type": "number"}},
                "required": ["speed", "curvature"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["actions"],
    "additionalProperties": False,
}

CONVERSATIONS = [
    pytest.param([turn("How far?")], [("user", ["How far?"])], id="text"),
    pytest.param([turn(ONE, "Describe.")], [("user", [ONE.data, "Describe."])], id="one picture"),
    pytest.param(
        [turn("First", ONE, "then", TWO, "where?")],
        [("user", ["First", ONE.data, "then", TWO.data, "where?"])],
        id="several pictures",
    ),
    pytest.param(
        [turn(ONE, "What?"), turn("A road.", role="assistant"), turn("And now?")],
        [("user", [ONE.data, "What?"]), ("assistant", ["A road."]), ("user", ["And now?"])],
        id="several turns",
    ),
    pytest.param(
        [turn("You drive.", role="system"), turn(ONE, "Ä “ü” 道路\u2028?")],
        [("system", ["You drive."]), ("user", [ONE.data, "Ä “ü” 道路\u2028?"])],
        id="system text",
    ),
]


@each
@pytest.mark.parametrize(("messages", "expected"), CONVERSATIONS)
def test_the_conversation_arrives_as_it_is(server, provider, messages, expected):
    server.next(Fault("answer", text="Ein Weg \u2028 – 道路."))
    completion, received = provider.exchange(server, request(*messages))
    assert arrived(received) == expected
    assert [picture.media_type for picture in received.asked.pictures] == [
        part.picture.media_type for message in messages for part in message.parts if isinstance(part, PicturePart)
    ]
    assert completion.text == "Ein Weg \u2028 – 道路."
    assert completion.finish_reason == "stop"
    assert completion.model == "model-1-served"
    assert completion.latency_s is None
    assert completion.failure is None
    assert completion.usage == Usage(input=received.asked.input_tokens, output=4)


def test_the_same_question_gets_the_same_answer_through_every_backend(server):
    asked = request(turn(ONE, "Write a list of exactly six pairs."))
    texts = {provider.ask(server, asked).text for provider in ALL}
    assert len(texts) == 1
    assert texts.pop().count("(") == 6
    assert list(server.counts.served.values()) == [len(ALL)]


FINISH_REASONS = {
    "length": "length",
    "empty": "stop",
    "refusal": "refused",
    "content_filter": "content_filter",
    "prompt_blocked": "content_filter",
}


@each
@pytest.mark.parametrize("fault", list(FINISH_REASONS))
def test_answers_that_are_of_no_use(server, provider, fault):
    server.next(fault)
    completion, _ = provider.exchange(server, request(turn(ONE, "Describe what you see.")))
    finish = FINISH_REASONS[fault]
    if provider is ANTHROPIC and fault in {"content_filter", "prompt_blocked"}:
        finish = "refused"  # it has no other name for it
    if provider is GOOGLE and fault == "refusal":
        finish = "content_filter"  # the same
    assert completion.finish_reason == finish
    assert completion.usage is not None
    if fault == "length":
        assert completion.text.startswith("The picture shows")
    elif fault == "refusal" and provider is not GOOGLE:
        assert completion.text == "I cannot help with that."
    else:
        assert completion.text == ""


@each
def test_the_token_limit_is_the_providers(server, provider):
    completion, received = provider.exchange(server, max_output_tokens=3)
    assert received.asked.max_tokens == 3
    assert completion.finish_reason == "length"
    assert completion.usage.output == 3


@each
def test_structured_output(server, provider):
    asked = request(turn(ONE, "Plan."), schema=SCHEMA, stage="action")
    completion, received = provider.exchange(server, asked)
    assert received.asked.schema["properties"]["actions"]["items"] == SCHEMA["properties"]["actions"]["items"]
    answered = json.loads(completion.text)["actions"]
    assert len(answered) == 6
    assert set(answered[0]) == {"speed", "curvature"}


@each
def test_structured_output_can_be_left_out(server, provider):
    asked = request(turn("Plan."), schema=SCHEMA, stage="action")
    _, received = provider.exchange(server, asked, options={"structured_output": False})
    assert received.asked.schema is None


@each
def test_thinking_is_counted_as_output_and_is_no_text(server, provider):
    server.next(Fault("answer", text="A road."))
    completion, received = provider.exchange(server, **provider.thinking)
    assert received.asked.thinks
    assert completion.text == "A road."
    sent = received.asked.input_tokens
    assert completion.usage == Usage(input=sent, output=2 + THINKING_TOKENS, reasoning=THINKING_TOKENS)


@each
def test_cached_tokens_are_part_of_the_input(server, provider):
    server.next(Fault("answer", text="A road.", cached=700))
    completion, _ = provider.exchange(server, request(turn(ONE, "Describe.")))
    assert completion.usage == Usage(input=1002, cached_input=700, output=2)


@each
def test_an_answer_without_counts_is_an_answer(server, provider):
    server.next("no_usage")
    completion, _ = provider.exchange(server)
    assert completion.text
    assert completion.usage is None


@each
def test_a_picture_part_without_a_picture_is_a_mistake(server, provider):
    with pytest.raises(ValueError, match="without a picture"):
        provider.ask(server, request(turn(PicturePart(None), "Describe.")))
    assert server.counts.requests == 0


@each
def test_calls_run_concurrently_and_after_a_failure(server, provider):
    async def many(backend):
        with pytest.raises(CallError):
            await backend.generate(request(turn("first")))
        asked = [backend.generate(request(turn(f"call {i}"))) for i in range(20)]
        return [completion.text for completion in await asyncio.gather(*asked)]

    server.next("reset")
    server.server.settings.latency_s = 0.1
    texts = asyncio.run(using(provider.make(server), many))
    assert len(set(texts)) == 20
    assert server.counts.requests == 21
    assert server.counts.peak > 1


@each
def test_a_cancelled_call_is_cancelled_not_failed(server, provider):
    async def cancel(backend):
        task = asyncio.create_task(backend.generate(request(turn("How far?"))))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    server.next("hang")
    asyncio.run(using(provider.make(server), cancel))


# What each interface calls the settings.


def without(body, *names):
    return {name: value for name, value in body.items() if name not in names}


def test_chat_settings(server):
    _, received = CHAT.exchange(server, temperature=0.5, seed=3, max_output_tokens=77)
    assert without(received.body, "messages") == {
        "model": "model-1",
        "max_completion_tokens": 77,
        "temperature": 0.5,
        "seed": 3,
    }
    assert received.headers["authorization"] == f"Bearer {KEY}"
    assert received.path == "/v1/chat/completions"


def test_chat_options(server):
    options = {"reasoning_effort": "high", "verbosity": "low", "image_detail": "low", "extra_body": {"top_p": 0.5}}
    _, received = CHAT.exchange(server, request(turn(ONE, "What?")), options=options)
    assert received.body["reasoning_effort"] == "high"
    assert received.body["verbosity"] == "low"
    assert received.body["messages"][0]["content"][0]["image_url"]["detail"] == "low"
    assert received.body["top_p"] == 0.5
    assert "temperature" not in received.body


def test_responses_settings(server):
    _, received = RESPONSES.exchange(server, temperature=0.5, max_output_tokens=77)
    assert without(received.body, "input") == {
        "model": "model-1",
        "max_output_tokens": 77,
        "temperature": 0.5,
        "store": False,
    }
    assert received.path == "/v1/responses"


def test_responses_options(server):
    options = {"reasoning_effort": "high", "verbosity": "low", "image_detail": "high", "extra_body": {"top_p": 0.5}}
    asked = request(turn(ONE, "What?"), schema=SCHEMA)
    _, received = RESPONSES.exchange(server, asked, options=options)
    assert received.body["reasoning"] == {"effort": "high"}
    assert received.body["text"] == {
        "verbosity": "low",
        "format": {"type": "json_schema", "name": "answer", "strict": True, "schema": SCHEMA},
    }
    assert received.body["input"][0]["content"][0]["detail"] == "high"
    assert received.body["top_p"] == 0.5


def test_anthropic_settings(server):
    asked = request(turn("You drive.", role="system"), turn(ONE, "What?"))
    _, received = ANTHROPIC.exchange(server, asked, temperature=0.5, max_output_tokens=77)
    assert without(received.body, "messages") == {
        "model": "model-1",
        "max_tokens": 77,
        "temperature": 0.5,
        "system": "You drive.",
    }
    assert KEY in {received.headers.get("x-api-key"), received.headers["authorization"].removeprefix("Bearer ")}
    assert received.path == "/v1/messages"


@pytest.mark.parametrize(
    ("budget", "sent"),
    [
        (1500, {"type": "enabled", "budget_tokens": 1500}),
        ("adaptive", {"type": "adaptive"}),
        ("off", {"type": "disabled"}),
    ],
)
def test_anthropic_options(server, budget, sent):
    options = {"thinking_budget": budget, "effort": "low", "extra_body": {"top_k": 3}}
    _, received = ANTHROPIC.exchange(server, options=options, max_output_tokens=2000)
    assert received.body["thinking"] == sent
    assert received.body["output_config"] == {"effort": "low"}
    assert received.body["top_k"] == 3


def test_anthropic_caches_up_to_the_picture(server):
    async def stages(backend):
        stages = ("What can you see?", "What next?", "Six pairs!")
        return [await backend.generate(request(turn(ONE, text))) for text in stages]

    backend = ANTHROPIC.make(server, options={"cache_prompt": True})
    first, second, third = asyncio.run(using(backend, stages))
    marked = [["cache_control" in block for block in r.body["messages"][0]["content"]] for r in server.requests]
    assert marked == [[True, False]] * 3
    assert (first.usage.input, first.usage.cache_write, first.usage.cached_input) == (1004, 1000, 0)
    assert (second.usage.input, second.usage.cache_write, second.usage.cached_input) == (1002, 0, 1000)
    assert third.usage.cached_input == 1000


def test_google_settings(server):
    asked = request(turn("You drive.", role="system"), turn(ONE, "What?"))
    _, received = GOOGLE.exchange(server, asked, temperature=0.5, max_output_tokens=77, seed=3)
    assert received.body["generationConfig"] == {"temperature": 0.5, "maxOutputTokens": 77, "seed": 3}
    assert received.body["systemInstruction"]["parts"] == [{"text": "You drive."}]
    assert received.headers["x-goog-api-key"] == KEY
    assert received.path == "/v1/models/model-1:generateContent"


def test_google_options(server):
    _, received = GOOGLE.exchange(server, options={"thinking_budget": 0, "media_resolution": "low"})
    assert camel(received.body)["generationConfig"]["thinkingConfig"] == {"thinkingBudget": 0}
    assert received.body["generationConfig"]["mediaResolution"] == "MEDIA_RESOLUTION_LOW"


def test_google_thinking_level(server):
    completion, received = GOOGLE.exchange(server, options={"thinking_level": "low"})
    assert camel(received.body)["generationConfig"]["thinkingConfig"] == {"thinkingLevel": "LOW"}
    assert completion.usage.reasoning == THINKING_TOKENS


def test_google_works_without_aiohttp(server, monkeypatch):
    """The package prefers another HTTP client where there is one, which users need not have."""
    pytest.importorskip("google.genai")
    monkeypatch.setattr("google.genai._api_client.has_aiohttp", False)
    completion, received = GOOGLE.exchange(server, request(turn(ONE, "Describe.")))
    assert arrived(received) == [("user", [ONE.data, "Describe."])]
    assert completion.text


# Answers in order and out of order, as single providers write them.


def gemini(*parts, **fields):
    return {"candidates": [{"content": {"parts": list(parts)}, "finishReason": "STOP"} | fields]}


def claude(*blocks, **fields):
    return {"type": "message", "content": list(blocks), "stop_reason": "end_turn"} | fields


def response(*output, **fields):
    return {"status": "completed", "output": list(output)} | fields


MESSAGE = {"type": "message", "content": [{"type": "output_text", "text": "A "}, {"type": "output_text", "text": "b"}]}


@pytest.mark.parametrize(
    ("provider", "body", "text", "finish_reason"),
    [
        pytest.param(GOOGLE, gemini({"text": "A "}, {"text": "b"}), "A b", "stop", id="gemini parts"),
        pytest.param(GOOGLE, gemini({"text": "Hm", "thought": True}, {"text": "A"}), "A", "stop", id="gemini thought"),
        pytest.param(GOOGLE, gemini({"text": "A"}, finishReason="RECITATION"), "A", "content_filter", id="recitation"),
        pytest.param(GOOGLE, gemini({"text": "A"}, finishReason="CONTINUATION"), "A", "length", id="continuation"),
        pytest.param(GOOGLE, {"candidates": [{"finishReason": "MAX_TOKENS"}]}, "", "length", id="gemini only thought"),
        pytest.param(
            ANTHROPIC,
            claude(
                {"type": "thinking", "thinking": "Hm"}, {"type": "text", "text": "A"}, {"type": "text", "text": "b"}
            ),
            "Ab",
            "stop",
            id="claude blocks",
        ),
        pytest.param(
            ANTHROPIC, claude(stop_reason="model_context_window_exceeded"), "", "length", id="claude full window"
        ),
        pytest.param(RESPONSES, response({"type": "reasoning"}, MESSAGE), "A b", "stop", id="response parts"),
    ],
)
def test_answers_as_single_providers_write_them(server, provider, body, text, finish_reason):
    server.next(Fault("raw", text=json.dumps(body)))
    completion, _ = provider.exchange(server)
    assert (completion.text, completion.finish_reason, completion.usage) == (text, finish_reason, None)


@pytest.mark.parametrize(
    ("provider", "body", "kind"),
    [
        pytest.param(GOOGLE, {}, "invalid_response", id="gemini nothing"),
        pytest.param(GOOGLE, {"candidates": []}, "invalid_response", id="gemini no candidates"),
        pytest.param(GOOGLE, {"candidates": [{"content": "A"}]}, "invalid_response", id="gemini no parts"),
        pytest.param(GOOGLE, {"error": {"code": 503, "status": "UNAVAILABLE"}}, "overloaded", id="gemini error"),
        pytest.param(GOOGLE, [], "invalid_response", id="gemini list"),
        pytest.param(ANTHROPIC, {}, "invalid_response", id="claude nothing"),
        pytest.param(ANTHROPIC, {"content": "A"}, "invalid_response", id="claude no blocks"),
        pytest.param(
            ANTHROPIC, {"type": "error", "error": {"type": "overloaded_error"}}, "overloaded", id="claude error"
        ),
        pytest.param(RESPONSES, {}, "invalid_response", id="response nothing"),
        pytest.param(RESPONSES, response(status="failed"), "server_error", id="response failed without a message"),
        pytest.param(
            RESPONSES, response(status="failed", error={"code": "server_error"}), "server_error", id="response failed"
        ),
        pytest.param(
            RESPONSES, response(error={"code": "rate_limit_exceeded"}), "rate_limited", id="response rate limit"
        ),
        pytest.param(RESPONSES, response(status="incomplete"), "server_error", id="response without a reason"),
        pytest.param(
            GOOGLE, gemini({"text": "A"}, finishReason="NEW_ONE"), "invalid_response", id="gemini unknown reason"
        ),
        pytest.param(ANTHROPIC, claude(stop_reason="pause_turn"), "invalid_response", id="claude pauses"),
        pytest.param(CHAT, {"choices": []}, "invalid_response", id="chat nothing"),
        pytest.param(CHAT, {"error": {"code": 429, "message": "slow"}}, "rate_limited", id="chat error"),
    ],
)
def test_answers_that_are_none(server, provider, body, kind):
    server.next(Fault("raw", text=json.dumps(body)))
    assert provider.fail(server).kind == kind


# Settings that contradict each other are refused before the first call.


@pytest.mark.parametrize(
    ("provider", "changes", "sentence"),
    [
        pytest.param(RESPONSES, {"seed": 1}, "seed", id="responses takes no seed"),
        pytest.param(ANTHROPIC, {"seed": 1}, "seed", id="anthropic takes no seed"),
        pytest.param(ANTHROPIC, {"options": {"thinking_budget": 100}}, "1024", id="too small a budget"),
        pytest.param(ANTHROPIC, {"options": {"thinking_budget": 1024}}, "max_output_tokens", id="no room to think"),
        pytest.param(
            ANTHROPIC, {"options": {"thinking_budget": "adaptive"}, "temperature": 0.0}, "temperature: null", id="cold"
        ),
        pytest.param(
            GOOGLE, {"options": {"thinking_budget": 1, "thinking_level": "low"}}, "not both", id="two ways to think"
        ),
        pytest.param(CHAT, {"base_url": "localhost:1"}, "base_url", id="no address"),
        pytest.param(ANTHROPIC, {"base_url": "ftp://host"}, "base_url", id="another scheme"),
        pytest.param(CHAT, {"options": {"api": "assistants"}}, "'api'", id="unknown interface"),
        pytest.param(GOOGLE, {"options": {"image_detail": "low"}}, "media_resolution", id="unknown option"),
        pytest.param(COMPATIBLE, {"base_url": None}, "base_url", id="no server"),
    ],
)
def test_contradictions_are_refused(server, provider, changes, sentence):
    with pytest.raises(UserError, match=sentence):
        provider.make(server, **changes)
