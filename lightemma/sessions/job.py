"""From a benchmark to runs: opens the data, makes planners and backends, checks everything before the first call."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from lightemma.backends.base import Backend, BatchBackend, Call
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
from lightemma.planners.base import Planner
from lightemma.planners.chain_of_thought import ChainOfThought
from lightemma.planners.conversation import window_of
from lightemma.planners.registry import make_planner, planner_class
from lightemma.prompts.sets import PromptSet, load_prompts
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
from lightemma.sessions.open_loop import Progress, RunOutcome, execute

log = logging.getLogger(__name__)

DEFAULT_PROMPTS = "three-stage"
DEFAULT_PLANNER = "chain-of-thought"

BackendMaker = Callable[[str], Backend]


@dataclass(frozen=True)
class Job:
    """One run to be made: one planner, at most one model, the frames."""

    name: str
    planner: Planner
    backend: Backend | None
    prompts: PromptSet | None


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
            if job.backend is not None:
                check_guided(job.planner, job.backend)
        return asyncio.run(self._run_jobs(jobs, spending or Spending(), watch, progress))

    async def _run_jobs(
        self, jobs: Sequence[Job], spending: Spending, watch: Watch | None, progress: Progress | None
    ) -> list[RunOutcome]:
        shared = _Shared(Stop(), Budget(spending.max_cost), {})
        prices = {job.name: _price(job, spending) for job in jobs}
        with ExitStack() as stack:
            if spending.cache and any(job.backend and job.backend.cacheable for job in jobs):
                shared.cache = stack.enter_context(ResponseCache(self.results / CACHE_FILE))
            stack.enter_context(stopping_on_interrupt(shared.stop))
            # All folders are opened before the first call: one that holds another run is refused while nothing is spent.
            writers = [
                stack.enter_context(RunWriter(self.results / job.name, self._manifest(job, prices[job.name])))
                for job in jobs
            ]
            servers = ServerPool(self.results)
            for job in jobs:
                if job.backend is not None:
                    job.backend.prepare_run(self.results / job.name, servers)
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
        price: ResolvedPrice | None,
        shared: _Shared,
        spending: Spending,
        watch: Watch | None,
        progress: Progress | None,
    ) -> RunOutcome:
        monitor = Monitor(job.name, frames=self.frame_count)
        services = shared.services(job.backend, monitor, price, self.benchmark.concurrency) if job.backend else None
        if watch:
            watch(monitor)

        def told(record: FrameRecord) -> None:
            monitor.frame_done(record)
            if progress:
                progress(record)

        call: Call | None = None
        if spending.batch and job.backend:
            try:
                call = await self._batch(job, writer, shared, spending)
            except Stopped:
                await job.backend.aclose()
                return RunOutcome(self.frame_count, 0, 0, 0, shared.stop.reason)
        return await execute(
            self.frames(),
            job.planner,
            job.backend,
            writer,
            self.protocol,
            self.benchmark.pictures.policy(),
            progress=told,
            services=services,
            call=call,
        )

    async def _batch(self, job: Job, writer: RunWriter, shared: _Shared, spending: Spending) -> Call:
        backend = job.backend
        if not isinstance(backend, BatchBackend) or shared.cache is None:
            raise UserError(
                f"The provider of '{job.name}' has no batch endpoint, or the cache is off; leave --batch out for this model."
            )
        waves = BatchRun(backend, shared.cache, writer.folder, shared.stop, log.info, spending.poll_s)
        return await waves.answer(self.frames, job.planner, self.benchmark.pictures.policy())

    def _survey(self) -> tuple[list[str], set[str]]:
        """Walks all frames once, keeping only their names, and looks whether the pictures are there."""
        asking = [job for job in self.jobs if job.backend and job.backend.reads_pictures]
        looks, earlier = bool(asking), max((job.planner.frames - 1 for job in asking), default=0)
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
        jobs: list[Job] = []
        for name in benchmark.planners:
            if not planner_class(name).asks_model:
                planner = make_planner(name, prompts, benchmark.parser)
                jobs.append(Job(planner.name, planner, None, None))
                continue
            if not benchmark.models:
                raise UserError(
                    f"The planner '{name}' asks a model; name one with --model (`lightemma models` lists them)."
                )
            for spec in benchmark.models:
                backend = backends(spec)
                window = window_of(backend.config)
                planner = make_planner(name, prompts, benchmark.parser, benchmark.asking, window)
                wording = planner.prompts if isinstance(planner, ChainOfThought) else prompts
                jobs.append(Job(_run_name(backend.config.name, planner, prompts.name), planner, backend, wording))
        if benchmark.name is not None:
            if len(jobs) > 1:
                raise UserError(
                    f"--name names one run, but this makes {len(jobs)}; leave it out, or run them one by one."
                )
            jobs = [Job(benchmark.name, jobs[0].planner, jobs[0].backend, jobs[0].prompts)]
        names = [job.name for job in jobs]
        for name in names:
            check_run_name(name)
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise UserError(f"Two runs would be called '{twice[0]}'; run them one by one with --name.")
        return jobs

    def _manifest(self, job: Job, price: ResolvedPrice | None) -> Manifest:
        info, benchmark = self.source.info, self.benchmark
        sees = job.backend is not None and job.backend.reads_pictures
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
            model=model_entry(job.backend, price) if job.backend else None,
            price_table=price.table if price else None,
            prompts=PromptsEntry(job.prompts.name, job.prompts.sha256, job.prompts.settings.answer)
            if job.prompts
            else None,
            images=benchmark.pictures.policy().as_dict() if sees else None,
            packages=package_versions(
                (*(job.backend.packages if job.backend else ()), *distributions_of(type(job.planner).__module__))
            ),
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


def _price(job: Job, spending: Spending) -> ResolvedPrice | None:
    """What the model costs now.

    Raises:
        UserError: if a cap is set and nobody knows the price.
    """
    if job.backend is None:
        return None
    price = resolve_price(job.backend.config, datetime.now(UTC), batch=spending.batch)
    if price is None and spending.max_cost is not None and job.backend.cacheable:
        raise UserError(
            f"Nobody knows the price of '{job.backend.config.name}', so --max-cost cannot hold; add `price` to its YAML, or "
            "leave --max-cost out."
        )
    return price


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
    parts += planner.words
    parts += [prompts] if prompts != DEFAULT_PROMPTS else []
    return "+".join(parts)
