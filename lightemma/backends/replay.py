"""Plays back recorded answers by their place in the frame, without a network and without cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from lightemma.backends import own_facts
from lightemma.backends.base import Backend, CallError, Completion, Request
from lightemma.backends.config import ModelConfig
from lightemma.backends.facts import Facts
from lightemma.run_folder.records import Stage


@dataclass(frozen=True, slots=True)
class Recorded:
    """One recorded call.

    Attributes:
        stage: the call's stage.
        answer: its answer, or its failure.
    """

    stage: Stage
    answer: Completion | CallError


#: Sample token -> the frame's calls, in order.
Recording = Mapping[str, Sequence[Recorded]]


class ReplayBackend(Backend):
    """Answers as a run or archive recorded them; what is not recorded fails as ``call:not_recorded``.

    A call is found by its place in the frame, so that a planner may give several calls the same name. A planner that makes
    fewer calls than were recorded is answered by name, where the frame has a single call of that name.

    Args:
        config: names the model as recorded.
        recording: sample token -> the frame's calls.
    """

    facts: ClassVar[Facts] = own_facts.REPLAY

    def __init__(self, config: ModelConfig, recording: Recording) -> None:
        # A recording does not change: one attempt is enough.
        super().__init__(config.model_copy(update={"limits": config.limits.model_copy(update={"attempts": 1})}))
        self._recording = recording

    async def generate(self, request: Request) -> Completion:
        """The recorded answer to this call of this frame."""
        answer = self._find(request)
        if answer is None:
            raise CallError(
                "not_recorded", f"the recording has no {request.stage} answer for sample {request.sample_token}"
            )
        if isinstance(answer, CallError):
            raise answer
        return answer

    def _find(self, request: Request) -> Completion | CallError | None:
        calls = self._recording.get(request.sample_token, ())
        if request.place < len(calls) and calls[request.place].stage == request.stage:
            return calls[request.place].answer
        named = [call.answer for call in calls if call.stage == request.stage]
        return named[0] if len(named) == 1 else None
