"""Processes of a command: they leave it to the command itself to decide when they end."""

from __future__ import annotations

import signal
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from typing import Any

from lightemma.errors import UserError


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


def answer_requests(connection: Connection, act: Callable[[Any], Any]) -> None:
    """Answers what comes over a connection until it ends, in a process that does nothing else.

    An answer is a pair: True and what ``act`` gives, or False and the exception that it raised.

    Args:
        connection: to the process of the command.
        act: is given each request.
    """
    while True:
        try:
            request = connection.recv()
        except (EOFError, OSError):
            return
        try:
            answer: tuple[bool, Any] = True, act(request)
        except Exception as error:
            if not isinstance(error, UserError):
                error.add_note(traceback.format_exc())  # tracebacks are not pickled
            answer = False, error
        try:
            connection.send(answer)
        except OSError:
            return
        except Exception:  # an error that cannot be sent as it is
            connection.send((False, RuntimeError(repr(answer[1]))))
