"""Plans one frame: times the planner and records its calls; an error in the planner costs only this frame."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from lightemma.backends.base import Call, CallResult, Request
from lightemma.calls.cancellation import Cancelled
from lightemma.errors import UserError
from lightemma.frame import Frame
from lightemma.planners.base import Calls, Plan, Planner, View
from lightemma.planners.call_record import call_record
from lightemma.planners.plan_checks import InvalidPlan, check_plan
from lightemma.plugins import describe, error_line
from lightemma.run_folder.records import PLANNER_ERROR, CallRecord, call_outcome, is_call_error

#: A run ends if the planner failed on this many frames and succeeded on none: its error will not go away.
MOST_FAILURES = 10


@dataclass(frozen=True, slots=True)
class Planned:
    """The plan of one frame.

    Attributes:
        plan: checked, with all its calls.
        latency_s: seconds that a planner without calls took; None where the calls have theirs.
        error: the planner's error in one line, or None.
        wall_s: seconds from the frame to the plan, without those that the harness itself waited (for a place among the calls,
            before another try, for experts of other frames).
    """

    plan: Plan
    latency_s: float | None
    error: str | None = None
    wall_s: float = 0.0

    @property
    def seconds(self) -> float:
        """How long planning took, for a world that moves on meanwhile.

        What the plan says, else the longer of the time that ``plan()`` took and the sum of its calls' latencies. Where all
        answers are stored ones, it is the sum as recorded, so that the same drive is repeated; experts, of which nothing is
        stored, are counted as they took now.
        """
        if self.plan.latency_s is not None:
            return float(self.plan.latency_s)
        calls = self.plan.calls
        asked = sum(call.latency_s or 0.0 for call in calls)
        if not calls or not all(call.cached for call in calls):
            return max(self.wall_s, asked)
        return asked + (self.plan.tools.seconds if self.plan.tools else 0.0)


class PlannerRunner:
    """Plans the frames of one run.

    Args:
        planner: makes the plans.
        calls: of its models, by role.

    Attributes:
        failures: number of frames on which the planner itself failed.
        first_error: the first of their errors.
        first_call_error: of the first frame that a failed call left without a plan: its outcome, and what the provider said.
    """

    def __init__(self, planner: Planner, calls: Calls) -> None:
        self.failures = 0
        self.first_error: str | None = None
        self.first_call_error: str | None = None
        self._planner = planner
        self._calls = calls
        self._planned = 0

    async def plan(self, frame: Frame, view: View) -> Planned:
        """Plans a frame.

        Raises:
            UserError: if the run cannot continue for another reason (a wrong key).
            Cancelled: if the run is ending.
        """
        recorded = RecordedCalls(frame.sample_token, self._calls)
        started = time.perf_counter()
        error: BaseException | None = None
        try:
            plan = check_plan(await self._planner.plan(frame, view, recorded), recorded.records)
        except (UserError, Cancelled):
            raise
        except (Exception, SystemExit) as caught:
            if caught is recorded.raised:  # the backend's error, not the planner's
                raise
            error = caught
        except asyncio.CancelledError as caught:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            error = caught  # of something that the planner itself had begun
        wall = time.perf_counter() - started
        tools = plan.tools if error is None else None
        own = max(wall - recorded.waited - (tools.waited if tools else 0.0), 0.0)
        if error is not None:
            return self._failed(error, recorded.records, own)
        self.succeed()
        if self.first_call_error is None and is_call_error(plan.outcome):
            said = next((call.error for call in reversed(plan.calls) if call.outcome == plan.outcome), None)
            self.first_call_error = f"{plan.outcome} ({' '.join(said.split())})" if said else plan.outcome
        return Planned(plan, None if plan.calls else round(wall, 6), wall_s=own)

    def end_if_hopeless(self) -> None:
        """Ends the run if the planner has failed on every frame so far. Call it after a frame is recorded.

        Raises:
            UserError: if so.
        """
        if self.failures >= MOST_FAILURES and not self._planned:
            raise UserError(
                f"The planner '{self._planner.name}' ({describe(type(self._planner))}) failed on each of the first "
                f"{self.failures} frames: {self.first_error}. Correct it, and give the same command again."
            )

    def fail(self, cause: str) -> None:
        """Counts a frame on which the planner failed, and why, in one line."""
        self.failures += 1
        self.first_error = self.first_error or cause

    def succeed(self) -> None:
        """Counts a frame that was planned."""
        self._planned += 1

    def _failed(self, error: BaseException, calls: list[CallRecord], wall_s: float) -> Planned:
        cause = str(error) if isinstance(error, InvalidPlan) else error_line(error)
        self.fail(cause)
        return Planned(Plan(None, call_outcome(PLANNER_ERROR), calls), None, cause, wall_s)


class RecordedCalls(Mapping[str, Call]):
    """The calls of one frame: each request gets its frame and place, and each result is recorded.

    Args:
        sample_token: of the frame.
        calls: of the models, by role.

    Attributes:
        records: of the finished calls, in the order in which they began.
        raised: an exception raised by a call, or None.
        waited: seconds that calls took beyond their latency: for a place, or before another try.
    """

    def __init__(self, sample_token: str, calls: Calls) -> None:
        self._sample_token = sample_token
        self._calls = calls
        self._records: dict[int, CallRecord] = {}
        self._begun = 0
        self.raised: Exception | None = None
        self.waited = 0.0

    @property
    def records(self) -> list[CallRecord]:
        """See the class."""
        return [self._records[place] for place in sorted(self._records)]

    def __getitem__(self, role: str) -> Call:
        if role not in self._calls:
            raise KeyError(f"the planner asks the model '{role}', which its needs() does not name")
        call = self._calls[role]

        async def recorded(request: Request) -> CallResult:
            place = self._begun
            self._begun += 1
            started = time.perf_counter()
            try:
                result = await call(replace(request, sample_token=self._sample_token, place=place))
            except Exception as error:
                self.raised = error
                raise
            if not result.cached and result.latency_s is not None:
                self.waited += max(time.perf_counter() - started - result.latency_s, 0.0)
            prompt = request.messages[-1].text if request.messages else ""
            self._records[place] = call_record(request.stage, prompt, result)
            return result

        return recorded

    def __iter__(self) -> Iterator[str]:
        return iter(self._calls)

    def __len__(self) -> int:
        return len(self._calls)
