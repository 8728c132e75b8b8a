"""Closed-loop runs: planners and models driven through episodes, many side by side, everything recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec

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
from lightemma.closed_loop.manifests import PLACE, closed_loop_manifest
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
from lightemma.frame import EarlierPicture, FloatArray, Picture
from lightemma.planners.base import Needs, Plan, Planner, View
from lightemma.planners.planning import Planned, PlannerRunner
from lightemma.protocol import LIGHTEMMA
from lightemma.run_folder.manifest import Manifest, now
from lightemma.run_folder.records import OK, FrameRecord, is_call_error
from lightemma.run_folder.store import RunWriter, check_run_name, is_run, read_manifest
from lightemma.sessions.job import Job, check_writable, current_price
from lightemma.sessions.open_loop import NO_MODEL, RunOutcome, frame_record, unique

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
        prices = {
            job.name: {role: current_price(backend, self.max_cost) for role, backend in job.backends.items()}
            for job in self.jobs
        }
        with ExitStack() as stack:
            cache = None
            if any(backend.cacheable for job in self.jobs for backend in job.backends.values()):
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
        self,
        job: Job,
        stop: Stop,
        budget: Budget,
        prices: Mapping[str, ResolvedPrice | None],
        cache: ResponseCache | None,
    ) -> dict[str, CallServices]:
        """What is between a planner and its models; a driver without one has its own pool, which bounds episodes."""
        monitor = Monitor(job.name)
        if not job.backends:
            gate = ProviderLimits(Limits(), self.concurrency or SIDE_BY_SIDE)
            return {NO_MODEL: CallServices(gate, monitor, stop)}
        services = {}
        for role, backend in job.backends.items():
            if backend.rate_key not in self._gates:
                self._gates[backend.rate_key] = ProviderLimits(backend.config.limits, self.concurrency)
            gate = self._gates[backend.rate_key]
            monitor.pool = monitor.pool or gate.pool
            kept = cache if backend.cacheable else None
            services[role] = CallServices(gate, monitor, stop, budget, prices[role], kept)
        return services

    def _writer(self, job: Job, prices: Mapping[str, ResolvedPrice | None]) -> RunWriter:
        """Opens a run's folder, without what an earlier sitting left of episodes it did not finish."""
        folder, manifest = self.results / job.name, self._manifest(job, prices)
        if is_run(folder) and not read_manifest(folder).differences(manifest):
            keep_only(folder, {one.name for one in read_episodes(folder) if not one.failed_calls})
        return RunWriter(folder, manifest)

    def _manifest(self, job: Job, prices: Mapping[str, ResolvedPrice | None]) -> Manifest:
        renderer = self.renderer if draws(job, self.rules) else None
        return closed_loop_manifest(
            job, self.specs, self.rules, prices, parser=self.parser, renderer=renderer, place=self.place
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
        services: Mapping[str, CallServices],
    ) -> None:
        self._tour, self._host, self._room = tour, host, room
        self._writer, self._every_service = writer, list(services.values())
        self._services = self._every_service[0]
        self._job = job
        self._planner: Planner = job.planner
        self._callers = {role: Caller(backend, services[role], role) for role, backend in job.backends.items()}
        self._runner = PlannerRunner(job.planner, self._callers)
        self._needs = job.planner.needs()
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
            await side_by_side(todo, lambda spec: self._in_turn(spec, progress), *self._every_service)
        finally:
            self._episodes.close()
            for backend in unique(self._job.backends.values()):
                await backend.aclose()
        through = len(kept) + self._done >= len(specs)
        stopped = None if through else self._services.stop.reason
        self._finish(through)
        runner = self._runner
        return RunOutcome(len(specs), self._done, len(kept), self._failed, stopped, runner.failures, runner.first_error)

    def _finish(self, through: bool) -> None:
        manifest = self._writer.manifest
        data = msgspec.structs.replace(manifest.data, frames=self._decisions)
        manifest = msgspec.structs.replace(manifest, data=data, ended=now() if through else None)
        manifest = manifest.answered_by({role: caller.answered_as for role, caller in self._callers.items()})
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
        seen: list[tuple[EarlierPicture, Picture]] = []
        finished: Finished | None = None
        try:
            point = await self._host.begin(task)
            while point.finished is None:
                actions, latency = await self._decide(point, frames, seen)
                point = await self._host.go_on(task, actions, latency)
            finished = point.finished
        finally:
            if finished is None:
                await self._host.leave(task)
        self._record(spec, finished, frames, progress)

    async def _decide(
        self, point: DecisionPoint, frames: list[FrameRecord], seen: list[tuple[EarlierPicture, Picture]]
    ) -> tuple[FloatArray | None, float]:
        """Asks for a plan: the plan, and the seconds it took.

        Args:
            point: what there is to see.
            frames: of the episode so far; the new one is added.
            seen: the episode's pictures so far; the new one is added.
        """
        self._services.stop.check()
        frame, picture = point.frame, point.picture
        assert frame is not None
        view = View()
        if picture is not None:
            before = seen[-(self._needs.pictures - 1) :] if self._needs.pictures > 1 else []
            frame = replace(frame, earlier=tuple(one for one, _ in before))
            view = View((*(earlier for _, earlier in before), picture))
            if frame.image_path is not None:
                seen.append((EarlierPicture(frame.image_path, frame.timestamp), picture))
        if isinstance(self._planner, PrivilegedDriver):
            planned = Planned(Plan(point.driver_plan, OK), None)
        else:
            planned = await self._runner.plan(frame, view)
        frames.append(frame_record(frame, view, planned, LIGHTEMMA))
        self._runner.end_if_hopeless()
        # A formula takes microseconds; counted as none, its episodes are the same every time.
        return planned.plan.actions, 0.0 if self._needs == Needs() else planned.seconds

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
    """Whether pictures are drawn: for planners that need them, unless the rules say otherwise."""
    return job.planner.needs().pictures > 0 if rules.pictures is None else rules.pictures
