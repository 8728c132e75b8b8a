"""One process per run: the second is refused by a sentence, and what a dead one left is taken over."""

import errno
import fcntl
import logging
import os
import signal
import subprocess
import sys
import time

import msgspec
import pytest

from lightemma.errors import UserError
from lightemma.run_folder.lock import FILE, Holder, RunLock, this_process

HOLD = (
    "import sys, time; from pathlib import Path\n"
    "from lightemma.run_folder.lock import RunLock\n"
    "lock = RunLock(Path(sys.argv[1])); print('held', flush=True); time.sleep(60)"
)


@pytest.fixture
def held(tmp_path):
    """A run that another process drives."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path / "run")], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_a_run_that_another_process_drives_is_refused_and_says_whose_it_is(tmp_path, held):
    with pytest.raises(UserError, match=rf"run' is being driven by process {held.pid} on \S+, since 20"):
        RunLock(tmp_path / "run")
    assert held.poll() is None


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_lock_ends_with_its_process(tmp_path, held, number):
    held.send_signal(number)
    held.wait()
    assert (tmp_path / "run" / FILE).exists()
    with RunLock(tmp_path / "run"):
        pass
    assert not (tmp_path / "run").exists(), "nothing was written"


def test_one_process_does_not_drive_a_run_twice_either(tmp_path):
    with RunLock(tmp_path / "run"), pytest.raises(UserError, match=f"process {os.getpid()}"):
        RunLock(tmp_path / "run")
    with RunLock(tmp_path / "run"), RunLock(tmp_path / "other"):
        (tmp_path / "run" / "frames.jsonl").touch()
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["frames.jsonl"]


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[]"])
def test_a_damaged_lock_of_nobody_is_taken_over(tmp_path, content):
    (tmp_path / FILE).write_bytes(content)
    with RunLock(tmp_path):
        assert msgspec.json.decode((tmp_path / FILE).read_bytes(), type=Holder).pid == os.getpid()


def without_locks(monkeypatch):
    def lockf(file, how):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "lockf", lockf)


def test_where_locks_do_not_work_this_is_said_and_the_run_continues(tmp_path, monkeypatch, caplog):
    without_locks(monkeypatch)
    with caplog.at_level(logging.WARNING), RunLock(tmp_path):
        assert "Locks do not work" in caplog.text


def test_where_locks_do_not_work_a_living_process_is_still_found(tmp_path, monkeypatch, held):
    without_locks(monkeypatch)
    with pytest.raises(UserError, match=f"process {held.pid}"):
        RunLock(tmp_path / "run")
    held.kill()
    held.wait()
    with RunLock(tmp_path / "run"):
        pass


def test_a_process_is_known_by_its_start_as_well(tmp_path, held):
    me = this_process()
    assert me.alive
    assert not msgspec.structs.replace(me, pid=held.pid).alive or not me.born
    assert msgspec.structs.replace(me, host="elsewhere").alive is None
    held.kill()
    held.wait()
    assert not Holder(held.pid, me.host).alive


def test_a_lock_that_is_taken_away_while_it_is_waited_for_is_made_anew(tmp_path, monkeypatch):
    (tmp_path / FILE).touch()
    whole, tries = fcntl.lockf, []

    def lockf(file, how):
        if not tries:
            (tmp_path / FILE).unlink()  # its holder has just ended
        tries.append(time.monotonic())
        return whole(file, how)

    monkeypatch.setattr(fcntl, "lockf", lockf)
    with RunLock(tmp_path):
        assert (tmp_path / FILE).exists()
    assert len(tries) == 2
