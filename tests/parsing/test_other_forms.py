"""Points, choices, and plans after reasoning: one reading or a named reason, and no number of another kind is taken."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightemma.kinematics import actions_through, integrate
from lightemma.parsing import parse_answer
from lightemma.parsing.choice import read_choice
from lightemma.prompts.answer_forms import ACTION_REGEX, REGEXES, choice_regex, choice_schema
from tests.conftest import STEADY_TEXT

POINTS = [(2.5, 0.0), (5.0, 0.1), (7.5, 0.3), (10.0, 0.5), (12.0, 0.8), (14.0, 1.0)]
LISTED = str(POINTS)
OBJECT = json.dumps({"points": [{"x": x, "y": y} for x, y in POINTS]})
ROWS = "\n".join(f"{number}. x = {x} m, y = {y} m" for number, (x, y) in enumerate(POINTS, 1))


def outcome(text: str, tier: str, form: str = "points", *, cut: bool = False) -> str:
    return parse_answer(text, tier, form, cut=cut).outcome  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text", [LISTED, f"The points: {LISTED}", f"```\n{LISTED}\n```", ROWS, OBJECT, f"{LISTED}\n{LISTED}"]
)
def test_points_have_one_reading(text):
    read = parse_answer(text, "tolerant", "points")
    assert read.outcome == "ok"
    assert read.trajectory.tolist() == [list(point) for point in POINTS]
    np.testing.assert_array_equal(read.actions, actions_through(np.array(POINTS)))
    assert outcome(text, "strict") == ("ok" if text == LISTED else "format:prose")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", "empty"),
        ("I cannot say.", "prose"),
        (str(POINTS[:5]), "wrong_count"),
        (str([*POINTS, (16.0, 1.2)]), "wrong_count"),
        (f"{LISTED} or {str(POINTS).replace('2.5', '2.6')}", "ambiguous"),
        (f"In feet: {LISTED}", "units"),
        (f"In pixels: {LISTED}", "units"),
        (f"(y, x): {LISTED}", "order"),
        (f"speed and curvature: {LISTED}", "other_quantity"),
        (LISTED.replace("2.5,", "2.5 m/s,"), "other_quantity"),
        (LISTED[:40], "truncated"),
        (LISTED.replace("14.0", "1400.0"), "implausible"),
        (LISTED.replace("(2.5", "(-25.0"), "implausible"),
        (LISTED.replace("0.3", "nan"), "wrong_count"),
    ],
)
def test_points_that_are_none_have_a_reason(text, kind):
    assert outcome(text, "tolerant") == f"format:{kind}"


def test_an_object_of_points_is_exactly_that():
    assert outcome(OBJECT, "strict", "points-json") == "ok"
    for wrong in (OBJECT.replace('"x"', '"z"'), OBJECT.replace("points", "actions"), LISTED, f"Here: {OBJECT}"):
        assert outcome(wrong, "strict", "points-json").startswith("format:")


@given(st.text(alphabet='[](){}xy=:,.0123456789-+ \nme"', max_size=200))
def test_no_text_ends_the_reading_of_points(text):
    for tier in ("strict", "tolerant", "first-numbers"):
        for form in ("points", "points-json", "reasoned", "reasoned-json"):
            read = parse_answer(text, tier, form)  # type: ignore[arg-type]
            assert (read.actions is None) == (read.outcome != "ok")
            assert read.actions is None or np.isfinite(read.actions).all()


def test_a_very_long_text_of_almost_points_is_refused():
    assert outcome("(1, 2) " * 20_000, "tolerant") == "format:wrong_count"
    assert outcome("x = 1, " + "\n" * 100_000 + "y = 2", "tolerant").startswith("format:")


# --- reasoning first --------------------------------------------------------------------------------------------------


def test_the_plan_after_reasoning_is_the_last_line():
    text = f"I slow down from 8.0 m/s to 3.5 m/s [see (1.0, 2.0)].\n\n{STEADY_TEXT}\n"
    assert outcome(text, "strict", "reasoned") == "ok"
    assert outcome(text, "tolerant", "reasoned") == "ok"
    assert outcome(f"{STEADY_TEXT}\nThat is all.", "strict", "reasoned") == "format:prose"
    assert outcome(f"Slow. {STEADY_TEXT}", "strict", "reasoned") == "format:prose"
    assert outcome("I slow down", "strict", "reasoned", cut=True) == "format:truncated"


def test_an_object_with_reasoning_has_both_keys():
    actions = [{"speed": 5.0, "curvature": 0.0}] * 6
    whole = json.dumps({"reasoning": "It is clear.", "actions": actions})
    assert outcome(whole, "strict", "reasoned-json") == "ok"
    for wrong in (
        {"actions": actions},
        {"reasoning": 1, "actions": actions},
        {"reasoning": "x", "actions": actions[:5]},
    ):
        assert outcome(json.dumps(wrong), "strict", "reasoned-json").startswith("format:")


# --- a choice ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [2, 9, 15, 60])
def test_no_guided_choice_can_be_refused(count):
    """Every text that the expression or the schema allows names a candidate under every parser."""
    allowed = [str(number) for number in range(-5, 200) if re.fullmatch(choice_regex(count), str(number))]
    assert allowed == [str(number) for number in range(1, count + 1)]
    objects = [json.dumps({"choice": number}) for number in choice_schema(count)["properties"]["choice"]["enum"]]
    for texts in (allowed, objects):
        for tier in ("strict", "tolerant", "first-numbers"):
            assert [read_choice(text, count, tier) for text in texts] == [(place, "ok") for place in range(count)]


@pytest.mark.parametrize(
    ("text", "strict", "tolerant"),
    [
        ("3", (2, "ok"), (2, "ok")),
        (" 3\n", (2, "ok"), (2, "ok")),
        ('{"choice": 3}', (2, "ok"), (2, "ok")),
        ("Candidate 3.", (None, "format:prose"), (2, "ok")),
        ("I choose 3, since 5.5 m/s is too fast", (None, "format:prose"), (2, "ok")),
        ("3 or 4", (None, "format:prose"), (None, "format:ambiguous")),
        ("none", (None, "format:wrong_shape"), (None, "format:prose")),
        ("16", (None, "format:wrong_count"), (None, "format:wrong_count")),
        ("0", (None, "format:wrong_count"), (None, "format:wrong_count")),
        ("", (None, "format:empty"), (None, "format:empty")),
        ('{"choice": true}', (None, "format:wrong_shape"), (None, "format:prose")),
        ('{"choice": 3, "choice": 4}', (None, "format:prose"), (None, "format:ambiguous")),
    ],
)
def test_a_choice_is_one_number(text, strict, tolerant):
    assert read_choice(text, 15) == strict
    assert read_choice(text, 15, "tolerant") == tolerant


@settings(max_examples=25)
@given(st.from_regex(rf"\A(?:{REGEXES['reasoned']})\Z"))
def test_the_strict_parser_accepts_whatever_the_expression_of_reasoned_answers_allows(text):
    read = parse_answer(text, "strict", "reasoned")
    assert read.outcome == "ok", text


def test_points_are_written_by_the_expression_of_actions():
    assert REGEXES["points"] == ACTION_REGEX
    assert re.fullmatch(ACTION_REGEX, LISTED)
    assert outcome(LISTED, "strict") == "ok"


# --- points and actions -----------------------------------------------------------------------------------------------


@given(
    st.lists(st.tuples(st.floats(1.0, 30.0), st.floats(-0.05, 0.05)), min_size=6, max_size=6),
)
def test_actions_through_the_points_of_a_plan_are_the_plan(pairs):
    actions = np.array(pairs)
    points = integrate(actions)
    np.testing.assert_allclose(integrate(actions_through(points)), points, atol=1e-9)
    np.testing.assert_allclose(actions_through(points)[:5], actions[:5], atol=1e-6)


def test_a_car_that_stands_has_no_direction():
    still = np.zeros((6, 2))
    still[3:, 1] = 0.01
    assert actions_through(still)[:, 1].tolist() == [0.0] * 6
