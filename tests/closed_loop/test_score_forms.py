"""Other benchmarks' forms of the score, and the blind schedules."""

from __future__ import annotations

import numpy as np
import pytest

from lightemma.closed_loop.blind import SCHEDULES, TIMER, BlindTimer, Schedule
from lightemma.closed_loop.records import Crash
from lightemma.closed_loop.score_forms import FORMS
from lightemma.closed_loop.spec import EpisodeSpec
from tests.closed_loop.test_score import CLEAN, changed


@pytest.mark.parametrize("form", FORMS)
def test_a_clean_drive_is_worth_100_in_every_form(form):
    assert FORMS[form](CLEAN) == pytest.approx(100.0)


@pytest.mark.parametrize(
    ("form", "outcome", "score"),
    [
        ("carla_2_0", changed(progress=0.5, crashes=[Crash(1.0, "person", False)]), 25.0),
        ("carla_2_0", changed(crashes=[Crash(1.0, "vehicle", True)], red_lights=2), 100 * 0.6 * 0.49),
        ("carla_2_0", changed(end="time-out", progress=0.8), 56.0),
        ("carla_2_1", changed(progress=0.5, crashes=[Crash(1.0, "person", True)]), 25.0),
        ("carla_2_1", changed(red_lights=1, end="time-out"), 100 / 1.8),
        ("navsim_v1", changed(off_road=True), 0.0),
        ("navsim_v1", changed(crashes=[Crash(1.0, "thing", True)]), 50.0),
        ("navsim_v1", changed(crashes=[Crash(1.0, "vehicle", False)]), 100.0),
        ("navsim_v1", changed(min_ttc_s=0.9, harsh_s=0.5, progress=0.2), 100 / 12),
    ],
)
def test_every_form_counts_as_published(form, outcome, score):
    assert FORMS[form](outcome) == pytest.approx(score)


def test_unknown_progress_gives_no_score():
    assert all(np.isnan(form(changed(progress=None))) for name, form in FORMS.items())


def test_a_blind_schedule_reads_nothing_of_the_world():
    plan = BlindTimer(Schedule(1.5, 4.0, 9.0)).begin(EpisodeSpec("red-light", 1))
    plans = [plan(None) for _ in range(9)]  # type: ignore[arg-type]
    assert plans[0][:, 0].tolist() == [1.5] * 6
    assert plans[3][:, 0].tolist() == [1.5] * 5 + [9.0]
    assert plans[8][:, 0].tolist() == [9.0] * 6
    assert not np.any([one[:, 1] for one in plans])


def test_thirty_or_more_schedules_with_names_of_their_own():
    assert len({one.name for one in SCHEDULES}) == len(SCHEDULES) >= 30
    assert TIMER in SCHEDULES
