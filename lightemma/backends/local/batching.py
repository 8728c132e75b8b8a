"""Dynamic batching: calls wait in a queue, one thread takes those that fit together and gives them to the model."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field

from lightemma.backends.base import CallError
from lightemma.backends.local.inputs import PreparedCall
from lightemma.failures import CallKind

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """The model's answer to one call.

    Attributes:
        text: the answer, special tokens left out.
        tokens: tokens generated, with the one that ends the answer and without padding.
        complete: whether the model ended it; False if it was cut at the token limit.
        seconds: this call's share of the time that the device spent on its batch.
    """

    text: str
    tokens: int
    complete: bool
    seconds: float


@dataclass(eq=False)
class Ticket:
    """A call in the queue.

    Attributes:
        call: the call.
        temperature: of its answer; None or 0 takes the likeliest token.
        sample: which of several answers to the call.
        limit: tokens of its longest answer; None for that of all calls.
        future: its answer, later.
        arrived: when it arrived, by ``time.monotonic``.
    """

    call: PreparedCall
    temperature: float | None = None
    sample: int = 0
    limit: int | None = None
    future: Future[Answer] = field(default_factory=Future)
    arrived: float = field(default_factory=time.monotonic)
    _abandoned: bool = False

    @property
    def abandoned(self) -> bool:
        """Whether the caller no longer waits for the answer."""
        return self._abandoned or self.future.cancelled()

    def abandon(self) -> None:
        """Marks the call as one whose caller no longer waits."""
        self._abandoned = True

    def answer(self, answer: Answer) -> None:
        """Gives the answer to the caller."""
        if not self.future.done():
            self.future.set_result(answer)

    def fail(self, kind: CallKind, message: str) -> None:
        """Gives a failure to the caller."""
        if not self.future.done():
            self.future.set_exception(CallError(kind, message))


@dataclass
class BatchLimits:
    """How large a batch may get.

    Attributes:
        calls: most calls in a batch.
        tokens: most tokens: number of calls times the longest of them.
        output_tokens: longest answer, which is added to every input.
        wait_s: how long a batch that is not full waits.
    """

    calls: int
    tokens: int
    output_tokens: int
    wait_s: float

    def size(self, calls: Sequence[PreparedCall]) -> int:
        """Tokens that a batch of these takes, padding included."""
        return len(calls) * (max(call.tokens for call in calls) + self.output_tokens)

    def allow(self, calls: Sequence[PreparedCall]) -> bool:
        """Whether these may be a batch."""
        return len(calls) <= self.calls and self.size(calls) <= self.tokens

    def halve(self, calls: Sequence[PreparedCall]) -> None:
        """Limits later batches to half the size of one that did not fit into the memory."""
        self.tokens = min(self.tokens, max(1, self.size(calls) // 2))


def choose(waiting: Sequence[Ticket], limits: BatchLimits) -> tuple[list[Ticket], bool]:
    """The next batch: the call that waits longest, and those of its kind that are nearest to it in length.

    A call that is larger than the budget is a batch of its own.

    Args:
        waiting: at least one, oldest first.
        limits: of the batch.

    Returns:
        The batch, longest first, and whether it is full: whether no other call of any length could join.
    """
    oldest = waiting[0]
    others = [ticket for ticket in waiting[1:] if ticket.call.kind == oldest.call.kind]
    others.sort(key=lambda ticket: abs(ticket.call.tokens - oldest.call.tokens))
    batch = [oldest]
    for ticket in others:
        if limits.allow([each.call for each in [*batch, ticket]]):
            batch.append(ticket)
    batch.sort(key=lambda ticket: -ticket.call.tokens)
    largest = batch[0].call
    full = not limits.allow([largest] * (len(batch) + 1))
    return batch, full


class Batcher:
    """The queue and the thread that empties it. Everything that touches the model happens in this thread.

    A batch that is not full waits until all calls that are being prepared have joined the queue, and then
    ``limits.wait_s`` for others, counted from its oldest call or the end of the batch before, whichever is later.

    Args:
        run: answers a batch, and the calls that it takes in meanwhile with ``more``, which is given those that it is
            answering; sets every ticket's future and raises nothing.
        limits: of a batch; read again for each.
        eager: whether a batch begins with the first call that waits, since others can join it later.
    """

    def __init__(
        self,
        run: Callable[[Sequence[Ticket], Callable[[Sequence[PreparedCall]], list[Ticket]]], None],
        limits: BatchLimits,
        *,
        eager: bool = False,
    ) -> None:
        self._run = run
        self._limits = limits
        self._eager = eager
        self._changed = threading.Condition()
        self._waiting: list[Ticket] = []
        self._running: list[Ticket] = []
        self._expected = 0
        self._idle_since = 0.0
        self._closed = False
        # A daemon: Ctrl-C must not wait for a batch to end.
        self._thread = threading.Thread(target=self._work, name="lightemma-model", daemon=True)
        self._thread.start()

    @contextmanager
    def expecting(self) -> Iterator[None]:
        """While the block lasts, a call is being prepared, and batches wait for it."""
        with self._changed:
            self._expected += 1
        try:
            yield
        finally:
            with self._changed:
                self._expected -= 1
                self._changed.notify()

    def submit(
        self, call: PreparedCall, temperature: float | None = None, sample: int = 0, limit: int | None = None
    ) -> Ticket:
        """Puts a call into the queue; the arguments are those of its ``Ticket``."""
        ticket = Ticket(call, temperature, sample, limit)
        with self._changed:
            if self._closed:
                ticket.fail("server_error", "the model was closed")
            self._waiting.append(ticket)
            self._changed.notify()
        return ticket

    def close(self) -> None:
        """Ends the thread; calls without an answer fail. Waits for the running batch, which is stopped early."""
        with self._changed:
            self._closed = True
            for ticket in self._running:
                ticket.abandon()
            self._changed.notify()
        self._thread.join()

    def more(self, running: Sequence[PreparedCall]) -> list[Ticket]:
        """Takes waiting calls, oldest first, that fit beside those that are being answered; waits for none."""
        taken: list[Ticket] = []
        with self._changed:
            self._waiting = [ticket for ticket in self._waiting if not ticket.abandoned]
            calls = list(running)
            for ticket in list(self._waiting):
                if self._closed or not self._limits.allow([*calls, ticket.call]):
                    break
                self._waiting.remove(ticket)
                if ticket.future.set_running_or_notify_cancel():
                    taken.append(ticket)
                    calls.append(ticket.call)
            # Those that have an answer are let go: their pictures are large.
            self._running = [ticket for ticket in self._running if not ticket.future.done()] + taken
        return taken

    def _work(self) -> None:
        while batch := self._next():
            try:
                self._run(batch, self.more)
            except BaseException as error:
                _LOG.exception("a batch of %d calls failed", len(batch))
                for ticket in batch:
                    ticket.fail("server_error", f"{type(error).__name__}: {error}")
            with self._changed:
                batch, self._running = self._running, []
                self._idle_since = time.monotonic()
            for ticket in batch:
                ticket.fail("server_error", "the model gave no answer")
        for ticket in self._waiting:
            ticket.fail("server_error", "the model was closed")

    def _next(self) -> list[Ticket]:
        """Waits for the next batch; none once closed."""
        with self._changed:
            while not self._closed:
                self._waiting = [ticket for ticket in self._waiting if not ticket.abandoned]
                if not self._waiting:
                    self._changed.wait()
                    continue
                batch, full = choose(self._waiting, self._limits)
                due = max(self._waiting[0].arrived, self._idle_since) + self._limits.wait_s
                left = due - time.monotonic()
                if full or self._eager or (not self._expected and left <= 0):
                    self._waiting = [ticket for ticket in self._waiting if ticket not in batch]
                    # From here on a caller cancels with abandon(): the future can no longer be cancelled.
                    self._running = [ticket for ticket in batch if ticket.future.set_running_or_notify_cancel()]
                    if self._running:
                        return list(self._running)
                    continue
                self._changed.wait(None if self._expected else left)
        return []
