"""What errors of providers mean, in their own dialects."""

from __future__ import annotations

import json

import pytest

from lightemma.failures import failure_kind
from lightemma.provider_errors import is_error, kind_of, sentence_of


def openai(message: str = "no", **fields: object) -> dict[str, object]:
    return {"error": {"message": message, **fields}}


def google(status: str, message: str, *details: object) -> dict[str, object]:
    return {"error": {"code": 400, "message": message, "status": status, "details": list(details)}}


def anthropic(kind: str, message: str) -> dict[str, object]:
    return {"type": "error", "error": {"type": kind, "message": message}}


FILTERED = [
    (400, openai(code="data_inspection_failed", type="data_inspection_failed")),
    (400, {"code": "DataInspectionFailed", "message": "Input data may contain inappropriate content."}),
    (400, openai(code="content_filter", innererror={"code": "ResponsibleAIPolicyViolation"})),
    (400, openai("The response was filtered due to Azure OpenAI's content management policy.")),
    (400, openai(code="content_policy_violation")),
    (400, openai("Your request was rejected by our safety system.", code="moderation_blocked")),
    (
        400,
        openai(
            "Invalid prompt: your prompt was flagged as potentially violating our usage policy.", code="invalid_prompt"
        ),
    ),
    (400, anthropic("invalid_request_error", "Output blocked by content filtering policy")),
    (400, google("INVALID_ARGUMENT", "blocked", {"reason": "SAFETY"})),
    (400, openai("系统检测到输入或生成内容可能包含不安全或敏感内容", code="1301")),
    (400, openai("Content Exists Risk", code="InputTextSensitiveContentDetected")),
    (403, openai("The input was flagged", code=403, metadata={"reasons": ["violence"], "provider_name": "P"})),
    (403, openai("no", metadata={"reasons": ["hate"]})),
    (403, openai("Provider returned error", metadata={"raw": json.dumps(openai(code="content_filter"))})),
    (422, openai("prohibited content", code="guardrail_triggered")),
    (500, openai(code="content_filter")),
    (None, {"status_code": 1027, "status_msg": "output new_sensitive"}),
    (None, openai("Input contains sensitive words")),
    (400, {"error_code": 336104, "error_msg": "the content of user is unsafe"}),
    (None, {"error_code": 336104, "error_msg": "the content of user is unsafe"}),
    (400, openai("Content Exists Risk", code="invalid_request_error")),
    (400, openai("The request was rejected because it was considered high risk")),
    (403, {"code": "no permission", "error": "Content violates usage guidelines. Failed check: SAFETY_CHECK_TYPE_X"}),
    (400, openai("Violated guardrail policy")),
    (400, openai("Request blocked by Prompt Guard")),
    (400, {"__type": "ValidationException", "message": "The response was blocked by Guardrail"}),
    (400, google("FAILED_PRECONDITION", "Request blocked by Model Armor")),
    (400, openai("The image violates our Acceptable Use Policy")),
]
NO_CREDIT = [
    (400, openai("Access denied, please make sure your account is in good standing.", code="Arrearage")),
    (400, anthropic("invalid_request_error", "Your credit balance is too low to access the Anthropic API.")),
    (400, openai("Budget has been exceeded", type="budget_exceeded")),
    (401, openai("Insufficient balance. Manage your billing here", type="CreditsError")),
    (402, openai("Insufficient Balance")),
    (403, openai("Access denied.", code="AccessDenied.Unpurchased")),
    (403, openai("The free quota of the model has been exhausted", code="AllocationQuota.FreeTierOnly")),
    (403, openai("insufficient user quota", code="insufficient_user_quota")),
    (403, openai("Key limit exceeded (total limit)")),
    (403, openai("overdue", code="AccountOverdueError")),
    (429, openai("You exceeded your current quota, check your plan.", code="insufficient_quota")),
    (429, openai("Your account is not active", code="billing_not_active")),
    (429, openai("no", type="exceeded_current_quota_error")),
    (429, google("RESOURCE_EXHAUSTED", "Your prepayment credits are depleted.")),
    (429, openai("余额不足或无可用资源包", code="1113")),
    (None, {"status_code": 1008, "status_msg": "insufficient balance"}),
    (403, {"code": "exhausted", "error": "Your team has used all available credits or reached its monthly limit."}),
    (429, {"code": "exhausted", "error": "Your team has reached its monthly spending limit."}),
    (412, openai("Account is suspended, possibly due to reaching the monthly spending limit")),
    (400, openai("Budget has been exceeded! Current cost: 0.1, Max budget: 0.1")),
    (403, openai("You've reached your inference balance limit; add funds")),
    (400, anthropic("invalid_request_error", "You have reached your specified API usage limits.")),
    (403, google("PERMISSION_DENIED", "Lightning dunning decision is deny for project: 1")),
    (429, google("RESOURCE_EXHAUSTED", "Your project has exceeded its monthly spending cap.")),
    (429, openai("You are using a Trial key, which is limited to 1000 API calls / month")),
]
NEVER_FITS = [
    (
        429,
        openai(
            "Request too large for gpt-4o: Limit 30000, Requested 40000.", code="rate_limit_exceeded", type="tokens"
        ),
    ),
    (429, openai("Rate limit on tokens per min: Limit 6,000, Used 0, Requested 7,100.", code="rate_limit_exceeded")),
    (413, openai("Request too large on tokens per minute", code="rate_limit_exceeded")),
    (413, anthropic("request_too_large", "Request exceeds the maximum size")),
    (400, openai("This model's maximum context length is 8192 tokens.", code="context_length_exceeded")),
    (400, anthropic("invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum")),
    (400, google("INVALID_ARGUMENT", "The input token count exceeds the maximum number of tokens allowed")),
    (429, openai("no", code="context_length_exceeded")),
    (422, openai("`inputs` must have less than 4096 tokens, input is too long")),
    (500, openai("the request exceeds the available context size")),
    (None, openai("no", code="context_length_exceeded")),
    (429, google("RESOURCE_EXHAUSTED", "The input token count (2) exceeds the maximum number of tokens allowed (1)")),
    (429, openai("A single request exceeds the limit of 10000 tokens")),
    (500, openai("litellm.ContextWindowExceededError: no")),
]
OTHERS = [
    (
        429,
        openai("Rate limit reached: Limit 30000, Used 29000, Requested 4000.", code="rate_limit_exceeded"),
        "rate_limited",
    ),
    (
        429,
        google("RESOURCE_EXHAUSTED", "You exceeded your current quota, please check your plan and billing."),
        "rate_limited",
    ),
    (429, openai("Too many tokens, please wait before trying again."), "rate_limited"),
    (
        429,
        anthropic("rate_limit_error", "This request would exceed your rate limit of 40,000 input tokens"),
        "rate_limited",
    ),
    (400, openai("slow down", code="Throttling.RateQuota"), "rate_limited"),
    (403, openai("Your account was flagged for violating our usage policies."), "auth"),
    (403, openai("Country, region, or territory not supported", code="unsupported_country_region_territory"), "auth"),
    (403, None, "auth"),
    (400, openai("Model Not Exist"), "model_not_found"),
    (400, openai("x/y is not a valid model ID"), "model_not_found"),
    (400, google("INVALID_ARGUMENT", "API key not valid.", {"reason": "API_KEY_INVALID"}), "auth"),
    (400, openai("Unsupported value: 'temperature' does not support 0.0", code="unsupported_value"), "bad_request"),
    (500, openai("the content filter could not be reached"), "server_error"),
    (503, openai("model overloaded"), "overloaded"),
    (None, {"status_code": 1002, "status_msg": "rate limit"}, "rate_limited"),
    (None, openai("x", status="UNAVAILABLE"), "overloaded"),
    (400, {"__type": "ThrottlingException", "message": "Too many tokens, please wait."}, "rate_limited"),
    (None, {"error_code": 18, "error_msg": "Open api qps request limit reached"}, "rate_limited"),
    (None, {"error_code": 110, "error_msg": "Access token invalid or no longer valid"}, "auth"),
    (500, openai("System is too busy now. Please try again later.", code=50505), "overloaded"),
    (429, openai("The engine is currently overloaded", type="engine_overloaded_error"), "overloaded"),
    (498, openai("Flex", type="capacity_exceeded"), "overloaded"),
    (None, {"code": {"code": [[]]}, "error": [[[[[[[[]]]]]]]]}, "invalid_response"),
]
CASES = [
    *((*case, "content_filter") for case in FILTERED),
    *((*case, "no_credit") for case in NO_CREDIT),
    *((*case, "bad_request") for case in NEVER_FITS),
    *OTHERS,
]


@pytest.mark.parametrize(("status", "body", "kind"), CASES)
def test_codes_and_words_say_more_than_the_status(status, body, kind):
    assert kind_of(status, body, sentence_of(body) or "") == kind


def test_a_request_that_never_fits_neither_waits_nor_slows_down():
    follows = failure_kind("bad_request")
    assert (follows.retried, follows.slows_down, follows.fatal) == (False, False, False)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"error_msg": "a"}, "a"),
        ({"errors": [{"message": "b"}]}, "b"),
        ({"base_resp": {"status_msg": "c"}}, None),
        ({"msg": "d"}, "d"),
        ([{"error": {"message": "e"}}], "e"),
        ({"error": "f"}, "f"),
        ({"error": {"error": {"detail": "g"}}}, "g"),
        (5, None),
    ],
)
def test_the_sentence_of_an_error(body, sentence):
    assert sentence_of(body) == sentence


@pytest.mark.parametrize("nothing", [None, "", {}, [], False, {"code": None, "message": ""}])
def test_a_field_that_reports_nothing(nothing):
    assert [is_error(value) for value in (nothing, {"code": 504}, "sorry")] == [False, True, True]
