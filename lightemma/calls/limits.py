"""How many concurrent calls a provider takes: found out during the run, with one pool per provider account or server.

The level doubles until calls are refused, or until more calls at a time are not answered faster. Then it depends on what
limits it. A number of places: the refused level is remembered, kept just below, and tried again with one call in
``ANSWERS_PER_PROBE``. The server's own speed: ``climb`` compares the throughput of neighbouring levels. Calls per second:
``pace`` keeps calls apart.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections import deque
from collections.abc import Callable, Hashable
from contextlib import suppress

from lightemma.backends.config import Limits
from lightemma.calls.climb import KNEE, Climb, Work
from lightemma.calls.level_history import LevelHistory
from lightemma.calls.pace import Pace
from lightemma.failures import failure_kind

Clock = Callable[[], float]

FIRST_LEVEL = 8.0
HIGHEST_LEVEL = 512.0
#: After a refusal the level falls to this share of the calls in progress …
DECREASE = 0.8
#: One call in so many is sent beyond a known limit, to see whether it has risen; so many may be saved up.
ANSWERS_PER_PROBE = 65
PROBES_SAVED = 2.0
#: A call beyond the limit that is not refused within this share of a latency has been taken.
PROBE_TAKEN = 0.5
#: Doubling ends when answers become this many times slower from one doubling to the next, or in all: throughput hardly grows.
SLOWER = 1.6
#: Below a known limit the climb begins once answers take this many times as long as the first ones.
SLOWER_AT_LIMIT = 1.5
NOT_SLOWER = 1.3
COLLAPSE = 3.0
#: Answers that are so much faster than the first ones show that the server was busy then.
FASTER = 0.8
#: Answers, at least, over which slowness is averaged.
SLOWNESS_OVER = 100.0
LATENCY_WINDOW = 24
#: Places above those that a rate of calls needs on average.
RATE_SHARE = 1.4
#: With fewer frames left unbegun than this many times the level, a run is at its end; more gains nothing (208 frames at 64).
END_SHARE = 1.0


class Place(float):
    """The moment at which a place was given, and what is to be known when it is released.

    Attributes:
        flying: calls in progress then, this one among them.
        kind: calls of a kind take about equally long.
    """

    flying: int = 0
    kind: Hashable = None

    @classmethod
    def given(cls, at: float, flying: int, kind: Hashable) -> Place:
        """A place that is given now."""
        place = cls(at)
        place.flying, place.kind = flying, kind
        return place


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
        self.history = LevelHistory(clock, self.level)
        #: Called whenever a place is released or the level changes.
        self.listeners: list[Callable[[], None]] = []
        self._highest = highest
        self._clock = clock
        self._waiting: list[tuple[int, int, int, asyncio.Future[int]]] = []
        self._order = itertools.count()
        self._unbegun: dict[int, int] = {}
        self._earliest_first = False
        self._slow_start = self.adapts
        self._ceiling: float | None = None
        self._last_decrease = float("-inf")
        self._paused_until = float("-inf")
        self._refused_in_a_row = 0
        self._wake: asyncio.TimerHandle | None = None
        self._work, self._climb, self._pace = Work(), Climb(), Pace()
        self._climbing = False
        self._doubled_at = self.level
        self._before: float | None = None
        self._slowness: deque[float] = deque(maxlen=int(FIRST_LEVEL))
        self._mean_slowness = 1.0
        self._probes = PROBES_SAVED
        self._probed: float | None = None

    @property
    def room(self) -> int:
        """Calls that could start now without waiting; negative if calls are waiting."""
        free = int(self.level) - self.in_flight - len(self._waiting)
        if free > 0 and self._clock() < self._opens():
            return 0
        return min(free, 1) if self._pace.rate is not None else free

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

    async def acquire(self, at: int = 0, model: str = "") -> Place:
        """Waits for a place. A frame that is begun is finished before another is; at the end of a run, see ``at_the_end``.

        Args:
            at: how many calls of the same frame were made before.
            model: that is called; models that share a provider may be fast and slow.

        Returns:
            The time at which the place was given, to be passed to ``release``.
        """
        if not self._waiting and self._free():
            return Place.given(self._clock(), self._give(), (at, model))
        place: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (self._key(at), at, next(self._order), place))
        self._admit()
        try:
            flying = await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self.in_flight -= 1  # the place had been given already
                self._admit()
            raise
        return Place.given(self._clock(), flying, (at, model))

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
            self.history.note(self.level)
            self._reorder()
        self._admit()
        for listener in self.listeners:
            listener()

    def cancel(self) -> None:
        """Releases the place of an abandoned call; the level stays as it is."""
        self.in_flight -= 1
        self._admit()

    def _opens(self) -> float:
        return max(self._paused_until, self._pace.opens())

    def _free(self) -> bool:
        return self.in_flight < int(self.level) and self._clock() >= self._opens()

    def _give(self) -> int:
        self.in_flight += 1
        self._pace.sent(self._clock())
        return self.in_flight

    def _admit(self) -> None:
        while self._waiting and self._free():
            *_, place = heapq.heappop(self._waiting)
            if not place.done():
                place.set_result(self._give())
        while self._waiting and self._waiting[0][3].done():
            heapq.heappop(self._waiting)
        wait = self._opens() - self._clock()
        if self._waiting and wait > 0 and self._wake is None:
            with suppress(RuntimeError):
                self._wake = asyncio.get_running_loop().call_later(wait, self._after_pause)

    def _after_pause(self) -> None:
        self._wake = None
        self._admit()

    def _answered(self, started: float, full: bool) -> None:
        now, place = self._clock(), started if isinstance(started, Place) else Place(started)
        self._refused_in_a_row = 0
        work, slowness = self._work.note(place.kind, now - started)
        self._pace.taken(started, place.flying)
        self._probes = min(PROBES_SAVED, self._probes + 1.0 / ANSWERS_PER_PROBE)
        if self._pace.rate is not None:
            # The rate is the limit, so places are not to be: as many as the rate needs, and some more.
            self.level = min(self._highest, max(self.level, self._pace.rate * self._work.latency * RATE_SHARE + 4.0))
            return
        self._mean_slowness += (slowness - self._mean_slowness) / max(SLOWNESS_OVER, 2.0 * self.level)
        if self._mean_slowness < FASTER:
            self._work.lower(self._mean_slowness)
            self._mean_slowness = 1.0
            self._climb.forget()
            self._climb.settle(now, 0.0)  # its answers were counted by other works
        if self._slow_start and full and self._saturated(slowness):
            mean = sum(self._slowness) / len(self._slowness)
            self._begin_climb(now, min(self.level * DECREASE, KNEE * self.level / mean))
            return
        self._look_at_limit(now, place)
        if self._climbing:
            most = self._highest if self._ceiling is None else self._ceiling - 1.0
            latency = self._work.latency
            level = self._climb.answered(now, self.level, work, slowness, latency, full, max(1.0, most))
            if self._ceiling is not None and self._mean_slowness < NOT_SLOWER:
                self._climbing = False  # the number of places is the limit, not the server's speed
            elif self._ceiling is not None and full and self.level >= most and self._may_probe(now):
                self._probe(now)
            elif level is not None:
                self.level = max(1.0, most) if Climb.rung(level) >= Climb.rung(most) else level
                self._climb.settle(now, latency)
            return
        if not full:
            return  # the level did not limit the calls, so nothing is known about it
        if self._slow_start:
            self.level = min(self.level + 1.0, self._highest)
        elif self._ceiling is not None and self._mean_slowness > SLOWER_AT_LIMIT:
            self._begin_climb(now, self.level)
        elif self._ceiling is not None and self.level < self._ceiling - 1.0:
            # Half of the distance to the refused level per round: slower the nearer, as CUBIC does (Ha et al. 2008).
            step = max(1.0, (self._ceiling - 1.0 - self.level) / 2.0) / self.level
            self.level = max(1.0, min(self.level + step, self._ceiling - 1.0, self._highest))
        elif self._ceiling is not None and self._may_probe(now):
            self._probe(now)

    def _probe(self, now: float) -> None:
        """Lets one call go beyond the known limit."""
        self._probes -= 1.0
        self._probed = now
        if self._ceiling is not None:
            self.level = min(self._ceiling, self._highest)

    def _may_probe(self, now: float) -> bool:
        # A refusal of two calls shortly after each other is taken for a limit that has fallen.
        rested = now - self._last_decrease > self._work.latency
        return rested and self._probed is None and self._probes >= 1.0 and self.level < self._highest

    def _look_at_limit(self, now: float, place: Place) -> None:
        """Forgets a limit that has risen: a call beyond it was answered, or is not refused."""
        if self._ceiling is None:
            return
        beyond = place >= self._last_decrease and place.flying >= self._ceiling
        taken = self._probed is not None and now - self._probed > PROBE_TAKEN * self._work.latency
        if beyond or (taken and self.in_flight >= self._ceiling):
            self._ceiling = self._probed = None
            if not self._climbing or self._mean_slowness < COLLAPSE:
                self._climbing = False
                self._start_doubling()

    def _start_doubling(self) -> None:
        self._slow_start = True
        self._doubled_at, self._before = self.level, None
        self._slowness = deque(maxlen=max(8, int(self.level)))

    def _saturated(self, slowness: float) -> bool:
        """Whether calls have become so much slower, while their number doubled, that hardly more are answered."""
        recent = self._slowness
        recent.append(slowness)
        if self.level >= 2.0 * self._doubled_at and len(recent) >= self._doubled_at / 2.0:
            self._before = sum(recent) / len(recent)
            self._doubled_at = self.level
            self._slowness = deque(list(recent)[-4:], maxlen=max(8, int(self.level)))
            return self._before > COLLAPSE
        if len(recent) < max(8.0, self._doubled_at / 2.0):
            return False
        mean = sum(recent) / len(recent)
        return mean > (SLOWER * self._before if self._before is not None else COLLAPSE)

    def _begin_climb(self, now: float, level: float) -> None:
        self._slow_start, self._climbing = False, True
        self.level = max(1.0, level)
        self._last_decrease = now
        self._climb.settle(now, self._work.latency)

    def _refused(self, started: float, flying: int, retry_after_s: float | None) -> None:
        now = self._clock()
        self._refused_in_a_row += 1
        at = started.flying if isinstance(started, Place) and started.flying else flying
        self._pace.refused(started, at, now)
        if self._pace.rate is not None:
            self._ceiling = self._probed = None
            if retry_after_s:
                # Servers with places say such times too: after one refusal, no more than the distance of two calls.
                self._pace.wait_until(now + min(retry_after_s, 1.0 / self._pace.rate))
        if retry_after_s and self._refused_in_a_row > max(2.0, self.level):
            # Not one call too many: the provider refuses every call. No call is sent before the time it asked for is over.
            self._paused_until = max(self._paused_until, now + retry_after_s)
        if started < self._last_decrease or self._pace.rate is not None:
            return  # sent before the last decrease, says nothing about the present level
        # Just below a known limit one place less will do, but not if the last decrease has not helped: the limit has fallen.
        helped = now - self._last_decrease > PROBE_TAKEN * self._work.latency
        at_ceiling = helped and self._ceiling is not None and abs(flying - self._ceiling) <= 3.0
        self._ceiling = float(flying)
        self._slow_start = False
        self._probed = None
        # At least by nearly one place: small pools would otherwise reach their ceiling again after a few answers.
        kept = flying - 1.0 if at_ceiling else flying * DECREASE
        self.level = max(1.0, min(self.level, kept, flying - 0.9))
        self._last_decrease = now
        self._climb.settle(now, self._work.latency)


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
