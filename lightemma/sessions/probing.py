"""The runs of probes: each a run of its own, over the changed frames of an untouched run."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

import msgspec

from lightemma.backends.base import Backend
from lightemma.data.base import FrameSource
from lightemma.data.commands import with_command
from lightemma.data.data_locations import remember_source
from lightemma.data.sources import open_source
from lightemma.errors import UserError
from lightemma.frame import Frame
from lightemma.probes.base import Probe, SpeedReader, Untouched
from lightemma.protocol import protocol_named
from lightemma.run_folder.manifest import Manifest, distributions_of, frame_set_digest, package_versions
from lightemma.run_folder.places import folder_of
from lightemma.run_folder.probe_entry import ProbeEntry
from lightemma.run_folder.store import RunWriter, check_run_name
from lightemma.sessions.benchmark import Benchmark
from lightemma.sessions.frames_of_source import FramesOfSource
from lightemma.sessions.jobs import Job, make_jobs
from lightemma.sessions.kept_frames import changes_since, refuse_changes
from lightemma.sessions.models import make_backend
from lightemma.sessions.open_loop import drive_frames
from lightemma.sessions.probe_target import Target, check_same
from lightemma.sessions.probed_frames import ProbedSet, probed_set
from lightemma.sessions.roles import BackendMaker
from lightemma.sessions.run import Prices, Run, RunOutcome
from lightemma.sessions.session import Session, check_writable
from lightemma.sessions.survey import survey


@dataclass(frozen=True)
class ProbedWork(FramesOfSource):
    """The changed frames of each run.

    Attributes:
        of: name of the untouched run.
        sets: name of a probe's run -> its frames.
    """

    batches: ClassVar[bool] = False

    of: str = ""
    sets: Mapping[str, ProbedSet] = field(default_factory=dict)

    def frames(self, scenes: Sequence[str] | None = None) -> Iterator[Frame]:
        """The untouched frames.

        Args:
            scenes: their order; the benchmark's own if None.
        """
        wanted = set(self.chosen.tokens)
        frames = self.source.frames(scenes or self.benchmark.scenes)
        return (frame for frame in frames if frame.sample_token in wanted)

    def manifest(self, job: Job, prices: Prices) -> Manifest:
        """The manifest of a probe's run; that of the untouched run for a job without a probe."""
        manifest = super().manifest(job, prices)
        if job.name not in self.sets:
            return manifest
        changed = self.sets[job.name]
        probe, frames = changed.probe, changed.frames
        data = msgspec.structs.replace(
            manifest.data,
            scenes=len({frame.scene for frame in frames}),
            frames=len(frames),
            frame_set=frame_set_digest(frame.sample_token for frame in frames),
        )
        more = package_versions(distributions_of(type(probe).__module__))
        return msgspec.structs.replace(
            manifest,
            data=data,
            probe=ProbeEntry(probe.label, probe.name, self.of, probe.law, probe.settings()),
            packages=manifest.packages | more,
        )

    def open_writer(self, folder: Path, manifest: Manifest) -> RunWriter:
        """Opens a new or an existing run folder; a probe's run over fewer frames grows."""
        changed = self.sets[manifest.run]
        return RunWriter(folder, manifest, [frame.sample_token for frame in changed.frames], packs=True)

    async def drive(self, run: Run) -> RunOutcome:
        """Drives one probe over the frames that are not finished yet.

        Raises:
            UserError: if the run cannot continue, or its data has changed since it began.
        """
        changed = self.sets[run.job.name]
        total = run.monitor.frames = len(changed.frames)
        await asyncio.to_thread(refuse_changes, run.writer.folder, changed.frames, run.job.pictures)
        calls, views = changed.calls(run.calls), self.views(run.job)
        # A command is made from the future as the probe left it, so that a mirrored drive has a mirrored command.
        frames = map(with_command, changed.frames) if run.job.planner.needs().command else changed.frames
        names = [frame.sample_token for frame in changed.frames]
        return await drive_frames(frames, total, run, calls, self.protocol, views, amounts=changed.amounts, names=names)


@dataclass(frozen=True)
class Probing:
    """The runs of probes, ready to be driven.

    Attributes:
        session: the runs.
        left_out: sentences about the probes that have no meaning for this run.
    """

    session: Session[ProbedWork]
    left_out: Sequence[str]


def open_probes(
    target: Target,
    benchmark: Benchmark,
    probes: Sequence[Probe],
    results: Path,
    *,
    stride: int = 1,
    source: FrameSource | None = None,
    backends: BackendMaker = make_backend,
    speed_word: SpeedReader = lambda text: "unclear",
    by_data: bool = False,
) -> Probing:
    """The runs of some probes of one run.

    Args:
        target: the untouched run, with the frames that are probed.
        benchmark: how it was driven; which frames is decided by ``target``.
        probes: what is changed.
        results: folder of runs.
        stride: by which the target's frames were cut, for the names of the runs.
        source: the frames, if already open.
        backends: makes the backend of a model's name; all runs share one of each.
        speed_word: reads what a text says about speed.
        by_data: puts the runs into a folder for their data, inside ``results``.

    Raises:
        UserError: if an error is found before the first call.
    """
    backends = _shared(backends)
    if benchmark.until_decided is not None:
        raise UserError("Probes are driven over all frames of their run; leave `until_decided` out.", "until_decided")
    base = make_jobs(benchmark, backends)
    if len(base) != 1:
        raise UserError(f"Probes are made of one run, but this makes {len(base)}; name one planner and one model.")
    check_writable(results)
    protocol = protocol_named(benchmark.integration)
    if source is None:
        if benchmark.data is None:
            raise UserError("Nothing says what to drive; give `data`, such as `demo`.", "data")
        source = open_source(benchmark.data, results, protocol, benchmark.reader)
        remember_source(results, source.info, benchmark.data)
    benchmark = benchmark.model_copy(update={"scenes": target.scenes, "stride": stride, "limit": None, "name": None})
    wanted = set(target.tokens)
    frames = [frame for frame in source.frames(target.scenes) if frame.sample_token in wanted]
    if not frames:
        raise UserError(
            f"The data have none of the frames of '{target.folder}'; give the `data` that it was driven on.", "data"
        )
    job = base[0]
    chosen = survey(frames, source.info.name, job.pictures)
    work = ProbedWork(benchmark, source, protocol, chosen)
    check_same(target, work.manifest(job, dict.fromkeys(job.backends)))
    _check_data(target, frames, job)
    run = Untouched(frames, target.answers, speed_word)
    jobs, sets, left_out = list[Job](), dict[str, ProbedSet](), list[str]()
    for probe in probes:
        made, why = _job(probe, job, benchmark, backends)
        changed = probed_set(probe, run) if made is not None else None
        if made is None or changed is None or not changed.frames:
            left_out.append(f"{probe.label} is left out: it needs {why or probe.needs}.")
            continue
        name = run_name(target.manifest.run, probe, stride)
        check_run_name(name)
        jobs.append(replace(made, name=name))
        sets[name] = changed
    work = ProbedWork(benchmark, source, protocol, chosen, of=target.manifest.run, sets=sets)
    data = folder_of(work.manifest(job, dict.fromkeys(job.backends)).data) if by_data else ""
    if target.folder.resolve().parent == results.resolve():
        data = ""  # beside the untouched run, which an older version put there
    return Probing(Session(work, jobs, results, benchmark.concurrency, data=data), left_out)


def run_name(of: str, probe: Probe, stride: int) -> str:
    """The name of a probe's run."""
    return f"{of}+probe-{probe.label}" + (f"+every-{stride}" if stride > 1 else "")


def _check_data(target: Target, frames: Sequence[Frame], job: Job) -> None:
    """Makes sure that the data is still what the untouched run was driven on.

    Raises:
        UserError: if not; it names the first frame.
    """
    if target.manifest.imported is not None:
        return
    changes = changes_since(target.folder, frames, job.pictures)
    for what, changed in (("recorded motion", changes.moved), ("pictures", changes.repainted)):
        if changed:
            raise UserError(
                f"The {what} of {len(changed)} frames changed since '{target.folder}' was driven (the first is frame "
                f"{changed[0].frame_index} of scene '{changed[0].scene}'), so its probes would not compare; put the data back "
                "as it was, or probe a new run."
            )


def _job(probe: Probe, base: Job, benchmark: Benchmark, backends: BackendMaker) -> tuple[Job | None, str]:
    """The job that asks in the probe's words, or None and what is missing."""
    if type(probe).reword is Probe.reword:
        return base, ""
    prompts = None if base.prompts is None else probe.reword(base.prompts)
    if prompts is None:
        return None, probe.needs
    return make_jobs(benchmark, backends, prompts=prompts)[0], ""


def _shared(backends: BackendMaker) -> BackendMaker:
    """Makes each model once: weights are loaded once, however many runs ask them."""
    made: dict[str, Backend] = {}

    def shared(spec: str) -> Backend:
        if spec not in made:
            made[spec] = backends(spec)
        return made[spec]

    return shared
