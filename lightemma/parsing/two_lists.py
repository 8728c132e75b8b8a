"""A list of six speeds and a list of six curvatures, each behind its name."""

from __future__ import annotations

import re

from lightemma.parsing.kinds import PAIRS, Reading
from lightemma.parsing.names import role_of, role_of_unit
from lightemma.parsing.written_numbers import MARKS, NUMBER

_BETWEEN = rf"[\s,;|()\[\]\"'{MARKS}]|->|→|⇒|>"
_RUN_RE = re.compile(rf"(?<![\w.+-]){NUMBER}(?:(?:{_BETWEEN}|\.\s)+(?:\d+[.)]\s+)?{NUMBER}(?![\w.])){{{PAIRS - 1},}}")
_PAST_RE = re.compile(
    r"past|previous|histor|observed|last|before|so far|current|recent|过去|历史|ранее"
    r"|прошл|предыдущ|bisher|vergangen|pass\u00e9|pasad"
)


def read_two_lists(text: str) -> Reading | None:
    """Six speeds and six curvatures, each list behind its name; None where there are none."""
    found: dict[str, list[tuple[float, ...]]] = {"speed": [], "curvature": []}
    start, end = len(text), 0
    behind = 0
    for run in _RUN_RE.finditer(text):
        label = text[max(behind, run.start() - 120) : run.start()].rstrip(" \t\n|:=([{\"'")
        behind = run.end()
        label = label.rsplit("\n", 1)[-1]
        role = _label_role(label)
        if role not in found or _PAST_RE.search(label.lower()):
            continue
        values = _run_values(run.group())
        if text[run.end() : run.end() + 1] == ")" and re.search(r"\n[ \t]*\d$", run.group()):
            values = values[:-1]  # "2)" of the line behind
        if len(values) != PAIRS:
            return Reading(None, "wrong_count")
        if values not in found[role]:
            found[role].append(values)
        start, end = min(start, run.start()), max(end, run.end())
    speeds, curvatures = found["speed"], found["curvature"]
    if not speeds or not curvatures:
        return None
    if len(speeds) > 1 or len(curvatures) > 1:
        return Reading(None, "ambiguous")
    return Reading(list(zip(speeds[0], curvatures[0], strict=True)), None, start, end, named=True)


def _label_role(label: str) -> str | None:
    """The role of the words just before a list; the last that says anything."""
    part = re.split(r"[.;!?,]\s", label)[-1]
    role = role_of(part[-60:])
    return role if role else role_of_unit(part)


def _run_values(run: str) -> tuple[float, ...]:
    values = tuple(float(number) for number in re.findall(NUMBER, run))
    if len(values) == 2 * PAIRS and list(values[0::2]) == [float(n) for n in range(1, PAIRS + 1)] and "\n" in run:
        return values[1::2]  # a numbered list
    return values
