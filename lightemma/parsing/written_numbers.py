"""The numbers of an answer one after another, and what is written between them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lightemma.parsing.signs import CURVATURE_UNIT, SPEED_UNIT

#: A number as answers write it, if no further digit follows at once or behind points, as in 1.2.3 and 1...6.
NUMBER = r"[-+]?(?:\d++(?:\.\d++)?+|\.\d++)(?:[eE][-+]?\d++)?+(?!\.{0,3}\d)"
#: A number, or a word with the digits that belong to it (v1).
_TOKEN_RE = re.compile(
    rf"(?P<word>[^\W\d_]++(?:(?<=[A-Za-z\u0370-Ͽ])\d++(?!\.?\d))?)|(?P<number>{NUMBER})|(?P<odd>\d[\d.]*)"
)
#: The marks that stand for units that agree, see `signs`.
MARKS = f"{SPEED_UNIT}{CURVATURE_UNIT}"
# First to sixth, and what is behind 1st to 6th.
_COUNTED_RE = re.compile(
    r"first|second|third|fourth|fifth|sixth|^(?:st|nd|rd|th)(?![a-z])|[一二三四五六](?=步|点|项|:)"
)
#: More numbers than this are no plan and its remarks; looking on would only take time.
MOST_NUMBERS = 20_000


@dataclass(frozen=True, slots=True)
class WrittenNumber:
    """A number as it is written in an answer.

    Attributes:
        value: nan where it is not ``whole``.
        start: its first character's place in the text.
        end: the place behind its last character.
        pointed: whether it has a decimal point.
        whole: whether it is a plain number; two run into one are not.
        glued: whether nothing is between it and the number before.
    """

    value: float
    start: int
    end: int
    pointed: bool
    whole: bool
    glued: bool


def numbers_of(text: str) -> list[WrittenNumber]:
    """The numbers of a normalised text in order, up to one more than ``MOST_NUMBERS``."""
    numbers: list[WrittenNumber] = []
    behind = -1
    for token in _TOKEN_RE.finditer(text):
        if token.lastgroup != "word":
            written = token.group()
            start = token.start()
            glued = start == behind
            digits = written.lstrip("+-")
            if written[0] in "+-" and start:
                # "t+0.5" is a time, "v-0.5" may be anything
                latin = text[start - 1].isalpha() and text[start - 1].isascii()
                glued = glued or text[start - 1] in f")]{MARKS}" or (latin and written[0] == "-")
            whole = (
                token.lastgroup == "number"
                and text[start - 1 : start] != "."
                and not (digits[0] == "0" and digits[1:2].isdigit())
            )
            value = float(written) if whole else float("nan")
            numbers.append(WrittenNumber(value, start, token.end(), "." in written, whole, glued))
            behind = token.end()
            if len(numbers) > MOST_NUMBERS:
                break
    return numbers


def gaps_between(text: str, numbers: list[WrittenNumber]) -> list[str]:
    """What is between numbers, less white space, unit marks and the digits of words; ``gaps[i]`` is before ``numbers[i]``."""
    places = [0, *(number.end for number in numbers)]
    ends = [*(number.start for number in numbers), len(text)]
    return [_shape(text[start:end]) for start, end in zip(places, ends, strict=True)]


def _shape(gap: str) -> str:
    if gap in (",", ", ", "\n", " "):
        return gap.strip(" ") or " "
    lines = "\n" if "\n" in gap else ""
    gap = re.sub(rf"[\s{MARKS}]+|(?<=[^\W\d_])\d+", "", gap.lower())
    gap = _COUNTED_RE.sub("#", re.sub(r"\(\)|\[\]", "", gap))  # "()": what is left of a unit in brackets
    return gap + lines or " "
