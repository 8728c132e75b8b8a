"""Leaving scenes out one by one."""

from __future__ import annotations

import pytest

from lightemma.evaluation.tables.influence import SHOWN, Influence
from tests.evaluation.made_runs import AVERAGE, drives, made_run, steady_study

FRAMES = drives({f"s-{n}": [5.0, 5.0] for n in range(9)})


def test_the_scene_that_decides_is_first_and_flips_the_sign():
    # Off by 1 m/s at eight scenes where the baseline is off by 1.2, and by 12 at the ninth.
    frames = drives({f"s-{n}": [6.2, 6.2] for n in range(8)} | {"odd": [5.0, 5.0]})
    run = made_run("vlm", frames, [7.2 - 0.01 * (n % 2) for n in range(16)] + [17.0, 17.0])
    rows = Influence().build(steady_study(run))
    assert len(rows) == SHOWN == 5
    first = rows[0]
    whole = (16 * -0.205 + 2 * 12) / 18 * AVERAGE
    assert (first.run, first.scene, first.frames, first.flips) == ("vlm", "odd", 2, "yes")
    assert first.diff_without == pytest.approx(-0.205 * AVERAGE)
    assert first.shift == pytest.approx(-0.205 * AVERAGE - whole)
    assert [abs(row.shift) for row in rows] == sorted((abs(row.shift) for row in rows), reverse=True)


def test_nothing_flips_where_all_scenes_agree():
    rows = Influence().build(steady_study(made_run("vlm", FRAMES, [7.0 + 0.1 * (n % 5) for n in range(18)])))
    assert {row.flips for row in rows} == {""}
    assert {row.run for row in rows} == {"vlm"}, "the baseline has no difference to itself"


def test_one_scene_that_makes_it_significant_or_not_flips():
    # Eight scenes say +1 with little spread, the ninth -4: the mean is above zero with and without, surely only without.
    plans = [6.0 + 0.02 * (n % 3) for n in range(16)] + [5.0, 5.0]
    frames = drives({f"s-{n}": [5.0, 5.0] for n in range(8)} | {"odd": [9.0, 9.0]})
    plans[16:] = [9.0, 9.0]
    odd = Influence().build(steady_study(made_run("vlm", frames, plans)))[0]
    assert (odd.scene, odd.flips) == ("odd", "yes")
    assert odd.diff_without > 0


def test_scenes_that_failed_are_not_left_out():
    run = made_run("vlm", FRAMES, [None] * 14 + [6.0, 6.5, 7.0, 7.5])
    assert {row.scene for row in Influence().build(steady_study(run))} == {"s-7", "s-8"}


def test_a_single_scene_has_no_rows():
    frames = drives({"only": [5.0, 6.0]})
    assert Influence().build(steady_study(made_run("vlm", frames, [5.5, 5.5]))) == []
