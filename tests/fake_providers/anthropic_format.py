"""Anthropic's wire format: messages and their errors."""

from __future__ import annotations

from typing import Any

from tests.fake_providers.answers import Answer
from tests.fake_providers.asked import Asked, RejectedError, Sent, Text, Turn, need, only

_FIELDS = frozenset(
    {
        "model", "messages", "max_tokens", "system", "temperature", "top_p", "top_k", "thinking", "output_config",
        "stop_sequences", "metadata", "service_tier", "stream", "tools", "tool_choice",
    }
)  # fmt: skip
_STOP_REASONS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "refused": "refusal",
    "content_filter": "refusal",
    "prompt_blocked": "refusal",
}
_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    529: "overloaded_error",
}


def read(body: dict[str, Any]) -> Asked:
    """A request to ``/v1/messages``.

    Raises:
        RejectedError: if it is none.
    """
    only(body, _FIELDS)
    need(body, "model", "messages", "max_tokens")
    thinking = body.get("thinking") or {"type": "disabled"}
    thinks = thinking["type"] in {"enabled", "adaptive"}
    if thinking["type"] == "enabled" and not 1024 <= thinking["budget_tokens"] < body["max_tokens"]:
        raise RejectedError(400, "thinking.budget_tokens must be at least 1024 and less than max_tokens")
    if thinks and body.get("temperature") not in {None, 1}:
        raise RejectedError(400, "temperature may only be 1 when thinking is enabled")
    wanted = (body.get("output_config") or {}).get("format") or {}
    schema = wanted.get("schema")
    if schema is not None:
        _check_schema(schema)
    turns = [Turn("system", (Text(body["system"]),))] if body.get("system") else []
    turns += [Turn(_role(turn), _parts(turn["content"])) for turn in body["messages"]]
    blocks = [block for turn in body["messages"] if isinstance(turn["content"], list) for block in turn["content"]]
    return Asked(
        model=body["model"],
        turns=tuple(turns),
        max_tokens=body["max_tokens"],
        schema=schema,
        thinks=thinks,
        cache=any("cache_control" in block for block in blocks),
    )


def answer(asked: Asked, answered: Answer, number: int) -> dict[str, Any]:
    """A message."""
    content: list[dict[str, Any]] = []
    if answered.thinking:
        content.append({"type": "thinking", "thinking": "Let me look.", "signature": "c2lnbmVk"})
    if answered.text:
        content.append({"type": "text", "text": answered.text})
    whole: dict[str, Any] = {
        "id": f"msg_{number}",
        "type": "message",
        "role": "assistant",
        "model": f"{asked.model}-served",
        "content": content,
        "stop_reason": _STOP_REASONS[answered.finish],
        "stop_sequence": None,
    }
    if answered.counted:
        whole["usage"] = {
            "input_tokens": answered.input - answered.cached - answered.written,
            "cache_read_input_tokens": answered.cached,
            "cache_creation_input_tokens": answered.written,
            "output_tokens": answered.output + answered.thinking,
            "service_tier": "standard",
        }
        if answered.thinking:
            whole["usage"]["output_tokens_details"] = {"thinking_tokens": answered.thinking}
    return whole


def error(status: int, kind: str, message: str) -> dict[str, Any]:
    """An error."""
    return {"type": "error", "error": {"type": _TYPES.get(status, "api_error"), "message": message}}


def _role(turn: dict[str, Any]) -> str:
    if turn.get("role") not in {"user", "assistant"}:
        raise RejectedError(400, f"messages: unexpected role {turn.get('role')!r}")
    return str(turn["role"])


def _parts(content: str | list[dict[str, Any]]) -> tuple[Text | Sent, ...]:
    if isinstance(content, str):
        return (Text(content),)
    return tuple(_part(block) for block in content)


def _part(block: dict[str, Any]) -> Text | Sent:
    only(block, frozenset({"type", "text", "source", "cache_control"}), "a block")
    if block["type"] == "text":
        if not block["text"]:
            raise RejectedError(400, "messages: text content blocks must be non-empty")
        return Text(block["text"])
    source = block.get("source") or {}
    if block["type"] != "image" or source.get("type") != "base64":
        raise RejectedError(400, f"Unknown block {block['type']!r}")
    return Sent(source["media_type"], source["data"])


def _check_schema(schema: dict[str, Any]) -> None:
    """Refuses what the service cannot enforce."""
    if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
        raise RejectedError(400, "output_config.format.schema: additionalProperties must be false")
    if schema.get("minItems") not in {None, 0, 1} or "maxItems" in schema:
        raise RejectedError(400, "output_config.format.schema: numbers of items are not supported")
    for inner in [*schema.get("properties", {}).values(), *([schema["items"]] if "items" in schema else [])]:
        _check_schema(inner)
