"""Processes of a command: they leave it to the command itself to decide when they end."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker


def endings() -> list[signal.Signals]:
    """The signals that ask for an end. They may reach all processes of a command (Ctrl-C, a closed terminal, a job's end)."""
    return [number for name in ("SIGINT", "SIGTERM", "SIGHUP") if (number := getattr(signal, name, None)) is not None]


@contextmanager
def shielded() -> Iterator[None]:
    """Processes started meanwhile take no notice of the signals that ask for an end, from their very start."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # it would let the signals through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, endings())
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def ignore_endings() -> None:
    """Called first in a process that was started shielded: the process that started it decides what ends."""
    for number in endings():
        signal.signal(number, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, endings())
