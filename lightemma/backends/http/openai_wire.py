"""Builds requests and reads answers of OpenAI's two interfaces, for every backend that uses one of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal

from msgspec import Raw
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lightemma.backends.base import Completion, Message, PicturePart, Request, TextPart, several
from lightemma.backends.http.endings import Said, answered
from lightemma.backends.http.errors import Failures
from lightemma.backends.http.reasoning_fields import texts_of, thinking_in
from lightemma.frame import Picture
from lightemma.provider_errors import is_error, sentence_of
from lightemma.run_folder.records import Usage

Detail = Literal["low", "high", "auto"]
#: Names that are written in JSON as they are; a user's own world may give others.
_PLAIN_TYPES = frozenset({"image/jpeg", "image/png"})


def data_url(picture: Picture | None) -> str:
    """A picture as a ``data:`` address, or its own address where the provider fetches it.

    Raises:
        ValueError: if there is none.
    """
    if picture is None:
        raise ValueError("a picture part without a picture reached a model that reads pictures")
    if picture.url is not None:
        return picture.url
    return f"data:{picture.media_type};base64,{picture.base64}"


def written_url(picture: Picture | None) -> str | Raw:
    """The same for a request that ``posted`` writes: copied as it is, it needs neither another text nor a look at each sign.

    Raises:
        ValueError: if there is none.
    """
    if picture is None or picture.url is not None or picture.media_type not in _PLAIN_TYPES:
        return data_url(picture)
    return Raw(picture.json_address)


#: How a picture is written in a request.
Shown = Callable[[Picture | None], object]


def strict_schema(request: Request) -> dict[str, Any]:
    """The request's answer schema, in the form that both interfaces expect."""
    return {"name": "answer", "strict": True, "schema": request.response_schema}


# Chat completions: the request.


def chat_messages(
    messages: Sequence[Message], detail: Detail | None = None, url: Shown = data_url
) -> list[dict[str, Any]]:
    """Turns for ``/chat/completions``; text alone is sent as a plain string, which older servers need.

    Args:
        messages: the turns.
        detail: resolution at which pictures are read; None leaves it to the provider.
        url: writes a picture.
    """
    return [{"role": message.role, "content": _chat_content(message, detail, url)} for message in messages]


def _chat_content(message: Message, detail: Detail | None, url: Shown) -> str | list[dict[str, Any]]:
    if all(isinstance(part, TextPart) for part in message.parts):
        return message.text
    return [_chat_part(part, detail, url) for part in message.parts]


def _chat_part(part: TextPart | PicturePart, detail: Detail | None, url: Shown) -> dict[str, Any]:
    if isinstance(part, TextPart):
        return {"type": "text", "text": part.text}
    return {"type": "image_url", "image_url": {"url": url(part.picture)} | _given(detail=detail)}


# Chat completions: the answer.


class _ChatMessage(BaseModel):
    model_config = ConfigDict(extra="allow")

    content: str | list[Any] | dict[str, Any] | None = None
    refusal: Any = None


class _ChatChoice(BaseModel):
    message: _ChatMessage
    finish_reason: Any = None
    native_finish_reason: Any = None
    content_filter_results: Any = None


class _ChatAnswer(BaseModel):
    """The parts of a chat completion that are read; servers differ in the other parts."""

    choices: list[_ChatChoice] = Field(min_length=1)
    model: str | None = None
    usage: Any = None


def read_chat(content: object, failures: Failures, **settings: Any) -> Completion:
    """A chat completion.

    Args:
        content: the body as read from JSON.
        failures: makes the errors.
        settings: further arguments of ``endings.answered``.

    Raises:
        CallError: if it reports a failure, or is not a chat completion.
    """
    _refuse_reported(content, "choices", failures)
    answer = failures.checked(_ChatAnswer, content)
    usage = _chat_usage(answer.usage)

    def read(choice: _ChatChoice) -> Completion:
        message = choice.message
        if isinstance(message.content, dict):
            raise failures.error("invalid_response", "unexpected answer: the content is an object")
        filtered = _is_filtered(choice.content_filter_results)
        thinking = thinking_in(message.model_extra or {}, message.content)
        said = Said(
            text=_joined(message.content),
            reason="content_filter" if filtered else _word(choice.finish_reason),
            native=_word(choice.native_finish_reason),
            refusal=message.refusal if isinstance(message.refusal, str) else "",
            reasoning=texts_of(thinking),
            thought=any(thinking),
            usage=usage,
            model=answer.model,
        )
        return answered(said, failures, **settings)

    return several([partial(read, choice) for choice in answer.choices])


def _refuse_reported(content: object, answers: str, failures: Failures) -> None:
    """Refuses a body that reports a failure with status 200: routers do so for the server behind them, also beside an answer.

    Raises:
        CallError: if it does.
    """
    if not isinstance(content, dict):
        return
    choices = content.get("choices")
    first = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
    message = first.get("message")
    for place in (content, first, message if isinstance(message, dict) else {}):
        if is_error(place.get("error")):
            raise failures.reported(place["error"])
    base = content.get("base_resp")
    if isinstance(base, dict) and base.get("status_code"):
        raise failures.reported(base)
    asked = content.get("prompt_filter_results")
    blocked = not content.get(answers) and any(
        isinstance(one, dict) and _is_filtered(one.get("content_filter_results"))
        for one in (asked if isinstance(asked, list) else ())
    )
    if blocked or content.get("output_sensitive") is True:
        raise failures.error("content_filter", "the server says beside its answer that its filter stopped it")
    if not content.get(answers) and sentence_of(content) is not None:
        raise failures.reported(content)


def _word(reason: object) -> str | None:
    """A finish reason as text; servers of one's own making send numbers and objects."""
    return None if reason is None or reason == "" else str(reason)[:80]


def _is_filtered(results: object) -> bool:
    """Whether one of Azure's filters says that it took something away."""
    found = results.values() if isinstance(results, dict) else ()
    return any(isinstance(one, dict) and one.get("filtered") is True for one in found)


def _joined(content: str | list[Any] | None) -> str:
    """The answer's text; some servers send a list of parts, including thinking."""
    if isinstance(content, list):
        parts = (part for part in content if isinstance(part, dict) and part.get("type") in ("text", "output_text"))
        return "".join(part["text"] for part in parts if isinstance(part.get("text"), str) and not part.get("thought"))
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


def responses_input(
    messages: Sequence[Message], detail: Detail | None = None, url: Shown = data_url
) -> list[dict[str, Any]]:
    """Turns for ``/responses``; arguments as of ``chat_messages``."""
    return [{"role": message.role, "content": _responses_content(message, detail, url)} for message in messages]


def _responses_content(message: Message, detail: Detail | None, url: Shown) -> str | list[dict[str, Any]]:
    if all(isinstance(part, TextPart) for part in message.parts):
        return message.text
    return [_responses_part(part, detail, url) for part in message.parts]


def _responses_part(part: TextPart | PicturePart, detail: Detail | None, url: Shown) -> dict[str, Any]:
    if isinstance(part, TextPart):
        return {"type": "input_text", "text": part.text}
    return {"type": "input_image", "image_url": url(part.picture)} | _given(detail=detail)


# Responses: the answer.


class _ResponsePart(BaseModel):
    type: str
    text: str | None = None
    refusal: str | None = None


class _ResponseItem(BaseModel):
    type: str
    content: list[Any] | None = None
    summary: Any = None


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
    _refuse_reported(content, "output", failures)
    answer = failures.checked(_ResponseAnswer, content)
    if answer.status not in {"completed", "incomplete"}:
        raise failures.error("server_error", f"the response ended with status '{answer.status}' and no reason")
    reason = "stop"
    if answer.status == "incomplete":
        reason = (answer.incomplete_details.reason if answer.incomplete_details else None) or ""
        if not reason:
            raise failures.error("server_error", "the response is incomplete, and no reason is given")
    messages = [item for item in answer.output if item.type == "message"]
    parts = [failures.checked(_ResponsePart, part) for item in messages for part in item.content or ()]
    thoughts = [item for item in answer.output if item.type == "reasoning"]
    said = Said(
        text="".join(part.text or "" for part in parts if part.type == "output_text"),
        reason=reason,
        refusal="".join(part.refusal or "" for part in parts),
        reasoning=texts_of([[item.content, item.summary] for item in thoughts]),
        thought=bool(thoughts),
        usage=_response_usage(answer.usage),
        model=answer.model,
    )
    return answered(said, failures)


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
