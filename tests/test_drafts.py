"""Drafts of processes that were killed are removed; those of others that may still live are not."""

from __future__ import annotations

import os
import stat
import subprocess
import sys

import pytest

from lightemma import files, process_identity
from lightemma.files import clear_drafts, draft_of, new_draft, write_whole
from lightemma.process_identity import birth_of, is_alive, this_host
from lightemma.sessions.session import check_writable

pytestmark = pytest.mark.skipif(os.name != "posix", reason="this system does not say which processes there are")

DIE = (
    "import os, sys; from pathlib import Path; from lightemma.files import draft_of\n"
    "with draft_of(Path(sys.argv[1])) as draft: draft.write_text('half'); os._exit(9)"
)


def left_by_the_dead(path):
    assert subprocess.run([sys.executable, "-c", DIE, str(path)], check=False).returncode == 9
    (found,) = [one for one in path.parent.iterdir() if one.name.endswith(".part")]
    return found


def test_a_draft_of_a_dead_process_goes_with_the_next_file_of_its_folder(tmp_path):
    draft = left_by_the_dead(tmp_path / "a.json")
    draft.with_name(f"{draft.name}-wal").touch()
    write_whole(tmp_path / "another.json", b"1")
    assert [path.name for path in tmp_path.iterdir()] == ["another.json"]


def test_drafts_of_the_living_and_files_of_others_stay(tmp_path, monkeypatch):
    mine = new_draft(tmp_path / "a")
    mine.touch()
    parent = tmp_path / mine.name.replace(f".{os.getpid()}-{birth_of(os.getpid())}", f".{os.getppid()}-")
    names = [".a.part", ".a.12345678.part", "a.999999999-1-12345678-12345678.part", ".a.9-1-x-1.part"]
    for path in (parent, *(tmp_path / name for name in names)):
        path.touch()
    before = sorted(tmp_path.iterdir())
    files._cleared.clear()
    clear_drafts(tmp_path)
    assert sorted(tmp_path.iterdir()) == before
    # The same number, of a process that was born at another time.
    mine.rename(tmp_path / mine.name.replace(birth_of(os.getpid()), "1"))
    files._cleared.clear()
    clear_drafts(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted(set(before) - {mine})


def test_drafts_of_another_machine_stay_for_a_day(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "this_host", lambda: "elsewhere")
    draft = new_draft(tmp_path / "a")
    draft.touch()
    monkeypatch.setattr(files, "this_host", this_host)
    files._cleared.clear()
    clear_drafts(tmp_path)
    assert draft.exists()
    os.utime(draft, (0, 0))
    files._cleared.clear()
    clear_drafts(tmp_path)
    assert not draft.exists()


def test_a_file_may_have_the_longest_name_there_is(tmp_path):
    path = tmp_path / ("x" * 250 + ".json")
    write_whole(path, b"1")
    assert path.read_bytes() == b"1"


def test_a_file_keeps_its_mode_and_a_private_one_is_private(tmp_path):
    path = tmp_path / "a"
    path.touch()
    for mode in (0o600, 0o664):
        path.chmod(mode)
        with draft_of(path) as draft:
            draft.write_text("new")
        assert stat.S_IMODE(path.stat().st_mode) == mode
    write_whole(path, b"1", private=True)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_process_that_has_ended_is_not_alive_before_its_parent_asks(tmp_path):
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    os.kill(pid, 0)  # it is there
    assert not is_alive(pid)
    os.waitpid(pid, 0)
    assert not is_alive(pid)
    assert is_alive(os.getpid(), birth_of(os.getpid()))
    assert not is_alive(os.getpid(), "1")


def test_where_the_system_says_nothing_of_births_numbers_count(monkeypatch):
    monkeypatch.setattr(process_identity, "_state_and_birth", lambda pid: ("", ""))
    assert is_alive(os.getpid(), "1")


def test_two_commands_that_try_a_folder_at_once_do_not_trip_over_each_other(tmp_path, monkeypatch):
    from pathlib import Path

    whole = Path.touch

    def touch(path, *arguments, **more):
        whole(path, *arguments, **more)
        path.unlink()  # the other one's, a moment before

    monkeypatch.setattr(Path, "touch", touch)
    check_writable(tmp_path / "results")
    assert list((tmp_path / "results").iterdir()) == []
