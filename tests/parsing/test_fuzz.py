"""Whatever a model writes: the parser answers, answers in its own words, and never picks between two readings."""

from __future__ import annotations

import ast
import re
import signal
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from lightemma.parsing import KINDS, TIERS, parse_answer
from lightemma.run_folder.records import OK

examples = settings(max_examples=300, deadline=None, derandomize=True)
many_examples = settings(max_examples=500, deadline=None, derandomize=True)

OUTCOMES = {OK, *(f"format:{kind}" for kind in KINDS)}

# --- any text at all --------------------------------------------------------------------------------------------------

#: Fragments of real answers, so that random texts reach the parser's inner branches.
fragments = st.sampled_from(
    [
        "[(", "(", ")", "[", "]", "{", "}", ", ", ",", ";", " ", "\n", "```", "```json\n", "-", "\u2212", "+", "*", ".", "e5",
        '{"actions": [', '{"speed": 4.5, "curvature": 0.01}', '"speed": ', '"curvature": ', "NaN", "1e999", "null", "Speed: ",
        "4.5", "0.001", "-0.0", "(4.5, 0.0)", "(4.5, 0.0), " * 5, "00", "7769-0001", "3.7640.002", "\u0663\u00b2",
    ]
)  # fmt: skip
texts = st.one_of(st.text(max_size=200), st.lists(fragments, max_size=40).map("".join))


@examples
@given(texts, st.sampled_from(TIERS), st.sampled_from(["list", "json"]), st.booleans())
@example("", "strict", "list", False)
@example("[" * 15_000, "tolerant", "json", False)
@example('{"actions":' * 2_000, "strict", "json", False)
@example("1" * 19_000, "first-numbers", "list", False)
@example("[(" + "9" * 5_000 + ", 0)]", "tolerant", "list", False)
@example("\ud800[(\x00, 1)]", "tolerant", "list", True)
@example("\u0663\u0664 \u00b2", "first-numbers", "list", False)
def test_every_text_has_an_outcome(text, tier, answer_format, cut):
    parsed = parse_answer(text, tier, answer_format, cut=cut)
    assert parsed.outcome in OUTCOMES
    assert (parsed.outcome == OK) == (parsed.actions is not None)
    if parsed.actions is not None:
        assert parsed.actions.shape == (6, 2)
        assert np.isfinite(parsed.actions).all()
        assert not (parsed.implausible and tier == "tolerant")
    if not text.strip():
        assert parsed.outcome == "format:empty"


@examples
@given(texts, st.sampled_from(["list", "json"]))
def test_tolerant_keeps_every_plausible_strict_reading(text, answer_format):
    strict = parse_answer(text, "strict", answer_format)
    tolerant = parse_answer(text, "tolerant", answer_format)
    if strict.actions is None or strict.implausible:
        assert strict.outcome != OK or tolerant.outcome == "format:implausible"
    else:
        np.testing.assert_array_equal(tolerant.actions, strict.actions)


@pytest.mark.parametrize(
    "text",
    [
        "```" + "\n" * 19_000 + "x",
        "```" + " " * 19_000,
        "```" + "a" * 19_000,
        "[(" + " " * 19_000 + "x",
        "[(1.0" + " " * 19_000 + "x",
        "[(1.0, 1.0)" + " " * 19_000 + "x",
        "[(1.0, 1.0)" + "\t," * 9_500,
        "[" + "1" * 19_000,
        "[(" + "1_" * 9_500,
        "1." * 9_500,
        "(" * 19_000 + "1",
        "[(1" + " +" * 9_500 + "x)]",
        "{" * 9_000 + "}" * 9_000,
        "[" + "\\'" * 50_000 + "'",
        '{"' + '\\"' * 50_000,
        "a 1 b 2 " * 12_000,
        "| 1 | 2 |\n" * 10_000,
        "(a, b) " * 15_000,
        "-" * 100_000,
        "speed " * 15_000 + "1, 2, 3, 4, 5",
        "1 x 10" * 15_000,
    ],
    ids=lambda text: f"{text[:6]!r}...",
)
@pytest.mark.parametrize("answer_format", ["list", "json"])
def test_degenerate_answers_take_no_time(text, answer_format):
    # Models do fall into loops of white space; a regular expression that tries every split would take hours.
    with at_most_seconds(20):
        for tier in ("strict", "tolerant"):
            assert parse_answer(text, tier, answer_format).outcome != OK


@contextmanager
def at_most_seconds(seconds: float) -> Iterator[None]:
    """Fails after so much computing; time on a busy machine does not count."""

    def too_long(*_: object) -> None:
        raise AssertionError("still reading")

    before = signal.signal(signal.SIGVTALRM, too_long)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


# --- strict: what Python's own literal reader takes ---------------------------------------------------------------------


def literal_pairs(text: str) -> list[tuple[float, float]] | None:
    """A literal list of exactly six 2-tuples of finite int or float, by Python's own parser."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "invalid decimal literal" and the like, on their way to being errors
            value = ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None
    if type(value) is not list or len(value) != 6:
        return None
    if not all(type(pair) is tuple and len(pair) == 2 for pair in value):
        return None
    # bool is an int to isinstance, and True is no speed.
    if not all(type(number) in (int, float) and abs(number) <= 1e100 for pair in value for number in pair):
        return None
    return [(float(a), float(b)) for a, b in value]


spaces = st.sampled_from(["", "", "", " ", "  ", "\n", "\t", "\r\n", "\f"])
literal_numbers = st.one_of(
    st.floats(-100, 100).map(repr),
    st.floats(-100, 100).map("{:.3f}".format),
    st.integers(-100, 100).map(str),
    st.sampled_from(["1_000", "0_0", "00", "007", "00.5", "01e1", "1.", ".5", "+.5e-1", "1e1_0", "- 5", "--5", "+-5"]),
    st.sampled_from(
        ["True", "None", "1j", "1+1j", "0x1f", "0b1", "1e999", "-1e400", "nan", "1__0", "1_", "_1", "1L", "'1'"]
    ),
    st.sampled_from(["9" * 90, "9" * 120, "1.5.2", "\u0663", "\u0663.5", "5\u00b2", "\uff15", "\u22125"]),
)
common_numbers = st.one_of(st.floats(-100, 100).map(repr), st.integers(-100, 100).map(str))


@st.composite
def literal_lists(draw) -> str:
    number = draw(st.sampled_from([common_numbers, literal_numbers]))
    sizes = draw(st.sampled_from([[2] * 6] * 6 + [[2] * 5, [2] * 7, [2, 2, 2, 3, 2, 2], [2, 2, 1, 2, 2, 2]]))
    brackets = draw(st.sampled_from(["()"] * 9 + ["[]"]))
    pairs = []
    for size in sizes:
        inside = ",".join(draw(spaces) + draw(number) + draw(spaces) for _ in range(size))
        pairs.append(brackets[0] + inside + draw(st.sampled_from(["", "", "", ","])) + brackets[1])
    body = ("," + draw(spaces)).join(pairs) + draw(st.sampled_from(["", "", ",", " , "]))
    return draw(spaces) + "[" + draw(spaces) + body + "]" + draw(spaces)


mutations = st.lists(
    st.tuples(
        st.sampled_from(["delete", "insert", "replace"]),
        st.floats(0, 1, exclude_max=True),
        st.one_of(
            st.sampled_from(list("0123456789.,()[]-+_eEjx#\\ \t\n\r\f\v'\"{}:*")),
            st.sampled_from(["\u00a0", "\u2212", "\u0663", "\x00", "\x1c", "\u3000", "\ufeff"]),
        ),
    ),
    max_size=3,
)


def mutated(text: str, changes: list[tuple[str, float, str]]) -> str:
    for kind, where, character in changes:
        at = int(where * (len(text) + (kind == "insert")))
        text = text[:at] + ("" if kind == "delete" else character) + text[at + (kind != "insert") :]
    return text


@many_examples
@given(literal_lists(), mutations)
@example("[(1, 0), (1, 0), (1, 0), (1, 0), (1, 0), (\u0661, 0)]", [])
@example("[(1, 0), (1, 0), (1, 0), (1, 0), (1, 0), (1,\u00a00)]", [])
@example("[(1, 0), (1, 0), (1, 0), (1, 0), (1, 0), (1, True)]", [])
@example("[(1, 0), (1, 0), (1, 0), (1, 0), (1, 0), (1, 0_0e1_0)]", [])
def test_strict_takes_what_a_literal_list_of_six_pairs_is(text, changes):
    text = mutated(text, changes)
    expected = literal_pairs(text)
    parsed = parse_answer(text)
    assert (None if parsed.actions is None else [tuple(pair) for pair in parsed.actions.tolist()]) == expected


# --- tolerant: one reading or none --------------------------------------------------------------------------------------


def formats_of(thousandths: int) -> list[str]:
    value = thousandths / 1000
    short = f"{value:g}"
    return [f"{value:.3f}", short, f"{value:+.3f}", short.replace("0.", ".", 1) if "." in short else short]


speeds = st.builds(lambda n, way: formats_of(n)[way], st.integers(0, 60_000), st.integers(0, 3))
curvatures = st.builds(lambda n, way: formats_of(n)[way], st.integers(-1000, 1000), st.integers(0, 3))
plans = st.lists(st.tuples(speeds, curvatures), min_size=6, max_size=6)


@dataclass(frozen=True)
class Style:
    """How a list is written."""

    outer: str
    inner: str
    within: str
    between: str
    minus: str
    around: tuple[str, str]


PLAIN = Style("[]", "()", ", ", ", ", "-", ("", ""))
FENCED_NUMBERS = Style("  ", "  ", ", ", ", ", "-", ("```", "```"))
styles = st.builds(
    Style,
    outer=st.sampled_from(["[]", "[]", "()", "[ ", "  "]),
    inner=st.sampled_from(["()", "()", "[]", "  "]),
    within=st.sampled_from([", ", ",", " ", " , ", "\t"]),
    between=st.sampled_from([", ", ",", " ", "\n", ",\n", "; ", ""]),
    minus=st.sampled_from(["-", "-", "\u2212"]),
    around=st.sampled_from(
        [
            ("", ""),
            ("", ""),
            ("```\n", "\n```"),
            ("```python\n", "\n```"),
            ("```", "```"),
            ("```json", "```"),
            ("Here is the plan: ", ""),
            ("The actions are\n", "\nDrive safely."),
            ("", " (as asked)"),
        ]
    ),
)


def pieces_of(pairs: list[tuple[str, str]], style: Style) -> list[str]:
    """The list as pieces, numbers at odd places and what is between them at even ones."""
    pieces = [style.outer[0].strip() + style.inner[0].strip()]
    for number, (speed, curvature) in enumerate(pairs):
        joint = style.inner[1].strip() + style.between + style.inner[0].strip()
        last = number == len(pairs) - 1
        pieces += [speed, style.within, curvature, style.inner[1].strip() + style.outer[1].strip() if last else joint]
    return pieces


def written(pieces: list[str], style: Style) -> str:
    return style.around[0] + "".join(pieces).replace("-", style.minus) + style.around[1]


damages = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "join",
                "joint",
                "sign",
                "point",
                "arithmetic",
                "drop number",
                "unit",
                "split",
                "number",
                "cut",
                "character",
            ]
        ),
        st.floats(0, 1, exclude_max=True),
        st.sampled_from(
            [*list(" ,;()[]\n-+*/.e0159m"), " - ", " + ", "-0.5", "+0.1", "*2", " m/s", ", 0.1", "0.5 ", ""]
        ),
    ),
    max_size=4,
)


def damage(pieces: list[str], kind: str, where: float, what: str) -> list[str]:
    pieces = list(pieces)
    odd = 2 * int(where * (len(pieces) // 2)) + 1
    if kind in {"join", "joint", "sign"}:
        pieces[odd + 1] = {"join": "", "joint": what, "sign": "-"}[kind]
    elif kind == "point":
        pieces[odd] = pieces[odd].replace(".", "", 1)
    elif kind in {"arithmetic", "unit"}:
        pieces[odd] += what
    elif kind == "drop number":
        pieces[odd] = ""
    elif kind == "split":
        pieces[odd] = pieces[odd].replace(".", what + ".", 1)
    elif kind == "number":
        pieces[odd] = what
    elif kind == "cut":
        pieces[odd + 1 :] = [""]
    elif kind == "character":
        whole = pieces[odd + 1]
        pieces[odd + 1] = whole[: int(where * len(whole))] + what + whole[int(where * len(whole)) + 1 :]
    return pieces


NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")


def well_separated_pairs(text: str) -> list[list[tuple[float, float]]]:
    """Every way to read six pairs from a text whose numbers all stand apart: none, one or two ways.

    Between brackets there may be numbers, white space, commas and semicolons, else there is no reading; before the first
    and behind the last number's brackets anything may stand. Six groups of two read one way; one group of twelve reads
    as pairs in turn, or as six speeds and then six curvatures.
    """
    text = text.replace("\u2212", "-")
    groups = re.split(r"[\[\]()]", text)
    with_digits = [place for place, group in enumerate(groups) if re.search(r"\d", group)]
    if not with_digits:
        return []
    rows = []
    for group in groups[with_digits[0] : with_digits[-1] + 1]:
        tokens = re.split(r"[\s,;]+", group.strip(" \t\r\n,;"))
        if tokens == [""]:
            continue
        if not all(NUMBER.fullmatch(token) and not re.match(r"[-+]?0[0-9]", token) for token in tokens):
            return []
        rows.append([float(token) for token in tokens])
    if [len(row) for row in rows] == [2] * 6:
        return [[(row[0], row[1]) for row in rows]]
    if [len(row) for row in rows] != [12]:
        return []
    lines = [line for line in re.split(r"[\n;]", "".join(groups).strip()) if line.strip(" ,")]
    in_turn = list(zip(rows[0][::2], rows[0][1::2], strict=True))
    if "".join(groups) == text and [len(re.findall(NUMBER, line)) for line in lines] == [2] * 6:
        return [in_turn]  # one pair per line
    ways = [in_turn, list(zip(rows[0][:6], rows[0][6:], strict=True))]
    ways = [way for way in ways if all(-1 <= v <= 60 and abs(c) <= 1 for v, c in way)]
    return ways[:1] if len(ways) == 2 and ways[0] == ways[1] else ways


def without_words(text: str, style: Style) -> str:
    """The list alone, less units that agree and the stop at the end of a sentence."""
    text = text.removeprefix(style.around[0]).removesuffix(style.around[1])
    return re.sub(r"(\.\d+)\.\s*$", r"\1", re.sub(r"(?<=[\d.])(?:\s* m/s)+(?![\w.])", "", text))


@examples
@given(plans, styles)
def test_tolerant_reads_bracketed_pairs_however_they_are_written(plan, style):
    assume(style.inner.strip())
    parsed = parse_answer(written(pieces_of(plan, style), style), "tolerant")
    assert parsed.actions is not None, parsed.outcome
    assert [tuple(pair) for pair in parsed.actions.tolist()] == [(float(v), float(c)) for v, c in plan]


@examples
@given(plans, st.sampled_from(["[{}]", "({})", "{}", "```\n[{}]\n```", "Here is the plan: [{}]"]), st.booleans())
def test_tolerant_reads_twelve_numbers_if_they_pair_up_one_way(plan, frame, in_blocks):
    speeds, curvatures = zip(*plan, strict=True)
    numbers = [*speeds, *curvatures] if in_blocks else [number for pair in plan for number in pair]
    parsed = parse_answer(frame.format(", ".join(numbers)), "tolerant")
    ways = well_separated_pairs(f"[{', '.join(numbers)}]")
    assert ways, "what was meant is a way, too"
    if len(ways) > 1:
        assert parsed.outcome == "format:ambiguous"
    else:
        assert [[tuple(pair) for pair in parsed.actions.tolist()]] == ways


@many_examples
@given(plans, st.sampled_from(["none", "drop", "double"]), st.integers(0, 5), styles, damages)
@example([("5.0", "0.0")] * 6, "double", 0, PLAIN, [("character", 0.8125, "e")])  # "..., e5.0, 0.0)]": a seventh pair?
@example([("4.5", "0.001")] * 6, "none", 0, FENCED_NUMBERS, [])  # "```4.5, 0.001, ...": the 4 is no language
def test_tolerant_never_picks_between_readings(plan, change, place, style, wounds):
    if change == "drop":
        plan = plan[:place] + plan[place + 1 :]
    elif change == "double":
        plan = plan[: place + 1] + plan[place:]
    pieces = pieces_of(plan, style)
    for kind, where, what in wounds:
        pieces = damage(pieces, kind, where, what)
    text = written(pieces, style)
    parsed = parse_answer(text, "tolerant")
    if parsed.actions is None:
        return
    read = [tuple(pair) for pair in parsed.actions.tolist()]
    # "- 5" and "00.5" are literals: what Python reads is one reading.
    literal = literal_pairs(text) or literal_pairs(without_words(text, style).strip())
    if literal is not None:
        assert read == literal
    else:
        assert [read] == well_separated_pairs(without_words(text, style))
