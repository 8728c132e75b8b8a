"""Intervals over scenes without draws: against matrices, by hand, against simulation, and frames that know each other."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightemma.evaluation.statistics.cr2 import SceneIntervals
from lightemma.evaluation.statistics.student_t import quantile
from tests.evaluation.test_bootstrap import EIGHT, flat

UNEQUAL = EIGHT[:4]


def by_matrices(codes: np.ndarray, values: np.ndarray) -> tuple[float, float]:
    """CR2 standard error and Satterthwaite's degrees of freedom as Bell & McCaffrey define them: no shortcut for a constant."""
    n = len(values)
    design = np.ones((n, 1))
    bread = np.linalg.inv(design.T @ design)
    maker = np.eye(n) - design @ bread @ design.T
    residuals = maker @ values
    variance, columns = 0.0, []
    for code in np.unique(codes):
        mine = np.flatnonzero(codes == code)
        size, vectors = np.linalg.eigh(maker[np.ix_(mine, mine)])
        root = vectors @ np.diag(size**-0.5) @ vectors.T
        weight = root @ design[mine] @ bread
        variance += (residuals[mine] @ weight).item() ** 2
        columns.append((maker[:, mine] @ weight)[:, 0])
    quadratic = np.array(columns) @ np.array(columns).T
    return sqrt(variance), np.trace(quadratic) ** 2 / np.trace(quadratic @ quadratic)


@given(
    st.lists(st.lists(st.floats(-3, 9), min_size=1, max_size=9), min_size=2, max_size=12),
    st.lists(st.floats(-1, 1), min_size=12, max_size=12),
)
@settings(max_examples=60, deadline=None)
def test_error_and_degrees_of_freedom_are_those_of_the_matrices(scenes, apart):
    codes, values = flat([[value + 30 * shift for value in scene] for scene, shift in zip(scenes, apart, strict=False)])
    error, dof = by_matrices(codes, values)
    found = SceneIntervals(codes).interval(values)
    if found.standard_error == pytest.approx(error, rel=1e-6, abs=0.0):
        assert found.dof == pytest.approx(max(dof, 1.0), rel=1e-6)
        assert found.high - found.mean == pytest.approx(quantile(0.975, max(dof, 1.0)) * error, rel=1e-4, abs=1e-12)
    else:
        least = quantile(0.975, found.dof) * found.standard_error
        assert least >= quantile(0.975, max(dof, 1.0)) * error * (1 - 1e-6), (
            "the spread within scenes is the larger one"
        )


@pytest.mark.parametrize(
    ("sizes", "dof"),
    [([4, 4, 4], 2.0), ([7] * 150, 149.0), ([1, 9], 1.0), ([30, 1, 1, 1], 1.1353), ([3, 1, 5, 2], 2.2314)],
)
def test_unequal_scenes_have_fewer_degrees_of_freedom(sizes, dof):
    codes = np.repeat(np.arange(len(sizes)), sizes)
    rng = np.random.default_rng(1)
    values = 100.0 * rng.normal(size=len(sizes))[codes] + rng.normal(size=codes.size)
    assert SceneIntervals(codes).interval(values).dof == pytest.approx(dof, abs=1e-3)


def test_one_frame_per_scene_is_the_plain_t_interval():
    values = np.array([1.0, 2.0, 4.0, 9.0])
    found = SceneIntervals(np.arange(4)).interval(values)
    error = values.std(ddof=1) / 2
    assert (found.mean, found.standard_error, found.dof) == (4.0, pytest.approx(error), pytest.approx(3.0))
    assert [found.low, found.high] == pytest.approx([4 - 3.182446 * error, 4 + 3.182446 * error])
    assert found.p_value == pytest.approx(0.11016, abs=1e-4)


@given(st.lists(st.lists(st.floats(-3, 9), min_size=1, max_size=4), min_size=2, max_size=12))
@settings(max_examples=80)
def test_p_is_below_five_percent_exactly_where_the_interval_leaves_zero_out(scenes):
    codes, values = flat(scenes)
    found = SceneIntervals(codes).interval(values)
    assert 0 < found.p_value <= 1
    assert found.low <= found.mean <= found.high
    if found.standard_error > 0 and abs(found.p_value - 0.05) > 1e-9:
        assert (found.p_value <= 0.05) == (found.low > 0 or found.high < 0)


def test_scenes_that_agree_by_chance_leave_the_spread_within_them():
    scenes = [[0.0, 2.0, 1.0], [1.0, 0.5, 1.5], [3.0, -1.0, 1.0]]
    codes, values = flat(scenes)
    within = sum(sum((value - 1.0) ** 2 for value in scene) for scene in scenes) / (9 - 3)
    found = SceneIntervals(codes).interval(values)
    assert (found.standard_error, found.dof) == (pytest.approx(sqrt(within / 9)), 6.0)
    assert [found.low, found.high] == pytest.approx([1 - 2.446912 * sqrt(within / 9), 1 + 2.446912 * sqrt(within / 9)])


@given(st.lists(st.lists(st.floats(-3, 9), min_size=1, max_size=6), min_size=2, max_size=9))
@settings(max_examples=60)
def test_no_interval_is_narrower_than_independent_frames_would_have_it(scenes):
    codes, values = flat(scenes)
    rest = len(values) - len(scenes)
    if rest:
        squares = sum(np.var(scene) * len(scene) for scene in scenes)
        least = quantile(0.975, rest) * sqrt(squares / rest / len(values))
        found = SceneIntervals(codes).interval(values)
        assert found.high - found.low >= 2 * least * (1 - 1e-6) - 1e-9


def test_where_all_frames_agree_the_interval_is_a_point_and_p_that_of_the_sign_test():
    codes, values = flat([[0.5, 0.5], [0.5], [0.5], [0.5, 0.5, 0.5]])
    found = SceneIntervals(codes).interval(values)
    assert (found.low, found.high, found.standard_error) == (0.5, 0.5, 0.0)
    assert found.p_value == 2 * 0.5**4


def test_frames_count_by_number_and_not_scene_by_scene():
    codes, values = flat([[0.0], [1.0] * 9])
    assert SceneIntervals(codes).interval(values).mean == pytest.approx(0.9)


def coverage(clustered: bool, lengths: np.ndarray, simulations: int = 400) -> float:
    """How often a 95 % interval holds the true mean 0 when frames of a scene share most of their error."""
    rng = np.random.default_rng(7)
    codes = np.repeat(np.arange(lengths.size), lengths)
    over = SceneIntervals(codes if clustered else np.arange(codes.size))
    own = rng.normal(size=(lengths.size, simulations))
    values = own[codes] + 0.5 * rng.normal(size=(codes.size, simulations))
    return float(np.mean([found.low <= 0.0 <= found.high for found in over.intervals(values)]))


def test_scene_clusters_cover_where_single_frames_do_not():
    even = np.full(40, 20)
    assert 0.92 <= coverage(True, even) <= 0.985
    assert coverage(False, even) < 0.6


@pytest.mark.parametrize("scenes", [2, 3, 8])
def test_few_scenes_are_covered_at_every_number(scenes):
    assert coverage(True, np.full(scenes, 10)) >= 0.92


def test_few_scenes_of_unequal_length_are_covered():
    assert coverage(True, np.array([4, 8, 12, 16, 30])) >= 0.90


def test_one_scene_gives_a_mean_and_no_interval():
    found = SceneIntervals(np.zeros(5, dtype=np.int64)).interval(np.arange(5.0))
    assert (found.mean, found.frames, found.scenes) == (2.0, 5, 1)
    assert np.isnan([found.low, found.high, found.p_value, found.standard_error, found.dof]).all()


def test_scenes_that_take_no_part_leave_one_scene_without_interval():
    codes, _ = flat([[0.0, 0.0], [0.0], [0.0]])
    found = SceneIntervals(codes).interval(np.array([1.0, 3.0, np.nan, np.nan]))
    assert (found.mean, found.frames, found.scenes) == (2.0, 2, 1)
    assert np.isnan(found.low)


def test_nothing_known_is_unknown_and_not_zero():
    codes, values = flat(UNEQUAL)
    found = SceneIntervals(codes).interval(np.full(values.size, np.nan))
    assert np.isnan([found.mean, found.low, found.high, found.p_value]).all()
    assert (found.frames, found.scenes) == (0, 0)


def test_unknown_frames_are_left_out_of_mean_and_interval():
    codes, values = flat(UNEQUAL)
    more_codes, more_values = np.append(codes, [0, 2, 4]), np.append(values, [np.nan] * 3)
    assert SceneIntervals(more_codes).interval(more_values) == SceneIntervals(codes).interval(values)


@given(st.permutations(range(21)))
@settings(max_examples=25)
def test_the_order_of_frames_changes_nothing(order):
    codes, values = flat(EIGHT)
    rows = np.array(order)
    first, other = SceneIntervals(codes).interval(values), SceneIntervals(codes[rows]).interval(values[rows])
    assert [other.mean, other.low, other.high, other.p_value] == pytest.approx(
        [first.mean, first.low, first.high, first.p_value], rel=1e-9
    )


def test_p_is_small_only_where_the_mean_is_surely_not_zero():
    rng = np.random.default_rng(5)
    codes, noise = np.repeat(np.arange(30), 5), rng.normal(size=150)
    over = SceneIntervals(codes)
    far, near = over.interval(noise + 2.0), over.interval(noise - noise.mean())
    assert 0 < far.p_value < 1e-10
    assert near.p_value > 0.5
    assert over.interval(-(noise + 2.0)).p_value == pytest.approx(far.p_value, rel=1e-6)


def test_no_difference_anywhere_is_p_one():
    codes, values = flat(UNEQUAL)
    found = SceneIntervals(codes).interval(np.zeros(values.size))
    assert (found.mean, found.low, found.high, found.p_value) == (0.0, 0.0, 0.0, 1.0)


def test_a_column_has_the_same_interval_alone_and_among_others():
    codes, values = flat(EIGHT)
    over = SceneIntervals(codes)
    together = over.intervals(np.column_stack([values, values + 1.0, np.full(values.size, np.nan)]))
    alone = over.interval(values)
    assert [together[0].low, together[0].high] == pytest.approx([alone.low, alone.high])
    assert together[1].low - together[0].low == pytest.approx(1.0)
    assert np.isnan(together[2].mean)
