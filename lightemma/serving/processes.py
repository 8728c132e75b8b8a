"""Processes told apart beyond doubt, found, and ended. Numbers of processes are used again; start times and tokens are not."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

#: In the environment of a server and of all that it starts.
TOKEN_VARIABLE = "LIGHTEMMA_SERVER_TOKEN"

_PROC = Path("/proc")
#: Between two looks at whether processes have ended.
_LOOK_S = 0.05


@dataclass(frozen=True, slots=True)
class Identity:
    """A process that cannot be mistaken for a later one of the same number.

    Attributes:
        pid: its number.
        started: when it started, in the system's own words.
        boot: which start of the machine that was.
    """

    pid: int
    started: str
    boot: str


def boot_id() -> str:
    """This start of the machine, or an empty string where the system gives it no name."""
    with suppress(OSError):
        return (_PROC / "sys" / "kernel" / "random" / "boot_id").read_text(encoding="ascii").strip()
    return ""


def identity(pid: int) -> Identity | None:
    """Who has a process number now, or None if nobody has or only a process that has ended."""
    started = _start_time(pid)
    return None if started is None else Identity(pid, started, boot_id())


def is_alive(who: Identity) -> bool:
    """Whether exactly this process still runs."""
    return identity(who.pid) == who


def family(leader: int, token: str) -> list[int]:
    """Processes of a server: those in the session that its first process leads, and those that carry its token.

    Args:
        leader: number of the first process. It may have ended: the session keeps its number as long as anyone is in it.
        token: the server's. A session counts only if someone in it carries the token, so that a number used again hits
            nobody else.
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
    """Ends a server with all that it started: asks with SIGTERM, and after the grace kills.

    Blocks until all have ended.

    Returns:
        Whether there was anyone to end.
    """
    found = family(leader, token)
    if not found:
        return False
    _signal(found, signal.SIGTERM)
    deadline = time.monotonic() + grace_s
    while (left := family(leader, token)) and time.monotonic() < deadline:
        time.sleep(_LOOK_S)
    # What is started while others are being killed is found in the next round.
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
    # The second field is the program's name in brackets, which may hold blanks and brackets itself.
    return text[text.rindex(")") + 2 :].split()


def _start_time(pid: int) -> str | None:
    if _PROC.joinpath("self", "stat").exists():
        fields = _stat(pid)
        return None if fields is None or fields[0] == "Z" else fields[19]
    words = _ps("-o", "stat=,lstart=", "-p", str(pid)).split(maxsplit=1)
    return words[1].strip() if len(words) == 2 and not words[0].startswith("Z") else None


def _family_by_ps(leader: int) -> list[int]:
    """The leader's process group, where there is no /proc to look into."""
    rows = [line.split() for line in _ps("-A", "-o", "pid=,pgid=,stat=").splitlines()]
    return sorted(int(row[0]) for row in rows if len(row) == 3 and row[1] == str(leader) and not row[2].startswith("Z"))


def _ps(*words: str) -> str:
    try:
        return subprocess.run(["ps", *words], capture_output=True, text=True, timeout=20, check=False).stdout
    except (OSError, subprocess.SubprocessError):
        return ""
