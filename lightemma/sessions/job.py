"""From a benchmark to runs: opens the data, makes planners and backends, checks everything before the first call."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from lightemma.backends.base import Backend, BatchBackend, Call
from lightemma.backends.config import Limits
from lightemma.calls.budget import Budget
from lightemma.calls.cache import FILE as CACHE_FILE
from lightemma.calls.cache import ResponseCache
from lightemma.calls.caller import CallServices
from lightemma.calls.cancellation import Stop, Stopped, stopping_on_interrupt
from lightemma.calls.limits import ProviderLimits
from lightemma.calls.monitor import Monitor
from lightemma.calls.prices import ResolvedPrice, resolve_price
from lightemma.data.base import FrameSource
from lightemma.data.data_locations import remember_source
from lightemma.data.pictures_check import missing_pictures
from lightemma.data.sources import open_source
from lightemma.errors import UserError
from lightemma.frame import Frame
from lightemma.planners.base import Planner, PlannerSettings
from lightemma.planners.registry import check_options
from lightemma.prompts.sets import DEFAULT_PROMPTS, PromptSet, load_prompts
from lightemma.protocol import Protocol, protocol_named
from lightemma.run_folder.manifest import (
    DataEntry,
    Manifest,
    PlannerEntry,
    PromptsEntry,
    distributions_of,
    frame_set_digest,
    git_revision,
    now,
    package_versions,
    python_version,
)
from lightemma.run_folder.records import FrameRecord
from lightemma.run_folder.store import RunWriter, check_run_name
from lightemma.serving.pool import ServerPool
from lightemma.sessions.batch import POLL_S, BatchRun
from lightemma.sessions.benchmark import Benchmark
from lightemma.sessions.guided import check_guided
from lightemma.sessions.models import make_backend, model_entry
from lightemma.sessions.open_loop import NO_MODEL, Progress, RunOutcome, execute, frames_at_once, unique
from lightemma.sessions.roles import BackendMaker, equip, model_choices
from lightemma.sessions.views import pictures_needed

log = logging.getLogger(__name__)

DEFAULT_PLANNER = "chain-of-thought"


@dataclass(frozen=True)
class Job:
    """One run to be made.

    Attributes:
        name: the run's.
        planner: who drives.
        backends: its models by role, the main one first; empty for a planner without.
        prompts: the wording, for planners that ask a model.
    """

    name: str
    planner: Planner
    backends: Mapping[str, Backend]
    prompts: PromptSet | None

    @property
    def packages(self) -> tuple[str, ...]:
        """Packages that decide its numbers, besides those that always do."""
        models = [name for backend in self.backends.values() for name in backend.packages]
        return (*dict.fromkeys(models), *distributions_of(type(self.planner).__module__))

    @property
    def pictures(self) -> int:
        """How many pictures of each frame are loaded."""
        return pictures_needed(self.planner.needs(), self.backends)


@dataclass(frozen=True)
class Spending:
    """How a command may use its providers.

    Attributes:
        max_cost: dollars for all runs together; None sets no cap.
        cache: whether answers given before are used again, and new ones kept.
        batch: hand calls over in batches, to be answered within hours at a lower price.
        poll_s: seconds between two looks at a batch.
    """

    max_cost: float | None = None
    cache: bool = True
    batch: bool = False
    poll_s: float = POLL_S


@dataclass
class _Shared:
    """What the runs of one command share."""

    stop: Stop
    budget: Budget
    gates: dict[str, ProviderLimits]
    cache: ResponseCache | None = None

    def services(
        self, backend: Backend, monitor: Monitor, price: ResolvedPrice | None, concurrency: int | None
    ) -> CallServices:
        """What stands between a planner and ``backend``; models of one provider share its gate."""
        if backend.rate_key not in self.gates:
            self.gates[backend.rate_key] = ProviderLimits(backend.config.limits, concurrency)
        gate = self.gates[backend.rate_key]
        monitor.pool = gate.pool
        return CallServices(gate, monitor, self.stop, self.budget, price, self.cache if backend.cacheable else None)


#: Told of every run's counters once, before it begins; whoever listens may look at them at any time.
Watch = Callable[[Monitor], None]


class Study:
    """All runs of one benchmark over one opened source.

    Args:
        benchmark: what to drive.
        results: folder of runs.
        source: the frames, if already open.
        backends: makes a backend of a ``models`` entry.

    Raises:
        UserError: if anything is wrong that can be known before the first call.
    """

    def __init__(
        self,
        benchmark: Benchmark,
        results: Path,
        source: FrameSource | None = None,
        backends: BackendMaker = make_backend,
    ) -> None:
        self.benchmark = benchmark
        self.results = results
        self.protocol: Protocol = protocol_named(benchmark.integration)
        self.jobs = self._jobs(backends)
        check_writable(results)
        self.source = source or open_source(benchmark.data, results, self.protocol, benchmark.reader)
        if source is None:
            remember_source(results, self.source.info, benchmark.data)
        self._tokens, self._scenes = self._survey()

    @property
    def frame_count(self) -> int:
        """How many frames every run covers."""
        return len(self._tokens)

    def frames(self) -> Iterator[Frame]:
        """The frames, made one by one."""
        return self.source.frames(self.benchmark.scenes, self.benchmark.stride, self.benchmark.limit)

    def run(self, job: Job, progress: Progress | None = None) -> RunOutcome:
        """Drives one run to its end; goes on where an earlier sitting stopped.

        Raises:
            UserError: if the run cannot go on; what is done is kept.
        """
        (outcome,) = self.run_jobs([job], progress=progress)
        return outcome

    def run_jobs(
        self,
        jobs: Sequence[Job],
        spending: Spending | None = None,
        watch: Watch | None = None,
        progress: Progress | None = None,
    ) -> list[RunOutcome]:
        """Drives several runs side by side; those that share a provider share its pool.

        Returns:
            How each ended, in the order of ``jobs``.

        Raises:
            UserError: if a run could not go on; the others were driven to their end before. Also if a model's answers are
                to be guided and cannot be; then nothing was asked.
        """
        for job in jobs:
            check_guided(job.planner, job.backends)
        return asyncio.run(self._run_jobs(jobs, spending or Spending(), watch, progress))

    async def _run_jobs(
        self, jobs: Sequence[Job], spending: Spending, watch: Watch | None, progress: Progress | None
    ) -> list[RunOutcome]:
        shared = _Shared(Stop(), Budget(spending.max_cost), {})
        prices = {job.name: _prices(job, spending) for job in jobs}
        with ExitStack() as stack:
            if spending.cache and any(backend.cacheable for job in jobs for backend in job.backends.values()):
                shared.cache = stack.enter_context(ResponseCache(self.results / CACHE_FILE))
            stack.enter_context(stopping_on_interrupt(shared.stop))
            # All folders are opened before the first call: one that holds another run is refused while nothing is spent.
            writers = [
                stack.enter_context(RunWriter(self.results / job.name, self._manifest(job, prices[job.name])))
                for job in jobs
            ]
            servers = ServerPool(self.results)
            for job in jobs:
                for backend in unique(job.backends.values()):
                    backend.prepare_run(self.results / job.name, servers)
            ended = await asyncio.gather(
                *(
                    self._run_job(job, writer, prices[job.name], shared, spending, watch, progress)
                    for job, writer in zip(jobs, writers, strict=True)
                ),
                return_exceptions=True,
            )
            await servers.aclose()
        outcomes: list[RunOutcome] = []
        for result in ended:
            if isinstance(result, BaseException):
                raise result
            outcomes.append(result)
        return outcomes

    async def _run_job(
        self,
        job: Job,
        writer: RunWriter,
        prices: Mapping[str, ResolvedPrice | None],
        shared: _Shared,
        spending: Spending,
        watch: Watch | None,
        progress: Progress | None,
    ) -> RunOutcome:
        monitor, concurrency = Monitor(job.name, frames=self.frame_count), self.benchmark.concurrency
        services = {
            role: shared.services(backend, monitor, prices[role], concurrency) for role, backend in job.backends.items()
        }
        if not services:
            services[NO_MODEL] = CallServices(
                ProviderLimits(Limits(), frames_at_once(concurrency)), monitor, shared.stop
            )
        if watch:
            watch(monitor)

        def told(record: FrameRecord) -> None:
            monitor.frame_done(record)
            if progress:
                progress(record)

        calls: Mapping[str, Call] | None = None
        if spending.batch and job.backends:
            try:
                calls = await self._batch(job, writer, shared, spending)
            except Stopped:
                for backend in unique(job.backends.values()):
                    await backend.aclose()
                return RunOutcome(self.frame_count, 0, 0, 0, shared.stop.reason)
        return await execute(
            self.frames(),
            job.planner,
            job.backends,
            writer,
            self.protocol,
            self.benchmark.pictures.policy(),
            progress=told,
            services=services,
            calls=calls,
        )

    async def _batch(self, job: Job, writer: RunWriter, shared: _Shared, spending: Spending) -> Mapping[str, Call]:
        backends = {role: backend for role, backend in job.backends.items() if isinstance(backend, BatchBackend)}
        if len(backends) < len(job.backends) or shared.cache is None:
            raise UserError(
                f"The provider of '{job.name}' has no batch endpoint, or the cache is off; leave --batch out for this model."
            )
        waves = BatchRun(backends, shared.cache, writer.folder, shared.stop, log.info, spending.poll_s)
        return await waves.answer(self.frames, job.planner, self.benchmark.pictures.policy())

    def _survey(self) -> tuple[list[str], set[str]]:
        """Walks all frames once, keeping only their names, and looks whether the pictures are there."""
        pictures = max((job.pictures for job in self.jobs), default=0)
        looks, earlier = pictures > 0, max(pictures - 1, 0)
        tokens, scenes, without, missing = list[str](), set[str](), 0, list[str]()
        for frame in self.frames():
            tokens.append(frame.sample_token)
            scenes.add(frame.scene)
            if looks and frame.image_path is None:
                without += 1
            elif looks and len(frame.earlier) < earlier:
                raise UserError(
                    f"{self.source.info.name} does not say which pictures come before those of its frames; leave --frames "
                    "out."
                )
            elif looks:
                missing += missing_pictures([frame], earlier)
        if not tokens:
            raise UserError(
                f"{self.source.info.name} has no scene long enough for a benchmark frame (15 key frames or more)."
            )
        if without or missing:
            raise UserError(_no_pictures(self.source.info.name, len(tokens), without, missing))
        return tokens, scenes

    def _jobs(self, backends: BackendMaker) -> list[Job]:
        benchmark = self.benchmark
        prompts = load_prompts(benchmark.prompts)
        check_options(benchmark.planners, benchmark.planner_options)
        settings = PlannerSettings(prompts, benchmark.parser, benchmark.style, options=benchmark.planner_options)
        choices = model_choices(benchmark.models)
        jobs: list[Job] = []
        for name in benchmark.planners:
            for one in equip(name, settings, choices, backends):
                planner = one.planner
                if one.backends:
                    run = _run_name(one.model_name, planner, prompts.name)
                    jobs.append(Job(run, planner, one.backends, planner.prompts))
                else:
                    jobs.append(Job("+".join((planner.name, *planner.suffix)), planner, {}, None))
        if benchmark.name is not None:
            if len(jobs) > 1:
                raise UserError(
                    f"--name names one run, but this makes {len(jobs)}; leave it out, or run them one by one."
                )
            jobs = [replace(jobs[0], name=benchmark.name)]
        names = [job.name for job in jobs]
        for name in names:
            check_run_name(name)
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise UserError(f"Two runs would be called '{twice[0]}'; run them one by one with --name.")
        return jobs

    def _manifest(self, job: Job, prices: Mapping[str, ResolvedPrice | None]) -> Manifest:
        info, benchmark = self.source.info, self.benchmark
        return Manifest(
            run=job.name,
            protocol=self.protocol.as_dict(),
            data=DataEntry(
                source=info.source,
                name=info.name,
                version=info.version,
                scenes=len(self._scenes),
                frames=self.frame_count,
                frame_set=frame_set_digest(self._tokens),
                stride=benchmark.stride,
                limit=benchmark.limit,
            ),
            planner=PlannerEntry(job.planner.kind, job.planner.settings()),
            parser=benchmark.parser,
            models={role: model_entry(backend, prices[role]) for role, backend in job.backends.items()},
            price_table=price_tables(prices),
            prompts=PromptsEntry(job.prompts.name, job.prompts.sha256, job.prompts.settings.answer)
            if job.prompts
            else None,
            images=benchmark.pictures.policy().as_dict() if job.pictures else None,
            packages=package_versions(job.packages),
            python=python_version(),
            git_revision=git_revision(),
            started=now(),
        )


def check_writable(folder: Path) -> None:
    """Makes sure that runs can be written to a folder, which is made if missing.

    Raises:
        UserError: if not.
    """
    probe = folder / ".writable"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise UserError(
            f"The results folder '{folder}' cannot be written ({error.strerror}); give another one with --out."
        ) from error


def _prices(job: Job, spending: Spending) -> dict[str, ResolvedPrice | None]:
    """What each of a run's models costs now, by role.

    Raises:
        UserError: if a cap is set and a price is unknown.
    """
    return {
        role: current_price(backend, spending.max_cost, batch=spending.batch) for role, backend in job.backends.items()
    }


def current_price(backend: Backend, max_cost: float | None, *, batch: bool = False) -> ResolvedPrice | None:
    """What a model costs now.

    Raises:
        UserError: if a cap is set and the price is unknown.
    """
    price = resolve_price(backend.config, datetime.now(UTC), batch=batch)
    if price is None and max_cost is not None and backend.cacheable:
        raise UserError(
            f"Nobody knows the price of '{backend.config.name}', so --max-cost cannot hold; add `price` to its YAML, or "
            "leave --max-cost out."
        )
    return price


def price_tables(prices: Mapping[str, ResolvedPrice | None]) -> str | None:
    """Where the prices of a run's models come from, for its manifest."""
    return "; ".join(dict.fromkeys(price.table for price in prices.values() if price)) or None


def _no_pictures(name: str, frames: int, without: int, missing: Sequence[str]) -> str:
    if without:
        return (
            f"{name} has no pictures for {without} of {frames} frames, and this model looks at them; use a nuScenes "
            "folder with samples/CAM_FRONT, or a baseline planner."
        )
    return (
        f"{len(missing)} of {frames} pictures are missing under {name}, the first is '{missing[0]}'; unpack the "
        "CAM_FRONT key frames there, or leave these scenes out with --scenes."
    )


def _run_name(model: str, planner: Planner, prompts: str) -> str:
    """The model, and what sets the run apart from three separate prompts in the usual wording."""
    parts = [model]
    parts += [planner.name] if planner.name != DEFAULT_PLANNER else []
    parts += planner.suffix
    parts += [prompts] if prompts != DEFAULT_PROMPTS else []
    return "+".join(parts)
