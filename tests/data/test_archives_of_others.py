"""Archives of other people: failures in place of answers, values that are missing, frames that are there twice."""

from __future__ import annotations

import ast
import copy
import json
import re
import zipfile

import pytest

from lightemma.data.archive_failures import failure_of
from lightemma.data.published import PublishedArchive, PublishedSource
from lightemma.errors import UserError
from lightemma.parsing import parse_answer
from lightemma.run_folder.records import Usage
from lightemma.run_folder.store import read_frames
from lightemma.sessions.importing import import_archive
from tests.data.test_published import PLAN, PLAN_TEXT, as_folder, as_zip, one_frame, scene_file, v2_frame
from tests.shared_data import SHARED, needs_shared

CASES = SHARED / "cases" / "archives.jsonl"
DRAFT = PLAN_TEXT.replace("4.", "9.")


def case(name: str) -> dict[str, str]:
    found = [json.loads(line) for line in CASES.read_text(encoding="utf-8").splitlines()] if CASES.exists() else []
    return next(one for one in found if one["id"] == name)


def archive(tmp_path, *frames, scene="scene-0001"):
    return as_folder(tmp_path / "tiny", {f"{scene}.json": scene_file(list(frames), scene)})


def only_record(path, tier="strict"):
    (record,) = PublishedArchive(path).records(tier)
    return record


# --- failures in place of answers -----------------------------------------------------------------------------------------

WORDS = {
    "Error code: 404 - {'type': 'error', 'error': {'type': 'not_found_error', 'message': 'model: m'}}": "model_not_found",
    "404 models/gemini-9 is not found for API version v1beta": "model_not_found",
    "Error code: 400 - {'error': {'code': 'data_inspection_failed', 'message': 'x'}}": "content_filter",
    "Error code: 403 - {'error': {'code': 403, 'metadata': {'reasons': ['violence']}}}": "content_filter",
    "needs a valid `Part`. The candidate's [finish_reason](https://x#finishreason) is 3.": "content_filter",
    "Error code: 402 - {'error': {'message': 'Insufficient Balance'}}": "no_credit",
    "Error code: 400 - {'error': {'message': 'Your credit balance is too low'}}": "no_credit",
    "Error code: 429 - {'error': {'message': 'no', 'code': 'insufficient_quota'}}": "no_credit",
    "429 RESOURCE_EXHAUSTED. {'error': {'code': 429, 'status': 'RESOURCE_EXHAUSTED'}}": "rate_limited",
    "Error code: 429 - {'error': {'message': 'Request too large: Limit 30000, Requested 40000.'}}": "bad_request",
    "Error code: 400 - {'error': {'code': 'context_length_exceeded'}}": "bad_request",
    "400 INVALID_ARGUMENT. {'error': {'details': [{'reason': 'API_KEY_INVALID'}]}}": "auth",
    "Error code: 503 - {'error': {'message': 'no healthy upstream'}}": "overloaded",
    "HTTPSConnectionPool(host='x', port=443): Max retries exceeded with url: /": "connection",
    "[Errno 2] No such file or directory: '/data/a.jpg'": "picture",
}


@pytest.mark.parametrize(("words", "kind"), WORDS.items(), ids=range(len(WORDS)))
def test_words_of_failures_are_kinds_of_failures(words, kind):
    assert failure_of(f"Error generating response: {words}") == kind


def test_the_packages_own_words_alone_are_a_failure_too():
    assert failure_of("Error code: 404 - {'error': {'code': 'model_not_found'}}") == "model_not_found"
    assert failure_of("Error code: none") is None


@needs_shared(CASES)
def test_the_shared_words_of_a_failure(tmp_path):
    given = case("A01")
    text = ast.literal_eval(given["input"].partition(" = ")[2])
    assert one_record(tmp_path, text).outcome == given["right"]


def one_record(tmp_path, text, tier="strict"):
    (record,) = one_frame(tmp_path, pred_actions_str=text).records(tier)
    return record


# --- a value that is missing ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [None, 5, {"a": 1}, [PLAN_TEXT, None], True, [[PLAN_TEXT]]])
def test_an_answer_that_is_no_text_fails_its_frame_alone(tmp_path, value):
    path = archive(tmp_path, v2_frame(0, pred_actions_str=value), v2_frame(1))
    first, second = PublishedArchive(path).records("tolerant")
    assert (first.outcome, first.actions, first.answer, first.calls[-1].response) == (
        "call:invalid_response",
        None,
        None,
        None,
    )
    assert "no answer" in first.calls[-1].error
    assert second.outcome == "ok"


def test_a_frame_without_any_answers_fails_alone(tmp_path):
    frame = v2_frame(0) | {"inference": None, "token_usage": None, "time_usage": None}
    first, second = PublishedArchive(archive(tmp_path, frame, v2_frame(1))).records()
    assert [call.outcome for call in first.calls] == ["call:invalid_response"] * 3
    assert {(call.usage, call.latency_s) for call in first.calls} == {(None, None)}
    assert second.outcome == "ok"


@pytest.mark.parametrize("count", [None, -1, 2.5, "many", [1], True, 1e300, float("nan"), float("inf")])
@pytest.mark.parametrize("side", ["input", "output"])
def test_a_count_that_is_none_is_unknown(tmp_path, side, count):
    frame = v2_frame(0)
    frame["token_usage"]["scene_prompt"][side] = count
    text = scene_file([frame]).replace("NaN", "null").replace("Infinity", "null")
    record = only_record(as_folder(tmp_path / "tiny", {"scene-0001.json": text}))
    assert record.outcome == "ok"
    assert record.calls[0].usage is None
    assert record.calls[2].usage == Usage(1100, 0, 60, 0, "recorded")


@pytest.mark.parametrize("seconds", [None, -1.0, "soon", []])
def test_seconds_that_are_none_are_unknown(tmp_path, seconds):
    frame = v2_frame(0)
    frame["time_usage"]["scene_prompt"] = seconds
    record = only_record(archive(tmp_path, frame))
    assert (record.calls[0].latency_s, record.calls[1].latency_s, record.outcome) == (None, 3.5, "ok")


@needs_shared(CASES)
def test_the_shared_missing_values(tmp_path):
    given = case("A03")
    assert one_record(tmp_path, None).outcome == re.search(r"call:\w+", given["right"]).group()
    frame = v2_frame(0)
    for counts in frame["token_usage"].values():
        counts["input"] = None
    assert "usage None" in given["right"]
    path = as_folder(tmp_path / "counts", {"scene-0001.json": scene_file([frame])})
    assert {call.usage for call in only_record(path).calls} == {None}


# --- frames that are there twice ------------------------------------------------------------------------------------------


def test_a_frame_twice_in_a_scene_is_refused_by_name(tmp_path):
    path = archive(tmp_path, v2_frame(0), v2_frame(1), v2_frame(0))
    for read in (lambda: import_archive(path, tmp_path / "results"), lambda: PublishedSource(path)):
        with pytest.raises(UserError, match=r"scene-0001.json' in .* holds frame 0 .*twice"):
            read()
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize("change", [{"frame_index": 7}, {"sample_token": "other"}])
def test_half_of_a_frames_name_twice_is_refused_too(tmp_path, change):
    path = archive(tmp_path, v2_frame(0), v2_frame(1), v2_frame(0) | change)
    with pytest.raises(UserError, match=f"holds frame {change.get('frame_index', 0)} .*twice"):
        PublishedArchive(path)


def test_a_frame_in_two_scenes_is_refused_by_name(tmp_path):
    other = copy.deepcopy(v2_frame(1, "scene-0002")) | {"sample_token": "scene-0001/0"}
    files = {"scene-0001.json": scene_file([v2_frame(0)]), "scene-0002.json": scene_file([other], "scene-0002")}
    with pytest.raises(UserError, match=r"Frame 1 of 'scene-0002' .*also a frame of 'scene-0001'"):
        import_archive(as_folder(tmp_path / "tiny", files), tmp_path / "results")


@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
def test_a_scene_in_two_entries_is_refused_by_name(tmp_path):
    path = as_zip(tmp_path / "tiny.zip", {"scene-0001.json": scene_file([v2_frame(0)])})
    with zipfile.ZipFile(path, "a") as packed:
        packed.writestr("tiny/output/scene-0001.json", scene_file([v2_frame(1)]))
    with pytest.raises(UserError, match="two files for the scene 'scene-0001'"):
        PublishedArchive(path)


@needs_shared(CASES)
def test_the_shared_frame_twice(tmp_path):
    assert "refused on import, naming the frame" in case("A05")["right"]
    with pytest.raises(UserError, match="frame 0"):
        import_archive(archive(tmp_path, v2_frame(0), v2_frame(0)), tmp_path / "results")


# --- what is read of an answer --------------------------------------------------------------------------------------------


@needs_shared(CASES)
def test_the_shared_answer_that_the_published_evaluation_refuses(tmp_path):
    given = case("A06")
    text = ast.literal_eval(given["input"])
    assert given["right"].startswith("refused")
    assert parse_answer(text, "first-numbers").actions is None
    record = one_record(tmp_path, text, "first-numbers")
    assert (record.outcome, record.actions) == ("format:wrong_count", None)


@pytest.mark.parametrize("tier", ["strict", "tolerant", "first-numbers"])
@pytest.mark.parametrize("form", ["<think>D</think>P", "◁think▷D◁/think▷P", "D</think>\nP<|im_end|>"])
def test_thinking_in_an_archive_is_kept_and_never_scored(tmp_path, tier, form):
    text = form.replace("P", PLAN_TEXT).replace("D", DRAFT)
    path = archive(tmp_path, v2_frame(0, pred_actions_str=text))
    (record,) = read_frames(import_archive(path, tmp_path / "results", tier))
    assert (record.outcome, [list(pair) for pair in record.actions]) == ("ok", PLAN)
    assert (record.calls[-1].response, record.calls[-1].reasoning) == (PLAN_TEXT, DRAFT)


@pytest.mark.parametrize("tier", ["strict", "tolerant", "first-numbers"])
def test_an_archive_s_answer_of_thinking_alone_is_a_failure(tmp_path, tier):
    record = one_record(tmp_path, f"<think>{DRAFT}", tier)
    assert (record.outcome, record.actions, record.calls[-1].reasoning) == ("call:reasoning_only", None, DRAFT)
