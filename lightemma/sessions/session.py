"""A session: opens what the runs of a command share, drives the runs concurrently, and records how each ended.

The ``Work`` is what they drive: the frames of a source (``frames_of_source``) or the episodes of a world (``closed_loop``).
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar, Generic, Protocol, TypeVar

import msgspec

from lightemma.backends.base import Backend, BatchBackend
from lightemma.backends.config import Limits, ModelConfig
from lightemma.calls.budget import Budget
from lightemma.calls.cache import FILE as CACHE_FILE
from lightemma.calls.cache import ResponseCache
from lightemma.calls.caller import CallContext, ModelCaller
from lightemma.calls.cancellation import Cancellation, cancelling_on_interrupt
from lightemma.calls.identity import addresses
from lightemma.calls.limits import ProviderLimits
from lightemma.calls.monitor import Monitor
from lightemma.calls.prices import ResolvedPrice, resolve_price
from lightemma.errors import UserError
from lightemma.run_folder.lock import RunLock
from lightemma.run_folder.manifest import Manifest, now
from lightemma.run_folder.places import run_place
from lightemma.run_folder.store import RunWriter, count_calls
from lightemma.serving.pool import ServerPool
from lightemma.sessions.constraints_check import check_constraint
from lightemma.sessions.jobs import Job
from lightemma.sessions.run import Prices, Progress, Run, RunOutcome, Spending

#: Called with every run's counters before the run begins; it may read them at any time.
Watch = Callable[[Monitor], None]

#: Files and connections that a process may have open, where the system allows it.
MANY_FILES = 8192

log = logging.getLogger(__name__)


class Work(Protocol):
    """What all runs of a session drive.

    Attributes:
        unit: what is counted: ``frames`` or ``episodes``.
        batches: whether its calls can be submitted in batches.
    """

    unit: ClassVar[str]
    batches: ClassVar[bool]

    @property
    def size(self) -> int:
        """Number of frames or episodes in every run."""

    @property
    def default_concurrency(self) -> int:
        """Concurrent frames or episodes of a planner without models, unless the command sets a number."""

    def manifest(self, job: Job, prices: Prices) -> Manifest:
        """The manifest of a run."""

    def open_writer(self, folder: Path, manifest: Manifest) -> RunWriter:
        """Opens a new or an existing run folder.

        Raises:
            UserError: if it holds another run, or cannot be written.
        """

    def opened(self) -> AbstractContextManager[object]:
        """Opens the resources that the runs need, for as long as the context lasts."""

    async def drive(self, run: Run) -> RunOutcome:
        """Drives one run to its end. The session closes the models and completes the manifest.

        Raises:
            UserError: if the run cannot continue; finished work is kept.
        """


W = TypeVar("W", bound=Work)


@dataclass
class Session(Generic[W]):
    """The runs of one command.

    Attributes:
        work: the frames or episodes that they drive.
        jobs: the runs.
        results: folder of results: of what the runs share, and of the runs.
        data: name of the folder inside ``results`` for the runs over these data, see ``run_folder/places.py``; an empty string
            puts them directly into ``results``.
        concurrency: concurrent calls of each provider (for a planner without models: frames or episodes); None adapts.
        check: is given a model before its first call that the cache does not answer; raises UserError if it cannot be asked.
    """

    work: W
    jobs: Sequence[Job]
    results: Path
    concurrency: int | None = None
    check: Callable[[ModelConfig], None] | None = None
    data: str = ""

    def folder(self, job: Job) -> Path:
        """Where a run is, or will be.

        Raises:
            UserError: if the manifest of a run that is there is broken.
        """
        return run_place(self.results, self.data, job.name)

    def run(
        self, spending: Spending | None = None, watch: Watch | None = None, progress: Progress | None = None
    ) -> list[RunOutcome]:
        """Drives all runs concurrently; resumes where an earlier session stopped.

        Returns:
            How each ended, in the order of ``jobs``.

        Raises:
            UserError: if a run could not continue; the other runs were driven to their end before. Also if an error is found
                before the first call; then no request was sent.
        """
        spending = spending or Spending()
        check_writable(self.results)
        self._check(spending)
        return asyncio.run(self.run_all(spending, watch, progress))

    def _check(self, spending: Spending) -> None:
        for job in self.jobs:
            check_constraint(job.planner, job.backends)
            for backend in job.models if spending.batch else ():
                if not self.work.batches:
                    raise UserError(
                        f"`batch` is for recorded frames: in the {self.work.unit} of a world the next picture depends on the "
                        "last answer; leave it out.",
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
        """Like ``run``, for callers with their own event loop, who must do the checks of ``run`` themselves."""
        allow_many_files()
        shared = _Shared(Cancellation(), Budget(spending.max_cost), self.concurrency, check=self.check)
        prices = {job.name: prices_of(job, spending) for job in self.jobs}
        async with AsyncExitStack() as stack:
            if spending.cache and any(backend.cacheable for job in self.jobs for backend in job.models):
                shared.cache = stack.enter_context(ResponseCache(self.results / CACHE_FILE))
                self._say_unused(shared.cache)
            stack.enter_context(cancelling_on_interrupt(shared.cancellation))
            folders = {job.name: self.folder(job) for job in self.jobs}
            for folder in folders.values():
                stack.enter_context(RunLock(folder))
            # All folders are opened before the first call: a folder with another run is refused before money is spent.
            writers = [
                stack.enter_context(self.work.open_writer(folders[job.name], self.work.manifest(job, prices[job.name])))
                for job in self.jobs
            ]
            stack.enter_context(self.work.opened())
            servers = ServerPool(self.results)
            stack.push_async_callback(servers.aclose)
            for job in self.jobs:
                for backend in job.models:
                    backend.prepare_run(folders[job.name], servers)
            runs = [
                shared.start(job, writer, prices[job.name], self.work, spending, progress)
                for job, writer in zip(self.jobs, writers, strict=True)
            ]
            users = Counter(id(backend) for job in self.jobs for backend in job.models)
            ended = await asyncio.gather(*(self._drive(run, users, watch) for run in runs), return_exceptions=True)
        outcomes: list[RunOutcome] = []
        for result in ended:
            if isinstance(result, BaseException):
                raise result
            outcomes.append(result)
        return outcomes

    def _say_unused(self, cache: ResponseCache) -> None:
        for backend in (one for job in self.jobs for one in job.models if one.cacheable):
            if addresses(backend.config) and cache.holds_old_answers(backend.config.name):
                log.warning(
                    "Answers of version 0.1 to '%s' do not say which server gave them, so they are not used.",
                    backend.config.name,
                )

    async def _drive(self, run: Run, users: Counter[int], watch: Watch | None) -> RunOutcome:
        if watch:
            watch(run.monitor)
        try:
            outcome = await self.work.drive(run)
        finally:
            for backend in run.job.models:  # the last run that uses a model frees it
                users[id(backend)] -= 1
                if not users[id(backend)]:
                    await backend.aclose()
        run.writer.finish(_finished(run, outcome))
        return outcome


@dataclass
class _Shared:
    """What the runs of one session share."""

    cancellation: Cancellation
    budget: Budget
    concurrency: int | None
    limits: dict[str, ProviderLimits] = field(default_factory=dict)
    cache: ResponseCache | None = None
    check: Callable[[ModelConfig], None] | None = None

    def start(
        self, job: Job, writer: RunWriter, prices: Prices, work: Work, spending: Spending, progress: Progress | None
    ) -> Run:
        """Makes a run in progress."""
        monitor = Monitor(job.name, frames=work.size, unit=work.unit)
        ending = Cancellation(self.cancellation)
        contexts = {role: self._context(one, monitor, ending, prices[role]) for role, one in job.backends.items()}
        calls = {role: ModelCaller(one, contexts[role], role) for role, one in job.backends.items()}
        in_order = list(contexts.values())
        if in_order:
            monitor.pool = in_order[0].limits.pool
        else:
            limits = ProviderLimits(Limits(), self.concurrency or work.default_concurrency)
            in_order = [CallContext(limits, monitor, ending)]
        report = progress or (lambda record: None)
        return Run(job, writer, monitor, ending, calls, in_order, spending, self.cache, report)

    def _context(
        self, backend: Backend, monitor: Monitor, ending: Cancellation, price: ResolvedPrice | None
    ) -> CallContext:
        """The context of ``backend``'s calls; models of one provider share its limits."""
        if backend.rate_key not in self.limits:
            self.limits[backend.rate_key] = ProviderLimits(backend.config.limits, self.concurrency)
        cache = self.cache if backend.cacheable else None
        limits = self.limits[backend.rate_key]
        return CallContext(limits, monitor, ending, self.budget, price, cache, check=self.check)


def prices_of(job: Job, spending: Spending) -> dict[str, ResolvedPrice | None]:
    """The present prices of a run's models, by role.

    Raises:
        UserError: if there is a maximum cost, and the price of a model that costs money is unknown.
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


def allow_many_files() -> None:
    """Lets this process open as many files and connections as the system allows it; its usual limit is for small programs."""
    try:
        import resource
    except ImportError:  # Windows
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MANY_FILES if hard == resource.RLIM_INFINITY else min(hard, MANY_FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def check_writable(folder: Path) -> None:
    """Checks that runs can be written to a folder, which is made if missing.

    Raises:
        UserError: if not.
    """
    probe = folder / ".writable"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink(missing_ok=True)  # another process may be checking too
    except OSError as error:
        raise UserError(
            f"The folder '{folder}' cannot be written ({error.strerror}); give another one as `results`.",
            "results",
        ) from error


def _finished(run: Run, outcome: RunOutcome) -> Manifest:
    """The manifest of a run that has ended, with its GPU time, the models that answered, and when it was completed."""
    calls, cached = count_calls(run.writer.folder)
    ended = None if outcome.stopped else now()
    return msgspec.structs.replace(run.known(), calls=calls, cached_calls=cached, ended=ended)
