"""How many concurrent calls a provider takes: found out during the run, with one pool per provider account or server.

Slow start, then additive increase and multiplicative decrease (Chiu and Jain 1989; Jacobson 1988), with one addition: the level
at which a provider last refused is remembered, and approached slowly, so that a constant limit is kept and not
exceeded again and again.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import statistics
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from lightemma.backends.config import Limits
from lightemma.failures import failure_kind

Clock = Callable[[], float]

FIRST_LEVEL = 8.0
HIGHEST_LEVEL = 512.0
#: After a refusal the level falls to this share of the calls in progress …
DECREASE = 0.8
#: … but just below a level that was refused before, the decrease is small.
DECREASE_AT_CEILING = 0.95
#: Rounds of calls between two attempts to exceed a known ceiling.
ROUNDS_PER_PROBE = 12
#: The recent median latency may be this many times the best median before it counts as overload.
COLLAPSE = 3.0
LATENCY_WINDOW = 24
#: With fewer frames left unbegun than this many times the level, a run is at its end; more gains nothing (208 frames at 64).
END_SHARE = 1.0


class CallPool:
    """Limits the number of concurrent calls.

    Args:
        fixed: a constant limit; None adapts to the provider.
        highest: upper bound of an adapting pool.
        clock: seconds; replaced in tests.
    """

    def __init__(self, fixed: int | None = None, highest: float = HIGHEST_LEVEL, clock: Clock = time.monotonic) -> None:
        self.adapts = fixed is None
        self.level: float = float(fixed) if fixed is not None else min(FIRST_LEVEL, highest)
        self.in_flight = 0
        #: Called whenever a place is released or the level changes.
        self.listeners: list[Callable[[], None]] = []
        self._highest = highest
        self._clock = clock
        self._waiting: list[tuple[int, int, int, asyncio.Future[None]]] = []
        self._order = itertools.count()
        self._unbegun: dict[int, int] = {}
        self._earliest_first = False
        self._slow_start = self.adapts
        self._ceiling: float | None = None
        self._last_decrease = float("-inf")
        self._paused_until = float("-inf")
        self._refused_in_a_row = 0
        self._wake: asyncio.TimerHandle | None = None
        self._latencies: deque[float] = deque(maxlen=LATENCY_WINDOW)
        self._best_latency = float("inf")

    @property
    def room(self) -> int:
        """Calls that could start now without waiting; negative if calls are waiting."""
        return int(self.level) - self.in_flight - len(self._waiting)

    @property
    def at_the_end(self) -> bool:
        """Whether so few frames are left unbegun that all are begun, and those with most calls before them go first.

        Finishing what is begun leaves places empty at a run's end, when only the last calls of the last frames remain. To
        take the longest chain first is optimal for calls of equal length (Hu 1961).
        """
        return self._earliest_first

    def left(self, user: object, unbegun: int | None) -> None:
        """Notes how many frames or episodes a run has not begun; None when it has ended.

        Args:
            user: the run.
            unbegun: their number.
        """
        if unbegun is None:
            self._unbegun.pop(id(user), None)
        else:
            self._unbegun[id(user)] = unbegun
        self._reorder()

    def _reorder(self) -> None:
        earliest = bool(self._unbegun) and self.level >= 2.0 and sum(self._unbegun.values()) < END_SHARE * self.level
        if earliest == self._earliest_first:
            return
        self._earliest_first = earliest
        self._waiting = [(self._key(at), at, order, place) for _, at, order, place in self._waiting]
        heapq.heapify(self._waiting)

    def _key(self, at: int) -> int:
        return at if self._earliest_first else -at

    async def acquire(self, at: int = 0) -> float:
        """Waits for a place. A frame that is begun is finished before another is; at the end of a run, see ``at_the_end``.

        Args:
            at: how many calls of the same frame were made before.

        Returns:
            The time at which the place was given, to be passed to ``release``.
        """
        if not self._waiting and self._free():
            self.in_flight += 1
            return self._clock()
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (self._key(at), at, next(self._order), place))
        self._admit()
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self.in_flight -= 1  # the place had been given already
                self._admit()
            raise
        return self._clock()

    def release(self, started: float, failure: str | None = None, retry_after_s: float | None = None) -> None:
        """Releases a place, and adapts the level to the call's result.

        Args:
            started: what ``acquire`` returned.
            failure: the call kind, or None for an answer.
            retry_after_s: wait that the provider asked for.
        """
        full = self.in_flight >= int(self.level)
        flying = self.in_flight
        self.in_flight -= 1
        if self.adapts:
            if failure_kind(failure).slows_down:
                self._refused(started, flying, retry_after_s)
            elif failure is None:
                self._answered(started, full)
            self._reorder()
        self._admit()
        for listener in self.listeners:
            listener()

    def cancel(self) -> None:
        """Releases the place of an abandoned call; the level stays as it is."""
        self.in_flight -= 1
        self._admit()

    def _free(self) -> bool:
        return self.in_flight < int(self.level) and self._clock() >= self._paused_until

    def _admit(self) -> None:
        while self._waiting and self._free():
            *_, place = heapq.heappop(self._waiting)
            if not place.done():
                self.in_flight += 1
                place.set_result(None)
        while self._waiting and self._waiting[0][3].done():
            heapq.heappop(self._waiting)
        wait = self._paused_until - self._clock()
        if self._waiting and wait > 0 and self._wake is None:
            with suppress(RuntimeError):
                self._wake = asyncio.get_running_loop().call_later(wait, self._after_pause)

    def _after_pause(self) -> None:
        self._wake = None
        self._admit()

    def _answered(self, started: float, full: bool) -> None:
        now = self._clock()
        self._refused_in_a_row = 0
        if self._collapsing(now - started, now, started):
            return
        if not full:
            return  # the level did not limit the calls, so nothing is known about it
        step = 1.0 / self.level  # one more place per round of calls
        if self._slow_start:
            step = 1.0
        elif self._ceiling is not None and self.level >= self._ceiling + 1.0:
            self._ceiling = None  # more calls are answered than the refused level allowed: the limit has risen
        elif self._ceiling is not None and self.level >= self._ceiling - 2.0:
            step /= ROUNDS_PER_PROBE
        elif self._ceiling is not None:
            # A quarter of the distance to the refused level per round, as CUBIC does (Ha et al. 2008).
            step *= max(1.0, (self._ceiling - 2.0 - self.level) / 4.0)
        self.level = min(self.level + step, self._highest)

    def _refused(self, started: float, flying: int, retry_after_s: float | None) -> None:
        now = self._clock()
        self._refused_in_a_row += 1
        if retry_after_s and self._refused_in_a_row > max(2.0, self.level):
            # Not one call too many: the provider refuses every call. No call is sent before the time it asked for is over.
            self._paused_until = max(self._paused_until, now + retry_after_s)
        if started < self._last_decrease:
            return  # sent before the last decrease, says nothing about the present level
        at_ceiling = self._ceiling is not None and abs(flying - self._ceiling) <= 3.0
        share = DECREASE_AT_CEILING if at_ceiling else DECREASE
        self._ceiling = float(flying)
        self._slow_start = False
        # At least by nearly one place: small pools would otherwise reach their ceiling again after a few answers.
        self.level = max(1.0, min(self.level, flying * share, flying - 0.9))
        self._last_decrease = now

    def _collapsing(self, latency: float, now: float, started: float) -> bool:
        """Whether answers have become so slow that fewer concurrent calls are better; lowers the level if so."""
        self._latencies.append(latency)
        if len(self._latencies) < LATENCY_WINDOW:
            return False
        median = statistics.median(self._latencies)
        self._best_latency = min(self._best_latency, median)
        if median <= COLLAPSE * self._best_latency or started < self._last_decrease:
            return False
        self._slow_start = False
        self.level = max(1.0, self.level * DECREASE)
        self._last_decrease = now
        self._latencies.clear()
        return True


class RateCap:
    """A rate limit: a bucket that fills at a constant rate and holds the amount of a few seconds.

    Args:
        per_minute: requests or tokens; None sets no limit.
        clock: seconds.
    """

    BURST_S = 5.0

    def __init__(self, per_minute: float | None, clock: Clock = time.monotonic) -> None:
        self._rate = None if per_minute is None else per_minute / 60.0
        self._clock = clock
        self._credit = 0.0 if self._rate is None else max(1.0, self._rate * self.BURST_S)
        self._full = self._credit
        self._then = clock()

    async def take(self, amount: float) -> None:
        """Waits until ``amount`` may be used; an amount above the bucket's size may be used once it is full."""
        if self._rate is None:
            return
        while True:
            now = self._clock()
            self._credit = min(self._full, self._credit + (now - self._then) * self._rate)
            self._then = now
            needed = min(amount, self._full)
            if self._credit >= needed:
                self._credit -= amount
                return
            await asyncio.sleep((needed - self._credit) / self._rate)

    def correct(self, amount: float) -> None:
        """Corrects for a call that used more (or, negative, less) than was taken for it."""
        self._credit -= amount


class ProviderLimits:
    """The limits of one provider: concurrent calls, requests per minute and tokens per minute."""

    def __init__(self, limits: Limits, fixed: int | None = None, clock: Clock = time.monotonic) -> None:
        #: Answers of the provider to anybody.
        self.answers = 0
        #: Whether it is being waited for, so that this is said once.
        self.out = False
        self.pool = CallPool(fixed if fixed is not None else limits.concurrency, clock=clock)
        self.requests = RateCap(limits.requests_per_minute, clock)
        self.tokens = RateCap(limits.tokens_per_minute, clock)
