"""Processes are identified, found and ended; servers whose harness has ended are ended by their notes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from dataclasses import replace
from pathlib import Path

import pytest

from lightemma.serving import watchdog
from lightemma.serving.orphan_registry import Note, end_stale, read_notes, write_note
from lightemma.serving.processes import TOKEN_VARIABLE, Identity, boot_id, end, family, identity, is_alive
from tests.serving.kit import carrying, wait_until

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks into /proc, which is not here")

#: A leader with a child in its session, one in a session of its own, and one that forgot its environment.
TREE = """
import os, subprocess, sys, time
sleep = [sys.executable, "-S", "-c", "import time; time.sleep(300)"]
subprocess.Popen(sleep)
subprocess.Popen(sleep, start_new_session=True)
subprocess.Popen(sleep, env={})
print("up", flush=True)
time.sleep(300)
"""


def started(token: str, code: str = TREE, stubborn: bool = False) -> subprocess.Popen[str]:
    ignore = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" if stubborn else ""
    process = subprocess.Popen(
        [sys.executable, "-S", "-c", ignore + code],
        env={**os.environ, TOKEN_VARIABLE: token},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    return process


@pytest.fixture
def token():
    name = uuid.uuid4().hex
    yield name
    for pid in carrying(name):
        os.kill(pid, signal.SIGKILL)


def test_a_process_is_not_taken_for_another():
    me = identity(os.getpid())
    assert me is not None
    assert is_alive(me)
    assert not is_alive(replace(me, started="1"))
    assert not is_alive(replace(me, boot="another"))
    ended = subprocess.Popen([sys.executable, "-S", "-c", ""])
    before = identity(ended.pid)
    assert wait_until(lambda: identity(ended.pid) is None), (
        "a process that has ended, but was not fetched, counts as alive"
    )
    ended.wait()
    assert before is None or not is_alive(before)


def test_the_whole_family_is_found_and_ended(token):
    leader = started(token)
    assert wait_until(lambda: len(family(leader.pid, token)) == 4)
    assert end(leader.pid, token, 5.0)
    assert leader.wait() == -signal.SIGTERM
    assert family(leader.pid, token) == []
    assert carrying(token) == []
    assert not end(leader.pid, token, 5.0)


def test_the_family_is_found_when_its_leader_is_dead(token):
    leader = started(token)
    leader.kill()
    leader.wait()
    assert wait_until(lambda: len(family(leader.pid, token)) == 3)
    end(leader.pid, token, 5.0)
    assert family(leader.pid, token) == []


def test_who_takes_no_notice_is_killed(token):
    leader = started(token, stubborn=True)
    end(leader.pid, token, 0.3)
    assert leader.wait() == -signal.SIGKILL


def test_a_number_used_again_ends_no_other_process(token):
    stranger = started(token)
    # The note names the stranger's number, but no process has the token of the server that had it before.
    assert family(stranger.pid, "token-of-an-ended-server") == []
    assert not end(stranger.pid, "token-of-an-ended-server", 0.0)
    assert stranger.poll() is None


def note_of(process: subprocess.Popen[str], token: str, owner: Identity) -> Note:
    server = identity(process.pid)
    assert server is not None
    return Note(token, os.uname().nodename, server, owner, ["python"], "server.log", 5.0)


def ended() -> Identity:
    """A process that has ended."""
    me = identity(os.getpid())
    assert me is not None
    return replace(me, started="1")


def test_only_servers_without_a_harness_are_ended(tmp_path, token):
    server = started(token)
    me = identity(os.getpid())
    assert me is not None
    mine = write_note(tmp_path, note_of(server, token, me))
    assert read_notes(tmp_path)[mine].server.pid == server.pid
    assert end_stale(tmp_path) == []
    assert server.poll() is None
    assert mine.exists()

    write_note(tmp_path, replace(note_of(server, token, ended()), host="another-machine"))
    assert end_stale(tmp_path) == []
    assert mine.exists()

    stale = write_note(tmp_path, note_of(server, token, ended()))
    assert [note.token for note in end_stale(tmp_path)] == [token]
    assert server.wait() == -signal.SIGTERM
    assert carrying(token) == []
    assert not stale.exists()


def test_notes_from_before_a_restart_of_the_machine_and_broken_ones(tmp_path, token):
    server = started(token)
    note = note_of(server, token, ended())
    stale = write_note(tmp_path, replace(note, server=replace(note.server, boot="the-one-before")))
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "other.json").write_text("[1]")
    assert boot_id()
    assert end_stale(tmp_path) == []
    assert not stale.exists()
    assert (tmp_path / "broken.json").exists()
    assert server.poll() is None, "the same numbers after a restart belong to another process"


def watched(token: str, code: str, grace: str = "5") -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-I", watchdog.__file__, grace, sys.executable, "-S", "-c", code],
        env={**os.environ, TOKEN_VARIABLE: token},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )


@pytest.mark.parametrize("stubborn", ["", "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"])
def test_the_watchdog_ends_everything_when_its_harness_has_ended(token, stubborn):
    process = watched(token, stubborn + TREE.replace("subprocess.Popen(sleep, start_new_session=True)", ""), "0.5")
    assert process.stdout is not None
    assert process.stdin is not None
    assert process.stdout.readline() == b"up\n"
    assert len(carrying(token)) == 3  # and one that forgot its environment
    process.stdin.close()  # what the system does when the harness dies
    process.wait(20)
    assert wait_until(lambda: not family(process.pid, token))


@pytest.mark.parametrize(("code", "status"), [("raise SystemExit(3)", 3), ("import os; os.kill(os.getpid(), 9)", 137)])
def test_the_watchdog_passes_the_servers_status_on(token, code, status):
    assert watched(token, code).wait(20) == status
