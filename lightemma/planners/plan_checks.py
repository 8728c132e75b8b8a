"""Checks of what a planner returned: a plan that is none is an outcome of its frame, and never reaches a file."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import replace

import msgspec
import numpy as np

from lightemma.frame import FloatArray
from lightemma.kinematics import integrate
from lightemma.planners.base import Plan, Sample
from lightemma.plugins import kind_of
from lightemma.protocol import LIGHTEMMA
from lightemma.run_folder.records import OK, CallRecord, is_format_error
from lightemma.run_folder.tool_records import ToolsRecord

_OUTCOME = re.compile(r"ok|(format|call):[a-z0-9_]+")

#: Sums of products of numbers up to this are finite.
_SURELY_FINITE = 1e100


class InvalidPlan(Exception):  # noqa: N818 -- the name says what it is
    """A planner returned something that is not a plan."""


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
        raise InvalidPlan(f"plan() returned {kind_of(plan)}, not a Plan")
    if not isinstance(plan.outcome, str) or not _OUTCOME.fullmatch(plan.outcome):
        raise InvalidPlan(f"the plan's outcome is {plan.outcome!r}; it must be 'ok', 'format:<kind>' or 'call:<kind>'")
    actions = None if plan.actions is None else checked_actions(plan.actions, "actions")
    if (actions is None) == (plan.outcome == OK):
        raise InvalidPlan(f"the plan's outcome is '{plan.outcome}', but it has {'no ' * (actions is None)}actions")
    if not isinstance(plan.calls, list) or not all(isinstance(call, CallRecord) for call in plan.calls):
        raise InvalidPlan(f"the plan's calls are {kind_of(plan.calls)}, not a list of CallRecord; they may be left out")
    latency = plan.latency_s
    if latency is not None and not (_is_number(latency) and 0.0 <= latency < math.inf):
        raise InvalidPlan(f"the plan's latency_s is {latency!r}; it must be seconds, 0 or more, or None")
    trajectory = None if plan.trajectory is None or actions is None else _checked(plan.trajectory, "trajectory")
    kept = _own_calls(plan.calls, calls) if plan.calls else _with_outcome(list(calls), plan)
    if plan.answer is not None and not _is_place(plan.answer, kept):
        raise InvalidPlan(f"the plan's answer is {plan.answer!r}, but the frame has {len(kept)} calls, counted from 0")
    candidates = tuple(checked_actions(one, "candidates") for one in plan.candidates)
    if plan.chosen is not None and not (isinstance(plan.chosen, int) and 0 <= plan.chosen < len(candidates)):
        raise InvalidPlan(f"the plan's chosen is {plan.chosen!r}, but it has {len(candidates)} candidates, from 0")
    samples = tuple(_checked_sample(one, kept) for one in plan.samples)
    if plan.tools is not None and not isinstance(plan.tools, ToolsRecord):
        raise InvalidPlan(f"the plan's tools are {kind_of(plan.tools)}, not a ToolsRecord")
    return replace(plan, actions=actions, calls=kept, trajectory=trajectory, samples=samples, candidates=candidates)


def _checked_sample(sample: object, calls: Sequence[CallRecord]) -> Sample:
    if not isinstance(sample, Sample):
        raise InvalidPlan(f"the plan's samples hold {kind_of(sample)}, not Samples")
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
        actions=None if sample.actions is None else checked_actions(sample.actions, "sample"),
        trajectory=None if sample.trajectory is None else _checked(sample.trajectory, "sample"),
    )


def checked_actions(actions: object, what: str) -> FloatArray:
    """(6, 2) pairs of a plan as float64, whose trajectory is finite, too.

    Args:
        actions: as a planner gave them.
        what: its name in the message.

    Raises:
        InvalidPlan: if they are not.
    """
    pairs = _checked(actions, what)
    if np.abs(pairs).max() > _SURELY_FINITE and not _leads_somewhere(pairs):
        raise InvalidPlan(f"the plan's {what} are too large: where they lead is not finite")
    return pairs


def _leads_somewhere(pairs: FloatArray) -> bool:
    with np.errstate(all="ignore"):
        return bool(np.isfinite(integrate(pairs)).all())


def _checked(actions: object, what: str) -> FloatArray:
    shape = (LIGHTEMMA.plan_steps, 2)
    if not isinstance(actions, np.ndarray):
        raise InvalidPlan(f"the plan's {what} are {kind_of(actions)}, not a numpy array of shape {shape}")
    if actions.shape != shape:
        raise InvalidPlan(f"the plan's {what} have shape {actions.shape}, not {shape}")
    if not np.issubdtype(actions.dtype, np.floating):
        raise InvalidPlan(f"the plan's {what} have type {actions.dtype}, not float64 or another float")
    # A plain copy: a masked array hides its gaps, and a wider float may overflow.
    with np.errstate(over="ignore"):
        values = np.array(np.ma.filled(actions, np.nan), dtype=np.float64)
    if not np.isfinite(values).all():
        raise InvalidPlan(f"the plan's {what} are not all finite numbers (there is NaN or infinity among them)")
    return values


def _own_calls(own: list[CallRecord], made: Sequence[CallRecord]) -> list[CallRecord]:
    """The planner's own records of its calls, with the models' names. They must match the harness's, as replays need them."""
    if own == made:
        return list(made)  # the harness's, which can be written
    try:
        for one in own:
            msgspec.json.decode(msgspec.json.encode(one), type=CallRecord)
    except (TypeError, ValueError) as error:
        raise InvalidPlan(f"the plan's calls hold something that cannot be written ({error})") from error
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


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | np.floating) and not isinstance(value, bool)
