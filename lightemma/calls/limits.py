"""How many calls may be under way at once: found out by itself, one pool per provider account or server.

Slow start, then additive increase and multiplicative decrease (Chiu and Jain 1989; Jacobson 1988), with one addition: the level
at which a provider last refused is remembered, and approached slowly, so that a steady limit is held instead of overrun again
and again.
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
#: After a refusal the level falls to this share of what was under way …
DECREASE = 0.8
#: … but close under a level that was refused before, the step down is small.
DECREASE_AT_CEILING = 0.95
#: Rounds of calls between two attempts to go beyond a known ceiling.
ROUNDS_PER_PROBE = 12
#: The recent median latency may be this many times the best median before it counts as overload.
COLLAPSE = 3.0
LATENCY_WINDOW = 24


class CallPool:
    """Lets calls through, so many at once.

    Args:
        fixed: that many, always; None adapts.
        highest: an adapting pool never goes beyond.
        clock: seconds; replaced in tests.
    """

    def __init__(self, fixed: int | None = None, highest: float = HIGHEST_LEVEL, clock: Clock = time.monotonic) -> None:
        self.adapts = fixed is None
        self.level: float = float(fixed) if fixed is not None else min(FIRST_LEVEL, highest)
        self.in_flight = 0
        #: Called whenever a place was given back or the level moved.
        self.listeners: list[Callable[[], None]] = []
        self._highest = highest
        self._clock = clock
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._order = itertools.count()
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
        """Calls that could start now without waiting; negative when others wait already."""
        return int(self.level) - self.in_flight - len(self._waiting)

    async def acquire(self, priority: int = 0) -> float:
        """Waits for a place; lower ``priority`` goes first, then who came first.

        Returns:
            The moment the place was given, to be handed back to ``release``.
        """
        if not self._waiting and self._free():
            self.in_flight += 1
            return self._clock()
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (priority, next(self._order), place))
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
        """Gives a place back and learns from how the call went.

        Args:
            started: what ``acquire`` returned.
            failure: the call kind, or None for an answer.
            retry_after_s: how long the provider asked to wait.
        """
        full = self.in_flight >= int(self.level)
        flying = self.in_flight
        self.in_flight -= 1
        if self.adapts:
            if failure_kind(failure).slows_down:
                self._refused(started, flying, retry_after_s)
            elif failure is None:
                self._answered(started, full)
        self._admit()
        for listener in self.listeners:
            listener()

    def cancel(self) -> None:
        """Gives a place back without learning anything (the call was abandoned)."""
        self.in_flight -= 1
        self._admit()

    def _free(self) -> bool:
        return self.in_flight < int(self.level) and self._clock() >= self._paused_until

    def _admit(self) -> None:
        while self._waiting and self._free():
            _, _, place = heapq.heappop(self._waiting)
            if not place.done():
                self.in_flight += 1
                place.set_result(None)
        while self._waiting and self._waiting[0][2].done():
            heapq.heappop(self._waiting)
        wait = self._paused_until - self._clock()
        if self._waiting and wait > 0 and self._wake is None:
            with suppress(RuntimeError):
                self._wake = asyncio.get_running_loop().call_later(wait, self._woken)

    def _woken(self) -> None:
        self._wake = None
        self._admit()

    def _answered(self, started: float, full: bool) -> None:
        now = self._clock()
        self._refused_in_a_row = 0
        if self._collapsing(now - started, now, started):
            return
        if not full:
            return  # the level was not what held calls back, so it has not been tried out
        step = 1.0 / self.level  # one more place per round of calls
        if self._slow_start:
            step = 1.0
        elif self._ceiling is not None and self.level >= self._ceiling + 1.0:
            self._ceiling = None  # more goes through than was refused before: the limit has moved up
        elif self._ceiling is not None and self.level >= self._ceiling - 2.0:
            step /= ROUNDS_PER_PROBE
        elif self._ceiling is not None:
            # Back towards the level that was refused by a quarter of the way per round, as CUBIC does (Ha et al. 2008).
            step *= max(1.0, (self._ceiling - 2.0 - self.level) / 4.0)
        self.level = min(self.level + step, self._highest)

    def _refused(self, started: float, flying: int, retry_after_s: float | None) -> None:
        now = self._clock()
        self._refused_in_a_row += 1
        if retry_after_s and self._refused_in_a_row > max(2.0, self.level):
            # Not one call too many but a closed door: nobody knocks before the time is up.
            self._paused_until = max(self._paused_until, now + retry_after_s)
        if started < self._last_decrease:
            return  # sent before the last step down, says nothing about the present level
        at_ceiling = self._ceiling is not None and abs(flying - self._ceiling) <= 3.0
        share = DECREASE_AT_CEILING if at_ceiling else DECREASE
        self._ceiling = float(flying)
        self._slow_start = False
        # By nearly one whole place at least: small pools would otherwise be back at their ceiling after a few answers.
        self.level = max(1.0, min(self.level, flying * share, flying - 0.9))
        self._last_decrease = now

    def _collapsing(self, latency: float, now: float, started: float) -> bool:
        """Whether answers have become so slow that fewer at once would serve better; steps down if so."""
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
    """At most so much per minute: a bucket that fills steadily and holds a few seconds' worth.

    Args:
        per_minute: how much; None caps nothing.
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
        """Waits until ``amount`` may be used; more than the bucket holds is let through on credit when it is full."""
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
        """Books what a call used beyond (or, negative, below) what was taken for it."""
        self._credit -= amount


class ProviderLimits:
    """All that stands before a call to one provider: the pool and the caps per minute."""

    def __init__(self, limits: Limits, fixed: int | None = None, clock: Clock = time.monotonic) -> None:
        self.pool = CallPool(fixed if fixed is not None else limits.concurrency, clock=clock)
        self.requests = RateCap(limits.requests_per_minute, clock)
        self.tokens = RateCap(limits.tokens_per_minute, clock)
