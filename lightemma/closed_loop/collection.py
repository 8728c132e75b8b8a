"""Collects drives as a data set, in one process or in several; scenes that are finished are kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from queue import SimpleQueue
from typing import Any, cast

from lightemma.closed_loop.recorded_drive import DriveRecorder, driving_named
from lightemma.closed_loop.worker_processes import answer_requests, ignore_endings, shielded
from lightemma.errors import UserError
from lightemma.simulation.dataset.drives import Drive
from lightemma.simulation.dataset.writer import DatasetWriter, Layout, check_version
from lightemma.simulation.render import Renderer, RendererKind, RenderError, make_renderer

#: The tables are written again when this share of the scenes is new, so that the work for them stays small.
NEW_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class Collection:
    """Drives to be collected.

    Attributes:
        out: folder of the data set; one that is not finished is continued.
        drives: all with one driver.
        places: where each scenario is found, by its name.
        driver: who drives, see ``driving_named``.
        version: name of the tables' folder.
        size: of the pictures, pixels.
        quality: of the JPEGs.
        sweeps: whether there are pictures at 12 Hz.
        renderer: its name.
        key_frames: of a scene.
        pictures: whether they are drawn.
        facts: whether what the camera sees is recorded.
        workers: processes.
    """

    out: Path
    drives: Sequence[Drive]
    places: Mapping[str, str]
    driver: str = "expert"
    version: str = "v1.0-sim"
    size: tuple[int, int] = (1600, 900)
    quality: int = 85
    sweeps: bool = False
    renderer: str = "auto"
    key_frames: int = 40
    pictures: bool = True
    facts: bool = True
    workers: int = 1


@dataclass(frozen=True, slots=True)
class _Settings:
    """What a process needs to make scenes; the renderer's name is decided."""

    out: Path
    layout: Layout
    driver: str


@dataclass(frozen=True, slots=True)
class Effort:
    """What a scene took.

    Attributes:
        pictures: their number, or that of the moments without pictures.
        seconds: from its beginning to its end.
        processor_s: seconds of processor time, without those of panda3d's own process.
    """

    pictures: int
    seconds: float
    processor_s: float


class _SceneMaker:
    """Drives and writes scenes, with its own renderer.

    Raises:
        UserError: if it cannot draw, or there is no such driver.
    """

    def __init__(self, settings: _Settings) -> None:
        layout = settings.layout
        self._layout = layout
        self._stack = ExitStack()
        with ExitStack() as opened:
            driving = driving_named(settings.driver)
            self._recorder = opened.enter_context(DriveRecorder(driving, layout.size, layout.renderer, layout.facts))
            self._renderer = opened.enter_context(_renderer(layout.renderer)) if layout.pictures else None
            self._writer = DatasetWriter(settings.out, layout)
            self._stack = opened.pop_all()

    def make(self, drive: Drive, place: str) -> Effort:
        """One scene, whole."""
        started, spent = time.monotonic(), time.process_time()
        recording = self._recorder.record(drive, self._layout.sweeps, self._layout.key_frames, place)
        self._writer.write_scene(recording, self._renderer)
        return Effort(len(recording.looks), time.monotonic() - started, time.process_time() - spent)

    def close(self) -> None:
        """Closes the renderers."""
        self._stack.close()


def collect(wanted: Collection, say: Callable[[str], None]) -> int:
    """Collects the drives that are not there yet.

    Args:
        wanted: what.
        say: told about each scene.

    Returns:
        Number of scenes in the data set.

    Raises:
        UserError: if anything is wrong; finished scenes are kept.
    """
    check_version(wanted.version)
    driving_named(wanted.driver)
    layout = Layout(
        wanted.version,
        wanted.size,
        wanted.quality,
        wanted.sweeps,
        _decided(wanted, say),
        wanted.key_frames,
        wanted.pictures,
        wanted.facts,
    )
    writer = DatasetWriter(wanted.out, layout)
    settings = _Settings(wanted.out, layout, wanted.driver)
    total, there = len(wanted.drives), [drive for drive in wanted.drives if writer.finished(drive)]
    for drive in there:
        say(f"{drive.name}: already there")
    known = set(there)
    todo = [(drive, wanted.places[drive.scenario]) for drive in wanted.drives if drive not in known]
    done, new, drawn, spent = len(there), 0, 0, 0.0
    began = time.monotonic()
    made = (
        _in_processes(settings, todo, wanted.workers) if wanted.workers > 1 and len(todo) > 1 else _here(settings, todo)
    )
    try:
        for drive, effort in made:
            done, new = done + 1, new + 1
            drawn, spent = drawn + effort.pictures, spent + effort.processor_s
            driven = done - len(there)
            say(f"{done}/{total} scenes, {drive.name}: {effort.seconds:.1f} s{_left(began, driven, total - done)}")
            if new >= NEW_SHARE * done:
                new, _ = 0, writer.write_tables()
    finally:
        count = writer.write_tables()
    if drawn:
        what = "pictures" if wanted.pictures else "moments"
        say(f"{drawn} {what} in {spent:.0f} s of processor time: {drawn / max(spent, 1e-9):.0f} a second")
    return count


def _left(began: float, done: int, left: int) -> str:
    """The time that the other scenes will take, where it is worth saying."""
    seconds = (time.monotonic() - began) / max(done, 1) * left
    return "" if seconds < 60 else f", about {seconds / 60:.0f} min left"


def _decided(wanted: Collection, say: Callable[[str], None]) -> str:
    """The renderer's name: ``auto`` is decided once, so that one renderer draws all pictures."""
    if not wanted.pictures:
        return "none"
    with _renderer(wanted.renderer) as renderer:
        if renderer.note:
            say(renderer.note)
        return renderer.name


def _renderer(name: str) -> Renderer:
    try:
        return make_renderer(cast(RendererKind, name))
    except RenderError as error:
        raise UserError(f"{name} cannot draw ({str(error).rstrip('.')}); use --renderer painter.") from error


def _here(settings: _Settings, todo: Iterable[tuple[Drive, str]]) -> Iterator[tuple[Drive, Effort]]:
    maker: _SceneMaker | None = None
    try:
        for drive, place in todo:
            maker = maker or _SceneMaker(settings)
            yield drive, maker.make(drive, place)
    finally:
        if maker:
            maker.close()


def _in_processes(
    settings: _Settings, todo: Sequence[tuple[Drive, str]], workers: int
) -> Iterator[tuple[Drive, Effort]]:
    """Scenes as they are finished, in any order: each is the same whoever makes it."""
    started = [_Worker(settings, number) for number in range(min(workers, len(todo)))]
    free: SimpleQueue[_Worker] = SimpleQueue()
    for worker in started:
        free.put(worker)

    def make(drive: Drive, place: str) -> Effort:
        worker = free.get()
        try:
            return worker.make(drive, place)
        finally:
            free.put(worker)

    threads = ThreadPoolExecutor(len(started), thread_name_prefix="scenes")
    try:
        making = {threads.submit(make, drive, place): drive for drive, place in todo}
        for future in as_completed(making):
            yield making[future], future.result()
    finally:
        # Scenes in progress are finished.
        threads.shutdown(cancel_futures=True)
        for worker in started:
            worker.close()


class _Worker:
    """One process that makes scenes, one after the other; it ends when this end of its connection does."""

    def __init__(self, settings: _Settings, number: int) -> None:
        context = get_context("spawn")
        self._ours, theirs = context.Pipe()
        self._process: SpawnProcess = context.Process(target=_serve, args=(theirs, settings), name=f"scenes-{number}")
        with shielded():
            self._process.start()
        theirs.close()

    def make(self, drive: Drive, place: str) -> Effort:
        try:
            self._ours.send((drive, place))
            done, answer = self._ours.recv()
        except (EOFError, OSError) as error:
            raise UserError(
                "A process that draws pictures ended by itself (out of memory, or a fault of the graphics driver); finished "
                "scenes are kept, so give the same command again, with fewer --workers or --renderer painter."
            ) from error
        if not done:
            raise answer
        effort: Effort = answer
        return effort

    def close(self) -> None:
        self._ours.close()
        self._process.join(timeout=5)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


def _serve(connection: Connection, settings: _Settings) -> None:
    """Runs in the other process: makes scenes until the connection ends."""
    ignore_endings()
    maker: _SceneMaker | None = None

    def make(request: tuple[Any, Any]) -> Any:
        nonlocal maker
        maker = maker or _SceneMaker(settings)
        return maker.make(*request)

    answer_requests(connection, make)
    if maker:
        maker.close()
