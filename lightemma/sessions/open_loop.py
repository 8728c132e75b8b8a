"""Drives a planner over recorded frames and records each. A run resumes where it stopped."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from lightemma.backends.base import Call
from lightemma.calls.concurrency import run_concurrently
from lightemma.calls.limits import CallPool
from lightemma.data.pictures import PicturePolicy
from lightemma.frame import Frame
from lightemma.kinematics import integrate
from lightemma.planners.base import View
from lightemma.planners.planning import Planned, PlannerRunner
from lightemma.protocol import Protocol
from lightemma.run_folder.records import FrameRecord, is_call_error
from lightemma.run_folder.store import read_outcomes
from lightemma.sessions.session import Run, RunOutcome
from lightemma.sessions.views import load_view

#: A frame that takes longer is worth doing concurrently with others, seconds.
QUICK_S = 0.002


async def drive_frames(
    frames: Iterable[Frame], total: int, run: Run, calls: Mapping[str, Call], protocol: Protocol, policy: PicturePolicy
) -> RunOutcome:
    """Drives a run over ``frames``, many concurrently; the calls of one frame stay in the planner's order.

    Frames that the run already has are kept, except those whose call failed: these are tried again.

    Args:
        frames: what to drive; taken one by one, so that a long run needs no more memory than a short one.
        total: how many there are.
        run: planner, open folder and limits.
        calls: role -> the way to ask its model.
        protocol: how plans become trajectories.
        policy: how pictures are sent.

    Raises:
        UserError: if the run cannot continue (a wrong key, an unknown model, a broken picture, a planner that fails on each
            of the first frames); what is done is kept.
    """
    driver = _FrameDriver(run, PlannerRunner(run.job.planner, calls), protocol, policy)
    finished = read_outcomes(run.writer.folder)
    kept = sum(not is_call_error(outcome) for outcome in finished.values())
    run.monitor.kept = kept
    todo = (frame for frame in frames if is_call_error(finished.get(frame.sample_token, "call:")))
    if not run.job.backends and not run.job.pictures:
        await _while_quick(todo, driver)
    await run_concurrently(todo, driver.one, *run.services)
    return run.outcome(total, driver.done, kept, driver.failed, driver.runner.failures, driver.runner.first_error)


async def _while_quick(frames: Iterator[Frame], driver: _FrameDriver) -> None:
    """Drives frames in turn while each takes no time: those of a formula are done sooner so than concurrently."""
    for frame in frames:
        started = time.perf_counter()
        await driver.one(frame)
        if time.perf_counter() - started > QUICK_S:
            return
        await asyncio.sleep(0)  # lets an interrupt in
        if driver.run.cancellation.reason is not None:
            return


@dataclass
class _FrameDriver:
    """Drives single frames and writes them down."""

    run: Run
    runner: PlannerRunner
    protocol: Protocol
    policy: PicturePolicy
    done: int = 0
    failed: int = 0

    async def one(self, frame: Frame) -> None:
        run, view = self.run, View()
        if run.job.pictures:
            # Read and encoded once per frame, and off the event loop: the calls of other frames continue meanwhile.
            view = await asyncio.to_thread(load_view, frame, run.job.pictures, self.policy)
        record = frame_record(frame, view, await self._planned(frame, view), self.protocol)
        run.writer.append(record)
        self.done += 1
        self.failed += is_call_error(record.outcome)
        run.monitor.frame_done(record)
        run.progress(record)
        self.runner.end_if_hopeless()

    async def _planned(self, frame: Frame, view: View) -> Planned:
        """Waits for the planner's turn where it computes by itself, so that the seconds of a frame are its own."""
        if self.run.job.backends:
            return await self.runner.plan(frame, view)
        pool: CallPool = self.run.services[0].gate.pool
        await pool.acquire()
        try:
            return await self.runner.plan(frame, view)
        finally:
            pool.cancel()


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
