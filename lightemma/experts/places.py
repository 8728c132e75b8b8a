"""Where experts compute: threads of their own, with a place per accelerator, so that they hold up nobody's calls."""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
import time
import weakref
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from lightemma.experts.base import Card

T = TypeVar("T")

#: Seconds that the program's end waits for experts that are still at work: one that is cut off inside a library of C++ would
#: abort the program, whose exit status would then say that it failed.
ENDING_S = 10.0

#: Calls of services at the same time.
REMOTE_PLACES = 8
#: Experts of at most so many seconds take no processor's place, so that they wait for no slow one of another frame.
QUICK_S = 0.01
#: Calls of one expert that have not returned, after which it is not asked again.
MOST_ABANDONED = 4


class TooLate(Exception):  # noqa: N818 -- the name says what it is
    """An expert that did not return in time, or a place that did not become free."""


class NotReturning(Exception):  # noqa: N818 -- the name says what it is
    """An expert whose earlier calls never returned."""


class Places:
    """The places of one event loop.

    A call that does not return in time is abandoned: its thread cannot be ended, but nobody waits for it. It gives back a
    processor's place and keeps an accelerator's, on which it still computes.
    """

    def __init__(self, processors: int | None = None) -> None:
        self._processors = asyncio.Semaphore(processors or max(4, os.cpu_count() or 1))
        self._remote = asyncio.Semaphore(REMOTE_PLACES)
        self._accelerators: dict[str, asyncio.Semaphore] = {}
        self._abandoned: Counter[str] = Counter()

    async def run(self, card: Card, work: Callable[[], T]) -> T:
        """Runs a function of an expert in a thread, once there is a place.

        Args:
            card: of the expert.
            work: what is to be done.

        Raises:
            TooLate: if it takes longer than the card's ``timeout_s``; waiting for a place is not counted, except for one of an
                accelerator, which a call that never returns may hold.
            NotReturning: if too many of its calls have not returned.
            Exception: what ``work`` raises.
        """
        if self._abandoned[card.id] >= MOST_ABANDONED:
            raise NotReturning(f"{MOST_ABANDONED} earlier calls have not returned")
        if card.accelerator:
            place = self._accelerators.setdefault(card.accelerator, asyncio.Semaphore(1))
            try:
                await asyncio.wait_for(place.acquire(), card.timeout_s)
            except TimeoutError as error:
                raise TooLate(f"no place on {card.accelerator} within {card.timeout_s:g} s") from error
            return await self._within(card, work, place, keeps=True)
        if card.endpoint == "local" and card.cost <= QUICK_S:
            return await self._within(card, work, None, keeps=False)
        place = self._processors if card.endpoint != "http" else self._remote
        await place.acquire()
        return await self._within(card, work, place, keeps=False)

    async def _within(self, card: Card, work: Callable[[], T], place: asyncio.Semaphore | None, *, keeps: bool) -> T:
        future = in_thread(work, card.id)
        try:
            await asyncio.wait({future}, timeout=card.timeout_s)
            if not future.done():
                raise TooLate(f"no answer within {card.timeout_s:g} s")
            return future.result()
        finally:
            if place is not None and (future.done() or not keeps):
                place.release()
            if not future.done():
                self._abandoned[card.id] += 1
                future.add_done_callback(lambda ended: self._returned(card, ended, place if keeps else None))

    def _returned(self, card: Card, ended: asyncio.Future[T], place: asyncio.Semaphore | None) -> None:
        self._abandoned[card.id] -= 1
        if not ended.cancelled():
            ended.exception()  # looked at, so that asyncio does not report it
        if place is not None:
            place.release()


def in_thread(work: Callable[[], T], name: str) -> asyncio.Future[T]:
    """Runs a function in a new thread, which does not keep the program from ending.

    Args:
        work: what is to be done.
        name: of the thread.

    Returns:
        Its result; whatever it raises is a ``RuntimeError`` if it is no ``Exception``.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def finish(result: T | None, error: Exception | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        try:
            look()
        finally:
            _at_work.discard(threading.current_thread())

    def look() -> None:
        result: T | None = None
        error: Exception | None = None
        try:
            result = work()
        except StopIteration as raised:  # cannot be raised into a future
            error = RuntimeError(f"StopIteration: {raised}")
            error.__cause__ = raised
        except Exception as raised:
            error = raised
        except BaseException as raised:  # SystemExit and the like end only their task
            error = RuntimeError(type(raised).__name__)
            error.__cause__ = raised
        with suppress(RuntimeError):  # the loop was closed meanwhile
            loop.call_soon_threadsafe(finish, result, error)

    thread = threading.Thread(target=run, name=f"expert {name}", daemon=True)
    _at_work.add(thread)
    thread.start()
    return future


_at_work: set[threading.Thread] = set()


def wait_for_experts(most_s: float = ENDING_S) -> bool:
    """Waits until no expert is at work in this process, abandoned calls included; whether that is so.

    Args:
        most_s: seconds that it may take.
    """
    ends = time.monotonic() + most_s
    for thread in list(_at_work):
        thread.join(max(0.0, ends - time.monotonic()))
    return not _at_work


atexit.register(wait_for_experts)


_of_loop: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Places] = weakref.WeakKeyDictionary()


def places() -> Places:
    """The places of the running event loop: all runs of a process share them."""
    loop = asyncio.get_running_loop()
    if loop not in _of_loop:
        _of_loop[loop] = Places()
    return _of_loop[loop]
