"""Lists with a slip: missing commas, other or missing brackets, twelve numbers in a row. One reading or none.

Works on a normalised text. Every number of the answer must be accounted for: what might be a seventh pair, a sum or two
numbers run into one is a reason to refuse.
"""

from __future__ import annotations

import re
from itertools import pairwise

from lightemma.parsing.kinds import PAIRS, Kind, Pairs, Reading, plausible_pairs
from lightemma.parsing.signs import CURVATURE_UNIT, SPEED_UNIT, WORD_RE

_GROUP_RE = re.compile(r"[\[(]([^\[\]()]*)[\])]")
_NUMBER_RE = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_MIRRORED = str.maketrans("[]()", "][)(")
_BETWEEN_RE = re.compile(r"[\s,;\[\]()]*")
_DIGIT_RE = re.compile(r"\d")
_LETTER_RE = re.compile(r"[^\W\d_]")
_BRACKET_RE = re.compile(r"[\[\]()]")
# Words, a blank line or a stop keep a remark apart from the list.
_APART_RE = re.compile(r"[^\W\d_]|\n\s*\n|[.:!?]\s")
_MARK_RE = re.compile(rf"[{SPEED_UNIT}{CURVATURE_UNIT}]")
_UNIT_RE = re.compile(rf"\s*[{SPEED_UNIT}{CURVATURE_UNIT}][^{SPEED_UNIT}{CURVATURE_UNIT}]*$")
_AROUND = f" \t\r\n,{SPEED_UNIT}{CURVATURE_UNIT}"

#: More numbers in one bracket are no plan.
_MANY = 200


def read_loose(text: str, overlooked: list[Kind]) -> Reading:
    """The only reading of a text that is no literal list; ``overlooked`` gets what was wrong with it."""
    groups = _without_remarks(text, [g for g in _GROUP_RE.finditer(text) if _DIGIT_RE.search(g.group(1))])
    if groups and all(_is_remark(group) for group in groups):
        return Reading(None, "prose")  # no list in any bracket
    return _read_groups(text, groups, overlooked) if groups else _read_bare(text, overlooked)


def _without_remarks(text: str, groups: list[re.Match[str]]) -> list[re.Match[str]]:
    """The groups less remarks before and behind them: words in brackets, apart from the next group by words or a stop."""
    first, last = 0, len(groups)
    while (
        first < last - 1
        and _is_remark(groups[first])
        and _APART_RE.search(text, groups[first].end(), groups[first + 1].start())
    ):
        first += 1
    while (
        last - 1 > first
        and _is_remark(groups[last - 1])
        and _APART_RE.search(text, groups[last - 2].end(), groups[last - 1].start())
    ):
        last -= 1
    return groups[first:last]


def _is_remark(group: re.Match[str]) -> bool:
    content = group.group(1)
    return WORD_RE.search(content) is not None or (SPEED_UNIT in content and "," not in content)


def _read_groups(text: str, groups: list[re.Match[str]], overlooked: list[Kind]) -> Reading:
    """Reads bracketed groups: six of two numbers, or one of twelve."""
    contents: list[list[float]] = []
    for group in groups:
        content = group.group(1)
        if -1 < content.find(CURVATURE_UNIT) < content.rfind(SPEED_UNIT):
            return Reading(None, "order")
        numbers = _numbers(content)
        if isinstance(numbers, str):
            return Reading(None, numbers)
        contents.append(numbers)
    if any(not _BETWEEN_RE.fullmatch(text, first.end(), second.start()) for first, second in pairwise(groups)):
        return Reading(None, "prose")
    # White space, brackets and commas belong to the list; what else is before or behind it is prose.
    start, end = groups[0].start(), groups[-1].end()
    before, after = text[:start], text[end:]
    if is_cut(text, after):
        return Reading(None, "truncated")
    beside = _beside(before, after)
    if beside:
        return Reading(None, beside)
    if not _BETWEEN_RE.fullmatch(before) or not _BETWEEN_RE.fullmatch(after):
        overlooked.append("prose")
    if len(contents) == 1:
        return _read_flat(contents[0], overlooked, start, end)
    wrong = _wrong_lengths([len(numbers) for numbers in contents])
    if wrong:
        return Reading(None, wrong)
    body = text[start:end]
    gaps = [text[first.end() : second.start()] for first, second in pairwise(groups)]
    if not all("," in gap for gap in gaps) or not all("," in group.group(1) for group in groups):
        overlooked.append("missing_commas")
    if not overlooked or "[" in body or "]" in body or not before.strip().endswith("["):
        overlooked.append("brackets")
    return Reading([(a, b) for a, b in contents], None, start, end)


def _beside(before: str, after: str) -> Kind | None:
    """Why what is beside the groups may belong to them.

    A number with no word between it and the groups may or may not belong to the answer; one in the same brackets does.
    """
    near = _behind_last_letter(before) + _LETTER_RE.split(after, maxsplit=1)[0]
    inside = in_same_brackets(before, after)
    if _DIGIT_RE.search(near + inside):
        return "wrong_shape"
    return "wrong_count" if ".." in inside else None  # and so on


def _wrong_lengths(lengths: list[int]) -> Kind | None:
    if all(length == 1 for length in lengths):
        return "fused_numbers" if len(lengths) == PAIRS else "wrong_shape"
    if any(length != 2 for length in lengths):
        return "wrong_shape"
    return None if len(lengths) == PAIRS else "wrong_count"


def _behind_last_letter(text: str) -> str:
    for place in range(len(text) - 1, -1, -1):
        if text[place].isalpha():
            return text[place + 1 :]
    return text


def in_same_brackets(before: str, after: str) -> str:
    """What is next to a list, yet inside a bracket that opens in ``before`` or closes in ``after``."""
    opens = _first_unclosed(before)
    closes = _first_unclosed(after[::-1].translate(_MIRRORED))
    left = "" if opens is None else before[opens:]
    if closes is None:
        return left if opens is None else left + after  # opened and never closed: the rest is in it
    return left + after[: len(after) - closes]


def _first_unclosed(text: str) -> int | None:
    """The place of the first opening bracket that is not closed again."""
    opened: list[int] = []
    for bracket in _BRACKET_RE.finditer(text):
        if bracket.group() in "[(":
            opened.append(bracket.start())
        elif opened:
            opened.pop()
    return opened[0] if opened else None


def _read_bare(text: str, overlooked: list[Kind]) -> Reading:
    """Reads an answer without any closed bracket: six lines of two numbers, or twelve numbers."""
    if is_cut(text, text):
        return Reading(None, "truncated")
    stripped = text.strip().strip("[]()").strip()
    numbers = _numbers(stripped.replace(";", ","))
    if isinstance(numbers, str):
        return Reading(None, numbers)
    overlooked.append("brackets")
    lines = [_numbers(line) for line in re.split(r"[\n;]", stripped) if line.strip(" ,")]
    if len(lines) == PAIRS:
        pairs = [(line[0], line[1]) for line in lines if not isinstance(line, str) and len(line) == 2]
        if len(pairs) == PAIRS:
            # "1. 0.5" and so on to 6: six speeds from 1 to 6 m/s, or a numbered list of something else?
            if [pair[0] for pair in pairs] == list(range(1, PAIRS + 1)):
                return Reading(None, "ambiguous")
            return Reading(pairs, None, 0, len(text))
    return _read_flat(numbers, overlooked, 0, len(text))


def _read_flat(numbers: list[float], overlooked: list[Kind], start: int, end: int) -> Reading:
    """Twelve numbers in a row: pairs in turn, or six speeds and then six curvatures? Only one may make sense."""
    if len(numbers) != 2 * PAIRS:
        return Reading(None, "wrong_shape" if len(numbers) % 2 else "wrong_count")
    in_turn: Pairs = list(zip(numbers[0::2], numbers[1::2], strict=True))
    in_blocks: Pairs = list(zip(numbers[:PAIRS], numbers[PAIRS:], strict=True))
    possible = [pairs for pairs in (in_turn, in_blocks) if plausible_pairs(pairs)]
    if len(possible) != 1 and in_turn != in_blocks:
        return Reading(None, "ambiguous" if possible else "implausible")
    overlooked.append("brackets")
    return Reading(in_turn if in_turn == in_blocks else possible[0], None, start, end)


def _numbers(text: str) -> list[float] | Kind:
    """The numbers of a piece that may hold nothing but numbers, commas and white space; else what is wrong with it."""
    numbers: list[float] = []
    place = 0
    apart = True  # whether the next number is kept apart from the one before
    for match in _NUMBER_RE.finditer(text):
        gap = text[place : match.start()]
        number = match.group()
        if gap.strip(_AROUND):
            return "arithmetic" if re.fullmatch(r"[\s,]*[-+*/\u00d7\u00b7][\s\-+*/]*", gap) and numbers else "prose"
        if gap.count(",") > 1:
            return "wrong_shape"  # a number is missing between two commas
        if _MARK_RE.search(gap):
            if not (numbers and _UNIT_RE.match(gap)):
                return "prose"  # a unit without a number
            gap = _MARK_RE.split(gap)[-1]  # a unit keeps nothing apart: "5.0 m/s-0.5" is a difference
        if not (apart or gap):
            # Glued to the number before. With a comma elsewhere in the piece the sign is an operator.
            return "arithmetic" if number[0] in "+-" and "," in text else "fused_numbers"
        digits = number.lstrip("+-")
        if digits[0] == "0" and digits[1:2].isdigit():
            return "fused_numbers"  # digits with leading zeros: a decimal point was lost
        if gap.isspace() and numbers and number[0] in "+-" and "," in text:
            return "arithmetic"  # "5.0 -0.1, 0.2": a sum, or a missing comma?
        numbers.append(float(number))
        place, apart = match.end(), False
        if len(numbers) > _MANY:
            return "wrong_count"
    rest = text[place:].strip(_AROUND)
    if rest:
        return "arithmetic" if numbers and re.fullmatch(r"[-+*/\s]+", rest) else "prose"
    return numbers if numbers else "prose"


def is_cut(text: str, after: str) -> bool:
    """Whether the answer stops inside a bracket that was opened behind the last closed group."""
    opened = max(after.rfind("("), after.rfind("["))
    return opened >= 0 and not re.search(r"[\])]", after[opened:]) and bool(_DIGIT_RE.search(text))
