"""A session: opens what the runs of a command share, drives the runs concurrently, and records how each ended.

The ``Work`` is what they drive: the frames of a source (``frames_of_source``) or the episodes of a world (``closed_loop``).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import msgspec

from lightemma.backends.base import Backend, BatchBackend
from lightemma.backends.config import Limits, ModelConfig
from lightemma.calls.budget import Budget
from lightemma.calls.cache import FILE as CACHE_FILE
from lightemma.calls.cache import ResponseCache
from lightemma.calls.caller import CallContext, ModelCaller
from lightemma.calls.cancellation import Cancellation, cancelling_on_interrupt
from lightemma.calls.health import Tally
from lightemma.calls.identity import addresses
from lightemma.calls.limits import ProviderLimits
from lightemma.calls.monitor import Monitor
from lightemma.calls.prices import ResolvedPrice, resolve_price
from lightemma.errors import UserError
from lightemma.peak_memory import gpu_peak, process_peak, start_counting
from lightemma.run_folder.lock import RunLock
from lightemma.run_folder.manifest import Manifest, MemoryEntry, now
from lightemma.run_folder.places import run_place
from lightemma.run_folder.records import FrameRecord
from lightemma.run_folder.store import RunWriter, count_calls
from lightemma.serving.pool import ServerPool
from lightemma.sessions.batch import POLL_S
from lightemma.sessions.concurrency_entries import SessionConcurrency
from lightemma.sessions.constraints_check import check_constraint
from lightemma.sessions.jobs import Job

#: Role -> price of its model; None if unknown.
Prices = Mapping[str, ResolvedPrice | None]
#: Called with every run's counters before the run begins; it may read them at any time.
Watch = Callable[[Monitor], None]
#: Called with the record of every finished frame or episode.
Progress = Callable[[Any], None]

#: Files and connections that a process may have open, where the system allows it.
MANY_FILES = 8192
#: Seconds between two notes of a run's GPU time.
NOTED_S = 60.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Spending:
    """How a session may use its providers.

    Attributes:
        max_cost: dollars for all runs together; None sets no limit.
        cache: whether stored answers are used, and new ones stored.
        batch: submit calls in batches, answered within hours at a lower price.
        poll_s: seconds between two requests for a batch's state.
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
        done: driven in this session.
        kept: finished by an earlier session.
        failed: of ``done``, those with failed calls; the same command tries them again.
        stopped: why the run stopped before its end, as a clause, or None.
        planner_errors: of ``failed``, those in which the planner itself failed.
        first_error: the first error of the planner, or None.
        first_call_error: why the first failed call left a frame without a plan, or None.
        reason: the most frequent failure of calls, with the provider's message, or None.
        calls: recorded in this session.
        cached: of these, answered from the response cache.
        decided: what a run that ended before its last scene found, as a clause, or None.
        dollars: spent in this session; None if the price is unknown.
        plans: asked for in this session: one per frame, several per episode.
        misformed: of these, those whose answer breaks the format.
        misform: how most of these do so, or None.
    """

    total: int
    done: int
    kept: int
    failed: int
    stopped: str | None = None
    planner_errors: int = 0
    first_error: str | None = None
    first_call_error: str | None = None
    reason: str | None = None
    calls: int = 0
    cached: int = 0
    decided: str | None = None
    dollars: float | None = None
    plans: int = 0
    misformed: int = 0
    misform: str | None = None


class Answering(Protocol):
    """What answers a role's calls.

    Attributes:
        answered_as: the model as the provider names the one that answered last; None if none did.
    """

    answered_as: str | None


@dataclass
class Run:
    """A run in progress, as ``Work.drive`` gets it.

    Attributes:
        job: planner and models.
        writer: the open run folder.
        monitor: counters, which ``drive`` updates.
        cancellation: tells when to end.
        calls: role -> call of its model.
        contexts: of each model, the main one first; a planner without models has a single one, which limits how many frames
            or episodes are in progress.
        spending: how providers may be used.
        cache: stored answers, or None.
        progress: called with every record.
        tally: counts the calls of every record.
        begun: when it began, on the clock of ``time.monotonic``.
        answering: role -> what answers in place of ``calls``, such as the batches; None for ``calls``.
    """

    job: Job
    writer: RunWriter
    monitor: Monitor
    cancellation: Cancellation
    calls: dict[str, ModelCaller]
    contexts: list[CallContext]
    spending: Spending
    cache: ResponseCache | None
    progress: Progress
    tally: Tally = field(default_factory=Tally)
    begun: float = field(default_factory=time.monotonic)
    answering: Mapping[str, Answering] | None = None
    _gpu_seconds_before: float | None = None
    _concurrency: SessionConcurrency = field(init=False)
    _noted: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self._gpu_seconds_before = self.writer.manifest.gpu_seconds
        start_counting()
        limits = {role: one.limits for role, one in zip(self.calls, self.contexts, strict=False)}
        self._concurrency = SessionConcurrency(self.writer.manifest.concurrency, limits)

    def append(self, record: FrameRecord) -> None:
        """Writes a frame.

        What only a session itself knows is written down with it, so that it is not lost with a session that is killed.

        Raises:
            UserError: if it cannot be written.
        """
        manifest = self.writer.manifest
        unnamed = [role for role, entry in manifest.models.items() if entry.answered_as is None]
        names = self._names()
        now_named = any(names.get(role) for role in unnamed)
        due = manifest.gpu_seconds != self.gpu_seconds and time.monotonic() - self._noted >= NOTED_S
        if now_named or due:
            self._noted = time.monotonic()
            self.writer.finish(self.known())
        self.writer.append(record)

    @property
    def gpu_seconds(self) -> float | None:
        """Of this machine's GPUs, of all sessions up to now; None if it used none."""
        # Models on the same server share its GPUs.
        gpus = sum({backend.rate_key: backend.gpu_count for backend in self.job.models}.values())
        if not gpus:
            return self._gpu_seconds_before
        return (self._gpu_seconds_before or 0.0) + (time.monotonic() - self.begun) * gpus

    @property
    def memory(self) -> MemoryEntry | None:
        """At the most, of all sessions up to now; None unless every model runs in this process, where it can be measured."""
        before = self.writer.manifest.memory
        if not self.job.models or not all(backend.in_this_process for backend in self.job.models):
            return before
        return MemoryEntry(process_peak(), gpu_peak()).with_more(before)

    def _names(self) -> dict[str, str | None]:
        """Role -> the model that answered, as its provider names it."""
        return {role: call.answered_as for role, call in (self.answering or self.calls).items()}

    def known(self) -> Manifest:
        """The manifest with the models that answered and the GPU time, as far as they are known now."""
        manifest = self.writer.manifest.answered_by(self._names())
        concurrency = self._concurrency.entries()
        return msgspec.structs.replace(
            manifest, gpu_seconds=self.gpu_seconds, memory=self.memory, concurrency=concurrency
        )

    def outcome(
        self,
        total: int,
        done: int,
        kept: int,
        failed: int,
        planner_errors: int = 0,
        first_error: str | None = None,
        first_call_error: str | None = None,
    ) -> RunOutcome:
        """How the run ended; see ``RunOutcome``. A complete run does not count as stopped."""
        stopped = self.cancellation.reason if kept + done < total else None
        tally = self.tally
        return RunOutcome(
            total,
            done,
            kept,
            failed,
            stopped,
            planner_errors,
            first_error,
            first_call_error,
            tally.commonest,
            tally.calls,
            tally.cached,
            dollars=self.monitor.dollars,
            plans=self.monitor.plans,
            misformed=self.monitor.misformed,
            misform=self.monitor.commonest_misform,
        )


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
            f"The results folder '{folder}' cannot be written ({error.strerror}); give another one as `results`.",
            "results",
        ) from error


def _finished(run: Run, outcome: RunOutcome) -> Manifest:
    """The manifest of a run that has ended, with its GPU time, the models that answered, and when it was completed."""
    calls, cached = count_calls(run.writer.folder)
    ended = None if outcome.stopped else now()
    return msgspec.structs.replace(run.known(), calls=calls, cached_calls=cached, ended=ended)
