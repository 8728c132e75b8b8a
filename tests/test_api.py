"""The notebook's way in: the same numbers and columns as the files."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

import lightemma
from lightemma.errors import UserError
from lightemma.sessions.importing import import_archive
from tests.conftest import STEADY_TEXT, good_answer, make_frames, steady_run, write_archive
from tests.report.test_tables import CONTRACT, columns

FRAME_COLUMNS = [
    "scene", "frame_index", "sample_token", "outcome", "manoeuvre", "speed", "curvature",
    "error_0.5s", "error_1.0s", "error_1.5s", "error_2.0s", "error_2.5s", "error_3.0s", "missed_2m",
    "l2_avg_lightemma", "l2_avg_endpoint", "l2_avg_cumulative", "baseline_l2_avg",
    "latency_s", "input_tokens", "output_tokens", "reasoning_tokens", "cost_usd",
]  # fmt: skip
NO_COMMAS = STEADY_TEXT.replace("), (", ") (")


@pytest.fixture
def imported(tmp_path):
    """Five frames, the second of which lacks its commas."""

    def answer(token: str, stage: str) -> str:
        return NO_COMMAS if stage == "action" and token == "scene-0001/1" else good_answer(token, stage)

    return import_archive(write_archive(tmp_path / "tiny", answer), tmp_path / "results")


def test_a_run_is_a_frame_table(imported):
    run = lightemma.load_run(str(imported))
    assert list(run.frames.columns) == FRAME_COLUMNS
    assert run.frames.outcome.tolist() == ["ok", "format:missing_commas", "ok", "ok", "ok"]
    assert run.frames["l2_avg_lightemma"].isna().tolist() == [False, True, False, False, False]
    assert run.frames.input_tokens.tolist() == [300.0] * 5
    assert run.frames.latency_s.tolist() == [6.0] * 5
    assert (run.name, run.manifest["models"]["main"]["model"], run.manifest["data"]["frames"]) == (
        "tiny",
        "tiny-vlm",
        5,
    )


def test_a_run_is_a_table_of_texts(imported):
    texts = lightemma.load_run(imported).texts
    assert list(texts.columns) == [
        "scene",
        "frame_index",
        "sample_token",
        "stage",
        "prompt",
        "response",
        "outcome",
        "error",
    ]
    assert len(texts) == 15
    row = texts[(texts.sample_token == "scene-0001/1") & (texts.stage == "action")].iloc[0]
    assert (row.response, row.outcome, row.scene, row.frame_index) == (
        NO_COMMAS,
        "format:missing_commas",
        "scene-0001",
        1,
    )
    assert row.prompt.startswith("Ahead is this: The scene of scene-0001/1.")


def test_a_run_without_texts_has_an_empty_table_with_the_same_columns(tmp_path):
    run = lightemma.load_run(steady_run(tmp_path, "stop", make_frames(), 0.0, planner="stop"))
    assert len(run.texts) == 0
    assert "response" in run.texts.columns


def test_another_parser_rescues_answers(imported):
    run = lightemma.load_run(imported, parser="tolerant")
    assert run.frames.outcome.tolist() == ["ok"] * 5
    assert run.manifest["parser"] == "tolerant"


def test_a_comparison_has_the_columns_of_the_files(imported, tmp_path):
    other = lightemma.load_run(steady_run(tmp_path / "results", "other", make_frames(), 6.0, data=data_of(imported)))
    tables = lightemma.compare([imported, other], convention="endpoint")
    for table in CONTRACT:
        assert list(getattr(tables, table).columns) == columns(table)
    assert tables.summary.run.tolist() == ["tiny", "other", "constant-action"]
    assert set(tables.summary.convention) == {"endpoint"}
    assert tables.summary.set_index("run").loc["other", "l2_avg"] == pytest.approx(2.0)


def data_of(folder):
    from lightemma.run_folder.store import read_manifest

    return read_manifest(folder).data


def test_tables_write_what_they_show(imported, tmp_path):
    tables = lightemma.compare([imported])
    written = tables.write(str(tmp_path / "tables"))
    assert len(written) == 3 * len(CONTRACT) + len(("paper.md", "paper.tex", "tables.md"))
    for table in CONTRACT:
        back = pd.read_csv(tmp_path / "tables" / f"{table}.csv", keep_default_na=True, float_precision="round_trip")
        mine = getattr(tables, table).replace("", float("nan"))
        pd.testing.assert_frame_equal(back, mine, check_dtype=False, check_exact=True)


def test_unlike_runs_are_refused_and_can_be_cut(tmp_path):
    a = steady_run(tmp_path, "a", make_frames(), 6.0)
    b = steady_run(tmp_path, "b", make_frames()[1:], 6.0)
    with pytest.raises(UserError, match="different frames"):
        lightemma.compare([a, b])
    assert lightemma.compare([a, b], shared_frames=True).summary.frames.tolist() == [4, 4, 4]


def test_what_is_wrong_is_said_in_the_users_terms(tmp_path):
    with pytest.raises(UserError, match="is no run"):
        lightemma.load_run(tmp_path / "gone")
    with pytest.raises(UserError, match="no L2 convention 'ade'"):
        lightemma.compare([steady_run(tmp_path, "a", make_frames(), 6.0)], convention="ade")


def test_the_package_offers_no_other_names():
    with pytest.raises(AttributeError, match="no attribute 'load_runs'"):
        lightemma.load_runs  # noqa: B018


def test_a_notebook_shows_runs_and_comparisons_and_makes_nothing_of_their_names(tmp_path):
    name = "<script>alert(1)</script>"
    folder = steady_run(tmp_path, "odd", make_frames(), 5.5)
    run = lightemma.load_run(folder)
    run = lightemma.Run(folder, replace(run.scores, name=name))
    assert repr(run) == f"<Run {name}: 5 frames, 5 with a plan>"
    for shown in (run._repr_html_(), lightemma.compare([run])._repr_html_()):
        assert "&lt;script&gt;" in shown
        assert "<script" not in shown
        assert shown.count("<table>") == shown.count("</table>") == 1
    assert "5 of 5, 2 scenes" in run._repr_html_()
    assert "L2 endpoint" in run._repr_html_()
    tables = lightemma.compare([run])
    assert repr(tables) == f"<Tables of 5 frames of 2 scenes: {name}, constant-action>"
    assert "<code>summary</code>" in tables._repr_html_()
    assert "recorded actions" in tables._repr_html_()


def test_a_run_without_a_plan_is_shown_too(tmp_path):
    frames = make_frames()
    failed = {frame.sample_token: "format:prose" for frame in frames}
    shown = lightemma.load_run(steady_run(tmp_path, "none", frames, 5.5, failed))._repr_html_()
    assert "0 of 5, 2 scenes" in shown
    assert "nan" not in shown
