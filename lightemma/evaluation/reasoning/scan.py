"""One pass over the words of a text, which tells all kinds of patterns where they can begin.

Most words begin nothing that a rule looks for. Which patterns a word can begin is found out once per word
(:mod:`~lightemma.evaluation.reasoning.first_words`) and remembered; a pattern is then tried at these places alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from lightemma.evaluation.reasoning.first_words import WORD, alternatives, first_word

#: Name of what is found, and what tries it at a place of a text.
_Way = tuple[str, Callable[[str, int], re.Match[str] | None]]
#: Where something can begin, and what.
Start = tuple[int, Sequence[_Way]]

#: Words that are remembered; the published answers of nine models have 8,200.
_REMEMBERED = 50_000
#: And no longer ones: what has more letters comes once.
_LONGEST_WORD = 40


class Scanner:
    """Where the patterns of several kinds can begin.

    Args:
        kinds: for each kind of thing name -> pattern, tried in this order at every place. Patterns are over lower-case text and
            begin where a word begins.
        signs: for each kind the same for what begins with a sign of ``begins``.
        begins: signs, as inside a class.
    """

    def __init__(
        self,
        kinds: Sequence[Mapping[str, str]],
        signs: Sequence[Mapping[str, str]] = (),
        begins: str = "",
    ) -> None:
        self._kinds, self._signs = kinds, signs
        self._tokens = re.compile(rf"{WORD}|[{begins}]" if begins else WORD)
        self._known: dict[str, tuple[tuple[int, tuple[_Way, ...]], ...]] = {}
        self._ways: list[tuple[int, str, re.Pattern[str], str]] = []
        self._compiled: dict[str, re.Pattern[str]] = {}

    def starts(self, text: str) -> list[list[Start]]:
        """Kind by kind the places of a lower-case text where something of it can begin, in order."""
        found: list[list[Start]] = [[] for _ in self._kinds]
        known = self._known
        for token in self._tokens.finditer(text):
            word = token.group()
            what = known.get(word)
            if what is None:
                what = self._learn(word)
            for kind, ways in what:
                found[kind].append((token.start(), ways))
        return found

    def _learn(self, word: str) -> tuple[tuple[int, tuple[_Way, ...]], ...]:
        if not self._ways:
            self._ways = [
                (kind, name, first_word(way), way)
                for kind, patterns in enumerate(self._kinds)
                for name, pattern in patterns.items()
                for way in alternatives(pattern)
            ]
        by_kind: dict[int, list[_Way]] = {}
        if word[0].isalnum() or word[0] == "_":
            for kind, name, first, way in self._ways:
                if first.match(word):
                    by_kind.setdefault(kind, []).append((name, self._compile(way).match))
        else:
            for kind, patterns in enumerate(self._signs):
                by_kind[kind] = [(name, self._compile(pattern).match) for name, pattern in patterns.items()]
        found = tuple((kind, tuple(ways)) for kind, ways in by_kind.items() if ways)
        if len(self._known) < _REMEMBERED and len(word) <= _LONGEST_WORD:
            self._known[word] = found
        return found

    def _compile(self, way: str) -> re.Pattern[str]:
        if way not in self._compiled:
            self._compiled[way] = re.compile(way)
        return self._compiled[way]


def matches(text: str, starts: Sequence[Start]) -> Iterator[tuple[re.Match[str], str]]:
    """What is found in a text, as one pattern of all would find it: none begins inside the one before."""
    free = 0
    for at, ways in starts:
        if at < free:
            continue
        for name, tried in ways:
            match = tried(text, at)
            if match is not None:
                yield match, name
                free = match.end()
                break
