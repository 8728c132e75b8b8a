"""What ``ast.literal_eval`` makes of a whole answer, if that is a list of six pairs of numbers. Nothing is evaluated.

The grammar here is the part of Python's that can end as such a list: one expression of brackets, commas, signed numbers,
comments and continued lines, with Python's rules for indentation. Reading it takes one pass without recursion, so that
neither the depth nor the length of an answer can end the program, and every Python version reads the same.

Differences from ``literal_eval``, all on purpose: ``True`` and ``False`` are no numbers, and an answer beyond
``MAX_ANSWER_CHARACTERS`` is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from lightemma.parsing.kinds import MAX_ANSWER_CHARACTERS, PAIRS, Pairs

_SPACE = r"[ \t\r\n\f]*+"
_DIGITS = r"[0-9](?:_?[0-9])*+"
_EXPONENT = rf"[eE][-+]?{_DIGITS}"
_FLOAT = rf"(?:{_DIGITS}\.(?:{_DIGITS})?|\.{_DIGITS})(?:{_EXPONENT})?|{_DIGITS}{_EXPONENT}"
_INTEGER = r"0(?:_?0)*+|[1-9](?:_?[0-9])*+"
_BASED = r"0[xX](?:_?[0-9a-fA-F])++|0[oO](?:_?[0-7])++|0[bB](?:_?[01])++"
# The plain case, in one match: no comments, no extra brackets, nothing but spaces before the list.
_LITERAL = rf"[-+]?{_SPACE}(?:{_FLOAT}|{_INTEGER})(?![\w.])"
_PAIR = rf"\({_SPACE}({_LITERAL}){_SPACE},{_SPACE}({_LITERAL}){_SPACE},?{_SPACE}\)"
_PLAIN_RE = re.compile(
    rf"[ \t]*+\[{_SPACE}{_PAIR}"
    + rf"{_SPACE},{_SPACE}{_PAIR}" * (PAIRS - 1)
    + rf"{_SPACE},?{_SPACE}\][ \t\f]*+[\r\n]*+"
)
_TOKEN_RE = re.compile(
    rf"(?P<skip>[ \t\f]+)|(?P<line>\n)|(?P<comment>\#[^\n]*+)|(?P<join>\\\n)|(?P<open>[(\[])|(?P<close>[)\]])"
    rf"|(?P<comma>,)|(?P<sign>[-+])|(?P<based>(?:{_BASED})(?![\w.]))|(?P<float>(?:{_FLOAT})(?![\w.]))"
    rf"|(?P<integer>(?:{_INTEGER})(?![\w.]))"
)
_UNREADABLE_RE = re.compile("[\x00\ud800-\udfff]")
_SHUT = {"(": ")", "[": "]"}

#: Python's own limits: brackets inside each other, and digits of a decimal integer.
MAX_DEPTH = 200
MAX_INTEGER_DIGITS = 4300


def read_strict(text: str) -> Pairs | None:
    """Six literal pairs and nothing else, or None."""
    if len(text) > MAX_ANSWER_CHARACTERS:
        return None
    plain = _PLAIN_RE.fullmatch(text)
    if plain:
        numbers = [_decimal(number) for number in plain.groups()]
        if None not in numbers:
            return list(zip(numbers[0::2], numbers[1::2], strict=True))  # type: ignore[arg-type]
        return None
    # A literal list has these near its beginning; nearly all other answers end here.
    if "[" not in text or _UNREADABLE_RE.search(text):
        return None
    return _six_pairs(_Expression(text.lstrip(" \t").replace("\r\n", "\n").replace("\r", "\n")).value())


@dataclass(slots=True)
class _Open:
    """A bracket that is not closed yet."""

    bracket: str
    items: list[_Value] = field(default_factory=list)
    commas: int = 0
    value: _Value | None = None  # the item before the next comma
    signed: int = 0  # signs before the item to come: -1, +1, or 0 for none


@dataclass(frozen=True, slots=True)
class _Number:
    value: float
    signed: bool = False  # a second sign would be no literal


_Value = _Number | tuple["_Value", ...] | list["_Value"]


class _Expression:
    """Reads the only expression of a text, token by token; each method is the turn of one kind of token.

    A method returns False where the text cannot be a list of six pairs any more.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.place = 0
        self.stack = [_Open("")]
        self.ended = False  # the expression's line is over

    def value(self) -> _Value | None:
        """The value, or None if there is none."""
        first = _first_column(self.text, 0)
        if first is None:
            return None
        self.place = first
        while self.place < len(self.text):
            token = _TOKEN_RE.match(self.text, self.place)
            if token is None:
                return None
            self.place = token.end()
            if not self._take(token.lastgroup or "", token.group()):
                return None
        outermost = self.stack[0]
        return outermost.value if len(self.stack) == 1 and not outermost.signed else None

    def _take(self, kind: str, token: str) -> bool:
        if kind in ("skip", "comment"):
            return True
        if kind == "join":
            return self.place < len(self.text)  # a backslash may not continue into nothing
        if kind == "line":
            return self._line()
        if self.ended:
            return False
        if kind == "based":
            return _put(self.stack[-1], _Number(_based(token)))
        if kind in ("float", "integer"):
            number = _decimal(token)
            return number is not None and _put(self.stack[-1], _Number(number))
        turn: Callable[[str], bool] = getattr(self, f"_{kind}")
        return turn(token)

    def _line(self) -> bool:
        if len(self.stack) > 1:
            return True
        top = self.stack[0]
        self.ended = self.ended or top.value is not None or top.signed != 0
        column = _first_column(self.text, self.place)
        self.place = self.place if column is None else column
        return column is not None

    def _open(self, bracket: str) -> bool:
        if self.stack[-1].value is not None or len(self.stack) > MAX_DEPTH:
            return False
        self.stack.append(_Open(bracket))
        return True

    def _close(self, bracket: str) -> bool:
        top = self.stack[-1]
        if len(self.stack) == 1 or bracket != _SHUT[top.bracket] or top.signed:
            return False
        self.stack.pop()
        value = _closed(top)
        return value is not None and _put(self.stack[-1], value)

    def _comma(self, _: str) -> bool:
        top = self.stack[-1]
        if top.value is None or len(self.stack) == 1:
            return False
        top.items.append(top.value)
        top.value, top.commas = None, top.commas + 1
        return top.commas <= 2 * PAIRS  # else too many of anything

    def _sign(self, sign: str) -> bool:
        top = self.stack[-1]
        if top.value is not None or top.signed:
            return False
        top.signed = -1 if sign == "-" else 1
        return True


def _first_column(text: str, place: int) -> int | None:
    """The first token after a line break outside brackets, or None if it is indented. Blank lines are no lines."""
    while True:
        indent, joined = 0, 0
        while place < len(text) and text[place] in " \t\f\\":
            if text[place] == "\\":
                joined = joined or indent  # the first part of a continued line says how far it is indented
                if not text.startswith("\\\n", place) or place + 2 >= len(text):
                    return None
                place += 1
            elif text[place] == "\f":
                indent = 0
            else:
                indent += 1
            place += 1
        if place < len(text) and text[place] == "#":
            end = text.find("\n", place)
            place = len(text) if end < 0 else end
            if end < 0:
                return place
        if place < len(text) and text[place] == "\n":
            place += 1
            continue
        return None if (joined or indent) else place


def _put(top: _Open, value: _Value) -> bool:
    """Makes a value the item of its bracket; False where a sign forbids it."""
    if top.value is not None:
        return False
    if top.signed:
        if not isinstance(value, _Number) or value.signed:
            return False
        value = _Number(top.signed * value.value, signed=True)
        top.signed = 0
    top.value = value
    return True


def _closed(bracket: _Open) -> _Value | None:
    if bracket.value is not None:
        bracket.items.append(bracket.value)
    if bracket.bracket == "[":
        return bracket.items
    if not bracket.commas:
        return bracket.items[0] if bracket.items else None  # round brackets around one value say nothing
    return tuple(bracket.items)


def _six_pairs(value: _Value | None) -> Pairs | None:
    if not isinstance(value, list) or len(value) != PAIRS:
        return None
    pairs: Pairs = []
    for pair in value:
        if not (isinstance(pair, tuple) and len(pair) == 2):
            return None
        speed, curvature = pair
        if not (isinstance(speed, _Number) and isinstance(curvature, _Number)):
            return None
        pairs.append((speed.value, curvature.value))
    return pairs


def _decimal(text: str) -> float | None:
    if len(text) > MAX_INTEGER_DIGITS:
        digits = re.sub(r"[^0-9]", "", text)
        if len(digits) > MAX_INTEGER_DIGITS and not re.search(r"[.eE]", text):
            return None
    try:
        return float(text)
    except ValueError:
        return float(re.sub(r"\s", "", text))  # a sign apart from its number


def _based(text: str) -> float:
    try:
        return float(int(text, 0))
    except OverflowError:
        return float("inf")
