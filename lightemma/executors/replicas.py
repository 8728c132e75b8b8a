"""Chooses the replica for each call, and replaces lost replicas. Does not use Ray."""

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
#: Replicas that may be lost during the same call before it counts as failed.
LOSSES_PER_CALL = 3
#: Calls that may fail in a row in one replica before it counts as broken: a card that failed once fails every later call,
#: and a replica that fails immediately is always free, so it would get all calls.
MOST_FAILURES = 4
#: Number of frames whose replica is remembered.
_REMEMBERED = 4096
#: Seconds after which the log says that a replica is still missing.
_PATIENCE_S = 30.0


class ReplicaLost(Exception):  # noqa: N818 -- part of normal operation
    """The replica's process, or its machine, was lost."""


class Replica(Protocol):
    """A model in another process."""

    async def hello(self) -> Hello | Refused:
        """Waits until the replica is up and returns its introduction. Raises ``ReplicaLost``."""

    async def ask(self, request: Request) -> Reply:
        """One call. Raises ``ReplicaLost``."""

    async def close(self) -> None:
        """Releases the model and ends the process; never raises."""


@dataclass(eq=False)
class _Member:
    replica: Replica
    in_progress: int = 0
    failures: int = 0


class ReplicaSet:
    """The replicas of one model, started as calls need them.

    A frame's calls are sent to the replica that answered its first one, which still has the picture and the prefix; a new frame
    uses the replica with the fewest calls in progress. So no replica is idle while calls wait for another.

    Args:
        name: the model's, for sentences.
        launch: starts a replica.
        most: most replicas.
        calls: concurrent calls in each, or None for any number.
        timeout_s: for one call, counted from when a replica has it.
        paid: whether a call that was in progress at a lost replica may have been charged; then it is not asked again
            here but fails as a ``timeout``, for which the budget counts the highest possible cost before it is tried
            again.
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
        self._members: list[_Member] = []
        self._starting: set[asyncio.Task[None]] = set()
        self._ending: set[asyncio.Task[None]] = set()
        self._homes: OrderedDict[str, _Member] = OrderedDict()
        self._waiting = 0
        self._lost_in_a_row = 0
        self._failure: UserError | None = None
        self._change: asyncio.Event | None = None

    async def ask(self, request: Request) -> Reply:
        """One call, in any replica; asked again in another if that one is lost.

        Raises:
            CallError: ``timeout``, or ``server_error`` if several replicas were lost during this call.
            UserError: if replicas cannot be started.
        """
        losses = 0
        while True:
            member = await self._place_at(request.sample_token)
            try:
                async with asyncio.timeout(self._timeout_s):
                    reply = await member.replica.ask(request)
                self._note(member, reply)
                return reply
            except TimeoutError:
                raise CallError("timeout", f"no answer within {self._timeout_s:g} s") from None
            except ReplicaLost as lost:
                self._drop(member, str(lost))
                losses += 1
                if self._paid:
                    message = "the replica was lost during this call, which may have been charged"
                    raise CallError("timeout", message) from lost
                if losses >= LOSSES_PER_CALL:
                    raise CallError("server_error", f"{losses} replicas were lost during this call: {lost}") from lost
            finally:
                member.in_progress -= 1
                self._changed()

    async def aclose(self) -> None:
        """Ends all replicas; a later call starts them again."""
        for task in self._starting:
            task.cancel()
        await asyncio.gather(*self._starting, return_exceptions=True)
        members, self._members = self._members, []
        self._homes.clear()
        self._failure = None
        await asyncio.gather(*(member.replica.close() for member in members), *self._ending)

    async def _place_at(self, frame: str) -> _Member:
        """Waits for room in a replica."""
        self._waiting += 1
        try:
            while True:
                if self._failure:
                    raise self._failure
                self._grow()
                member = self._choose(frame)
                if member is not None:
                    member.in_progress += 1
                    return member
                self._change = self._change or asyncio.Event()
                await self._change.wait()
        finally:
            self._waiting -= 1

    def _choose(self, frame: str) -> _Member | None:
        free = [member for member in self._members if self._calls is None or member.in_progress < self._calls]
        if not free:
            return None
        home = self._homes.get(frame)
        # An idle replica is better than waiting for the one that has the picture.
        member = home if home is not None and home in free else min(free, key=lambda one: one.in_progress)
        self._homes[frame] = member
        self._homes.move_to_end(frame)
        if len(self._homes) > _REMEMBERED:
            self._homes.popitem(last=False)
        return member

    def _grow(self) -> None:
        """Starts replicas, up to one for each call in progress or waiting."""
        wanted = min(self._most, self._waiting + sum(member.in_progress for member in self._members))
        while len(self._members) + len(self._starting) < wanted:
            task = asyncio.create_task(self._start())
            self._starting.add(task)
            task.add_done_callback(self._starting.discard)

    async def _start(self) -> None:
        replica = self._launch()
        try:
            greeting = asyncio.ensure_future(replica.hello())
            done, _ = await asyncio.wait({greeting}, timeout=_PATIENCE_S)
            if not done and not self._members:
                log.warning("'%s' waits for a replica: the machines are busy or slow to start it", self._name)
            said = await greeting
        except ReplicaLost as lost:
            self._count_loss(str(lost))
            await replica.close()
        except asyncio.CancelledError:
            await replica.close()
            raise
        except Exception as error:  # an error of lightemma or Ray: all calls wait for this replica, so they must fail
            self._failure = UserError(f"A replica of '{self._name}' did not start ({type(error).__name__}: {error}).")
            await replica.close()
        else:
            wrong = said.sentence if isinstance(said, Refused) else _mismatch(said)
            if wrong is not None:
                self._failure = UserError(wrong)
                await replica.close()
            else:
                self.started += 1
                self._members.append(_Member(replica))
        # Counted as starting until now; otherwise a waiting call would start one more.
        self._starting.discard(_this_task())
        self._changed()

    def _note(self, member: _Member, reply: Reply) -> None:
        if not isinstance(reply, Failed):
            member.failures = self._lost_in_a_row = 0
        elif failure_kind(reply.kind).process_suspect and not self._paid:
            member.failures += 1
            if member.failures >= MOST_FAILURES and member in self._members:
                self._drop(member, f"{member.failures} calls failed in a row: {reply.message}")
                # In the background: its other calls fail as lost, and are asked in other replicas.
                task = asyncio.create_task(member.replica.close())
                self._ending.add(task)
                task.add_done_callback(self._ending.discard)

    def _drop(self, member: _Member, why: str) -> None:
        if member in self._members:  # the first of its calls to notice
            self._members.remove(member)
            self._count_loss(why)

    def _count_loss(self, why: str) -> None:
        self.lost += 1
        self._lost_in_a_row += 1
        log.warning("a replica of '%s' was lost (%s); another replica gets its calls", self._name, why)
        if self._lost_in_a_row >= MOST_LOSSES:
            self._failure = UserError(
                f"{self._lost_in_a_row} replicas of '{self._name}' were lost in a row without an answer (the last: {why}); "
                "its memory may be too small. Finished frames are kept."
            )

    def _changed(self) -> None:
        change, self._change = self._change, None
        if change is not None:
            change.set()


def _mismatch(said: Hello) -> str | None:
    """Why a replica must not be used (answers must not depend on the machine), or None."""
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
