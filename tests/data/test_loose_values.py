"""Values as others write them: times exactly, NaN in JSON, and what is unknown."""

from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightemma.data.loose_values import is_true, json_decoded, numbers, pixels, shown, whole_microseconds

TIME = 1_531_884_156_948_944


@pytest.mark.parametrize(
    "value",
    [
        TIME,
        float(TIME),
        str(TIME),
        f"{TIME}.0",
        "1531884156.948944e6",
        "1.531884156948944E15",
        f" {TIME}\n",
        TIME + 0.25,
    ],
)
def test_a_time_is_read_exactly(value):
    assert whole_microseconds(value) == TIME


@given(st.integers(-(2**63) + 1, 2**63 - 1))
def test_every_whole_number_is_itself_in_digits_and_as_text(time):
    assert whole_microseconds(time) == whole_microseconds(str(time)) == whole_microseconds(f"{time}.000") == time


@pytest.mark.parametrize(
    ("value", "wrong"),
    [
        (None, "is missing"), ("", "is missing"), (True, "is no number"), ("noon", "is no number"), ([TIME], "is no number"),
        (math.nan, "is no number"), (math.inf, "is no number"), ("NaN", "is no number"), ("9" * 5000, "is no number"),
        (2**63, "is too large for a time"), ("1e999999999", "is too large"), (1e300, "is too large"),
        (10**400, "is too large"),
        (1531884156.948944, "has a fraction"), ("1531884156948.944", "has a fraction"), (0.5, "has a fraction"),
    ],
)  # fmt: skip
def test_what_is_no_time_says_why(value, wrong):
    with pytest.raises(ValueError, match=wrong):
        whole_microseconds(value)


@pytest.mark.parametrize(
    "token", ["NaN", "nan", "Infinity", "-Infinity", "-inf", "+Inf", "-NaN", "1e999", "-1.5E+4000"]
)
def test_what_json_has_no_number_for_is_null(token):
    decoder = msgspec.json.Decoder(list[dict[str, object]])
    text = f'[{{"a": [{token}, 1.5,{token}], "NaN": "NaN, inf: \\" -Infinity", "b": {token}}}]'
    assert json_decoded(decoder, text.encode()) == [{"a": [None, 1.5, None], "NaN": 'NaN, inf: " -Infinity', "b": None}]


@pytest.mark.parametrize("text", ["[NaN", "[nano]", '["NaN]', "[NaN NaN]", "{}", "[infinite]"])
def test_other_broken_json_stays_broken(text):
    with pytest.raises(msgspec.DecodeError):
        json_decoded(msgspec.json.Decoder(list[float | None]), text.encode())


def test_lists_of_numbers():
    assert numbers([1, 2.5], 2) == (1.0, 2.5)
    assert [numbers(value, 2) for value in (None, [1], [1, 2, 3], "12", {"a": 1, "b": 2}, 5)] == [None] * 6
    assert [math.isfinite(number) for number in numbers([1, None, "2", True, 10**400], 5)] == [True, *[False] * 4]


def test_sizes_and_flags():
    assert [pixels(value) for value in (1600, 1600.0, "1600", "1600.0")] == [1600] * 4
    assert [pixels(value) for value in (None, "", "wide", -1, 0, 1.5, True, 2**31, [1], math.nan, "1e99")] == [0] * 11
    assert all(map(is_true, (True, 1, 1.0, "true", "True", "1")))
    assert not any(map(is_true, (False, 0, None, "", "false", "yes", 2, [1], {})))


def test_a_shown_value_is_one_short_line():
    assert shown("a\nb") == r"'a\nb'"
    assert len(shown("x" * 500)) == 61
