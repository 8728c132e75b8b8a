"""The calls of a continuous batch on their way: waiting to be read, being read, being answered."""

from __future__ import annotations

import time

from lightemma.backends.local.batching import Ticket
from lightemma.backends.local.generation import BatchWork
from lightemma.backends.local.rows import Cache, Row


class RunningBatch:
    """From the first call after a pause to the last.

    Attributes:
        waiting: calls that are to be read.
        reading: calls that are being read.
        rows: calls that are being answered.
        cache: of the rows.
        width: columns of the widest reading.
        places: tokens written; no row stays after its end.
        steps: of the model after each row's first token.
    """

    def __init__(self, waiting: list[Ticket], work: list[BatchWork]) -> None:
        self.waiting = waiting
        self.reading: list[Ticket] = []
        self.rows: list[Row] = []
        self.cache: Cache | None = None
        self.width = 0
        self.places = 0
        self.steps = 0
        self._calls = self._input = self._output = 0
        self._started = time.perf_counter()
        self._work = work
        self._number = len(work)

    def finish(self, row: Row) -> None:
        """Counts a row that leaves, before its caller hears of it."""
        self._calls += 1
        self._input += row.ticket.call.tokens
        self._output += len(row.written)
        seconds = time.perf_counter() - self._started
        done = BatchWork(self._calls, self.width, self._input, self._output, seconds, self.places, self.steps)
        self._work[self._number :] = [done]

    def left(self) -> list[Ticket]:
        """Calls without an answer."""
        return [row.ticket for row in self.rows] + self.reading + self.waiting

    def forget(self) -> None:
        """Frees the cache."""
        self.cache = None
        self.rows = []
