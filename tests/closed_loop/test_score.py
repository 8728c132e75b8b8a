"""The driving score: what every fault costs, and the tables made from it."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightemma.closed_loop.comfort import harsh_seconds, standing_seconds
from lightemma.closed_loop.driving_score import score_of
from lightemma.closed_loop.records import Crash, EpisodeOutcome
from lightemma.closed_loop.results import results_of
from lightemma.closed_loop.spec import LoopRules
from lightemma.closed_loop.study import load_driven
from lightemma.closed_loop.tables.closed_loop import ClosedLoopRow
from lightemma.errors import UserError
from lightemma.evaluation.tables.files import write_tables
from tests.closed_loop.test_episodes_of_world import Sight, scripted, tour

CLEAN = EpisodeOutcome(
    end="goal",
    time_s=20.0,
    progress=1.0,
    crashes=[],
    red_lights=0,
    off_road=False,
    wrong_side=0,
    min_ttc_s=2.0,
    harsh_s=0.0,
    standing_s=0.0,
)


def changed(**changes) -> EpisodeOutcome:
    return msgspec.structs.replace(CLEAN, **changes)


def test_a_clean_drive_to_the_goal_is_worth_100():
    parts = score_of(CLEAN)
    assert (parts.score, parts.success) == (100.0, True)


@pytest.mark.parametrize(
    ("outcome", "score"),
    [
        (changed(end="time-out", progress=0.4), 28.0),
        (changed(end="stuck", progress=0.0), 0.0),
        # At half the expert's pace not to arrive costs 0.7, at a tenth a fifth of that.
        (changed(end="time-out", progress=0.4, expert_time_s=10.0), 28.0 * (1 + (5 + 2.5 + 2) / 12) / 2),
        (changed(end="time-out", progress=0.4, expert_time_s=2.0), 5.6 * (1 + (5 + 0.5 + 2) / 12) / 2),
        (changed(end="stuck", progress=0.4, expert_time_s=2.0), 5.6 * (1 + (5 + 0.5 + 2) / 12) / 2),
        (changed(end="collision", progress=0.9, crashes=[Crash(9.0, "person", True)]), 0.0),
        (changed(end="collision", progress=0.9, crashes=[Crash(9.0, "vehicle", True)]), 0.0),
        (changed(end="collision", progress=0.8, crashes=[Crash(9.0, "thing", True)]), 40.0),
        (changed(end="collision", progress=0.8, crashes=[Crash(9.0, "vehicle", False)]), 80.0),
        (changed(red_lights=1), 50.0),
        (changed(red_lights=2), 25.0),
        (changed(end="off-road", progress=0.6, off_road=True), 30.0),
        (changed(wrong_side=1), 50.0),
        (changed(min_ttc_s=None), 100.0),
        (changed(min_ttc_s=0.475), 100.0 * (1 + (2.5 + 5 + 2) / 12) / 2),
        (changed(expert_time_s=10.0), 100.0 * (1 + (5 + 2.5 + 2) / 12) / 2),
        (changed(expert_time_s=30.0), 100.0),
        (changed(end="off-route", progress=0.5, off_route=True), 25.0),
        (changed(harsh_s=10.0), 100.0 * (1 + (5 + 5 + 1) / 12) / 2),
    ],
)
def test_every_fault_costs_what_the_documentation_says(outcome, score):
    assert score_of(outcome).score == pytest.approx(score)


def test_unknown_factors_do_not_lower_the_score_and_stay_unknown():
    parts = score_of(EpisodeOutcome(end="goal", time_s=20.0, progress=0.5))
    assert (parts.score, parts.success) == (50.0, True)
    assert [parts.collision, parts.red_light, parts.off_road, parts.side, parts.comfort] == [None] * 5
    assert score_of(EpisodeOutcome(end="time-out", time_s=20.0, red_lights=1)).score is None


@pytest.mark.parametrize(
    "faults",
    [
        {"end": "time-out"},
        {"red_lights": 1},
        {"off_road": True},
        {"end": "off-route", "off_route": True},
        {"crashes": [Crash(1.0, "thing", True)]},
    ],
)
def test_a_fault_is_no_success(faults):
    assert not score_of(changed(**faults)).success


outcomes = st.builds(
    EpisodeOutcome,
    end=st.sampled_from(["goal", "collision", "off-road", "time-out", "stuck"]),
    time_s=st.floats(0.05, 60.0),
    progress=st.floats(0.0, 1.0),
    crashes=st.lists(st.builds(Crash, st.just(1.0), st.sampled_from(["person", "vehicle", "thing"]), st.booleans())),
    red_lights=st.integers(0, 3),
    off_road=st.booleans(),
    wrong_side=st.integers(0, 2),
    min_ttc_s=st.none() | st.floats(0.0, 3.0),
    harsh_s=st.floats(0.0, 60.0),
)


@given(outcomes)
def test_the_score_is_between_0_and_100_and_below_the_progress(outcome):
    assert 0.0 <= score_of(outcome).score <= 100.0 * outcome.progress + 1e-9


@given(outcomes, st.sampled_from(["red_lights", "wrong_side", "harsh_s"]))
def test_one_more_fault_never_raises_the_score(outcome, what):
    worse = msgspec.structs.replace(outcome, **{what: getattr(outcome, what) + 1})
    assert score_of(worse).score <= score_of(outcome).score


def test_harshness_counts_what_is_beyond_the_bounds():
    import numpy as np

    straight = np.zeros(5)
    assert harsh_seconds(np.full(5, 10.0), straight) == 0.0
    # 5 m/s lost in half a second, and the jerk into and out of it.
    assert harsh_seconds(np.array([10.0, 10.0, 5.0, 5.0, 5.0]), straight) == 1.0
    # 10 m/s on a circle of 10 m: 10 m/s² across.
    assert harsh_seconds(np.full(5, 10.0), np.full(5, 0.1)) == 2.0
    assert standing_seconds(np.array([5.0, 0.05, 0.0, 5.0])) == 1.0


def test_tables_of_several_runs(tmp_path):
    tour(tmp_path, ["stop", "constant-action", "expert"], scenarios=["open", "light"], seeds=[0, 1]).run()
    names = ["drive-stop", "drive-constant-action", "drive-expert"]
    results = results_of([load_driven(tmp_path / name) for name in names])
    stop, constant, _ = results.closed_loop
    assert (stop.stuck_rate, constant.stuck_rate) == (1.0, 0.0)
    assert constant.driving_score == pytest.approx(75.0)  # 100 on the open road, 50 past the light
    assert (constant.ci_low, constant.ci_high) == (0.0, 100.0)  # two scenarios give no usable interval
    assert (constant.success_rate, constant.red_light_rate) == (0.5, 0.5)
    assert constant.l2_expert == 0.0
    pairs = {(row.run, row.reference): row for row in results.closed_loop_paired}
    assert pairs["drive-expert", "drive-constant-action"].diff == 0.0
    assert pairs["drive-constant-action", "drive-stop"].better == 4
    files = write_tables(results, tmp_path / "tables")
    assert {path.suffix for path in files} == {".csv", ".md", ".tex"}
    with (tmp_path / "tables" / "closed_loop.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == list(ClosedLoopRow.__dataclass_fields__)
    assert float(rows[1]["driving_score"]) == constant.driving_score
    with (tmp_path / "tables" / "episodes.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 12


def test_tokens_cost_and_missing_answers_reach_the_table(tmp_path):
    tour(tmp_path, backend=Sight(), scenarios=["open"], seeds=[0, 1]).run()
    (row,) = results_of([load_driven(tmp_path / "drive-sight")]).closed_loop
    assert row.decisions == 40
    assert (row.input_tokens, row.output_tokens) == (3000.0, 3.0)
    assert row.cost_usd == pytest.approx(120.0)
    assert row.latency_mean_s == pytest.approx(0.6)
    shy = scripted({"scene": ["A road."], "intent": ["Go."], "action": ["No."]})
    tour(tmp_path, backend=shy, scenarios=["open"], seeds=[0]).run()
    (row,) = results_of([load_driven(tmp_path / "drive-scripted")]).closed_loop
    assert (row.answers_missing_rate, row.format_error_rate, row.call_error_rate) == (1.0, 1.0, 0.0)
    assert math.isnan(row.ci_low)
    assert math.isnan(row.l2_expert)


def test_runs_under_other_rules_are_not_compared(tmp_path):
    for rules in (LoopRules(), LoopRules(replan=2)):
        tour(tmp_path, ["stop"], scenarios=["open"], seeds=[0], rules=rules).run()
    with pytest.raises(UserError, match="other rules"):
        results_of([load_driven(tmp_path / "drive-stop"), load_driven(tmp_path / "drive-stop+replan-2")])


def test_an_open_loop_run_is_no_closed_loop_run(tmp_path):
    from tests.conftest import make_frames, steady_run

    folder: Path = steady_run(tmp_path, "open", make_frames(), 5.0)
    with pytest.raises(UserError, match="no closed-loop run"):
        load_driven(folder)
