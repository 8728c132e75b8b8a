"""First-numbers is the published evaluation's rescue, number for number."""

from __future__ import annotations

import pytest

from tests.parsing.plans import LIST, PLAN, read


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        (LIST, PLAN),
        (f"In 3 s: {LIST}", [(3.0, 3.5), (0.002, 3.8)]),
        ("(1 2) " * 6, [(1.0, 2.0)] * 2),
        ("-1, 2e5 " * 6, [(-1.0, 2.0), (5.0, -1.0)]),
        ("+1 2 " * 6, [(1.0, 2.0)] * 2),
        ("1.5.2 7 8 " * 6, [(7.0, 8.0)] * 2),
        ("7769-0001 7 8 " * 6, [(7.0, 8.0)] * 2),
        (".5 5. - . 7 8 " * 6, [(7.0, 8.0)] * 2),
        ("4\u00b2 7 8 " * 6, [(7.0, 8.0)] * 2),
        ("--4 7 8 " * 6, [(7.0, 8.0)] * 2),
        ("\u0664 8 " * 6, [(4.0, 8.0)] * 2),
        ("x7y8 " * 6, [(7.0, 8.0)] * 2),
    ],
)
def test_the_first_twelve_plain_numbers_are_taken(text, pairs):
    read_pairs = read(text, "first-numbers")
    assert read_pairs[: len(pairs)] == pairs
    assert read(text, "first-numbers", "json") == read_pairs


@pytest.mark.parametrize("text", ["", "no number", "1 " * 11, "(3.7640.002)" * 12, "(7769-0001)" * 12, "1.. " * 20])
def test_fewer_plain_numbers_are_refused(text):
    assert read(text, "first-numbers") == ("format:wrong_count" if text else "format:empty")
