"""Answers that begin with reasoning and end with the plan.

A plan in words first: the list is the last line that is not blank, and the JSON object has the key ``reasoning`` before
``actions``. What stands before is not searched for numbers, so that a reason such as "slow down to 3.5 m/s" contradicts
nothing.
"""

from __future__ import annotations

import json

from lightemma.parsing.json_object import loads, read_object, refusal
from lightemma.parsing.kinds import MAX_ANSWER_CHARACTERS, Reading

REASONING = "reasoning"


def last_line(text: str) -> str:
    """The answer's last line that is not blank; the text itself if there is none."""
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip() if lines else text


def plan_part(text: str) -> str:
    """From where the plan is written on: the last line that begins a list, to the end; the whole text without one."""
    lines = text.splitlines(keepends=True)
    for number in range(len(lines) - 1, -1, -1):
        if lines[number].lstrip().startswith(("[(", "[[", "[ (", "[")):
            return "".join(lines[number:]).strip()
    return text


def read_reasoned_object(text: str) -> Reading:
    """Reads ``{"reasoning": "…", "actions": [...]}`` and nothing else."""
    if len(text) > MAX_ANSWER_CHARACTERS:
        return Reading(None, "too_long")
    value = loads(text)
    if not isinstance(value, dict):
        return Reading(None, refusal(text))
    if set(value) != {REASONING, "actions"} or not isinstance(value[REASONING], str):
        return Reading(None, "invalid_json")
    return read_object(json.dumps({"actions": value["actions"]}))
