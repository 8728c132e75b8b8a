"""Strict is Python's own literal reader: whatever it takes or refuses, on every Python version alike."""

from __future__ import annotations

import pytest

from lightemma.parsing import parse_answer
from tests.parsing.plans import LIST, PLAN, read


def with_first(number: str) -> str:
    return LIST.replace("3.5", number, 1)


@pytest.mark.parametrize(
    "text",
    [
        f"  \t{LIST}",
        f"\n{LIST}",
        f"\r\n\r{LIST}\r\n",
        f"\f{LIST}",
        f"\n \f{LIST}",
        f"# a plan\n\n  # of six pairs\n{LIST}",
        f"{LIST}  # done (in 3 s)",
        f"{LIST}\n  # done",
        f"{LIST}\n\n\n",
        f"\\\n{LIST}",
        f"{LIST}\\\n ",
        f"({LIST})",
        "(" * 198 + LIST + ")" * 198,
        LIST.replace("(3.8, 0.002)", "((3.8, 0.002))"),
        LIST.replace("3.8", "(3.8)"),
        LIST.replace("), (", "),\n # next\n ("),
        LIST.replace(", ", "\\\n,"),
        LIST[:-1] + ",]",
        LIST.replace(")", ",)"),
    ],
)
def test_comments_brackets_and_continued_lines_are_read(text):
    assert read(text, "strict") == PLAN


@pytest.mark.parametrize(
    ("number", "value"),
    [
        ("0x1F", 31.0),
        ("0X_1", 1.0),
        ("0b101", 5.0),
        ("0o17", 15.0),
        ("1_0", 10.0),
        ("1_0.5_0e0_1", 105.0),
        ("00_0", 0.0),
        ("09.5", 9.5),
        ("+4.5", 4.5),
        ("- 4.5", -4.5),
        ("-\n4.5", -4.5),
        ("-(4.5)", -4.5),
        ("((4.5))", 4.5),
        ("4.", 4.0),
        (".5", 0.5),
        ("45e-1", 4.5),
        ("4.5E+0", 4.5),
    ],
)
def test_every_number_a_literal_can_be_is_read(number, value):
    assert read(with_first(number), "strict") == [(value, 0.002), *PLAN[1:]]


@pytest.mark.parametrize(
    "number",
    [
        "True", "None", "4.5j", "1+2j", "1__0", "1_", "_1", "1._5", "1e_5", "0x", "0xg", "0b2", "0o8", "007", "0_7", "4L",
        "'4.5'",
        "--4.5", "-(-4.5)", "4.5 .5", "1.5.5", "4.5+0", "4.5*2", "1if 1else 2", "abs(4)", "[4.5]", "", "(4.5,)", "*(4,)",
        "\u0664",
        "4\u00b2", "\uff14", "\u22124.5", "9" * 4301,
    ],
)  # fmt: skip
def test_whatever_is_no_number_or_has_to_be_computed_is_refused(number):
    assert parse_answer(with_first(number)).actions is None


@pytest.mark.parametrize(
    "text",
    [
        f"\n {LIST}",
        f"\n\t{LIST}",
        f"# a plan\n {LIST}",
        f"\f {LIST}",
        f"\\\n {LIST}",
        f"{LIST}\n   ",
        f"{LIST}\n # done\n ",
        f"{LIST}\\\n",
        f"{LIST}\\ \n",
        f"\u00a0{LIST}",
        f"\ufeff{LIST}",
        f"\v{LIST}",
        f"{LIST};",
        f"{LIST},",
        f"({LIST},)",
        f"{LIST} # \x00",
        f"{LIST} # \ud800",
        f"[*{LIST}]",
        f"{LIST}[0]",
        f"[{LIST}]",
        LIST.replace("(", "[").replace(")", "]"),
        "(" * 199 + LIST + ")" * 199,
    ],
)
def test_indentation_and_whatever_is_more_than_the_list_are_refused(text):
    assert parse_answer(text).actions is None


def test_an_indented_list_is_named_for_what_is_around_it():
    assert read(f"\n {LIST}", "strict") == "format:prose"
    assert read(f"\n {LIST}") == PLAN


@pytest.mark.parametrize(
    "text",
    [
        "[" * 1_000_000,
        "[(" * 500_000,
        "(" * 500_000 + ")" * 500_000,
        "-" * 999_999 + "1",
        "[(" + "9" * 999_990 + ", 0)]",
        "[(0x" + "f" * 999_980 + ", 0)" + ", (1, 0)" * 5 + "]",
        "[" + "(1, 0), " * 125_000,
        " " * 1_000_000,
        "\n" * 999_000 + "x",
        "#" * 1_000_000,
        "\\\n" * 500_000,
    ],
    ids=lambda text: f"{text[:8]!r}...",
)
def test_depth_and_length_end_nothing(text):
    assert parse_answer(text).outcome.startswith("format:")
