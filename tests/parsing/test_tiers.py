"""What each tier reads out of an answer, case by case; the fuzzing beside it looks for what these cases forgot."""

from __future__ import annotations

import json

import numpy as np
import pytest

from lightemma.errors import UserError
from lightemma.parsing import KINDS, MAX_ANSWER_CHARACTERS, TIERS, check_tier, parse_answer, plausible

PLAN = [(4.5, 0.0), (4.9, 0.0), (5.2, 0.001), (5.5, 0.001), (5.7, 0.0), (5.9, -0.002)]
GOOD = str(PLAN)
GROUPS = [str(pair) for pair in PLAN]
NUMBERS = [number for pair in PLAN for number in pair]
JSON = json.dumps({"actions": [{"speed": speed, "curvature": curvature} for speed, curvature in PLAN]})


def listed(*groups: str) -> str:
    return "[" + ", ".join(groups) + "]"


def first_replaced(group: str) -> str:
    return listed(group, *GROUPS[1:])


def read(text: str, tier="strict", answer_format="list", **more):
    """The pairs, or the outcome where there are none."""
    parsed = parse_answer(text, tier, answer_format, **more)
    return parsed.outcome if parsed.actions is None else [tuple(pair) for pair in parsed.actions.tolist()]


# What strict refuses and why, with what tolerant makes of it: the plan above, or the same refusal.
READABLE = {
    "pairs without commas between": ("missing_commas", "[" + " ".join(GROUPS) + "]"),
    "glued pairs": ("missing_commas", "[" + "".join(GROUPS) + "]"),
    "no commas inside": ("missing_commas", "[(4.5 0.0), (4.9 0.0), (5.2 0.001), (5.5 0.001), (5.7 0.0), (5.9 -0.002)]"),
    "one comma missing": ("missing_commas", first_replaced("(4.5 0.0)")),
    "lists for pairs": ("brackets", GOOD.replace("(", "[").replace(")", "]")),
    "no outer brackets": ("brackets", ", ".join(GROUPS)),
    "a tuple of pairs": ("brackets", "(" + ", ".join(GROUPS) + ")"),
    "a list in a list": ("brackets", f"[{GOOD}]"),
    "outer bracket never closed": ("brackets", GOOD[:-1]),
    "one pair per line": ("brackets", "\n".join(f"{v} {c}" for v, c in PLAN)),
    "one pair per line, commas, blank lines": ("brackets", "\n\n".join(f"{v}, {c}," for v, c in PLAN)),
    "semicolons between pairs": ("brackets", "; ".join(f"{v}, {c}" for v, c in PLAN)),
    "flat list, pairs in turn": ("brackets", str(NUMBERS)),
    "flat list, speeds then curvatures": ("brackets", str(NUMBERS[::2] + NUMBERS[1::2])),
    "bare numbers": ("brackets", ", ".join(map(str, NUMBERS))),
    "code fence": ("code_fence", f"```python\n{GOOD}\n```"),
    "code fence without a language": ("code_fence", f"```{GOOD}```"),
    "code fence around bare numbers": ("code_fence", f"```{', '.join(map(str, NUMBERS))}```"),
    "prose before": ("prose", f"Here is my plan: {GOOD}"),
    "prose before, with a number": ("prose", f"Over the next 3 seconds: {GOOD}"),
    "prose behind": ("prose", f"{GOOD}\nThe car stays in its lane."),
    "prose behind, with numbers and brackets": ("prose", f"{GOOD}\nIt ends at 5.9 m/s (gently)."),
    "typographic minus": ("number_style", GOOD.replace("-", "\u2212")),
    "full-width digits": ("number_style", GOOD.replace("4", "\uff14")),
    "a number before the list": ("prose", f"Plan 1: {GOOD}"),
    "a counted list": ("brackets", f"1: {GOOD}"),
    "a number behind the list": ("brackets", f"{GOOD} 5"),
    "words between pairs": ("prose", ", then ".join(GROUPS)),
    "names": ("prose", first_replaced("(v=4.5, c=0.0)")),
    "units": ("prose", first_replaced("(4.5 m/s, 0.0)")),
    "two plans, the same": ("brackets", f"{GOOD}\n{GOOD}"),
    "indented behind a line break": ("prose", f"\n  {GOOD}"),
    "a space of another kind before": ("prose", f"\u00a0{GOOD}"),
    "comments of another language": ("prose", "[" + ", // next\n".join(GROUPS) + "]"),
}
UNREADABLE = {
    "nothing": ("empty", ""),
    "white space": ("empty", " \n\t "),
    "words": ("prose", "I cannot help with that."),
    "an error page": ("prose", "HTTP 500: try again in 20 s"),
    "no number": ("prose", first_replaced("(nan, 0.0)")),
    "five pairs": ("wrong_count", listed(*GROUPS[:5])),
    "seven pairs": ("wrong_count", listed(*GROUPS, GROUPS[5])),
    "twelve pairs": ("wrong_count", listed(*GROUPS, *GROUPS)),
    "two plans in one line": ("wrong_count", f"{GOOD}, {GOOD}"),
    "two plans": ("ambiguous", f"{GOOD}\n{GOOD.replace('4.9', '4.8')}"),
    "and so on": ("wrong_count", GOOD[:-1] + ", ...]"),
    "ten numbers": ("wrong_count", str(NUMBERS[:10])),
    "eleven numbers": ("wrong_shape", str(NUMBERS[:11])),
    "triples": ("wrong_shape", listed(*["(4.5, 0.0, 0.0)"] * 6)),
    "a number missing": ("wrong_shape", first_replaced("(4.5, )")),
    "a hole in a pair": ("wrong_shape", first_replaced("(4.5, , 0.0)")),
    "a number missing in a flat list": ("wrong_shape", "[4.5, , " + str(NUMBERS[2:])[1:]),
    "decimal commas": ("wrong_shape", listed(*["(4,5, 0,1)"] * 6)),
    "a seventh pair that lost its bracket": ("wrong_shape", GOOD[:-1] + ", v 6.0, 0.0)]"),
    "a first pair that was never closed": ("wrong_shape", "[(4.4, 0.0 m, " + GOOD[1:]),
    "a pair outside brackets": ("prose", "[4.5, 0.0, " + "(4.9, 0.0), 5.0, 0.0, " + ", ".join(GROUPS[1:]) + "]"),
    "two numbers in one": ("fused_numbers", listed(*["(3.7640.002)"] * 6)),
    "one pair of two numbers in one": ("fused_numbers", first_replaced("(3.7640.002)")),
    "lost points": ("fused_numbers", listed(*["(7769-0001)"] * 6)),
    "one lost point": ("fused_numbers", first_replaced("(4.5, 0001)")),
    "six single numbers": ("fused_numbers", listed(*["(45001)"] * 6)),
    "a difference": ("arithmetic", listed(*["(7.159-0.5, 0.002)"] * 6)),
    "a spaced sum": ("arithmetic", first_replaced("(4.5 + 0.4, 0.0)")),
    "a product": ("arithmetic", first_replaced("(4.5 * 2, 0.0)")),
    "a sign that may be an operator": ("arithmetic", first_replaced("(4.5 -0.1, 0.0)")),
    "slow flat list": ("ambiguous", "[0.5, 0.0, 0.6, 0.0, 0.7, 0.0, 0.8, 0.0, 0.9, 0.0, 1.0, 0.0]"),
    "a numbered list": ("ambiguous", "1. 0.5\n2. 0.4\n3. 0.3\n4. 0.2\n5. 0.1\n6. 0.0"),
    "flat list without a plausible reading": ("implausible", str([4.5, 4.6] * 6)),
    "cut inside a pair": ("truncated", GOOD[:-9]),
    "cut before the last bracket of a pair": ("truncated", GOOD[:-2]),
    "cut in the first pair": ("truncated", "[(4.5, 0."),
    "cut in a flat list": ("truncated", str(NUMBERS)[:-1]),
    "a seventh pair, cut": ("truncated", GOOD[:-1] + ", (6.0, 0."),
    "a better list, cut": ("truncated", f"{GOOD}\nBetter: [(4.5, 0.0), (4.8,"),
    "a scaled list": ("scale", f"{GOOD} * 0.5"),
    "another unit": ("units", f"In km/h: {GOOD}"),
    "another order": ("order", f"(curvature, speed): {GOOD}"),
    "waypoints": ("other_quantity", f"Waypoints: {GOOD}"),
    "an example": ("example", f"For example: {GOOD}"),
    "a refusal": ("refusal", f"I cannot help with that. You wrote {GOOD}"),
    "beyond all length": ("too_long", GOOD + " " * MAX_ANSWER_CHARACTERS),
}


@pytest.mark.parametrize(("kind", "text"), READABLE.values(), ids=READABLE)
def test_one_reading_with_a_slip_is_refused_by_strict_and_read_by_tolerant(kind, text):
    assert read(text) == f"format:{kind}"
    assert read(text, "tolerant") == PLAN


@pytest.mark.parametrize(("kind", "text"), UNREADABLE.values(), ids=UNREADABLE)
def test_no_reading_or_several_are_refused_by_both(kind, text):
    assert read(text) == f"format:{kind}"
    assert read(text, "tolerant") == f"format:{kind}"


def test_the_cases_above_leave_no_kind_out():
    assert {kind for kind, _ in [*READABLE.values(), *UNREADABLE.values()]} == set(KINDS) - {"invalid_json"}


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        f"\n{GOOD} \n",
        f"  {GOOD}",
        GOOD.replace(" ", ""),
        GOOD.replace("0.0,", "0,"),
        GOOD[:-1] + ",]",
        GOOD.replace(")", ",)"),
    ],
    ids=["as asked", "white space around", "indented", "no spaces", "integers", "comma at the end", "commas in pairs"],
)
@pytest.mark.parametrize("tier", TIERS)
def test_the_list_asked_for_is_read_by_every_tier(text, tier):
    parsed = parse_answer(text, tier)
    assert parsed.outcome == "ok"
    np.testing.assert_array_equal(parsed.actions, PLAN)
    assert not parsed.implausible


def test_the_published_list_without_commas():
    text = "[(4.5, -0.0) (4.9, 0.0) (5.2, 0.0) (5.4, 0.0) (5.6, 0.0) (5.8, 0.0)]"
    assert read(text) == "format:missing_commas"
    assert read(text, "tolerant") == [(4.5, 0.0), (4.9, 0.0), (5.2, 0.0), (5.4, 0.0), (5.6, 0.0), (5.8, 0.0)]


@pytest.mark.parametrize("pair", ["(60.1, 0.0)", "(-1.1, 0.0)", "(4.5, 1.01)", "(4.5, -1.01)", "(4.5e3, 0.0)"])
def test_six_pairs_no_car_can_drive(pair):
    strict = parse_answer(first_replaced(pair))
    assert (strict.outcome, strict.implausible) == ("ok", True)
    tolerant = parse_answer(first_replaced(pair), "tolerant")
    assert (tolerant.outcome, tolerant.implausible, tolerant.actions) == ("format:implausible", True, None)


@pytest.mark.parametrize("pair", ["(60.0, 1.0)", "(-1.0, -1.0)"])
def test_the_limits_themselves_are_plausible(pair):
    for tier in TIERS:
        parsed = parse_answer(first_replaced(pair), tier)
        assert (parsed.outcome, parsed.implausible) == ("ok", False)


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("number", ["1e999", "-1e999", "1" + "0" * 120, "9" * 400])
def test_numbers_that_cannot_be_scored_are_refused_by_every_tier(number, tier):
    text = first_replaced(f"({number}, 0.0)")
    if tier == "first-numbers" and "e" in number:
        text = text.replace("1e999", "1" + "0" * 400)  # this tier knows no exponents
    assert read(text, tier) == "format:implausible"


def test_plausible_judges_each_plan_of_a_batch():
    plans = np.array([PLAN, [(61.0, 0.0)] * 6, [(float("nan"), 0.0)] * 6, [(5.0, float("inf"))] * 6])
    assert plausible(plans).tolist() == [True, False, False, False]


@pytest.mark.parametrize("text", [*(text for _, text in UNREADABLE.values() if text.strip()), "[" * 50])
@pytest.mark.parametrize("tier", ["strict", "tolerant"])
def test_a_refused_answer_that_hit_the_token_limit_is_truncated(text, tier):
    assert read(text, tier, cut=True) == "format:truncated"


def test_the_token_limit_does_not_touch_what_was_read():
    assert read(GOOD, cut=True) == PLAN
    assert read("", cut=True) == "format:empty"
    assert read(f"{GOOD} The car goes on at 5", "tolerant", cut=True) == PLAN


def test_a_last_number_that_may_go_on_is_truncated():
    text = "\n".join(f"{v} {c}" for v, c in PLAN)
    assert read(text, "tolerant", cut=False) == PLAN
    assert read(text, "tolerant", cut=True) == "format:truncated"


def test_long_answers_are_searched():
    assert read(GOOD + " " * 50_000) == PLAN
    assert read("The road is free. " * 5_000 + GOOD, "tolerant") == PLAN


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("answer_format", ["list", "json"])
def test_a_longer_answer_than_any_model_writes_is_not_read(tier, answer_format):
    assert read(GOOD + " " * MAX_ANSWER_CHARACTERS, tier, answer_format) == "format:too_long"


def test_an_unknown_tier_names_near_ones():
    assert [check_tier(tier) for tier in TIERS] == list(TIERS)
    with pytest.raises(UserError, match=r"no parser 'tolerent'; did you mean tolerant\?"):
        check_tier("tolerent")


# --- JSON -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [JSON, f"\n {JSON}\n", json.dumps(json.loads(JSON), indent=2)])
@pytest.mark.parametrize("tier", ["strict", "tolerant"])
def test_the_object_asked_for_is_read(text, tier):
    assert read(text, tier, "json") == PLAN


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("code_fence", f"```json\n{JSON}\n```"),
        ("code_fence", f"```\n{JSON}```"),
        ("invalid_json", f"Here you are: {JSON}"),
        ("invalid_json", f"Plan: {JSON} Drive safely."),
        ("invalid_json", GOOD),
        ("invalid_json", GOOD.replace("(", "[").replace(")", "]")),
    ],
    ids=["fence", "fence without a language", "prose before", "prose around", "list of tuples", "list of lists"],
)
def test_tolerant_looks_behind_fences_and_prose_and_takes_the_list(kind, text):
    assert read(text, "strict", "json") == f"format:{kind}"
    assert read(text, "tolerant", "json") == PLAN


@pytest.mark.parametrize(
    ("strict", "tolerant", "text"),
    {
        "nothing": ("empty", "empty", " "),
        "words": ("prose", "prose", "I cannot help with that."),
        "null": ("prose", "prose", "null"),
        "a number": ("invalid_json", "invalid_json", "4.5"),
        "cut": ("truncated", "truncated", JSON[:-30]),
        "unclosed many times": ("truncated", "truncated", '{"actions": ' * 9),
        "too deep": ("invalid_json", "invalid_json", '{"actions": ' * 1_500 + "1" + "}" * 1_500),
        "five": ("wrong_count", "wrong_count", JSON.replace('{"speed": 4.5, "curvature": 0.0}, ', "")),
        "seven": ("wrong_count", "wrong_count", JSON.replace("[", '[{"speed": 4.5, "curvature": 0.0}, ')),
        "none": ("wrong_count", "wrong_count", '{"actions": []}'),
        "a key missing in a pair": ("wrong_shape", "wrong_shape", JSON.replace(', "curvature": -0.002', "")),
        "one pair": ("invalid_json", "invalid_json", '{"actions": {"speed": 4.5, "curvature": 0.0}}'),
        "two speeds": ("invalid_json", "invalid_json", JSON.replace('"speed": 4.5', '"speed": 4.5, "speed": 5.5')),
        "a truth value": ("wrong_shape", "wrong_shape", JSON.replace("4.5", "true")),
        "null for a number": ("wrong_shape", "wrong_shape", JSON.replace("4.5", "null")),
        "not a number": ("implausible", "implausible", JSON.replace("4.5", "NaN")),
        "infinite": ("implausible", "implausible", JSON.replace("4.5", "-Infinity")),
        "huge integer": ("implausible", "implausible", JSON.replace("4.5", "1" + "0" * 400)),
        "integer beyond reading": ("invalid_json", "implausible", JSON.replace("4.5", "1" * 5_000)),
        "a sum": ("invalid_json", "invalid_json", JSON.replace("4.5", "4.5 + 0.1")),
        "two objects": ("invalid_json", "ambiguous", f"{JSON}\n{JSON.replace('4.5', '4.4')}"),
        "an object and a list": ("invalid_json", "ambiguous", f"{GOOD.replace('4.5', '4.4')} or better {JSON}"),
        "waypoints": ("wrong_shape", "other_quantity", JSON.replace("speed", "x").replace("curvature", "y")),
        "another unit": ("wrong_shape", "units", JSON.replace("speed", "speed_kmh")),
    }.values(),
)
def test_an_object_without_one_reading_is_refused(strict, tolerant, text):
    assert read(text, "strict", "json") == f"format:{strict}"
    assert read(text, "tolerant", "json") == f"format:{tolerant}"


def test_an_object_no_car_can_drive_is_ok_for_strict_only():
    text = JSON.replace("4.5", "70")
    strict = parse_answer(text, "strict", "json")
    assert (strict.outcome, strict.implausible) == ("ok", True)
    assert read(text, "tolerant", "json") == "format:implausible"


def test_a_refused_object_that_hit_the_token_limit_is_truncated():
    assert read('{"actions": [{"speed": 4.5}]}', "tolerant", "json", cut=True) == "format:truncated"
    assert read(JSON, "strict", "json", cut=True) == PLAN
