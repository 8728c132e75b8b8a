"""How three families of providers say the same: an answer, an error, and the parts of them that can go wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

#: Six pairs that any parser takes.
PAIRS = "[" + ", ".join(["(5.0, 0.001)"] * 6) + "]"


@dataclass(frozen=True)
class Dialect:
    """One family.

    Attributes:
        name: of the family; the column's head.
        provider: of lightemma.
        key_variable: where its key is read.
        path: after the address, in a ``base_url``.
        answer: (text, finish, model, usage, thinking) to a body; None leaves a part out.
        error: (status, message, code) to a body.
        counts: input and output tokens as a usage.
        finishes: the family's words for the ends of an answer.
        holder: where the list is that an answer's text stands in.
    """

    name: str
    provider: str
    key_variable: str
    path: str
    answer: Callable[..., dict[str, Any]]
    error: Callable[[int, str, str | None], dict[str, Any]]
    counts: Callable[[Any, Any], dict[str, Any]]
    finishes: dict[str, str]
    holder: str


def _openai(
    text: Any = PAIRS, finish: Any = "stop", model: Any = "served", usage: Any = None, thinking: Any = None
) -> dict[str, Any]:
    message = {"role": "assistant", "content": text} | ({} if thinking is None else {"reasoning_content": thinking})
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": _openai_counts(100, 40) if usage is None else usage,
    }


def _openai_counts(sent: Any, made: Any) -> dict[str, Any]:
    return {"prompt_tokens": sent, "completion_tokens": made}


def _openai_error(status: int, message: str, code: str | None) -> dict[str, Any]:
    return {"error": {"message": message, "type": code, "param": None, "code": code}}


def _anthropic(
    text: Any = PAIRS, finish: Any = "end_turn", model: Any = "served", usage: Any = None, thinking: Any = None
) -> dict[str, Any]:
    blocks = [] if thinking is None else [{"type": "thinking", "thinking": thinking, "signature": "c2lnbmVk"}]
    if text is not None:
        blocks.append({"type": "text", "text": text})
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": blocks,
        "stop_reason": finish,
        "stop_sequence": None,
        "usage": _anthropic_counts(100, 40) if usage is None else usage,
    }


def _anthropic_counts(sent: Any, made: Any) -> dict[str, Any]:
    return {"input_tokens": sent, "output_tokens": made}


def _anthropic_error(status: int, message: str, code: str | None) -> dict[str, Any]:
    kind = {400: "invalid_request_error", 429: "rate_limit_error"}.get(status, "api_error")
    return {"type": "error", "error": {"type": code or kind, "message": message}}


def _google(
    text: Any = PAIRS, finish: Any = "STOP", model: Any = "served", usage: Any = None, thinking: Any = None
) -> dict[str, Any]:
    parts = [] if thinking is None else [{"text": thinking, "thought": True}]
    if text is not None:
        parts.append({"text": text})
    return {
        "responseId": "r1",
        "candidates": [{"index": 0, "content": {"role": "model", "parts": parts}, "finishReason": finish}],
        "modelVersion": model,
        "usageMetadata": _google_counts(100, 40) if usage is None else usage,
    }


def _google_counts(sent: Any, made: Any) -> dict[str, Any]:
    return {"promptTokenCount": sent, "candidatesTokenCount": made}


def _google_error(status: int, message: str, code: str | None) -> dict[str, Any]:
    return {"error": {"code": status, "message": message, "status": code or "UNKNOWN"}}


OPENAI = Dialect(
    "openai",
    "openai-compatible",
    "LIGHTEMMA_MATRIX_KEY",
    "/v1",
    _openai,
    _openai_error,
    _openai_counts,
    {"stop": "stop", "length": "length", "filter": "content_filter"},
    "choices",
)
ANTHROPIC = Dialect(
    "anthropic",
    "anthropic",
    "ANTHROPIC_API_KEY",
    "",
    _anthropic,
    _anthropic_error,
    _anthropic_counts,
    {"stop": "end_turn", "length": "max_tokens", "filter": "refusal"},
    "content",
)
GOOGLE = Dialect(
    "google",
    "google",
    "GEMINI_API_KEY",
    "",
    _google,
    _google_error,
    _google_counts,
    {"stop": "STOP", "length": "MAX_TOKENS", "filter": "SAFETY"},
    "candidates",
)
DIALECTS = (OPENAI, ANTHROPIC, GOOGLE)


def body_of(content: object) -> bytes:
    """As it is on the wire; half characters are written as JSON's escapes."""
    return json.dumps(content).encode()
