"""What the experts found, summed up in words of a stated length: the driving context that enters the prompts."""

from __future__ import annotations

from collections.abc import Sequence

from lightemma.experts.executor import Done
from lightemma.experts.found_check import shortened
from lightemma.experts.lies import ALARMS
from lightemma.experts.task_plan import Task, references

_HEAD = "What tools report about this moment (a tool can be wrong):"
#: Characters of a line that is still worth reading.
_SHORTEST_LINE = 40


def driving_context(done: Sequence[Done], most: int, planted: str = "") -> str:
    """The findings as a list; empty if there is none.

    Args:
        done: how the tasks ended; those that failed are left out, since a model can make nothing of them.
        most: characters. What does not fit is cut between words, later findings first.
        planted: a false alarm that is put first, in place of the findings that would contradict it.
    """
    said = [planted] if planted else []
    replaced = ALARMS.get(planted, frozenset())
    used = {number for one in done for number in one.task.dep}
    for one in done:
        if one.found is None or one.task.task in replaced:
            continue
        earlier = _is_of_earlier(one.task)
        # What only another task needed is about a moment that has passed, and that task says what follows from it.
        if not (earlier and one.task.id in used):
            said.append(f"Half a second ago: {one.found.words}" if earlier else one.found.words)
    lines = [_HEAD]
    room = most - len(_HEAD)
    for words in dict.fromkeys(said):
        line = f"- {words}"
        if room <= min(_SHORTEST_LINE, len(line)):
            break
        lines.append(shortened(line, room - 1))
        room -= len(lines[-1]) + 1
    return "\n".join(lines) if len(lines) > 1 else ""


def _is_of_earlier(task: Task) -> bool:
    """Whether a task looked at the earlier picture alone."""
    named = {one for text in task.args.values() for one in references(text)}
    return "earlier-picture" in named and "picture" not in named
