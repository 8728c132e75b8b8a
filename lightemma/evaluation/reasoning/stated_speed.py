"""The speed that a statement wants to have, in metres per second."""

from __future__ import annotations

import re
from collections.abc import Sequence

from lightemma.evaluation.reasoning.cues import Mention

_NUMBER = r"-?\d+(?:\.\d+)?"
_UNIT = r"(?:m/s|mps|meters? per second|metres? per second|km/h|kph|kilomet(?:er|re)s per hour|mph|miles per hour)"
#: A number of a speed: a range counts as its middle, and a number per second squared is no speed.
PATTERNS: dict[str, str] = {
    "speed": rf"(?<!-)\d+(?:\.\d+)? ?(?:{_UNIT} ?)?(?:(?:-|to|and|or) ?{_NUMBER} ?)?{_UNIT}(?!\w)(?! ?(?:\^|\u00b2|2\b|/s|"
    rf"squared|per second|every|per 0|each|over))"
}
_NUMBERS = re.compile(_NUMBER)
_PER_SECOND = (("km/h", 3.6), ("kph", 3.6), ("kilomet", 3.6), ("mph", 1 / 0.44704), ("miles", 1 / 0.44704))
#: What a number that is a target comes after; ``by`` is a change, ``from`` where it starts.
_TARGET = re.compile(
    r"(?:\b(?:to|at|of|around|about|approximately|roughly|near|reach\w*|target\w*|below|under|maintain\w*|toward|towards|"
    r"exceed\w*|is|"
    r"speed|above|than|within|between|as|~|closer to)|\(|=|~|\u2248) ?(?:(?:a |the |its |current |speed |of |around |"
    r"about |approximately |roughly |no more than |up to )*)$"
)
_CHANGE = re.compile(
    r"\b(?:by|from|increase of|decrease of|reduction of|additional|another|deceleration of|acceleration of|rate of|"
    r"drop of|gain of|increment of)"
    r"[ (~]*(?:about |around |approximately |roughly |an additional |another |a |its |remaining |speed |of |up to )*$"
)
#: "From 8 m/s to 6 m/s": the second is the target.
_FROM = re.compile(r"\bfrom (?:its |the |a |current |speed |of |about |around |approximately )*$")
_DELTA = re.compile(r"\b(?:by|increase|decrease|reduction|drop|change|gain) (?:of )?\(?[^.]{0,24}$")
_WORD = re.compile(r"\b(?:speed|velocity|pace|reach|to|at|target|maintain|cruis)\w*\b[^.;]{0,60}$")


def choose(text: str, mentions: Sequence[Mention]) -> tuple[float, Mention] | None:
    """The first speed that is advised, and where it is said.

    Args:
        text: lower-case.
        mentions: of ``PATTERNS``.
    """
    said = [mention for mention in mentions if mention.advised]
    for mention in sorted(said, key=lambda mention: mention.conditional):
        before = text[max(0, mention.start - 70) : mention.start]
        said_here = text[mention.start : mention.end]
        if _FROM.search(before) and " to " in said_here:
            return _value(said_here.partition(" to ")[2]) or 0.0, mention
        if _CHANGE.search(before) or _DELTA.search(before) or not _WORD.search(before) or not _TARGET.search(before):
            continue
        value = _value(said_here)
        if value is not None:
            return value, mention
    return None


def _value(said: str) -> float | None:
    numbers = [float(number) for number in _NUMBERS.findall(re.sub(r"(?<=\d)-(?=\d)", " ", said))]
    numbers = [number for number in numbers[:2] if number >= 0]
    if not numbers:
        return None
    divisor = next((divisor for unit, divisor in _PER_SECOND if unit in said), 1.0)
    return sum(numbers) / len(numbers) / divisor
