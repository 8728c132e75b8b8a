"""Plays back recorded answers, keyed by sample token and stage: free, exact, and without network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from lightemma.backends.base import Backend, CallError, Completion, Request
from lightemma.backends.config import ModelConfig
from lightemma.backends.facts import Facts
from lightemma.run_folder.records import Stage

Recording = Mapping[tuple[str, Stage], Completion | CallError]


class ReplayBackend(Backend):
    """Answers as a run or archive recorded them; what is not recorded fails as ``call:not_recorded``.

    Args:
        config: names the model as recorded.
        recording: (sample token, stage) -> answer, or the failure that was recorded.
    """

    facts: ClassVar[Facts] = Facts(title="recordings", asks_model=False, reads_pictures=False, cacheable=False)

    def __init__(self, config: ModelConfig, recording: Recording) -> None:
        # What was recorded will not change: one try tells it all.
        super().__init__(config.model_copy(update={"limits": config.limits.model_copy(update={"attempts": 1})}))
        self._recording = recording

    async def generate(self, request: Request) -> Completion:
        """The recorded answer of this frame and stage."""
        answer = self._recording.get((request.sample_token, request.stage))
        if answer is None:
            raise CallError(
                "not_recorded", f"the recording has no {request.stage} answer for sample {request.sample_token}"
            )
        if isinstance(answer, CallError):
            raise answer
        return answer
