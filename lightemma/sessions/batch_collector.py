"""Answers a planner's calls from the cache, and notes those that are still to be made."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import TypeVar

from lightemma.backends.base import BatchBackend, CallResult, Completion, Request
from lightemma.calls.cache import CacheBusy, ResponseCache
from lightemma.calls.identity import Asked, Identity
from lightemma.errors import UserError
from lightemma.frame import Frame
from lightemma.planners.base import Planner, View
from lightemma.run_folder.lock import Holder
from lightemma.run_folder.records import MAIN

log = logging.getLogger(__name__)

#: A call that failed in this many batches counts as failed.
TRIES = 3
_T = TypeVar("_T")


class _NotYet(BaseException):
    """A call whose answer is still to come; ends the frame for this wave, whatever errors the planner handles itself."""


class BatchCollector:
    """A ``Call`` that answers from the cache and notes what is missing.

    Args:
        backend: who will be asked.
        cache: where answers are.
        failures: calls that failed for good, by key.
        role: which of the planner's models it is.
        fetched: calls that this session's batches have answered, by key.
        claimed: calls that this session has claimed.
        stopped: what came where the model refused or a filter stopped it; no answers, so they are in no cache.

    Attributes:
        wanted: calls to be handed over, by key.
        elsewhere: calls that another process, or another run's batch, is making.
        holder: which one was found last.
        answered_as: the model as the provider names the one that answered last.
    """

    def __init__(
        self,
        backend: BatchBackend,
        cache: ResponseCache,
        failures: dict[str, list[str]],
        role: str = MAIN,
        fetched: set[str] | None = None,
        claimed: set[str] | None = None,
        stopped: dict[str, Completion] | None = None,
    ) -> None:
        self.backend = backend
        self._stopped = {} if stopped is None else stopped
        self._role = role
        self.wanted: dict[str, tuple[Asked, Request]] = {}
        self.elsewhere = 0
        self.holder: Holder | None = None
        self.answered_as: str | None = None
        self._cache = cache
        self._failures = failures
        self._identity = Identity(backend)
        self._fetched = set() if fetched is None else fetched
        self._claimed = set() if claimed is None else claimed

    async def __call__(self, request: Request) -> CallResult:
        """The answer if it is there, else notes the request and ends the frame."""
        config, role = self.backend.config, self._role
        asked = self._identity.asked(request)
        kept = await when_free(lambda: self._cache.get(asked))
        if kept is not None:
            return self._answered(asked, kept)
        if asked.key in self._stopped:
            return CallResult(self._stopped[asked.key], role=role, model=config.name)
        failed = self._failures.get(asked.key, [])
        if len(failed) >= TRIES:
            kind, _, message = failed[-1].partition(": ")
            return CallResult(None, kind, message, attempts=len(failed), role=role, model=config.name)
        if asked.claim not in self._claimed:
            holder = self._cache.claim(asked)
            if holder is not None:
                self.holder, self.elsewhere = holder, self.elsewhere + 1
                raise _NotYet
            # Its holder may have kept the answer, and ended the claim, since the look before.
            kept = await when_free(lambda: self._cache.get(asked))
            if kept is not None:
                self._cache.release(asked)
                return self._answered(asked, kept)
            self._claimed.add(asked.claim)
        self.wanted[asked.key] = (asked, request)
        raise _NotYet

    def _answered(self, asked: Asked, kept: Completion) -> CallResult:
        cached = asked.key not in self._fetched
        self.answered_as = kept.model or self.answered_as
        return CallResult(
            kept,
            latency_s=None,
            attempts=int(not cached),
            cached=cached,
            role=self._role,
            model=self.backend.config.name,
        )


async def when_free(work: Callable[[], _T]) -> _T:
    """Does something with the cache; waits, up to a minute, while another program has it locked.

    Raises:
        UserError: if it stays locked.
    """
    for _ in range(60):
        try:
            return work()
        except CacheBusy:
            await asyncio.sleep(1.0)
    raise UserError("The response cache stays locked by another program; close that, and give the same command again.")


async def until_missing(planner: Planner, frame: Frame, view: View, collectors: Mapping[str, BatchCollector]) -> None:
    """Plans a frame up to its first calls without an answer. An error of the planner's own is met again when it is recorded."""
    try:
        await planner.plan(frame, view, collectors)
    except _NotYet:
        return
    except UserError:
        raise
    except Exception as error:
        log.debug("the planner failed on %s (%s)", frame.sample_token, error)
