"""The published runs, scored by us: the table in the README, and the ways of arriving at the same numbers."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from lightemma.data.published import PublishedArchive
from lightemma.evaluation.comparison import compare_runs
from lightemma.evaluation.metrics.displacement import l2
from lightemma.evaluation.scores import RunScores, baseline_scores, load_scores, score
from lightemma.evaluation.tables.files import write_tables
from lightemma.prompts.template import fold
from lightemma.protocol import LIGHTEMMA
from lightemma.run_folder.manifest import DataEntry, Manifest, ModelEntry, PlannerEntry, frame_set_digest
from lightemma.run_folder.store import read_frames, read_manifest
from tests.conftest import run_at
from tests.shared_data import IMPORTED, PUBLISHED, SHARED, TEST_POSES, command_line, needs_shared

REAL_SCENES = SHARED / "real-scenes"

pytestmark = needs_shared(PUBLISHED)

# run: not ok, l2_1s, l2_2s, l2_3s, l2_avg, fde, miss_rate_2m; strict parser, convention lightemma, 3,908 frames each.
PUBLISHED_TABLE = {
    "gpt-4o": (304, 0.2786, 0.9262, 2.0189, 1.0746, 2.3523, 0.4548),
    "gpt-4.1": (1132, 0.2871, 1.0029, 2.2374, 1.1758, 2.6108, 0.4795),
    "claude-3.7-sonnet": (0, 0.2770, 0.9371, 2.0377, 1.0839, 2.3664, 0.4429),
    "gemini-2.5-pro": (0, 0.4445, 1.6666, 3.7146, 1.9419, 4.3234, 0.6377),
    "qwen-2.5-7b": (0, 0.4722, 1.3322, 2.5545, 1.4530, 2.9062, 0.5392),
    "qwen-2.5-72b": (2457, 23.7319, 47.2885, 68.7915, 46.6040, 73.7654, 0.4376),
    "llama-3.2-11b": (27, 0.5134, 1.4070, 2.6608, 1.5271, 3.0251, 0.5568),
    "deepseek-vl2-16b": (42, 0.6672, 1.6794, 2.9180, 1.7549, 3.2599, 0.5949),
    "deepseek-vl2-28b": (0, 0.6689, 1.7113, 2.9959, 1.7921, 3.3468, 0.5995),
    "constant-action": (0, 0.2862, 0.9548, 2.0508, 1.0973, 2.3790, 0.4941),
}
COLUMNS = ("l2_1s", "l2_2s", "l2_3s", "l2_avg", "fde", "miss_rate_2m")
MODELS = [run for run in PUBLISHED_TABLE if run != "constant-action"]


@pytest.fixture(scope="session")
def results(published_results: Path) -> Path:
    """gpt-4o's and gpt-4.1's published runs, imported by the command line."""
    return published_results


def read_in_memory(model: str) -> RunScores:
    """A published run, scored without a folder: what its import would hold, but for the prompts' wording."""
    archive = PublishedArchive(PUBLISHED / f"{model}.zip")
    records = list(archive.records())
    frame_set = frame_set_digest(record.sample_token for record in records)
    data = DataEntry("published", archive.name, "", len(archive.scene_names), len(records), frame_set)
    manifest = Manifest(
        run=model,
        protocol=LIGHTEMMA.as_dict(),
        data=data,
        planner=PlannerEntry("chain-of-thought"),
        parser="strict",
        models={"main": ModelEntry(model, "published", archive.model)},
    )
    return score(model, manifest, records)


@pytest.fixture(scope="session")
def tables(results: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, str]]]:
    """All nine runs compared, two of them from their folders: table name to rows."""
    folder = tmp_path_factory.mktemp("tables")
    runs = [load_scores(results / model) if model in IMPORTED else read_in_memory(model) for model in MODELS]
    write_tables(compare_runs(runs), folder)
    found = {}
    for path in folder.glob("*.csv"):
        with path.open(newline="", encoding="utf-8") as file:
            found[path.stem] = list(csv.DictReader(file))
    return found


@pytest.fixture(scope="session")
def wording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The prompt set that gpt-4o's archive was recorded with."""
    folder = tmp_path_factory.mktemp("prompts") / "recorded"
    said = command_line("prompts", "extract", PUBLISHED / "gpt-4o.zip", "--out", folder)
    assert "all 3908 x 3 prompts" in said
    return folder


def row_of(rows: list[dict[str, str]], run: str) -> dict[str, str]:
    (row,) = (row for row in rows if row["run"] == run)
    return row


def not_ok(folder: Path, parser: str) -> tuple[int, float]:
    """How many frames are not ok, and the mean l2_avg of the others."""
    scores = load_scores(folder, parser)
    return int((~scores.ok).sum()), float(l2(scores.errors[scores.ok], "lightemma")[:, 3].mean())


@pytest.mark.parametrize("run", PUBLISHED_TABLE)
def test_the_published_table_is_reproduced(tables, run):
    row = row_of(tables["summary"], run)
    failed, *numbers = PUBLISHED_TABLE[run]
    assert (int(row["frames"]), int(row["frames"]) - int(row["ok_frames"])) == (3908, failed)
    assert [float(row[name]) for name in COLUMNS] == pytest.approx(numbers, abs=1e-4)
    assert row["convention"] == "lightemma"


def test_the_table_has_no_other_rows(tables):
    assert {row["run"] for row in tables["summary"]} == set(PUBLISHED_TABLE)
    assert len(tables["summary"]) == len(PUBLISHED_TABLE)


def test_tokens_and_seconds_of_gpt_4o(tables):
    row = row_of(tables["summary"], "gpt-4o")
    assert float(row["input_tokens"]) == pytest.approx(4401.9, abs=0.05)
    assert float(row["output_tokens"]) == pytest.approx(340.8, abs=0.05)
    assert float(row["latency_mean_s"]) == pytest.approx(12.11, abs=0.005)
    assert float(row["calls_per_frame"]) == 3


def test_gpt_4o_does_not_surely_beat_holding_the_last_action(tables):
    (row,) = (row for row in tables["paired"] if (row["run"], row["reference"]) == ("gpt-4o", "constant-action"))
    assert (int(row["frames"]), int(row["scenes"])) == (3604, 150)
    assert float(row["diff"]) == pytest.approx(-0.031, abs=5e-4)
    assert [float(row["ci_low"]), float(row["ci_high"])] == pytest.approx([-0.0917, 0.0300], abs=5e-4)
    assert [float(row["boot_low"]), float(row["boot_high"])] == pytest.approx([-0.089, 0.035], abs=0.004)
    assert float(row["p_value"]) > 0.05
    assert row["tie"] == "tie"


def test_a_few_runaway_plans_are_told_from_the_rest(tables):
    row = row_of(tables["summary"], "qwen-2.5-72b")
    assert float(row["diff_vs_baseline"]) == pytest.approx(45.52, abs=0.01)
    assert (float(row["diff_median"]), float(row["diff_capped"])) == pytest.approx((0.0, 0.174), abs=1e-3)
    assert (int(row["runaway_frames"]), int(row["carrying_frames"])) == (21, 3)
    assert all(row_of(tables["summary"], run)["runaway_frames"] == "0" for run in MODELS if run != "qwen-2.5-72b")


def stratum(tables: dict[str, list[dict[str, str]]], run: str, name: str) -> dict[str, str]:
    (row,) = (row for row in tables["strata"] if (row["run"], row["stratum"]) == (run, name))
    return row


def test_no_model_surely_beats_holding_the_last_action(tables):
    against = {row["run"]: row for row in tables["paired"] if row["reference"] == "constant-action"}
    assert set(against) == set(MODELS)
    ties = {run for run, row in against.items() if row["tie"]}
    assert {"gpt-4o", "claude-3.7-sonnet"} <= ties
    assert all(float(row["diff"]) > 0 for run, row in against.items() if run not in ties)
    assert {run for run, row in against.items() if not row["tie"]} >= {
        "qwen-2.5-7b", "llama-3.2-11b", "deepseek-vl2-16b", "deepseek-vl2-28b", "gemini-2.5-pro",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("run", "average", "significant"),
    [("constant-action", 1.844, ""), ("claude-3.7-sonnet", 1.111, "better"), ("gpt-4o", 1.207, "better")],
)
def test_some_models_brake_where_the_baseline_drives_on(tables, run, average, significant):
    row = stratum(tables, run, "course: straight and braking")
    assert float(row["l2_avg"]) == pytest.approx(average, abs=1e-3)
    assert float(row["share"]) == pytest.approx(0.156, abs=3e-3)
    assert row["significant"] == significant


def test_almost_every_model_is_worse_where_the_car_keeps_its_motion(tables):
    worse = [run for run in MODELS if stratum(tables, run, "manoeuvre: cruising")["significant"] == "worse"]
    assert set(MODELS) - set(worse) <= {"qwen-2.5-72b"}, "a third of its plans, and some are kilometres long"
    assert float(stratum(tables, "constant-action", "manoeuvre: cruising")["share"]) == pytest.approx(0.378, abs=1e-3)


def test_holm_takes_tests_of_the_whole_table_into_account(tables):
    tested = [row for row in tables["strata"] if row["p_value"]]
    assert len(tested) > 100
    least = min(tested, key=lambda row: float(row["p_value"]))
    assert float(least["p_holm"]) == pytest.approx(len(tested) * float(least["p_value"]))
    assert float(least["p_holm"]) < 1e-20, "no number of draws sets a floor"
    assert not any(row["p_value"] for row in tables["strata"] if row["stratum"].startswith("scene: "))


def test_the_models_median_and_best(tables):
    median, best, floor = tables["references"]
    assert (median["run"], best["run"]) == ("coordinate-median of 9", "best of 9")
    assert (int(median["frames"]), int(best["frames"])) == (3908, 3908)
    scores = {row["run"]: float(row["l2_avg"]) for row in tables["imputed"]}
    assert float(best["l2_avg"]) == pytest.approx(0.5515, abs=1e-3)
    assert float(median["l2_avg"]) == pytest.approx(1.1122, abs=1e-3)
    assert float(best["l2_avg"]) < 0.6 * min(scores.values())
    assert sum(float(median["l2_avg"]) < score for score in scores.values()) >= 6, "better than most it is made of"
    assert float(best["ci_high"]) < 0
    # What six pairs of speed and curvature cost: the published future, integrated.
    assert (floor["run"], floor["runs"], floor["frames"]) == ("recorded actions", "0", "3908")
    assert (float(floor["l2_avg"]), float(floor["fde"])) == pytest.approx((0.1388, 0.2550), abs=1e-4)


def test_filling_failed_frames_in_changes_little_for_honest_models(tables):
    row = row_of(tables["imputed"], "gpt-4.1")
    assert (int(row["frames"]), int(row["imputed_frames"])) == (3908, 1132)
    assert float(row["l2_avg"]) == pytest.approx(1.169, abs=1e-3)
    assert float(row_of(tables["imputed"], "gpt-4o")["l2_avg"]) == pytest.approx(1.069, abs=1e-3)


def test_the_first_place_is_shared_and_the_rest_is_clear(tables):
    ranks = {row["run"]: row for row in tables["ranks"]}
    assert ranks["qwen-2.5-72b"]["rank"] == "", "most of its frames failed"
    for run in ("gpt-4o", "claude-3.7-sonnet", "constant-action"):
        assert (int(ranks[run]["rank_low"]), int(ranks[run]["rank_high"])) == (1, 3)
    assert ranks["gpt-4.1"]["rank"] == ranks["gpt-4.1"]["rank_high"] == "4"


def test_150_scenes_show_a_tenth_of_a_metre(tables):
    found = {row["run"]: float(row["mdd_80"]) for row in tables["power"] if row["reference"] == "constant-action"}
    assert all(0.06 < found[run] < 0.21 for run in MODELS if run != "qwen-2.5-72b")
    hung = [row for row in tables["influence"] if row["run"] == "qwen-2.5-72b"]
    assert float(hung[0]["shift"]) < -10, "one scene makes half of its mean"


@pytest.mark.parametrize(("run", "failed", "average"), [("gpt-4o", 3, 1.0694), ("gpt-4.1", 0, 1.2070)])
def test_the_published_rescue_of_answers_is_reproduced(results, run, failed, average):
    assert not_ok(results / run, "first-numbers") == (failed, pytest.approx(average, abs=1e-4))


def test_a_replay_with_extracted_prompts_is_the_imported_run(results, wording, tmp_path):
    run = ("--data", f"published:{PUBLISHED / 'gpt-4o.zip'}", "--model", f"replay:{PUBLISHED / 'gpt-4o.zip'}")
    command_line("run", *run, "--prompts", wording, "--name", "again", "--out", tmp_path, "--limit", 400)
    replayed = read_frames(run_at(tmp_path / "again"))
    imported = read_frames(results / "gpt-4o")[:400]
    assert len(replayed) == len(imported) == 400
    by_token = {record.sample_token: record for record in replayed}
    for old in imported:
        new = by_token[old.sample_token]
        assert new.outcome == old.outcome
        assert [(s.stage, fold(s.prompt), s.response, s.outcome) for s in new.calls] == [
            (s.stage, fold(s.prompt), s.response, s.outcome) for s in old.calls
        ]
    old_scores, new_scores = load_scores(results / "gpt-4o"), load_scores(run_at(tmp_path / "again"))
    old_scores = old_scores.take(np.arange(400))
    for name in ("errors", "actions", "truth", "history", "latency", "usage"):
        np.testing.assert_array_equal(getattr(new_scores, name), getattr(old_scores, name), err_msg=name)
    old_prompts, new_prompts = (
        read_manifest(results / "gpt-4o").prompts,
        read_manifest(run_at(tmp_path / "again")).prompts,
    )
    assert old_prompts is not None
    assert new_prompts is not None
    assert new_prompts.sha256 == old_prompts.sha256


@needs_shared(TEST_POSES)
def test_frames_cut_from_the_tables_score_like_the_published_ones(results, tables, tmp_path):
    said = command_line(
        "run", "--data", f"nuscenes:{TEST_POSES}@v1.0-test", "--out", tmp_path,
        "--planner", "constant-action,damped-acceleration",
    )  # fmt: skip
    assert said.splitlines()[0].startswith("constant-action: 3908 frames")
    ours = load_scores(run_at(tmp_path / "constant-action"))
    published = baseline_scores(load_scores(results / "gpt-4o"))
    assert list(ours.tokens) == list(published.tokens)
    np.testing.assert_allclose(ours.errors, published.errors, atol=1e-6)
    np.testing.assert_array_equal(ours.history, published.history)

    damped = l2(load_scores(run_at(tmp_path / "damped-acceleration")).errors, "lightemma")[:, 3].mean()
    assert damped < 0.845
    assert damped < min(float(row["l2_avg"]) for row in tables["summary"]), "no picture, and still below every model"


@needs_shared(REAL_SCENES)
def test_real_drives_with_pictures(tmp_path):
    command_line(
        "run", "--data", f"nuscenes:{REAL_SCENES}@v1.0-real", "--planner", "constant-action", "--out", tmp_path
    )
    scores = load_scores(run_at(tmp_path / "constant-action"))
    average = l2(scores.errors, "lightemma")[:, 3]
    found = {}
    for scene in dict.fromkeys(scores.scenes):
        mine = average[np.array(scores.scenes) == scene]
        found[scene] = (len(mine), round(float(mine.mean()), 4))
    assert found == {"nuscenes-scene-0006": (26, 1.1689), "kitti-0005": (17, 1.1477)}
