"""A terminal of any width for the command line in this process."""

from __future__ import annotations

import fcntl
import os
import re
import struct
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

#: What moves the cursor and colours; without these, the words are left.
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.fixture
def pty(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], AbstractContextManager[Callable[[], str]]]:
    """Makes standard output and error a terminal of a width, for a context; gives what was written, without control codes."""
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")

    @contextmanager
    def terminal(width: int) -> Iterator[Callable[[], str]]:
        main, side = os.openpty()
        fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
        parts: list[bytes] = []
        reader = threading.Thread(target=_read, args=(main, parts))
        reader.start()
        try:
            with os.fdopen(side, "w", encoding="utf-8", buffering=1) as stream, monkeypatch.context() as patch:
                patch.setattr(sys, "stdout", stream)
                patch.setattr(sys, "stderr", stream)
                yield lambda: _CONTROL.sub("", b"".join(parts).decode()).replace("\r\n", "\n")
        finally:
            reader.join(timeout=10)
            os.close(main)

    return terminal


def _read(main: int, parts: list[bytes]) -> None:
    while True:
        try:
            part = os.read(main, 65536)
        except OSError:  # the other side was closed
            return
        if not part:
            return
        parts.append(part)
