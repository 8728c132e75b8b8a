"""Reading a run's texts frame by frame."""

import pytest

from lightemma.errors import UserError
from lightemma.run_folder.records import CallRecord
from lightemma.run_folder.texts import FrameTexts
from tests.conftest import make_frames, make_manifest, make_record, steady, write_run


def said(frame, text):
    return make_record(frame, steady(5.0), stages=[CallRecord("action", "Go?", text, "ok")])


def test_the_last_line_of_a_frame_counts_and_others_are_not_there(tmp_path):
    frames = make_frames()
    records = [said(frame, f"first {frame.sample_token}") for frame in frames] + [said(frames[1], "zwei")]
    folder = write_run(tmp_path, make_manifest("a", frames), records)
    texts = FrameTexts(folder)
    assert len(texts) == len(frames)
    wanted = [frames[3].sample_token, frames[1].sample_token, "nobody"]
    found = texts.read(wanted)
    assert {token: text.calls[0].response for token, text in found.items()} == {
        frames[1].sample_token: "zwei",
        frames[3].sample_token: f"first {frames[3].sample_token}",
    }
    lines = [len(f"first {frame.sample_token}") for frame in frames]
    assert texts.answer_characters == sum(lines) - lines[1] + len("zwei")


def test_a_torn_last_line_is_dropped(tmp_path, caplog):
    frames = make_frames()
    folder = write_run(tmp_path, make_manifest("a", frames), [said(frame, "ü") for frame in frames])
    path = folder / "frames.jsonl"
    path.write_bytes(path.read_bytes()[:-5])
    texts = FrameTexts(folder)
    assert len(texts) == len(frames) - 1
    assert texts.read([frames[-1].sample_token]) == {}
    assert "torn" in caplog.text


def test_a_damaged_line_is_named(tmp_path):
    frames = make_frames()
    folder = write_run(tmp_path, make_manifest("a", frames), [said(frame, "words") for frame in frames])
    path = folder / "frames.jsonl"
    lines = path.read_bytes().split(b"\n")
    lines[2] = lines[2][:-9]
    path.write_bytes(b"\n".join(lines))
    with pytest.raises(UserError, match=r"Line 3 of .*damaged"):
        FrameTexts(folder)


def test_a_run_without_frames_has_no_texts(tmp_path):
    texts = FrameTexts(tmp_path)
    assert len(texts) == 0
    assert texts.read(["a"]) == {}
