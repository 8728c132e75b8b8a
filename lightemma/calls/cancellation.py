"""Ending a run early: nothing new is begun, what is under way may finish."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress

#: Seconds that calls under way are given to finish.
GRACE_S = 4.0
#: The reason of a run that a person ended.
INTERRUPTED = "interrupted"


class Stopped(Exception):  # noqa: N818 -- nothing went wrong
    """A call was not begun because the run is ending; its frame is left for the next sitting."""


class Stop:
    """Tells everyone in a command that it is time to end.

    Attributes:
        reason: a clause that says why, or None while the run goes on.
    """

    def __init__(self) -> None:
        self.reason: str | None = None
        self._event = asyncio.Event()

    def request(self, reason: str) -> None:
        """Ends the run; the first reason given counts."""
        if self.reason is None:
            self.reason = reason
            self._event.set()

    def check(self) -> None:
        """Raises ``Stopped`` if the run is ending."""
        if self.reason is not None:
            raise Stopped

    async def sleep(self, seconds: float) -> None:
        """Sleeps, but not through the end of the run.

        Raises:
            Stopped: if the run ends meanwhile.
        """
        with suppress(TimeoutError):
            await asyncio.wait_for(self._event.wait(), max(seconds, 0.0))
        self.check()

    async def wait(self) -> None:
        """Returns when the run is to end."""
        await self._event.wait()


@contextmanager
def stopping_on_interrupt(stop: Stop) -> Iterator[None]:
    """Makes the first Ctrl-C (or SIGTERM) end the run and the second one quit at once. Call inside a running loop."""
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM)

    def first() -> None:
        stop.request(INTERRUPTED)
        for number in signals:
            loop.remove_signal_handler(number)

    installed = []
    for number in signals:
        # Not the main thread, or a platform without signal handlers: Ctrl-C then ends the run at once.
        with suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(number, first)
            installed.append(number)
    try:
        yield
    finally:
        for number in installed:
            loop.remove_signal_handler(number)
