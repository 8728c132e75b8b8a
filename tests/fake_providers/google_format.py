"""Google's wire format: generateContent and its errors."""

from __future__ import annotations

import re
from typing import Any

from tests.fake_providers.answers import Answer
from tests.fake_providers.asked import Asked, RejectedError, Sent, Text, Turn, need, only

_FIELDS = frozenset(
    {"contents", "systemInstruction", "generationConfig", "safetySettings", "tools", "toolConfig", "cachedContent"}
)
_GENERATION_FIELDS = frozenset(
    {
        "temperature", "topP", "topK", "seed", "maxOutputTokens", "candidateCount", "stopSequences", "thinkingConfig",
        "responseMimeType", "responseJsonSchema", "responseSchema", "mediaResolution",
    }
)  # fmt: skip
_FINISH_REASONS = {"stop": "STOP", "length": "MAX_TOKENS", "refused": "PROHIBITED_CONTENT", "content_filter": "SAFETY"}
_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
#: The codes that single answers of a batch fail with.
GRPC_CODES = {400: 3, 401: 16, 402: 8, 403: 7, 404: 5, 429: 8, 500: 13, 502: 14, 503: 14, 504: 4, 529: 14}


def read(body: dict[str, Any], model: str) -> Asked:
    """A request to ``/v1/models/MODEL:generateContent``.

    Raises:
        RejectedError: if it is none.
    """
    body = {name: value for name, value in camel(body).items() if name != "model"}
    only(body, _FIELDS)
    need(body, "contents")
    settings = body.get("generationConfig") or {}
    only(settings, _GENERATION_FIELDS, "generationConfig")
    thinking = settings.get("thinkingConfig") or {}
    only(thinking, frozenset({"thinkingBudget", "thinkingLevel", "includeThoughts"}), "thinkingConfig")
    schema = settings.get("responseJsonSchema")
    if schema is not None and settings.get("responseMimeType") != "application/json":
        raise RejectedError(400, "responseJsonSchema needs responseMimeType application/json")
    system = body.get("systemInstruction")
    turns = [Turn("system", _parts(system))] if system else []
    turns += [Turn(_role(turn), _parts(turn)) for turn in body["contents"]]
    return Asked(
        model=model,
        turns=tuple(turns),
        max_tokens=settings.get("maxOutputTokens") or 8192,
        schema=schema,
        thinks=bool(thinking.get("thinkingBudget") or thinking.get("thinkingLevel")),
        samples=settings.get("candidateCount") or 1,
    )


def camel(body: Any) -> Any:
    """The request with its fields in one spelling: the service takes ``inline_data`` for ``inlineData``, too."""
    if isinstance(body, list):
        return [camel(one) for one in body]
    if not isinstance(body, dict):
        return body
    return {
        re.sub(r"_([a-z])", lambda found: found.group(1).upper(), name): (
            value if name in {"responseJsonSchema", "response_json_schema"} else camel(value)
        )
        for name, value in body.items()
    }


def answer(asked: Asked, answered: Answer, number: int) -> dict[str, Any]:
    """An answer."""
    whole: dict[str, Any] = {"modelVersion": f"{asked.model}-served", "responseId": f"r{number}"}
    if answered.finish == "prompt_blocked":
        whole["promptFeedback"] = {"blockReason": "PROHIBITED_CONTENT"}
    else:
        whole["candidates"] = [_candidate(index, one) for index, one in enumerate((answered, *answered.more))]
    if answered.counted:
        counts = {
            "promptTokenCount": answered.input,
            "cachedContentTokenCount": answered.cached,
            "candidatesTokenCount": answered.all_output,
            "thoughtsTokenCount": answered.all_thinking,
            "totalTokenCount": answered.input + answered.all_output + answered.all_thinking,
        }
        whole["usageMetadata"] = {name: count for name, count in counts.items() if count}
    return whole


def _candidate(index: int, answered: Answer) -> dict[str, Any]:
    candidate: dict[str, Any] = {"index": index, "finishReason": _FINISH_REASONS[answered.finish]}
    if answered.text and answered.finish in {"stop", "length"}:
        candidate["content"] = {"role": "model", "parts": [{"text": answered.text}]}
    elif answered.finish in {"stop", "length"}:
        candidate["content"] = {"role": "model"}  # as it comes when all tokens went into thinking
    return candidate


def error(status: int, kind: str, message: str, retry_after: str | None = None) -> dict[str, Any]:
    """An error; a wait is in its details."""
    said: dict[str, Any] = {"code": status, "message": message, "status": _STATUSES.get(status, "UNKNOWN")}
    details: list[dict[str, Any]] = []
    if kind == "auth":
        details.append({"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"})
    if retry_after is not None:
        details.append({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{retry_after}s"})
    if details:
        said["details"] = details
    return {"error": said}


def _role(turn: dict[str, Any]) -> str:
    if turn.get("role") not in {"user", "model"}:
        raise RejectedError(400, f"Please use a valid role: user, model (got {turn.get('role')!r})")
    return "assistant" if turn["role"] == "model" else "user"


def _parts(content: dict[str, Any]) -> tuple[Text | Sent, ...]:
    return tuple(_part(part) for part in content["parts"])


def _part(part: dict[str, Any]) -> Text | Sent:
    if "text" in part:
        return Text(part["text"])
    if "inlineData" not in part:
        raise RejectedError(400, f"Unknown part {sorted(part)}")
    data = part["inlineData"]
    # The alphabet for addresses is as good as the plain one to the service, and the package uses it.
    return Sent(data["mimeType"], data["data"].replace("-", "+").replace("_", "/"))
