"""What the experts found, summed up in words of a stated length: the driving context that enters the prompts."""

from __future__ import annotations

from collections.abc import Sequence

from lightemma.experts.executor import Done
from lightemma.experts.found_check import shortened
from lightemma.experts.lies import ALARMS

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
    said += [one.found.words for one in done if one.found is not None and one.task.task not in replaced]
    lines = [_HEAD]
    room = most - len(_HEAD)
    for words in dict.fromkeys(said):
        line = f"- {words}"
        if room <= min(_SHORTEST_LINE, len(line)):
            break
        lines.append(shortened(line, room - 1))
        room -= len(lines[-1]) + 1
    return "\n".join(lines) if len(lines) > 1 else ""
