"""Drives a planner over recorded frames and records each frame. A run resumes where it stopped."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

import msgspec
from msgspec import UNSET

from lightemma.backends.base import Call
from lightemma.calls.concurrency import run_concurrently
from lightemma.calls.health import EQUAL_FAILURES
from lightemma.calls.limits import CallPool
from lightemma.errors import UserError
from lightemma.evaluation.until_decided import UntilDecided
from lightemma.frame import FloatArray, Frame
from lightemma.kinematics import integrate
from lightemma.planners.base import Plan, Sample, View
from lightemma.planners.planning import Planned, PlannerRunner
from lightemma.protocol import Protocol
from lightemma.run_folder.records import FrameRecord, SampleRecord, call_outcome, is_call_error
from lightemma.run_folder.store import read_outcomes
from lightemma.sessions.run import Run, RunOutcome
from lightemma.sessions.views import Views

#: Seconds of a frame above which frames are driven concurrently.
QUICK_S = 0.002


async def drive_frames(
    frames: Iterable[Frame],
    total: int,
    run: Run,
    calls: Mapping[str, Call],
    protocol: Protocol,
    views: Views,
    until: UntilDecided | None = None,
    amounts: Mapping[str, float] | None = None,
    names: Collection[str] | None = None,
) -> RunOutcome:
    """Drives a run over ``frames`` concurrently; the calls of one frame keep the planner's order.

    Frames that the run already has are kept, except those with a failed call, which are tried again.

    Args:
        frames: to drive; read one by one, so that a long run needs no more memory than a short one.
        total: number of frames.
        run: planner, open folder and limits.
        calls: role -> call of its model.
        protocol: how plans become trajectories.
        views: loads what is shown of a frame.
        until: ends the run once it is decided; it has the frames of earlier sessions.
        amounts: by how much a probe changed each frame, by sample token, for the records.
        names: sample tokens of the frames; others that the run has are not counted. None counts all.

    Raises:
        UserError: if the run cannot continue (a wrong key, an unknown model, pictures or a planner that fail on all of
            the first frames); finished frames are kept.
    """
    driver = _FrameDriver(run, PlannerRunner(run.job.planner, calls), protocol, views, amounts or {}, until)
    finished = read_outcomes(run.writer.folder)
    counted = set(finished).intersection(names) if names is not None else finished
    kept = sum(not is_call_error(finished[token]) for token in counted)
    run.monitor.kept = kept
    todo: Iterator[Frame] = (frame for frame in frames if is_call_error(finished.get(frame.sample_token, "call:")))
    if until is not None:
        todo = itertools.takewhile(lambda _: until.decided is None, todo)
    if not run.job.backends and not views.any:
        await _while_quick(todo, driver)
    await run_concurrently(todo, driver.one, *run.contexts, count=total - kept if run.job.backends else None)
    runner = driver.runner
    return run.outcome(
        total, driver.done, kept, driver.failed, runner.failures, runner.first_error, runner.first_call_error
    )


async def _while_quick(frames: Iterator[Frame], driver: _FrameDriver) -> None:
    """Drives frames one after the other while each is quick: for formulas this is faster than driving concurrently."""
    for frame in frames:
        started = time.perf_counter()
        await driver.one(frame)
        if time.perf_counter() - started > QUICK_S:
            return
        await asyncio.sleep(0)  # gives Ctrl-C a chance
        if driver.run.cancellation.reason is not None:
            return


@dataclass
class _FrameDriver:
    """Drives single frames and records them."""

    run: Run
    runner: PlannerRunner
    protocol: Protocol
    views: Views
    amounts: Mapping[str, float]
    until: UntilDecided | None = None
    done: int = 0
    failed: int = 0
    seen: int = 0
    unseen: int = 0

    async def one(self, frame: Frame) -> None:
        run, view = self.run, View()
        unreadable: UserError | None = None
        if self.views.any:
            # Read and encoded once per frame in a thread, so that the calls of other frames continue meanwhile.
            try:
                view = await asyncio.to_thread(self.views.of, frame)
            except UserError as error:
                unreadable = error
        if unreadable is None:
            self.seen += 1
            planned = await self._planned(frame, view)
        else:
            run.cancellation.check()
            planned = Planned(Plan(None, call_outcome("picture")), None, str(unreadable))
        record = frame_record(frame, view, planned, self.protocol)
        if frame.sample_token in self.amounts:
            record = msgspec.structs.replace(record, probe_amount=self.amounts[frame.sample_token])
        run.append(record)
        if self.until is not None:
            self.until.add(record)
        run.tally.add(record.calls)
        self.done += 1
        self.failed += is_call_error(record.outcome)
        run.monitor.frame_done(record)
        run.progress(record)
        self.runner.end_if_hopeless()
        if unreadable is not None:
            self.unseen += 1
            run.tally.failed(record.outcome, str(unreadable))
            if not self.seen and self.unseen >= EQUAL_FAILURES:
                raise unreadable  # all of them: the data is not where it should be

    async def _planned(self, frame: Frame, view: View) -> Planned:
        """Waits for a place if the planner computes in this process, so that its measured seconds contain no waiting."""
        if self.run.job.backends:
            return await self.runner.plan(frame, view)
        pool: CallPool = self.run.contexts[0].limits.pool
        await pool.acquire()
        try:
            return await self.runner.plan(frame, view)
        finally:
            pool.cancel()


def frame_record(frame: Frame, view: View, planned: Planned, protocol: Protocol) -> FrameRecord:
    """The record of a finished frame, a line of frames.jsonl."""
    plan = planned.plan
    actions, trajectory = plan.actions, _trajectory(plan, protocol)
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
        trajectory=None if trajectory is None else trajectory.tolist(),
        outcome=plan.outcome,
        image_sha256=view.picture.sha256 if view.picture else None,
        picture_files=[picture.file_sha256 for picture in view.pictures if picture.file_sha256],
        latency_s=planned.latency_s,
        error=planned.error,
        samples=[_sample_record(one, protocol) for one in plan.samples] or UNSET,
        candidates=[one.tolist() for one in plan.candidates] or UNSET,
        chosen=plan.chosen if plan.candidates else UNSET,
        command=UNSET if frame.command is None else frame.command,
        command_m=UNSET if frame.command_m is None else frame.command_m,
        examples=[one.frame.sample_token for one in view.examples] or UNSET,
        tools=UNSET if plan.tools is None else plan.tools,
    )


def _sample_record(sample: Sample, protocol: Protocol) -> SampleRecord:
    actions, trajectory = sample.actions, _trajectory(sample, protocol)
    return SampleRecord(
        sample.call,
        sample.answer,
        sample.outcome,
        None if actions is None else actions.tolist(),
        None if trajectory is None else trajectory.tolist(),
    )


def _trajectory(plan: Plan | Sample, protocol: Protocol) -> FloatArray | None:
    """The points that a planner gave, or where its actions lead."""
    if plan.actions is None or plan.trajectory is not None:
        return plan.trajectory
    return integrate(plan.actions, protocol)
