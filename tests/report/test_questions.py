"""The report's four questions, and the sentences that were read."""

from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from lightemma.evaluation.comparison import Comparison, compare_runs
from lightemma.evaluation.scores import load_scores
from lightemma.report.page.columns import FOLLOWED, JUDGED, MISSED, SLOWER, frame_columns
from lightemma.report.page.questions import question_rows
from lightemma.report.page.scenes import SceneData
from lightemma.report.page.words import Words, shown_words
from lightemma.run_folder.texts import FrameTexts
from tests.evaluation.reasoning.word_runs import Word, word_run
from tests.report.page_runs import make_runs


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make_runs(tmp_path_factory.mktemp("runs"))


def said(tmp_path, words, scenes=9) -> tuple[Comparison, dict[str, Path]]:
    """A comparison of one run that says things, and the folder of its texts."""
    folder = word_run(tmp_path / "results", "talker", {f"s-{n}": words for n in range(scenes)})
    run = load_scores(folder)
    return compare_runs([run], folders={run.name: folder}, resamples=100), {run.name: folder}


WORDS = [Word("faster", planned=2.0, recorded=-2.0, before=-0.5), Word("slower", planned=2.0, recorded=2.0, before=0.5)]


def test_four_questions_have_the_tables_numbers_and_open_their_frames(tmp_path):
    comparison, _ = said(tmp_path, WORDS)
    (row,) = question_rows(comparison)
    assert row["run"] == "talker"
    assert row["sees"].missing == "lightemma probe talker"
    assert (row["understands"].value, row["understands"].tone) == ("0 %", "loss")
    assert "100 % by a formula" in row["understands"].detail
    assert row["understands"].frames == {"run": "talker", "words": "wrong"}
    assert row["acts"].value == "50 %"
    assert "says slower and does not: 100 % of 9" in row["acts"].detail
    (summary,) = [one for one in comparison.summary if one.run == "talker"]
    # One plan is as far off as the other is closer than holding the speed.
    assert (row["better"].value, summary.diff_vs_baseline) == ("0.00 m", 0.0)


@pytest.mark.parametrize(
    ("scenes", "few"), [(1, "one scene is too few for a verdict"), (2, "2 scenes are too few for a verdict")]
)
def test_few_scenes_give_no_verdict_and_one_gives_no_interval(tmp_path, scenes, few):
    comparison, _ = said(tmp_path, WORDS, scenes)
    (row,) = question_rows(comparison)
    assert row["better"].detail.rpartition("], ")[2] == few
    assert row["better"].detail.startswith("[") == (scenes == 2)
    assert row["acts"].detail.startswith("[\u2013, \u2013]") == (scenes == 1)
    assert "nan" not in row["acts"].detail + row["understands"].detail


def test_words_that_are_read_unreliably_decide_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("lightemma.evaluation.tables.reasoning.unreliable", lambda model: ["lateral", "longitudinal"])
    comparison, _ = said(tmp_path, WORDS)
    (row,) = question_rows(comparison)
    assert row["understands"].tone == ""
    assert row["understands"].detail.endswith("; words read unreliably")
    assert row["acts"].detail.endswith("; words read unreliably")


def test_a_run_without_words_says_what_it_needs(made):
    assert [row["run"] for row in question_rows(made.comparison)] == ["keen", "odd"], "formulas are asked nothing"
    bare = compare_runs([made.runs[0]], resamples=100)
    (row,) = question_rows(bare)
    assert "needs a planner that says what it intends" in row["acts"].missing


def test_a_driven_probe_answers_whether_it_sees(tmp_path):
    comparison, _ = said(tmp_path, WORDS)
    probe = {"run": "talker", "probe": "yaw", "part": "all", "effect": -0.9, "effect_low": -1.0, "effect_high": -0.8,
             "expected": -1.0, "unit": "gain", "verdict": "obeys", "law": "turns back"}  # fmt: skip
    table = SimpleNamespace(cells=lambda: [probe | {"probe": "grey", "effect": 5.0}, probe])
    probed = replace(comparison, tables={**comparison.tables, "probes": table})
    (row,) = question_rows(probed)
    assert (row["sees"].value, row["sees"].tone, row["sees"].table) == ("yaw \u22120.90", "gain", "probes")
    assert row["sees"].detail == "[\u22121.00, \u22120.80], a driver that sees has \u22121.00"


def test_frames_know_what_their_words_were(tmp_path):
    comparison, _ = said(tmp_path, WORDS)
    columns = frame_columns(comparison.study)
    bits = np.frombuffer(base64.b64decode(columns["runs"][0]["words"]), "u1")
    assert (bits[:2] % MISSED).tolist() == [JUDGED | FOLLOWED, JUDGED | SLOWER]
    wide = comparison.study.runs[0].errors.max(axis=1) > 2.0
    assert (bits & MISSED > 0).tolist() == wide.tolist()
    baseline = np.frombuffer(base64.b64decode(columns["runs"][1]["words"]), "u1")
    assert not (baseline & JUDGED).any(), "the baseline says nothing"


def test_the_sentence_that_was_read_is_marked_where_a_script_finds_it(tmp_path):
    text = "A \U0001f6a6 \U0001f6b8 was ahead. The ego should slow down. Then it is over."
    comparison, folders = said(
        tmp_path, [Word(text, planned=-2.0, recorded=0.0, scene="A red traffic light. It rains.")]
    )
    texts = {name: FrameTexts(folder) for name, folder in folders.items()}
    scenes = SceneData(comparison.study.runs, texts, {}, comparison.study.ledgers)
    _, data = next(iter(scenes))
    scene, intent, _ = data["frames"][0]["texts"][0]
    ((start, end),) = intent["marks"]
    in_utf16 = text.encode("utf-16-le")[2 * start : 2 * end].decode("utf-16-le")
    assert in_utf16.strip() == "The ego should slow down."
    assert intent["read"] == "Read as: decelerate, unclear. The plan goes slower, the recorded car went as fast."
    assert scene["read"] == "Read as: red light claimed, bad weather claimed."
    assert [scene["response"][a:b] for a, b in scene["marks"]] == ["red traffic light", "rains"]


def test_places_of_a_reader_of_ones_own_cannot_break_the_page():
    words = Words(((5, 2), (-1, 3), (0, 4), (2, 6), (4, 99), (4, 6)), "x")
    assert shown_words(words, "abcdef")["marks"] == [[0, 4], [4, 6]]
    assert shown_words(words, None) == {}
