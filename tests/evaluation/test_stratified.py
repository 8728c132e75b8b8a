"""Intervals within fixed strata, and rank correlation."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lightemma.evaluation.statistics.rank_correlation import (
    pearson,
    pearson_interval,
    rank_violation,
    rank_violation_interval,
    spearman,
)
from lightemma.evaluation.statistics.stratified import stratified_interval
from lightemma.evaluation.statistics.student_t import quantile


def test_one_stratum_is_the_plain_mean_and_students_t():
    values = np.array([3.0, 5.0, 4.0, 9.0])
    found = stratified_interval(["a"] * 4, list("1234"), values)
    reach = quantile(0.975, 3) * values.std(ddof=1) / 2
    assert (found.mean, found.low, found.high) == pytest.approx((5.25, 5.25 - reach, 5.25 + reach))


def test_what_differs_between_strata_does_not_widen_it():
    rng = np.random.default_rng(0)
    noise = rng.normal(size=40)
    strata = [str(n % 4) for n in range(40)]
    near = stratified_interval(strata, [str(n) for n in range(40)], noise)
    far = stratified_interval(strata, [str(n) for n in range(40)], noise + 100.0 * (np.arange(40) % 4))
    assert far.high - far.low == pytest.approx(near.high - near.low)


def test_it_covers_the_truth_in_95_percent():
    rng = np.random.default_rng(1)
    strata = [str(n % 6) for n in range(30)]
    hits = 0
    for _ in range(2000):
        found = stratified_interval(strata, [str(n) for n in range(30)], rng.normal(size=30) * (1 + np.arange(30) % 6))
        hits += found.low <= 0.0 <= found.high
    assert hits / 2000 == pytest.approx(0.95, abs=0.015)


def test_episodes_of_one_seed_count_as_one_draw():
    values = np.array([1.0, 1.0, 3.0, 3.0])
    found = stratified_interval(["a"] * 4, ["1", "1", "2", "2"], values)
    assert found.scenes == 2
    assert found.dof == pytest.approx(1.0)


def test_a_single_draw_in_a_stratum_gives_no_interval():
    found = stratified_interval(["a", "a", "b"], ["1", "2", "1"], np.array([1.0, 2.0, 3.0]))
    assert found.mean == 2.0
    assert math.isnan(found.low)
    assert math.isnan(stratified_interval([], [], np.array([])).mean)


@pytest.mark.parametrize(
    ("one", "other", "value"),
    [
        ([1.0, 2.0, 3.0, 4.0], [10.0, 20.0, 30.0, 99.0], 1.0),
        ([1.0, 2.0, 3.0], [3.0, 2.0, 1.0], -1.0),
        ([1.0, 2.0, 2.0, 3.0], [1.0, 2.0, 3.0, 4.0], 0.9486832980505138),
        ([1.0, 2.0, math.nan, 3.0], [1.0, 2.0, 7.0, 3.0], 1.0),
    ],
)
def test_spearman(one, other, value):
    assert spearman(np.array(one), np.array(other)) == pytest.approx(value)


@pytest.mark.parametrize("one", [[1.0, 2.0], [2.0, 2.0, 2.0]])
def test_no_rank_correlation_without_enough_to_rank(one):
    assert math.isnan(spearman(np.array(one), np.arange(len(one)).astype(float)))


def test_pearsons_interval_is_that_of_fishers_z_and_never_of_few_or_of_a_perfect_line():
    assert pearson(np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0, 9.0])) == pytest.approx(
        np.corrcoef([1, 2, 3], [2, 4, 9])[0, 1]
    )
    # Fisher's z of 0.5 is 0.5493; 1.96 / sqrt(28 - 3) = 0.392 to either side.
    assert pearson_interval(0.5, 28) == pytest.approx((math.tanh(0.1573), math.tanh(0.9413)), abs=1e-4)
    assert all(math.isnan(end) for case in ((0.5, 4), (1.0, 20), (math.nan, 20)) for end in pearson_interval(*case))


def test_a_rank_violation_has_an_interval_over_what_is_ranked():
    true = np.array([0.0, 5.0, 20.0, 40.0, 70.0, 100.0])
    other = true[[1, 0, 2, 3, 4, 5]]
    low, high = rank_violation_interval(true, other)
    assert low == 0.0
    assert low < rank_violation(true, other) < high <= 5.0
    assert rank_violation_interval(true, true) == (0.0, 0.0)
    assert all(math.isnan(end) for end in rank_violation_interval(true[:4], other[:4]))
