"""OpenAI's wire formats: chat completions, responses, and their errors."""

from __future__ import annotations

from typing import Any

from tests.fake_providers.answers import Answer
from tests.fake_providers.asked import Asked, RejectedError, Sent, Text, Turn, need, only, picture_of

_CHAT_FIELDS = frozenset(
    {
        "model", "messages", "max_tokens", "max_completion_tokens", "temperature", "top_p", "seed", "stop", "n",
        "response_format", "reasoning_effort", "verbosity", "stream", "user", "service_tier", "store", "metadata",
        "frequency_penalty", "presence_penalty", "logprobs", "top_k", "chat_template_kwargs",
        "structured_outputs", "guided_regex", "regex",  # servers of open models: vLLM, older vLLM, SGLang
    }
)  # fmt: skip
_RESPONSES_FIELDS = frozenset(
    {
        "model", "input", "instructions", "max_output_tokens", "temperature", "top_p", "text", "reasoning", "store",
        "stream", "metadata", "service_tier", "truncation", "user",
    }
)  # fmt: skip
_DETAILS = {None, "low", "high", "auto"}
_EFFORTS = {"none", "minimal", "low", "medium", "high", "xhigh", "max"}
_TYPES = {400: "invalid_request_error", 401: "invalid_request_error", 404: "invalid_request_error", 429: "requests"}
_CODES = {
    "auth": "invalid_api_key",
    "unknown_model": "model_not_found",
    "rate_limited": "rate_limit_exceeded",
    "no_credit": "insufficient_quota",
    "prompt_refused": "content_filter",
}


def read_chat(body: dict[str, Any]) -> Asked:
    """A request to ``/v1/chat/completions``.

    Raises:
        RejectedError: if it is none.
    """
    only(body, _CHAT_FIELDS)
    need(body, "model", "messages")
    wanted = body.get("response_format") or {}
    schema = wanted.get("json_schema", {}).get("schema") if wanted.get("type") == "json_schema" else None
    effort = _effort(body.get("reasoning_effort"))
    only(body.get("structured_outputs") or {}, frozenset({"regex", "json", "choice", "grammar"}), "structured_outputs")
    regex = (body.get("structured_outputs") or {}).get("regex") or body.get("guided_regex") or body.get("regex")
    return Asked(
        model=body["model"],
        turns=tuple(Turn(_role(turn), _chat_parts(turn["content"])) for turn in body["messages"]),
        max_tokens=body.get("max_completion_tokens") or body.get("max_tokens") or 4096,
        schema=schema,
        regex=regex,
        thinks=effort not in {None, "none"},
        samples=body.get("n") or 1,
    )


def read_responses(body: dict[str, Any]) -> Asked:
    """A request to ``/v1/responses``.

    Raises:
        RejectedError: if it is none.
    """
    only(body, _RESPONSES_FIELDS)
    need(body, "model", "input")
    wanted = (body.get("text") or {}).get("format") or {}
    effort = _effort((body.get("reasoning") or {}).get("effort"))
    return Asked(
        model=body["model"],
        turns=tuple(Turn(_role(turn), _responses_parts(turn["content"])) for turn in body["input"]),
        max_tokens=body.get("max_output_tokens") or 4096,
        schema=wanted.get("schema") if wanted.get("type") == "json_schema" else None,
        thinks=effort not in {None, "none"},
    )


def chat_answer(asked: Asked, answer: Answer, number: int) -> dict[str, Any]:
    """A chat completion."""
    whole: dict[str, Any] = {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion",
        "created": 1_750_000_000,
        "model": f"{asked.model}-served",
        "choices": [_choice(index, one) for index, one in enumerate((answer, *answer.more))],
        "service_tier": "default",
    }
    if answer.counted:
        output = answer.all_output + answer.all_thinking
        whole["usage"] = {
            "prompt_tokens": answer.input,
            "completion_tokens": output,
            "total_tokens": answer.input + output,
            "prompt_tokens_details": {"cached_tokens": answer.cached, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": answer.all_thinking, "audio_tokens": 0},
        }
    return whole


def _choice(index: int, answer: Answer) -> dict[str, Any]:
    finish = {"refused": "stop", "prompt_blocked": "content_filter"}.get(answer.finish, answer.finish)
    message: dict[str, Any] = {"role": "assistant", "content": answer.text, "refusal": None, "annotations": []}
    if answer.finish == "refused":
        message |= {"content": None, "refusal": answer.text}
    return {"index": index, "message": message, "logprobs": None, "finish_reason": finish}


def responses_answer(asked: Asked, answer: Answer, number: int) -> dict[str, Any]:
    """An answer of the responses interface."""
    reasons = {"length": "max_output_tokens", "content_filter": "content_filter", "prompt_blocked": "content_filter"}
    reason = reasons.get(answer.finish)
    part: dict[str, Any] = {"type": "output_text", "text": answer.text, "annotations": []}
    if answer.finish == "refused":
        part = {"type": "refusal", "refusal": answer.text}
    output: list[dict[str, Any]] = []
    if answer.thinking:
        output.append({"type": "reasoning", "id": f"rs_{number}", "summary": []})
    if answer.text:
        status = "incomplete" if reason else "completed"
        message = {"type": "message", "id": f"msg_{number}", "role": "assistant", "status": status, "content": [part]}
        output.append(message)
    whole: dict[str, Any] = {
        "id": f"resp_{number}",
        "object": "response",
        "created_at": 1_750_000_000,
        "status": "incomplete" if reason else "completed",
        "error": None,
        "incomplete_details": {"reason": reason} if reason else None,
        "model": f"{asked.model}-served",
        "output": output,
        "usage": None,
    }
    if answer.counted:
        produced = answer.output + answer.thinking
        whole["usage"] = {
            "input_tokens": answer.input,
            "input_tokens_details": {"cached_tokens": answer.cached, "cache_write_tokens": 0},
            "output_tokens": produced,
            "output_tokens_details": {"reasoning_tokens": answer.thinking},
            "total_tokens": answer.input + produced,
        }
    return whole


def error(status: int, kind: str, message: str) -> dict[str, Any]:
    """An error."""
    kind_of_error = "insufficient_quota" if kind == "no_credit" else _TYPES.get(status, "server_error")
    return {"error": {"message": message, "type": kind_of_error, "param": None, "code": _CODES.get(kind)}}


def _role(turn: dict[str, Any]) -> str:
    if turn.get("role") not in {"system", "user", "assistant"}:
        raise RejectedError(400, f"Unknown role {turn.get('role')!r}")
    return str(turn["role"])


def _effort(effort: str | None) -> str | None:
    if effort is not None and effort not in _EFFORTS:
        raise RejectedError(400, f"Unknown effort {effort!r}")
    return effort


def _chat_parts(content: str | list[dict[str, Any]]) -> tuple[Text | Sent, ...]:
    if isinstance(content, str):
        return (Text(content),)
    return tuple(_chat_part(part) for part in content)


def _chat_part(part: dict[str, Any]) -> Text | Sent:
    if part["type"] == "text":
        return Text(part["text"])
    if part["type"] != "image_url" or part["image_url"].get("detail") not in _DETAILS:
        raise RejectedError(400, f"Unknown part {part['type']!r}")
    return picture_of(part["image_url"]["url"])


def _responses_parts(content: str | list[dict[str, Any]]) -> tuple[Text | Sent, ...]:
    if isinstance(content, str):
        return (Text(content),)
    return tuple(_responses_part(part) for part in content)


def _responses_part(part: dict[str, Any]) -> Text | Sent:
    if part["type"] in {"input_text", "output_text"}:
        return Text(part["text"])
    if part["type"] != "input_image" or part.get("detail") not in _DETAILS:
        raise RejectedError(400, f"Unknown part {part['type']!r}")
    return picture_of(part["image_url"])
