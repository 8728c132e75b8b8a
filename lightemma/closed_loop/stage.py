"""Holds the worlds and draws the pictures of many episodes: in this process, or in processes of their own."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from lightemma.closed_loop.episode import Artist, Episode, View, WorldDriver
from lightemma.closed_loop.spec import EpisodeSpec, LoopRules
from lightemma.closed_loop.worlds import WorldMaker
from lightemma.errors import UserError
from lightemma.frame import Camera, FloatArray


@dataclass(frozen=True, slots=True)
class Company:
    """What episodes are made of. Sent to other processes, so that its functions stand in modules.

    Attributes:
        make_world: opens the world of an episode.
        make_artist: makes who draws its pictures; None where nobody looks.
        camera: makes the front camera for a picture size.
        drivers: name -> maker of a driver that knows the world, for episodes with that seed.
    """

    make_world: WorldMaker
    make_artist: Callable[[LoopRules], Artist] | None
    camera: Callable[[tuple[int, int]], Camera]
    drivers: dict[str, Callable[[EpisodeSpec], WorldDriver]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Part:
    """An episode as one run drives it.

    Attributes:
        run: folder of the run.
        spec: the episode.
        rules: how the loop is closed.
        driver: name of a driver that knows the world, or None.
        pictures: whether pictures are drawn.
    """

    run: Path
    spec: EpisodeSpec
    rules: LoopRules
    driver: str | None
    pictures: bool

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from others."""
        return str(self.run), self.spec.name


class Stage(Protocol):
    """Where episodes are driven."""

    async def begin(self, part: Part) -> View:
        """Opens an episode and looks."""

    async def go_on(self, part: Part, actions: FloatArray | None, latency_s: float) -> View:
        """Drives on to the next decision."""

    async def leave(self, part: Part) -> None:
        """Forgets an episode that is given up."""


class Bench:
    """The episodes of one process."""

    def __init__(self, company: Company) -> None:
        self._company = company
        self._episodes: dict[tuple[str, str], Episode] = {}
        self._artists: dict[tuple[str, str], Artist] = {}
        self._free: list[Artist] = []

    def begin(self, part: Part) -> View:
        """Opens an episode and looks."""
        company = self._company
        world = company.make_world(part.spec, part.rules)
        artist = self._artist(part)
        if artist is not None:
            artist.load(world.city)
        driver = company.drivers[part.driver](part.spec) if part.driver else None
        episode = Episode(part.spec, part.rules, world, company.camera(part.rules.size), part.run, artist, driver)
        self._episodes[part.key] = episode
        return self._told(part, episode.view)

    def go_on(self, part: Part, actions: FloatArray | None, latency_s: float) -> View:
        """Drives on to the next decision; an episode that ends is forgotten."""
        episode = self._episodes[part.key]
        return self._told(part, lambda: episode.go_on(actions, latency_s))

    def leave(self, part: Part) -> None:
        """Forgets an episode; who drew for it may draw for another."""
        self._episodes.pop(part.key, None)
        if part.key in self._artists:
            self._free.append(self._artists.pop(part.key))

    def close(self) -> None:
        """Lets all who draw go."""
        for artist in [*self._artists.values(), *self._free]:
            artist.close()

    def _artist(self, part: Part) -> Artist | None:
        if not part.pictures or self._company.make_artist is None:
            return None
        artist = self._free.pop() if self._free else self._company.make_artist(part.rules)
        self._artists[part.key] = artist
        return artist

    def _told(self, part: Part, act: Callable[[], View]) -> View:
        try:
            view = act()
        except OSError as error:
            raise UserError(
                f"The pictures under '{part.run}' cannot be written ({error.strerror}); make room and give the same command "
                "again."
            ) from error
        if view.finished is not None:
            self.leave(part)
        return view


class HereStage:
    """A stage in this process, one thing at a time, off the event loop."""

    def __init__(self, company: Company) -> None:
        self._bench = Bench(company)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="stage")

    async def begin(self, part: Part) -> View:
        """Opens an episode and looks."""
        return await self._off(self._bench.begin, part)

    async def go_on(self, part: Part, actions: FloatArray | None, latency_s: float) -> View:
        """Drives on to the next decision."""
        return await self._off(self._bench.go_on, part, actions, latency_s)

    async def leave(self, part: Part) -> None:
        """Forgets an episode that is given up."""
        self._bench.leave(part)

    async def _off(self, act: Callable[..., View], *words: Any) -> View:
        return await asyncio.get_running_loop().run_in_executor(self._thread, act, *words)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._thread.shutdown()
        self._bench.close()


class _Worker:
    """One process with a bench in it, and the thread here that talks to it."""

    def __init__(self, company: Company, number: int) -> None:
        context = get_context("spawn")
        self._ours, theirs = context.Pipe()
        self._process: SpawnProcess = context.Process(
            target=_serve, args=(theirs, company), name=f"stage-{number}", daemon=False
        )
        self._process.start()
        theirs.close()
        self.thread = ThreadPoolExecutor(1, thread_name_prefix=f"stage-{number}")
        self.episodes = 0
        self.seconds = 0.0

    def ask(self, what: str, *words: Any) -> Any:
        started = time.perf_counter()
        try:
            self._ours.send((what, *words))
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
            self._process.terminate()
            self._process.join()


class ProcessStage:
    """A stage on several processors. Each episode stays with the process that opened it.

    Args:
        company: what episodes are made of.
        workers: processes; one per processor if left out.
    """

    def __init__(self, company: Company, workers: int | None = None) -> None:
        self._workers = [_Worker(company, number) for number in range(workers or os.cpu_count() or 1)]
        self._of: dict[tuple[str, str], _Worker] = {}

    @property
    def seconds(self) -> list[float]:
        """How long each process has been at work."""
        return [worker.seconds for worker in self._workers]

    async def begin(self, part: Part) -> View:
        """Opens an episode, in the process that has fewest, and looks."""
        worker = min(self._workers, key=lambda one: one.episodes)
        worker.episodes += 1
        self._of[part.key] = worker
        return await self._ask(part, "begin")

    async def go_on(self, part: Part, actions: FloatArray | None, latency_s: float) -> View:
        """Drives on to the next decision."""
        view = await self._ask(part, "go_on", actions, latency_s)
        if view.finished is not None:
            self._forget(part)
        return view

    async def leave(self, part: Part) -> None:
        """Forgets an episode that is given up."""
        if part.key in self._of:
            worker = self._forget(part)
            await asyncio.get_running_loop().run_in_executor(worker.thread, worker.ask, "leave", part)

    async def _ask(self, part: Part, what: str, *words: Any) -> View:
        worker = self._of[part.key]
        view: View = await asyncio.get_running_loop().run_in_executor(worker.thread, worker.ask, what, part, *words)
        return view

    def _forget(self, part: Part) -> _Worker:
        worker = self._of.pop(part.key)
        worker.episodes -= 1
        return worker

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for worker in self._workers:
            worker.close()


def _serve(connection: Connection, company: Company) -> None:
    """The other process: does what it is asked until the connection ends."""
    import signal
    import traceback

    # Ctrl-C reaches the whole group of processes; what is to end is decided where the run is.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    bench = Bench(company)
    while True:
        try:
            what, *words = connection.recv()
        except (EOFError, OSError):
            break
        try:
            answer: tuple[bool, Any] = True, getattr(bench, what)(*words)
        except Exception as error:
            if not isinstance(error, UserError):
                error.add_note(traceback.format_exc())  # what is sent has no traceback of its own
            answer = False, error
        try:
            connection.send(answer)
        except OSError:
            break
        except Exception:  # an error that cannot be sent as it is
            connection.send((False, RuntimeError(repr(answer[1]))))
    bench.close()
