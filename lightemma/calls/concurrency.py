"""Runs many items concurrently, up to the provider's limits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, TypeVar

from lightemma.calls.caller import CallContext
from lightemma.calls.cancellation import GRACE_S, Cancelled
from lightemma.calls.limits import CallPool
from lightemma.errors import UserError

#: Items in progress beyond the allowed concurrent calls, so that one is always ready when a call ends: at least this many,
#: or this share of the level.
SPARE_ITEMS = 2
SPARE_SHARE = 0.05

T = TypeVar("T")


async def run_concurrently(
    items: Iterable[T], work: Callable[[T], Coroutine[Any, Any, None]], context: CallContext, *others: CallContext
) -> None:
    """Keeps as many items in progress as the pool allows calls, until all are done or the run ends.

    Args:
        items: frames or episodes, each of which makes its calls one after the other; taken one by one.
        work: drives one of them.
        context: its pool decides how many, its cancellation when to end.
        others: of further models that items call; the pool with the highest level decides.

    Raises:
        UserError: the first that any item raised; the other items are cancelled.
    """
    pools, cancellation = [one.limits.pool for one in (context, *others)], context.cancellation
    in_progress: set[asyncio.Task[None]] = set()
    errors: list[BaseException] = []
    changed = asyncio.Event()

    def ended(task: asyncio.Task[None]) -> None:
        in_progress.discard(task)
        changed.set()
        if not task.cancelled() and (error := task.exception()) is not None and not isinstance(error, Cancelled):
            errors.append(error)

    for pool in pools:
        pool.listeners.append(changed.set)
    ending = asyncio.ensure_future(cancellation.wait())
    ending.add_done_callback(lambda _: changed.set())
    try:
        for item in items:
            while len(in_progress) >= max(map(_most_items, pools)) and not errors and cancellation.reason is None:
                changed.clear()
                await changed.wait()
            if errors or cancellation.reason is not None:
                break
            task = asyncio.create_task(work(item))
            in_progress.add(task)
            task.add_done_callback(ended)
            # Gives tasks a chance to run while more items could begin.
            await asyncio.sleep(0)
        await _finish(in_progress, ending, errors)
    finally:
        for pool in pools:
            pool.listeners.remove(changed.set)
        ending.cancel()
        for task in list(in_progress):
            task.cancel()
        await asyncio.gather(*in_progress, return_exceptions=True)
    if errors:
        # Several items may fail for one reason; an error for the user is raised rather than any other.
        raise next((error for error in errors if isinstance(error, UserError)), errors[0])


def _most_items(pool: CallPool) -> float:
    """How many items to keep in progress; where one call at a time is allowed, items run one after the other."""
    return 1.0 if pool.level < 2.0 else pool.level + max(SPARE_ITEMS, SPARE_SHARE * pool.level)


async def _finish(
    in_progress: set[asyncio.Task[None]], ending: asyncio.Future[None], errors: list[BaseException]
) -> None:
    """Waits for the items in progress; once the run is ending, at most for the grace period."""
    while in_progress and not errors:
        if ending.done():
            await asyncio.wait(in_progress, timeout=GRACE_S)
            return
        await asyncio.wait({*in_progress, ending}, return_when=asyncio.FIRST_COMPLETED)
