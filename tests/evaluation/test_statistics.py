"""Scene-clustered intervals: against full enumeration, by hand, against simulation, and correlated frames."""

from __future__ import annotations

from itertools import combinations_with_replacement
from math import factorial, prod, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightemma.evaluation.statistics.bootstrap import FEWEST_SCENES_DRAWN, SceneBootstrap

#: Four scenes of unequal length, so that frames and not scenes are averaged.
UNEQUAL = [[1.0, 2.0, 3.0], [-4.0], [0.5, 0.5, 2.5, 1.0, 6.0], [-1.0, 0.2]]
#: As many as it takes for the draws to decide.
EIGHT = [*UNEQUAL, [2.0, 2.5], [0.0, -1.0, 4.0], [3.0], [1.5, -0.5, 0.3, 0.2]]


def flat(scenes: list[list[float]]) -> tuple[np.ndarray, np.ndarray]:
    """Scene codes and values of frames."""
    codes = [code for code, values in enumerate(scenes) for _ in values]
    return np.array(codes), np.array([value for values in scenes for value in values])


def mean_and_error(scenes: list[list[float]]) -> tuple[float, float]:
    """The mean over frames and its cluster-robust standard error: plain loops."""
    frames = [value for scene in scenes for value in scene]
    mean, count = sum(frames) / len(frames), len(scenes)
    squares = sum(sum(value - mean for value in scene) ** 2 for scene in scenes)
    return mean, sqrt(count / (count - 1) * squares) / len(frames)


def every_ratio(scenes: list[list[float]]) -> tuple[np.ndarray, np.ndarray]:
    """The t values of all resamples in order, and how likely each is; no draws."""
    observed = mean_and_error(scenes)[0]
    ratios, chances = [], []
    for drawn in combinations_with_replacement(range(len(scenes)), len(scenes)):
        mean, error = mean_and_error([scenes[code] for code in drawn])
        ways = factorial(len(scenes)) / prod(factorial(drawn.count(code)) for code in set(drawn))
        ratios.append((mean - observed) / error if error > 1e-9 else 0.0)
        chances.append(ways / len(scenes) ** len(scenes))
    order = np.argsort(ratios)
    return np.array(ratios)[order], np.array(chances)[order]


def test_the_interval_is_that_of_all_possible_resamples():
    codes, values = flat(EIGHT)
    ratios, chances = every_ratio(EIGHT)
    below = np.cumsum(chances)
    mean, error = mean_and_error(EIGHT)
    found = SceneBootstrap(codes, resamples=40_000, seed=1).interval(values)
    assert (found.mean, found.standard_error) == (pytest.approx(mean), pytest.approx(error))
    # Random draws hit the exact quantiles to within a few resamples' places in the sorted list.
    for end, shares in (("low", (0.972, 0.978)), ("high", (0.022, 0.028))):
        first, last = (mean - error * ratios[np.searchsorted(below, share)] for share in shares)
        assert min(first, last) - 1e-9 <= getattr(found, end) <= max(first, last) + 1e-9
    farther = chances[ratios >= mean / error].sum()
    assert found.p_value == pytest.approx(2 * min(farther, 1 - farther), abs=0.01)
    assert (found.frames, found.scenes) == (21, 8)


def test_few_scenes_take_students_t():
    codes, values = flat(UNEQUAL)
    mean, error = mean_and_error(UNEQUAL)
    found = SceneBootstrap(codes, 100).interval(values)
    reach = 3.182446 * error  # t(3) at 97.5 %
    assert [found.low, found.high] == pytest.approx([mean - reach, mean + reach])
    assert found.p_value > 0.05
    assert len(UNEQUAL) < FEWEST_SCENES_DRAWN == len(EIGHT)


@given(st.lists(st.lists(st.floats(-3, 9), min_size=1, max_size=4), min_size=2, max_size=12), st.integers(0, 3))
@settings(max_examples=80)
def test_p_is_below_five_percent_exactly_where_the_interval_leaves_zero_out(scenes, seed):
    codes, values = flat(scenes)
    found = SceneBootstrap(codes, 999, seed).interval(values)
    if found.standard_error > 0:
        assert (found.p_value <= 0.05) == (found.low > 0 or found.high < 0)


def test_where_all_scenes_agree_the_interval_is_a_point_and_p_that_of_the_sign_test():
    codes, values = flat([[0.5, 0.5], [0.5], [0.5], [0.5, 0.5, 0.5]])
    found = SceneBootstrap(codes, 100).interval(values)
    assert (found.low, found.high, found.standard_error) == (0.5, 0.5, 0.0)
    assert found.p_value == 2 * 0.5**4


def test_many_draws_of_one_scene_do_not_make_the_interval_endless():
    # Eight scenes of two hundred take part: some draws have one of them, or none.
    codes = np.arange(200)
    values = np.full(200, np.nan)
    values[::25] = [1.0, 2.0, 3.0, 5.0, 2.0, 1.0, 4.0, 2.5]
    found = SceneBootstrap(codes, 400).interval(values)
    assert found.scenes == 8
    assert np.isfinite([found.low, found.high]).all()
    assert found.low < 2.5625 < found.high


def test_frames_count_by_number_and_not_scene_by_scene():
    codes, values = flat([[0.0], [1.0] * 9])
    assert SceneBootstrap(codes, 100).interval(values).mean == pytest.approx(0.9)


def coverage(clustered: bool, simulations: int = 200) -> float:
    """How often a 95 % interval holds the true mean 0 when frames of a scene share most of their error."""
    rng = np.random.default_rng(7)
    scenes, frames = 40, 20
    codes = np.repeat(np.arange(scenes), frames)
    bootstrap = SceneBootstrap(codes if clustered else np.arange(codes.size), resamples=400, seed=3)
    values = rng.normal(size=(scenes, simulations)).repeat(frames, axis=0) + 0.5 * rng.normal(
        size=(scenes * frames, simulations)
    )
    return float(np.mean([found.low <= 0.0 <= found.high for found in bootstrap.intervals(values)]))


def test_scene_clusters_cover_where_single_frames_do_not():
    assert 0.91 <= coverage(clustered=True) <= 0.985
    assert coverage(clustered=False) < 0.6


@pytest.mark.parametrize("scenes", [5, 10])
def test_few_skewed_scenes_are_covered_better_than_by_percentiles(scenes):
    rng = np.random.default_rng(11)
    codes = np.repeat(np.arange(scenes), 4)
    bootstrap = SceneBootstrap(codes, resamples=600, seed=3)
    made = np.exp(0.7 * rng.normal(size=(scenes, 500))) - np.exp(0.245)
    values = made.repeat(4, axis=0)
    held = np.mean([found.low <= 0.0 <= found.high for found in bootstrap.intervals(values)])
    low, high = np.quantile(bootstrap.drawn_means(values), [0.025, 0.975], axis=1)
    by_percentiles = np.mean((low <= 0) & (high >= 0))
    assert held > by_percentiles + 0.03
    assert held > 0.86


def test_one_scene_gives_a_mean_and_no_interval():
    found = SceneBootstrap(np.zeros(5, dtype=np.int64), 100).interval(np.arange(5.0))
    assert (found.mean, found.frames, found.scenes) == (2.0, 5, 1)
    assert np.isnan([found.low, found.high, found.p_value]).all()


def test_scenes_that_take_no_part_leave_one_scene_without_interval():
    codes, _ = flat([[0.0, 0.0], [0.0], [0.0]])
    found = SceneBootstrap(codes, 100).interval(np.array([1.0, 3.0, np.nan, np.nan]))
    assert (found.mean, found.frames, found.scenes) == (2.0, 2, 1)
    assert np.isnan(found.low)


def test_drawn_means_are_unknown_where_no_frame_is_drawn():
    drawn = SceneBootstrap(np.arange(5), 500).drawn_means(np.array([[1.0], [3.0], [np.nan], [np.nan], [np.nan]]))
    assert drawn.shape == (1, 500)
    assert 0.04 < np.isnan(drawn).mean() < 0.12, "(3 / 5) ** 5 of the draws have neither scene"
    assert set(np.round(drawn[~np.isnan(drawn)], 9).tolist()) >= {1.0, 2.0, 3.0}
    assert np.nanmin(drawn) == 1.0
    assert np.nanmax(drawn) == 3.0


def test_nothing_known_is_unknown_and_not_zero():
    codes, values = flat(UNEQUAL)
    found = SceneBootstrap(codes, 100).interval(np.full(values.size, np.nan))
    assert np.isnan([found.mean, found.low, found.high, found.p_value]).all()
    assert (found.frames, found.scenes) == (0, 0)


def test_unknown_frames_are_left_out_of_mean_and_interval():
    codes, values = flat(UNEQUAL)
    more_codes, more_values = np.append(codes, [0, 2]), np.append(values, [np.nan, np.nan])
    assert SceneBootstrap(more_codes, 500, seed=2).interval(more_values) == SceneBootstrap(codes, 500, seed=2).interval(
        values
    )


@given(st.permutations(range(21)))
@settings(max_examples=25)
def test_the_order_of_frames_changes_nothing(order):
    codes, values = flat(EIGHT)
    first, other = (
        SceneBootstrap(codes[rows], 200, seed=2).interval(values[rows]) for rows in (np.arange(21), np.array(order))
    )
    assert [other.mean, other.low, other.high] == pytest.approx([first.mean, first.low, first.high], rel=1e-9)
    assert (other.p_value, other.frames, other.scenes) == (first.p_value, first.frames, first.scenes)


@given(st.lists(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=4), min_size=2, max_size=9), st.integers(0, 5))
@settings(max_examples=50)
def test_p_is_a_probability_above_zero_and_the_interval_is_in_order(scenes, seed):
    codes, values = flat(scenes)
    found = SceneBootstrap(codes, 200, seed).interval(values)
    assert 0 < found.p_value <= 1
    assert found.low <= found.high
    assert found.scenes >= FEWEST_SCENES_DRAWN or found.low - 1e-9 <= found.mean <= found.high + 1e-9


def test_p_is_small_only_where_the_mean_is_surely_not_zero():
    rng = np.random.default_rng(5)
    codes, noise = np.repeat(np.arange(30), 5), rng.normal(size=150)
    bootstrap = SceneBootstrap(codes, 2000)
    far, near = bootstrap.interval(noise + 2.0), bootstrap.interval(noise - noise.mean())
    assert 0 < far.p_value < 1e-10, "the number of draws sets no floor"
    assert near.p_value > 0.5
    assert bootstrap.interval(-(noise + 2.0)).p_value == far.p_value


def test_no_difference_anywhere_is_p_one():
    codes, values = flat(UNEQUAL)
    found = SceneBootstrap(codes, 100).interval(np.zeros(values.size))
    assert (found.mean, found.low, found.high, found.p_value) == (0.0, 0.0, 0.0, 1.0)


def test_the_same_seed_gives_the_same_numbers_and_another_one_others():
    codes, values = flat(EIGHT)
    again = [SceneBootstrap(codes, 300, seed).interval(values) for seed in (1, 1, 2)]
    assert again[0] == again[1]
    assert (again[0].low, again[0].high) != (again[2].low, again[2].high)


def test_columns_share_their_draws():
    codes, values = flat(EIGHT)
    bootstrap = SceneBootstrap(codes, 300)
    together = bootstrap.intervals(np.column_stack([values, values + 1.0, np.full(values.size, np.nan)]))
    alone = bootstrap.interval(values)
    assert [together[0].low, together[0].high] == pytest.approx([alone.low, alone.high], rel=1e-9)
    assert [together[1].low - together[0].low, together[1].high - together[0].high] == pytest.approx(
        [1.0, 1.0], rel=1e-9
    )
    assert np.isnan(together[2].mean)
