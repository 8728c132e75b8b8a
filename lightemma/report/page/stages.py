"""What a page shows of the calls of a frame or decision: answers, what was read of them, and how they were asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lightemma.report.page.prompts import PromptTemplates
from lightemma.report.page.words import Words, shown_words
from lightemma.run_folder.records import CallRecord


def shown_stages(
    calls: Sequence[CallRecord],
    lists: Sequence[str],
    templates: PromptTemplates,
    words: Mapping[str, Words] | None = None,
) -> list[dict[str, Any]]:
    """One entry per call.

    Args:
        calls: in order.
        lists: the motion as prompts may have it: speeds, curvatures.
        templates: the wordings met so far; a prompt is its template's number, filled with ``lists`` and the earlier answers.
        words: stage -> what was read of its answer.
    """
    answers = [stage.response for stage in calls]
    return [
        {
            "stage": stage.stage,
            "outcome": stage.outcome,
            "prompt": templates.add(stage.prompt, [*lists, *answers[:place]]),
            "response": stage.response,
            "latency": None if stage.cached else stage.latency_s,
            "usage": stage.usage and [stage.usage.input, stage.usage.output, stage.usage.reasoning],
            "attempts": stage.attempts,
            "cached": stage.cached,
            "error": stage.error,
            **shown_words((words or {}).get(stage.stage), stage.response),
        }
        for place, stage in enumerate(calls)
    ]
