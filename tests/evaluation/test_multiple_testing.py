"""Holm's correction: by hand, and by what must hold of any correction."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightemma.evaluation.statistics.multiple_testing import holm, significance

P_VALUES = st.lists(st.floats(0, 1) | st.just(math.nan), max_size=12)


def test_a_table_worked_out_by_hand():
    # Sorted .005 x 4, .01 x 3, .03 x 2, .04 x 1 which may not fall below the one before.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_rows_without_a_test_count_for_nothing():
    found = holm([math.nan, 0.02, math.nan, 0.03])
    assert [found[1], found[3]] == pytest.approx([0.04, 0.04])
    assert math.isnan(found[0])
    assert math.isnan(found[2])


@given(P_VALUES)
def test_a_corrected_p_is_a_p_and_not_below_the_plain_one(p_values):
    tests = sum(not math.isnan(p) for p in p_values)
    for plain, corrected in zip(p_values, holm(p_values), strict=True):
        assert math.isnan(plain) == math.isnan(corrected)
        if not math.isnan(plain):
            assert plain <= corrected <= min(1.0, plain * tests)


@given(P_VALUES)
def test_the_order_of_p_values_is_kept(p_values):
    known = sorted(pair for pair in zip(p_values, holm(p_values), strict=True) if not math.isnan(pair[0]))
    corrected = [pair[1] for pair in known]
    assert corrected == sorted(corrected)


@given(st.lists(st.floats(0, 1), max_size=8), st.floats(0, 1))
def test_one_more_test_makes_no_other_more_significant(p_values, another):
    before, after = holm(p_values), holm([*p_values, another])
    assert all(later >= sooner for sooner, later in zip(before, after, strict=False))


def test_verdicts():
    assert [
        significance(-1.0, 0.01, 8),
        significance(1.0, 0.01, 150),
        significance(-1.0, 0.01, 7),
        significance(-1.0, 0.05, 150),
        significance(1.0, math.nan, 1),
    ] == [
        "better",
        "worse",
        "",
        "",
        "",
    ]
