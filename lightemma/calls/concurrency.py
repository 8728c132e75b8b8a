"""Runs many items concurrently, as many as a provider's limits let calls through."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from typing import Any, TypeVar

from lightemma.calls.caller import CallContext
from lightemma.calls.cancellation import GRACE_S, Cancelled
from lightemma.calls.limits import CallPool
from lightemma.errors import UserError

#: Items begun beyond the calls that are let through, so that one is always ready to take a free place: at least this many,
#: or this share of the level.
SPARE_ITEMS = 2
SPARE_SHARE = 0.05
#: Items beside these that are begun for others that stepped aside.
MOST_ASIDE = 32

T = TypeVar("T")

log = logging.getLogger(__name__)


_stepped: ContextVar[Callable[[int], None] | None] = ContextVar("stepped", default=None)


@contextmanager
def aside() -> Iterator[None]:
    """Within it, an item of ``run_concurrently`` makes no call, so that another may be begun in its place.

    Afterwards it goes on at once; calls wait for their places as always. Outside of an item it does nothing.
    """
    step = _stepped.get()
    if step is None:
        yield
        return
    step(1)
    try:
        yield
    finally:
        step(-1)


async def run_concurrently(
    items: Iterable[T],
    work: Callable[[T], Coroutine[Any, Any, None]],
    context: CallContext,
    *others: CallContext,
    count: int | None = None,
) -> None:
    """Keeps as many items in progress as the pool lets calls through, until they are done or the run is to end.

    An item that makes no call for a while (``aside``) does not count, so that it holds up no calls of others.

    Args:
        items: frames, or whatever else makes calls one after the other; taken one by one.
        work: drives one of them.
        context: its pool decides how many, its cancellation when to end.
        others: of further models that items call; the pool with the highest level decides.
        count: number of items, if known: then the last of them are begun together (``CallPool.at_the_end``), so that places
            are not empty while the last calls of the last items are made.

    Raises:
        UserError: the first that any item raised; nothing new is begun then, and calls in progress are waited for.
    """
    everyone = (context, *others)
    pools, cancellation = [one.limits.pool for one in everyone], context.cancellation
    in_progress: set[asyncio.Task[None]] = set()
    errors: list[BaseException] = []
    changed = asyncio.Event()

    def ended(task: asyncio.Task[None]) -> None:
        in_progress.discard(task)
        changed.set()
        if not task.cancelled() and (error := task.exception()) is not None and not isinstance(error, Cancelled):
            errors.append(error)
            cancellation.request("an error")  # what waits for its turn or for another try ends

    stepped_aside = 0

    def step(by: int) -> None:
        nonlocal stepped_aside
        stepped_aside += by
        changed.set()

    def is_full() -> bool:
        most = max(map(_most_items, pools))
        # One by one and in order is what somebody asked for.
        return len(in_progress) - (min(stepped_aside, MOST_ASIDE) if most > 1 else 0) >= most

    left = count
    for pool in pools:
        pool.listeners.append(changed.set)
        if left is not None:
            pool.left(items, left)
    ending = asyncio.ensure_future(cancellation.wait())
    ending.add_done_callback(lambda _: changed.set())
    try:
        for item in items:
            while is_full() and not errors and cancellation.reason is None:
                changed.clear()
                await changed.wait()
            if errors or cancellation.reason is not None:
                break
            context_of_item = copy_context()
            context_of_item.run(_stepped.set, step)
            task = asyncio.create_task(work(item), context=context_of_item)
            in_progress.add(task)
            task.add_done_callback(ended)
            # Lets tasks run even while there is room for more items.
            await asyncio.sleep(0)
            if left is not None:
                left = max(0, left - 1)
                for pool in pools:
                    pool.left(items, left)
        await _finish(in_progress, ending, everyone)
    finally:
        for pool in pools:
            pool.left(items, None)
            pool.listeners.remove(changed.set)
        ending.cancel()
        for task in list(in_progress):
            task.cancel()
        await asyncio.gather(*in_progress, return_exceptions=True)
    if errors:
        # One cause ends all items; a sentence for the user goes before anything else.
        raise next((error for error in errors if isinstance(error, UserError)), errors[0])


def _most_items(pool: CallPool) -> float:
    """How many items to keep in progress; with one call at a time, item after item in order."""
    if pool.at_the_end:
        return math.inf
    return 1.0 if pool.level < 2.0 else pool.level + max(SPARE_ITEMS, SPARE_SHARE * pool.level)


async def _finish(
    in_progress: set[asyncio.Task[None]], ending: asyncio.Future[None], contexts: Sequence[CallContext]
) -> None:
    """Waits for the items in progress; once the run is to end, for calls whose answers are kept, and else for the grace.

    Calls end by themselves: each has its timeout.
    """
    while in_progress and not ending.done():
        await asyncio.wait({*in_progress, ending}, return_when=asyncio.FIRST_COMPLETED)
    if in_progress:
        await asyncio.wait(in_progress, timeout=GRACE_S)
    while in_progress and (waited_for := sum(one.asking for one in contexts if one.cache is not None)):
        log.warning(
            "Ending: %d calls in progress are waited for, so that their answers are kept; Ctrl-C ends at once.",
            waited_for,
        )
        while in_progress and any(one.asking for one in contexts if one.cache is not None):
            await asyncio.wait(in_progress, timeout=1.0, return_when=asyncio.FIRST_COMPLETED)
