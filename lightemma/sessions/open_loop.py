"""Drives a planner over frames and records each. A run resumes where it stopped."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import msgspec

from lightemma.backends.base import Backend, Call
from lightemma.backends.config import Limits
from lightemma.calls.caller import Caller, CallServices
from lightemma.calls.cancellation import Stop
from lightemma.calls.concurrency import side_by_side
from lightemma.calls.limits import CallPool, ProviderLimits
from lightemma.calls.monitor import Monitor
from lightemma.data.pictures import PicturePolicy
from lightemma.frame import Frame
from lightemma.kinematics import integrate
from lightemma.planners.base import Planner, View
from lightemma.planners.planning import Planned, PlannerRunner
from lightemma.protocol import Protocol
from lightemma.run_folder.manifest import now
from lightemma.run_folder.records import FrameRecord, is_call_error
from lightemma.run_folder.store import RunWriter, read_outcomes
from lightemma.sessions.views import load_view, pictures_needed

#: Key of the services of a planner without models: its pool says how many frames are planned concurrently.
NO_MODEL = ""
#: A frame that takes longer is worth doing concurrently with others, seconds.
QUICK_S = 0.002


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """How a run ended.

    Attributes:
        frames: frames the run was to cover.
        done: frames driven now.
        kept: frames an earlier session had finished.
        failed: frames driven now whose call failed; running again tries them once more.
        stopped: a clause that says why the run ended before its time, or None.
        planner_errors: of ``failed``, those on which the planner itself failed.
        first_error: of the first of these, or None.
    """

    frames: int
    done: int
    kept: int
    failed: int
    stopped: str | None = None
    planner_errors: int = 0
    first_error: str | None = None


#: Is given every frame as it is finished.
Progress = Callable[[FrameRecord], None]


async def execute(
    frames: Iterable[Frame],
    planner: Planner,
    backends: Mapping[str, Backend],
    writer: RunWriter,
    protocol: Protocol,
    policy: PicturePolicy,
    concurrency: int | None = 1,
    progress: Progress | None = None,
    services: Mapping[str, CallServices] | None = None,
    calls: Mapping[str, Call] | None = None,
) -> RunOutcome:
    """Drives ``planner`` over ``frames``, many concurrently; the calls of one frame stay in the planner's order.

    Frames that the run already has are kept, except those whose call failed: these are tried again.

    Args:
        frames: what to drive; taken one by one, so that a long run needs no more memory than a short one.
        planner: who drives.
        backends: its models by role; empty for a planner without; closed at the end.
        writer: where frames are recorded.
        protocol: how plans become trajectories.
        policy: how pictures are sent.
        concurrency: concurrent calls (frames, for a planner without models); None adapts. Without effect where ``services``
            are given.
        progress: is given every finished frame.
        services: role -> pool, cache, budget and stop, shared with other runs of the command; under ``NO_MODEL`` for a
            planner without models.
        calls: asks in another way than through ``services`` (a batch that has its answers).

    Raises:
        UserError: if the run cannot continue (a wrong key, an unknown model, a broken picture, a planner that fails on each
            of the first frames); what is done is kept.
    """
    if services is None:
        services = _own_services(writer.manifest.run, backends, concurrency)
    callers = {role: Caller(backend, services[role], role) for role, backend in backends.items()}
    runner = PlannerRunner(planner, calls if calls is not None else callers)
    first, *others = services.values()
    pool = None if backends else first.gate.pool
    drive = _Drive(runner, writer, protocol, policy, pictures_needed(planner.needs(), backends), pool, progress)
    finished = read_outcomes(writer.folder)
    kept = sum(not is_call_error(outcome) for outcome in finished.values())
    first.monitor.kept = kept
    started = time.monotonic()
    todo = (frame for frame in frames if is_call_error(finished.get(frame.sample_token, "call:")))
    try:
        if pool is not None and not drive.pictures:
            await _one_by_one(todo, drive, first.stop)
        await side_by_side(todo, drive.one, first, *others)
    finally:
        for backend in unique(backends.values()):
            await backend.aclose()
    total = writer.manifest.data.frames
    # A run that was through when it was told to end is through all the same.
    stopped = first.stop.reason if kept + drive.done < total else None
    manifest = writer.manifest.answered_by({role: caller.answered_as for role, caller in callers.items()})
    gpus = sum(backend.gpu_count for backend in unique(backends.values()))
    if gpus:
        spent = (time.monotonic() - started) * gpus
        manifest = msgspec.structs.replace(manifest, gpu_seconds=(manifest.gpu_seconds or 0.0) + spent)
    writer.finish(msgspec.structs.replace(manifest, ended=None if stopped else now()))
    return RunOutcome(total, drive.done, kept, drive.failed, stopped, runner.failures, runner.first_error)


async def _one_by_one(frames: Iterator[Frame], drive: _Drive, stop: Stop) -> None:
    """Drives frames one after the other while each takes no time; a formula's are done sooner so than concurrently."""
    for frame in frames:
        started = time.perf_counter()
        await drive.one(frame)
        if time.perf_counter() - started > QUICK_S:
            return
        await asyncio.sleep(0)  # lets an interrupt in
        if stop.reason is not None:
            return


def frames_at_once(concurrency: int | None) -> int:
    """How many frames of a planner without models are planned concurrently: as given, or one per processor, at most 8."""
    return concurrency or min(os.cpu_count() or 1, 8)


def unique(backends: Iterable[Backend]) -> list[Backend]:
    """Each backend once: two roles may share one."""
    return list({id(backend): backend for backend in backends}.values())


def _own_services(run: str, backends: Mapping[str, Backend], concurrency: int | None) -> dict[str, CallServices]:
    monitor, stop = Monitor(run), Stop()
    if not backends:
        return {NO_MODEL: CallServices(ProviderLimits(Limits(), frames_at_once(concurrency)), monitor, stop)}
    limits = {backend.rate_key: ProviderLimits(backend.config.limits, concurrency) for backend in backends.values()}
    return {role: CallServices(limits[backend.rate_key], monitor, stop) for role, backend in backends.items()}


@dataclass
class _Drive:
    """Drives single frames and writes them down."""

    runner: PlannerRunner
    writer: RunWriter
    protocol: Protocol
    policy: PicturePolicy
    pictures: int
    pool: CallPool | None
    progress: Progress | None
    done: int = 0
    failed: int = 0

    async def one(self, frame: Frame) -> None:
        view = View()
        if self.pictures:
            # Read and encoded once per frame, and off the event loop: the calls of other frames continue meanwhile.
            view = await asyncio.to_thread(load_view, frame, self.pictures, self.policy)
        record = frame_record(frame, view, await self._planned(frame, view), self.protocol)
        self.writer.append(record)
        self.done += 1
        self.failed += is_call_error(record.outcome)
        if self.progress:
            self.progress(record)
        self.runner.end_if_hopeless()

    async def _planned(self, frame: Frame, view: View) -> Planned:
        """Waits for the planner's turn where it computes by itself, so that the seconds of a frame are its own."""
        if self.pool is None:
            return await self.runner.plan(frame, view)
        await self.pool.acquire()
        try:
            return await self.runner.plan(frame, view)
        finally:
            self.pool.cancel()


def frame_record(frame: Frame, view: View, planned: Planned, protocol: Protocol) -> FrameRecord:
    """One finished frame as a line of frames.jsonl."""
    plan = planned.plan
    actions = plan.actions
    return FrameRecord(
        scene=frame.scene,
        frame_index=frame.frame_index,
        sample_token=frame.sample_token,
        image=frame.image,
        timestamp=frame.timestamp,
        history=frame.history.actions.tolist(),
        ground_truth=None if frame.future is None else frame.future.tolist(),
        calls=plan.calls,
        answer=plan.answer,
        actions=None if actions is None else actions.tolist(),
        trajectory=None if actions is None else integrate(actions, protocol).tolist(),
        outcome=plan.outcome,
        image_sha256=view.picture.sha256 if view.picture else None,
        latency_s=planned.latency_s,
        error=planned.error,
    )
