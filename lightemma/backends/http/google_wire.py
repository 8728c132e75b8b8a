"""The parts of Google's requests, answers and batches that are written and read."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from lightemma.backends.base import PicturePart, Request, TextPart
from lightemma.run_folder.records import Usage

#: What Google calls those who speak.
_ROLES = {"user": "user", "assistant": "model"}
#: States of a batch that is over.
ENDED = frozenset({"SUCCEEDED", "PARTIALLY_SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED"})


class _Shape(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)


class _Part(_Shape):
    text: str | None = None
    thought: bool | None = None


class _Content(_Shape):
    parts: list[_Part] | None = None


class Candidate(_Shape):
    """One of the answers that a call brought."""

    content: _Content | None = None
    finish_reason: str | None = None
    error: Any = None


class _Feedback(_Shape):
    block_reason: str | None = None


class Answer(_Shape):
    """The parts of an answer that are read."""

    candidates: list[Candidate] | None = None
    prompt_feedback: _Feedback | None = None
    model_version: str | None = None
    usage_metadata: Any = None


class _Tokens(_Shape):
    prompt_token_count: int
    cached_content_token_count: int | None = None
    candidates_token_count: int | None = None
    thoughts_token_count: int | None = None


class _JobState(_Shape):
    state: str | None = None
    display_name: str | None = None
    output: Any = None


class Job(_Shape):
    """A batch, as the interface gives it."""

    name: str
    metadata: _JobState = _JobState()


class Page(_Shape):
    """Batches, the latest first."""

    operations: list[Job] = []


class _Error(_Shape):
    code: int | None = None
    message: str | None = None


class _Key(_Shape):
    key: str


class Item(_Shape):
    """One result of a batch."""

    metadata: _Key
    response: Any = None
    error: _Error | None = None


def is_blocked(reason: str | None) -> bool:
    """Whether Google's filter stopped a question; whichever its reason is, no answer counts then."""
    return bool(reason) and not str(reason).upper().endswith("UNSPECIFIED")


def contents(request: Request) -> Any:
    """The turns of a request but the system's, which goes into the settings.

    Raises:
        ValueError: if it holds a picture part without a picture.
    """
    return [
        {"role": _ROLES[message.role], "parts": [_part(part) for part in message.parts]}
        for message in request.messages
        if message.role != "system"
    ]


def _part(part: TextPart | PicturePart) -> dict[str, Any]:
    if isinstance(part, TextPart):
        return {"text": part.text}
    if part.picture is None:
        raise ValueError("a picture part without a picture reached a model that reads pictures")
    return {"inline_data": {"data": part.picture.data, "mime_type": part.picture.media_type}}


def state_of(job: Job) -> str:
    """The state without its prefix, such as RUNNING."""
    return (job.metadata.state or "").removeprefix("BATCH_STATE_").removeprefix("JOB_STATE_")


def inlined(output: object) -> list[Any]:
    """The results in a batch's output, each still to be checked."""
    inner = output.get("inlinedResponses") if isinstance(output, dict) else None
    if isinstance(inner, dict):
        inner = inner.get("inlinedResponses")
    return inner if isinstance(inner, list) else []


def usage_of(reported: object) -> Usage | None:
    """Tokens in the harness's meaning: Gemini counts thoughts apart from the candidates' tokens."""
    try:
        tokens = _Tokens.model_validate(reported)
    except ValidationError:
        return None
    thoughts = tokens.thoughts_token_count or 0
    return Usage(
        input=tokens.prompt_token_count,
        cached_input=tokens.cached_content_token_count or 0,
        output=(tokens.candidates_token_count or 0) + thoughts,
        reasoning=thoughts,
    )
