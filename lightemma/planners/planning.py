"""Plans one frame: times the planner and records its calls; an error in the planner costs only this frame."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec
import numpy as np

from lightemma.backends.base import Call, CallResult, Request
from lightemma.calls.cancellation import Cancelled
from lightemma.errors import UserError
from lightemma.frame import FloatArray, Frame
from lightemma.planners.base import Calls, Plan, Planner, Sample, View
from lightemma.planners.call_record import call_record
from lightemma.plugins import describe, error_line
from lightemma.protocol import LIGHTEMMA
from lightemma.run_folder.records import OK, PLANNER_ERROR, CallRecord, call_outcome, is_call_error, is_format_error

#: A run ends if the planner failed on this many frames and succeeded on none: its error will not go away.
MOST_FAILURES = 10

_OUTCOME = re.compile(r"ok|(format|call):[a-z0-9_]+")


@dataclass(frozen=True, slots=True)
class Planned:
    """The plan of one frame.

    Attributes:
        plan: checked, with all its calls.
        latency_s: seconds that a planner without calls took; None where the calls have theirs.
        error: the planner's error in one line, or None.
    """

    plan: Plan
    latency_s: float | None
    error: str | None = None

    @property
    def seconds(self) -> float:
        """How long planning took: the calls' seconds, or the planner's own."""
        return (self.latency_s or 0.0) + sum(call.latency_s or 0.0 for call in self.plan.calls)


class InvalidPlan(Exception):  # noqa: N818 -- the name says what it is
    """A planner returned something that is not a plan."""


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
        try:
            plan = check_plan(await self._planner.plan(frame, view, recorded), recorded.records)
        except (UserError, Cancelled):
            raise
        except Exception as error:
            if error is recorded.raised:  # the backend's error, not the planner's
                raise
            return self._failed(error, recorded.records)
        self._planned += 1
        if self.first_call_error is None and is_call_error(plan.outcome):
            said = next((call.error for call in reversed(plan.calls) if call.outcome == plan.outcome), None)
            self.first_call_error = f"{plan.outcome} ({' '.join(said.split())})" if said else plan.outcome
        return Planned(plan, None if plan.calls else round(time.perf_counter() - started, 6))

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

    def _failed(self, error: Exception, calls: list[CallRecord]) -> Planned:
        cause = str(error) if isinstance(error, InvalidPlan) else error_line(error)
        self.failures += 1
        self.first_error = self.first_error or cause
        return Planned(Plan(None, call_outcome(PLANNER_ERROR), calls), None, cause)


class RecordedCalls(Mapping[str, Call]):
    """The calls of one frame: each request gets its frame and place, and each result is recorded.

    Args:
        sample_token: of the frame.
        calls: of the models, by role.

    Attributes:
        records: of the finished calls, in the order in which they began.
        raised: an exception raised by a call, or None.
    """

    def __init__(self, sample_token: str, calls: Calls) -> None:
        self._sample_token = sample_token
        self._calls = calls
        self._records: dict[int, CallRecord] = {}
        self._begun = 0
        self.raised: Exception | None = None

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
            try:
                result = await call(replace(request, sample_token=self._sample_token, place=place))
            except Exception as error:
                self.raised = error
                raise
            prompt = request.messages[-1].text if request.messages else ""
            self._records[place] = call_record(request.stage, prompt, result)
            return result

        return recorded

    def __iter__(self) -> Iterator[str]:
        return iter(self._calls)

    def __len__(self) -> int:
        return len(self._calls)


def check_plan(plan: object, calls: Sequence[CallRecord]) -> Plan:
    """Checks what a planner returned.

    Args:
        plan: what a planner returned.
        calls: as the harness recorded them; used if the planner gives none.

    Returns:
        The plan with its calls, and its actions as float64.

    Raises:
        InvalidPlan: if it is not a plan; the message says why.
    """
    if not isinstance(plan, Plan):
        raise InvalidPlan(f"plan() returned {_named(plan)}, not a Plan")
    if not isinstance(plan.outcome, str) or not _OUTCOME.fullmatch(plan.outcome):
        raise InvalidPlan(f"the plan's outcome is {plan.outcome!r}; it must be 'ok', 'format:<kind>' or 'call:<kind>'")
    actions = None if plan.actions is None else _checked_actions(plan.actions)
    if (actions is None) == (plan.outcome == OK):
        raise InvalidPlan(f"the plan's outcome is '{plan.outcome}', but it has {'no ' * (actions is None)}actions")
    if not isinstance(plan.calls, list) or not all(isinstance(call, CallRecord) for call in plan.calls):
        raise InvalidPlan(f"the plan's calls are {_named(plan.calls)}, not a list of CallRecord; they may be left out")
    trajectory = None if plan.trajectory is None or actions is None else _checked(plan.trajectory, "trajectory")
    kept = _own_calls(plan.calls, calls) if plan.calls else _with_outcome(list(calls), plan)
    if plan.answer is not None and not _is_place(plan.answer, kept):
        raise InvalidPlan(f"the plan's answer is {plan.answer!r}, but the frame has {len(kept)} calls, counted from 0")
    candidates = tuple(_checked(one, "candidates") for one in plan.candidates)
    if plan.chosen is not None and not (isinstance(plan.chosen, int) and 0 <= plan.chosen < len(candidates)):
        raise InvalidPlan(f"the plan's chosen is {plan.chosen!r}, but it has {len(candidates)} candidates, from 0")
    samples = tuple(_checked_sample(one, kept) for one in plan.samples)
    return replace(plan, actions=actions, calls=kept, trajectory=trajectory, samples=samples, candidates=candidates)


def _checked_sample(sample: object, calls: Sequence[CallRecord]) -> Sample:
    if not isinstance(sample, Sample):
        raise InvalidPlan(f"the plan's samples hold {_named(sample)}, not Samples")
    if not _is_place(sample.call, calls):
        raise InvalidPlan(f"a sample's call is {sample.call!r}, but the frame has {len(calls)} calls, counted from 0")
    if not isinstance(sample.outcome, str) or not _OUTCOME.fullmatch(sample.outcome):
        raise InvalidPlan(
            f"a sample's outcome is {sample.outcome!r}; it must be 'ok', 'format:<kind>' or 'call:<kind>'"
        )
    if (sample.actions is None) == (sample.outcome == OK):
        raise InvalidPlan(
            f"a sample's outcome is '{sample.outcome}', but it has {'no ' * (sample.actions is None)}actions"
        )
    return replace(
        sample,
        actions=None if sample.actions is None else _checked(sample.actions, "sample"),
        trajectory=None if sample.trajectory is None else _checked(sample.trajectory, "sample"),
    )


def _checked_actions(actions: object) -> FloatArray:
    return _checked(actions, "actions")


def _checked(actions: object, what: str) -> FloatArray:
    shape = (LIGHTEMMA.plan_steps, 2)
    if not isinstance(actions, np.ndarray):
        raise InvalidPlan(f"the plan's {what} are {_named(actions)}, not a numpy array of shape {shape}")
    if actions.shape != shape:
        raise InvalidPlan(f"the plan's {what} have shape {actions.shape}, not {shape}")
    if not np.issubdtype(actions.dtype, np.floating):
        raise InvalidPlan(f"the plan's {what} have type {actions.dtype}, not float64 or another float")
    if not np.isfinite(actions).all():
        raise InvalidPlan(f"the plan's {what} are not all finite numbers (there is NaN or infinity among them)")
    return actions.astype(np.float64)


def _own_calls(own: list[CallRecord], made: Sequence[CallRecord]) -> list[CallRecord]:
    """The planner's own records of its calls, with the models' names. They must match the harness's, as replays need them."""
    if not made:  # the planner sends requests without the harness
        return own
    if [call.stage for call in own] != [call.stage for call in made]:
        raise InvalidPlan("the plan's calls are not those that were made, in that order; leave them out")
    return [msgspec.structs.replace(call, role=one.role, model=one.model) for call, one in zip(own, made, strict=True)]


def _with_outcome(calls: list[CallRecord], plan: Plan) -> list[CallRecord]:
    """The recorded calls; if the actions' text is malformed, the call that holds it gets that outcome."""
    if plan.answer is None or not is_format_error(plan.outcome) or not _is_place(plan.answer, calls):
        return calls
    changed = msgspec.structs.replace(calls[plan.answer], outcome=plan.outcome)
    return [*calls[: plan.answer], changed, *calls[plan.answer + 1 :]]


def _is_place(value: object, calls: Sequence[CallRecord]) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(calls)


def _named(value: object) -> str:
    return "nothing" if value is None else f"a {type(value).__name__}"
