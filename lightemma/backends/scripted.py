"""A backend that answers from a script: for tests, for documentation and for trying out a provider's failures."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from lightemma.backends import own_facts
from lightemma.backends.base import Backend, CallError, Completion, Constraint, Request
from lightemma.backends.config import ModelConfig
from lightemma.backends.facts import Facts
from lightemma.failures import CallKind
from lightemma.run_folder.records import Stage, Usage

#: The queue for stages that have no queue of their own.
_ANY_STAGE = "*"


class Step(BaseModel):
    """One entry of a script: an answer (``text``) or a failure (``fault``)."""

    model_config = ConfigDict(extra="forbid")

    text: str | None = Field(default=None, description="the answer; a plain string in the YAML means this")
    finish_reason: Literal["stop", "length", "refused", "content_filter", "other"] = "stop"
    fault: CallKind | None = Field(default=None, description="the call fails, for this reason")
    message: str | None = Field(default=None, description="the message of the failure")
    retry_after_s: float | None = Field(default=None, ge=0, description="seconds the failure asks to wait")

    @model_validator(mode="before")
    @classmethod
    def _plain_string(cls, value: Any) -> Any:
        return {"text": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.text is None) == (self.fault is None):
            raise ValueError("give a string, or text, or fault: exactly one of them")
        return self


_Entry = Step | Completion | Exception


class ScriptedBackend(Backend):
    """Answers in the order of a script, per stage or overall.

    In a model's YAML::

        provider: scripted
        options:
          answers:
            scene: ["A wide road.", {fault: rate_limited, retry_after_s: 2}]
            intent: ["Go straight."]
            action: ["[(1.0, 0.0), (1.0, 0.0), (1.0, 0.0), (1.0, 0.0), (1.0, 0.0), (1.0, 0.0)]"]
          repeat: true

    A list instead of the stages serves every call in turn; the stage ``"*"`` serves those that have no list of their
    own. Calls are served in the order in which they come, so with concurrent calls a script gives
    the same result for every frame only if all its entries of a stage are the same. Tokens are estimated at four
    characters each, pictures not counted.

    Attributes:
        requests: what was asked, in order, failed calls included.
    """

    facts: ClassVar[Facts] = own_facts.SCRIPTED

    class Options(Backend.Options):
        """Settings of a script."""

        answers: dict[Stage, list[Step]] = Field(description="entries per stage, or one list for all")
        repeat: bool = Field(default=False, description="start again when the entries are used up")
        latency_s: float = Field(default=0.0, ge=0, description="seconds each call takes")

        @field_validator("answers", mode="before")
        @classmethod
        def _one_list_for_all(cls, value: Any) -> Any:
            return {_ANY_STAGE: value} if isinstance(value, list) else value

    options: Options

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        self.requests: list[Request] = []
        self._queues: dict[Stage, deque[_Entry]] = {
            stage: deque(steps) for stage, steps in self.options.answers.items()
        }

    @classmethod
    def from_answers(
        cls,
        answers: Sequence[str | Completion | Exception] | Mapping[Stage, Sequence[str | Completion | Exception]],
        *,
        repeat: bool = False,
        latency_s: float = 0.0,
        config: ModelConfig | None = None,
    ) -> Self:
        """A backend from Python values.

        Args:
            answers: entries for all calls in turn, or per stage. A string is a complete answer with estimated tokens,
                a ``Completion`` is given as it is, an exception (``CallError`` as a rule) is raised.
            repeat: start again when the entries are used up.
            latency_s: seconds each call takes.
            config: the model's settings, where a test needs special ones; its options are replaced.
        """
        config = config or ModelConfig(name="scripted", provider="scripted", model="scripted")
        options = {"answers": {}, "repeat": repeat, "latency_s": latency_s}
        backend = cls(config.model_copy(update={"options": options}))
        per_stage = answers if isinstance(answers, Mapping) else {_ANY_STAGE: answers}
        for stage, entries in per_stage.items():
            backend._queues[stage] = deque(Step(text=e) if isinstance(e, str) else e for e in entries)
        return backend

    @property
    def constraints(self) -> frozenset[Constraint]:
        """Both: a script may hold answers of either form."""
        return frozenset({"json", "regex"})

    async def generate(self, request: Request) -> Completion:
        """Serve the next entry of the request's stage.

        Raises:
            CallError: the scripted failure, or ``not_recorded`` when the entries are used up.
        """
        self.requests.append(request)
        entry = self._next_entry(request.stage)
        if self.options.latency_s:
            await asyncio.sleep(self.options.latency_s)
        if isinstance(entry, CallError):
            # A new one each time: a repeated exception would collect the tracebacks of all its calls.
            raise CallError(entry.kind, entry.message, entry.retry_after_s)
        if isinstance(entry, Exception):
            raise entry
        if isinstance(entry, Completion):
            return entry
        if entry.fault is not None:
            raise CallError(entry.fault, entry.message or f"scripted {entry.fault}", entry.retry_after_s)
        text = entry.text or ""
        return Completion(text, _estimate(request, text), finish_reason=entry.finish_reason, model=self.config.model)

    def _next_entry(self, stage: Stage) -> _Entry:
        queue = self._queues.get(stage, self._queues.get(_ANY_STAGE))
        if not queue:
            known = ", ".join(name for name in self._queues if name != _ANY_STAGE)
            reason = "are used up" if queue is not None else f"are only for {known or 'no stage'}"
            raise CallError("not_recorded", f"no scripted answer for stage '{stage}': the answers {reason}")
        entry = queue.popleft()
        if self.options.repeat:
            queue.append(entry)
        return entry


def _estimate(request: Request, answer: str) -> Usage:
    sent = sum(len(message.text) for message in request.messages)
    return Usage(input=-(-sent // 4), output=-(-len(answer) // 4), source="estimate")
