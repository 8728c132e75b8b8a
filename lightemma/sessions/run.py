"""A run in progress, what it may spend, and how it ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from lightemma.calls.cache import ResponseCache
from lightemma.calls.caller import CallContext, ModelCaller
from lightemma.calls.cancellation import Cancellation
from lightemma.calls.health import Tally
from lightemma.calls.monitor import Monitor
from lightemma.calls.prices import ResolvedPrice
from lightemma.peak_memory import gpu_peak, process_peak, start_counting
from lightemma.run_folder.manifest import Manifest, MemoryEntry
from lightemma.run_folder.records import FrameRecord
from lightemma.run_folder.store import RunWriter
from lightemma.sessions.batch import POLL_S
from lightemma.sessions.concurrency_entries import SessionConcurrency
from lightemma.sessions.jobs import Job

#: Role -> price of its model; None if unknown.
Prices = Mapping[str, ResolvedPrice | None]
#: Called with the record of every finished frame or episode.
Progress = Callable[[Any], None]
#: Seconds between two notes of a run's GPU time and of how many calls at a time were allowed.
NOTED_S = 60.0


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
    _answered: list[str] = field(default_factory=list)

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
        answered = self._concurrency.answered()
        due = time.monotonic() - self._noted >= NOTED_S and (
            manifest.gpu_seconds != self.gpu_seconds or manifest.concurrency != self._concurrency.entries()
        )
        if now_named or due or answered != self._answered:
            self._noted, self._answered = time.monotonic(), answered
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
