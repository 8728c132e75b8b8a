"""A comparison small enough to work out by hand: three scenes, straight roads, plans that are off by whole metres."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from lightemma.errors import UserError
from lightemma.evaluation.comparison import Comparison, compare_runs
from lightemma.evaluation.scene_context import SceneContext
from lightemma.evaluation.scores import RunScores, baseline_scores, load_scores
from lightemma.run_folder.manifest import ModelEntry, PromptsEntry
from lightemma.run_folder.records import CallRecord, Usage
from lightemma.scene_facts import SceneFacts
from tests.conftest import make_frame, make_manifest, make_record, steady, steady_run, write_run
from tests.evaluation.made_runs import made_run

# The car drives at 5 m/s and then, by scene, at 5, 6 and 7 m/s: constant-action is off by 0, 1 and 2 m/s.
SCENES = {"scene-1": (5.0, 2), "scene-2": (6.0, 1), "scene-3": (7.0, 1)}
FRAMES = [
    make_frame(scene, index, driven=steady(speed)) for scene, (speed, count) in SCENES.items() for index in range(count)
]
TOKENS = [frame.sample_token for frame in FRAMES]
AVERAGE = 1.75  # lightemma's average L2 of a straight plan 1 m/s too fast or too slow


@pytest.fixture
def make(tmp_path):
    def scores(run: str, speed: float = 6.0, failed: dict[str, str] | None = None, frames=FRAMES, **more) -> RunScores:
        return load_scores(steady_run(tmp_path, run, frames, speed, failed, **more))

    return scores


def rows(comparison: Comparison, table: str) -> dict[str, dict]:
    return {
        row.run: {field.name: getattr(row, field.name) for field in fields(row)} for row in getattr(comparison, table)
    }


def compare(*runs: RunScores, **more) -> Comparison:
    return compare_runs(runs, **{"resamples": 500, **more})


def test_the_summary_of_three_scenes(make):
    # At 6 m/s the run is off by 1, 1, 0 and 1 m/s; the baseline by 0, 0, 1 and 2.
    found = compare(make("vlm"))
    vlm, baseline = rows(found, "summary")["vlm"], rows(found, "summary")["constant-action"]
    assert (found.frames, found.scenes, vlm["frames"], vlm["ok_frames"]) == (4, 3, 4, 4)
    assert vlm["l2_avg"] == pytest.approx(0.75 * AVERAGE)
    assert [vlm["l2_1s"], vlm["l2_2s"], vlm["l2_3s"], vlm["fde"]] == pytest.approx([0.5625, 1.3125, 2.0625, 2.25])
    assert baseline["l2_avg"] == pytest.approx(0.75 * AVERAGE)
    assert vlm["miss_rate_2m"] == 0.75, "3 m off at the end is a miss"
    assert vlm["diff_vs_baseline"] == pytest.approx(0.0, abs=1e-12)
    assert vlm["ci_low"] < 0 < vlm["ci_high"]
    assert (vlm["convention"], vlm["data"], vlm["model"], vlm["planner"]) == (
        "lightemma",
        "made-up:drives@v1.0-made-up",
        "vlm",
        "chain-of-thought",
    )


def test_a_run_is_scored_on_its_own_frames_and_a_difference_on_the_same(make):
    # Without scene-2: off by 1, 1 and 1 m/s against the baseline's 0, 0 and 2 there.
    vlm = rows(compare(make("vlm", failed={TOKENS[2]: "call:timeout"})), "summary")["vlm"]
    assert (vlm["frames"], vlm["ok_frames"], vlm["call_error_rate"], vlm["format_error_rate"]) == (4, 3, 0.25, 0.0)
    assert vlm["l2_avg"] == pytest.approx(AVERAGE)
    assert vlm["diff_vs_baseline"] == pytest.approx(AVERAGE / 3)


def test_three_scenes_of_unequal_length_take_the_interval_of_student(make):
    # Scene sums -2, 1 and 1 by 2, 1 and 1 frames of 4, mean 0: a variance of (4 / 0.5 + 2 / 0.75) / 16. Degrees of freedom:
    # 1 / (0.375 + 0.6667^2 - 0.2639) = 1.8, and t(1.8) = 4.7948.
    vlm = rows(compare(make("vlm")), "summary")["vlm"]
    reach = 4.7948 * np.sqrt(2 / 3) * AVERAGE
    assert [vlm["ci_low"], vlm["ci_high"]] == pytest.approx([-reach, reach], rel=1e-4)


@pytest.mark.parametrize(("convention", "factor"), [("lightemma", 1.75), ("endpoint", 2.0), ("cumulative", 1.25)])
def test_the_convention_goes_through_all_tables(make, convention, factor):
    found = compare(make("vlm", 7.0), convention=convention)
    vlm = rows(found, "summary")["vlm"]  # off by 2, 2, 1 and 0 m/s
    assert (vlm["convention"], vlm["l2_avg"]) == (convention, pytest.approx(1.25 * factor))
    assert vlm["diff_vs_baseline"] == pytest.approx(0.5 * factor)
    assert found.paired[0].diff == pytest.approx(0.5 * factor)
    whole = [row for row in found.conventions if (row.run, row.convention) == ("vlm", convention)]
    assert [row.l2_avg for row in whole] == pytest.approx([1.25 * factor])
    assert len(found.conventions) == 6, "all three are always computed"


def test_the_common_subset_says_who_removed_what(make):
    a = make("a", 6.0, {TOKENS[0]: "call:timeout", TOKENS[1]: "format:prose"})
    b = make("b", 7.0, {TOKENS[1]: "call:timeout"})
    found = compare(a, b)
    removed = {row.run: (row.frames_removed, row.frames_removed_alone) for row in found.common_removed}
    assert removed == {"a": (2, 1), "b": (1, 0), "constant-action": (0, 0)}
    common = rows(found, "common")  # scene-2 and scene-3 are left: 0 and 1, 1 and 0, 1 and 2 m/s off
    assert {run: row["ok_frames"] for run, row in common.items()} == dict.fromkeys(("a", "b", "constant-action"), 2)
    assert {run: row["frames"] for run, row in common.items()} == dict.fromkeys(("a", "b", "constant-action"), 4)
    assert [common[run]["l2_avg"] / AVERAGE for run in ("a", "b", "constant-action")] == pytest.approx([0.5, 0.5, 1.5])
    assert common["a"]["diff_vs_baseline"] == pytest.approx(-AVERAGE)


def test_no_common_frame_leaves_unknowns_and_not_zeros(make):
    a = make("a", failed=dict.fromkeys(TOKENS[:2], "call:timeout"))
    b = make("b", failed=dict.fromkeys(TOKENS[2:], "call:timeout"))
    common = rows(compare(a, b), "common")["a"]
    assert common["ok_frames"] == 0
    assert np.isnan([common["l2_avg"], common["miss_rate_2m"], common["diff_vs_baseline"], common["ci_low"]]).all()


def test_the_baseline_is_a_row_of_its_own_computed_or_given(make):
    computed = compare(make("vlm"))
    given = compare(make("vlm"), make("constant-action", 5.0, planner="constant-action"))
    renamed = compare(make("still-here", 5.0, planner="constant-action"), make("vlm"))
    assert list(rows(computed, "summary")) == ["vlm", "constant-action"]
    assert list(rows(given, "summary")) == ["vlm", "constant-action"]
    assert list(rows(renamed, "summary")) == ["still-here", "vlm"]
    for found, name in ((computed, "constant-action"), (given, "constant-action"), (renamed, "still-here")):
        row = rows(found, "summary")[name]
        assert (row["l2_avg"], row["diff_vs_baseline"], row["ci_low"]) == (pytest.approx(0.75 * AVERAGE), 0.0, 0.0)
        assert [(row.run, row.reference) for row in found.paired] == [("vlm", name)]


def test_all_pairs_are_compared_on_the_frames_both_have(make):
    a = make("a", 6.0)  # off by 1, 1, 0, 1
    b = make("b", 7.0, {TOKENS[2]: "format:prose"})  # 2, 2, -, 0
    found = {(row.run, row.reference): row for row in compare(a, b).paired}
    assert list(found) == [("a", "constant-action"), ("b", "constant-action"), ("a", "b")]
    pair = found["a", "b"]
    assert (pair.frames, pair.scenes) == (3, 2)
    assert pair.diff == pytest.approx((-1 - 1 + 1) / 3 * AVERAGE)
    assert 0 < pair.p_value <= 1


def test_a_single_scene_has_differences_without_intervals(make):
    found = compare(make("vlm", frames=FRAMES[:2]))
    vlm = rows(found, "summary")["vlm"]
    assert vlm["diff_vs_baseline"] == pytest.approx(AVERAGE)
    assert np.isnan([vlm["ci_low"], vlm["ci_high"], found.paired[0].p_value]).all()


def test_strata_split_each_runs_ok_frames(make):
    found = compare(make("vlm", failed={TOKENS[0]: "format:prose"}))
    vlm = {row.stratum: row for row in found.strata if row.run == "vlm"}
    # 5 to 6 m/s is a change of 1 m/s, 5 to 7 one of 2 m/s; 1.5 m/s in three seconds are the threshold.
    assert {name: row.frames for name, row in vlm.items() if name.startswith("manoeuvre")} == {
        "manoeuvre: cruising": 2,
        "manoeuvre: accelerating": 1,
    }
    assert vlm["manoeuvre: accelerating"].share == pytest.approx(1 / 3)
    assert vlm["manoeuvre: accelerating"].l2_avg == pytest.approx(AVERAGE)
    assert vlm["manoeuvre: accelerating"].diff_vs_baseline == pytest.approx(-AVERAGE)
    assert vlm["speed: 5-10 m/s"].frames == 3
    reference = [row for row in found.strata if row.run == "constant-action"]
    assert all((row.diff_vs_baseline, row.ci_low, row.ci_high) == (0.0, 0.0, 0.0) for row in reference)


def test_outcomes_are_counted_with_beyond_physics_apart(tmp_path):
    plans = [(steady(5.0), "ok"), (steady(500.0), "ok"), (None, "format:prose"), (None, "call:timeout")]
    records = [make_record(frame, *plan) for frame, plan in zip(FRAMES, plans, strict=True)]
    found = compare(load_scores(write_run(tmp_path, make_manifest("vlm", FRAMES), records)))
    counts = {row.outcome: (row.frames, row.share) for row in found.errors if row.run == "vlm"}
    assert counts == dict.fromkeys(("call:timeout", "format:prose", "ok", "ok:implausible"), (1, 0.25))


def priced_run(tmp_path) -> RunScores:
    """Seconds 1, 2, 3 and 10 on ok frames; the last call failed after its tokens were spent."""
    seconds = [1.0, 2.0, 3.0, 10.0]
    frames = [make_frame("scene-1", index) for index in range(4)] + [make_frame("scene-2", 0)]
    stages = [[CallRecord("scene", "?", "a", "ok", Usage(1000, 0, 200, 50), second)] for second in seconds]
    stages.append([CallRecord("scene", "?", "a", "ok", Usage(500, 0, 0, 0), 99.0)])
    outcomes = ["ok"] * 4 + ["call:timeout"]
    records = [
        make_record(frame, steady(5.0) if outcome == "ok" else None, outcome, made)
        for frame, outcome, made in zip(frames, outcomes, stages, strict=True)
    ]
    model = ModelEntry("vlm", "scripted", "m", price={"input": 10.0, "output": 100.0, "cached_input": None})
    prompts = PromptsEntry("three-stage", "0" * 64)
    return load_scores(
        write_run(tmp_path, make_manifest("vlm", frames, models={"main": model}, prompts=prompts), records)
    )


def test_seconds_tokens_and_dollars(tmp_path):
    found = compare(priced_run(tmp_path))
    vlm, baseline = rows(found, "summary")["vlm"], rows(found, "summary")["constant-action"]
    assert (vlm["latency_mean_s"], vlm["latency_p50_s"]) == (4.0, 2.5)
    assert vlm["latency_p95_s"] == pytest.approx(8.95)
    assert (vlm["input_tokens"], vlm["output_tokens"], vlm["reasoning_tokens"]) == (1000.0, 200.0, 50.0)
    assert (vlm["calls_per_frame"], vlm["prompts"]) == (1.0, "three-stage")
    assert vlm["cost_usd"] == pytest.approx(4 * (0.01 + 0.02) + 0.005), "failed frames cost money too"
    assert vlm["cost_usd_per_frame"] == pytest.approx(0.025)
    unknown = [baseline[name] for name in ("latency_mean_s", "latency_p95_s", "input_tokens", "cost_usd")]
    assert np.isnan(unknown).all(), "a formula that makes no calls has no price, and not a price of zero"
    assert baseline["calls_per_frame"] == 0.0


def test_two_runs_of_one_name_are_refused(make):
    with pytest.raises(UserError, match="Two runs are called 'a'"):
        compare(make("a"), make("b"), make("a"))


def test_the_baselines_name_is_its_own(make):
    with pytest.raises(UserError, match="A run of chain-of-thought is called 'constant-action', the baseline's name"):
        compare(make("constant-action"))


def test_nothing_to_compare_is_refused():
    with pytest.raises(UserError, match="no run to compare"):
        compare()


def test_unlike_frames_are_refused_or_cut_as_asked(make):
    a, b = make("a"), make("b", frames=FRAMES[1:])
    with pytest.raises(UserError, match="'a' and 'b' were run on different frames"):
        compare(a, b)
    found = compare(a, b, shared_only=True)
    assert (found.frames, found.scenes) == (3, 3)
    assert {row["frames"] for row in rows(found, "summary").values()} == {3}
    assert rows(found, "summary")["a"]["l2_avg"] == pytest.approx(2 / 3 * AVERAGE)


def test_a_run_where_everything_failed_is_a_row_of_unknowns(make):
    found = compare(make("dead", failed=dict.fromkeys(TOKENS, "call:timeout")), make("vlm"))
    dead = rows(found, "summary")["dead"]
    assert (dead["ok_frames"], dead["call_error_rate"]) == (0, 1.0)
    assert np.isnan([dead["l2_avg"], dead["fde"], dead["miss_rate_2m"], dead["diff_vs_baseline"]]).all()
    assert rows(found, "summary")["vlm"]["l2_avg"] == pytest.approx(0.75 * AVERAGE), "others are untouched"


def test_a_baseline_given_as_a_run_scores_like_the_computed_one(make):
    vlm = make("vlm")
    given = make("constant-action", 5.0, planner="constant-action")
    np.testing.assert_allclose(given.errors, baseline_scores(vlm).errors)


def test_every_convention_has_its_difference_and_the_summary_one_of_them(make):
    found = compare(make("vlm", 6.2))
    rows_of_vlm = {row.convention: row for row in found.conventions if row.run == "vlm"}
    summary, mine = rows(found, "summary")["vlm"], rows_of_vlm["lightemma"]
    assert [mine.diff_vs_baseline, mine.ci_low, mine.ci_high] == pytest.approx(
        [summary["diff_vs_baseline"], summary["ci_low"], summary["ci_high"]]
    )
    assert mine.p_value == pytest.approx(found.paired[0].p_value)
    factors = {name: row.diff_vs_baseline / mine.diff_vs_baseline for name, row in rows_of_vlm.items()}
    assert factors == pytest.approx({"lightemma": 1.0, "endpoint": 2.0 / 1.75, "cumulative": 1.25 / 1.75})
    baseline = [row for row in found.conventions if row.run == "constant-action"]
    assert all((row.diff_vs_baseline, row.ci_low, row.ci_high) == (0.0, 0.0, 0.0) for row in baseline)


def test_few_scenes_are_warned_about_and_facts_make_strata(make):
    found = compare(make("vlm"), context=SceneContext(facts={"scene-1": SceneFacts("hill", "night", "rain")}))
    assert found.warnings[0].startswith("3 scenes are too few to say whether a run is better or worse")
    assert found.warnings[1].startswith("3 scenes can only show differences to constant-action above ")
    assert found.baseline == "constant-action"
    night = next(row for row in found.strata if (row.run, row.stratum) == ("vlm", "light: night"))
    assert (night.frames, night.share) == (2, 0.5)


@pytest.mark.parametrize("seed", range(3))
def test_the_order_in_which_frames_were_driven_changes_nothing(seed):
    frames = [make_frame(f"s-{n}", index, driven=steady(5.0 + n / 3 + index)) for n in range(9) for index in range(2)]
    plans = [None if n % 7 == 3 else 4.0 + n / 5 for n in range(18)]
    order = np.random.default_rng(seed).permutation(18).tolist()
    first = compare(made_run("vlm", frames, plans))
    other = compare(made_run("vlm", [frames[n] for n in order], [plans[n] for n in order]))
    assert first.warnings == other.warnings
    for name, built in first.tables.items():
        assert str(built.rows) == str(other.tables[name].rows), name
