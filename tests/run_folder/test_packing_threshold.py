"""A run's lines are packed once they reach a size: whatever happens below it, above it or on the way, none is lost."""

from __future__ import annotations

import gzip
import os
import re
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightemma.errors import UserError
from lightemma.files import new_draft
from lightemma.run_folder import frame_lines
from lightemma.run_folder.frame_lines import WORTH_PACKING, FrameAppender, frames_file, pack_frames
from lightemma.run_folder.store import RunWriter, read_frames, read_outcomes
from lightemma.run_folder.texts import FrameTexts
from tests.conftest import lines_of_run, make_manifest, put_lines
from tests.crashes import changes_of, crashes
from tests.run_folder.test_packed_prompts import FRAMES, plain, record

PLAIN, GROWING, PACKED = "frames.jsonl", "frames.jsonl.growing.gz", "frames.jsonl.gz"
ENDED = "2026-01-01T00:00:00+00:00"


def line_of(size: int, number: int = 0) -> bytes:
    """A line with so many bytes, its end included."""
    begun = b'{"sample_token": "%d", "outcome": "ok", "more": "' % number
    return begun + b"x" * (size - len(begun) - 3) + b'"}'


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("frames"))


def session(folder: Path, lines: list[bytes]) -> FrameAppender:
    """Adds lines; the session is not ended."""
    appender = FrameAppender(folder, packs=True)
    for line in lines:
        appender.append(line + b"\n")
    return appender


def run_session(folder: Path, places: range, ended: str | None = None) -> None:
    """Adds frames to a run, and says when it ended."""
    with RunWriter(folder, make_manifest("vlm", FRAMES), packs=True) as writer:
        for place in places:
            writer.append(record(place))
        writer.finish(msgspec.structs.replace(writer.manifest, ended=ended))


@pytest.fixture
def packs_soon(monkeypatch):
    """From the third frame on."""
    monkeypatch.setattr(frame_lines, "WORTH_PACKING", 2_000)


@pytest.mark.parametrize(("more", "name"), [(-1, PLAIN), (0, GROWING), (1, GROWING)])
def test_lines_are_packed_from_the_threshold_on_and_not_before(tmp_path, more, name):
    lines = [line_of(5_000), line_of(WORTH_PACKING - 5_000 + more, 1)]
    session(tmp_path, lines).close()
    assert names(tmp_path) == [name]
    assert lines_of_run(tmp_path) == lines


@pytest.mark.parametrize(("more", "name"), [(-1, PLAIN), (0, PACKED), (1, PACKED)])
def test_a_finished_run_is_packed_from_the_same_threshold_on(tmp_path, more, name):
    lines = [line_of(5_000), line_of(WORTH_PACKING - 5_000 + more, 1)]
    put_lines(tmp_path, lines)
    pack_frames(tmp_path)
    assert names(tmp_path) == [name]
    assert lines_of_run(tmp_path) == lines


@pytest.mark.parametrize("size", [WORTH_PACKING - 400, WORTH_PACKING - 1, WORTH_PACKING, WORTH_PACKING + 1, 50_000])
@pytest.mark.parametrize("torn", [b"", b'{"sample_token": "torn"', b"x" * 3_000])
def test_a_run_is_resumed_on_either_side_of_the_threshold(tmp_path, size, torn):
    """Also a plain file of a version that packed later."""
    lines = [line_of(5_000), line_of(size - 5_000, 1)]
    put_lines(tmp_path, lines, torn)
    new = line_of(100, 2)
    session(tmp_path, [new]).close()
    assert lines_of_run(tmp_path) == [*lines, new]
    assert names(tmp_path) == [GROWING if size + 100 >= WORTH_PACKING else PLAIN], "a torn line does not count"


@pytest.mark.parametrize("name", [GROWING, PACKED])
def test_packed_files_of_a_version_that_packed_later_go_on(tmp_path, name):
    """Those began a new part of the file where they began to pack."""
    lines = [line_of(30_000, number) for number in range(3)]
    whole = gzip.compress(b"".join(line + b"\n" for line in lines[:2]))
    (tmp_path / name).write_bytes(whole + gzip.compress(lines[2] + b"\n"))
    assert lines_of_run(tmp_path) == lines
    new = line_of(100, 3)
    session(tmp_path, [new]).close()
    assert lines_of_run(tmp_path) == [*lines, new]
    assert names(tmp_path) == [GROWING]


def test_what_follows_is_packed_by_what_was_there_before(tmp_path):
    """Noise that comes again takes no room, though the first of it was there before the file was packed."""
    noise = os.urandom(4_000).hex().encode()
    to = session(tmp_path, [noise, noise])
    before = (tmp_path / GROWING).stat().st_size
    to.append(noise + b"\n")
    assert (tmp_path / GROWING).stat().st_size - before < 0.1 * len(noise)
    to.close()
    assert lines_of_run(tmp_path) == [noise] * 3


SESSIONS = st.lists(
    st.tuples(
        st.lists(st.integers(60, 900), max_size=6), st.sampled_from(["ended", "killed", "torn"]), st.integers(1, 9)
    ),
    min_size=1,
    max_size=5,
)


@given(SESSIONS)
@settings(max_examples=60)
def test_sessions_that_end_in_any_way_keep_every_whole_line(tmp_path_factory, sessions):
    folder, there, number = tmp_path_factory.mktemp("r"), [], 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(frame_lines, "WORTH_PACKING", 2_000)
        for sizes, end, cut in sessions:
            to = FrameAppender(folder, packs=True)
            for size in sizes:
                number += 1
                there.append(line_of(size, number))
                to.append(there[-1] + b"\n")
                assert lines_of_run(folder) == there, "each line is there before the next"
            if end == "ended":
                to.close()
                continue
            to._file.close()  # as the system does it for a killed process
            path = frames_file(folder)
            if end == "torn" and sizes:
                os.truncate(path, max(path.stat().st_size - cut, 0))
                found = lines_of_run(folder)
                assert found in (there, there[:-1]), "no line but the torn one is lost"
                there = found
        assert lines_of_run(folder) == there


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.usefixtures("packs_soon")
def test_a_kill_at_any_change_while_lines_are_packed_loses_none_that_was_there(tmp_path):
    """The work crosses the threshold and ends, after a first session that left the lines plain or packed; then again."""
    for begun in (1, 4):

        def work(folder: Path, begun: int) -> Callable[[], object]:
            if begun:
                run_session(folder, range(begun))
            return lambda: run_session(folder, range(len(read_outcomes(folder)), 6), ENDED)

        count = changes_of(tmp_path / f"count-{begun}", work(tmp_path / f"count-{begun}", begun))
        assert count > 12
        seen = []
        for at in range(1, count + 1):
            folder = tmp_path / f"{begun}-{at}"
            assert crashes(folder, work(folder, begun), at)
            tokens = [frame.sample_token for frame in FRAMES[:6]]
            there = list(read_outcomes(folder)) if folder.exists() else []
            assert there == tokens[: len(there)]
            seen.append(len(there))
            run_session(folder, range(len(there), 6), ENDED)
            assert names(folder) == [PACKED]
            assert plain(read_frames(folder)) == plain(record(place) for place in range(6))
        assert seen == sorted(seen), "a later end finds at least as many frames"
        assert {begun, 6} <= set(seen)


@pytest.mark.usefixtures("packs_soon")
def test_texts_are_found_in_a_file_that_was_packed_after_they_were_looked_for(tmp_path):
    token = FRAMES[0].sample_token
    with RunWriter(tmp_path / "r", make_manifest("vlm", FRAMES), packs=True) as to:
        to.append(record(0))
        before = FrameTexts(tmp_path / "r")
        for place in range(1, 8):
            to.append(record(place))
        assert names(tmp_path / "r") == [GROWING]
        assert before.read([token])[token].calls == record(0).calls
        meanwhile = FrameTexts(tmp_path / "r")
        to.finish(msgspec.structs.replace(to.manifest, ended=ENDED))
    assert names(tmp_path / "r") == [PACKED]
    for texts in (before, meanwhile, FrameTexts(tmp_path / "r")):
        assert texts.read([token])[token].calls == record(0).calls


@pytest.mark.usefixtures("packs_soon")
def test_a_file_that_takes_another_name_while_it_is_opened_is_found(tmp_path, monkeypatch):
    from lightemma.run_folder import texts

    run_session(tmp_path / "r", range(1))

    def late(path: Path):
        if path.name == PLAIN and path.exists():
            run_session(tmp_path / "r", range(1, 8))  # between the look for the file and its opening
        return opened(path)

    opened = texts.open_lines
    monkeypatch.setattr(texts, "open_lines", late)
    assert len(FrameTexts(tmp_path / "r")) == 8
    assert names(tmp_path / "r") == [GROWING]


@pytest.mark.usefixtures("packs_soon")
def test_a_plain_file_that_cannot_be_removed_is_gone_on_with(tmp_path, monkeypatch):
    """As on systems that keep a file which somebody reads."""
    unlink = Path.unlink

    def held(path: Path, missing_ok: bool = False) -> None:
        if path.name == PLAIN:
            raise PermissionError(13, "it is in use")
        unlink(path, missing_ok)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", held)
        run_session(tmp_path / "r", range(6))
    assert names(tmp_path / "r") == [PLAIN]
    assert plain(read_frames(tmp_path / "r")) == plain(record(place) for place in range(6))
    run_session(tmp_path / "r", range(6, 8))
    assert names(tmp_path / "r") == [GROWING]
    assert plain(read_frames(tmp_path / "r")) == plain(record(place) for place in range(8))


@pytest.mark.usefixtures("packs_soon")
def test_a_damaged_line_of_a_packed_file_is_mended_as_its_sentence_says(tmp_path):
    folder = tmp_path / "r"
    run_session(folder, range(5))
    lines = lines_of_run(folder)
    put_lines(folder, [*lines[:2], b"{damaged", *lines[2:]])
    pack_frames(folder)
    for read in (read_frames, FrameTexts):
        with pytest.raises(UserError, match=r"Line 3 of '.*frames\.jsonl\.gz' is damaged .* delete that line") as said:
            read(folder)
        (source, target) = re.findall(r"`zcat (\S+) > (\S+)`", str(said.value))[0]
    unpacked = gzip.decompress((folder / source).read_bytes()).splitlines(keepends=True)
    (folder / target).write_bytes(b"".join(unpacked[:2] + unpacked[3:]))
    assert len(read_frames(folder)) == 5
    run_session(folder, range(5, 7), ENDED)
    assert names(folder) == [PACKED]
    assert plain(read_frames(folder)) == plain(record(place) for place in range(7))


@pytest.mark.usefixtures("packs_soon")
def test_a_draft_of_packed_lines_that_a_kill_left_is_no_run(tmp_path):
    folder = tmp_path / "r"
    run_session(folder, range(2))
    new_draft(folder / GROWING).write_bytes(gzip.compress(b'{"half'))
    assert len(read_frames(folder)) == 2
    run_session(folder, range(2, 6))
    assert plain(read_frames(folder)) == plain(record(place) for place in range(6))
