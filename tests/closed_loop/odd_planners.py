"""Planners and drivers that take their time, give no plans, or end in other ways than by an answer."""

from __future__ import annotations

import asyncio
import sys
from typing import ClassVar

import numpy as np

from lightemma.backends.base import Message, Request, TextPart
from lightemma.closed_loop.privileged import PrivilegedDriver, WorldPlan
from lightemma.closed_loop.spec import EpisodeSpec
from lightemma.planners.base import Needs, Plan, Planner
from lightemma.run_folder.records import CallRecord
from tests.conftest import steady

#: A clock that only planners move on.
CLOCK = [0.0]


class Slow(Planner):
    """Takes 1.3 s by the clock."""

    name: ClassVar[str] = "slow"
    seconds: ClassVar[float] = 1.3

    async def plan(self, frame, view, calls) -> Plan:
        CLOCK[0] += self.seconds
        return Plan(steady(5.0), "ok")


class Quick(Slow):
    """A formula."""

    name = "quick"
    seconds = 0.001


class SaysSo(Slow):
    """Knows better how long it takes."""

    name = "says-so"

    async def plan(self, frame, view, calls) -> Plan:
        CLOCK[0] += 1.3
        return Plan(steady(5.0), "ok", latency_s=0.2)


class AsksAndThinks(Slow):
    """Asks its model, which says that it took 0.5 s, and thinks for 1 s more."""

    name = "asks-and-thinks"

    def needs(self) -> Needs:
        return Needs(pictures=1, models=("main",))

    async def plan(self, frame, view, calls) -> Plan:
        asked = Message("user", (TextPart(f"Plan {frame.sample_token}."),))
        await calls["main"](Request((asked,), frame.sample_token, "action"))
        CLOCK[0] += 1.0
        return Plan(steady(5.0), "ok")


class Odd(Planner):
    """At every third decision, something that is no plan; else 5 m/s straight on."""

    name: ClassVar[str] = "odd"

    async def plan(self, frame, view, calls) -> Plan:
        return self.odd() if frame.frame_index % 3 == 1 else Plan(steady(5.0), "ok")

    def odd(self) -> Plan:
        raise NotImplementedError


def odd(name: str, make) -> type[Odd]:
    return type(name, (Odd,), {"name": name.lower(), "odd": lambda self: make(), "__module__": __name__})


def _raise(error: BaseException):
    raise error


masked = np.ma.masked_array(steady(5.0), mask=np.eye(6, 2, dtype=bool))
ODD = {
    "Nothing": lambda: None,
    "Short": lambda: Plan(np.zeros((5, 2)), "ok"),
    "Nan": lambda: Plan(np.full((6, 2), np.nan), "ok"),
    "Infinite": lambda: Plan(np.full((6, 2), np.inf), "ok"),
    "TooLarge": lambda: Plan(np.full((6, 2), 1e200), "ok"),
    "Wide": lambda: Plan(np.full((6, 2), np.longdouble("1e4000")), "ok"),
    "Masked": lambda: Plan(masked, "ok"),
    "Whole": lambda: Plan(np.zeros((6, 2), dtype=int), "ok"),
    "Words": lambda: Plan([["fast", "left"]] * 6, "ok"),
    "NoOutcome": lambda: Plan(steady(5.0), None),
    "NegativeTime": lambda: Plan(steady(5.0), "ok", latency_s=-1.0),
    "EndlessTime": lambda: Plan(steady(5.0), "ok", latency_s=float("inf")),
    "StrangeCall": lambda: Plan(steady(5.0), "ok", [CallRecord("action", "?", "x", "ok", latency_s="long")]),
    "Raises": lambda: _raise(RuntimeError("lost")),
    "Exits": lambda: sys.exit(3),
    "Cancels": lambda: _raise(asyncio.CancelledError()),
}
globals().update({name: odd(name, make) for name, make in ODD.items()})


class OddDriver(PrivilegedDriver):
    """A privileged driver that has no plan at some decisions."""

    name: ClassVar[str] = "odd-driver"
    plans: ClassVar[tuple[object, ...]] = (None, np.full((6, 2), np.nan), np.zeros((3, 2)), "left")

    def begin(self, spec: EpisodeSpec) -> WorldPlan:
        step = -1

        def plan(world):
            nonlocal step
            step += 1
            if step == len(self.plans):
                raise LookupError("no road")
            return self.plans[step] if step < len(self.plans) else steady(5.0)

        return plan
