"""Results are their owner's alone, where the system knows modes; those of others are read as they are."""

from __future__ import annotations

import os
import stat

import pytest

from lightemma.calls.cache import ResponseCache
from lightemma.calls.identity import Asked
from lightemma.closed_loop.records import EpisodeWriter, keep_only, write_settings
from lightemma.closed_loop.replay import Replay, read_replay, replay_path, write_replay
from lightemma.files import write_whole
from lightemma.run_folder.manifest import DataEntry, Manifest, PlannerEntry
from lightemma.run_folder.store import RunWriter, read_manifest, write_manifest

pytestmark = pytest.mark.skipif(os.name != "posix", reason="this system knows no modes")


@pytest.fixture(autouse=True)
def _usual_mask():
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def manifest():
    return Manifest("r", {}, DataEntry("s", "n", "v", 1, 1, "x"), PlannerEntry("p"), "strict")


def test_a_run_is_its_owners(tmp_path):
    folder = tmp_path / "results" / "r"
    with RunWriter(folder, manifest()):
        pass
    assert mode(folder) == 0o700
    assert {path.name: mode(path) for path in folder.iterdir()} == {"manifest.json": 0o600, "frames.jsonl": 0o600}
    with RunWriter(folder, manifest()) as writer:
        writer.finish(manifest())
    assert mode(folder / "manifest.json") == 0o600


def test_so_are_the_cache_and_its_files(tmp_path):
    cache = ResponseCache(tmp_path / "responses.sqlite")
    assert {mode(path) for path in tmp_path.iterdir()} == {0o600}
    assert cache.get(Asked("k", frozenset(), "s", False, None, "m")) is None


def test_so_is_what_a_drive_writes(tmp_path):
    write_replay(tmp_path, "e", Replay())
    EpisodeWriter(tmp_path).close()
    write_settings(tmp_path, {})
    assert mode(replay_path(tmp_path, "e").parent) == 0o700
    assert {mode(path) for path in tmp_path.rglob("*") if path.is_file()} == {0o600}
    assert read_replay(tmp_path, "e") == Replay()


def test_files_of_others_are_read_as_they_are(tmp_path):
    write_manifest(tmp_path, manifest())
    (tmp_path / "manifest.json").chmod(0o444)
    tmp_path.chmod(0o755)
    assert read_manifest(tmp_path).run == "r"
    assert mode(tmp_path) == 0o755


def test_a_folder_that_is_there_keeps_its_mode(tmp_path):
    folder = tmp_path / "r"
    folder.mkdir(mode=0o755)
    with RunWriter(folder, manifest()):
        pass
    assert mode(folder) == 0o755
    assert mode(folder / "frames.jsonl") == 0o600


def test_tables_and_pages_are_for_sharing(tmp_path):
    write_whole(tmp_path / "page.html", b"x")
    assert mode(tmp_path / "page.html") == 0o644


def test_what_a_drive_writes_again_stays_its_owners(tmp_path):
    for name in ("frames.jsonl", "episodes.jsonl"):
        write_whole(tmp_path / name, b'{"scene":"a","name":"a"}\n{"scene":"b","name":"b"}\n', private=True)
    keep_only(tmp_path, {"b"})
    kept = b'{"scene":"b","name":"b"}\n'
    for path in tmp_path.iterdir():
        assert (path.read_bytes(), mode(path)) == (kept, 0o600), path.name
