"""The open loop's work: planners over the recorded frames of a source."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import msgspec

from lightemma.backends.base import BatchBackend, Call
from lightemma.calls.cancellation import Cancelled
from lightemma.data.base import FrameSource
from lightemma.data.commands import with_command
from lightemma.data.data_locations import remember_source
from lightemma.data.sources import open_source
from lightemma.errors import UserError
from lightemma.evaluation.until_decided import UntilDecided, sentence
from lightemma.frame import Frame
from lightemma.protocol import Protocol, protocol_named
from lightemma.run_folder.manifest import DataEntry, Manifest, frame_set_digest
from lightemma.run_folder.places import data_folder
from lightemma.run_folder.store import RunWriter, read_numbers
from lightemma.sessions.batch import BatchRun
from lightemma.sessions.batch_collector import BatchCollector
from lightemma.sessions.benchmark import Benchmark
from lightemma.sessions.jobs import Job, make_jobs
from lightemma.sessions.kept_frames import refuse_changes
from lightemma.sessions.manifests import run_manifest
from lightemma.sessions.models import make_backend
from lightemma.sessions.open_loop import drive_frames
from lightemma.sessions.roles import BackendMaker
from lightemma.sessions.run import Prices, Run, RunOutcome
from lightemma.sessions.session import Session, check_writable
from lightemma.sessions.survey import FrameSet, survey
from lightemma.sessions.views import Views, views_of

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FramesOfSource:
    """The frames that a benchmark names, of an open source.

    Attributes:
        benchmark: which frames, and how they are driven.
        source: where they are from.
        protocol: how plans become trajectories.
        chosen: tokens and scenes of the frames.
    """

    unit: ClassVar[str] = "frames"
    batches: ClassVar[bool] = True

    benchmark: Benchmark
    source: FrameSource
    protocol: Protocol
    chosen: FrameSet

    @property
    def size(self) -> int:
        """How many frames every run covers."""
        return len(self.chosen.tokens)

    @property
    def default_concurrency(self) -> int:
        """Concurrent frames of a planner without models: one per processor, at most 8."""
        return min(os.cpu_count() or 1, 8)

    def frames(self, scenes: Sequence[str] | None = None) -> Iterator[Frame]:
        """The frames, read one by one.

        Args:
            scenes: their order; the benchmark's own if None.
        """
        return self.source.frames(scenes or self.benchmark.scenes, self.benchmark.stride, self.benchmark.limit)

    def until(self) -> UntilDecided | None:
        """What ends a run before its last scene, if the benchmark wants that.

        Raises:
            UserError: if there are too few scenes.
        """
        margin = self.benchmark.until_decided
        return None if margin is None else UntilDecided(self.chosen.per_scene, margin, self.protocol)

    def frames_for(self, job: Job, scenes: Sequence[str] | None = None) -> Iterator[Frame]:
        """The frames as a run's planner gets them: with the command where it needs one.

        Args:
            job: the run.
            scenes: their order; the benchmark's own if None.
        """
        frames = self.frames(scenes)
        return map(with_command, frames) if job.planner.needs().command else frames

    def views(self, job: Job) -> Views:
        """What loads the pictures and examples of a run.

        Raises:
            UserError: if the data lacks what the planner needs.
        """
        return views_of(job.planner.needs(), job.pictures, self.source, self.benchmark.pictures.policy())

    def manifest(self, job: Job, prices: Prices) -> Manifest:
        """The manifest of a run over these frames."""
        info, benchmark = self.source.info, self.benchmark
        data = DataEntry(
            source=info.source,
            name=info.name,
            version=info.version,
            scenes=self.chosen.scenes,
            frames=self.size,
            frame_set=frame_set_digest(self.chosen.tokens),
            stride=benchmark.stride,
            limit=benchmark.limit,
        )
        images = benchmark.pictures.policy().as_dict() if job.pictures else None
        return run_manifest(job, prices, data, self.protocol, benchmark.parser, images, self.source.packages)

    def open_writer(self, folder: Path, manifest: Manifest) -> RunWriter:
        """Opens a new or an existing run folder; a run over fewer of these frames grows."""
        return RunWriter(folder, manifest, self.chosen.tokens, packs=True)

    def opened(self) -> AbstractContextManager[object]:
        """Does nothing: frames need no open resources."""
        return nullcontext()

    async def drive(self, run: Run) -> RunOutcome:
        """Drives one run over all frames that are not finished yet, or until it is decided.

        Raises:
            UserError: if the run cannot continue, or its data has changed since it began, or it should be decided early and
                has too few scenes or is a batch.
        """
        until = self.until()
        if until is not None and run.spending.batch:
            raise UserError(
                "`until_decided` ends a run in the middle, and a batch asks everything at once; leave one of them out.",
                "until_decided",
            )
        await asyncio.to_thread(refuse_changes, run.writer.folder, self.frames(), run.job.pictures)
        calls: Mapping[str, Call] = run.calls
        if run.spending.batch and run.job.backends:
            try:
                calls = run.answering = await self._batch(run)
            except Cancelled:
                return run.outcome(self.size, 0, 0, 0)
        views = self.views(run.job)
        if until is None:
            return await drive_frames(
                self.frames_for(run.job), self.size, run, calls, self.protocol, views, names=self.chosen.tokens
            )
        until.add_all(read_numbers(run.writer.folder))
        try:
            outcome = await drive_frames(
                self.frames_for(run.job, until.order),
                self.size,
                run,
                calls,
                self.protocol,
                views,
                until,
                names=self.chosen.tokens,
            )
        finally:
            run.writer.manifest = msgspec.structs.replace(run.writer.manifest, stopping=until.entry)
        if until.decided is None:
            return outcome
        return replace(outcome, stopped=None, decided=sentence(until.entry))

    async def _batch(self, run: Run) -> Mapping[str, BatchCollector]:
        """Has all calls answered in batches; returns the callers that have the answers."""
        backends = {role: one for role, one in run.job.backends.items() if isinstance(one, BatchBackend)}
        assert run.cache is not None, "checked when the session began"
        spending = run.spending
        waves = BatchRun(backends, run.cache, run.writer.folder, run.cancellation, log.info, spending.poll_s)
        job = run.job
        return await waves.answer(lambda: self.frames_for(job), job.planner, self.views(job))


def open_runs(
    benchmark: Benchmark,
    results: Path,
    source: FrameSource | None = None,
    backends: BackendMaker = make_backend,
    *,
    by_data: bool = False,
) -> Session[FramesOfSource]:
    """The runs of a benchmark over recorded frames.

    Args:
        benchmark: what to drive.
        results: folder of runs.
        source: the frames, if already open.
        backends: makes the backend of a model's name.
        by_data: puts the runs into a folder for their data, inside ``results``.

    Raises:
        UserError: if an error is found before the first call.
    """
    if benchmark.loop != "open":
        raise UserError("This benchmark drives in a world; give it to `lightemma drive` or `lightemma study`.")
    jobs = make_jobs(benchmark, backends)
    check_writable(results)
    protocol = protocol_named(benchmark.integration)
    noted: str | None = None
    if source is None:
        if benchmark.data is None:
            raise UserError("Nothing says what to drive; give `data`, such as `demo`.", "data")
        source = open_source(benchmark.data, results, protocol, benchmark.reader)
        noted = benchmark.data
    frames = source.frames(benchmark.scenes, benchmark.stride, benchmark.limit)
    pictures = max((job.pictures for job in jobs), default=0)
    chosen = survey(frames, source.info.name, pictures)
    if noted:
        remember_source(results, source.info, noted, frame_set_digest(chosen.tokens))
    work = FramesOfSource(benchmark, source, protocol, chosen)
    work.until()  # too few scenes are found before a folder is made
    for job in jobs:
        work.views(job).check(next(work.frames()))
    info = source.info
    data = data_folder(info.source, info.name, info.version) if by_data else ""
    return Session(work, jobs, results, benchmark.concurrency, data=data)
