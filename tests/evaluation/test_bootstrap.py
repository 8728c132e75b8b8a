"""Draws of scenes: against full enumeration, who has none, and that the seed decides."""

from __future__ import annotations

from itertools import combinations_with_replacement
from math import factorial, prod, sqrt

import numpy as np
import pytest

from lightemma.evaluation.statistics.bootstrap import FEWEST_SCENES, SceneBootstrap

#: Eight scenes of unequal length, so that frames and not scenes are averaged.
EIGHT = [
    [1.0, 2.0, 3.0], [-4.0], [0.5, 0.5, 2.5, 1.0, 6.0], [-1.0, 0.2], [2.0, 2.5], [0.0, -1.0, 4.0], [3.0],
    [1.5, -0.5, 0.3, 0.2],
]  # fmt: skip


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
    low, high = SceneBootstrap(codes, resamples=40_000, seed=1, fewest=8).ends(values[:, None])[0]
    # Random draws hit the exact quantiles to within a few resamples' places in the sorted list.
    for end, shares in ((low, (0.972, 0.978)), (high, (0.022, 0.028))):
        first, last = (mean - error * ratios[np.searchsorted(below, share)] for share in shares)
        assert min(first, last) - 1e-9 <= end <= max(first, last) + 1e-9


def test_fewer_than_a_hundred_scenes_have_no_drawn_interval():
    rng = np.random.default_rng(1)
    enough, few = rng.normal(size=FEWEST_SCENES), rng.normal(size=FEWEST_SCENES)
    few[0] = np.nan
    found = SceneBootstrap(np.arange(FEWEST_SCENES), 200).ends(np.column_stack([enough, few]))
    assert found[0][0] < enough.mean() < found[0][1]
    assert np.isnan(found[1]).all()


def test_where_all_scenes_agree_the_drawn_interval_is_a_point():
    assert SceneBootstrap(np.arange(120), 200).ends(np.full((120, 1), 0.5)) == [(0.5, 0.5)]


def test_many_draws_of_one_scene_do_not_make_the_interval_endless():
    # Eight scenes of two hundred take part: some draws have one of them, or none.
    values = np.full(200, np.nan)
    values[::25] = [1.0, 2.0, 3.0, 5.0, 2.0, 1.0, 4.0, 2.5]
    low, high = SceneBootstrap(np.arange(200), 400, fewest=8).ends(values[:, None])[0]
    assert np.isfinite([low, high]).all()
    assert low < 2.5625 < high


def test_drawn_means_are_unknown_where_no_frame_is_drawn():
    drawn = SceneBootstrap(np.arange(5), 500).drawn_means(np.array([[1.0], [3.0], [np.nan], [np.nan], [np.nan]]))
    assert drawn.shape == (1, 500)
    assert 0.04 < np.isnan(drawn).mean() < 0.12, "(3 / 5) ** 5 of the draws have neither scene"
    assert set(np.round(drawn[~np.isnan(drawn)], 9).tolist()) >= {1.0, 2.0, 3.0}
    assert np.nanmin(drawn) == 1.0
    assert np.nanmax(drawn) == 3.0


def test_the_same_seed_gives_the_same_ends_and_another_one_others():
    codes, values = flat(EIGHT)
    again = [SceneBootstrap(codes, 300, seed, fewest=8).ends(values[:, None]) for seed in (1, 1, 2)]
    assert again[0] == again[1]
    assert again[0] != again[2]


def test_columns_share_their_draws():
    codes, values = flat(EIGHT)
    bootstrap = SceneBootstrap(codes, 300, fewest=8)
    together = bootstrap.ends(np.column_stack([values, values + 1.0, np.full(values.size, np.nan)]))
    assert together[0] == pytest.approx(bootstrap.ends(values[:, None])[0], rel=1e-9)
    assert np.subtract(together[1], together[0]) == pytest.approx([1.0, 1.0], rel=1e-9)
    assert np.isnan(together[2]).all()
