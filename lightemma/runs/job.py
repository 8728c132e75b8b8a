"""From a benchmark to runs: opens the data, makes planners and backends, checks everything before the first call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lightemma.backends.base import Backend
from lightemma.data.base import FrameSource
from lightemma.data.missing import missing_pictures
from lightemma.data.sources import open_source
from lightemma.errors import UserError
from lightemma.frame import Frame
from lightemma.planners.base import Planner
from lightemma.planners.registry import make_planner, planner_class
from lightemma.prompts.sets import PromptSet, load_prompts
from lightemma.protocol import Protocol, protocol_named
from lightemma.runs.benchmark import Benchmark
from lightemma.runs.engine import Progress, RunOutcome, execute
from lightemma.runs.manifest import (
    DataEntry,
    Manifest,
    PlannerEntry,
    PromptsEntry,
    frame_set_digest,
    git_revision,
    now,
    package_versions,
    python_version,
)
from lightemma.runs.models import make_backend, model_entry
from lightemma.runs.store import RunWriter, check_run_name

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
        self.frames = list(self.source.frames(benchmark.scenes, benchmark.stride, benchmark.limit))
        if not self.frames:
            raise UserError(
                f"{self.source.info.name} has no scene long enough for a benchmark frame (15 key frames or more)."
            )
        for job in self.jobs:
            if job.backend and job.backend.reads_pictures:
                _check_pictures(self.frames, self.source)

    def run(self, job: Job, progress: Progress | None = None) -> RunOutcome:
        """Drives one job's run to its end; goes on where an earlier sitting stopped.

        Raises:
            UserError: if the run cannot go on; what is done is kept.
        """
        concurrency = self.benchmark.concurrency
        if concurrency is None:
            concurrency = (job.backend.config.limits.concurrency or 8) if job.backend else 1
        with RunWriter(self.results / job.name, self._manifest(job)) as writer:
            return asyncio.run(
                execute(
                    self.frames,
                    job.planner,
                    job.backend,
                    writer,
                    self.protocol,
                    self.benchmark.pictures.policy(),
                    concurrency,
                    progress,
                )
            )

    def _jobs(self, backends: BackendMaker) -> list[Job]:
        benchmark = self.benchmark
        prompts = load_prompts(benchmark.prompts)
        jobs: list[Job] = []
        for name in benchmark.planners:
            planner = make_planner(name, prompts, benchmark.parser)
            if not planner_class(name).asks_model:
                jobs.append(Job(planner.name, planner, None, None))
                continue
            if not benchmark.models:
                raise UserError(
                    f"The planner '{name}' asks a model; name one with --model (`lightemma models` lists them)."
                )
            for spec in benchmark.models:
                backend = backends(spec)
                jobs.append(Job(_run_name(backend.config.name, planner.name, prompts.name), planner, backend, prompts))
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

    def _manifest(self, job: Job) -> Manifest:
        info, benchmark = self.source.info, self.benchmark
        sees = job.backend is not None and job.backend.reads_pictures
        return Manifest(
            run=job.name,
            protocol=self.protocol.as_dict(),
            data=DataEntry(
                source=info.source,
                name=info.name,
                version=info.version,
                scenes=len({frame.scene for frame in self.frames}),
                frames=len(self.frames),
                frame_set=frame_set_digest(frame.sample_token for frame in self.frames),
                stride=benchmark.stride,
                limit=benchmark.limit,
            ),
            planner=PlannerEntry(job.planner.name, job.planner.settings()),
            parser=benchmark.parser,
            model=model_entry(job.backend) if job.backend else None,
            prompts=PromptsEntry(job.prompts.name, job.prompts.sha256, job.prompts.settings.answer)
            if job.prompts
            else None,
            images=benchmark.pictures.policy().as_dict() if sees else None,
            packages=package_versions(),
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


def _check_pictures(frames: Sequence[Frame], source: FrameSource) -> None:
    name = source.info.name
    without = sum(frame.image_path is None for frame in frames)
    if without:
        raise UserError(
            f"{name} has no pictures for {without} of {len(frames)} frames, and this model looks at them; use a nuScenes "
            "folder with samples/CAM_FRONT, or a baseline planner."
        )
    missing = missing_pictures(frames)
    if missing:
        raise UserError(
            f"{len(missing)} of {len(frames)} pictures are missing under {name}, the first is '{missing[0]}'; unpack the "
            "CAM_FRONT key frames there, or leave these scenes out with --scenes."
        )


def _run_name(model: str, planner: str, prompts: str) -> str:
    name = model if planner == DEFAULT_PLANNER else f"{model}+{planner}"
    return name if prompts == DEFAULT_PROMPTS else f"{name}+{prompts}"
