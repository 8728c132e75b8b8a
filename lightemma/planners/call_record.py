"""Call results become records."""

from __future__ import annotations

from msgspec import UNSET

from lightemma.backends.base import CallResult, FurtherAnswer
from lightemma.run_folder.records import OK, AnswerRecord, CallRecord, Stage, call_outcome, format_outcome

#: Said of a call whose answer is empty since thinking took all of its tokens.
CUT_WHILE_THINKING = "the answer was cut at max_output_tokens while the model was still thinking"


def text_outcome(result: CallResult) -> str:
    """``ok`` for an answer with text, in any form."""
    completion = result.completion
    if completion is None:
        return call_outcome(result.failure or "invalid_response")
    if completion.failure is not None:
        return call_outcome(completion.failure)
    return answer_outcome(completion.text, completion.finish_reason)


def answer_outcome(text: str, finish_reason: str, failure: str | None = None) -> str:
    """The same for one answer of a call that brought several."""
    if failure is not None:
        return call_outcome(failure)
    if finish_reason in ("refused", "content_filter"):
        return call_outcome(finish_reason)
    if not text.strip():
        return format_outcome("truncated" if finish_reason == "length" else "empty")
    return OK


def call_record(stage: Stage, prompt: str, result: CallResult, outcome: str | None = None) -> CallRecord:
    """A call as it is written to frames.jsonl.

    Args:
        stage: its name.
        prompt: the text that was added by this call.
        result: the answer or the failure.
        outcome: for calls whose answer was also checked for its form; made from ``result`` if left out.
    """
    completion = result.completion
    error = result.error
    if completion is not None and completion.failure is not None:
        error = completion.text
    elif completion is not None and completion.reasoning and not completion.text.strip():
        error = CUT_WHILE_THINKING
    return CallRecord(
        stage=stage,
        prompt=prompt,
        response=completion.text if completion else None,
        outcome=text_outcome(result) if outcome is None else outcome,
        usage=completion.usage if completion else None,
        latency_s=completion.latency_s if completion and completion.latency_s is not None else result.latency_s,
        attempts=result.attempts,
        cached=result.cached,
        error=error,
        role=result.role,
        model=result.model,
        reasoning=(completion.reasoning or None) if completion else None,
        more=[_answer_record(one) for one in completion.more] if completion and completion.more else UNSET,
    )


def _answer_record(one: FurtherAnswer) -> AnswerRecord:
    return AnswerRecord(one.text, answer_outcome(one.text, one.finish_reason, one.failure), one.reasoning or None)
