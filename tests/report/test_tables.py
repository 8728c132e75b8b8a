"""Tables as files: the documented columns, full precision, and names that mean something to LaTeX and Markdown."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import pytest

from lightemma.errors import UserError
from lightemma.evaluation.comparison import Comparison, compare_runs
from lightemma.evaluation.scores import RunScores, load_scores
from lightemma.evaluation.tables import TABLES
from lightemma.evaluation.tables.base import columns_of
from lightemma.evaluation.tables.files import write_tables
from lightemma.report.frame_scores import write_frame_scores
from lightemma.table_files import latex, markdown, rounded
from tests.conftest import make_frame, make_frames, make_manifest, make_record, steady, steady_run, write_run

# The contract of the table files.
SUMMARY = """
run, model, planner, prompts, data, frames, ok_frames, format_error_rate, call_error_rate, convention,
l2_1s, l2_2s, l2_3s, l2_avg, fde, miss_rate_2m, latency_mean_s, latency_p50_s, latency_p95_s, calls_per_frame,
input_tokens, output_tokens, reasoning_tokens, cost_usd, cost_usd_per_frame,
diff_vs_baseline, ci_low, ci_high, significant,
format_error_rate_ci_low, format_error_rate_ci_high, call_error_rate_ci_low, call_error_rate_ci_high,
miss_rate_2m_ci_low, miss_rate_2m_ci_high, few_events,
diff_median, diff_capped, runaway_frames, carrying_frames, inputs,
concurrent_calls, latency_alone_s
"""
CONTRACT = {
    "summary": SUMMARY,
    "common": SUMMARY,
    "common_removed": "run, frames_removed, frames_removed_alone",
    "conventions": "run, convention, l2_1s, l2_2s, l2_3s, l2_avg, diff_vs_baseline, ci_low, ci_high, p_value, p_holm, "
    "significant",
    "errors": "run, outcome, frames, share, ci_low, ci_high, few_events",
    "paired": "run, reference, frames, scenes, diff, ci_low, ci_high, p_value, p_holm, tie, significant, "
    "boot_low, boot_high, diff_median, diff_capped, runaway_frames, carrying_frames",
    "strata": "run, stratum, frames, share, l2_avg, diff_vs_baseline, ci_low, ci_high, p_value, p_holm, significant, "
    "scenes",
    "ranks": "run, rank, rank_low, rank_high, share_best, frames, l2_avg, rank_low_all, rank_high_all",
    "influence": "run, scene, frames, diff_without, shift, flips",
    "power": "run, reference, frames, scenes, standard_error, mdd_80, scenes_for_0_05",
    "imputed": "run, frames, imputed_frames, l2_1s, l2_2s, l2_3s, l2_avg, diff_vs_baseline, ci_low, ci_high",
    "references": "run, runs, frames, l2_1s, l2_2s, l2_3s, l2_avg, fde, miss_rate_2m, diff_vs_baseline, ci_low, ci_high, "
    "miss_rate_2m_ci_low, miss_rate_2m_ci_high, few_events",
    "copies": "run, frames, copies, share, stationary_share, share_ci_low, share_ci_high, few_events",
    "inputs": "run, plain, differs, leaks_future, frames, scenes, diff, ci_low, ci_high, p_holm, significant, tokens_factor, "
    "dollars_factor",
    "samples": "run, inputs, samples, temperature, frames, scenes, format_error_rate, convention, single, medoid, "
    "mean_plan, min_of_k, medoid_gain, medoid_gain_low, medoid_gain_high, significant, mean_gain, mean_gain_low, "
    "mean_gain_high, spread, overconfidence, overconfidence_low, overconfidence_high, error_low_spread, "
    "error_high_spread, spread_slope, spread_slope_low, spread_slope_high",
    "choices": "run, inputs, candidates, frames, scenes, convention, chosen, oracle, by_chance, hold, regret, regret_low, "
    "regret_high, against_hold, against_hold_low, against_hold_high, significant, oracle_rate, oracle_rate_ci_low, "
    "oracle_rate_ci_high, commonest",
    "horizons": "run, horizon_s, error, ci_low, ci_high",
    "stopping": "run, reference, scenes, planned_scenes, margin_m, level, difference, ci_low, ci_high, decided",
    "calibration": "run, quantity, horizon_s, bin_low, bin_high, frames, planned_mean, recorded_mean",
    "feasibility": "run, frames, share_comfortable, share_feasible, share_breaking_lon_accel, share_breaking_lat_accel, "
    "share_breaking_lon_jerk, share_breaking_jerk, share_breaking_yaw_rate, share_breaking_yaw_accel, "
    "share_breaking_physical_accel, share_breaking_physical_curvature, lon_accel_mean, lon_accel_p95, "
    "lat_accel_mean, lat_accel_p95, lon_jerk_mean, lon_jerk_p95, jerk_mean, jerk_p95, yaw_rate_mean, "
    "yaw_rate_p95, yaw_accel_mean, yaw_accel_p95, curvature_rate_mean, curvature_rate_p95, "
    "first_speed_jump_mean, first_speed_jump_max, first_curvature_jump_mean, first_curvature_jump_max, "
    "share_comfortable_ci_low, share_comfortable_ci_high, share_feasible_ci_low, share_feasible_ci_high, few_events, "
    "share_history_comfortable, share_history_comfortable_ci_low, share_history_comfortable_ci_high, "
    "consecutive_plans, share_extended_comfortable, share_extended_comfortable_ci_low, "
    "share_extended_comfortable_ci_high, extended_accel_mean, extended_jerk_mean, extended_yaw_rate_mean, "
    "extended_yaw_accel_mean",
    "safety": "run, frames, scenes, collision_uniad_1s, collision_uniad_2s, collision_uniad_3s, "
    "collision_uniad_avg, collision_exact_1s, collision_exact_2s, collision_exact_3s, "
    "collision_exact_avg, collision_exact_3s_ci_low, collision_exact_3s_ci_high, diff_vs_baseline, "
    "ci_low, ci_high, excluded_uniad, excluded_exact, ttc_below_share, ground_frames, "
    "off_road_share, lane_frames, lane_departure_share, note, collision_uniad_3s_ci_low, "
    "collision_uniad_3s_ci_high, ttc_below_share_ci_low, ttc_below_share_ci_high, off_road_share_ci_low, "
    "off_road_share_ci_high, lane_departure_share_ci_low, lane_departure_share_ci_high, few_events, "
    "collision_stp3_1s, collision_stp3_2s, collision_stp3_3s, collision_stp3_avg, collision_stp3_3s_ci_low, "
    "collision_stp3_3s_ci_high, excluded_stp3, collision_vad_1s, collision_vad_2s, collision_vad_3s, "
    "collision_vad_avg, collision_vad_3s_ci_low, collision_vad_3s_ci_high, excluded_vad",
    "probes": "run, probe, part, probed_run, law, measure, frames, scenes, unit, effect, effect_low, effect_high, expected, "
    "violation_unit, violation, violation_low, violation_high, tolerance, p_value, p_holm, verdict, unchanged, "
    "unchanged_low, unchanged_high, moved, moved_low, moved_high, unrest, l2_change, l2_change_low, l2_change_high, "
    "no_plan, approximate",
    "experts": "run, experts, frames, scenes, convention, without, diff, diff_low, diff_high, significant, ceiling, "
    "valid, valid_low, valid_high, repaired, default, calls, calls_low, calls_high, calls_most, tasks, "
    "kinds, failed, timed_out, rubbish, skipped, expert_seconds, context, told, slowed, slowed_low, "
    "slowed_high, slowed_without, follows, follows_low, follows_high, said, said_low, said_high, "
    "said_without, slowed_untold, alarms, alarm_against, harmed, harmed_low, harmed_high, harmed_else, "
    "alarm_cost, alarm_cost_low, alarm_cost_high, few_events",
    "experts_paired": "run, experts, without, quantity, frames, scenes, mine, theirs, diff, diff_low, diff_high",
    "students": "run, teacher, known, frames, scenes, calls, teacher_calls, input_tokens, teacher_input_tokens, "
    "output_tokens, teacher_output_tokens, seconds, teacher_seconds, faster, l2_avg, teacher_l2_avg, "
    "diff, diff_low, diff_high, diff_lightemma, diff_lightemma_low, diff_lightemma_high, diff_endpoint, "
    "diff_endpoint_low, diff_endpoint_high, diff_cumulative, diff_cumulative_low, diff_cumulative_high, format_errors, "
    "format_errors_low, format_errors_high, teacher_format_errors, follow, teacher_follow, few_events",
    "reasoning": "run, reader, statements, judged, unclear_share, follow_through, follow_ci_low, follow_ci_high, "
    "words_right, words_ci_low, words_ci_high, rule_right, skill, skill_ci_low, skill_ci_high, "
    "skill_p_holm, skill_significant, diff_right, diff_right_ci_low, diff_right_ci_high, diff_wrong, "
    "diff_wrong_ci_low, diff_wrong_ci_high, decelerate, decelerate_not_done, not_done_ci_low, "
    "not_done_ci_high, decelerate_moving, decelerate_moving_not_done, scale_frames, scale_ratio, "
    "scale_off, scale_error, stated_speeds, stated_gap, sides, side_followed, side_right, with_negation, "
    "with_past, with_condition, with_hedge, with_alternative, few_events, unreliable",
    "reasoning_cells": "run, words, plan, frames, share, share_ci_low, share_ci_high, diff_vs_baseline, ci_low, ci_high, "
    "few_events",
    "reasoning_sensitivity": "run, definition, judged, follow_through, words_right, rule_right, skill, skill_ci_low, "
    "skill_ci_high, trend_right, trend_skill, trend_skill_ci_low, trend_skill_ci_high, "
    "decelerate_not_done",
    "claims": "run, claim, descriptions, claimed, claimed_ci_low, claimed_ci_high, hedged, denied, annotated, "
    "there, precision, precision_ci_low, precision_ci_high, recall, recall_ci_low, recall_ci_high, "
    "moving_claims, contradicted, contradicted_ci_low, contradicted_ci_high, contradicted_elsewhere, "
    "intent_against, intent_invents, intents_after_denial, few_events, unreliable",
    "disagreement": "run, other, about, frames, disagree, disagree_ci_low, disagree_ci_high, kappa, contradict",
    "language": "driver, choices, frames, l2_1s, l2_2s, l2_3s, l2_avg, diff_vs_baseline, ci_low, ci_high, of_baseline",
}
NASTY = r"a_b & 50% #1 $x {y} ~z ^w | \end"


def columns(table: str) -> list[str]:
    return [name.strip() for name in CONTRACT[table].split(",")]


def scores(folder: Path, run: str = "vlm", speed: float = 5.7) -> RunScores:
    frames = [
        make_frame(scene, index, driven=steady(5.0 + index / 3)) for scene in ("s-1", "s-2") for index in range(3)
    ]
    return load_scores(steady_run(folder, run, frames, speed, {frames[1].sample_token: "format:prose"}))


@pytest.fixture
def comparison(tmp_path) -> Comparison:
    return compare_runs([scores(tmp_path), scores(tmp_path, "other", 5.1)], resamples=200)


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("table", CONTRACT)
def test_every_documented_column_is_there_in_order(comparison, tmp_path, table):
    write_tables(comparison, tmp_path / "tables")
    with (tmp_path / "tables" / f"{table}.csv").open(newline="", encoding="utf-8") as file:
        assert next(csv.reader(file)) == columns(table)


def test_every_table_is_written_three_times(comparison, tmp_path):
    written = write_tables(comparison, tmp_path / "new" / "tables")
    assert {path.name for path in written} == {
        *(f"{table}{kind}" for table in CONTRACT for kind in (".csv", ".md", ".tex")),
        *("paper.md", "paper.tex", "tables.md"),
    }
    assert sorted(written) == sorted((tmp_path / "new" / "tables").iterdir())


@pytest.mark.parametrize("table", CONTRACT)
def test_a_csv_holds_every_number_at_full_precision(comparison, tmp_path, table):
    write_tables(comparison, tmp_path)
    found = read(tmp_path / f"{table}.csv")
    expected = comparison.tables[table].cells()
    assert len(found) == len(expected)
    assert found or not comparison.tables[table].table.ALWAYS
    for row, wanted in zip(found, expected, strict=True):
        for name, value in wanted.items():
            if isinstance(value, float):
                assert row[name] == "" if math.isnan(value) else float(row[name]) == value
            else:
                assert row[name] == ("" if value is None else str(value))


def test_what_is_unknown_is_an_empty_cell_and_not_zero(comparison, tmp_path):
    write_tables(comparison, tmp_path)
    vlm = read(tmp_path / "summary.csv")[0]
    assert (vlm["cost_usd"], vlm["latency_mean_s"], vlm["input_tokens"]) == ("", "", "")
    assert float(vlm["format_error_rate"]) == pytest.approx(1 / 6)
    assert "nan" not in (tmp_path / "summary.md").read_text().lower()


def test_the_convention_is_printed_wherever_an_l2_is(comparison, tmp_path):
    write_tables(comparison, tmp_path)
    for table in (
        "summary", "common", "paired", "strata", "conventions", "ranks", "influence", "power", "imputed", "references",
    ):  # fmt: skip
        for kind in (".md", ".tex"):
            first = (tmp_path / f"{table}{kind}").read_text().splitlines()[0]
            assert "convention" in first.lower()
            assert table == "conventions" or "lightemma" in first


def test_names_with_signs_survive_latex_and_markdown(tmp_path):
    comparison = compare_runs([scores(tmp_path / "results", "plain")], resamples=200)
    rows = comparison.tables["summary"].cells()[:1]
    rows[0]["run"] = NASTY
    tex = latex(rows, ["run", "l2_avg"])
    body = tex.splitlines()[tex.splitlines().index(r"\midrule") + 1]
    assert body.startswith(
        r"a\_b \& 50\% \#1 \$x \{y\} \textasciitilde{}z \textasciicircum{}w | \textbackslash{}end & "
    )
    assert body.endswith(r" \\")
    assert r"l2\_avg" in tex
    cells = markdown(rows, ["run", "l2_avg"]).splitlines()[2]
    assert cells.replace(r"\|", "").count("|") == 3, "two cells: the name's own pipe is escaped"
    assert r"^w \| \end" in cells


def test_a_run_with_a_nasty_name_is_safe_in_all_files(tmp_path):
    name = 'a_b & 50% #1, "x" | é'
    write_tables(compare_runs([scores(tmp_path / "results", name)], resamples=200), tmp_path / "tables")
    assert read(tmp_path / "tables" / "summary.csv")[0]["run"] == name
    tex = (tmp_path / "tables" / "summary.tex").read_text(encoding="utf-8")
    assert r'a\_b \& 50\% \#1, "x" | \'{e} & 6 & 5' in tex
    assert tex.count("\\\\\n") == 3, "the head, the run and the baseline"


def test_pages_leave_out_single_scenes_that_the_csv_has(comparison, tmp_path):
    write_tables(comparison, tmp_path)
    assert {row["stratum"] for row in read(tmp_path / "strata.csv") if row["stratum"].startswith("scene: ")} == {
        "scene: s-1",
        "scene: s-2",
    }
    for kind in (".md", ".tex"):
        text = (tmp_path / f"strata{kind}").read_text()
        assert "scene: s-1" not in text
        assert "course: straight and steady" in text


def test_a_latex_table_has_as_many_cells_as_columns(comparison):
    for table in CONTRACT:
        text = latex(comparison.tables[table].cells(), columns(table), "note")
        spec = text.split(r"\begin{tabular}{")[1].split("}")[0]
        assert len(spec) == len(columns(table))
        rows = [line for line in text.splitlines() if line.endswith(r"\\")]
        assert {line.count(" & ") for line in rows} == {len(columns(table)) - 1}


@pytest.mark.parametrize(
    ("value", "column", "text"),
    [
        (1.07461234, "l2_avg", "1.0746"),
        (4401.94, "input_tokens", "4401.9"),
        (12.1149, "latency_mean_s", "12.11"),
        (float("nan"), "cost_usd", ""),
        (3908, "frames", "3908"),
        (None, "rank", ""),
        ("gpt", "run", "gpt"),
    ],
)
def test_numbers_as_people_read_them(value, column, text):
    assert rounded(value, column) == text


def test_a_folder_that_cannot_be_written_is_named(comparison, tmp_path):
    (tmp_path / "tables").write_text("in the way")
    with pytest.raises(UserError, match=r"tables cannot be written to '.*tables' .*--out"):
        write_tables(comparison, tmp_path / "tables")


def test_a_table_that_cannot_be_written_is_named(comparison, tmp_path):
    (tmp_path / "summary.csv").mkdir()
    with pytest.raises(UserError, match="tables cannot be written"):
        write_tables(comparison, tmp_path)


def test_scores_of_frames_round_trip(tmp_path):
    run = scores(tmp_path)
    path = write_frame_scores(run, tmp_path / "vlm")
    found = read(path)
    assert path.name == "scores.csv"
    assert [row["sample_token"] for row in found] == list(run.tokens)
    assert [float(row["error_3.0s"]) for row in found if row["error_3.0s"]] == run.errors[run.ok, 5].tolist()
    assert found[1]["error_3.0s"] == found[1]["missed_2m"] == ""
    assert found[1]["outcome"] == "format:prose"


def test_scores_that_cannot_be_written_are_named(tmp_path):
    run = scores(tmp_path)
    (tmp_path / "vlm" / "scores.csv").mkdir()
    with pytest.raises(UserError, match=r"scores\.csv' cannot be written"):
        write_frame_scores(run, tmp_path / "vlm")


def test_the_row_types_have_no_column_outside_the_contract():
    assert {table.name: columns_of(table.Row) for table in TABLES} == {table: columns(table) for table in CONTRACT}


def test_a_run_of_one_scene_writes_its_tables(tmp_path):
    frames = make_frames({"only": 3})
    records = [make_record(frame, steady(5.5)) for frame in frames]
    run = load_scores(write_run(tmp_path / "results", make_manifest("vlm", frames), records))
    write_tables(compare_runs([run]), tmp_path / "tables")
    assert read(tmp_path / "tables" / "paired.csv")[0]["ci_low"] == ""
