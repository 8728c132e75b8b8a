"""Six rows that are written alike: numbered pairs, tables, labelled numbers.

What is between the numbers repeats from row to row; the part of it that repeats says where a row begins. Names and units
say which column is which; without any, a column that only counts the steps is passed over and the pair is read in order.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from lightemma.parsing.column_headings import EMPTY_RE, column_headings
from lightemma.parsing.kinds import PAIRS, Kind, Pairs, Reading, plausible_pairs
from lightemma.parsing.loose import in_same_brackets
from lightemma.parsing.names import CURVATURE_WORDS, SPEED_WORDS, role_of, role_of_unit
from lightemma.parsing.signs import WORD_RE
from lightemma.parsing.structure import counts
from lightemma.parsing.written_numbers import MARKS, MOST_NUMBERS, WrittenNumber, gaps_between, numbers_of

_UNIT_RE = re.compile(rf"\s*[(\[]?\s*[{MARKS}]")
_COUNTED_BY_RE = re.compile(r"[\s-]?([^\W\d_]{1,7})(?![^\W_])")
_BLANKS = f" \t{MARKS}"
_OPENING, _CLOSING, _OPERATORS = set('([{|"='), set(')]}|"'), set("-+*/×·^%")
_NOISE_WORDS = {"and", "with", "at", "td", "tr", "th", "li", "und", "et", "y", "e", "и", "和", "\u0648"}
_NAMED_SPEED_RE = re.compile(rf"{SPEED_WORDS}|\bv\d?\b", re.IGNORECASE)
_NAMED_CURVATURE_RE = re.compile(rf"{CURVATURE_WORDS}|\b[ck]\d?\b", re.IGNORECASE)
_NAME_RE = re.compile(r"[^\W\d_]\w*")
_LETTER_RE = re.compile(r"[^\W\d_]")
_MOST_COLUMNS = 6
_MOST_BLOCKS = 40
_BULLET_RE = re.compile(r"^[ \t]*[-*+•●◦‣>][ \t]+(?=\S)", re.MULTILINE)
_RULE_RE = re.compile(r"^(?=[^\n-]*-)[ \t|+:=-]++$", re.MULTILINE)


def read_rows(text: str) -> Reading | None:
    """The plan of the only block of six like rows in a normalised text; None where there is no such block."""
    if text.count("\n") < PAIRS - 1 and len(text) < 60:
        return None
    text = _RULE_RE.sub(lambda m: " " * len(m.group()), text)
    bulleted = _BULLET_RE.sub(lambda m: " " * len(m.group()), text)
    numbers = numbers_of(bulleted)
    if len(numbers) < 2 * PAIRS or len(numbers) > MOST_NUMBERS:
        return None
    gaps = gaps_between(bulleted, numbers)
    found: list[Reading] = []
    tried = 0
    for columns in range(2, _MOST_COLUMNS + 1):
        for first in _blocks(gaps, columns):
            if any(reading.start <= numbers[first].start < reading.end for reading in found):
                continue  # the same rows, two at a time
            tried += first >= 0
            if tried > _MOST_BLOCKS:
                return Reading(None, "ambiguous")
            block = _Block(bulleted, numbers, gaps, first, columns)
            reading = block.read() if first >= 0 else block.read_too_few_or_many()
            if reading.pairs is not None or reading.reason != "prose":
                found.append(reading)
    refused = [reading for reading in found if reading.pairs is None]
    if refused:
        return refused[0]
    if not found:
        return None
    if any(reading.pairs != found[0].pairs for reading in found):
        return Reading(None, "ambiguous")
    if bulleted != text and _minus_may_be_meant(text, found[0]):
        return Reading(None, "ambiguous")
    return found[0]


def _blocks(gaps: list[str], columns: int) -> list[int]:
    """The first number of each block of exactly six like rows; less than zero for three or more rows that are not six."""
    starts: list[int] = []
    wanted = (PAIRS - 1) * columns - 1  # gaps that equal the gap one row later
    place, last = 1, len(gaps) - 1 - columns  # the outermost gaps are the text before and behind
    while place < last:
        run = place
        while run < last and gaps[run] == gaps[run + columns]:
            run += 1
        if run - place == wanted:
            starts.append(place - 1)
        elif run - place >= min(wanted, 2 * columns - 1):
            starts.append(-place)
        place = max(run, place + 1)
    return starts


@dataclass(frozen=True, slots=True)
class _Block:
    """Rows that are written alike.

    Attributes:
        text: the whole answer.
        numbers: all its numbers.
        gaps: what is between them, see ``gaps_between``.
        first: the first row's first number; below zero where the rows are not six, see ``_blocks``.
        columns: numbers per row.
    """

    text: str
    numbers: list[WrittenNumber]
    gaps: list[str]
    first: int
    columns: int

    @property
    def cells(self) -> list[WrittenNumber]:
        """The numbers of the six rows."""
        return self.numbers[self.first : self.first + PAIRS * self.columns]

    @property
    def inner(self) -> list[str]:
        """What is between the numbers of a row."""
        return self.gaps[self.first + 1 : self.first + self.columns]

    @property
    def between(self) -> str:
        """What is between a row and the next."""
        return self.gaps[self.first + self.columns]

    def values(self, column: int) -> list[float]:
        """The numbers of a column."""
        return [number.value for number in self.cells[column :: self.columns]]

    def read_too_few_or_many(self) -> Reading:
        """Refuses rows that are not six: by their number if they are rows of a plan."""
        rows = self.gaps[-self.first : self.columns - self.first]
        start = self.numbers[-self.first - 1].start
        plan = _names_both(rows) or _in_brackets(rows) or column_headings(self.text, start, self.columns)
        return Reading(None, "wrong_count" if plan else "prose")

    def read(self) -> Reading:
        """The plan of six rows, or why they are none."""
        refused = self._faulty() or self._beside()
        if refused:
            return Reading(None, refused)
        heads = column_headings(self.text, self.cells[0].start, self.columns)
        roles: list[str | None] = []
        for column in range(self.columns):
            by_name, by_unit = self._roles(column)
            if by_name and by_unit not in (None, by_name):
                return Reading(None, "order")
            roles.append(by_name or by_unit or (heads[column] if heads else None))
        in_a_row = self.between in (" ", ",") or all(gap == self.between for gap in self.inner)
        if in_a_row and not ({"speed", "curvature"} <= set(roles) or any(_LETTER_RE.search(gap) for gap in self.inner)):
            return Reading(None, "prose")  # nothing says where a row begins
        if roles.count("speed") == 1 and roles.count("curvature") == 1:
            return self._by_name(roles, bool(heads))
        if "other" in roles:
            return Reading(None, "other_quantity")
        return self._in_order(roles, bool(heads))

    def _reading(self, speed: int, curvature: int, *, named: bool = False) -> Reading:
        pairs = list(zip(self.values(speed), self.values(curvature), strict=True))
        return Reading(pairs, None, self.cells[0].start, self.cells[-1].end, named)

    def _roles(self, column: int) -> tuple[str | None, str | None]:
        """What the word before and the unit behind a column's numbers say; of the second row, which begins like the rest."""
        place = self.first + self.columns + column
        before = self.text[self.numbers[place - 1].end : self.numbers[place].start]
        own = self.first + column
        unit = _UNIT_RE.match(self.text, self.numbers[own].end, self.numbers[own + 1].start)
        return _name_role(before, first_column=column == 0), role_of_unit(unit.group()) if unit else None

    def _by_name(self, roles: list[str | None], headed: bool) -> Reading:
        speed, curvature = roles.index("speed"), roles.index("curvature")
        rest = [column for column in range(self.columns) if column not in (speed, curvature)]
        if any(roles[column] is None and not counts(self.values(column)) for column in rest):
            return Reading(None, "wrong_shape")
        if speed > curvature and not (headed or self._has_names()):
            return Reading(None, "order")
        return self._reading(speed, curvature, named=True)

    def _has_names(self) -> bool:
        """Whether names, not units alone, say which number of a row is which."""
        row = self.text[
            self.numbers[self.first + self.columns - 1].end : self.numbers[self.first + 2 * self.columns - 1].start
        ]
        return _NAMED_SPEED_RE.search(row) is not None and _NAMED_CURVATURE_RE.search(row) is not None

    def _in_order(self, roles: list[str | None], headed: bool) -> Reading:
        """Reads a speed and then a curvature where no names say which is which."""
        kept = [column for column in range(self.columns) if roles[column] != "count"]
        if self.columns == 2 and not headed:
            kept = [0, 1]  # "T1: (5.0, 0.001)": the name counts by itself
        if len(kept) == 3 and counts(self.values(kept[0])) and roles[kept[0]] is None:
            # "(1,5, 0)" may be 1.5 with a decimal comma; a point in the second number says that it is not.
            if self.inner[kept[0]] == "," and not all(number.pointed for number in self.cells[kept[1] :: self.columns]):
                return Reading(None, "ambiguous")
            kept = kept[1:]
        if len(kept) != 2 or kept[1] != kept[0] + 1:
            return Reading(None, "prose")
        speed, curvature = kept
        if roles[speed] == "curvature" or roles[curvature] == "speed":
            return Reading(None, "order")
        apart, named = self.inner[speed], roles[speed] or roles[curvature]
        words = re.findall(r"[^\W\d_]+", apart)
        if any(word not in _NOISE_WORDS for word in words) and not named:
            return Reading(None, "prose")
        if not (words or re.search(r"[,;|\s]", apart)):
            return Reading(None, "prose")
        if self._may_be_otherwise(roles):
            return Reading(None, "ambiguous")
        return self._reading(speed, curvature)

    def _may_be_otherwise(self, roles: list[str | None]) -> bool:
        """Whether two bare columns may be something else than pairs."""
        if self.columns != 2 or roles[1] or ")" in self.between or "]" in self.between:
            return False
        if counts(self.values(0)) and not roles[0]:
            return True  # "1. 0.5": a pair, or the first of a numbered list?
        before, after = self.text[: self.cells[0].start], self.text[self.cells[-1].end :]
        if not in_same_brackets(before, after):
            return False
        # One bracket around all: six speeds and then six curvatures?
        values = [number.value for number in self.cells]
        return plausible_pairs(list(zip(values[:PAIRS], values[PAIRS:], strict=True)))

    def _faulty(self) -> Kind | None:
        """Whether the rows have fused numbers, sums or holes."""
        if not all(number.whole for number in self.cells):
            return "fused_numbers"
        if any(number.glued for number in self.cells[1:]):
            return "arithmetic"
        if any(",," in gap or ",\n," in gap for gap in [*self.inner, self.between]):
            return "wrong_shape"
        if not self._ends_alike():
            return "wrong_shape"
        sums = [gap for gap in self.inner if re.fullmatch(r"[-+*/\u00d7\u00b7^%]+", gap)]
        if not sums:
            return None
        # "1 - 5.0, 0.001" in a line of its own is a step and its pair.
        is_step = (
            self.columns > 2 and sums == self.inner[:1] == ["-"] and self.between == "\n" and counts(self.values(0))
        )
        return None if is_step else "arithmetic"

    def _ends_alike(self) -> bool:
        """Whether the first row begins and the last row ends as the rows between them do."""
        cells, row = self.cells, self.columns
        between = self.text[cells[row - 1].end : cells[row].start].strip(_BLANKS)
        first = self.text[max(0, cells[0].start - 40) : cells[0].start].rstrip(_BLANKS)[-1:]
        last = self.text[cells[-1].end : cells[-1].end + 40].lstrip(_BLANKS)[:1]
        begins, ends = between[-1:], between[:1]
        return (first == begins or (begins not in _OPENING and first not in _OPERATORS)) and (
            last == ends or (ends not in _CLOSING and last not in _OPERATORS)
        )

    def _beside(self) -> Kind | None:
        """Whether numbers around the rows may be a further row."""
        before, after = self.text[: self.cells[0].start], self.text[self.cells[-1].end :]
        inside = _less_names(in_same_brackets(before, after))
        if re.search(r"\d", inside):
            return "wrong_shape"
        if ".." in inside:
            return "wrong_count"  # and so on
        own_line = _NAME_RE.sub("a", before.rsplit("\n", 1)[-1]), _NAME_RE.sub("a", after.split("\n", 1)[0])
        near = _LETTER_RE.split(own_line[0])[-1] + _LETTER_RE.split(own_line[1])[0]
        if re.search(r"\d", near):
            return "wrong_shape"  # no word between a number and the rows
        for line in [*before.split("\n"), *after.split("\n")]:
            if re.search(r"\d", _less_names(line)) and not WORD_RE.search(line):
                return "wrong_shape"  # numbers without a word: may belong to the rows
        behind = self.first + PAIRS * self.columns
        others = [*range(1, self.first - self.columns + 2), *range(behind + 1, len(self.numbers) - self.columns + 2)]
        if any(self.gaps[other : other + self.columns - 1] == self.inner for other in others):
            return "wrong_count"  # a further row, written a little otherwise
        return None


def _name_role(before: str, *, first_column: bool) -> str | None:
    """What the word before a number calls it."""
    if not first_column:
        counted = _COUNTED_BY_RE.match(before)
        if counted and role_of(counted[1]) == "count":
            before = before[counted.end() :]  # "0.5 s: 5.0": the s belongs to the number before
    before = EMPTY_RE.sub("", before).rstrip(" \t|([\"'")
    name = re.split(r"[\n|,;)\]]", before)[-1][-60:]
    return role_of(name) if re.search(r"[^\W\d_]", name) else None


def _less_names(text: str) -> str:
    return _NAME_RE.sub("", text)


def _names_both(gaps: list[str]) -> bool:
    roles = {role_of(part[-60:]) for gap in gaps for part in re.split(r"[\n|,;]", gap)}
    return {"speed", "curvature"} <= roles


def _in_brackets(gaps: list[str]) -> bool:
    """Whether each row is a line with its pair in brackets."""
    return (
        "," in gaps
        and any("\n" in gap for gap in gaps)
        and any(gap[-1:] in ("(", "[") or gap.rstrip("\n")[:1] in (")", "]") for gap in gaps)
    )


def _minus_may_be_meant(text: str, reading: Reading) -> bool:
    """Whether dashes at the beginning of lines may be the signs of slow reversing."""
    assert reading.pairs is not None
    dashes = len(re.findall(r"^[ \t]*-[ \t]+[\d.]", text, re.MULTILINE))
    reversing: Pairs = [(-abs(speed), curvature) for speed, curvature in reading.pairs]
    return dashes >= PAIRS and plausible_pairs(reversing) and any(speed for speed, _ in reading.pairs)
