"""The one reading of an answer, however it is written, or why there is none.

In this order: a literal list of six pairs anywhere; a list with a slip; six rows that are written alike; a list of speeds
beside a list of curvatures. The first that reads gives the plan, unless words contradict it.
"""

from __future__ import annotations

import re
from itertools import pairwise

from lightemma.parsing.kinds import MAX_ANSWER_CHARACTERS, Kind, Reading
from lightemma.parsing.loose import in_same_brackets, is_cut, read_loose
from lightemma.parsing.rows import read_rows
from lightemma.parsing.signs import CURVATURE_UNIT, FENCE_LANGUAGE, SPEED_UNIT, has_odd_numbers, is_bare, normalised
from lightemma.parsing.strict import read_strict
from lightemma.parsing.structure import Listed, literal_lists
from lightemma.parsing.two_lists import read_two_lists
from lightemma.parsing.words import contradiction, has_other_units

_FENCE = "```"
_LANGUAGE_RE = re.compile(FENCE_LANGUAGE)
_LETTER_RE = re.compile(r"[^\W\d_]")
_WORD_RE = re.compile(rf"[^\W\d_]|[{SPEED_UNIT}{CURVATURE_UNIT}]")
#: Refusals that another way of reading may yet overcome. Fused numbers stay what they are.
_MAY_BE_ROWS: frozenset[Kind] = frozenset({"prose", "wrong_shape", "wrong_count", "ambiguous", "arithmetic"})


def read_tolerant(text: str, *, is_literal: bool | None = None) -> Reading:
    """The answer's only reading. Where strict would have accepted, ``reason`` is None, else what had to be overlooked.

    Args:
        text: the answer.
        is_literal: False if ``read_strict`` has already refused it.
    """
    if len(text) > MAX_ANSWER_CHARACTERS:
        return Reading(None, "too_long")
    if not text.strip():
        return Reading(None, "empty")
    strict = None if is_literal is False else read_strict(text)
    if "#" not in text:  # comments are words, too
        if strict:
            return Reading(strict, None)
        stripped = text.strip()
        apart = read_strict(stripped) if len(stripped) < len(text) else None
        if apart:
            return Reading(apart, "prose")  # good but for the white space around it
    fenced = _inside_fence(text)
    plain = text if fenced is None else fenced
    reading = _read_bare(plain) if is_bare(plain) else _read(plain)
    if reading.pairs is None:
        return reading
    if strict:
        return Reading(reading.pairs, None)
    return Reading(reading.pairs, "code_fence" if fenced is not None else reading.reason)


def _inside_fence(text: str) -> str | None:
    """What is in a code fence, or None if the answer is not one."""
    text = text.strip()
    if not (text.startswith(_FENCE) and text.endswith(_FENCE) and len(text) >= 2 * len(_FENCE)):
        return None
    inside = text[len(_FENCE) : -len(_FENCE)]
    language = _LANGUAGE_RE.match(inside)
    return inside[language.end() :] if language else inside


def _read_bare(text: str) -> Reading:
    """Reads an answer without a word: no words to contradict, so the common slips come first."""
    overlooked: list[Kind] = []
    reading = read_loose(text, overlooked)
    if reading.pairs is not None:
        return Reading(reading.pairs, overlooked[0] if overlooked else None)
    if reading.reason not in _MAY_BE_ROWS or reading.reason == "ambiguous":
        return reading
    other = _literal(text, "brackets") or _rows(text)
    return reading if other is None or (other.pairs is None and reading.reason == "arithmetic") else other


def _read(text: str) -> Reading:
    plain = normalised(text)
    odd: Kind | None = "number_style" if has_odd_numbers(text) else None
    found = _literal(plain, odd) or _with_a_slip(plain, odd)
    if found.pairs is None:
        return Reading(None, "units") if found.reason == "prose" and has_other_units(plain) else found
    against = contradiction(plain, found.start, found.end, found.pairs, named=found.named)
    if against:
        return Reading(None, against)
    return found


def _literal(text: str, slip: Kind | None) -> Reading | None:
    """The reading of the literal lists in a text: None if there are none, refused if two of them differ."""
    lists = literal_lists(text).lists
    if not lists:
        return None
    if any(_BESIDE_RE.fullmatch(text, first.end, second.start) for first, second in pairwise(lists)):
        return Reading(None, "wrong_count")  # twelve pairs in one line, be they equal or not
    if any(other.pairs != lists[0].pairs for other in lists):
        return Reading(None, "ambiguous")
    last = lists[-1]
    refused = _refused_beside(_masked(text, lists), last)
    if refused:
        return Reading(None, refused)
    return Reading(
        last.pairs, "prose" if _WORD_RE.search(text) else slip or "brackets", last.start, last.end, last.named
    )


def _masked(text: str, lists: list[Listed]) -> str:
    """The text with blanks for its lists."""
    pieces, place = [], 0
    for found in lists:
        pieces += [text[place : found.start], " " * (found.end - found.start)]
        place = found.end
    return "".join([*pieces, text[place:]])


_BESIDE_RE = re.compile(r"[ \t,;]*")
_PAIR_BEFORE_RE = re.compile(r"[\[(][ \t\d.,+-]*\d[ \t\d.,+-]*[\])][ \t,;]*$")
_PAIR_BEHIND_RE = re.compile(r"[ \t,;]*[\[(][\[( \t]*[-+]?\.?\d[^\n\])]*")
_TIMES_BEHIND_RE = re.compile(r"[ \t]*[*/×·%^][ \t]*[\d.(\[]")
_TIMES_BEFORE_RE = re.compile(r"[\d.)\]][ \t]*[*/×·^][ \t]*$")
_PLUS_BEHIND_RE = re.compile(r"[ \t]*(?:\+[ \t]*[\d.]|[-+][ \t]*[\[(])|-[\d.]")
_PLUS_BEFORE_RE = re.compile(r"[\d.)\]][ \t]*[+-][ \t]*$")


def _refused_beside(text: str, found: Listed) -> Kind | None:
    """Why a literal list is not the whole plan: numbers right next to it that belong to it."""
    before, after = text[: found.start], text[found.end :]
    if _TIMES_BEHIND_RE.match(after) or _TIMES_BEFORE_RE.search(before[-40:]):
        return "scale"
    if _PLUS_BEHIND_RE.match(after) or _PLUS_BEFORE_RE.search(before[-40:]):
        return "arithmetic"
    if before[-1:].isdigit() or after[:1].isdigit():
        return "wrong_shape"
    behind = _PAIR_BEHIND_RE.match(after)
    if _PAIR_BEFORE_RE.search(before[-80:]) or (behind and not _LETTER_RE.search(behind.group())):
        return "wrong_count"
    inside = in_same_brackets(before, after)
    if re.search(r"\d", inside) and not _LETTER_RE.search(inside):
        return "wrong_shape"
    opened = max(after.rfind("("), after.rfind("["))
    rest = after[opened:] if opened >= 0 else ""
    if is_cut(rest, rest) and not _LETTER_RE.search(rest):
        return "truncated"
    return None


def _with_a_slip(text: str, odd: Kind | None) -> Reading:
    overlooked: list[Kind] = [odd] if odd else []
    reading = read_loose(text, overlooked)
    if reading.pairs is not None:
        return Reading(reading.pairs, overlooked[0] if overlooked else None, reading.start, reading.end)
    if reading.reason not in _MAY_BE_ROWS:
        return reading
    rows = _rows(text)
    if rows is not None and (rows.pairs is not None or reading.reason != "arithmetic"):
        return rows
    structure = literal_lists(text)
    if structure.reversed_units:
        return Reading(None, "order")
    return Reading(None, "other_quantity") if structure.other_names else reading


def _rows(text: str) -> Reading | None:
    """Six like rows, or two lists by name."""
    lists, rows = read_two_lists(text), read_rows(text)
    read = [found for found in (lists, rows) if found is not None and found.pairs is not None]
    if len(read) == 2 and read[0].pairs != read[1].pairs:
        return Reading(None, "ambiguous")
    if not read:
        return rows or lists
    found = read[0]
    reason: Kind = "prose" if _WORD_RE.search(text) else "brackets"
    return Reading(found.pairs, reason, found.start, found.end, found.named)
