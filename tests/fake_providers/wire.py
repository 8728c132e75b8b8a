"""Which wire format does what: one table for the server and for batches."""

from __future__ import annotations

from typing import Any

from tests.fake_providers import anthropic_format, google_format, openai_format
from tests.fake_providers.answers import Answer
from tests.fake_providers.asked import Asked, RejectedError
from tests.fake_providers.faults import STATUSES, Fault
from tests.fake_providers.state import Format

_SENTENCES = {
    "auth": "Incorrect API key provided.",
    "rate_limited": "Rate limit reached, slow down.",
    "no_credit": "You exceeded your current quota, please check your plan and billing details.",
    "overloaded": "The engine is currently overloaded.",
    "overloaded_529": "Overloaded",
    "server_error": "The server had an error while processing your request.",
    "prompt_refused": "The prompt was stopped by the content filter.",
}


def read(wire: Format, body: dict[str, Any], model: str = "") -> Asked:
    """What a request asks.

    Args:
        wire: its format.
        body: as read from JSON.
        model: the one that the path names (Google's).

    Raises:
        RejectedError: if it cannot be read.
    """
    try:
        if wire == "chat":
            return openai_format.read_chat(body)
        if wire == "responses":
            return openai_format.read_responses(body)
        if wire == "anthropic":
            return anthropic_format.read(body)
        return google_format.read(body, model)
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise RejectedError(400, f"The request could not be read: {type(error).__name__} {error}") from error


def write(wire: Format, asked: Asked, answer: Answer, number: int) -> dict[str, Any]:
    """An answer in its format."""
    if wire == "chat":
        return openai_format.chat_answer(asked, answer, number)
    if wire == "responses":
        return openai_format.responses_answer(asked, answer, number)
    if wire == "anthropic":
        return anthropic_format.answer(asked, answer, number)
    return google_format.answer(asked, answer, number)


def error(wire: Format, status: int, kind: str, message: str, retry_delay: str | None = None) -> dict[str, Any]:
    """An error in its format."""
    if wire == "google":
        return google_format.error(status, kind, message, retry_delay)
    return (anthropic_format if wire == "anthropic" else openai_format).error(status, kind, message)


def failure(wire: Format, fault: Fault) -> tuple[int, dict[str, Any]]:
    """Status and body of a fault that is an error's status, as this provider says it."""
    status, kind = STATUSES[fault.kind], fault.kind
    message = fault.message or _SENTENCES.get(kind, f"This went wrong: {kind}.")
    if wire == "anthropic" and kind == "no_credit":
        status, message = 400, "Your credit balance is too low to access the Anthropic API."
    elif wire == "anthropic" and kind == "prompt_refused":
        message = "Output blocked by content filtering policy"
    elif wire == "google" and kind == "auth":
        status, message = 400, fault.message or "API key not valid. Please pass a valid API key."
    elif wire == "google" and kind == "no_credit":
        status = 403
    body = error(wire, status, kind, message, fault.retry_after if fault.in_body else None)
    if wire == "google" and kind == "no_credit":
        body["error"]["details"] = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "BILLING_DISABLED"}]
    return status, body
