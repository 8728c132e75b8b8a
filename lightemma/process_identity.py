"""Which process something belongs to, and whether that process still exists."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from functools import cache
from pathlib import Path

#: States of a process that has ended: nobody has taken note of its end yet.
_ENDED = frozenset("ZXx")


@cache
def this_host() -> str:
    """This machine, and the space in which its process numbers count."""
    space = ""
    with suppress(OSError):
        # containers may share a host's name, but not its process numbers
        space = str(Path("/proc/self/ns/pid").readlink())
    return f"{socket.gethostname()} {space}".strip()


def birth_of(pid: int) -> str:
    """Start of a process in ticks since the machine's start; an empty string where the system does not say."""
    return _own_birth() if pid == os.getpid() else _state_and_birth(pid)[1]


@cache
def _own_birth() -> str:
    """The same of this process, which is asked for every file that is written."""
    return _state_and_birth(os.getpid())[1]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_own_birth.cache_clear)


def is_alive(pid: int, born: str = "") -> bool:
    """Whether a process of this machine exists; one that has ended, and that its parent has not asked about, does not.

    Args:
        pid: its number.
        born: its ``birth_of``, so that a later process with the same number is not taken for it; empty if unknown.
    """
    if os.name != "posix":
        return True  # there is no way to ask that does no harm
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        pass  # it exists, and is another user's
    state, birth = _state_and_birth(pid)
    return state not in _ENDED and (not born or birth in ("", born))


def _state_and_birth(pid: int) -> tuple[str, str]:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
        fields = text.rpartition(")")[2].split()
        return fields[0], fields[19]
    except (OSError, IndexError):
        return "", ""
