"""The lines of a run that goes on are packed as they become many, and a killed run loses none."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import sys

import msgspec
import pytest

from lightemma.errors import UserError
from lightemma.run_folder import frame_lines
from lightemma.run_folder.frame_lines import FrameAppender
from lightemma.run_folder.store import RunWriter, read_frames, read_numbers, read_outcomes, whole_lines
from lightemma.run_folder.texts import FrameTexts
from tests.conftest import make_frames, make_manifest
from tests.run_folder import test_packed_prompts
from tests.run_folder.test_packed_prompts import plain, record

FRAMES = make_frames({"s-1": 35})
ENDED = "2026-01-01T00:00:00+00:00"


@pytest.fixture(autouse=True)
def grows_soon(monkeypatch):
    monkeypatch.setattr(test_packed_prompts, "FRAMES", FRAMES)
    monkeypatch.setattr(frame_lines, "WORTH_PACKING", 2_000)


def writer(folder, packs=True):
    return RunWriter(folder, make_manifest("vlm", FRAMES), packs=packs)


def names(folder):
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("frames"))


def test_every_line_is_there_as_soon_as_it_is_added_in_a_fraction_of_the_room(tmp_path):
    folder, records = tmp_path / "r", [record(place) for place in range(30)]
    with writer(folder) as to, writer(tmp_path / "plain", packs=False) as beside:
        for number, one in enumerate(records, start=1):
            to.append(one)
            beside.append(one)
            assert list(read_outcomes(folder)) == [one.sample_token for one in records[:number]]
        assert names(folder) == ["frames.jsonl.growing.gz"]
        assert (folder / "frames.jsonl.growing.gz").stat().st_mode & 0o077 == 0
        size = (folder / "frames.jsonl.growing.gz").stat().st_size
        assert size < 0.5 * (tmp_path / "plain/frames.jsonl").stat().st_size
    assert plain(read_frames(folder)) == plain(records)
    assert len(read_numbers(folder)) == 30
    token = records[17].sample_token
    assert FrameTexts(folder).read([token])[token].calls == records[17].calls


def test_a_session_goes_on_where_the_last_one_stopped_and_the_end_packs(tmp_path):
    folder, records = tmp_path / "r", [record(place) for place in range(12)]
    for part in (records[:7], records[7:10], []):
        with writer(folder) as to:
            for one in part:
                to.append(one)
        assert names(folder) == ["frames.jsonl.growing.gz"]
    with writer(folder) as to:
        for one in records[10:]:
            to.append(one)
        to.finish(msgspec.structs.replace(to.manifest, ended=ENDED))
    assert names(folder) == ["frames.jsonl.gz"]
    assert plain(read_frames(folder)) == plain(records)
    whole = gzip.decompress((folder / "frames.jsonl.gz").read_bytes())
    assert whole.count(b"\n") == len(records)


@pytest.mark.parametrize("packs", [True, False])
@pytest.mark.parametrize(("torn", "there"), [(0, 10), (1, 10), (7, 9), (20, 9)])
def test_after_a_kill_all_whole_lines_are_there_and_the_run_goes_on(tmp_path, torn, there, packs):
    folder, records = tmp_path / "r", [record(place) for place in range(10)]
    to = writer(folder)
    for one in records:
        to.append(one)
    killed = tmp_path / "killed"
    shutil.copytree(folder, killed)  # as the disk is at this moment
    to.__exit__(None, None, None)
    path = killed / "frames.jsonl.growing.gz"
    os.truncate(path, path.stat().st_size - torn)
    assert plain(read_frames(killed)) == plain(records[:there])
    with writer(killed, packs=packs) as to:
        for one in records[there:]:
            to.append(one)
        to.append(record(10))
    assert plain(read_frames(killed)) == plain([*records, record(10)])
    assert names(killed) == ["frames.jsonl.growing.gz" if packs else "frames.jsonl"]


def test_a_file_of_two_sessions_may_end_at_any_byte(tmp_path):
    lines, ends = [b'{"sample_token": "%d"}\n' % number for number in range(8)], []
    path = tmp_path / "frames.jsonl.growing.gz"
    path.write_bytes(gzip.compress(b"".join(lines[:4])))
    first = path.stat().st_size
    to = FrameAppender(tmp_path, packs=True)
    for line in lines[4:]:
        to.append(line)
        ends.append(path.stat().st_size)
    to.close()
    data = path.read_bytes()
    for cut in range(first, len(data)):
        path.write_bytes(data[:cut])
        there = [line.strip() for line in lines[: 4 + sum(end <= cut for end in ends)]]
        assert list(whole_lines(path)) in (there, [line.strip() for line in lines[: len(there) + 1]])
        to = FrameAppender(tmp_path, packs=True)
        to.append(b"new\n")
        to.close()
        found = list(whole_lines(frame_lines.frames_file(tmp_path)))
        assert found[: len(there)] == there
        assert found[-1] == b"new"
        (tmp_path / "frames.jsonl").unlink(missing_ok=True)


def test_of_several_files_the_one_with_all_lines_counts(tmp_path):
    # As a program leaves them that ends between writing one and removing the other.
    folder, records = tmp_path / "r", [record(place) for place in range(8)]
    with writer(folder, packs=False) as to:
        for one in records:
            to.append(one)
    lines = (folder / "frames.jsonl").read_bytes()
    (folder / "frames.jsonl.growing.gz").write_bytes(gzip.compress(lines[:-5]))
    assert len(read_frames(folder)) == 8
    (folder / "frames.jsonl.growing.gz").write_bytes(gzip.compress(lines))
    (folder / "frames.jsonl.gz").write_bytes(gzip.compress(lines)[:90])
    (folder / "frames.jsonl").unlink()
    assert len(read_frames(folder)) == 8
    with writer(folder) as to:
        to.append(record(8))
    assert len(read_frames(folder)) == 9
    assert names(folder) == ["frames.jsonl.growing.gz"]


def test_a_full_disk_costs_the_line_that_did_not_fit_and_no_other(tmp_path, monkeypatch):
    folder, records = tmp_path / "r", [record(place) for place in range(9)]
    with writer(folder) as to:
        for one in records[:8]:
            to.append(one)
        file = to._file._file

        class Full:
            def write(self, data):
                raise OSError(28, "No space left on device")

            def __getattr__(self, name):
                return getattr(file, name)

        to._file._file = Full()
        for _ in range(2):
            with pytest.raises(UserError, match="No space left"):
                to.append(records[8])
    assert plain(read_frames(folder)) == plain(records[:8])
    with writer(folder) as to:
        to.append(records[8])
    assert plain(read_frames(folder)) == plain(records)


def test_no_room_for_a_second_file_leaves_the_plain_one(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(frame_lines, "draft_of", full)
    folder, records = tmp_path / "r", [record(place) for place in range(8)]
    with writer(folder) as to:
        for one in records:
            to.append(one)
    assert names(folder) == ["frames.jsonl"]
    assert plain(read_frames(folder)) == plain(records)


def test_damage_in_the_middle_is_no_end(tmp_path):
    folder = tmp_path / "r"
    with writer(folder) as to:
        for place in range(20):
            to.append(record(place))
    path = folder / "frames.jsonl.growing.gz"
    data = path.read_bytes()
    path.write_bytes(gzip.compress(b"") + b"no part")
    with pytest.raises(UserError, match="it is damaged: Not a gzipped file"):
        read_frames(folder)
    path.write_bytes(data[:80] + b"\0" * 40 + data[120:])
    with pytest.raises(UserError, match="cannot be read"):
        read_frames(folder)
    with pytest.raises(UserError, match="cannot be written"):
        writer(folder).append(record(30))


def test_a_process_that_is_killed_while_it_writes_loses_nothing(tmp_path):
    code = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from lightemma.run_folder import frame_lines\n"
        "frame_lines.WORTH_PACKING = 100\n"
        "to = frame_lines.FrameAppender(Path(sys.argv[1]), packs=True)\n"
        'for number in range(50): to.append(b\'{"sample_token": "%d"}\\n\' % number)\n'
        "os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert done.returncode == -9
    assert len(list(whole_lines(frame_lines.frames_file(tmp_path)))) == 50
