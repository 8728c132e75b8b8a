"""Builds requests and reads answers of OpenAI's two interfaces, for every backend that uses one of them."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError

from lightemma.backends.base import Completion, Message, PicturePart, Request, TextPart
from lightemma.backends.http.errors import Failures
from lightemma.frame import Picture
from lightemma.run_folder.records import Usage

Detail = Literal["low", "high", "auto"]
_FinishReason = Literal["stop", "length", "refused", "content_filter", "other"]

_CHAT_FINISH_REASONS: dict[str, _FinishReason] = {
    "stop": "stop",
    "length": "length",
    "content_filter": "content_filter",
}
_INCOMPLETE_REASONS: dict[str, _FinishReason] = {"max_output_tokens": "length", "content_filter": "content_filter"}


def data_url(picture: Picture | None) -> str:
    """A picture as a ``data:`` address, or its own address where the provider fetches it.

    Raises:
        ValueError: if there is none.
    """
    if picture is None:
        raise ValueError("a picture part without a picture reached a model that reads pictures")
    if picture.url is not None:
        return picture.url
    return f"data:{picture.media_type};base64,{base64.b64encode(picture.data).decode('ascii')}"


def strict_schema(request: Request) -> dict[str, Any]:
    """The request's answer schema, in the form that both interfaces expect."""
    return {"name": "answer", "strict": True, "schema": request.response_schema}


# Chat completions: the request.


def chat_messages(messages: Sequence[Message], detail: Detail | None = None) -> list[dict[str, Any]]:
    """Turns for ``/chat/completions``; text alone is sent as a plain string, which older servers need."""
    return [{"role": message.role, "content": _chat_content(message, detail)} for message in messages]


def _chat_content(message: Message, detail: Detail | None) -> str | list[dict[str, Any]]:
    if all(isinstance(part, TextPart) for part in message.parts):
        return message.text
    return [_chat_part(part, detail) for part in message.parts]


def _chat_part(part: TextPart | PicturePart, detail: Detail | None) -> dict[str, Any]:
    if isinstance(part, TextPart):
        return {"type": "text", "text": part.text}
    return {"type": "image_url", "image_url": {"url": data_url(part.picture)} | _given(detail=detail)}


# Chat completions: the answer.


class _ChatMessage(BaseModel):
    content: str | list[dict[str, Any]] | None = None
    refusal: str | None = None


class _ChatChoice(BaseModel):
    message: _ChatMessage
    finish_reason: str | None = None


class _ChatAnswer(BaseModel):
    """The parts of a chat completion that are read; servers differ in the other parts."""

    choices: list[_ChatChoice] = Field(min_length=1)
    model: str | None = None
    usage: Any = None


def read_chat(content: object, failures: Failures) -> Completion:
    """A chat completion.

    Args:
        content: the body as read from JSON.
        failures: makes the errors.

    Raises:
        CallError: if it reports a failure, or is not a chat completion.
    """
    if isinstance(content, dict) and content.get("error") and not content.get("choices"):
        # Routers report a failure of the server behind them with status 200.
        raise failures.reported(content["error"])
    answer = failures.checked(_ChatAnswer, content)
    choice = answer.choices[0]
    usage = _chat_usage(answer.usage)
    if choice.finish_reason == "error":
        # OpenRouter's finish reason when a server failed half-way: the text is not complete.
        raise failures.error("server_error", "the server failed half-way through the answer (finish_reason error)")
    if choice.message.refusal:
        return Completion(choice.message.refusal, usage=usage, finish_reason="refused", model=answer.model)
    return Completion(
        text=_joined(choice.message.content),
        usage=usage,
        finish_reason=_CHAT_FINISH_REASONS.get(choice.finish_reason or "", "other"),
        model=answer.model,
    )


def _joined(content: str | list[dict[str, Any]] | None) -> str:
    """The answer's text; some servers send a list of parts, including thinking."""
    if isinstance(content, list):
        texts = (part.get("text") for part in content if part.get("type") == "text")
        return "".join(text for text in texts if isinstance(text, str))
    return content or ""


class _InputDetails(BaseModel):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class _OutputDetails(BaseModel):
    reasoning_tokens: int | None = None


class _ChatTokens(BaseModel):
    prompt_tokens: int
    completion_tokens: int = 0
    total_tokens: int | None = None
    prompt_tokens_details: _InputDetails | None = None
    completion_tokens_details: _OutputDetails | None = None


def _chat_usage(reported: object) -> Usage | None:
    """Tokens in the harness's meaning, or None if the server did not count, or in an unknown form."""
    try:
        tokens = _ChatTokens.model_validate(reported)
    except ValidationError:
        return None
    sent = tokens.prompt_tokens_details or _InputDetails()
    reasoning = tokens.completion_tokens_details.reasoning_tokens if tokens.completion_tokens_details else None
    # xAI and Gemini leave the thinking out of completion_tokens but not out of the total.
    output = max(tokens.completion_tokens, (tokens.total_tokens or 0) - tokens.prompt_tokens)
    if reasoning is None:
        reasoning = output - tokens.completion_tokens
    return Usage(
        input=tokens.prompt_tokens,
        cached_input=sent.cached_tokens or 0,
        output=output,
        reasoning=reasoning,
        cache_write=sent.cache_write_tokens or 0,
    )


# Responses: the request.


def responses_input(messages: Sequence[Message], detail: Detail | None = None) -> list[dict[str, Any]]:
    """Turns for ``/responses``."""
    return [{"role": message.role, "content": _responses_content(message, detail)} for message in messages]


def _responses_content(message: Message, detail: Detail | None) -> str | list[dict[str, Any]]:
    if all(isinstance(part, TextPart) for part in message.parts):
        return message.text
    return [_responses_part(part, detail) for part in message.parts]


def _responses_part(part: TextPart | PicturePart, detail: Detail | None) -> dict[str, Any]:
    if isinstance(part, TextPart):
        return {"type": "input_text", "text": part.text}
    return {"type": "input_image", "image_url": data_url(part.picture)} | _given(detail=detail)


# Responses: the answer.


class _ResponsePart(BaseModel):
    type: str
    text: str | None = None
    refusal: str | None = None


class _ResponseItem(BaseModel):
    type: str
    content: list[_ResponsePart] | None = None


class _Incomplete(BaseModel):
    reason: str | None = None


class _ResponseAnswer(BaseModel):
    """The parts of a response that are read."""

    status: str
    output: list[_ResponseItem]
    model: str | None = None
    incomplete_details: _Incomplete | None = None
    usage: Any = None


class _ResponseTokens(BaseModel):
    input_tokens: int
    output_tokens: int
    input_tokens_details: _InputDetails | None = None
    output_tokens_details: _OutputDetails | None = None


def read_response(content: object, failures: Failures) -> Completion:
    """An answer of the responses interface.

    Args:
        content: the body as read from JSON.
        failures: makes the errors.

    Raises:
        CallError: if it reports a failure, or is not a response.
    """
    if isinstance(content, dict) and content.get("error"):
        raise failures.reported(content["error"])
    answer = failures.checked(_ResponseAnswer, content)
    if answer.status not in {"completed", "incomplete"}:
        raise failures.error("server_error", f"the response ended with status '{answer.status}' and no reason")
    parts = [part for item in answer.output if item.type == "message" for part in item.content or ()]
    refusal = "".join(part.refusal or "" for part in parts)
    finish_reason: _FinishReason = "stop"
    if refusal:
        finish_reason = "refused"
    elif answer.status == "incomplete":
        reason = answer.incomplete_details.reason if answer.incomplete_details else None
        finish_reason = _INCOMPLETE_REASONS.get(reason or "", "other")
    return Completion(
        text=refusal or "".join(part.text or "" for part in parts if part.type == "output_text"),
        usage=_response_usage(answer.usage),
        finish_reason=finish_reason,
        model=answer.model,
    )


def _response_usage(reported: object) -> Usage | None:
    try:
        tokens = _ResponseTokens.model_validate(reported)
    except ValidationError:
        return None
    sent = tokens.input_tokens_details or _InputDetails()
    produced = tokens.output_tokens_details or _OutputDetails()
    return Usage(
        input=tokens.input_tokens,
        cached_input=sent.cached_tokens or 0,
        output=tokens.output_tokens,
        reasoning=produced.reasoning_tokens or 0,
        cache_write=sent.cache_write_tokens or 0,
    )


def _given(**fields: object) -> dict[str, Any]:
    """Fields that are set; None means the provider's default."""
    return {name: value for name, value in fields.items() if value is not None}
