"""One command's runs: opens once what they share, drives them concurrently and records how each ended.

What is driven is a ``Work``: the frames of a source (``frames_of_source``) or the episodes of a world (``closed_loop``).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import msgspec

from lightemma.backends.base import Backend, BatchBackend
from lightemma.backends.config import Limits
from lightemma.calls.budget import Budget
from lightemma.calls.cache import FILE as CACHE_FILE
from lightemma.calls.cache import ResponseCache
from lightemma.calls.caller import CallServices, ModelCaller
from lightemma.calls.cancellation import Cancellation, cancelling_on_interrupt
from lightemma.calls.limits import ProviderLimits
from lightemma.calls.monitor import Monitor
from lightemma.calls.prices import ResolvedPrice, resolve_price
from lightemma.errors import UserError
from lightemma.run_folder.manifest import Manifest, now
from lightemma.run_folder.store import RunWriter
from lightemma.serving.pool import ServerPool
from lightemma.sessions.batch import POLL_S
from lightemma.sessions.guided import check_guided
from lightemma.sessions.jobs import Job

#: Role -> what its model costs; None if that is unknown.
Prices = Mapping[str, ResolvedPrice | None]
#: Is given every run's counters once, before the run begins, and may read them at any time.
Watch = Callable[[Monitor], None]
#: Is given the record of everything that is finished: of a frame, or of an episode.
Progress = Callable[[Any], None]


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


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """How a run ended.

    Attributes:
        total: frames or episodes that the run was to cover.
        done: of these, driven in this session.
        kept: finished by an earlier session.
        failed: driven now, with failed calls; the same command tries them again.
        stopped: a clause that says why the run ended before its time, or None.
        planner_errors: of ``failed``, those on which the planner itself failed.
        first_error: of the first of these, or None.
    """

    total: int
    done: int
    kept: int
    failed: int
    stopped: str | None = None
    planner_errors: int = 0
    first_error: str | None = None


@dataclass
class Run:
    """A run in progress, as a work is given it.

    Attributes:
        job: planner and models.
        writer: the open run folder.
        monitor: counters, to be kept up to date.
        cancellation: says when to end.
        calls: role -> the way to ask its model.
        services: of each model, the main one first; of a planner without one, a single entry that bounds how much is in
            progress.
        spending: how providers may be used.
        cache: answers given before, or None.
        progress: is given every record.
    """

    job: Job
    writer: RunWriter
    monitor: Monitor
    cancellation: Cancellation
    calls: dict[str, ModelCaller]
    services: list[CallServices]
    spending: Spending
    cache: ResponseCache | None
    progress: Progress

    def outcome(
        self, total: int, done: int, kept: int, failed: int, planner_errors: int = 0, first_error: str | None = None
    ) -> RunOutcome:
        """How the run ended; see ``RunOutcome``. One that was complete when it was to end is complete."""
        stopped = self.cancellation.reason if kept + done < total else None
        return RunOutcome(total, done, kept, failed, stopped, planner_errors, first_error)


class Work(Protocol):
    """What all runs of a session drive.

    Attributes:
        unit: the word for what is counted: ``frames`` or ``episodes``.
        batches: whether its calls can be handed over in batches.
    """

    unit: ClassVar[str]
    batches: ClassVar[bool]

    @property
    def size(self) -> int:
        """How many of them every run covers."""

    @property
    def at_once(self) -> int:
        """How many are driven concurrently for a planner without models, unless the command says."""

    def manifest(self, job: Job, prices: Prices) -> Manifest:
        """What a run of it is."""

    def open_writer(self, folder: Path, manifest: Manifest) -> RunWriter:
        """Opens a run's folder, where it was left or anew.

        Raises:
            UserError: if it holds another run, or cannot be written.
        """

    def opened(self) -> AbstractContextManager[object]:
        """Holds open what the runs drive with, while the context lasts."""

    async def drive(self, run: Run) -> RunOutcome:
        """Drives one run to its end. Models are closed, and the manifest is finished, by the session.

        Raises:
            UserError: if the run cannot continue; what is done is kept.
        """


W = TypeVar("W", bound=Work)


@dataclass
class Session(Generic[W]):
    """The runs of one command.

    Attributes:
        work: what they drive.
        jobs: the runs.
        results: folder of runs.
        concurrency: concurrent calls of each provider (of a planner without a model: frames or episodes); None adapts.
    """

    work: W
    jobs: Sequence[Job]
    results: Path
    concurrency: int | None = None

    def run(
        self, spending: Spending | None = None, watch: Watch | None = None, progress: Progress | None = None
    ) -> list[RunOutcome]:
        """Drives all runs concurrently; resumes where an earlier session stopped.

        Returns:
            How each ended, in the order of ``jobs``.

        Raises:
            UserError: if a run could not continue; the others were driven to their end before. Also if something is wrong
                that can be known before the first call; then nothing was asked.
        """
        spending = spending or Spending()
        check_writable(self.results)
        self._check(spending)
        return asyncio.run(self.run_all(spending, watch, progress))

    def _check(self, spending: Spending) -> None:
        for job in self.jobs:
            check_guided(job.planner, job.backends)
            for backend in job.models if spending.batch else ():
                if not self.work.batches:
                    raise UserError(
                        f"`batch` is for recorded frames: in the {self.work.unit} of a world the next picture depends on the "
                        "answer before; leave it out.",
                        "batch",
                    )
                if not isinstance(backend, BatchBackend) or not spending.cache:
                    raise UserError(
                        f"The provider of '{job.name}' has no batch endpoint, or the cache is off; leave `batch` out for this "
                        "model.",
                        "batch",
                    )

    async def run_all(
        self, spending: Spending, watch: Watch | None = None, progress: Progress | None = None
    ) -> list[RunOutcome]:
        """``run`` for callers with an event loop of their own, who have checked what ``run`` checks."""
        shared = _Shared(Cancellation(), Budget(spending.max_cost), self.concurrency)
        prices = {job.name: prices_of(job, spending) for job in self.jobs}
        async with AsyncExitStack() as stack:
            if spending.cache and any(backend.cacheable for job in self.jobs for backend in job.models):
                shared.cache = stack.enter_context(ResponseCache(self.results / CACHE_FILE))
            stack.enter_context(cancelling_on_interrupt(shared.cancellation))
            # All folders are opened before the first call: one that holds another run is refused while nothing is spent.
            writers = [
                stack.enter_context(
                    self.work.open_writer(self.results / job.name, self.work.manifest(job, prices[job.name]))
                )
                for job in self.jobs
            ]
            stack.enter_context(self.work.opened())
            servers = ServerPool(self.results)
            stack.push_async_callback(servers.aclose)
            for job in self.jobs:
                for backend in job.models:
                    backend.prepare_run(self.results / job.name, servers)
            runs = [
                shared.start(job, writer, prices[job.name], self.work, spending, progress)
                for job, writer in zip(self.jobs, writers, strict=True)
            ]
            ended = await asyncio.gather(*(self._drive(run, watch) for run in runs), return_exceptions=True)
        outcomes: list[RunOutcome] = []
        for result in ended:
            if isinstance(result, BaseException):
                raise result
            outcomes.append(result)
        return outcomes

    async def _drive(self, run: Run, watch: Watch | None) -> RunOutcome:
        if watch:
            watch(run.monitor)
        started = time.monotonic()
        try:
            outcome = await self.work.drive(run)
        finally:
            for backend in run.job.models:
                await backend.aclose()
        run.writer.finish(_finished(run, outcome, time.monotonic() - started))
        return outcome


@dataclass
class _Shared:
    """What the runs of one command share."""

    cancellation: Cancellation
    budget: Budget
    concurrency: int | None
    limits: dict[str, ProviderLimits] = field(default_factory=dict)
    cache: ResponseCache | None = None

    def start(
        self, job: Job, writer: RunWriter, prices: Prices, work: Work, spending: Spending, progress: Progress | None
    ) -> Run:
        """A run that is about to begin."""
        monitor = Monitor(job.name, frames=work.size, unit=work.unit)
        services = {role: self._services(one, monitor, prices[role]) for role, one in job.backends.items()}
        calls = {role: ModelCaller(one, services[role], role) for role, one in job.backends.items()}
        between = list(services.values())
        if between:
            monitor.pool = between[0].gate.pool
        else:
            limits = ProviderLimits(Limits(), self.concurrency or work.at_once)
            between = [CallServices(limits, monitor, self.cancellation)]
        report = progress or (lambda record: None)
        return Run(job, writer, monitor, self.cancellation, calls, between, spending, self.cache, report)

    def _services(self, backend: Backend, monitor: Monitor, price: ResolvedPrice | None) -> CallServices:
        """What is between a planner and ``backend``; models of one provider share its limits."""
        if backend.rate_key not in self.limits:
            self.limits[backend.rate_key] = ProviderLimits(backend.config.limits, self.concurrency)
        cache = self.cache if backend.cacheable else None
        return CallServices(self.limits[backend.rate_key], monitor, self.cancellation, self.budget, price, cache)


def prices_of(job: Job, spending: Spending) -> dict[str, ResolvedPrice | None]:
    """What the models of a run cost now, by role.

    Raises:
        UserError: if there is a cap, and the price of a model that costs money is unknown.
    """
    at = datetime.now(UTC)
    prices: dict[str, ResolvedPrice | None] = {}
    for role, backend in job.backends.items():
        price = resolve_price(backend.config, at, batch=spending.batch)
        if price is None and spending.max_cost is not None and backend.cacheable:
            raise UserError(
                f"The price of '{backend.config.name}' is unknown, so `max_cost` cannot hold; add `price` to its YAML, or "
                "leave `max_cost` out.",
                "max_cost",
            )
        prices[role] = price
    return prices


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
            f"The results folder '{folder}' cannot be written ({error.strerror}); give another one as `results`.",
            "results",
        ) from error


def _finished(run: Run, outcome: RunOutcome, seconds: float) -> Manifest:
    """The manifest of a run that has ended: its GPU time, who answered, and when it was complete."""
    manifest = run.writer.manifest.answered_by({role: call.answered_as for role, call in run.calls.items()})
    # Models on the same server hold its GPUs together.
    gpus = sum({backend.rate_key: backend.gpu_count for backend in run.job.models}.values())
    if gpus:
        manifest = msgspec.structs.replace(manifest, gpu_seconds=(manifest.gpu_seconds or 0.0) + seconds * gpus)
    return msgspec.structs.replace(manifest, ended=None if outcome.stopped else now())
