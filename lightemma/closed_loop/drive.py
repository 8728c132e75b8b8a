"""Closed-loop runs: planners and models driven through episodes, many side by side, everything recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from lightemma.backends.base import Backend
from lightemma.backends.config import Limits
from lightemma.calls.budget import Budget
from lightemma.calls.cache import FILE as CACHE_FILE
from lightemma.calls.cache import ResponseCache
from lightemma.calls.caller import Caller, CallServices
from lightemma.calls.cancellation import Stop, stopping_on_interrupt
from lightemma.calls.concurrency import side_by_side
from lightemma.calls.limits import ProviderLimits
from lightemma.calls.monitor import Monitor
from lightemma.calls.prices import ResolvedPrice
from lightemma.closed_loop.driving_score import score_of
from lightemma.closed_loop.episode import DecisionPoint, Finished
from lightemma.closed_loop.hosts import EpisodeTask, WorldHost
from lightemma.closed_loop.manifests import PLACE, closed_loop_manifest, current_price
from lightemma.closed_loop.privileged import PrivilegedDriver
from lightemma.closed_loop.records import (
    EpisodeRecord,
    EpisodeWriter,
    failed_calls,
    keep_only,
    read_episodes,
    write_settings,
)
from lightemma.closed_loop.replay import write_replay
from lightemma.closed_loop.spec import EpisodeSpec, LoopRules
from lightemma.frame import FloatArray
from lightemma.planners.base import Plan, Planner
from lightemma.protocol import LIGHTEMMA
from lightemma.run_folder.manifest import Manifest, now
from lightemma.run_folder.records import OK, FrameRecord, is_call_error
from lightemma.run_folder.store import RunWriter, check_run_name, is_run, read_manifest
from lightemma.sessions.job import Job, check_writable
from lightemma.sessions.open_loop import RunOutcome, frame_record

#: Episodes under way at once for drivers that ask no model: enough that no processor waits.
SIDE_BY_SIDE = 8

#: Opens the host of a command's worlds.
HostMaker = Callable[[], AbstractContextManager[Any]]
#: Told of every run's counters once, before it begins.
Watch = Callable[[Monitor], None]
#: Told of every finished episode.
Progress = Callable[[EpisodeRecord], None]


@dataclass
class Tour:
    """Runs over the same episodes under the same rules.

    Attributes:
        jobs: the runs.
        specs: the episodes.
        rules: how the loop is closed.
        results: folder of runs.
        make_host: opens the host of the worlds.
        renderer: who draws, as it goes into the manifest; None where nobody does.
        place: what the manifests call the world.
        parser: how answers are read.
        concurrency: calls (or episodes of drivers without a model) at once; None finds out.
        max_cost: dollars for all runs together; None sets no cap.
        most_open: episodes with pictures under way at once, over all runs; None for as many as there are calls.
    """

    jobs: Sequence[Job]
    specs: Sequence[EpisodeSpec]
    rules: LoopRules
    results: Path
    make_host: HostMaker
    renderer: dict[str, Any] | None = None
    place: str = PLACE
    parser: str = "strict"
    concurrency: int | None = None
    max_cost: float | None = None
    most_open: int | None = None
    _gates: dict[str, ProviderLimits] = field(default_factory=dict)

    def run(self, watch: Watch | None = None, progress: Progress | None = None) -> list[RunOutcome]:
        """Drives all runs; goes on where an earlier sitting stopped.

        Returns:
            How each ended, counted in episodes, in the order of ``jobs``. ``failed`` are those with failed calls.

        Raises:
            UserError: if a run cannot go on; what is finished is kept.
        """
        for job in self.jobs:
            check_run_name(job.name)
        check_writable(self.results)
        return asyncio.run(self._run(watch, progress))

    async def _run(self, watch: Watch | None, progress: Progress | None) -> list[RunOutcome]:
        stop, budget = Stop(), Budget(self.max_cost)
        prices = {job.name: current_price(job.backend, self.max_cost) for job in self.jobs}
        with ExitStack() as stack:
            cache = None
            if any(job.backend and job.backend.cacheable for job in self.jobs):
                cache = stack.enter_context(ResponseCache(self.results / CACHE_FILE))
            stack.enter_context(stopping_on_interrupt(stop))
            writers = {job.name: stack.enter_context(self._writer(job, prices[job.name])) for job in self.jobs}
            host: WorldHost = stack.enter_context(self.make_host())
            self._gates.clear()
            room = asyncio.Semaphore(self.most_open or len(self.specs) * len(self.jobs) or 1)
            runs = [
                _Run(
                    job,
                    self,
                    host,
                    room,
                    writers[job.name],
                    self._services(job, stop, budget, prices[job.name], cache),
                )
                for job in self.jobs
            ]
            ended = await asyncio.gather(*(run.drive(watch, progress) for run in runs), return_exceptions=True)
        outcomes: list[RunOutcome] = []
        for result in ended:
            if isinstance(result, BaseException):
                raise result
            outcomes.append(result)
        return outcomes

    def _services(
        self, job: Job, stop: Stop, budget: Budget, price: ResolvedPrice | None, cache: ResponseCache | None
    ) -> CallServices:
        """What stands between a planner and its model; a driver without one has a pool of its own that bounds episodes."""
        backend = job.backend
        monitor = Monitor(job.name)
        if backend is None:
            gate = ProviderLimits(Limits(), self.concurrency or SIDE_BY_SIDE)
            return CallServices(gate, monitor, stop)
        if backend.rate_key not in self._gates:
            self._gates[backend.rate_key] = ProviderLimits(backend.config.limits, self.concurrency)
        gate = self._gates[backend.rate_key]
        monitor.pool = gate.pool
        return CallServices(gate, monitor, stop, budget, price, cache if backend.cacheable else None)

    def _writer(self, job: Job, price: ResolvedPrice | None) -> RunWriter:
        """Opens a run's folder, without what an earlier sitting left of episodes it did not finish."""
        folder, manifest = self.results / job.name, self._manifest(job, price)
        if is_run(folder) and not read_manifest(folder).differences(manifest):
            keep_only(folder, {one.name for one in read_episodes(folder) if not one.failed_calls})
        return RunWriter(folder, manifest)

    def _manifest(self, job: Job, price: ResolvedPrice | None) -> Manifest:
        renderer = self.renderer if draws(job, self.rules) else None
        return closed_loop_manifest(
            job, self.specs, self.rules, price, parser=self.parser, renderer=renderer, place=self.place
        )


class _Run:
    """One run being driven."""

    def __init__(
        self,
        job: Job,
        tour: Tour,
        host: WorldHost,
        room: asyncio.Semaphore,
        writer: RunWriter,
        services: CallServices,
    ) -> None:
        self._tour, self._host, self._room = tour, host, room
        self._writer, self._services = writer, services
        self._job = job
        self._planner: Planner = job.planner
        self._backend: Backend | None = job.backend
        self._caller = Caller(self._backend, services) if self._backend else None
        self._done = self._failed = self._decisions = 0

    async def drive(self, watch: Watch | None, progress: Progress | None) -> RunOutcome:
        folder, specs = self._writer.folder, self._tour.specs
        kept = {one.name: one for one in read_episodes(folder)}
        monitor = self._services.monitor
        monitor.frames, monitor.kept = len(specs), len(kept)
        if watch:
            watch(monitor)
        settings = {"rules": self._tour.rules.as_dict(), "renderer": self._tour.renderer}
        write_settings(folder, {**settings, "episodes": [spec.name for spec in specs]})
        self._episodes = EpisodeWriter(folder)
        self._decisions = sum(one.decisions for one in kept.values())
        todo = (spec for spec in specs if spec.name not in kept)
        try:
            await side_by_side(todo, lambda spec: self._in_turn(spec, progress), self._services)
        finally:
            self._episodes.close()
            if self._backend:
                await self._backend.aclose()
        through = len(kept) + self._done >= len(specs)
        stopped = None if through else self._services.stop.reason
        self._finish(through)
        return RunOutcome(len(specs), self._done, len(kept), self._failed, stopped)

    def _finish(self, through: bool) -> None:
        manifest = self._writer.manifest
        data = msgspec.structs.replace(manifest.data, frames=self._decisions)
        manifest = msgspec.structs.replace(manifest, data=data, ended=now() if through else None)
        if self._caller and self._caller.answered_as and manifest.model:
            model = msgspec.structs.replace(manifest.model, answered_as=self._caller.answered_as)
            manifest = msgspec.structs.replace(manifest, model=model)
        self._writer.finish(manifest)

    async def _in_turn(self, spec: EpisodeSpec, progress: Progress | None) -> None:
        if not draws(self._job, self._tour.rules):
            return await self._one(spec, progress)
        async with self._room:
            return await self._one(spec, progress)

    async def _one(self, spec: EpisodeSpec, progress: Progress | None) -> None:
        rules = self._tour.rules
        driver = self._planner if isinstance(self._planner, PrivilegedDriver) else None
        task = EpisodeTask(self._writer.folder, spec, rules, driver, draws(self._job, rules))
        frames: list[FrameRecord] = []
        finished: Finished | None = None
        try:
            point = await self._host.begin(task)
            while point.finished is None:
                actions, latency = await self._decide(point, frames)
                point = await self._host.go_on(task, actions, latency)
            finished = point.finished
        finally:
            if finished is None:
                await self._host.leave(task)
        self._record(spec, finished, frames, progress)

    async def _decide(self, point: DecisionPoint, frames: list[FrameRecord]) -> tuple[FloatArray | None, float]:
        """Asks for a plan: the plan, and the seconds it took."""
        self._services.stop.check()
        frame, picture = point.frame, point.picture
        assert frame is not None
        if isinstance(self._planner, PrivilegedDriver):
            plan = Plan(point.driver_plan, OK)
        else:
            plan = await self._planner.plan(frame, picture, self._caller)
        frames.append(frame_record(frame, plan, LIGHTEMMA, picture.sha256 if picture else None))
        latency = sum(stage.latency_s or 0.0 for stage in plan.stages)
        return plan.actions, latency

    def _record(
        self, spec: EpisodeSpec, finished: Finished, frames: Sequence[FrameRecord], progress: Progress | None
    ) -> None:
        """Writes an episode: its replay and its frames, then the line that says that it is finished."""
        write_replay(self._writer.folder, spec.name, finished.replay)
        for frame in frames:
            self._writer.append(frame)
        record = EpisodeRecord(
            name=spec.name,
            scenario=spec.scenario,
            seed=spec.seed,
            conditions=spec.conditions,
            left_hand=spec.left_hand,
            decisions=len(frames),
            missing=sum(frame.actions is None for frame in frames),
            failed_calls=failed_calls(frames),
            outcome=finished.outcome,
            score=score_of(finished.outcome),
        )
        self._episodes.append(record)
        self._done += 1
        self._decisions += len(frames)
        self._failed += record.failed_calls > 0
        self._count(frames, record)
        if progress:
            progress(record)

    def _count(self, frames: Iterable[FrameRecord], record: EpisodeRecord) -> None:
        monitor = self._services.monitor
        monitor.done += 1
        monitor.failed += record.failed_calls > 0
        monitor.misformed += any(not is_call_error(frame.outcome) and frame.actions is None for frame in frames)


def draws(job: Job, rules: LoopRules) -> bool:
    """Whether pictures are drawn: for those who look, unless the rules say otherwise."""
    return job.planner.asks_model if rules.pictures is None else rules.pictures
