"""Which replica answers which call; replaces those that are lost. Knows no Ray."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from lightemma.backends.base import CallError, Request
from lightemma.errors import UserError
from lightemma.executors.worker import Failed, Hello, Refused, Reply, introduction
from lightemma.failures import failure_kind

log = logging.getLogger(__name__)

#: Replicas of one model that may be lost in a row, without an answer in between, before the run gives up.
MOST_LOSSES = 4
#: Replicas that may be lost under one and the same call before it counts as failed.
LOSSES_PER_CALL = 3
#: Calls that may fail in a row in one replica, while nothing is answered there, before it is taken for broken: a card that
#: failed once fails every later call, and a replica that fails at once would draw all calls to itself.
MOST_FAILURES = 4
#: Frames whose replica is remembered.
_REMEMBERED = 4096
#: Seconds after which a replica that is still to come is spoken of.
_PATIENCE_S = 30.0


class ReplicaLost(Exception):  # noqa: N818 -- part of the way of working
    """The process, or its machine, is gone."""


class Replica(Protocol):
    """A model in another process."""

    async def hello(self) -> Hello | Refused:
        """Who it is, once it is up. Raises ``ReplicaLost``."""

    async def ask(self, request: Request) -> Reply:
        """One call. Raises ``ReplicaLost``."""

    async def close(self) -> None:
        """Lets the model go and ends the process; never raises."""


@dataclass(eq=False)
class _Seat:
    replica: Replica
    under_way: int = 0
    failures: int = 0


class ReplicaSet:
    """The replicas of one model, started as calls need them.

    A frame's calls go to the replica that answered its first one, which still has the picture and the prefix; a new frame
    goes to the replica with the fewest calls under way. So no replica idles while another has work waiting.

    Args:
        name: the model's, for sentences.
        launch: starts a replica.
        most: replicas at once.
        calls: calls at once in each, or None for any number.
        timeout_s: for one call, counted from when a replica has it.
        paid: whether a call that was under way at a lost replica may have been charged; then it is not asked again
            here but comes back as a ``timeout``, which the budget counts at its dearest before it is tried again.
    """

    def __init__(
        self, name: str, launch: Callable[[], Replica], most: int, calls: int | None, timeout_s: float, *, paid: bool
    ) -> None:
        self.started = 0
        self.lost = 0
        self._name = name
        self._launch = launch
        self._most = most
        self._calls = calls
        self._timeout_s = timeout_s
        self._paid = paid
        self._seats: list[_Seat] = []
        self._starting: set[asyncio.Task[None]] = set()
        self._ending: set[asyncio.Task[None]] = set()
        self._homes: OrderedDict[str, _Seat] = OrderedDict()
        self._waiting = 0
        self._lost_in_a_row = 0
        self._failure: UserError | None = None
        self._change: asyncio.Event | None = None

    async def ask(self, request: Request) -> Reply:
        """One call, on whatever replica; asked again if that is lost.

        Raises:
            CallError: ``timeout``, or ``server_error`` if replicas are lost under this call again and again.
            UserError: if replicas cannot be started.
        """
        losses = 0
        while True:
            seat = await self._seat(request.sample_token)
            try:
                async with asyncio.timeout(self._timeout_s):
                    reply = await seat.replica.ask(request)
                self._note(seat, reply)
                return reply
            except TimeoutError:
                raise CallError("timeout", f"no answer within {self._timeout_s:g} s") from None
            except ReplicaLost as lost:
                self._drop(seat, str(lost))
                losses += 1
                if self._paid:
                    message = "the replica was lost with this call under way, which may have been charged"
                    raise CallError("timeout", message) from lost
                if losses >= LOSSES_PER_CALL:
                    raise CallError("server_error", f"{losses} replicas were lost under this call: {lost}") from lost
            finally:
                seat.under_way -= 1
                self._changed()

    async def aclose(self) -> None:
        """Ends all replicas; a later call starts them again."""
        for task in self._starting:
            task.cancel()
        await asyncio.gather(*self._starting, return_exceptions=True)
        seats, self._seats = self._seats, []
        self._homes.clear()
        self._failure = None
        await asyncio.gather(*(seat.replica.close() for seat in seats), *self._ending)

    async def _seat(self, frame: str) -> _Seat:
        """Waits for room in a replica."""
        self._waiting += 1
        try:
            while True:
                if self._failure:
                    raise self._failure
                self._grow()
                seat = self._choose(frame)
                if seat is not None:
                    seat.under_way += 1
                    return seat
                self._change = self._change or asyncio.Event()
                await self._change.wait()
        finally:
            self._waiting -= 1

    def _choose(self, frame: str) -> _Seat | None:
        free = [seat for seat in self._seats if self._calls is None or seat.under_way < self._calls]
        if not free:
            return None
        home = self._homes.get(frame)
        # Somebody idle is better than waiting for the replica that knows the picture.
        seat = home if home is not None and home in free else min(free, key=lambda one: one.under_way)
        self._homes[frame] = seat
        self._homes.move_to_end(frame)
        if len(self._homes) > _REMEMBERED:
            self._homes.popitem(last=False)
        return seat

    def _grow(self) -> None:
        """Starts replicas up to one for each call that is under way or waits."""
        wanted = min(self._most, self._waiting + sum(seat.under_way for seat in self._seats))
        while len(self._seats) + len(self._starting) < wanted:
            task = asyncio.create_task(self._start())
            self._starting.add(task)
            task.add_done_callback(self._starting.discard)

    async def _start(self) -> None:
        replica = self._launch()
        try:
            greeting = asyncio.ensure_future(replica.hello())
            done, _ = await asyncio.wait({greeting}, timeout=_PATIENCE_S)
            if not done and not self._seats:
                log.warning("'%s' waits for a replica: the machines are busy or slow to start it", self._name)
            said = await greeting
        except ReplicaLost as lost:
            self._count_loss(str(lost))
            await replica.close()
        except asyncio.CancelledError:
            await replica.close()
            raise
        except Exception as error:  # a fault of ours or of Ray's: all calls wait for this replica, so it must be said
            self._failure = UserError(f"A replica of '{self._name}' did not start ({type(error).__name__}: {error}).")
            await replica.close()
        else:
            wrong = said.sentence if isinstance(said, Refused) else _mismatch(said)
            if wrong is not None:
                self._failure = UserError(wrong)
                await replica.close()
            else:
                self.started += 1
                self._seats.append(_Seat(replica))
        # Counted among the starting until now, or a waiting call would start one more in its place.
        self._starting.discard(_this_task())
        self._changed()

    def _note(self, seat: _Seat, reply: Reply) -> None:
        if not isinstance(reply, Failed):
            seat.failures = self._lost_in_a_row = 0
        elif failure_kind(reply.kind).process_suspect and not self._paid:
            seat.failures += 1
            if seat.failures >= MOST_FAILURES and seat in self._seats:
                self._drop(seat, f"{seat.failures} calls failed in a row: {reply.message}")
                # In the background: its other calls come back as lost, and are asked elsewhere.
                task = asyncio.create_task(seat.replica.close())
                self._ending.add(task)
                task.add_done_callback(self._ending.discard)

    def _drop(self, seat: _Seat, why: str) -> None:
        if seat in self._seats:  # the first of its calls to notice
            self._seats.remove(seat)
            self._count_loss(why)

    def _count_loss(self, why: str) -> None:
        self.lost += 1
        self._lost_in_a_row += 1
        log.warning("a replica of '%s' was lost (%s); another takes its calls over", self._name, why)
        if self._lost_in_a_row >= MOST_LOSSES:
            self._failure = UserError(
                f"{self._lost_in_a_row} replicas of '{self._name}' were lost in a row without an answer (the last: {why}); "
                "its memory may be too small. What is done is kept."
            )

    def _changed(self) -> None:
        change, self._change = self._change, None
        if change is not None:
            change.set()


def _mismatch(said: Hello) -> str | None:
    """Answers must not depend on where they were given."""
    mine = introduction()
    if said.version == mine.version:
        return None
    return (
        f"The machine {said.host} has lightemma {said.version}, this one {mine.version}; install the same on all machines "
        "of the cluster."
    )


def _this_task() -> asyncio.Task[None]:
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("replicas are started in a task")
    return task
