"""Which expert does a task: the only one that can, the one that a model chooses, or the one with the best rank."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lightemma.experts.base import Card, Expert
from lightemma.experts.found_check import shortened
from lightemma.experts.task_plan import Task, without_fence
from lightemma.outside_text import one_line
from lightemma.run_folder.tool_records import ChosenBy

#: Candidates that a model is shown for one task, characters of its reason and of its answer.
MOST_CANDIDATES = 5
_LONGEST_REASON = 200
_LONGEST_ANSWER = 20_000


@dataclass(frozen=True, slots=True)
class Chosen:
    """The expert of a task.

    Attributes:
        expert: which one.
        by: who chose it.
        reason: the model's.
    """

    expert: Expert
    by: ChosenBy
    reason: str = ""


def candidates(task: Task, experts: Sequence[Expert]) -> list[Expert]:
    """The experts that can do a task with its arguments, the best rank first; on equal ranks the cheaper one."""
    able = [
        one
        for one in experts
        if one.card.task == task.task
        and set(one.card.required) <= set(task.args)
        and set(task.args) <= set(one.card.arguments)
    ]
    return sorted(able, key=lambda one: (one.card.rank, one.card.cost, one.card.id))[:MOST_CANDIDATES]


def by_rank(tasks: Sequence[Task], experts: Sequence[Expert]) -> tuple[dict[int, Chosen], list[Task]]:
    """The first candidate of every task.

    Returns:
        Task id -> choice, and the tasks with several candidates, of which a model may choose.
    """
    made: dict[int, Chosen] = {}
    several = []
    for task in tasks:
        able = candidates(task, experts)
        if able:
            made[task.id] = Chosen(able[0], "only" if len(able) == 1 else "rank")
        if len(able) > 1:
            several.append(task)
    return made, several


def cards_in_words(tasks: Sequence[Task], experts: Sequence[Expert], most: int) -> str:
    """The candidates of tasks as a model is shown them.

    Args:
        tasks: with several candidates.
        experts: that there are.
        most: characters of a card's description.
    """
    lines = []
    for task in tasks:
        lines.append(f"Task {task.id}, {task.task}:")
        lines += [f"- {line_of(one.card, most)}" for one in candidates(task, experts)]
    return "\n".join(lines)


def line_of(card: Card, most: int) -> str:
    """A card in one line.

    Args:
        card: of an expert.
        most: characters of its description.
    """
    return f"{card.id}: {shortened(one_line(card.description), most)} ({card.endpoint}, about {card.cost:g} s)"


def choice_schema(tasks: Sequence[Task], experts: Sequence[Expert]) -> dict[str, Any]:
    """The JSON schema of the model's choices."""
    ids = list(dict.fromkeys(one.card.id for task in tasks for one in candidates(task, experts)))
    properties: dict[str, Any] = {
        "task": {"type": "integer", "enum": [task.id for task in tasks]},
        "id": {"type": "string", "enum": ids},
        "reason": {"type": "string"},
    }
    items = {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
    return {
        "type": "object",
        "properties": {"choices": {"type": "array", "items": items, "maxItems": len(tasks)}},
        "required": ["choices"],
        "additionalProperties": False,
    }


def read_choices(text: str, tasks: Sequence[Task], experts: Sequence[Expert]) -> Mapping[int, Chosen]:
    """The choices of a model: those that name a task and one of its candidates; the others stay with the rank.

    Args:
        text: the answer, with or without a code block around it.
        tasks: with several candidates.
        experts: that there are.
    """
    try:
        value = json.loads(without_fence(text[:_LONGEST_ANSWER]))
    except (ValueError, RecursionError):
        return {}
    listed = value.get("choices") if isinstance(value, dict) else value
    able = {task.id: {one.card.id: one for one in candidates(task, experts)} for task in tasks}
    made: dict[int, Chosen] = {}
    for one in listed if isinstance(listed, list) else ():
        if not isinstance(one, dict):
            continue
        task, name, reason = one.get("task"), one.get("id"), one.get("reason")
        if not isinstance(task, int) or isinstance(task, bool) or not isinstance(name, str):
            continue
        if task not in able or task in made or name not in able[task]:
            continue
        said = one_line(reason)[:_LONGEST_REASON] if isinstance(reason, str) else ""
        made[task] = Chosen(able[task][name], "model", said)
    return made
