"""Drives a planner over frames and records what came of each. A run goes on where it stopped."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import msgspec

from lightemma.backends.base import Backend, Call
from lightemma.calls.caller import Caller, CallServices
from lightemma.calls.cancellation import Stop
from lightemma.calls.concurrency import side_by_side
from lightemma.calls.limits import ProviderLimits
from lightemma.calls.monitor import Monitor
from lightemma.data.pictures import PicturePolicy, load_picture, with_earlier_pictures
from lightemma.frame import Frame
from lightemma.kinematics import integrate
from lightemma.planners.base import Plan, Planner
from lightemma.protocol import Protocol
from lightemma.run_folder.manifest import now
from lightemma.run_folder.records import FrameRecord, is_call_error
from lightemma.run_folder.store import RunWriter, read_outcomes


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """How a run ended.

    Attributes:
        frames: frames the run was to cover.
        done: frames driven now.
        kept: frames an earlier sitting had finished.
        failed: frames driven now whose call failed; running again tries them once more.
        stopped: a clause that says why the run ended before its time, or None.
    """

    frames: int
    done: int
    kept: int
    failed: int
    stopped: str | None = None


#: Told of every frame as it is finished.
Progress = Callable[[FrameRecord], None]


async def execute(
    frames: Iterable[Frame],
    planner: Planner,
    backend: Backend | None,
    writer: RunWriter,
    protocol: Protocol,
    policy: PicturePolicy,
    concurrency: int | None = 1,
    progress: Progress | None = None,
    services: CallServices | None = None,
    call: Call | None = None,
) -> RunOutcome:
    """Drives ``planner`` over ``frames``, many side by side; the stages of one frame stay in order.

    Frames that the run already has are kept, except those whose call failed: these are tried again.

    Args:
        frames: what to drive; taken one by one, so that a long run needs no more memory than a short one.
        planner: who drives.
        backend: the model, for planners that ask one; closed at the end.
        writer: where frames are recorded.
        protocol: how plans become trajectories.
        policy: how pictures are sent.
        concurrency: calls at once; None adapts. Without effect where ``services`` are given.
        progress: told of every finished frame.
        services: pool, cache, budget and stop, shared with other runs of the command.
        call: asks in another way than through ``services`` (a batch that has its answers).

    Raises:
        UserError: if the run cannot go on (a wrong key, an unknown model, a broken picture); what is done is kept.
    """
    if services is None:
        gate = ProviderLimits(backend.config.limits, concurrency) if backend else None
        services = CallServices(gate, Monitor(writer.manifest.run), Stop()) if gate else None
    caller = Caller(backend, services) if backend else None
    call = call or caller
    drive = _Drive(planner, call, writer, protocol, policy if backend and backend.reads_pictures else None, progress)
    finished = read_outcomes(writer.folder)
    kept = sum(not is_call_error(outcome) for outcome in finished.values())
    if services is not None:
        services.monitor.kept = kept
    started = time.monotonic()
    todo = (frame for frame in frames if is_call_error(finished.get(frame.sample_token, "call:")))
    try:
        if services is None:
            for frame in todo:
                await drive.one(frame)
        else:
            await side_by_side(todo, drive.one, services)
    finally:
        if backend:
            await backend.aclose()
    total = writer.manifest.data.frames
    # A run that was through when it was told to end is through all the same.
    stopped = services.stop.reason if services and kept + drive.done < total else None
    manifest = writer.manifest
    if backend and backend.gpu_count:
        spent = (time.monotonic() - started) * backend.gpu_count
        manifest = msgspec.structs.replace(manifest, gpu_seconds=(manifest.gpu_seconds or 0.0) + spent)
    if caller and caller.answered_as and manifest.model:
        model = msgspec.structs.replace(manifest.model, answered_as=caller.answered_as)
        manifest = msgspec.structs.replace(manifest, model=model)
    writer.finish(msgspec.structs.replace(manifest, ended=None if stopped else now()))
    return RunOutcome(total, drive.done, kept, drive.failed, stopped)


@dataclass
class _Drive:
    """Drives single frames and writes them down."""

    planner: Planner
    call: Call | None
    writer: RunWriter
    protocol: Protocol
    policy: PicturePolicy | None
    progress: Progress | None
    done: int = 0
    failed: int = 0

    async def one(self, frame: Frame) -> None:
        picture = None
        if self.policy is not None and frame.image_path is not None:
            # Read and encoded once per frame, and off the loop: the calls of other frames go on meanwhile.
            picture = await asyncio.to_thread(load_picture, frame.image_path, self.policy)
            if self.planner.frames > 1:
                frame = await asyncio.to_thread(with_earlier_pictures, frame, self.policy, self.planner.frames)
        plan = await self.planner.plan(frame, picture, self.call)
        record = frame_record(frame, plan, self.protocol, picture.sha256 if picture else None)
        self.writer.append(record)
        self.done += 1
        self.failed += is_call_error(record.outcome)
        if self.progress:
            self.progress(record)


def frame_record(frame: Frame, plan: Plan, protocol: Protocol, image_sha256: str | None = None) -> FrameRecord:
    """One finished frame as a line of frames.jsonl."""
    actions = plan.actions
    return FrameRecord(
        scene=frame.scene,
        frame_index=frame.frame_index,
        sample_token=frame.sample_token,
        image=frame.image,
        timestamp=frame.timestamp,
        history=frame.history.actions.tolist(),
        ground_truth=None if frame.future is None else frame.future.tolist(),
        stages=plan.stages,
        actions=None if actions is None else actions.tolist(),
        trajectory=None if actions is None else integrate(actions, protocol).tolist(),
        outcome=plan.outcome,
        image_sha256=image_sha256,
    )
