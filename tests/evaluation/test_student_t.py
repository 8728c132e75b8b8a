"""Student's t against printed tables and its own closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightemma.evaluation.statistics.student_t import NORMAL_DOF, quantile, two_sided_p


@pytest.mark.parametrize(
    ("share", "dof", "value"),
    [
        (0.975, 1, 12.7062),
        (0.975, 2, 4.3027),
        (0.975, 9, 2.2622),
        (0.975, 29, 2.0452),
        (0.975, 149, 1.9760),
        (0.8, 9, 0.8834),
        (0.8, 149, 0.8440),
        (0.995, 5, 4.0321),
    ],
)
def test_the_quantiles_of_printed_tables(share, dof, value):
    assert quantile(share, dof) == pytest.approx(value, abs=1e-4)
    assert quantile(1 - share, dof) == pytest.approx(-value, abs=1e-4)


@given(st.floats(-50, 50))
def test_one_and_two_degrees_have_closed_forms(t):
    assert two_sided_p(t, 1) == pytest.approx(1 - 2 * math.atan(abs(t)) / math.pi, abs=1e-12)
    assert two_sided_p(t, 2) == pytest.approx(1 - abs(t) / math.sqrt(2 + t * t), abs=1e-12)


@given(st.floats(0.5001, 0.9999), st.integers(1, 2000))
def test_quantile_and_p_undo_each_other(share, dof):
    assert 1 - two_sided_p(quantile(share, dof), dof) / 2 == pytest.approx(share, abs=1e-9)


@given(st.floats(0, 30), st.floats(0.01, 5), st.integers(1, 500))
def test_farther_out_is_less_likely(t, more, dof):
    assert two_sided_p(t + more, dof) < two_sided_p(t, dof) <= 1


def test_far_tails_stay_positive_and_infinity_is_zero():
    assert 0 < two_sided_p(40.0, 149) < 1e-70
    assert two_sided_p(math.inf, 9) == 0.0
    assert two_sided_p(0.0, 9) == 1.0


def test_many_degrees_are_the_normal_distribution():
    assert quantile(0.975, NORMAL_DOF) == pytest.approx(1.959964, abs=1e-6)
    assert quantile(0.975, NORMAL_DOF - 1) == pytest.approx(quantile(0.975, NORMAL_DOF), rel=1e-5)


def test_a_kept_quantile_is_a_plain_number_whoever_asked_first():
    assert type(quantile(0.975, np.float64(6.640625))) is float
    assert type(quantile(0.975, 6.640625)) is float
