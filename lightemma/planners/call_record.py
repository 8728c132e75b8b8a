"""One call as it is recorded."""

from __future__ import annotations

from lightemma.backends.base import CallResult
from lightemma.run_folder.records import OK, CallRecord, Stage, call_outcome, format_outcome


def text_outcome(result: CallResult) -> str:
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


def call_record(stage: Stage, prompt: str, result: CallResult, outcome: str | None = None) -> CallRecord:
    """A call as it goes into frames.jsonl.

    Args:
        stage: its name.
        prompt: the text that was new in it.
        result: what it brought.
        outcome: where it is more than whether there was an answer, such as the form of an action answer.
    """
    completion = result.completion
    error = result.error
    if completion is not None and completion.failure is not None:
        error = completion.text
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
    )
