"""Runs many items concurrently, as many as a provider's limits let calls through."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, TypeVar

from lightemma.calls.caller import CallServices
from lightemma.calls.cancellation import GRACE_S, Stopped
from lightemma.calls.limits import CallPool
from lightemma.errors import UserError

#: Items begun beyond the calls that are let through, so that one is always ready to take a free place: at least so many,
#: or this share of the level.
SPARE_ITEMS = 2
SPARE_SHARE = 0.05

T = TypeVar("T")


async def run_concurrently(
    items: Iterable[T], work: Callable[[T], Coroutine[Any, Any, None]], services: CallServices, *others: CallServices
) -> None:
    """Keeps as many items under way as the pool lets calls through, until they are done or the run is to end.

    Args:
        items: frames, or whatever else makes calls one after the other; taken one by one.
        work: drives one of them.
        services: whose pool says how many, and whose stop says when to end.
        others: of further models that items ask; the pool with most room counts.

    Raises:
        UserError: the first that any item raised; the others are ended.
    """
    pools, stop = [one.gate.pool for one in (services, *others)], services.stop
    under_way: set[asyncio.Task[None]] = set()
    errors: list[BaseException] = []
    changed = asyncio.Event()

    def ended(task: asyncio.Task[None]) -> None:
        under_way.discard(task)
        changed.set()
        if not task.cancelled() and (error := task.exception()) is not None and not isinstance(error, Stopped):
            errors.append(error)

    for pool in pools:
        pool.listeners.append(changed.set)
    ending = asyncio.ensure_future(stop.wait())
    ending.add_done_callback(lambda _: changed.set())
    try:
        for item in items:
            while len(under_way) >= max(map(_items_at_once, pools)) and not errors and stop.reason is None:
                changed.clear()
                await changed.wait()
            if errors or stop.reason is not None:
                break
            task = asyncio.create_task(work(item))
            under_way.add(task)
            task.add_done_callback(ended)
            # Gives tasks their turn even while there is room for more items.
            await asyncio.sleep(0)
        await _finish(under_way, ending, errors)
    finally:
        for pool in pools:
            pool.listeners.remove(changed.set)
        ending.cancel()
        for task in list(under_way):
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
    if errors:
        # One cause ends all items; a sentence for the user goes before anything else.
        raise next((error for error in errors if isinstance(error, UserError)), errors[0])


def _items_at_once(pool: CallPool) -> float:
    """How many items to keep under way; with one call at a time, item after item in order."""
    return 1.0 if pool.level < 2.0 else pool.level + max(SPARE_ITEMS, SPARE_SHARE * pool.level)


async def _finish(
    under_way: set[asyncio.Task[None]], ending: asyncio.Future[None], errors: list[BaseException]
) -> None:
    """Waits for the items under way; once the run is to end, no longer than the grace."""
    while under_way and not errors:
        if ending.done():
            await asyncio.wait(under_way, timeout=GRACE_S)
            return
        await asyncio.wait({*under_way, ending}, return_when=asyncio.FIRST_COMPLETED)
