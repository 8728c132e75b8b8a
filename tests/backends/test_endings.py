"""An answer counts only if it ended by itself or at the token limit, whoever's finish reason it came with."""

from __future__ import annotations

import json

import pytest

from lightemma.backends.base import CallError, Completion
from lightemma.backends.http.anthropic_wire import Result
from lightemma.backends.http.endings import ending_of
from lightemma.backends.http.errors import Failures
from lightemma.backends.http.openai_wire import read_chat, read_response
from lightemma.backends.thinking import Habit
from tests.backends.kit import ANTHROPIC, COMPATIBLE, GOOGLE, KEY
from tests.fake_providers import Fault

pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class:DeprecationWarning")

PLAN = "[(5.0, 0.001), (5.0, 0.001), (5.0, 0.001), (5.0, 0.001), (5.0, 0.001), (5.0, 0.001)]"
FAILURES = Failures("http://x", "m")

REASONS = {
    "content_filter": "SAFETY RECITATION PROHIBITED_CONTENT BLOCKLIST SPII LANGUAGE IMAGE_SAFETY content_filtered sensitive "
    "guardrail_intervened content-filter contentFilter ERROR_TOXIC FINISH_REASON_SAFETY FinishReason.SPII policy_violation "
    "output_moderated unsafe_content high_risk csam violation illegal user_input_flagged banned censored nsfw",
    "length": "length MAX_TOKENS max_output_tokens max_new_tokens model_length model_context_window_exceeded "
    "max_tokens_reached context_window output_limit",
    "refused": "refusal refused model_refused denied rejected",
    "stop": "stop STOP end_turn stop_sequence eos eos_token COMPLETE completed <|im_end|> eot_id stop_strings stop_token_id",
    "server_error": "error abort aborted cancelled load engine_failure generation_error internal crash out_of_memory",
    "overloaded": "insufficient_system_resource no_capacity_left",
    "connection": "network_error",
    "timeout": "timeout deadline_exceeded",
    "invalid_response": "tool_calls function_call tool_use pause_turn malformed_function_call MALFORMED_FUNCTION_CALL "
    "UNEXPECTED_TOOL_CALL OTHER something_new 7",
}
PAIRS = [(reason, ending) for ending, reasons in REASONS.items() for reason in reasons.split()]


def chat(content=PLAN, reason="stop", *, choice=None, message=None, **whole):
    return {
        "choices": [{"message": {"content": content} | (message or {}), "finish_reason": reason} | (choice or {})]
    } | whole


def outcome(read, *given, **settings) -> str:
    """The finish reason, or the kind of the failure."""
    try:
        return read(*given, FAILURES, **settings).finish_reason
    except CallError as error:
        return error.kind


@pytest.mark.parametrize(("reason", "ending"), PAIRS)
def test_every_providers_finish_reasons_mean_the_same_behind_one_address(reason, ending):
    assert ending_of(reason) == ending
    assert outcome(read_chat, chat(reason=reason)) == ending


def test_a_missing_finish_reason():
    assert ending_of(None) is None
    assert outcome(read_chat, chat(reason=None)) == "other"
    assert outcome(read_chat, chat("", reason=None)) == "invalid_response"
    assert outcome(read_chat, chat("", reason="stop")) == "stop"


def test_a_reason_that_only_the_user_knows():
    assert outcome(read_chat, chat(reason="hit_eos_7")) == "invalid_response"
    assert outcome(read_chat, chat(reason="hit_eos_7"), meanings={"hit_eos_7": "stop"}) == "stop"
    with pytest.raises(CallError, match="'hit_eos_7'"):
        read_chat(chat(reason="hit_eos_7"), FAILURES)


@pytest.mark.parametrize(
    ("reason", "native", "ending"),
    [
        ("stop", "SAFETY", "content_filter"),
        ("error", "PROHIBITED_CONTENT", "content_filter"),
        ("stop", "MAX_TOKENS", "length"),
        ("length", "stop", "length"),
        ("stop", "abort", "server_error"),
        ("stop", "completed", "stop"),
        ("stop", "something_new", "stop"),
        (None, "SAFETY", "content_filter"),
        (None, "STOP", "stop"),
    ],
)
def test_a_native_reason_beside_a_routers(reason, native, ending):
    assert outcome(read_chat, chat(reason=reason, choice={"native_finish_reason": native})) == ending


ERROR = {"code": 504, "message": "upstream idle too long"}
REPORTED = [
    pytest.param(chat(choice={"error": ERROR}), "server_error", id="in the choice"),
    pytest.param(chat(reason=None, choice={"error": ERROR}), "server_error", id="in the choice, no reason"),
    pytest.param(chat(message={"error": ERROR}), "server_error", id="in the message"),
    pytest.param(chat(error=ERROR), "server_error", id="beside the choices"),
    pytest.param(chat(error={"code": "429", "message": "slow"}), "rate_limited", id="a number as text"),
    pytest.param(chat(error="upstream request timeout"), "timeout", id="a sentence beside the choices"),
    pytest.param({"choices": [{"error": ERROR, "message": None}]}, "server_error", id="no message"),
    pytest.param({"error": {"code": "insufficient_balance"}}, "no_credit", id="no choices"),
    pytest.param({"code": 1113, "msg": "余额不足"}, "no_credit", id="a code and a sentence alone"),
    pytest.param({"choices": None, "message": "rate limit", "code": "rate_limit"}, "rate_limited", id="choices null"),
    pytest.param({"choices": None, "base_resp": {"status_code": 1026}}, "content_filter", id="base_resp"),
    pytest.param(chat(base_resp={"status_code": 1027}), "content_filter", id="base_resp beside the choices"),
    pytest.param(chat(choice={"content_filter_results": {"hate": {"filtered": True}}}), "content_filter", id="azure"),
]


@pytest.mark.parametrize(("body", "kind"), REPORTED)
def test_an_error_reported_with_status_200_is_no_answer(body, kind):
    assert outcome(read_chat, body) == kind


@pytest.mark.parametrize("error", [None, {}, "", {"code": None, "message": None}])
def test_an_empty_field_for_errors_is_none(error):
    completion = read_chat(chat(error=error, choice={"error": error}, base_resp={"status_code": 0}), FAILURES)
    assert (completion.text, completion.finish_reason) == (PLAN, "stop")


REASONING = [
    {"reasoning_content": PLAN},
    {"reasoning": PLAN},
    {"thinking": PLAN},
    {"thought": PLAN},
    {"reasoning_text": PLAN},
    {"reasoning_details": [{"type": "reasoning.text", "text": PLAN}]},
    {"reasoning_details": [{"type": "reasoning.summary", "summary": PLAN}]},
    {"thinking_blocks": [{"type": "thinking", "thinking": PLAN}]},
    {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": PLAN}]}]},
    {"content": [{"type": "reasoning", "text": PLAN}]},
    {"content": [{"type": "text", "thought": True, "text": PLAN}]},
    {"content": f"<think>{PLAN}"},
    {"content": f"◁think▷{PLAN}◁/think▷"},
]


@pytest.mark.parametrize("message", REASONING)
def test_reasoning_alone_is_a_failure_with_its_own_sentence(message):
    body = chat(None, message=message)
    with pytest.raises(CallError, match=r"the answer is empty while there is reasoning.*reasoning parser") as caught:
        read_chat(body, FAILURES)
    assert caught.value.kind == "reasoning_only"
    body["choices"][0]["finish_reason"] = "length"
    cut = read_chat(body, FAILURES)
    assert (cut.text, cut.finish_reason, cut.reasoning) == ("", "length", PLAN)


@pytest.mark.parametrize("message", REASONING[:10])
def test_reasoning_beside_an_answer_is_kept_apart(message):
    content = message.get("content")
    given = {"content": [*content, {"type": "text", "text": "A road."}] if content else "A road."}
    completion = read_chat(chat(message=message | given), FAILURES)
    assert (completion.text, completion.reasoning) == ("A road.", PLAN)


def test_an_answer_cut_inside_thinking_that_the_template_began():
    habit = Habit()
    assert read_chat(chat(f"{PLAN}</think>yes"), FAILURES, habit=habit).text == "yes"
    cut = read_chat(chat(PLAN, "length"), FAILURES, habit=habit)
    assert (cut.text, cut.reasoning) == ("", PLAN)
    assert read_chat(chat(PLAN), FAILURES, habit=habit).text == PLAN


def test_a_refusal_in_its_own_field():
    completion = read_chat(chat(None, message={"refusal": "I cannot."}), FAILURES)
    assert (completion.text, completion.finish_reason, completion.is_answer) == ("I cannot.", "refused", False)


@pytest.mark.parametrize(
    ("body", "ending"),
    [
        ({"status": "completed", "output": [{"type": "reasoning", "summary": [{"text": PLAN}]}]}, "reasoning_only"),
        ({"status": "completed", "output": [{"type": "reasoning"}]}, "reasoning_only"),
        ({"status": "incomplete", "output": [], "incomplete_details": {"reason": "content_filter"}}, "content_filter"),
        ({"status": "incomplete", "output": [], "incomplete_details": {"reason": "max_output_tokens"}}, "length"),
        ({"status": "incomplete", "output": []}, "server_error"),
        ({"status": "cancelled", "output": []}, "server_error"),
        ({"status": "completed", "output": [], "error": {"code": "rate_limit_exceeded"}}, "rate_limited"),
    ],
)
def test_responses(body, ending):
    assert outcome(read_response, body) == ending


def claude(reason, *blocks, **fields):
    return {"type": "message", "content": list(blocks), "stop_reason": reason} | fields


def gemini(reason, *parts, **fields):
    return {"candidates": [{"content": {"parts": list(parts)}, "finishReason": reason}]} | fields


SAID = {"type": "text", "text": PLAN}
DIALECTS = [
    (ANTHROPIC, claude("refusal", SAID), "refused"),
    (ANTHROPIC, claude("pause_turn", SAID), "invalid_response"),
    (ANTHROPIC, claude("tool_use", SAID), "invalid_response"),
    (ANTHROPIC, claude("model_context_window_exceeded", SAID), "length"),
    (ANTHROPIC, claude("end_turn", {"type": "thinking", "thinking": PLAN}), "reasoning_only"),
    (ANTHROPIC, claude("end_turn", {"type": "redacted_thinking", "data": "x"}), "reasoning_only"),
    (ANTHROPIC, claude("max_tokens", {"type": "thinking", "thinking": PLAN}), "length"),
    (ANTHROPIC, claude("end_turn", SAID, error={"type": "overloaded_error"}), "overloaded"),
    (ANTHROPIC, claude(None), "invalid_response"),
    *(
        (GOOGLE, gemini(reason, {"text": PLAN}), "content_filter")
        for reason in ("SAFETY", "IMAGE_SAFETY", "LANGUAGE", "SPII")
    ),
    *(
        (GOOGLE, gemini(reason, {"text": PLAN}), "invalid_response")
        for reason in ("OTHER", "MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL")
    ),
    (GOOGLE, gemini("STOP", {"text": PLAN, "thought": True}), "reasoning_only"),
    (GOOGLE, gemini("MAX_TOKENS", {"text": PLAN, "thought": True}), "length"),
    (GOOGLE, {"promptFeedback": {"blockReason": "OTHER"}}, "content_filter"),
    (GOOGLE, gemini("STOP", {"text": PLAN}, promptFeedback={"blockReason": "PROHIBITED_CONTENT"}), "content_filter"),
    (GOOGLE, gemini("STOP", {"text": PLAN}, promptFeedback={"blockReason": "BLOCK_REASON_UNSPECIFIED"}), "stop"),
    (GOOGLE, gemini("STOP", {"text": PLAN}, error={"code": 503, "status": "UNAVAILABLE"}), "overloaded"),
]


@pytest.fixture
def backends(server):
    made = {provider.name: provider.make(server) for provider in (ANTHROPIC, GOOGLE)}
    return lambda provider: made[provider.name]


def test_anthropics_and_googles_own_dialects(backends):
    def read(provider, body, _):
        return backends(provider)._completion(body)

    found = [outcome(read, provider, body) for provider, body, _ in DIALECTS]
    assert found == [ending for *_, ending in DIALECTS]


def test_lines_of_batches_are_read_as_single_answers(backends):
    """What failed is a failure, also where a line says that it succeeded."""
    openai = pytest.importorskip("lightemma.backends.openai")
    chats = openai.OpenAIBackend(COMPATIBLE.config("http://127.0.0.1:1/v1", api_key_env="LIGHTEMMA_TEST_KEY"))

    def line(body, status=200, **fields):
        return chats._result(openai._Line(custom_id="a", response={"status_code": status, "body": body}, **fields))

    assert line(chat()).text == PLAN
    failed = [line(chat(error=ERROR)), line(chat(reason="abort")), line(chat(), error={"code": "batch_expired"})]
    assert [one.kind for one in failed] == ["server_error", "server_error", "timeout"]
    claude_line = backends(ANTHROPIC)._result
    assert claude_line(Result(type="succeeded", message=claude("pause_turn", SAID))).kind == "invalid_response"
    assert claude_line(Result(type="succeeded", message=claude("refusal", SAID))).finish_reason == "refused"


def test_the_compatible_backend_passes_its_options_on(server):
    def ask(body, **options):
        server.next(Fault("raw", text=json.dumps(body)))
        completion = COMPATIBLE.ask(server, options=options)
        assert isinstance(completion, Completion)
        assert KEY not in completion.text
        return completion

    assert ask(chat(reason="mine"), finish_reasons={"mine": "length"}).finish_reason == "length"
    assert ask(chat(f"<think>x</think>{PLAN}"), strip_thinking=False).text.startswith("<think>")
    assert ask(chat(f"Okay. ◁think▷x◁/think▷{PLAN}")).text == PLAN


def test_options_of_later_versions_change_no_older_answers_key():
    backend = COMPATIBLE.backend
    assert "finish_reasons" not in backend.Options().model_dump(mode="json")
    assert backend.Options(finish_reasons={"a": "stop"}).model_dump(mode="json")["finish_reasons"] == {"a": "stop"}


@pytest.mark.parametrize(
    "beside",
    [
        {"output_sensitive": True},
        {"choices": [], "prompt_filter_results": [{"content_filter_results": {"hate": {"filtered": True}}}]},
    ],
)
def test_a_filter_that_is_named_beside_the_answers(beside):
    assert outcome(read_chat, chat() | beside) == "content_filter"
    assert outcome(read_chat, chat(output_sensitive=False, prompt_filter_results=[7])) == "stop"


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("[" * 60 + "1" + "]" * 60, None),
        ("[" * 61 + "1" + "]" * 61, "nests more than 60 levels"),
        ('{"a":' * 61 + "1" + "}" * 61, "nests more than 60 levels"),
        ('[{"a":' * 31 + "1" + "}]" * 31, "nests more than 60 levels"),
        ("[" + '{"a": "[{["},' * 40 + "1]", None),
        ("[" + "1," * 49_998 + "1]", None),
        ("[" + "1," * 50_000 + "1]", "more than 50,000 values"),
    ],
    ids=["at the limit", "lists", "objects", "both", "signs in texts", "many values", "too many"],
)
@pytest.mark.parametrize("kind", [str, bytes])
def test_a_body_may_be_neither_too_deep_nor_too_much(body, fault, kind):
    given = body if kind is str else body.encode()
    if fault is None:
        assert FAILURES.json(given) == json.loads(body)
        return
    with pytest.raises(CallError, match=fault) as raised:
        FAILURES.json(given)
    assert raised.value.kind == "invalid_response"
    assert FAILURES.json(given, bounded=False) == json.loads(body)
