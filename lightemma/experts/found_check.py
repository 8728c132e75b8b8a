"""What an expert gives is checked where it comes in: experts may be others' code, services or networks."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from lightemma.experts.base import Box, Card, Found
from lightemma.frame import Picture
from lightemma.outside_text import one_line
from lightemma.plugins import kind_of
from lightemma.redaction import starred

#: Characters of a finding's words; boxes and numbers of one finding.
LONGEST_WORDS = 600
MOST_BOXES = 100
MOST_NUMBERS = 50
_LONGEST_LABEL = 40
_NAME = re.compile(r"[a-z][a-z0-9_]{0,59}")
#: Pixels and other numbers beyond this are no measurements.
_LARGEST = 1e9


class Rubbish(Exception):  # noqa: N818 -- the name says what it is
    """An expert gave something that is no finding; the message says why."""


def checked(found: object, card: Card) -> Found:
    """A finding, made harmless: words in one line, boxes in order, numbers as floats.

    Args:
        found: what ``look`` returned.
        card: of the expert.

    Raises:
        Rubbish: if it is no finding, or lacks what the card promises.
    """
    if not isinstance(found, Found):
        raise Rubbish(f"it gave {kind_of(found)}, not a Found")
    if not isinstance(found.words, str):
        raise Rubbish(f"its words are {kind_of(found.words)}, not text")
    words = one_line(starred(found.words[: 4 * LONGEST_WORDS])).strip()
    if not words:
        raise Rubbish("it gave no words")
    picture: object = found.picture
    if picture is not None and not isinstance(picture, Picture):
        raise Rubbish(f"its picture is {kind_of(picture)}, not a Picture")
    if isinstance(picture, Picture) and not (
        isinstance(picture.data, bytes) and picture.data and _is_size(picture.size)
    ):
        raise Rubbish("its picture has no data or no size")
    if "picture" in card.outputs and picture is None:
        raise Rubbish("it gave no picture, which its card promises")
    return Found(shortened(words, LONGEST_WORDS), _boxes(found.boxes), _numbers(found.numbers), found.picture)


def shortened(text: str, most: int) -> str:
    """A text of at most ``most`` characters, cut between words."""
    if len(text) <= most:
        return text
    head = text[: most - 2]
    return f"{head.rpartition(' ')[0] or head} …"


def _boxes(boxes: object) -> tuple[Box, ...]:
    if not isinstance(boxes, tuple | list):
        raise Rubbish(f"its boxes are {kind_of(boxes)}, not a tuple of Box")
    if len(boxes) > MOST_BOXES:
        raise Rubbish(f"it gave {len(boxes)} boxes; at most {MOST_BOXES} are taken")
    made = []
    for box in boxes:
        if not isinstance(box, Box):
            raise Rubbish(f"its boxes hold {kind_of(box)}, not Boxes")
        if not isinstance(box.label, str) or not box.label.strip():
            raise Rubbish("a box has no label")
        values = (box.score, box.left, box.top, box.right, box.bottom)
        if not all(_is_number(value) for value in values):
            raise Rubbish(f"a box has the numbers {values!r:.120}, which are not all finite")
        score, left, top, right, bottom = map(float, values)
        if not 0 <= score <= 1 or left >= right or top >= bottom:
            raise Rubbish(f"a box has the numbers {values!r:.120}: score 0 to 1, left < right and top < bottom")
        made.append(Box(one_line(box.label[:_LONGEST_LABEL])[:_LONGEST_LABEL], score, left, top, right, bottom))
    return tuple(made)


def _numbers(numbers: object) -> dict[str, float]:
    if not isinstance(numbers, Mapping):
        raise Rubbish(f"its numbers are {kind_of(numbers)}, not names to numbers")
    if len(numbers) > MOST_NUMBERS:
        raise Rubbish(f"it gave {len(numbers)} numbers; at most {MOST_NUMBERS} are taken")
    for name, value in numbers.items():
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise Rubbish(f"a number is called {name!r:.80}; names are small letters, digits and underscores")
        if not _is_number(value):
            raise Rubbish(f"its number {name} is {value!r:.80}, not a finite number")
    return {name: float(value) for name, value in numbers.items()}


def _is_number(value: object) -> bool:
    # numpy's floats and integers are numbers, too.
    if isinstance(value, bool | str | bytes) or value is None:
        return False
    try:
        return math.isfinite(value) and abs(value) < _LARGEST  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return False


def _is_size(size: object) -> bool:
    return (
        isinstance(size, tuple) and len(size) == 2 and all(isinstance(one, int) and 0 < one < 100_000 for one in size)
    )
