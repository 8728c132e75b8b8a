"""Alpha spending: the boundaries of the literature, and no more than 5 % of wrong words over all looks."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest

from lightemma.evaluation.statistics.alpha_spending import look_levels, spent

#: O'Brien-Fleming-type bounds of Lan & DeMets for two-sided 5 % at equally spaced looks, as printed by R's ldbounds and in
#: Jennison & Turnbull, Group Sequential Methods (2000), table 7.4 and its relatives.
PUBLISHED = {2: [2.963, 1.969], 5: [4.877, 3.357, 2.680, 2.290, 2.031]}


def bounds(levels: list[float]) -> list[float]:
    return [-NormalDist().inv_cdf(level / 2) for level in levels]


@pytest.mark.parametrize("looks", PUBLISHED)
def test_the_bounds_are_the_published_ones(looks):
    found = bounds(look_levels([place / looks for place in range(1, looks + 1)]))
    assert found == pytest.approx(PUBLISHED[looks], abs=6e-4)


def test_all_is_spent_at_the_end_and_a_single_look_is_the_plain_test():
    assert spent(1.0) == pytest.approx(0.05)
    assert spent(0.0) == 0.0
    assert look_levels([1.0]) == pytest.approx([0.05], rel=1e-6)


@pytest.mark.parametrize("shares", [[0.08, 0.2, 0.21, 0.6, 1.0], [0.1 * place for place in range(1, 11)]])
def test_a_process_without_drift_crosses_in_5_percent(shares):
    rng, paths = np.random.default_rng(1), 40_000
    steps = np.sqrt(np.diff([0.0, *shares]))
    process = np.cumsum(rng.normal(size=(paths, len(shares))) * steps, axis=1) / np.sqrt(shares)
    limits = np.array([-NormalDist().inv_cdf(level / 2) if level else np.inf for level in look_levels(shares)])
    crossed = float((np.abs(process) > limits).any(axis=1).mean())
    assert crossed == pytest.approx(0.05, abs=0.005)


def test_a_look_too_early_to_decide_is_not_taken():
    first, *rest = look_levels([0.01, 0.5, 1.0])
    assert first == 0.0
    assert rest == pytest.approx(look_levels([0.5, 1.0]), rel=1e-6)


@pytest.mark.parametrize("shares", [[0.0, 1.0], [0.5, 0.5], [0.6, 0.4], [0.5, 1.1]])
def test_shares_that_do_not_rise_are_refused(shares):
    with pytest.raises(ValueError, match="do not rise"):
        look_levels(shares)
