"""What comes of a call: a completion, or the error that says why there is none."""

from __future__ import annotations

import math
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from lightemma.backends.request import Request
from lightemma.failures import CallKind
from lightemma.outside_text import cleaned
from lightemma.redaction import starred, without_pictures
from lightemma.run_folder.records import MAIN, Usage

#: Longest message of a failed call; a record is written with it.
_LONGEST_MESSAGE = 10_000
#: How kinds are written; recordings may hold kinds of other programs.
_KIND = re.compile(r"[a-z0-9_]{1,60}")
#: How an answer ended: complete, cut at the token limit, refused, filtered.
FinishReason = Literal["stop", "length", "refused", "content_filter", "other"]


@dataclass(frozen=True, slots=True)
class FurtherAnswer:
    """One more answer that the same call brought.

    Attributes:
        text: the answer without any thinking.
        finish_reason: as of a ``Completion``.
        failure: why it is no answer, as a call kind, where the others of its call are.
        reasoning: as of a ``Completion``.
    """

    text: str
    finish_reason: FinishReason = "stop"
    failure: CallKind | None = None
    reasoning: str = ""

    def __post_init__(self) -> None:
        """Stars keys."""
        for name in ("text", "reasoning"):
            value = getattr(self, name)
            if isinstance(value, str) and (safe := starred(value)) != value:
                object.__setattr__(self, name, safe)


@dataclass(frozen=True, slots=True)
class Completion:
    """A model's answer.

    Attributes:
        text: the answer without any thinking.
        usage: tokens of all answers, or None if they were not counted.
        finish_reason: ``stop`` (complete), ``length`` (cut at the token limit), ``refused``, ``content_filter`` or ``other``.
        model: the model as the provider names the one that answered.
        latency_s: seconds, only where the backend knows better than the harness's own clock (recordings do).
        failure: a call kind, only in recordings of harnesses that stored a failure's text as if it were an answer.
        reasoning: what the model thought, where it says so; never shown to the model again and never read as an answer.
        more: the call's further answers, where several were asked for and the provider gives several.

    A key that the server sent back is starred here, so that neither a record nor the cache ever holds one.
    """

    text: str
    usage: Usage | None = None
    finish_reason: FinishReason = "stop"
    model: str | None = None
    latency_s: float | None = None
    failure: CallKind | None = None
    reasoning: str = ""
    more: tuple[FurtherAnswer, ...] = ()

    @property
    def is_answer(self) -> bool:
        """Whether the model answered, in any form: neither refused, nor stopped by a filter, nor a recorded failure."""
        return self.failure is None and self.finish_reason not in ("refused", "content_filter")

    def __post_init__(self) -> None:
        """Stars keys."""
        for name in ("text", "model", "reasoning"):
            value = getattr(self, name)
            if isinstance(value, str) and (safe := starred(value)) != value:
                object.__setattr__(self, name, safe)


class CallError(Exception):
    """A call that brought no answer.

    Args:
        kind: why, as one of the harness's kinds of failure.
        message: the provider's message; keys in it are starred, pictures and what cannot be written down left out.
        retry_after_s: how long the provider asks to wait, if it does.
    """

    def __init__(self, kind: CallKind, message: str, retry_after_s: float | None = None) -> None:
        message = cleaned(starred(without_pictures(message[:_LONGEST_MESSAGE])))
        super().__init__(message)
        self.kind: CallKind = kind if isinstance(kind, str) and _KIND.fullmatch(kind) else "backend_error"
        self.message = message
        self.retry_after_s = None
        # Of servers and plug-ins, and counted with: what is no number of seconds asks for nothing.
        if isinstance(retry_after_s, int | float) and math.isfinite(retry_after_s) and retry_after_s >= 0:
            self.retry_after_s = retry_after_s


def several(answers: Sequence[Callable[[], Completion]]) -> Completion:
    """The answers that one call brought, as one completion.

    Args:
        answers: make each of them; the first is the call's own.

    Raises:
        CallError: if the first is none. A later one that is none is a further answer with its failure.
    """
    first, more = answers[0](), list[FurtherAnswer]()
    for make in answers[1:]:
        try:
            one = make()
        except CallError as error:
            more.append(FurtherAnswer("", failure=error.kind))
            continue
        more.append(FurtherAnswer(one.text, one.finish_reason, one.failure, one.reasoning))
    return replace(first, more=tuple(more)) if more or first.more else first


@dataclass(frozen=True, slots=True)
class CallResult:
    """The result of one call: exactly one of an answer or a failure.

    Attributes:
        completion: the answer, or None if the call failed.
        failure: the call kind, or None if there is an answer.
        error: the provider's message when it failed.
        latency_s: seconds.
        attempts: how many attempts were made.
        cached: whether the answer came from the response cache.
        role: which of the planner's models was asked.
        model: name of that model.
    """

    completion: Completion | None
    failure: str | None = None
    error: str | None = None
    latency_s: float | None = None
    attempts: int = 1
    cached: bool = False
    role: str = MAIN
    model: str | None = None


#: How a planner asks its model: the harness times, limits, retries and caches behind it. Never raises CallError.
Call = Callable[[Request], Awaitable[CallResult]]
