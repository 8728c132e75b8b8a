"""Scene-clustered intervals: against full enumeration, against simulation, and against frames that know each other."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightemma.evaluation.statistics import SceneBootstrap

#: Four scenes of unequal length, so that frames and not scenes are averaged.
UNEQUAL = [[1.0, 2.0, 3.0], [-4.0], [0.5, 0.5, 2.5, 1.0, 6.0], [-1.0, 0.2]]


def flat(scenes: list[list[float]]) -> tuple[np.ndarray, np.ndarray]:
    """Scene codes and values of frames."""
    codes = [code for code, values in enumerate(scenes) for _ in values]
    return np.array(codes), np.array([value for values in scenes for value in values])


def every_resample(scenes: list[list[float]]) -> list[float]:
    """Means of all equally likely resamples, each scene with all its frames: plain loops, no draws."""
    means = []
    for drawn in product(scenes, repeat=len(scenes)):
        frames = [value for scene in drawn for value in scene]
        means.append(sum(frames) / len(frames))
    return sorted(means)


def test_the_interval_is_that_of_all_possible_resamples():
    codes, values = flat(UNEQUAL)
    exact = every_resample(UNEQUAL)
    found = SceneBootstrap(codes, resamples=40_000, seed=1).interval(values)
    assert found.mean == pytest.approx(values.mean(), rel=1e-12)
    # Random draws hit the exact quantiles to within a few resamples' places in the sorted list.
    spread = {"low": (0.020, 0.030), "high": (0.970, 0.980)}
    for end, (below, above) in spread.items():
        allowed = np.quantile(exact, [below, above])
        assert allowed[0] - 1e-9 <= getattr(found, end) <= allowed[1] + 1e-9
    at_or_below = sum(mean <= 0 for mean in exact) / len(exact)
    assert found.p_value == pytest.approx(2 * min(at_or_below, 1 - at_or_below), abs=0.02)
    assert (found.frames, found.scenes) == (11, 4)


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
    assert 0.89 <= coverage(clustered=True) <= 0.99
    assert coverage(clustered=False) < 0.6


def test_one_scene_gives_a_mean_and_no_interval():
    found = SceneBootstrap(np.zeros(5, dtype=np.int64), 100).interval(np.arange(5.0))
    assert (found.mean, found.frames, found.scenes) == (2.0, 5, 1)
    assert np.isnan([found.low, found.high, found.p_value]).all()


def test_scenes_that_take_no_part_leave_one_scene_without_interval():
    codes, _ = flat([[0.0, 0.0], [0.0], [0.0]])
    found = SceneBootstrap(codes, 100).interval(np.array([1.0, 3.0, np.nan, np.nan]))
    assert (found.mean, found.frames, found.scenes) == (2.0, 2, 1)
    assert np.isnan(found.low)


def test_draws_without_a_known_frame_do_not_spoil_the_interval():
    codes = np.arange(5)
    found = SceneBootstrap(codes, 500).interval(np.array([1.0, 3.0, np.nan, np.nan, np.nan]))
    assert (found.mean, found.low, found.high) == (2.0, 1.0, 3.0)
    assert (found.frames, found.scenes) == (2, 2)


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


@given(st.permutations(range(11)))
@settings(max_examples=25)
def test_the_order_of_frames_changes_nothing(order):
    codes, values = flat(UNEQUAL)
    first, other = (
        SceneBootstrap(codes[rows], 200, seed=2).interval(values[rows]) for rows in (np.arange(11), np.array(order))
    )
    assert [other.mean, other.low, other.high] == pytest.approx([first.mean, first.low, first.high], rel=1e-12)
    assert (other.p_value, other.frames, other.scenes) == (first.p_value, first.frames, first.scenes)


@given(st.lists(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=4), min_size=2, max_size=5), st.integers(0, 5))
@settings(max_examples=50)
def test_p_is_a_probability_above_zero_and_the_interval_is_in_order(scenes, seed):
    codes, values = flat(scenes)
    found = SceneBootstrap(codes, 200, seed).interval(values)
    assert 0 < found.p_value <= 1
    assert found.low <= found.high
    assert values.min() - 1e-9 <= found.low
    assert found.high <= values.max() + 1e-9


def test_p_is_small_only_where_the_mean_is_surely_not_zero():
    rng = np.random.default_rng(5)
    codes, noise = np.repeat(np.arange(30), 5), rng.normal(size=150)
    bootstrap = SceneBootstrap(codes, 2000)
    far, near = bootstrap.interval(noise + 2.0), bootstrap.interval(noise - noise.mean())
    assert far.p_value == pytest.approx(2 / 2001), "the least there can be"
    assert near.p_value > 0.5
    assert bootstrap.interval(-(noise + 2.0)).p_value == far.p_value


def test_no_difference_anywhere_is_p_one():
    codes, values = flat(UNEQUAL)
    found = SceneBootstrap(codes, 100).interval(np.zeros(values.size))
    assert (found.mean, found.low, found.high, found.p_value) == (0.0, 0.0, 0.0, 1.0)


def test_the_same_seed_gives_the_same_numbers_and_another_one_others():
    codes, values = flat(UNEQUAL)
    again = [SceneBootstrap(codes, 300, seed).interval(values) for seed in (1, 1, 2)]
    assert again[0] == again[1]
    assert (again[0].low, again[0].high) != (again[2].low, again[2].high)


def test_columns_share_their_draws():
    codes, values = flat(UNEQUAL)
    bootstrap = SceneBootstrap(codes, 300)
    together = bootstrap.intervals(np.column_stack([values, values + 1.0, np.full(values.size, np.nan)]))
    assert together[0] == bootstrap.interval(values)
    assert [together[1].low - together[0].low, together[1].high - together[0].high] == pytest.approx([1.0, 1.0])
    assert np.isnan(together[2].mean)
