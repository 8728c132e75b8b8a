"""The OpenAI-compatible backend, through the real client, against a server on this machine."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import sys
import traceback
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

pytest.importorskip("openai")

from lightemma.backends.base import CallError, Completion, Message, PicturePart, Request, TextPart
from lightemma.backends.config import Limits, ModelConfig
from lightemma.backends.openai_compatible import OpenAICompatibleBackend
from lightemma.errors import UserError
from lightemma.frame import Picture
from lightemma.run_folder.records import Usage
from tests.fake_providers import ReplyServer
from tests.fake_providers.replies import Reply, answer, failure, unused_address

KEY = "sk-secret-0123456789abcdef"
KEY_VARIABLE = "LIGHTEMMA_TEST_KEY"


@pytest.fixture(autouse=True)
def _environment(monkeypatch, no_certificates):
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


def picture(data=b"\xff\xd8\xff one", media_type="image/jpeg"):
    return Picture(data=data, media_type=media_type, size=(4, 3), sha256=hashlib.sha256(data).hexdigest())


def turn(*parts, role="user"):
    wrapped = (TextPart(p) if isinstance(p, str) else PicturePart(p) if isinstance(p, Picture) else p for p in parts)
    return Message(role, tuple(wrapped))


def request(*messages, schema=None):
    return Request(messages or (turn("How far?"),), sample_token="t0", stage="scene", response_schema=schema)


def config(base_url, **changes):
    settings = {"name": "m", "provider": "openai-compatible", "model": "model-1", "api_key_env": KEY_VARIABLE}
    return ModelConfig(**(settings | {"base_url": base_url} | changes))


def ask(base_url, asked=None, **changes) -> Completion:
    async def call():
        backend = OpenAICompatibleBackend(config(base_url, **changes))
        try:
            return await backend.generate(asked or request())
        finally:
            await backend.aclose()

    return asyncio.run(call())


def exchange(reply, asked=None, **changes):
    """One call: the completion, and the request as the server got it."""
    with ReplyServer(reply) as server:
        completion = ask(server.base_url, asked, **changes)
    assert len(server.requests) == 1
    return completion, server.requests[0]


def failed_call(reply, asked=None, **changes) -> CallError:
    with ReplyServer(reply) as server, pytest.raises(CallError) as caught:
        ask(server.base_url, asked, **changes)
    assert len(server.requests) == 1, "more than one attempt"
    shown = "".join(traceback.format_exception(caught.value))
    assert KEY not in str(caught.value) + repr(caught.value) + caught.value.message + shown
    return caught.value


def data_url(sent):
    return {
        "type": "image_url",
        "image_url": {"url": f"data:{sent.media_type};base64,{base64.b64encode(sent.data).decode()}"},
    }


ONE, TWO = picture(), picture(b"\x89PNG two", "image/png")


@pytest.mark.parametrize(
    ("messages", "sent"),
    [
        pytest.param([turn("How far?")], [{"role": "user", "content": "How far?"}], id="text"),
        pytest.param([turn("How ", "far?")], [{"role": "user", "content": "How far?"}], id="two texts"),
        pytest.param(
            [turn(ONE, "Describe.")],
            [{"role": "user", "content": [data_url(ONE), {"type": "text", "text": "Describe."}]}],
            id="one picture",
        ),
        pytest.param(
            [turn("First", ONE, "then", TWO)],
            [
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "First"},
                        data_url(ONE),
                        {"type": "text", "text": "then"},
                        data_url(TWO),
                    ],
                }
            ],
            id="several pictures",
        ),
        pytest.param(
            [turn("You drive.", role="system"), turn(ONE), turn("A road.", role="assistant"), turn("And now?")],
            [
                {"role": "system", "content": "You drive."},
                {"role": "user", "content": [data_url(ONE)]},
                {"role": "assistant", "content": "A road."},
                {"role": "user", "content": "And now?"},
            ],
            id="system and several turns",
        ),
    ],
)
def test_messages_are_sent_in_order(messages, sent):
    _, received = exchange(answer(), request(*messages))
    assert received.path == "/v1/chat/completions"
    assert received.body["messages"] == sent


def test_parameters_are_sent():
    _, received = exchange(answer(), max_output_tokens=77, temperature=0.5, seed=3)
    assert {name: value for name, value in received.body.items() if name != "messages"} == {
        "model": "model-1", "max_tokens": 77, "temperature": 0.5, "seed": 3,
    }  # fmt: skip
    assert received.headers["authorization"] == f"Bearer {KEY}"


def test_what_is_not_set_is_not_sent():
    _, received = exchange(answer(), temperature=None, api_key_env=None)
    assert set(received.body) == {"model", "messages", "max_tokens"}
    assert received.headers["authorization"] == "Bearer not-needed"


def test_the_ambient_openai_key_is_not_used(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-another-provider")
    _, received = exchange(answer(), api_key_env=None)
    assert "another" not in json.dumps(received.headers)


def test_options_change_the_request():
    options = {"token_limit_parameter": "max_completion_tokens", "extra_body": {"top_k": 1, "reasoning_effort": "low"}}
    _, received = exchange(answer(), options=options)
    assert received.body["max_completion_tokens"] == 512
    assert "max_tokens" not in received.body
    assert received.body["top_k"] == 1
    assert received.body["reasoning_effort"] == "low"


def test_structured_output():
    schema = {"type": "object", "properties": {"speed": {"type": "number"}}}
    completion, received = exchange(answer('{"speed": 1.5}'), request(schema=schema))
    assert received.body["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "strict": True, "schema": schema},
    }
    assert completion.text == '{"speed": 1.5}'
    _, received = exchange(answer(), request(schema=schema), options={"structured_output": False})
    assert "response_format" not in received.body


@pytest.mark.parametrize(
    ("reply", "text", "finish_reason"),
    [
        pytest.param(answer("A road."), "A road.", "stop", id="plain"),
        pytest.param(answer("[(1.0, 0", finish_reason="length"), "[(1.0, 0", "length", id="cut"),
        pytest.param(answer("", finish_reason="content_filter"), "", "content_filter", id="filtered"),
        pytest.param(answer("A road.", finish_reason=None), "A road.", "other", id="no finish reason"),
        pytest.param(answer(None, message={"refusal": "I cannot."}), "I cannot.", "refused", id="refusal"),
        pytest.param(answer(None), "", "stop", id="null"),
        pytest.param(answer(""), "", "stop", id="empty"),
        pytest.param(answer(" A road.\n"), " A road.\n", "stop", id="blanks are kept"),
        pytest.param(
            answer([{"type": "thinking"}, {"type": "text", "text": "A "}, {"type": "text", "text": "road."}]),
            "A road.", "stop", id="list of parts",
        ),
        pytest.param(answer("A road.", message={"reasoning_content": "Hm."}), "A road.", "stop", id="thinking apart"),
        pytest.param(answer("<think>\nHm.\n</think>\n\nA road."), "A road.", "stop", id="thinking"),
        pytest.param(answer("\n<think></think>A road."), "A road.", "stop", id="empty thinking"),
        pytest.param(answer("Hm.\n</think>\n\nA road."), "A road.", "stop", id="thinking opened by the template"),
        pytest.param(answer("<think>Hm", finish_reason="length"), "", "length", id="cut while thinking"),
        pytest.param(answer("3 cars <think>b</think> ahead"), "3 cars  ahead", "stop", id="thinking later in the text"),
    ],
)  # fmt: skip
def test_answers(reply, text, finish_reason):
    completion, _ = exchange(reply)
    assert (completion.text, completion.finish_reason) == (text, finish_reason)
    assert completion.model == "served-model-1"
    assert completion.latency_s is None


def test_thinking_can_be_kept():
    completion, _ = exchange(answer("<think>Hm.</think>A road."), options={"strip_thinking": False})
    assert completion.text == "<think>Hm.</think>A road."


@pytest.mark.parametrize(
    ("reported", "usage"),
    [
        pytest.param({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}, Usage(10, 0, 5, 0), id="plain"),
        pytest.param(
            {
                "prompt_tokens": 10, "completion_tokens": 50, "total_tokens": 60,
                "prompt_tokens_details": {"cached_tokens": 4}, "completion_tokens_details": {"reasoning_tokens": 40},
            },
            Usage(10, 4, 50, 40), id="cached and reasoning",
        ),
        pytest.param(
            {
                "prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 55,
                "completion_tokens_details": {"reasoning_tokens": 40},
            },
            Usage(10, 0, 45, 40), id="reasoning left out of the output",
        ),
        pytest.param(
            {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 55},
            Usage(10, 0, 45, 40), id="reasoning only in the total",
        ),
        pytest.param(
            {"prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": None},
            Usage(10, 0, 5, 0), id="no details, no total",
        ),
        pytest.param(None, None, id="missing"),
        pytest.param({}, None, id="empty"),
        pytest.param({"prompt_tokens": "many"}, None, id="nonsense"),
    ],
)  # fmt: skip
def test_usage(reported, usage):
    completion, _ = exchange(answer("A road.", usage=reported))
    assert completion.usage == usage
    assert completion.text == "A road."


def http_date(seconds):
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


HTML = Reply(body=b"<html><body>Sign in first</body></html>", headers={"content-type": "text/html"})

FAULTS = [
    pytest.param(failure(429, headers={"retry-after": "7"}), "rate_limited", 7.0, id="429 seconds"),
    pytest.param(failure(429, headers={"retry-after": "0.5"}), "rate_limited", 0.5, id="429 half a second"),
    pytest.param(
        failure(429, headers={"retry-after": "7", "retry-after-ms": "1500"}), "rate_limited", 1.5, id="429 milliseconds"
    ),
    pytest.param(failure(429, headers={"retry-after": http_date(-60)}), "rate_limited", 0.0, id="429 past date"),
    pytest.param(failure(429, headers={"retry-after": "soon"}), "rate_limited", None, id="429 nonsense"),
    pytest.param(failure(429, headers={"retry-after": "-1"}), "rate_limited", None, id="429 negative"),
    pytest.param(failure(429, headers={"retry-after": "inf"}), "rate_limited", None, id="429 infinite"),
    pytest.param(failure(429), "rate_limited", None, id="429 without"),
    pytest.param(failure(429, code="insufficient_quota"), "no_credit", None, id="429 empty purse"),
    pytest.param(failure(500), "server_error", None, id="500"),
    pytest.param(failure(502), "server_error", None, id="502"),
    pytest.param(
        Reply(504, b"<html>gateway</html>", {"content-type": "text/html"}), "server_error", None, id="504 HTML"
    ),
    pytest.param(failure(503, headers={"retry-after": "3"}), "overloaded", 3.0, id="503"),
    pytest.param(failure(529), "overloaded", None, id="529"),
    pytest.param(failure(408), "timeout", None, id="408"),
    pytest.param(failure(401), "auth", None, id="401"),
    pytest.param(failure(403), "auth", None, id="403"),
    pytest.param(failure(404, code="model_not_found"), "model_not_found", None, id="404"),
    pytest.param(failure(400), "bad_request", None, id="400"),
    pytest.param(failure(400, code="content_filter"), "content_filter", None, id="400 content filter"),
    pytest.param(failure(400, type="content_policy_violation"), "content_filter", None, id="400 content policy"),
    pytest.param(failure(400, code=400, type="BadRequestError"), "bad_request", None, id="400 numeric code"),
    pytest.param(failure(402), "no_credit", None, id="402"),
    pytest.param(failure(413), "bad_request", None, id="413"),
    pytest.param(failure(422), "bad_request", None, id="422"),
    pytest.param(Reply(422, b'{"detail": [{"msg": "wrong"}]}'), "bad_request", None, id="422 of another shape"),
    pytest.param(Reply(400, b"[1]"), "bad_request", None, id="400 list"),
    pytest.param(Reply(500), "server_error", None, id="500 empty"),
    pytest.param(answer(), "timeout", None, id="timeout"),
    pytest.param(Reply(body=answer().body, reset_after=30), "connection", None, id="reset in the body"),
    pytest.param(Reply(body=answer().body, reset_after=0), "connection", None, id="reset before the body"),
    pytest.param(
        Reply(body=b"not gzip", headers={"content-encoding": "gzip"}), "invalid_response", None, id="undecodable"
    ),
    pytest.param(Reply(body=answer().body[:40]), "invalid_response", None, id="torn JSON"),
    pytest.param(Reply(body=b"\xff\xfe\x00"), "invalid_response", None, id="no text"),
    pytest.param(Reply(), "invalid_response", None, id="no body"),
    pytest.param(HTML, "invalid_response", None, id="HTML"),
    pytest.param(Reply(body=b"null"), "invalid_response", None, id="null"),
    pytest.param(Reply(body=b'"text"'), "invalid_response", None, id="string"),
    pytest.param(answer(choices=[]), "invalid_response", None, id="no choices"),
    pytest.param(answer(choices=None), "invalid_response", None, id="choices missing"),
    pytest.param(answer(choices=[{"text": "A road."}]), "invalid_response", None, id="no message"),
    pytest.param(answer({"a": 1}), "invalid_response", None, id="content is an object"),
    pytest.param(answer(None, finish_reason="tool_calls"), "invalid_response", None, id="tool calls"),
    pytest.param(answer("A ro", finish_reason="error"), "server_error", None, id="failed half-way"),
    pytest.param(
        Reply(body=b'{"error": {"code": 429, "message": "upstream"}}'), "rate_limited", None, id="200 reporting a 429"
    ),
    pytest.param(
        Reply(body=b'{"error": {"code": "content_filter"}}'), "content_filter", None, id="200 reporting a code"
    ),
    pytest.param(Reply(body=b'{"error": "no model loaded"}'), "invalid_response", None, id="200 reporting a sentence"),
]


@pytest.mark.parametrize(("reply", "kind", "retry_after_s"), FAULTS)
def test_faults(reply, kind, retry_after_s):
    changes = {}
    if kind == "timeout" and reply.status == 200:
        reply = Reply(body=reply.body, delay_s=5)
        changes["limits"] = Limits(timeout_s=0.1)
    error = failed_call(reply, **changes)
    assert (error.kind, error.retry_after_s) == (kind, retry_after_s)
    assert error.message
    assert "\n" not in error.message


def test_retry_after_as_a_date():
    error = failed_call(failure(429, headers={"retry-after": http_date(90)}))
    assert 80 < error.retry_after_s <= 90


def test_the_timeout_covers_an_answer_that_trickles():
    error = failed_call(Reply(body=answer().body, trickle_s=0.02), limits=Limits(timeout_s=0.2))
    assert error.kind == "timeout"
    assert "0.2 s" in error.message


def test_connection_refused():
    address = unused_address()
    with pytest.raises(CallError, match=address) as caught:
        ask(address)
    assert caught.value.kind == "connection"


def test_the_providers_message_is_passed_on():
    assert "too many pictures" in failed_call(failure(400, "too many pictures")).message
    assert "Sign in first" in failed_call(HTML).message
    assert "upstream is gone" in failed_call(Reply(502, b"upstream is gone")).message
    assert "Bad Gateway" in failed_call(Reply(502)).message


def test_long_messages_are_cut():
    assert len(failed_call(failure(400, "x" * 5000)).message) < 600


def test_an_address_without_v1_is_hinted_at():
    with ReplyServer() as server, pytest.raises(CallError, match="usually ends in /v1") as caught:
        ask(server.base_url.removesuffix("/v1"))
    assert caught.value.kind == "model_not_found"


@pytest.mark.parametrize(
    "reply",
    [
        failure(401, f"Incorrect API key provided: {KEY}."),
        Reply(401, f"key={KEY}".encode()),
        failure(400, "x" * 490 + KEY),
        Reply(body=f"<html>{KEY}</html>".encode()),
        Reply(body=json.dumps({"error": {"message": KEY}}).encode()),
        Reply(body=json.dumps({"error": KEY}).encode()),
    ],
)
def test_the_key_is_starred_out(reply):
    error = failed_call(reply)
    assert "sk-secret" not in error.message
    assert "***" in error.message or len(error.message) > 490


def test_the_password_of_an_address_is_not_shown():
    address = unused_address().replace("http://", "http://user:hidden-word@") + "?token=hidden-word"
    with pytest.raises(CallError) as caught:
        ask(address)
    assert "hidden-word" not in str(caught.value)


@pytest.mark.parametrize("value", [None, "", "  "])
def test_a_missing_key_names_the_variable(monkeypatch, value):
    if value is None:
        monkeypatch.delenv(KEY_VARIABLE)
    else:
        monkeypatch.setenv(KEY_VARIABLE, value)
    with pytest.raises(UserError, match=KEY_VARIABLE):
        OpenAICompatibleBackend(config("http://127.0.0.1:1/v1"))


@pytest.mark.parametrize("value", ["sk-secret\nsecond", "sk-secret–dash", "sk secret"])
def test_a_key_that_no_header_can_hold_is_refused_unseen(monkeypatch, value):
    monkeypatch.setenv(KEY_VARIABLE, value)
    with pytest.raises(UserError, match=KEY_VARIABLE) as caught:
        OpenAICompatibleBackend(config("http://127.0.0.1:1/v1"))
    assert "secret" not in str(caught.value)


def test_blanks_around_a_key_are_cut(monkeypatch):
    monkeypatch.setenv(KEY_VARIABLE, f" {KEY}\n")
    _, received = exchange(answer())
    assert received.headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("address", [None, "", "localhost:8000/v1", "ftp://host/v1", "http://", "http://host:port/v1"])
def test_a_wrong_address_is_refused(address):
    with pytest.raises(UserError, match=r"base_url.*/v1"):
        OpenAICompatibleBackend(config(address))


def test_an_unknown_option_is_refused():
    with pytest.raises(UserError, match=r"'detail'.*token_limit_parameter"):
        OpenAICompatibleBackend(config("http://127.0.0.1:1/v1", options={"detail": "high"}))


def test_a_missing_package_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(UserError, match=r"pip install 'lightemma\[openai\]'"):
        OpenAICompatibleBackend(config("http://127.0.0.1:1/v1"))


def test_a_picture_part_without_a_picture_is_a_mistake():
    with pytest.raises(ValueError, match="without a picture"):
        ask("http://127.0.0.1:1/v1", request(turn(PicturePart(None), "Describe.")))


def test_calls_run_concurrently():
    def respond(received):
        return answer(received.body["messages"][0]["content"].upper())

    async def calls(base_url):
        backend = OpenAICompatibleBackend(config(base_url))
        try:
            asked = [backend.generate(request(turn(f"call {i}"))) for i in range(20)]
            return [completion.text for completion in await asyncio.gather(*asked)]
        finally:
            await backend.aclose()

    with ReplyServer(respond=respond) as server:
        assert asyncio.run(calls(server.base_url)) == [f"CALL {i}" for i in range(20)]
    assert len(server.requests) == 20


def test_a_failed_call_leaves_the_backend_usable():
    async def calls(base_url):
        backend = OpenAICompatibleBackend(config(base_url))
        with pytest.raises(CallError):
            await backend.generate(request())
        completion = await backend.generate(request())
        await backend.aclose()
        return completion

    with ReplyServer(Reply(body=answer().body, reset_after=10), answer("A road.")) as server:
        assert asyncio.run(calls(server.base_url)).text == "A road."


def test_a_cancelled_call_is_cancelled_not_failed():
    async def call(base_url):
        backend = OpenAICompatibleBackend(config(base_url))
        task = asyncio.create_task(backend.generate(request()))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await backend.aclose()

    with ReplyServer(Reply(body=answer().body, delay_s=5)) as server:
        asyncio.run(call(server.base_url))
