"""The counters of a run in progress, for the live view, the JSON log and callers of ``Session.run``."""

from __future__ import annotations

import time
from collections import Counter, deque
from dataclasses import dataclass, field

from lightemma.calls.limits import CallPool
from lightemma.run_folder.records import FrameRecord, Usage, is_call_error, is_format_error

#: Calls per second are taken over this many seconds.
WINDOW_S = 20.0


@dataclass
class Monitor:
    """Counters of one run.

    Attributes:
        name: the run.
        frames: how many frames or episodes the run covers.
        unit: ``frames`` or ``episodes``.
        kept: finished by an earlier session.
        done: finished in this session.
        failed: of ``done``, those whose call failed.
        plans: that were asked for in this session: one per frame, several per episode.
        unanswered: of ``plans``, those whose call failed.
        misformed: of ``plans``, those whose answer breaks the format.
        calls: answered by the provider in this session.
        cached: answered from the response cache.
        retrying: calls that wait for another attempt at this moment.
        retries: attempts beyond the first.
        refused: attempts that were rate-limited or met an overloaded provider.
        input_tokens: sent in this session.
        output_tokens: received in this session.
        dollars: spent in this session; None if the price is unknown.
        pool: limits the concurrent calls; shared by all runs of a provider.
    """

    name: str
    frames: int = 0
    kept: int = 0
    done: int = 0
    failed: int = 0
    plans: int = 0
    unanswered: int = 0
    misformed: int = 0
    calls: int = 0
    cached: int = 0
    retrying: int = 0
    retries: int = 0
    refused: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    dollars: float | None = None
    pool: CallPool | None = None
    unit: str = "frames"
    started: float = field(default_factory=time.monotonic)
    _recent: deque[float] = field(default_factory=deque)
    _ends: deque[float] = field(default_factory=deque)
    _kinds: Counter[str] = field(default_factory=Counter)

    def frame_done(self, record: FrameRecord) -> None:
        """Counts a finished frame."""
        self.plan_made(record.outcome)
        self.unit_done(failed=is_call_error(record.outcome))

    def unit_done(self, *, failed: bool) -> None:
        """Counts a finished frame or episode, whose plans were counted before."""
        self.done += 1
        self.failed += failed
        self._ends.append(time.monotonic())

    def plan_made(self, outcome: str) -> None:
        """Counts one plan of a frame or episode by its outcome."""
        self.plans += 1
        self.unanswered += is_call_error(outcome)
        if is_format_error(outcome):
            self.misformed += 1
            self._kinds[outcome] += 1

    @property
    def commonest_misform(self) -> str | None:
        """How most of the answers that break the format do so; None if none does."""
        return self._kinds.most_common(1)[0][0] if self._kinds else None

    def call_done(self, usage: Usage | None, dollars: float | None, *, cached: bool) -> None:
        """Counts an answer."""
        if cached:
            self.cached += 1
            return
        self.calls += 1
        self._recent.append(time.monotonic())
        if usage is not None:
            self.input_tokens += usage.input
            self.output_tokens += usage.output
        if dollars is not None:
            self.dollars = (self.dollars or 0.0) + dollars

    @property
    def level(self) -> float:
        """Concurrent calls allowed at this moment."""
        return self.pool.level if self.pool else 0.0

    @property
    def in_flight(self) -> int:
        """Calls in progress at this moment, over all runs of the pool."""
        return self.pool.in_flight if self.pool else 0

    @property
    def calls_per_second(self) -> float:
        """Answers per second over the last twenty seconds."""
        return self._per_second(self._recent)

    @property
    def done_per_second(self) -> float:
        """Frames or episodes per second: over the last twenty seconds, or so far where that is none."""
        recent = self._per_second(self._ends)
        return recent or self.done / max(time.monotonic() - self.started, 1e-9)

    def _per_second(self, ends: deque[float]) -> float:
        now = time.monotonic()
        while ends and ends[0] < now - WINDOW_S:
            ends.popleft()
        return len(ends) / max(min(WINDOW_S, now - self.started), 1e-9)

    @property
    def format_error_rate(self) -> float:
        """Share of this session's answered plans whose answer breaks the format."""
        return self.misformed / max(self.plans - self.unanswered, 1)

    @property
    def seconds_left(self) -> float | None:
        """Estimated seconds to the end, from the speed so far; None before the first frame."""
        left = self.frames - self.kept - self.done
        if not self.done:
            return None
        return left * (time.monotonic() - self.started) / self.done
