"""Ending a run early: no new calls begin, those in progress may finish."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress

#: Seconds that calls in progress get to finish, where their answers are not stored.
GRACE_S = 4.0
#: The reason if a person ended the run.
INTERRUPTED = "interrupted"


class Cancelled(Exception):  # noqa: N818 -- nothing went wrong
    """A call was not begun because the run is ending; the next session resumes with its frame."""


class Cancellation:
    """Tells runs when to end: all runs of a command, or one of them.

    Args:
        whole: of the whole command, which ends this one too; None if this is it.

    Attributes:
        reason: a clause that says why, or None while the runs continue.
    """

    def __init__(self, whole: Cancellation | None = None) -> None:
        self.reason: str | None = None
        self.whole = whole or self
        self._event = asyncio.Event()
        self._parts: list[Cancellation] = []
        if whole is not None:
            whole._parts.append(self)
            if whole.reason is not None:
                self.request(whole.reason)

    def request(self, reason: str) -> None:
        """Ends the runs; the first reason given counts."""
        if self.reason is None:
            self.reason = reason
            self._event.set()
        for part in self._parts:
            part.request(reason)

    def check(self) -> None:
        """Raises ``Cancelled`` if the runs are ending."""
        if self.reason is not None:
            raise Cancelled

    async def sleep(self, seconds: float) -> None:
        """Sleeps, but at most until the runs end.

        Raises:
            Cancelled: if the runs end before that.
        """
        with suppress(TimeoutError):
            await asyncio.wait_for(self._event.wait(), max(seconds, 0.0))
        self.check()

    async def wait(self) -> None:
        """Returns when the runs are to end."""
        await self._event.wait()


@contextmanager
def cancelling_on_interrupt(cancellation: Cancellation) -> Iterator[None]:
    """Makes the first Ctrl-C (or SIGTERM, or a closed terminal) end the runs and the second one quit immediately.

    Call inside a running loop.
    """
    loop = asyncio.get_running_loop()
    signals = [signal.SIGINT, signal.SIGTERM]
    hangup = getattr(signal, "SIGHUP", None)  # not on Windows
    if hangup is not None and signal.getsignal(hangup) != signal.SIG_IGN:  # nohup has it ignored
        signals.append(hangup)

    def first() -> None:
        cancellation.request(INTERRUPTED)
        for number in signals:
            loop.remove_signal_handler(number)

    installed = []
    for number in signals:
        # Not the main thread, or a platform without signal handlers: Ctrl-C then ends the runs immediately.
        with suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(number, first)
            installed.append(number)
    try:
        yield
    finally:
        for number in installed:
            loop.remove_signal_handler(number)
