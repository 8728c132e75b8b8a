"""Which words a pattern can begin with, so that it is tried where such a word stands and nowhere else.

From a pattern a shorter one is made, over a single word, by cutting every way through it where it leaves its first word. What
the shorter one cannot see (what stands before the word and behind it) counts as possible: a word may be let through in vain,
and none is left out in error. Only what the rules are written in is understood: letters, classes, groups, alternatives,
repeats and looks to either side.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

#: A word as :func:`first_word` takes it: all its letters, and the apostrophe behind it if there is one.
WORD = r"\w+'?"


def alternatives(pattern: str) -> list[str]:
    """The ways of a pattern that are tried one after another: ``a|(?:b|c)`` has two."""
    ways, begun = [], 0
    for at, depth in _signs(pattern):
        if pattern[at] == "|" and depth == 0:
            ways.append(pattern[begun:at])
            begun = at + 1
    return [*ways, pattern[begun:]]


def first_word(pattern: str) -> re.Pattern[str]:
    """What the first word of a match looks like.

    Args:
        pattern: over lower-case text, that begins where a word begins.

    Returns:
        A pattern whose ``match`` finds something in a ``WORD`` if a match of ``pattern`` can begin with it.

    Raises:
        ValueError: if the pattern holds something that is not understood.
    """
    found = _Parser(pattern).whole()
    return re.compile(_either(found.within, found.beyond) or "(?!)")


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of a pattern, as far as a match is in its first word before it.

    Attributes:
        within: pattern of what keeps the match in the word; None where nothing does.
        beyond: pattern of what takes it out of the word, where anything may follow; None where nothing does.
    """

    within: str | None
    beyond: str | None = None


def _either(*ways: str | None) -> str | None:
    known = list(dict.fromkeys(way for way in ways if way is not None))
    return None if not known else known[0] if len(known) == 1 else f"(?:{'|'.join(known)})"


def _then(first: str | None, second: str | None) -> str | None:
    return None if first is None or second is None else first + second


_NOTHING = _Part("")
_REPEAT = re.compile(r"(?:\*|\+|\?|\{(\d*)(,?)(\d*)\})\??")
_GROUP = re.compile(r"\((?:\?(?::|=|!|<=|<!|P<\w+>)|(?!\?))")
_ESCAPED = re.compile(r"\\(?:u[0-9a-f]{4}|[bwWdDsS]|[^\w\s])")
_LETTER = re.compile(r"\w")


@dataclass
class _Parser:
    pattern: str
    at: int = 0

    def whole(self) -> _Part:
        found = self._ways()
        if self.at < len(self.pattern):
            raise self._strange()
        return found

    def _strange(self) -> ValueError:
        return ValueError(f"not understood at sign {self.at} of a pattern: {self.pattern[self.at : self.at + 20]}")

    def _ways(self) -> _Part:
        ways, within, beyond = list[_Part](), list[str | None](), list[str | None]()
        found = _NOTHING
        while self.at < len(self.pattern) and self.pattern[self.at] != ")":
            if self.pattern[self.at] == "|":
                self.at += 1
                ways.append(found)
                found = _NOTHING
                continue
            part = self._repeated(self._one())
            found = _Part(_then(found.within, part.within), _either(found.beyond, _then(found.within, part.beyond)))
        for way in (*ways, found):
            within.append(way.within)
            beyond.append(way.beyond)
        return _Part(_either(*within), _either(*beyond))

    def _repeated(self, part: _Part) -> _Part:
        match = _REPEAT.match(self.pattern, self.at)
        if match is None:
            return part
        self.at = match.end()
        optional = match.group()[0] in "*?" or (match.group()[0] == "{" and int(match[1] or 0) == 0)
        if part.within is None:
            return _Part("" if optional else None, part.beyond)
        beyond = None if part.beyond is None else f"(?:{part.within})*{part.beyond}"
        return _Part(f"(?:{part.within}){match.group()}", beyond)

    def _one(self) -> _Part:
        sign = self.pattern[self.at]
        if sign == "(":
            return self._group()
        if sign == "\\":
            return self._escape()
        if sign in "*+?{}]":
            raise self._strange()
        begun = self.at
        self.at = _class_end(self.pattern, begun) if sign == "[" else begun + 1
        if sign in "[.":
            return _Part(self.pattern[begun : self.at], r"(?:\Z|')")
        return _NOTHING if sign in "^$" else _sign(sign)

    def _escape(self) -> _Part:
        match = _ESCAPED.match(self.pattern, self.at)
        if match is None:
            raise self._strange()
        self.at = match.end()
        said = match.group()
        if said[1] in "bwd":
            return _Part(said)
        if said[1] in "WDsS":
            return _Part(said if said[1] in "DS" else None, r"(?:\Z|')")
        return _sign(chr(int(said[2:], 16)) if said[1] == "u" else said[1])

    def _group(self) -> _Part:
        match = _GROUP.match(self.pattern, self.at)
        if match is None:
            raise self._strange()
        self.at = match.end()
        inner = self._ways()
        if self.pattern[self.at : self.at + 1] != ")":
            raise self._strange()
        self.at += 1
        if match.group() == "(?=":
            ahead = _either(inner.within, inner.beyond)
            return _Part(None if ahead is None else f"(?={ahead})")
        return _NOTHING if match.group() in ("(?!", "(?<=", "(?<!") else inner


def _sign(sign: str) -> _Part:
    """One sign that stands for itself."""
    if _LETTER.match(sign):
        return _Part(sign)
    return _Part(None, "'" if sign == "'" else r"\Z")


def _signs(pattern: str) -> Iterator[tuple[int, int]]:
    """The places that are no part of an escape or a class, each with how many groups are open there."""
    at, depth = 0, 0
    while at < len(pattern):
        depth -= pattern[at] == ")"
        yield at, depth
        depth += pattern[at] == "("
        at = _class_end(pattern, at) if pattern[at] == "[" else at + 1 + (pattern[at] == "\\")


def _class_end(pattern: str, at: int) -> int:
    """One past a class that begins at a place."""
    at += 1 + (pattern[at + 1] == "^")
    at += pattern[at] == "]"
    while pattern[at] != "]":
        at += 1 + (pattern[at] == "\\")
    return at + 1
