"""Literal lists of six pairs anywhere in a text: tuples, lists, objects, arrays by name.

One pass over brackets, without recursion. What is in brackets is a list only if nothing but values, commas, names and
comments is in it: a remark such as ``(2-3 m/s less)`` is no list, and a list with a sum in it is none either.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from lightemma.parsing.kinds import PAIRS, Pairs
from lightemma.parsing.names import Role, role_of, role_of_unit
from lightemma.parsing.signs import CURVATURE_UNIT, SPEED_UNIT

_BRACKET_RE = re.compile(r"[\[({]")
_NUMBER = r"[-+]?[ \t]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?"
_TOKEN_RE = re.compile(
    rf"(?P<open>[\[({{])|(?P<close>[\])}}])|(?P<comma>[,;])|(?P<equals>[:=])|(?P<number>{_NUMBER})"
    rf"|(?P<unit>[{SPEED_UNIT}{CURVATURE_UNIT}])|(?P<comment>\#[^\n]*|//[^\n]*|/\*)|(?P<quote>[\"'])"
    r"|(?P<word>[^\W\d]\w*)|(?P<other>\S)|(?P<space>\s+)"
)
_QUOTED_NUMBER_RE = re.compile(rf"\s*({_NUMBER})\s*([{SPEED_UNIT}{CURVATURE_UNIT}]?)\s*")
_STRING_RE = {mark: re.compile(rf"{mark}([^{mark}\\]*+(?:\\.[^{mark}\\]*+)*+){mark}", re.DOTALL) for mark in "\"'"}
_LEADING_ZERO_RE = re.compile(r"[-+]?[ \t]?0\d")
_SHUT = {"(": ")", "[": "]", "{": "}"}

#: Brackets inside each other beyond this are no answer.
MAX_DEPTH = 200


@dataclass(frozen=True, slots=True)
class Number:
    """A number as written, with the unit behind it."""

    value: float
    unit: str
    pointed: bool  # has a decimal point


@dataclass(frozen=True, slots=True)
class Pair:
    """One step of a plan."""

    speed: float
    curvature: float
    named: bool


@dataclass(frozen=True, slots=True)
class Row:
    """Several values that are no pair: numbers, or pairs, or neither."""

    numbers: tuple[Number, ...] = ()
    pairs: tuple[Pair, ...] = ()


Value = Number | Pair | Row | str


@dataclass(frozen=True, slots=True)
class Listed:
    """A literal list of six pairs.

    Attributes:
        pairs: speed and curvature.
        start: where it begins in the text.
        end: where it ends.
        named: True if names, not the order, say which number is which.
    """

    pairs: Pairs
    start: int
    end: int
    named: bool


@dataclass(slots=True)
class _Open:
    bracket: str
    start: int
    pure: bool = True
    words: list[str] = field(default_factory=list)
    name: str | None = None
    value: Value | None = None
    entries: list[tuple[str | None, Value]] = field(default_factory=list)


@dataclass(slots=True)
class Structure:
    """What brackets hold.

    Attributes:
        lists: every literal list of six pairs, in order.
        reversed_units: True if some pair has its units the other way round.
        other_names: True if numbers are named, and as something else than speed and curvature.
    """

    lists: list[Listed] = field(default_factory=list)
    reversed_units: bool = False
    other_names: bool = False


def literal_lists(text: str) -> Structure:
    """Finds every literal list of six pairs in a normalised text."""
    return _Scan(text).structure()


class _Scan:
    """One pass over the brackets of a text; each method is the turn of one kind of token."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.place = 0
        self.stack: list[_Open] = []
        self.objects = 0  # how many curly brackets are open: inside them quotes hold strings
        self.unclosed: set[str] = set()  # quotes that nothing closes from here on
        self.found = Structure()

    def structure(self) -> Structure:
        """What the brackets hold; nothing if they are nested beyond all use."""
        while self.place < len(self.text):
            if not self.stack:
                bracket = _BRACKET_RE.search(self.text, self.place)
                if bracket is None:
                    break
                self.place = bracket.start()
            token = _TOKEN_RE.match(self.text, self.place)
            if token is None:
                self.place += 1
                continue
            self.place = token.end()
            if len(self.stack) >= MAX_DEPTH:
                return Structure()
            turn: Callable[[str], None] = getattr(self, f"_{token.lastgroup}")
            turn(token.group())
        return self.found

    def _space(self, _: str) -> None:
        pass

    def _other(self, _: str) -> None:
        self.stack[-1].pure = False

    def _open(self, bracket: str) -> None:
        if self.stack and self.stack[-1].value is not None:
            self.stack[-1].pure = False
        self.stack.append(_Open(bracket, self.place - 1))
        self.objects += bracket == "{"

    def _close(self, bracket: str) -> None:
        self.objects -= _close(self.stack, bracket, self.place, self.found)

    def _comma(self, _: str) -> None:
        _end_entry(self.stack[-1])

    def _number(self, number: str) -> None:
        before = self.text[self.place - len(number) - 1]
        behind = self.text[self.place : self.place + 1]
        glued = before == "_" or before.isalnum() or behind in (".", "_") or behind.isalnum()
        if glued or _LEADING_ZERO_RE.match(number):
            self.stack[-1].pure = False
        _put(self.stack[-1], _number(number))

    def _word(self, word: str) -> None:
        top = self.stack[-1]
        top.words.append(word)
        if top.value is not None:
            top.pure = False

    def _equals(self, _: str) -> None:
        _name(self.stack[-1])

    def _unit(self, unit: str) -> None:
        top = self.stack[-1]
        if isinstance(top.value, Number) and not top.value.unit and not top.words:
            top.value = Number(top.value.value, unit, top.value.pointed)
        else:
            top.words.append(unit)

    def _quote(self, _: str) -> None:
        self.place = _quote(self.text, self.place - 1, self.stack[-1], self.objects > 0, self.unclosed)

    def _comment(self, comment: str) -> None:
        top = self.stack[-1]
        if top.words or (comment[0] == "#" and self.objects and not top.pure):
            top.pure = False
        elif comment == "/*":
            end = self.text.find("*/", self.place)
            self.place = len(self.text) if end < 0 else end + 2


def _number(text: str) -> Number:
    return Number(float(text.replace(" ", "").replace("\t", "")), "", "." in text)


def _put(top: _Open, value: Value) -> None:
    if top.value is not None:
        top.pure = False  # no comma between two values
        return
    name = " ".join(top.words)
    if name and top.name is None and role_of(name):
        top.name = name  # "(speed 5.0, curvature 0.001)"
    elif name:
        top.pure = False
    top.words = []
    top.value = value


def _name(top: _Open) -> None:
    """A colon or an equals sign: what is before it is the name of what follows."""
    if isinstance(top.value, str):
        top.words, top.value = [top.value], None
    elif isinstance(top.value, Number) and top.bracket == "{" and top.name is None:
        top.words, top.value = ["#"], None  # {1: (5.0, 0.001), ...}
    if top.name is None and top.value is None and top.words:
        top.name, top.words = " ".join(top.words), []
    else:
        top.pure = False


def _end_entry(top: _Open) -> None:
    if top.value is None:
        if top.words and top.name is not None and top.bracket == "{":
            top.value = " ".join(top.words)  # "ok": true
        else:
            top.pure = False  # nothing, or only words, between two commas
            top.words, top.name = [], None
            return
    elif top.words:
        top.pure = False
    top.entries.append((top.name, top.value))
    top.name, top.value, top.words = None, None, []


def _quote(text: str, start: int, top: _Open, in_object: bool, unclosed: set[str]) -> int:
    """Reads a quoted string where there is one; a lone quote is passed over. Returns the place behind."""
    mark = text[start]
    if mark == "'" and start and text[start - 1].isalnum():
        return start + 1  # an apostrophe
    if mark in unclosed:
        return start + 1
    if in_object:
        string = _STRING_RE[mark].match(text, start)
        end = -1 if string is None else string.end()
    else:
        end = text.find(mark, start + 1) + 1 or -1
    if end < 0:
        unclosed.add(mark)
        return start + 1
    content = text[start + 1 : end - 1] if in_object or end - start < 50 else "["
    number = _QUOTED_NUMBER_RE.fullmatch(content)
    if number:
        value = _number(number.group(1))
        _put(top, Number(value.value, number.group(2), value.pointed))
    elif in_object or not re.search(r"[\[\](){}\n,]", content):
        _put(top, content)
    else:
        return start + 1  # quotes around lists or prose
    return end


def _close(stack: list[_Open], bracket: str, end: int, found: Structure) -> int:
    """Closes a bracket; returns how many curly brackets that ended."""
    if all(_SHUT[node.bracket] != bracket for node in stack):
        stack[-1].pure = False
        return 0
    objects = 0
    while stack:
        node = stack.pop()
        objects += node.bracket == "{"
        matches = _SHUT[node.bracket] == bracket
        value = _closed(node, end, found) if matches else Row()
        if stack:
            above = stack[-1]
            if len(above.words) == 1 and len(above.words[0]) > 1 and node.bracket == "(":
                above.words = []  # the name of a call: Action(5.0, 0.001)
            _put(above, value)
            if not matches:
                above.pure = False
        if matches:
            break
    return objects


def _closed(node: _Open, end: int, found: Structure) -> Value:
    """What a bracket holds; a list of six pairs is noted."""
    if node.value is not None or node.words or node.name is not None:
        _end_entry(node)
    if not node.pure:
        return Row()
    roles = [None if name is None else role_of(name) for name, _ in node.entries]
    values = [value for _, value in node.entries]
    measured = [v for name, v in node.entries if name is not None and name.lower() == "value" and isinstance(v, Number)]
    if len(measured) == 1 and all(isinstance(value, str) for value in values if value is not measured[0]):
        return measured[0]  # {"value": 5.0, "unit": "m/s"}
    if "speed" in roles and "curvature" in roles:
        return _by_name(node, roles, values, end, found)
    if "other" in roles or "speed" in roles or "curvature" in roles:
        found.other_names = found.other_names or ("other" in roles and any(isinstance(v, Number) for v in values))
        return Row()
    numbers = [value for value in values if isinstance(value, Number)]
    pairs = [value for value in values if isinstance(value, Pair)]
    if len(numbers) == len(values):
        return _of_numbers(node, numbers, found)
    if len(pairs) == len(values):
        return _of_pairs(node, pairs, end, found)
    if len(values) == 1 and isinstance(values[0], Row):
        return values[0]
    if len(values) == PAIRS:
        counted = _counted(values)
        if counted is not None:
            return _of_pairs(node, counted, end, found)
    return Row()


def _of_numbers(node: _Open, numbers: list[Number], found: Structure) -> Value:
    if len(numbers) == 1 and node.bracket == "(":
        return numbers[0]
    if len(numbers) == 2:
        first, second = numbers
        if first.unit == CURVATURE_UNIT or second.unit == SPEED_UNIT:
            found.reversed_units = True
            return Row()
        return Pair(first.value, second.value, named=False)
    return Row(tuple(numbers))


def _of_pairs(node: _Open, pairs: list[Pair], end: int, found: Structure) -> Value:
    if len(pairs) == 1 and node.bracket == "(":
        return pairs[0]
    if len(pairs) == PAIRS:
        plan = [(pair.speed, pair.curvature) for pair in pairs]
        found.lists.append(Listed(plan, node.start, end, all(pair.named for pair in pairs)))
    return Row(pairs=tuple(pairs))


def _counted(values: list[Value]) -> list[Pair] | None:
    """Six triples of a count or a time, a speed and a curvature as pairs."""
    rows = [value.numbers for value in values if isinstance(value, Row) and len(value.numbers) == 3]
    if len(rows) != PAIRS or not counts([row[0].value for row in rows]):
        return None
    # "(1,5, 0)" may be 1.5 with a decimal comma; a point in the second number says that it is not.
    if not all(row[1].pointed and row[0].unit == "" for row in rows):
        return None
    return [Pair(row[1].value, row[2].value, named=False) for row in rows]


def counts(column: list[float]) -> bool:
    """Whether a column only counts the six steps: 1 to 6, 0 to 5, or seconds in steps of a half."""
    steps = range(PAIRS)
    return any(
        column == [first + step * apart for step in steps] for first, apart in ((1, 1), (0, 1), (0.5, 0.5), (0, 0.5))
    )


def _by_name(node: _Open, roles: list[Role | None], values: list[Value], end: int, found: Structure) -> Value:
    """A speed and a curvature by name: one step, or six of each."""
    chosen: dict[Role, Value] = {}
    for role, value in zip(roles, values, strict=True):
        if role not in ("speed", "curvature"):
            continue
        if role in chosen and chosen[role] != value:
            return Row()  # the same name twice
        chosen[role] = value
    speed, curvature = chosen["speed"], chosen["curvature"]
    if isinstance(speed, Number) and isinstance(curvature, Number):
        if role_of_unit(speed.unit) == "curvature" or role_of_unit(curvature.unit) == "speed":
            found.reversed_units = True
            return Row()
        return Pair(speed.value, curvature.value, named=True)
    if isinstance(speed, Row) and isinstance(curvature, Row):
        ours, theirs = speed.numbers, curvature.numbers
        if len(ours) == len(theirs) == PAIRS:
            plan = [(v.value, c.value) for v, c in zip(ours, theirs, strict=True)]
            found.lists.append(Listed(plan, node.start, end, named=True))
    return Row()
