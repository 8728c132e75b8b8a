"""Intervals of shares: against the exact ones, by hand, on rare events, and who has too few."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightemma.evaluation.statistics.cr2 import SceneIntervals
from lightemma.evaluation.statistics.shares import TOO_FEW, Share, few_events, shares
from lightemma.evaluation.statistics.student_t import beta_quantile, quantile
from lightemma.evaluation.tables.copies import Copies
from lightemma.evaluation.tables.errors import Errors
from lightemma.evaluation.tables.summary import Summary
from tests.evaluation.made_runs import drives, made_run, steady_study


def share(codes: np.ndarray, events: np.ndarray) -> Share:
    return shares(SceneIntervals(codes), events[:, None].astype(float))[0]


def binomial_tail(k: int, n: int, p: float) -> float:
    """Chance of k or more events among n."""
    return sum(math.comb(n, j) * p**j * (1 - p) ** (n - j) for j in range(k, n + 1))


@pytest.mark.parametrize(("events", "frames"), [(1, 12), (3, 20), (10, 20), (40, 45)])
def test_the_ends_of_single_frames_are_those_of_clopper_and_pearson(events, frames):
    low, high = beta_quantile(0.025, events, frames - events + 1), beta_quantile(0.975, events + 1, frames - events)
    assert binomial_tail(events, frames, low) == pytest.approx(0.025, rel=1e-9)
    assert binomial_tail(events + 1, frames, high) == pytest.approx(0.975, rel=1e-9)
    # One frame a scene: the design effect is 1.
    found = share(np.arange(frames), np.arange(frames) < events)
    assert [found.share, found.low, found.high] == pytest.approx([events / frames, low, high])


@given(st.floats(0.001, 0.999), st.floats(0.2, 1e4), st.floats(0.2, 1e4))
@settings(max_examples=100, deadline=None)
def test_beta_quantiles_rise_and_mirror(tail, a, b):
    value = beta_quantile(tail, a, b)
    assert 0 <= value <= 1
    assert beta_quantile(min(tail + 0.0005, 0.9999), a, b) >= value
    assert 1 - beta_quantile(1 - tail, b, a) == pytest.approx(value, abs=1e-7)


def test_frames_of_a_scene_that_agree_count_as_one():
    alone = share(np.arange(20), np.arange(20) < 6)
    together = share(np.repeat(np.arange(20), 10), np.repeat(np.arange(20) < 6, 10))
    assert together.share == alone.share
    # A variance of p (1 - p) / 19, so that of 200 frames n_eff is 19 * 200 / 199; shrunk by (t(199) / t(19))^2.
    size = 19 * 200 / 199 * (quantile(0.975, 199) / quantile(0.975, 19)) ** 2
    assert together.low == pytest.approx(beta_quantile(0.025, 0.3 * size, 0.7 * size + 1))
    assert together.high == pytest.approx(beta_quantile(0.975, 0.3 * size + 1, 0.7 * size))


def test_no_event_is_not_surely_none():
    codes = np.repeat(np.arange(10), 30)
    never, always = share(codes, np.zeros(300)), share(codes, np.ones(300))
    # As ten independent frames without one: 1 - 0.025^(1/10).
    assert (never.low, never.high) == (0.0, pytest.approx(1 - 0.025**0.1))
    assert (always.low, always.high) == (pytest.approx(0.025**0.1), 1.0)
    assert (never.mark, always.mark) == (TOO_FEW, "")


@given(st.lists(st.lists(st.booleans(), min_size=1, max_size=8), min_size=2, max_size=12))
@settings(max_examples=80, deadline=None)
def test_an_interval_holds_its_share_and_stays_between_zero_and_one(scenes):
    codes = np.array([code for code, scene in enumerate(scenes) for _ in scene])
    found = share(codes, np.array([event for scene in scenes for event in scene]))
    assert 0 <= found.low <= found.share + 1e-12
    assert found.share - 1e-12 <= found.high <= 1
    assert found.event_scenes == sum(any(scene) for scene in scenes)
    assert (found.mark == TOO_FEW) == (found.event_scenes < 5)


def test_one_scene_has_no_interval_and_no_frame_no_share():
    one = share(np.zeros(4, dtype=np.int64), np.array([1, 0, 0, 1]))
    assert (one.share, one.mark) == (0.5, TOO_FEW)
    assert np.isnan([one.low, one.high]).all()
    none = share(np.arange(3), np.full(3, np.nan))
    assert math.isnan(none.share)
    assert none.mark == ""


def test_rare_clustered_events_are_covered():
    rng = np.random.default_rng(3)
    scenes, frames, studies = 40, 20, 400
    codes = np.repeat(np.arange(scenes), frames)
    # One scene in ten has the event, there on half of the frames: 5 % of frames.
    chance = np.where(rng.random((scenes, studies)) < 0.1, 0.5, 0.0)
    events = (rng.random((scenes * frames, studies)) < chance[codes]).astype(float)
    found = shares(SceneIntervals(codes), events)
    assert np.mean([one.low <= 0.05 <= one.high for one in found]) >= 0.94


def test_tables_name_the_shares_with_too_few_events():
    frames = drives({f"s-{n}": [5.0, 6.0] for n in range(9)})
    plans = [None if n in (0, 4, 5) else 5.0 if n % 4 == 1 else 6.0 if n % 2 else 9.0 for n in range(18)]
    study = steady_study(made_run("vlm", frames, plans))
    row = next(row for row in Summary().build(study) if row.run == "vlm")
    assert row.few_events == "format_error_rate, call_error_rate"
    assert (row.format_error_rate, row.call_error_rate) == (3 / 18, 0.0)
    assert row.format_error_rate_ci_low < 3 / 18 < row.format_error_rate_ci_high
    assert (row.call_error_rate_ci_low, row.call_error_rate_ci_high) == (0.0, pytest.approx(1 - 0.025 ** (1 / 9)))
    assert row.miss_rate_2m_ci_low < row.miss_rate_2m < row.miss_rate_2m_ci_high
    marks = {(one.run, one.outcome): one.few_events for one in Errors().build(study)}
    assert marks["vlm", "format:prose"] == TOO_FEW
    assert marks["vlm", "ok"] == ""
    copies = next(one for one in Copies().build(study) if one.run == "vlm")
    assert copies.share_ci_low < copies.share < copies.share_ci_high
    assert few_events({}) == ""
