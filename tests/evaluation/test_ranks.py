"""Places: what they are over, who has none, and how far they spread."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightemma.evaluation.tables.ranks import Ranks
from tests.evaluation.made_runs import AVERAGE, drives, made_run, random_runs, steady_study

FRAMES = drives({f"s-{n}": [5.0, 5.0] for n in range(10)})


def ranks(*runs):
    return {row.run: row for row in Ranks().build(steady_study(*runs))}


def test_clear_differences_are_clear_places():
    found = ranks(made_run("a", FRAMES, [7.0] * 20), made_run("b", FRAMES, [6.0] * 20))
    assert [(row.rank, row.rank_low, row.rank_high, row.share_best) for row in found.values()] == [
        (3, 3, 3, 0.0),
        (2, 2, 2, 0.0),
        (1, 1, 1, 1.0),
    ]
    assert found["a"].l2_avg == pytest.approx(2 * AVERAGE)


def test_twins_share_a_place():
    found = ranks(
        made_run("a", FRAMES, [6.0] * 20), made_run("b", FRAMES, [6.0] * 20), made_run("c", FRAMES, [9.0] * 20)
    )
    assert [found[run].rank for run in ("a", "b", "c")] == [2, 2, 4]


def test_a_run_that_mostly_failed_is_not_ranked_and_takes_no_frames():
    failing = made_run("failing", FRAMES, [None] * 11 + [5.0] * 9)
    half = made_run("half", FRAMES, [None] * 10 + [6.0] * 10)
    found = ranks(failing, half)
    assert (found["failing"].rank, found["failing"].rank_low, found["failing"].frames) == (None, None, 0)
    assert math.isnan(found["failing"].share_best)
    assert (found["half"].rank, found["half"].frames) == (2, 10)
    assert found["constant-action"].frames == 10, "the frames that half has"


def test_no_shared_frame_is_no_ranking():
    found = ranks(made_run("a", FRAMES, [None] * 10 + [5.0] * 10), made_run("b", FRAMES, [5.0] * 10 + [None] * 10))
    assert {row.rank for row in found.values()} == {None}


@given(st.integers(0, 10_000), st.integers(1, 4), st.sampled_from([0.0, 0.1]))
@settings(max_examples=25, deadline=None)
def test_an_interval_holds_its_place(seed, count, failed):
    rows = Ranks().build(steady_study(*random_runs(count, 9, seed, failed)))
    ranked = [row for row in rows if row.rank is not None]
    assert all(1 <= row.rank_low <= row.rank <= row.rank_high <= len(ranked) for row in ranked)
    if ranked:
        assert sum(row.share_best for row in ranked) >= 1 - 1e-9
        assert sorted(ranked, key=lambda row: row.l2_avg)[0].rank == 1
