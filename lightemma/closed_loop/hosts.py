"""Hosts of worlds: they drive the worlds of many episodes, in this process or in several others."""

from __future__ import annotations

import asyncio
import os
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from types import TracebackType
from typing import Any, Protocol, Self

from lightemma.closed_loop.episode import DecisionPoint
from lightemma.closed_loop.host_core import BlindScores, Due, EpisodeTask, WorldHostCore
from lightemma.closed_loop.known_places import KnownPlaces
from lightemma.closed_loop.worker_processes import answer_requests, ignore_endings, shielded
from lightemma.closed_loop.world_factory import WorldFactory
from lightemma.errors import UserError
from lightemma.frame import FloatArray

#: Seconds in which episodes that are answered at about the same moment become due together, where they are computed together.
GATHERED_S = 0.002


class WorldHost(Protocol):
    """Where episodes are driven."""

    async def begin(self, task: EpisodeTask) -> DecisionPoint:
        """Opens an episode, up to its first decision."""

    async def advance(self, task: EpisodeTask, actions: FloatArray | None, latency_s: float) -> DecisionPoint:
        """Drives on to the next decision."""

    async def leave(self, task: EpisodeTask) -> None:
        """Closes an episode before its end."""

    async def blind_scores(self, task: EpisodeTask) -> BlindScores:
        """What drivers that see nothing are worth in an episode; see ``WorldFactory.blind_scores``."""


class InProcessHost:
    """Worlds in this process, on one separate thread, so that the event loop is never blocked.

    Episodes of a family that computes many worlds at once are driven together: all that are due when the thread is free.

    Args:
        factory: opens the worlds.
    """

    def __init__(self, factory: WorldFactory) -> None:
        self._core = WorldHostCore(factory)
        self._together = factory.batched
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="worlds")
        self._due: list[tuple[Due, asyncio.Future[DecisionPoint]]] = []
        self._serving: asyncio.Task[None] | None = None

    async def begin(self, task: EpisodeTask) -> DecisionPoint:
        """Opens an episode, up to its first decision."""
        return await self._answer(Due(task))

    async def advance(self, task: EpisodeTask, actions: FloatArray | None, latency_s: float) -> DecisionPoint:
        """Drives on to the next decision."""
        return await self._answer(Due(task, (actions, latency_s)))

    async def leave(self, task: EpisodeTask) -> None:
        """Closes an episode before its end."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._core.leave, task)

    async def _answer(self, due: Due) -> DecisionPoint:
        future: asyncio.Future[DecisionPoint] = asyncio.get_running_loop().create_future()
        self._due.append((due, future))
        if self._serving is None:
            self._serving = asyncio.create_task(self._serve())
        return await future

    async def _serve(self) -> None:
        """Drives what is due until nothing is."""
        loop = asyncio.get_running_loop()
        while self._due:
            await asyncio.sleep(GATHERED_S if self._together else 0.0)
            count = len(self._due) if self._together else 1
            taken = [one for one in self._due[:count] if not one[1].done()]
            del self._due[:count]
            try:
                points = await loop.run_in_executor(self._thread, self._core.drive, [due for due, _ in taken])
            except Exception as error:
                points = [error] * len(taken)
            for (_, future), point in zip(taken, points, strict=True):
                if future.done():
                    continue
                if isinstance(point, Exception):
                    future.set_exception(point)
                else:
                    future.set_result(point)
        self._serving = None

    async def blind_scores(self, task: EpisodeTask) -> BlindScores:
        """What drivers that see nothing are worth in an episode."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._core.blind_scores, task)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._thread.shutdown()
        self._core.close()


class _Worker:
    """One process with worlds, and the thread here that talks to it."""

    def __init__(self, factory: WorldFactory, number: int) -> None:
        context = get_context("spawn")
        self._ours, theirs = context.Pipe()
        self._process: SpawnProcess = context.Process(
            target=_serve, args=(theirs, factory), name=f"worlds-{number}", daemon=False
        )
        with shielded():
            self._process.start()
        theirs.close()
        self.thread = ThreadPoolExecutor(1, thread_name_prefix=f"worlds-{number}")
        self.episodes = 0
        self.seconds = 0.0

    def ask(self, what: str, *arguments: Any) -> Any:
        started = time.perf_counter()
        try:
            self._ours.send((what, *arguments))
            done, answer = self._ours.recv()
        except (EOFError, OSError) as error:
            raise UserError(
                "A process that draws pictures ended by itself (out of memory, or a fault of the graphics driver); give the "
                "same command again, with --renderer painter if it happens twice."
            ) from error
        finally:
            self.seconds += time.perf_counter() - started
        if not done:
            raise answer
        return answer

    def close(self) -> None:
        self.thread.shutdown(cancel_futures=True)
        self._ours.close()
        self._process.join(timeout=5)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


class ProcessHost:
    """Worlds in several processes. Each episode stays in the process that opened it.

    Args:
        factory: opens the worlds; it is sent to each process.
        workers: processes; one per processor if left out.
    """

    def __init__(self, factory: WorldFactory, workers: int | None = None) -> None:
        self._workers = [_Worker(factory, number) for number in range(workers or os.cpu_count() or 1)]
        self._of: dict[tuple[str, str], _Worker] = {}
        self._known = KnownPlaces()

    @property
    def seconds(self) -> list[float]:
        """Seconds that each process has worked."""
        return [worker.seconds for worker in self._workers]

    async def begin(self, task: EpisodeTask) -> DecisionPoint:
        """Opens an episode, where it is known or else in the process with the fewest, up to its first decision."""
        worker = self._chosen(task)
        worker.episodes += 1
        self._of[task.key] = worker
        point = await self._ask(task, "begin")
        if point.finished is not None:
            self._forget(task)
        return point

    async def advance(self, task: EpisodeTask, actions: FloatArray | None, latency_s: float) -> DecisionPoint:
        """Drives on to the next decision."""
        point = await self._ask(task, "advance", actions, latency_s)
        if point.finished is not None:
            self._forget(task)
        return point

    async def leave(self, task: EpisodeTask) -> None:
        """Closes an episode before its end."""
        if task.key in self._of:
            worker = self._forget(task)
            await asyncio.get_running_loop().run_in_executor(worker.thread, worker.ask, "leave", task)

    async def blind_scores(self, task: EpisodeTask) -> BlindScores:
        """What drivers that see nothing are worth in an episode, in a process as that of :meth:`begin`."""
        worker = self._chosen(task)
        worker.episodes += 1
        try:
            loop = asyncio.get_running_loop()
            found: BlindScores = await loop.run_in_executor(worker.thread, worker.ask, "blind_scores", task)
        finally:
            worker.episodes -= 1
        return found

    def _chosen(self, task: EpisodeTask) -> _Worker:
        """The process that has opened the episode for another driver, unless it has more to do than others."""
        return self._workers[self._known.choose(task.spec.name, [worker.episodes for worker in self._workers])]

    async def _ask(self, task: EpisodeTask, what: str, *arguments: Any) -> DecisionPoint:
        worker = self._of[task.key]
        loop = asyncio.get_running_loop()
        point: DecisionPoint = await loop.run_in_executor(worker.thread, worker.ask, what, task, *arguments)
        return point

    def _forget(self, task: EpisodeTask) -> _Worker:
        worker = self._of.pop(task.key)
        worker.episodes -= 1
        return worker

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for worker in self._workers:
            worker.close()


def _serve(connection: Connection, factory: WorldFactory) -> None:
    """Runs in the other process: answers requests until the connection ends."""
    # The process of the run decides what ends, and whether the episodes in progress are driven to their next decision.
    ignore_endings()
    core = WorldHostCore(factory)
    answer_requests(connection, lambda request: getattr(core, request[0])(*request[1:]))
    core.close()
