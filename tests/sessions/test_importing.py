"""Published archives become runs: once, with their errors, and never over another run."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from lightemma.data.published import PublishedArchive
from lightemma.errors import UserError
from lightemma.evaluation.scores import load_scores
from lightemma.run_folder.store import read_frames, read_manifest
from lightemma.sessions.importing import archive_prompts, import_archive
from tests.conftest import STEADY_TEXT, good_answer, lines_of_run, make_frames, put_lines, steady_run, write_archive

NO_COMMAS = STEADY_TEXT.replace("), (", ") (")


def test_an_archive_becomes_a_run(tmp_path):
    folder = import_archive(write_archive(tmp_path / "tiny"), tmp_path / "results")
    assert folder == tmp_path / "results" / "tiny"
    manifest = read_manifest(folder)
    assert (manifest.data.source, manifest.data.name, manifest.data.scenes, manifest.data.frames) == (
        "published",
        "tiny",
        2,
        5,
    )
    assert manifest.model is not None
    assert (manifest.model.name, manifest.model.model) == ("tiny", "tiny-vlm")
    assert (manifest.planner.name, manifest.parser, manifest.protocol["name"]) == (
        "chain-of-thought",
        "strict",
        "lightemma",
    )
    records = read_frames(folder)
    assert [record.sample_token for record in records] == [frame.sample_token for frame in make_frames()]
    first = records[0]
    assert (first.outcome, first.actions, first.image) == ("ok", [(5.0, 0.0)] * 6, "samples/CAM_FRONT/scene-0001-0.jpg")
    assert [(s.stage, s.response, s.latency_s) for s in first.calls] == [
        ("scene", "The scene of scene-0001/0.", 1.0),
        ("intent", "The intent of scene-0001/0.", 2.0),
        ("action", STEADY_TEXT, 3.0),
    ]
    usage = first.calls[0].usage
    assert usage is not None
    assert (usage.input, usage.output, usage.source) == (100, 20, "recorded")


def kilometres_an_hour(frame: dict[str, Any]) -> None:
    ego = frame["ego_info"]
    ego["obs_actions"] = [[3.6 * speed, curvature] for speed, curvature in ego["obs_actions"]]


def in_milliseconds(frame: dict[str, Any]) -> None:
    frame["timestamp"] //= 1000


def beyond(frame: dict[str, Any]) -> None:
    frame["ego_info"]["gt_positions"][0][0] = 1e308


def longer_than_arrays_hold(frame: dict[str, Any]) -> None:
    frame["timestamp"] = 10**30 + frame["frame_index"]


def without_place(frame: dict[str, Any]) -> None:
    frame["ego_info"]["position"] = []


def without_camera(frame: dict[str, Any]) -> None:
    frame["camera_params"]["camera_intrinsic"] = [[1.0], [2.0, 3.0]]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (kilometres_an_hour, "history's speeds .* are 3.6 times what its positions say"),
        (in_milliseconds, "its times seem to be in milliseconds"),
        (beyond, "future with a value of 1e\\+308, which no car reaches"),
        (longer_than_arrays_hold, "is not a LightEMMA v1 or v2 scene file .*timestamp"),
        (without_place, "is not a LightEMMA v1 or v2 scene file .*position"),
        (without_camera, "is not a LightEMMA v1 or v2 scene file .*camera_intrinsic"),
    ],
)
def test_an_archive_that_contradicts_the_protocol_is_refused_as_every_source_is(tmp_path, change, said):
    archive = write_archive(tmp_path / "tiny")
    for path in (archive / "output").iterdir():
        scene = json.loads(path.read_text())
        for frame in scene["frames"]:
            change(frame)
        path.write_text(json.dumps(scene))
    with pytest.raises(UserError, match=said):
        import_archive(archive, tmp_path / "results")
    assert not (tmp_path / "results").exists()


def test_importing_twice_does_nothing(tmp_path):
    archive = write_archive(tmp_path / "tiny")
    folder = import_archive(archive, tmp_path / "results")
    before = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}
    assert import_archive(archive, tmp_path / "results") == folder
    assert {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()} == before


def test_an_interrupted_import_is_finished_by_importing_again(tmp_path, caplog):
    archive = write_archive(tmp_path / "tiny")
    folder = import_archive(archive, tmp_path / "results")
    whole = lines_of_run(folder)
    put_lines(folder, whole[:2], torn=whole[2][:40])
    with caplog.at_level(logging.ERROR):
        assert import_archive(archive, tmp_path / "results") == folder
    assert lines_of_run(folder) == whole, "each frame once, in the same order"


@pytest.mark.parametrize("tier", ["tolerant", "first-numbers"])
def test_another_parser_over_the_same_run_is_refused(tmp_path, tier):
    archive = write_archive(tmp_path / "tiny")
    import_archive(archive, tmp_path / "results")
    with pytest.raises(UserError, match="already holds another run; import under another name with `name`"):
        import_archive(archive, tmp_path / "results", tier)
    assert import_archive(archive, tmp_path / "results", tier, f"tiny-{tier}").name == f"tiny-{tier}"


def test_other_answers_or_another_run_under_the_name_are_refused(tmp_path):
    import_archive(write_archive(tmp_path / "one" / "tiny"), tmp_path / "results")
    other = write_archive(tmp_path / "two" / "tiny", lambda token, stage: good_answer(token, stage) + " ")
    with pytest.raises(UserError, match="already holds another run"):
        import_archive(other, tmp_path / "results")
    steady_run(tmp_path / "results", "mine", make_frames(), 5.0)
    with pytest.raises(UserError, match="already holds another run"):
        import_archive(other, tmp_path / "results", name="mine")


def test_the_parser_decides_what_is_ok(tmp_path):
    def answers(token: str, stage: str) -> str:
        return NO_COMMAS if stage == "action" and token == "scene-0001/1" else good_answer(token, stage)

    archive = write_archive(tmp_path / "tiny", answers)
    strict = import_archive(archive, tmp_path / "results")
    tolerant = import_archive(archive, tmp_path / "results", "tolerant", "forgiving")
    assert [record.outcome for record in read_frames(strict)] == ["ok", "format:missing_commas", "ok", "ok", "ok"]
    assert {record.outcome for record in read_frames(tolerant)} == {"ok"}
    assert load_scores(strict, "tolerant").ok.all(), "stored text is read again without another import"


def test_a_failure_in_an_earlier_stage_is_marked_and_counted(tmp_path):
    def answers(token: str, stage: str) -> str:
        failed = token == "scene-0002/0" and stage == "intent"
        return "Error generating response: Error code: 529 - overloaded" if failed else good_answer(token, stage)

    folder = import_archive(write_archive(tmp_path / "tiny", answers), tmp_path / "results")
    record = read_frames(folder)[3]
    assert [stage.outcome for stage in record.calls] == ["ok", "call:overloaded", "ok"]
    assert record.outcome == "ok", "judged by its action answer, as the published evaluation did"
    imported = read_manifest(folder).imported
    assert imported is not None
    assert imported["frames_with_failed_earlier_stage"] == 1


def test_a_failed_action_call_is_a_call_error_not_a_format_error(tmp_path):
    def answers(token: str, stage: str) -> str:
        failed = token == "scene-0002/0" and stage == "action"
        return "Error generating response: Request timed out." if failed else good_answer(token, stage)

    record = read_frames(import_archive(write_archive(tmp_path / "tiny", answers), tmp_path / "results"))[3]
    assert (record.outcome, record.actions, record.calls[-1].error) == (
        "call:timeout",
        None,
        "Error generating response: Request timed out.",
    )


def test_the_prompt_set_of_the_archive_is_in_the_manifest(tmp_path):
    archive = write_archive(tmp_path / "tiny")
    prompts = archive_prompts(PublishedArchive(archive))
    assert (
        prompts.templates["intent"]
        == "Ahead is this: {{scene}} So far speeds {{speeds}} and curvatures {{curvatures}}. What now?"
    )
    entry = read_manifest(import_archive(archive, tmp_path / "results")).prompts
    assert entry is not None
    assert (entry.sha256, entry.answer) == (prompts.sha256, "list")


def test_mixed_wording_is_imported_without_a_prompt_set(tmp_path):
    archive = write_archive(tmp_path / "tiny", question=lambda token: f"What is ahead at {token}?")
    with pytest.raises(
        UserError, match="do not come from one template: the scene prompt of scene-0001, frame 1 differs"
    ):
        archive_prompts(PublishedArchive(archive))
    folder = import_archive(archive, tmp_path / "results")
    assert read_manifest(folder).prompts is None
    assert read_frames(folder)[1].calls[0].prompt == "What is ahead at scene-0001/1?"


def test_scenes_without_frames_are_nothing_to_import(tmp_path):
    archive = write_archive(tmp_path / "tiny", scenes={"scene-0001": 0})
    with pytest.raises(UserError, match="has scenes but no frames"):
        import_archive(archive, tmp_path / "results")
    assert not (tmp_path / "results").exists()


def test_a_name_cannot_lead_out_of_the_results_folder(tmp_path):
    with pytest.raises(UserError, match=r"A run cannot be called '\.\./outside'"):
        import_archive(write_archive(tmp_path / "tiny"), tmp_path / "results", name="../outside")
