"""Identifies, finds and ends processes. Process numbers are used again by the system; start times and tokens are not."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

#: Environment variable of a server and of all processes that it starts.
TOKEN_VARIABLE = "LIGHTEMMA_SERVER_TOKEN"

_PROC = Path("/proc")
#: Seconds between two checks whether processes have ended.
_LOOK_S = 0.05


@dataclass(frozen=True, slots=True)
class Identity:
    """A process, distinguished from a later one with the same number.

    Attributes:
        pid: its number.
        started: when it started, as text from the system.
        boot: id of the machine's start at that time.
    """

    pid: int
    started: str
    boot: str


def boot_id() -> str:
    """The id of this start of the machine, or an empty string where the system has none."""
    with suppress(OSError):
        return (_PROC / "sys" / "kernel" / "random" / "boot_id").read_text(encoding="ascii").strip()
    return ""


def identity(pid: int) -> Identity | None:
    """The process that has a number now, or None if there is none or it has ended."""
    started = _start_time(pid)
    return None if started is None else Identity(pid, started, boot_id())


def is_alive(process: Identity) -> bool:
    """Whether this process, not a later one with its number, still runs."""
    return identity(process.pid) == process


def family(leader: int, token: str) -> list[int]:
    """Processes of a server: those in the process session of its first process, and those with its token.

    Args:
        leader: number of the first process. It may have ended: the session keeps its number while any process is in it.
        token: the server's. A session counts only if a process in it has the token, so that no other process with the
            same number is ended.
    """
    if not _PROC.joinpath("self", "stat").exists():
        return _family_by_ps(leader)
    carrying, same_session = set[int](), set[int]()
    wanted = f"{TOKEN_VARIABLE}={token}".encode()
    for entry in _PROC.iterdir():
        if not entry.name.isdigit():
            continue
        pid = int(entry.name)
        fields = _stat(pid)
        if fields is None or fields[0] == "Z":
            continue
        with suppress(OSError):
            if wanted in (entry / "environ").read_bytes().split(b"\0"):
                carrying.add(pid)
        if int(fields[3]) == leader:
            same_session.add(pid)
    return sorted(carrying | same_session if carrying & same_session else carrying)


def end(leader: int, token: str, grace_s: float) -> bool:
    """Ends a server with all that it started: SIGTERM first, SIGKILL after ``grace_s`` seconds.

    Blocks until all have ended.

    Returns:
        Whether there was a process to end.
    """
    found = family(leader, token)
    if not found:
        return False
    _signal(found, signal.SIGTERM)
    deadline = time.monotonic() + grace_s
    while (left := family(leader, token)) and time.monotonic() < deadline:
        time.sleep(_LOOK_S)
    # Processes that start while others are killed are found in the next round.
    for _ in range(100):
        if not left:
            break
        _signal(left, signal.SIGKILL)
        time.sleep(_LOOK_S)
        left = family(leader, token)
    return True


def _signal(pids: Iterable[int], number: int) -> None:
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def _stat(pid: int) -> list[str] | None:
    """Fields of /proc/PID/stat from the third on (state, parent, group, session, …)."""
    try:
        text = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The second field is the program's name in brackets, which may contain spaces and brackets itself.
    return text[text.rindex(")") + 2 :].split()


def _start_time(pid: int) -> str | None:
    if _PROC.joinpath("self", "stat").exists():
        fields = _stat(pid)
        return None if fields is None or fields[0] == "Z" else fields[19]
    fields = _ps("-o", "stat=,lstart=", "-p", str(pid)).split(maxsplit=1)
    return fields[1].strip() if len(fields) == 2 and not fields[0].startswith("Z") else None


def _family_by_ps(leader: int) -> list[int]:
    """The leader's process group, where there is no /proc."""
    rows = [line.split() for line in _ps("-A", "-o", "pid=,pgid=,stat=").splitlines()]
    return sorted(int(row[0]) for row in rows if len(row) == 3 and row[1] == str(leader) and not row[2].startswith("Z"))


def _ps(*arguments: str) -> str:
    try:
        return subprocess.run(["ps", *arguments], capture_output=True, text=True, timeout=20, check=False).stdout
    except (OSError, subprocess.SubprocessError):
        return ""
