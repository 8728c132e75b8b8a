"""Trying a pattern where its first word stands finds what one search over the whole text finds."""

from __future__ import annotations

import random
import re

import pytest

from lightemma.evaluation.reasoning import claims, lateral, longitudinal, stated_speed
from lightemma.evaluation.reasoning.cue_words import BEGINS, CUES, SIGNS
from lightemma.evaluation.reasoning.cues import plain
from lightemma.evaluation.reasoning.first_words import alternatives, first_word
from lightemma.evaluation.reasoning.scan import Scanner, matches

KINDS = [
    CUES,
    longitudinal.PATTERNS,
    longitudinal.STANDS,
    lateral.PATTERNS,
    stated_speed.PATTERNS,
    *(kind for kind in claims.KINDS if kind),
]
WORDS = sorted({word for kind in KINDS for pattern in kind.values() for word in re.findall(r"[a-z]{2,}", pattern)})
#: What stands between words, and words that are hard to cut.
BETWEEN = [" "] * 20 + [", ", ". ", "-", "'", "\n\n", "/", "", "; ", "(", ") ", "\u2014", ": ", "..."]
ODD = ["0.0", "3.5 m/s", "m/s^2", "5", "'s", "n't", "isn't", "\u0130", "e\u0301", "\u4e2d", "a_b", "\u00bd", "x" * 50]


def searched(text: str, kind: dict[str, str]) -> list[tuple[int, int, str]]:
    """One search by one pattern of all names, each of which begins where a word begins."""
    ways = [f"(?P<{name.replace('-', '_')}>{way})" for name, way in kind.items()]
    whole = re.compile(rf"\b(?=\w)(?:{'|'.join(ways)})")
    names = {name.replace("-", "_"): name for name in kind}
    return [
        (
            match.start(),
            match.end(),
            next(names[group] for group in match.groupdict() if group in names and match[group]),
        )
        for match in whole.finditer(text)
    ]


def texts(count: int) -> list[str]:
    draw = random.Random(4)
    made = [
        plain("".join(draw.choice(WORDS + 2 * ODD) + draw.choice(BETWEEN) for _ in range(draw.choice((4, 12, 40)))))
        for _ in range(count)
    ]
    return [*made, "", " ", "no " * 500, "a" * 3000, "vehicle" * 300, "keep a " * 300, "'" * 300, "0." * 300]


def test_a_scan_finds_what_a_search_finds():
    scanner = Scanner(KINDS)
    found = 0
    for text in texts(150):
        for kind, starts in zip(KINDS, scanner.starts(text), strict=True):
            seen = [(match.start(), match.end(), name) for match, name in matches(text, starts)]
            assert seen == searched(text, dict(kind)), text
            found += len(seen)
    assert found > 500


def test_signs_are_found_among_words():
    scanner = Scanner([CUES], [SIGNS], BEGINS)
    text = "keep its speed, the road is clear. next: stop (2.5 m/s)\n\n; so"
    (starts,) = scanner.starts(text)
    signs = [match.group() for match, name in matches(text, starts) if name in SIGNS]
    assert signs == [", ", ".", ":", "(", ")", "\n\n", ";"]


def test_a_scan_remembers_only_so_many_words(monkeypatch):
    from lightemma.evaluation.reasoning import scan

    monkeypatch.setattr(scan, "_REMEMBERED", 3)
    scanner = Scanner([{"stop": r"\bstop\w*"}])
    starts = scanner.starts("one two three four stop five stopping")[0]
    assert [at for at, _ in starts] == [19, 29]
    assert len(scanner._known) == 3


@pytest.mark.parametrize(
    ("pattern", "begins", "begins_not"),
    [
        (r"\b(?:slow(?: down)?s?|brak\w+)\b", ["slow", "slows", "braking"], ["slowly", "brak", "a"]),
        (r"\b\w+'s\b", ["car'"], ["car", "s"]),
        (r"\b(?:[\w-]+ ){0,2}?left", ["left", "leftward", "to"], []),
        (r"(?<=\s)given (?!the)that", ["given"], ["give", "givens", "that"]),
        (r"\bso\b(?= (?:the|it)\b)", ["so"], ["some"]),
        (r"\bcon(?=t)\w{2,3}\b", ["conte", "contex"], ["cont", "contextx", "cons"]),
        (r"(?<!-)\d+(?:\.\d+)? ?m/s", ["3", "35"], ["m", "a3"]),
        (r"\bpassers-by", ["passers"], ["passer", "by"]),
        (r"\u00e9t\u00e9|a|[^a-c]x", ["\u00e9t\u00e9", "ab", "zx"], ["by", "cx", "z"]),
    ],
)
def test_the_first_word_of_a_match(pattern, begins, begins_not):
    first = first_word(pattern)
    assert [word for word in begins if not first.match(word)] == []
    assert [word for word in begins_not if first.match(word)] == []


def test_alternatives_are_cut_outside_groups_and_classes():
    assert alternatives(r"a|(?:b|c)d|[|)]e|\|f|\(|g") == ["a", "(?:b|c)d", "[|)]e", r"\|f", r"\(", "g"]


@pytest.mark.parametrize("pattern", [r"(?i)a", "a)", "(a", r"\Aa", r"(a)\1", "*a", r"(?P=x)"])
def test_what_is_not_understood_is_said(pattern):
    with pytest.raises(ValueError, match="not understood"):
        first_word(pattern)
