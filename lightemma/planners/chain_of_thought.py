"""The three-stage prompter: describe the scene, judge the intent, give the actions. Each answer feeds the next stage."""

from __future__ import annotations

from typing import Any, ClassVar

from lightemma.backends.base import Call, CallResult, Message, PicturePart, Request, TextPart
from lightemma.frame import Frame, Picture
from lightemma.parsing import Tier, parse_answer
from lightemma.planners.base import Plan, Planner
from lightemma.prompts.sets import PromptSet
from lightemma.records import OK, STAGES, Stage, StageRecord, call_outcome, format_outcome


class ChainOfThought(Planner):
    """Asks one model three times per frame, with the picture each time.

    Args:
        prompts: the wording.
        tier: how the action answer is read.
    """

    name: ClassVar[str] = "chain-of-thought"
    asks_model: ClassVar[bool] = True

    def __init__(self, prompts: PromptSet, tier: Tier = "strict") -> None:
        self.prompts = prompts
        self.tier = tier

    async def plan(self, frame: Frame, picture: Picture | None, call: Call | None) -> Plan:
        """Goes through the stages; the first that brings no usable answer ends the frame."""
        if call is None:
            raise ValueError("chain-of-thought needs a model")
        answers: dict[Stage, str] = {}
        records: list[StageRecord] = []
        for stage in STAGES:
            prompt = self.prompts.prompt(stage, frame, answers)
            result = await call(self._request(stage, prompt, frame, picture))
            outcome = _call_outcome(result)
            text = result.completion.text if result.completion else None
            if stage == STAGES[-1] and outcome == OK and text is not None:
                cut = result.completion is not None and result.completion.finish_reason == "length"
                parsed = parse_answer(text, self.tier, self.prompts.settings.answer, cut=cut)
                records.append(_record(stage, prompt, result, parsed.outcome))
                return Plan(parsed.actions, parsed.outcome, records)
            records.append(_record(stage, prompt, result, outcome))
            # Only a recording of another harness has an answer and a failure: there the text was fed on, and a replay
            # must ask the same. Everywhere else a failure ends the frame.
            if text is None or (outcome != OK and (stage == STAGES[-1] or not _is_recorded_failure(result))):
                break
            answers[stage] = text
        return Plan(None, records[-1].outcome, records)

    def settings(self) -> dict[str, Any]:
        """How answers are read."""
        return {"parser": self.tier}

    def _request(self, stage: Stage, prompt: str, frame: Frame, picture: Picture | None) -> Request:
        # The picture stands first and the text, which changes, last: providers cache the longest common beginning.
        message = Message("user", (PicturePart(picture), TextPart(prompt)))
        schema = self.prompts.response_schema if stage == STAGES[-1] else None
        return Request((message,), frame.sample_token, stage, schema)


def _call_outcome(result: CallResult) -> str:
    """``ok`` for an answer that can be used as text, whatever its form."""
    completion = result.completion
    if completion is None:
        return call_outcome(result.failure or "invalid_response")
    if completion.failure is not None:
        return call_outcome(completion.failure)
    if completion.finish_reason in ("refused", "content_filter"):
        return call_outcome(completion.finish_reason)
    if not completion.text.strip():
        return format_outcome("truncated" if completion.finish_reason == "length" else "empty")
    return OK


def _is_recorded_failure(result: CallResult) -> bool:
    return result.completion is not None and result.completion.failure is not None


def _record(stage: Stage, prompt: str, result: CallResult, outcome: str) -> StageRecord:
    completion = result.completion
    error = result.error
    if completion is not None and completion.failure is not None:
        error = completion.text
    return StageRecord(
        stage=stage,
        prompt=prompt,
        response=completion.text if completion else None,
        outcome=outcome,
        usage=completion.usage if completion else None,
        latency_s=completion.latency_s if completion and completion.latency_s is not None else result.latency_s,
        attempts=result.attempts,
        cached=result.cached,
        error=error,
    )
