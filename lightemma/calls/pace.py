"""Finds a limit of calls per second, and keeps calls that far apart.

A server that refuses by a number of places refuses above a number of calls in progress and never below. One that refuses by
a rate takes and refuses calls at the same number in progress, again and again; this tells them apart. Between two refusals
a rate limit has let through exactly its rate (its bucket was empty both times), whatever the calls' latency.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque

#: Times in a row of so many answers that a number of calls was refused and taken soon after: then the limit is a rate.
CONTRADICTIONS = 3
WITHIN_ANSWERS = 1000
#: Above so many calls in progress, one must be taken well beyond the refused number: others may be on their way back refused.
FEW = 16
MARGIN = 1.03
#: Calls are sent this much faster than the rate that was found, so that a rate that rises is seen; so many more are refused.
ABOVE = 1.004
#: Calls sent without a refusal after which the rate is raised, and by how much at first.
CALM = 120
#: The same for a rate that has just been found, perhaps over a bad moment.
FIRST_CALM = 24
RAISE = 1.03
#: A rate is measured over at least so many calls that were taken.
MEASURED_OVER = 20
#: Refusals looked back over for it, at most.
FURTHEST_BACK = 60
#: With more than this share of calls refused, the limit is no rate (or another).
REFUSED_SHARE = 0.12


class Pace:
    """Calls per second, once they are known to be limited."""

    def __init__(self) -> None:
        #: None: no limit of this kind has been seen.
        self.rate: float | None = None
        self._contradictions: deque[int] = deque(maxlen=CONTRADICTIONS)
        self._refused_at: float | None = None
        self._answers = 0
        self._next = float("-inf")
        self._sent: deque[float] = deque(maxlen=4096)
        self._refusals: deque[float] = deque(maxlen=256)
        self._returned: deque[tuple[float, float]] = deque(maxlen=64)
        self._calm, self._patience = 0, CALM
        self._raise = RAISE
        self._recent: deque[bool] = deque(maxlen=60)

    def opens(self) -> float:
        """From when on the next call may be sent; seconds of the pool's clock."""
        return self._next if self.rate is not None else float("-inf")

    def sent(self, now: float) -> None:
        """Notes a call that is sent."""
        self._sent.append(now)
        if self.rate is not None:
            self._next = max(self._next, now - 0.5 / self.rate) + 1.0 / self.rate

    def wait_until(self, moment: float) -> None:
        """Sends no call before the time that the provider has named."""
        self._next = max(self._next, moment)

    def taken(self, started: float, at: int) -> None:
        """Notes an answer.

        Args:
            started: when the call was sent.
            at: calls in progress then, itself among them.
        """
        self._answers += 1
        at -= self._on_their_way(started)
        self._recent.append(False)
        last = self._refusals[-1] if self._refusals else None
        if self.rate is None:
            if (
                self._refused_at is not None
                and last is not None
                and started > last
                and at >= self._refused_at * (MARGIN if self._refused_at >= FEW else 1.0)
            ):
                self._contradictions.append(self._answers)
                self._refused_at = None
            return
        self._calm += 1
        if self._calm >= self._patience:
            self._calm = self._patience // 2
            self.rate *= self._raise
            self._raise = min(1.3, 1.0 + (self._raise - 1.0) * 2.0)

    def refused(self, started: float, at: int, now: float) -> None:
        """Notes a refusal.

        Args:
            started: when the call was sent.
            at: calls in progress then, itself among them.
            now: seconds.
        """
        at -= self._on_their_way(started)
        self._refusals.append(started)
        self._returned.append((started, now))
        self._refused_at = float(at) if self._refused_at is None else min(self._refused_at, float(at))
        self._recent.append(True)
        if self.rate is None:
            dense = len(self._contradictions) == CONTRADICTIONS
            if dense and self._answers - self._contradictions[0] < WITHIN_ANSWERS and (found := self._found()):
                self.rate, self._calm, self._patience = found, 0, FIRST_CALM
                self._next = now + 1.0 / found
                self._recent.clear()
            return
        self._calm, self._raise, self._patience = 0, RAISE, CALM
        if len(self._recent) == self._recent.maxlen and sum(self._recent) > REFUSED_SHARE * len(self._recent):
            self.rate = None
            self._contradictions.clear()
            self._recent.clear()
        elif (found := self._found()) is not None:
            self.rate = min(self.rate * 1.02, max(self.rate * 0.8, found * ABOVE))

    def _on_their_way(self, moment: float) -> int:
        """Calls that were in progress then, but were refused: they took no place of the server."""
        return sum(sent <= moment < returned for sent, returned in self._returned)

    def _found(self) -> float | None:
        """Calls taken per second between the last refusal and an earlier one, at least so many calls before."""
        refusals = list(self._refusals)
        last = refusals[-1]
        for back, first in enumerate(reversed(refusals)):
            if first < self._sent[0] or back > FURTHEST_BACK:
                return None
            between = bisect_left(self._sent, last) - bisect_right(self._sent, first)
            taken = between - max(0, back - 1)
            if taken >= MEASURED_OVER and last > first:
                return taken / (last - first)
        return None
