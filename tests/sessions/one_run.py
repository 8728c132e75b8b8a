"""One run over given frames, without a benchmark's checks; its manifest has no settings of the model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lightemma.backends.base import Backend
from lightemma.calls.monitor import Monitor
from lightemma.frame import Frame
from lightemma.planners.base import Planner
from lightemma.protocol import LIGHTEMMA
from lightemma.run_folder.manifest import Manifest
from lightemma.run_folder.records import FrameRecord
from lightemma.run_folder.store import read_frames
from lightemma.sessions.benchmark import Benchmark
from lightemma.sessions.frames_of_source import FramesOfSource
from lightemma.sessions.jobs import Job
from lightemma.sessions.run import Prices, RunOutcome, Spending
from lightemma.sessions.session import Session
from lightemma.sessions.survey import survey
from tests.conftest import MadeUpSource, make_manifest


@dataclass(frozen=True)
class GivenFrames(FramesOfSource):
    """Frames whose runs differ only by planner and frames."""

    def manifest(self, job: Job, prices: Prices) -> Manifest:
        return make_manifest(job.name, list(self.frames()), planner=job.planner.name)


async def drive_run(
    folder: Path,
    planner: Planner,
    backends: Mapping[str, Backend],
    frames: Sequence[Frame],
    concurrency: int | None = 1,
    watch: Callable[[Monitor], None] | None = None,
) -> RunOutcome:
    """One session of a run, without a cache."""
    source = MadeUpSource(frames)
    work = GivenFrames(Benchmark(data="made-up"), source, LIGHTEMMA, survey(source.frames(), "drives", 0))
    session = Session(work, [Job(folder.name, planner, backends)], folder.parent, concurrency)
    (outcome,) = await session.run_all(Spending(cache=False), watch)
    return outcome


def in_order(folder: Path) -> list[FrameRecord]:
    """The frames of a run by scene and index; on disk they stand in the order in which they were finished."""
    return sorted(read_frames(folder), key=lambda frame: (frame.scene, frame.frame_index))
