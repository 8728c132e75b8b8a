"""Prompts that are written without what they have in common, and frames that are packed whole."""

import gzip
import json
from contextlib import suppress

import msgspec
import pytest

from lightemma.errors import UserError
from lightemma.run_folder import frame_lines
from lightemma.run_folder.frame_lines import frames_file, pack_frames
from lightemma.run_folder.packed_prompts import SAMPLES
from lightemma.run_folder.records import CallRecord, FrameRecord
from lightemma.run_folder.store import RunWriter, read_frames, read_numbers, read_outcomes
from lightemma.run_folder.texts import FrameTexts
from tests.conftest import make_frames, make_manifest, make_record, steady

FRAMES = make_frames({"s-1": 6, "s-2": 6})
LONG = "You are the driver. Describe what you see: lights, signs, and what others do, \x00 \N{AUTOMOBILE} 'é'.\n" * 12
OTHER = "Something else entirely, about numbers: " + " ".join(str(n * n) for n in range(300))


def record(place: int, template: str = LONG) -> FrameRecord:
    scene = f'A road with {place} cars, and \u2028 \\ "quotes".'
    calls = [
        CallRecord("scene", template, scene, "ok", latency_s=1.5),
        CallRecord("intent", f"{template}{scene} Speeds: {place}.{place}", None, "call:timeout", error="late"),
    ]
    return make_record(FRAMES[place], steady(5.0), "call:timeout", calls)


def plain(records) -> list:
    """What the records say, with pairs as lists."""
    return [json.loads(msgspec.json.encode(one)) for one in records]


def written(folder, records):
    with RunWriter(folder, make_manifest("vlm", FRAMES)) as writer:
        for one in records:
            writer.append(one)


def test_prompts_come_back_whole_and_take_little_room(tmp_path):
    records = [record(place) for place in range(8)]
    written(tmp_path / "r", records)
    assert plain(read_frames(tmp_path / "r")) == plain(records)
    texts = FrameTexts(tmp_path / "r").read([one.sample_token for one in records])
    assert [texts[one.sample_token].calls for one in records] == [one.calls for one in records]
    lines = (tmp_path / "r" / "frames.jsonl").read_bytes().splitlines()
    assert max(map(len, lines)) < 0.6 * len(msgspec.json.encode(records[0]))
    assert json.loads(lines[0])["calls"][0]["response"] == records[0].calls[0].response
    assert len(json.loads((tmp_path / "r" / SAMPLES).read_bytes())) == 1


def test_other_prompts_get_a_sample_of_their_own_and_short_ones_none(tmp_path):
    records = [record(0), record(1, OTHER), record(2, "Short?"), record(3), record(4, OTHER)]
    written(tmp_path / "r", records)
    assert plain(read_frames(tmp_path / "r")) == plain(records)
    assert len(json.loads((tmp_path / "r" / SAMPLES).read_bytes())) == 2
    assert b"Short?" in (tmp_path / "r" / "frames.jsonl").read_bytes()


def test_a_later_session_uses_the_samples_of_the_first(tmp_path):
    written(tmp_path / "r", [record(0), record(1)])
    samples = (tmp_path / "r" / SAMPLES).read_bytes()
    written(tmp_path / "r", [record(2), record(3)])
    assert (tmp_path / "r" / SAMPLES).read_bytes() == samples
    assert plain(read_frames(tmp_path / "r")) == plain([record(place) for place in range(4)])


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        # What all lines need is restored; a line that alone is damaged is deleted.
        (SAMPLES, None, "a sample that its prompts need; restore '.*prompts.json'"),
        (SAMPLES, b"{}", "a sample that its prompts need; restore '.*prompts.json'"),
        (SAMPLES, b'{"x', "cannot be read: .*; restore '.*prompts.json'"),
        (SAMPLES, b"[" * 5000, "cannot be read: .*; restore '.*prompts.json'"),
        ("frames.jsonl", lambda text: text.replace(b'"data":"', b'"data":"!'), "cannot be unpacked.*delete that line"),
        ("frames.jsonl", lambda text: text.replace(b'"data":"', b'"data":"AAAA'), "prompts.*delete that line"),
    ],
)
def test_damage_is_one_sentence(tmp_path, name, content, said):
    written(tmp_path / "r", [record(0), record(1)])
    path = tmp_path / "r" / name
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content(path.read_bytes()) if callable(content) else content)
    with pytest.raises(UserError, match=said):
        read_frames(tmp_path / "r")
    with pytest.raises(UserError, match=said):
        FrameTexts(tmp_path / "r").read([FRAMES[0].sample_token])
    # The numbers need no prompts.
    assert len(read_numbers(tmp_path / "r")) == 2


def test_prompts_that_unpack_without_end_are_refused(tmp_path, monkeypatch):
    written(tmp_path / "r", [record(0)])
    monkeypatch.setattr("lightemma.run_folder.packed_prompts._LONGEST", 500)
    with pytest.raises(UserError, match="do not end"):
        read_frames(tmp_path / "r")


@pytest.fixture
def everything_is_worth_packing(monkeypatch):
    monkeypatch.setattr(frame_lines, "WORTH_PACKING", 1)


@pytest.mark.usefixtures("everything_is_worth_packing")
def test_packed_frames_are_read_and_added_to_as_plain_ones(tmp_path):
    folder, records = tmp_path / "r", [record(place) for place in range(3)]
    written(folder, records)
    pack_frames(folder)
    assert not (folder / "frames.jsonl").exists()
    assert (folder / "frames.jsonl.gz").stat().st_mode & 0o077 == 0
    assert plain(read_frames(folder)) == plain(records)
    assert list(read_outcomes(folder)) == [one.sample_token for one in records]
    texts = FrameTexts(folder)
    assert texts.read([records[2].sample_token])[records[2].sample_token].calls == records[2].calls
    assert texts.read([records[0].sample_token])[records[0].sample_token].calls == records[0].calls
    written(folder, [record(3)])
    assert not (folder / "frames.jsonl.gz").exists()
    assert plain(read_frames(folder)) == plain([*records, record(3)])


@pytest.mark.usefixtures("everything_is_worth_packing")
def test_a_run_that_has_ended_is_packed_and_stays_so_until_something_is_added(tmp_path):
    folder, records = tmp_path / "r", [record(place) for place in range(3)]
    packed = folder / "frames.jsonl.gz"

    def session(new, ended):
        with RunWriter(folder, make_manifest("vlm", FRAMES), packs=True) as writer:
            for one in new:
                writer.append(one)
            writer.finish(msgspec.structs.replace(writer.manifest, ended=ended))

    session(records[:1], None)
    assert frames_file(folder).name == "frames.jsonl.growing.gz", "it goes on"
    session(records[1:2], "2026-01-01T00:00:00+00:00")
    assert frames_file(folder) == packed
    before = packed.stat().st_mtime_ns
    session([], "2026-01-01T00:00:00+00:00")
    assert packed.stat().st_mtime_ns == before, "nothing was added"
    with suppress(KeyError), RunWriter(folder, make_manifest("vlm", FRAMES), packs=True) as writer:
        writer.append(records[2])
        raise KeyError
    assert (frames_file(folder).name, packed.exists()) == ("frames.jsonl.growing.gz", False), "it was interrupted"
    assert plain(read_frames(folder)) == plain(records)


@pytest.mark.usefixtures("everything_is_worth_packing")
def test_of_both_files_the_plain_one_counts(tmp_path):
    # As a program that ends between writing one and removing the other leaves them.
    folder = tmp_path / "r"
    written(folder, [record(0), record(1)])
    whole = (folder / "frames.jsonl").read_bytes()
    pack_frames(folder)
    (folder / "frames.jsonl").write_bytes(whole)
    assert len(read_frames(folder)) == 2
    written(folder, [record(2)])
    assert len(read_frames(folder)) == 3
    assert not (folder / "frames.jsonl.gz").exists()


@pytest.mark.usefixtures("everything_is_worth_packing")
@pytest.mark.parametrize(
    "damage", [lambda data: data[:-9], lambda data: data[:40] + b"\0" * 20 + data[60:], lambda data: b"x"]
)
def test_a_damaged_packed_file_is_one_sentence(tmp_path, damage):
    folder = tmp_path / "r"
    written(folder, [record(place) for place in range(6)])
    pack_frames(folder)
    path = folder / "frames.jsonl.gz"
    path.write_bytes(damage(path.read_bytes()))
    for read in (read_frames, read_numbers, FrameTexts, lambda folder: written(folder, [record(9)])):
        with pytest.raises(UserError, match=r"cannot be read|cannot be written"):
            read(folder)


def test_a_torn_last_line_is_dropped_also_where_it_is_packed(tmp_path):
    folder = tmp_path / "r"
    written(folder, [record(0), record(1)])
    data = (folder / "frames.jsonl").read_bytes()
    (folder / "frames.jsonl").unlink()
    (folder / "frames.jsonl.gz").write_bytes(gzip.compress(data[:-5]))
    assert len(read_frames(folder)) == 1
