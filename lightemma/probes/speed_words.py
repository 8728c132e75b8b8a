"""What a text says about speed, by the last plain word for it: enough to know the opposite of a statement."""

from __future__ import annotations

import re

_WORDS = {
    "stay-stopped": r"\b(?:remain|stay|keep|be)(?:ing)? (?:\w+ly )?(?:stopped|stationary|still|at rest)\b|\bwait\b",
    "keep": (
        r"\b(?:maintain|keep|hold)(?:s|ing)?\b[^.;]{0,30}\b(?:speed|velocity|pace)\b"
        r"|\b(?:constant|steady|same) (?:speed|velocity|pace)\b"
    ),
    "decelerate": (
        r"\b(?:decelerat|brak|slow)\w*|\b(?:reduc|decreas|lower)\w*[^.;]{0,30}\b(?:speed|velocity|pace)\b"
        r"|\bcome to a (?:\w+ )?(?:stop|halt)\b|\b(?:should|must) stop\b"
    ),
    "accelerate": (
        r"\b(?:accelerat|speed(?:ing)? up)\w*|\b(?:increas|gain)\w*[^.;]{0,30}\b(?:speed|velocity|pace)\b|\bspeed up\b"
    ),
}  # fmt: skip
_PATTERN = re.compile("|".join(f"(?P<{name.replace('-', '_')}>{words})" for name, words in _WORDS.items()))
_NOT = re.compile(r"\b(?:not|no|without|avoid|never|instead of|rather than)\b[^.,;]{0,20}$")


def speed_word(text: str) -> str:
    """``accelerate``, ``keep``, ``decelerate``, ``stay-stopped`` or ``unclear``.

    Statements tell the past first and end with advice, so the first word of the last sentence that has one counts; a
    negated word counts for nothing.

    Args:
        text: a statement about the next seconds.
    """
    found = "unclear"
    for sentence in re.split(r"(?<=[.!?;])\s+|\n+", text[:20_000].lower()):
        for match in _PATTERN.finditer(sentence):
            if match.lastgroup and not _NOT.search(sentence[: match.start()]):
                found = match.lastgroup.replace("_", "-")
                break
    return found
