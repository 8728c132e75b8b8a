"""Every hosted backend names every failure in the same way, after exactly one request."""

from __future__ import annotations

import socket
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from lightemma.backends.base import CallError
from lightemma.backends.config import Limits
from lightemma.backends.http.errors import kind_of
from tests.backends.kit import ALL, ANTHROPIC, GOOGLE, KEY, assert_hidden, each, request, turn
from tests.fake_providers import Fault

pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class:DeprecationWarning")

IMPATIENT = Limits(timeout_s=0.3)

FAULTS = [
    pytest.param(Fault("rate_limited", retry_after="7"), "rate_limited", 7.0, id="429 with Retry-After"),
    pytest.param(Fault("rate_limited", retry_after="0.5"), "rate_limited", 0.5, id="429 with half a second"),
    pytest.param(Fault("rate_limited"), "rate_limited", None, id="429 without"),
    pytest.param(Fault("rate_limited", retry_after="soon"), "rate_limited", None, id="429 with nonsense"),
    pytest.param(Fault("no_credit"), "no_credit", None, id="no credit"),
    pytest.param(Fault("payment_required"), "no_credit", None, id="402"),
    pytest.param(Fault("server_error"), "server_error", None, id="500"),
    pytest.param(Fault("bad_gateway"), "server_error", None, id="502"),
    pytest.param(Fault("overloaded", retry_after="3"), "overloaded", 3.0, id="503"),
    pytest.param(Fault("overloaded_529"), "overloaded", None, id="529"),
    pytest.param(Fault("hang"), "timeout", None, id="timeout"),
    pytest.param(Fault("trickle"), "timeout", None, id="trickle"),
    pytest.param(Fault("reset"), "connection", None, id="reset in the body"),
    pytest.param(Fault("reset_early"), "connection", None, id="reset before the answer"),
    pytest.param(Fault("invalid_json"), "invalid_response", None, id="torn JSON"),
    pytest.param(Fault("html"), "invalid_response", None, id="HTML"),
    pytest.param(Fault("empty_body"), "invalid_response", None, id="empty body"),
    pytest.param(Fault("auth"), "auth", None, id="refused key"),
    pytest.param(Fault("forbidden"), "auth", None, id="403"),
    pytest.param(Fault("unknown_model"), "model_not_found", None, id="unknown model"),
    pytest.param(Fault("bad_request", message="too many pictures"), "bad_request", None, id="400"),
]


@each
@pytest.mark.parametrize(("fault", "kind", "retry_after_s"), FAULTS)
def test_faults(server, provider, fault, kind, retry_after_s):
    server.next(fault)
    error = provider.fail(server, limits=IMPATIENT if kind == "timeout" else Limits(timeout_s=20))
    assert (error.kind, error.retry_after_s) == (kind, retry_after_s)
    if fault.message:
        assert fault.message in error.message
    if kind == "timeout":
        assert "0.3 s" in error.message
    if kind == "connection":
        assert server.address in error.message


@each
def test_a_prompt_that_a_filter_stops(server, provider):
    if provider is GOOGLE:
        pytest.skip("reports it in an answer; see the contract")
    server.next("prompt_refused")
    assert provider.fail(server).kind == "content_filter"


@each
def test_a_wrong_key(server, provider, monkeypatch):
    monkeypatch.setenv(provider.key_variable, "sk-another-key-987654")
    error = provider.fail(server)
    assert error.kind == "auth"
    assert "sk-another-key-987654" not in error.message


@each
def test_an_unknown_model(server, provider):
    error = provider.fail(server, model="unknown-model")
    assert error.kind == "model_not_found"
    assert "unknown-model" in error.message


@each
def test_a_server_that_is_full(server, provider):
    server.server.settings.capacity = 0
    error = provider.fail(server)
    assert (error.kind, error.retry_after_s) == ("rate_limited", 1.0)
    assert server.counts.rejected == 1


@each
def test_no_server_listens(server, provider):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{probe.getsockname()[1]}"
    with pytest.raises(CallError, match=address) as caught:
        provider.ask(f"{address}/v1" if provider.versioned else address)
    assert caught.value.kind == "connection"
    assert_hidden(caught.value)


@each
def test_retry_after_as_a_date(server, provider):
    moment = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    server.next(Fault("rate_limited", retry_after=moment))
    assert 80 < provider.fail(server).retry_after_s <= 90


def test_google_tells_the_wait_in_the_body(server):
    server.next(Fault("rate_limited", retry_after="37", in_body=True))
    error = GOOGLE.fail(server)
    assert (error.kind, error.retry_after_s) == ("rate_limited", 37.0)


@pytest.mark.parametrize("provider", ALL, ids=lambda provider: provider.name)
def test_a_key_in_the_providers_message_is_replaced_by_stars(server, provider):
    server.next(Fault("bad_request", message=f"Your key {KEY} may not do this."))
    assert "***" in provider.fail(server).message


def test_a_request_that_anthropic_does_not_take(server):
    error = ANTHROPIC.fail(server, request(turn("You drive.", role="system"), turn("")))
    assert error.kind == "bad_request"
    assert "non-empty" in error.message


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"type": "error", "error": {"type": "overloaded_error"}}, "overloaded"),
        ({"type": "error", "error": {"type": "api_error"}}, "server_error"),
        ({"type": "error", "error": {"type": "rate_limit_error"}}, "rate_limited"),
        ({"type": "error", "error": {"type": "authentication_error"}}, "auth"),
        ({"type": "error", "error": {"type": "permission_error"}}, "auth"),
        ({"type": "error", "error": {"type": "billing_error"}}, "no_credit"),
        ({"type": "error", "error": {"type": "not_found_error"}}, "model_not_found"),
        ({"type": "error", "error": {"type": "timeout_error"}}, "timeout"),
        ({"type": "error", "error": {"type": "invalid_request_error"}}, "bad_request"),
        ({"type": "error", "error": {"type": "request_too_large"}}, "bad_request"),
        ({"code": "server_error"}, "server_error"),
        ({"code": "rate_limit_exceeded"}, "rate_limited"),
        ({"code": "invalid_prompt"}, "bad_request"),
        ({"code": "image_parse_error"}, "bad_request"),
        ({"code": "image_content_policy_violation"}, "content_filter"),
        ({"code": "batch_expired"}, "timeout"),
        ({"code": "insufficient_quota"}, "no_credit"),
        ({"code": "billing_hard_limit_reached"}, "no_credit"),
        ({"code": "something_new"}, "invalid_response"),
        ("a sentence", "invalid_response"),
        (None, "invalid_response"),
    ],
)
def test_errors_without_a_status(body, kind):
    assert kind_of(None, body) == kind


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (429, {"error": {"code": "billing_not_active"}}, "no_credit"),
        (400, {"error": {"code": "billing_hard_limit_reached"}}, "no_credit"),
        (403, {"error": {"code": "model_not_found"}}, "model_not_found"),
        (400, [{"error": {"code": 400, "details": [{"reason": "API_KEY_INVALID"}]}}], "auth"),
        (403, {"error": {"details": [{"reason": "BILLING_DISABLED"}, "text"]}}, "no_credit"),
        (404, {"error": {"status": "NOT_FOUND"}}, "model_not_found"),
        (413, {"error": {"type": "request_too_large"}}, "bad_request"),
        (409, None, "bad_request"),
        (504, {"error": {"status": "DEADLINE_EXCEEDED"}}, "server_error"),
    ],
)
def test_errors_with_a_status(status, body, kind):
    assert kind_of(status, body) == kind
