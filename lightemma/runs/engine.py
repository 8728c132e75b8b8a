"""Drives a planner over frames and records what came of each. A run goes on where it stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import msgspec

from lightemma.backends.base import Backend, Call
from lightemma.data.pictures import PicturePolicy, load_picture
from lightemma.frame import Frame
from lightemma.kinematics import integrate
from lightemma.planners.base import Plan, Planner
from lightemma.protocol import Protocol
from lightemma.records import FrameRecord, is_call_error
from lightemma.runs.calls import Caller
from lightemma.runs.manifest import now
from lightemma.runs.store import RunWriter, read_numbers


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """How a run ended.

    Attributes:
        frames: frames the run was to cover.
        done: frames driven now.
        kept: frames an earlier sitting had finished.
        failed: frames of all these whose call failed; running again tries them once more.
    """

    frames: int
    done: int
    kept: int
    failed: int


#: Told of every frame as it is finished.
Progress = Callable[[FrameRecord], None]


async def execute(
    frames: Sequence[Frame],
    planner: Planner,
    backend: Backend | None,
    writer: RunWriter,
    protocol: Protocol,
    policy: PicturePolicy,
    concurrency: int = 1,
    progress: Progress | None = None,
) -> RunOutcome:
    """Drives ``planner`` over ``frames``, ``concurrency`` of them side by side; the stages of one frame stay in order.

    Frames that the run already has are kept, except those whose call failed: these are tried again.

    Raises:
        UserError: if the run cannot go on (a wrong key, an unknown model, a broken picture); what is done is kept.
    """
    finished = {record.sample_token: record.outcome for record in read_numbers(writer.folder)}
    todo = [frame for frame in frames if is_call_error(finished.get(frame.sample_token, "call:"))]
    failed = 0
    call = Caller(backend) if backend else None
    reads_pictures = backend is not None and backend.reads_pictures
    queue = iter(todo)

    async def work() -> None:
        nonlocal failed
        for frame in queue:
            record = await _drive(frame, planner, call, protocol, policy if reads_pictures else None)
            writer.append(record)
            failed += is_call_error(record.outcome)
            if progress:
                progress(record)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(max(1, min(concurrency, len(todo)))):
                group.create_task(work())
    except BaseExceptionGroup as errors:
        # One cause ends all workers; the user is told that one.
        raise _first(errors) from errors
    finally:
        if backend:
            await backend.aclose()
    manifest = writer.manifest
    if call and call.answered_as and manifest.model:
        model = msgspec.structs.replace(manifest.model, answered_as=call.answered_as)
        manifest = msgspec.structs.replace(manifest, model=model)
    writer.finish(msgspec.structs.replace(manifest, ended=now()))
    return RunOutcome(len(frames), len(todo), len(frames) - len(todo), failed)


async def _drive(
    frame: Frame, planner: Planner, call: Call | None, protocol: Protocol, policy: PicturePolicy | None
) -> FrameRecord:
    picture = None
    if policy is not None and frame.image_path is not None:
        picture = await asyncio.to_thread(load_picture, frame.image_path, policy)
    plan = await planner.plan(frame, picture, call)
    return frame_record(frame, plan, protocol, picture.sha256 if picture else None)


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
        ground_truth=frame.future.tolist(),
        stages=plan.stages,
        actions=None if actions is None else actions.tolist(),
        trajectory=None if actions is None else integrate(actions, protocol).tolist(),
        outcome=plan.outcome,
        image_sha256=image_sha256,
    )


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    found: Iterable[BaseException] = errors.exceptions
    for error in found:
        return _first(error) if isinstance(error, BaseExceptionGroup) else error
    return errors
