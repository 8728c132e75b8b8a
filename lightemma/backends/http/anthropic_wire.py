"""The parts of Anthropic's requests, answers and batches that are written and read."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ValidationError

from lightemma.backends.base import Message, PicturePart, Request, TextPart
from lightemma.run_folder.records import Usage


class _Block(BaseModel):
    type: str
    text: str | None = None
    thinking: str | None = None


class Answer(BaseModel):
    """The parts of a message that are read."""

    content: list[_Block]
    stop_reason: str | None = None
    model: str | None = None
    usage: Any = None


class _OutputDetails(BaseModel):
    thinking_tokens: int | None = None


class _Tokens(BaseModel):
    input_tokens: int
    output_tokens: int
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    output_tokens_details: _OutputDetails | None = None


class BatchId(BaseModel):
    """The only part that is read of the answer to a submitted batch."""

    id: str


class _Counts(BaseModel):
    processing: int = 0
    succeeded: int = 0
    errored: int = 0
    canceled: int = 0
    expired: int = 0

    @property
    def finished(self) -> int:
        return self.succeeded + self.errored + self.canceled + self.expired

    @property
    def total(self) -> int:
        return self.finished + self.processing


class Batch(BaseModel):
    """How far a batch is."""

    processing_status: str
    request_counts: _Counts = _Counts()


class Result(BaseModel):
    """The answer to one request of a batch, or why there is none."""

    type: str
    message: Any = None
    error: Any = None


class _Listed(BaseModel):
    id: str
    processing_status: str = ""
    request_counts: _Counts = _Counts()


class Page(BaseModel):
    """Batches, the latest first."""

    data: list[_Listed] = []
    has_more: bool = False


class Line(BaseModel):
    """One line of a batch's results."""

    custom_id: str
    result: Result


def turns(request: Request, cache_picture: bool) -> list[dict[str, Any]]:
    """The turns of a request but the system's, which has a place of its own.

    Args:
        request: what is asked.
        cache_picture: whether the provider is to cache the request up to its last picture.

    Raises:
        ValueError: if it holds a picture part without a picture.
    """
    turns: list[dict[str, Any]] = [
        {"role": message.role, "content": _content(message)} for message in request.messages if message.role != "system"
    ]
    if cache_picture:
        pictures = [block for turn in turns for block in turn["content"] if block["type"] == "image"]
        for block in pictures[-1:]:
            block["cache_control"] = {"type": "ephemeral"}
    return turns


def _content(message: Message) -> list[dict[str, Any]]:
    return [_block(part) for part in message.parts]


def _block(part: TextPart | PicturePart) -> dict[str, Any]:
    if isinstance(part, TextPart):
        return {"type": "text", "text": part.text}
    if part.picture is None:
        raise ValueError("a picture part without a picture reached a model that reads pictures")
    data = part.picture.base64
    return {"type": "image", "source": {"type": "base64", "media_type": part.picture.media_type, "data": data}}


def thinking_settings(budget: int | str | None) -> dict[str, Any] | None:
    """The request's `thinking` for tokens, ``adaptive`` or ``off``; None leaves the model's default."""
    if budget is None:
        return None
    if isinstance(budget, int):
        return {"type": "enabled", "budget_tokens": budget}
    return {"type": "disabled" if budget == "off" else budget}


def usage_of(reported: object) -> Usage | None:
    """Tokens in the harness's meaning: Anthropic's input excludes what was read from or written to its cache."""
    try:
        tokens = _Tokens.model_validate(reported)
    except ValidationError:
        return None
    read, written = tokens.cache_read_input_tokens or 0, tokens.cache_creation_input_tokens or 0
    thinking = tokens.output_tokens_details.thinking_tokens if tokens.output_tokens_details else None
    return Usage(
        input=tokens.input_tokens + read + written,
        cached_input=read,
        output=tokens.output_tokens,
        reasoning=thinking or 0,
        cache_write=written,
    )
