"""Finds the number of concurrent calls at which a server answers most, from the answers alone.

Throughput over concurrency is compared between neighbouring levels, as in a climb of a noisy hill; of levels with equal
throughput the lower one is taken, since its answers come sooner (Little 1961: calls in progress = throughput x mean latency).
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass, field

#: Two neighbouring levels that are compared differ by this factor.
STEP = 1.15
#: Answers of a kind whose mean latency is the work of a call of this kind.
LEARNT_FROM = 32
#: Relative error of a throughput that is good enough to compare, and the most answers waited for.
PRECISION = 0.04
MOST_ANSWERS = 300
#: A level with this share of the highest throughput is as good as the highest one.
AS_GOOD = 0.98
#: Measurements after which one counts no more.
STALE = 20
#: Below this latency, as a multiple of that of the first answers, nothing is gained by fewer calls.
SLOW = 1.25
#: From this one on, the level is far too high; the one that just keeps the server busy is ``level / slowness`` (Little), so the
#: climb goes there, and a little above.
FAR_ABOVE = 1.8
KNEE = 1.1
#: Of the answers measured in a row, so many may have been given while places were empty.
IDLE_SHARE = 0.1


@dataclass(slots=True)
class Work:
    """How long calls of each kind take on a server that is not busy, so that short and long calls count by their work."""

    means: dict[Hashable, tuple[int, float]] = field(default_factory=dict)
    latency: float = 0.0
    spread: float = 0.3

    def lower(self, share: float) -> None:
        """What was learnt was learnt on a busy server: less work than that."""
        self.means = {kind: (number, mean * share) for kind, (number, mean) in self.means.items()}

    def note(self, kind: Hashable, latency: float) -> tuple[float, float]:
        """The work of an answered call in seconds, and how many times as long it took.

        Args:
            kind: calls of a kind take about as long as each other.
            latency: seconds.
        """
        number, mean = self.means.get(kind, (0, latency))
        if number < LEARNT_FROM:
            number += 1
            mean += (latency - mean) / number
            self.means[kind] = (number, mean)
        self.latency += (latency - self.latency) * (0.05 if self.latency else 1.0)
        slowness = latency / max(mean, 1e-9)
        return mean, slowness


@dataclass(slots=True)
class _Measured:
    throughput: float
    at: int
    weight: float


class Climb:
    """Measures throughput at one level after the other, and says which to try next."""

    def __init__(self) -> None:
        self._measured: dict[int, _Measured] = {}
        self._number = 0
        self._stride = 1
        self._moved = 0
        self._restart(0.0, 0.0)

    @staticmethod
    def rung(level: float) -> int:
        """The number of the nearest level that is compared."""
        return round(math.log(max(level, 1.0)) / math.log(STEP))

    @staticmethod
    def level(rung: int) -> float:
        """The level of a rung."""
        return max(1.0, STEP**rung)

    def _restart(self, now: float, settle: float) -> None:
        self._from = now + settle
        self._answers = self._idle = 0
        self._done = self._slow = self._square = 0.0

    def settle(self, now: float, latency: float) -> None:
        """A level has been set: calls that were sent before are not counted.

        Args:
            now: seconds.
            latency: of the calls in progress.
        """
        self._restart(now, latency)

    def forget(self) -> None:
        """The server has changed: what was measured counts no more."""
        self._measured.clear()
        self._stride = 1

    def answered(
        self, now: float, level: float, work: float, slowness: float, latency: float, full: bool, most: float
    ) -> float | None:
        """Notes an answer; the next level once enough have come, None before.

        Args:
            now: seconds.
            level: the present one.
            work: of the call, seconds.
            slowness: its latency over its work.
            latency: mean of all calls.
            full: whether all places were taken.
            most: highest level that may be tried.
        """
        if now < self._from:
            return None
        self._answers += 1
        self._idle += not full
        self._done += work
        self._slow += slowness
        self._square += slowness * slowness
        if self._idle > IDLE_SHARE * max(20, self._answers):
            self._restart(now, 0.0)
            return None
        mean = self._slow / self._answers
        spread = max(0.0, self._square / self._answers - mean * mean) / (mean * mean)
        needed = min(MOST_ANSWERS, max(8.0, level, spread / PRECISION**2))
        if self._answers < needed or now - self._from < latency:
            return None
        return self._decide(self._done / (now - self._from), self._answers, level, mean, most)

    def _decide(self, throughput: float, answers: int, level: float, slowness: float, most: float) -> float:
        self._number += 1
        here, old = self.rung(level), self._measured.get(self.rung(level))
        if old is not None and not 0.75 < throughput / old.throughput < 1.33:
            self.forget()
            old = None
        weight = float(answers)
        if old is not None:
            kept = old.weight * 0.6
            throughput = (throughput * weight + old.throughput * kept) / (weight + kept)
            weight += kept
        self._measured[here] = _Measured(throughput, self._number, weight)
        self._measured = {rung: one for rung, one in self._measured.items() if self._number - one.at <= STALE}
        best = max(one.throughput for one in self._measured.values())
        below = max((rung for rung in self._measured if rung < here), default=None)
        above = min((rung for rung in self._measured if rung > here), default=None)
        highest = self.rung(most)
        if above is not None and above <= highest and self._measured[above].throughput > throughput / AS_GOOD:
            # Between two levels far apart there may be a better one than both.
            return self._to(here, above if above - here <= 2 else (here + above) // 2)
        if below is not None and self._measured[below].throughput >= AS_GOOD * best:
            return self._to(here, below)
        if throughput < AS_GOOD * best and below is not None and self._measured[below].throughput > throughput:
            return self._to(here, below)
        if slowness > FAR_ABOVE and below is None:
            return self._to(here, max(0, min(here - 1, self.rung(KNEE * level / slowness))))
        if here > 0 and (below is None or below < here - 2 or (slowness > SLOW and below < here - 1)):
            return self._to(here, here - 1)
        if above is None and here < highest:
            # Each step that brings more is followed by a larger one.
            self._stride = min(4, self._stride * 2) if self._moved > 0 else 1
            return self._to(here, min(highest, here + self._stride))
        self._moved = 0
        return level

    def _to(self, here: int, rung: int) -> float:
        self._moved = rung - here
        return self.level(rung)
