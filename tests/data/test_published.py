"""LightEMMA archives: both layouts, packed and unpacked, with the authors' failures; and what is no archive."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lightemma.data.archive_failures import failure_of
from lightemma.data.published import PublishedArchive, PublishedSource
from lightemma.errors import UserError
from lightemma.run_folder.records import Usage

PLAN = [[4.0, 0.0], [4.2, 0.01], [4.4, 0.01], [4.4, 0.0], [4.4, 0.0], [4.4, -0.01]]
PLAN_TEXT = "[(4.0, 0.0), (4.2, 0.01), (4.4, 0.01), (4.4, 0.0), (4.4, 0.0), (4.4, -0.01)]"


def v2_frame(index: int, scene: str = "scene-0001", **inference: Any) -> dict[str, Any]:
    """One frame as the second layout has it; ``inference`` replaces texts."""
    texts = {
        "scene_prompt": "What is ahead?",
        "scene_description": ["A wide road with a", "  crossing."],
        "intent_prompt": ["Ahead: A wide road with a crossing. Speeds", "and so on."],
        "driving_intent": "Go straight.",
        "waypoint_prompt": "Six pairs!",
        "pred_actions_str": PLAN_TEXT,
    }
    return {
        "frame_index": index,
        "sample_token": f"{scene}/{index}",
        "image_name": f"n008__CAM_FRONT__{index}.jpg",
        "timestamp": 1_500_000 + 500_000 * index,
        "camera_params": {
            "rotation": [0.5, -0.5, 0.5, -0.5],
            "translation": [1.7, 0.0, 1.5],
            "camera_intrinsic": [[1266.4, 0.0, 816.3], [0.0, 1266.4, 491.5], [0.0, 0.0, 1.0]],
        },
        "ego_info": {
            "position": [100.0 + index, 50.0],
            "heading": 0.25,
            "obs_positions": [[-14.0 + 2 * i, 0.0] for i in range(8)],
            "obs_actions": [[4.0, 0.0]] * 5 + [[4.0, 0.001]],
            "gt_positions": [[2.0 * i, 0.1 * i] for i in range(1, 7)],
        },
        "inference": texts | inference,
        "token_usage": {
            "scene_prompt": {"input": 900, "output": 80},
            "waypoint_prompt": {"input": 1100, "output": 60},
        },
        "time_usage": {"scene_prompt": 2.5, "intent_prompt": 3.5, "waypoint_prompt": 1.5},
    }


def v1_frame(index: int, scene: str = "scene-0001", **inference: Any) -> dict[str, Any]:
    """The same frame in the first layout, with the authors' own reading of the answer."""
    frame = v2_frame(index, scene, **inference)
    del frame["image_name"]
    frame["image_path"] = f"/home/someone/nuscenes/samples/CAM_FRONT/n008__CAM_FRONT__{index}.jpg"
    frame["ego_info"]["gt_actions"] = [[4.0, 0.0]] * 6
    # Odd frames are those their reader could not read.
    frame["predictions"] = (
        {"pred_actions_str": frame["inference"]["pred_actions_str"]}
        if index % 2
        else {"pred_actions": PLAN, "trajectory": [[2.0 * i, 0.0] for i in range(1, 7)]}
    )
    return frame


def scene_file(frames: list[dict[str, Any]], scene: str = "scene-0001") -> str:
    return json.dumps({"scene_info": {"name": scene}, "metadata": {"model": "tiny-vlm"}, "frames": frames})


Layout = Callable[..., dict[str, Any]]
LAYOUTS = pytest.mark.parametrize("layout", [v2_frame, v1_frame], ids=["v2", "v1"])


def whole_archive(layout: Layout = v2_frame) -> dict[str, str]:
    """File name to text of an archive with two scenes."""
    return {
        f"{scene}.json": scene_file([layout(index, scene) for index in range(count)], scene)
        for scene, count in (("scene-0001", 2), ("scene-0003", 3))
    }


def as_folder(root: Path, files: dict[str, str], inside: str = "output") -> Path:
    for name, text in files.items():
        path = root / inside / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def as_zip(
    path: Path, files: dict[str, str], inside: str = "tiny/output/", compression: int = zipfile.ZIP_DEFLATED
) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, text in files.items():
            archive.writestr(inside + name, text)
    return path


def one_frame(tmp_path: Path, layout: Layout = v2_frame, **inference: Any) -> PublishedArchive:
    return PublishedArchive(as_folder(tmp_path / "tiny", {"scene-0001.json": scene_file([layout(0, **inference)])}))


@LAYOUTS
@pytest.mark.parametrize("packed", [False, True], ids=["folder", "zip"])
@pytest.mark.parametrize("inside", ["output/", "", "some/where/output/"])
def test_an_archive_is_read_wherever_its_output_is(tmp_path, layout, packed, inside):
    files = whole_archive(layout)
    path = as_zip(tmp_path / "tiny.zip", files, inside) if packed else as_folder(tmp_path / "tiny", files, inside)
    archive = PublishedArchive(path)
    assert (archive.name, archive.model) == ("tiny", "tiny-vlm")
    assert archive.scene_names == ["scene-0001", "scene-0003"]
    assert [(scene, frame.frame_index) for scene, frame in archive.frames()] == [
        ("scene-0001", 0), ("scene-0001", 1), ("scene-0003", 0), ("scene-0003", 1), ("scene-0003", 2),
    ]  # fmt: skip
    assert {record.outcome for record in archive.records()} == {"ok"}


@LAYOUTS
def test_frames_and_records_agree(tmp_path, layout):
    path = as_zip(tmp_path / "tiny.zip", whole_archive(layout))
    source = PublishedSource(path)
    assert (source.info.source, source.info.name, source.info.scenes) == ("published", "tiny", 2)
    frames, records = list(source.frames()), list(PublishedArchive(path).records())
    assert len(frames) == len(records) == 5
    for frame, record in zip(frames, records, strict=True):
        for name in ("scene", "frame_index", "sample_token", "timestamp", "image"):
            assert getattr(frame, name) == getattr(record, name)
        np.testing.assert_array_equal(frame.history.actions, record.history)
        np.testing.assert_array_equal(frame.future, record.ground_truth)


@LAYOUTS
def test_a_frame_is_as_published(tmp_path, layout):
    frame = PublishedSource(as_folder(tmp_path / "tiny", whole_archive(layout))).scene_frames("scene-0003")[1]
    # v1 wrote its authors' absolute path; both name the picture below a nuScenes root.
    assert frame.image == "samples/CAM_FRONT/n008__CAM_FRONT__1.jpg"
    assert frame.image_path is None
    assert (frame.pose.x, frame.pose.y, frame.pose.heading) == (101.0, 50.0, 0.25)
    assert frame.camera.intrinsic[0].tolist() == [1266.4, 0.0, 816.3]
    assert frame.camera.rotation.tolist() == [0.5, -0.5, 0.5, -0.5]
    assert frame.history.positions[0].tolist() == [-14.0, 0.0]
    assert frame.history.actions[-1].tolist() == [4.0, 0.001]
    assert frame.future[-1].tolist() == pytest.approx([12.0, 0.6])


@LAYOUTS
def test_a_record_holds_questions_answers_tokens_and_seconds(tmp_path, layout):
    (record,) = one_frame(tmp_path, layout).records()
    scene, intent, action = record.calls
    assert [stage.stage for stage in record.calls] == ["scene", "intent", "action"]
    assert scene.response == "A wide road with a crossing."
    assert intent.prompt == "Ahead: A wide road with a crossing. Speeds and so on."
    assert (scene.usage, intent.usage) == (Usage(900, 0, 80, 0, "recorded"), None)
    assert (scene.latency_s, intent.latency_s, action.latency_s) == (2.5, 3.5, 1.5)
    assert record.actions == PLAN
    # The plan's own trajectory, not the one v1 stored.
    assert record.trajectory is not None
    assert record.trajectory[1] == pytest.approx([4.1, 0.0])
    assert record.trajectory[2] == pytest.approx([4.1 + 2.2 * np.cos(0.021), 2.2 * np.sin(0.021)])


def test_short_texts_keep_their_white_space(tmp_path):
    (record,) = one_frame(tmp_path, scene_description="A road.\n\nA tree.").records()
    assert record.calls[0].response == "A road.\n\nA tree."


def test_frames_come_in_order_of_their_index(tmp_path):
    frames = [v2_frame(index) for index in (2, 0, 1)]
    archive = PublishedArchive(as_folder(tmp_path / "tiny", {"scene-0001.json": scene_file(frames)}))
    assert [frame.frame_index for _, frame in archive.frames()] == [0, 1, 2]


def test_an_answer_outside_the_format_is_the_frames_outcome_by_parser(tmp_path):
    archive = one_frame(tmp_path, pred_actions_str=PLAN_TEXT.replace("), (", ") ("))
    (strict,) = archive.records("strict")
    assert (strict.outcome, strict.calls[-1].outcome) == ("format:missing_commas",) * 2
    assert (strict.actions, strict.trajectory) == (None, None)
    (tolerant,) = archive.records("tolerant")
    assert (tolerant.outcome, tolerant.actions) == ("ok", PLAN)


# --- failures whose text was stored as the answer -------------------------------------------------------------------------

ERRORS = {
    "Error generating response: Error code: 529 - {'type': 'error', 'message': 'Overloaded'}": "overloaded",
    "Error generating response: Error code: 429 - Rate limit reached for gpt-4o": "rate_limited",
    "Error generating response: You exceeded your current quota": "rate_limited",
    "Error generating response: Request timed out.": "timeout",
    "Error generating response: HTTP code 502 from API (<html>connection limit 429</html>)": "server_error",
    "Error generating response: The server had an error while processing your request": "server_error",
    "Error generating response: The response was filtered by the content_filter": "content_filter",
    "Error generating response: requires a valid `Part`, but none were returned (finish_reason is 1)": "invalid_response",
    "Error generating response: Error code: 401 - Incorrect API key provided": "auth",
    "Error generating response: Connection reset by peer": "connection",
    "Error generating response: something nobody has seen before": "server_error",
}


@pytest.mark.parametrize(("text", "kind"), ERRORS.items(), ids=ERRORS.values())
def test_a_failed_action_call_is_a_call_error_and_never_an_answer(tmp_path, text, kind):
    # With six pairs in its text, so that a parser would find something.
    (record,) = one_frame(tmp_path, pred_actions_str=f"{text} {PLAN_TEXT}").records("tolerant")
    assert record.outcome == record.calls[-1].outcome == f"call:{kind}"
    assert record.actions is None
    assert record.calls[-1].error == f"{text} {PLAN_TEXT}"


@pytest.mark.parametrize("text", ["An Error generating response", "", "error generating response", PLAN_TEXT])
def test_only_the_harness_own_error_texts_are_a_failure(text):
    assert failure_of(text) is None


@LAYOUTS
def test_a_failed_earlier_stage_marks_the_stage_and_the_frame_is_judged_by_its_answer(tmp_path, layout):
    failure = ["Error generating response: Error code: 429 - Rate limit", "reached"]
    (record,) = one_frame(tmp_path, layout, scene_description=failure).records()
    assert [stage.outcome for stage in record.calls] == ["call:rate_limited", "ok", "ok"]
    assert record.calls[0].error == "Error generating response: Error code: 429 - Rate limit reached"
    assert (record.outcome, record.actions) == ("ok", PLAN)


def test_a_missing_text_is_no_answer(tmp_path):
    frame = v2_frame(0)
    del frame["inference"]["pred_actions_str"]
    archive = PublishedArchive(as_folder(tmp_path / "tiny", {"scene-0001.json": scene_file([frame])}))
    assert [record.outcome for record in archive.records()] == ["call:invalid_response"]


# --- what is no archive ---------------------------------------------------------------------------------------------------


def test_a_missing_archive_is_named(tmp_path):
    with pytest.raises(
        UserError, match=r"There is no archive '.*nothing\.zip'; give a LightEMMA output folder or \.zip"
    ):
        PublishedArchive(tmp_path / "nothing.zip")


@pytest.mark.parametrize("packed", [False, True], ids=["folder", "zip"])
def test_two_outputs_in_one_place_are_refused(tmp_path, packed):
    files = {f"{model}/output/{name}": text for model in "ab" for name, text in whole_archive().items()}
    path = as_zip(tmp_path / "both.zip", files, "") if packed else as_folder(tmp_path / "both", files, "")
    with pytest.raises(UserError, match=r"holds several outputs \(a/output, b/output\); give one"):
        PublishedArchive(path)


@pytest.mark.parametrize("packed", [False, True], ids=["folder", "zip"])
def test_files_next_to_the_output_are_ignored(tmp_path, packed):
    files = {f"output/{name}": text for name, text in whole_archive().items()}
    files |= {
        "results.json": "[]",
        "config/settings.json": "{}",
        "__MACOSX/output/._scene-0001.json": "\0",
        "notes.txt": "x",
    }
    path = as_zip(tmp_path / "tiny.zip", files, "") if packed else as_folder(tmp_path / "tiny", files, "")
    assert PublishedArchive(path).scene_names == ["scene-0001", "scene-0003"]


@pytest.mark.parametrize("keep", [0.5, 0.95])
def test_a_zip_that_was_cut_off_is_named(tmp_path, keep):
    path = as_zip(tmp_path / "tiny.zip", whole_archive())
    data = path.read_bytes()
    path.write_bytes(data[: int(keep * len(data))])
    with pytest.raises(UserError, match=r"is not a whole \.zip archive .*fetch it again"):
        PublishedArchive(path)


@pytest.mark.parametrize(
    "compression",
    [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED],
    ids=["stored", "deflated"],
)
def test_a_zip_with_a_damaged_scene_is_named(tmp_path, compression):
    path = as_zip(tmp_path / "tiny.zip", whole_archive(), compression=compression)
    data = bytearray(path.read_bytes())
    at = data.index(b"scene-0001.json") + 60
    data[at : at + 20] = bytes(20)
    path.write_bytes(data)
    with pytest.raises(UserError, match=r"scene-0001\.json' in .*tiny\.zip' cannot be read .*fetch the archive again"):
        PublishedArchive(path)


def test_a_file_that_is_no_zip_is_named(tmp_path):
    path = tmp_path / "tiny.zip"
    path.write_text("<html>404</html>")
    with pytest.raises(UserError, match=r"is not a whole \.zip archive"):
        PublishedArchive(path)


@pytest.mark.parametrize("packed", [False, True], ids=["folder", "zip"])
def test_no_scene_files_is_a_sentence(tmp_path, packed):
    files = {"README.md": "nothing here"}
    path = as_zip(tmp_path / "tiny.zip", files) if packed else as_folder(tmp_path / "tiny", files)
    with pytest.raises(UserError, match=r"holds no scene \.json files; give the folder or \.zip"):
        PublishedArchive(path)


@pytest.mark.parametrize(
    "text",
    ["not JSON", "", "[]", '{"frames": []}', '{"scene_info": {"name": "x"}}', scene_file([{"frame_index": 0}])],
    ids=["words", "nothing", "list", "no scene", "no frames", "empty frame"],
)
@pytest.mark.parametrize("packed", [False, True], ids=["folder", "zip"])
def test_json_of_another_kind_is_named(tmp_path, packed, text):
    files = {"scene-0001.json": text}
    path = as_zip(tmp_path / "tiny.zip", files) if packed else as_folder(tmp_path / "tiny", files)
    with pytest.raises(UserError, match=r"scene-0001\.json' in '.*' is not a LightEMMA v1 or v2 scene file"):
        PublishedArchive(path)


def test_values_that_are_no_numbers_are_named_by_their_place(tmp_path):
    frame = v2_frame(4)
    frame["ego_info"]["heading"] = float("nan")
    with pytest.raises(
        UserError, match=r"not a LightEMMA v1 or v2 scene file \(Expected `float`, got `null` .*heading"
    ):
        PublishedArchive(as_folder(tmp_path / "tiny", {"scene-0001.json": scene_file([frame])}))


@pytest.mark.parametrize(
    ("name", "counts"),
    [("gt_positions", "8 .* 6 .* 5 "), ("obs_positions", "7 .* 6 .* 6 "), ("obs_actions", "8 .* 5 .* 6 ")],
)
def test_another_protocol_is_refused_with_its_counts(tmp_path, name, counts):
    frame = v2_frame(4)
    frame["ego_info"][name].pop()
    path = as_folder(tmp_path / "tiny", {"scene-0001.json": scene_file([frame])})
    with pytest.raises(UserError, match=rf"Frame 4 of .* has {counts}future positions instead of 8, 6 and 6"):
        PublishedArchive(path)
