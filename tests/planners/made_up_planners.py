"""Unusual planners that are correct, and planners with common mistakes."""

from __future__ import annotations

import os
import signal
from typing import Any, ClassVar

import numpy as np

from lightemma.backends.base import Message, Request, TextPart
from lightemma.kinematics import hold_last_action
from lightemma.parsing import parse_answer
from lightemma.planners.base import Needs, Plan, Planner
from lightemma.run_folder.records import OK


def ask(stage: str, text: str = "What now?") -> Request:
    return Request((Message("user", (TextPart(text),)),), "", stage)


class TwoLooks(Planner):
    """Asks one stage twice, and its answer's stage is not called ``action``."""

    name: ClassVar[str] = "two-looks"

    def __init__(self, settings) -> None:
        super().__init__(settings)
        self.parser = settings.parser

    def needs(self) -> Needs:
        return Needs(models=("main",))

    async def plan(self, frame, view, calls) -> Plan:
        for text in ("Left?", "Right?"):
            await calls["main"](ask("look", text))
        decision = await calls["main"](ask("decide"))
        parsed = parse_answer(decision.completion.text, self.parser)
        return Plan(parsed.actions, parsed.outcome, answer=2)


class Hybrid(Planner):
    """Asks a model, but computes its actions: no call holds them."""

    name: ClassVar[str] = "hybrid"

    def needs(self) -> Needs:
        return Needs(models=("main",))

    async def plan(self, frame, view, calls) -> Plan:
        await calls["main"](ask("look"))
        return Plan(hold_last_action(frame.history.actions), OK)


class Interrupting(Planner):
    """Interrupts its run as Ctrl-C does, at the third frame of a session."""

    name: ClassVar[str] = "interrupting"
    seen = 0

    async def plan(self, frame, view, calls) -> Plan:
        self.seen += 1
        if self.seen == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return Plan(hold_last_action(frame.history.actions), OK)


class FailsSometimes(Planner):
    """Fails on the first frame of each scene, after it has asked its model."""

    name: ClassVar[str] = "fails-sometimes"

    def needs(self) -> Needs:
        return Needs(models=("main",))

    async def plan(self, frame, view, calls) -> Plan:
        await calls["main"](ask("look"))
        if frame.frame_index == 0:
            raise ZeroDivisionError(f"no lane in {frame.scene}\nat all")
        return Plan(hold_last_action(frame.history.actions), OK)


class FailsAlways(Planner):
    """Has a bug that fails every frame."""

    name: ClassVar[str] = "fails-always"

    async def plan(self, frame, view, calls) -> Plan:
        return Plan(frame.no_such_thing, OK)


class FivePairs(Planner):
    """Plans five actions instead of six."""

    name: ClassVar[str] = "five-pairs"

    async def plan(self, frame, view, calls) -> Plan:
        return Plan(np.zeros((5, 2)), OK)


class AsksAnother(Planner):
    """Asks a role that it does not name."""

    name: ClassVar[str] = "asks-another"

    def needs(self) -> Needs:
        return Needs(models=("main",))

    async def plan(self, frame, view, calls) -> Plan:
        await calls["controller"](ask("look"))
        return Plan(None, "call:refused")


class Strict(Planner):
    """Needs answers constrained to a regular expression."""

    name: ClassVar[str] = "strict-form"

    def needs(self) -> Needs:
        return Needs(models=("main",), constraint="regex")

    async def plan(self, frame, view, calls) -> Plan:
        return Plan(None, "format:prose")


# Classes that cannot be planners.


class OldConstructor(FivePairs):
    def __init__(self, prompts, tier) -> None:
        pass


class NoConstructorArgument(FivePairs):
    def __init__(self) -> None:
        pass


class ForgetsSuper(FivePairs):
    def __init__(self, settings) -> None:
        self.settings_given = settings


class RaisesInConstructor(FivePairs):
    def __init__(self, settings) -> None:
        super().__init__(settings)
        raise FileNotFoundError("weights.pt is not here")


class OldContract(Planner):
    name = "old"
    asks_model = True

    async def plan(self, frame, picture, call) -> Any:
        return None


class NoName(Planner):
    async def plan(self, frame, view, calls) -> Any:
        return None


class NoPlan(Planner):
    name = "no-plan"


class NotAsync(Planner):
    name = "not-async"

    def plan(self, frame, view, calls) -> Any:
        return None


class OtherArguments(Planner):
    name = "other-arguments"

    async def plan(self, frame) -> Any:
        return None


class WrongNeeds(FivePairs):
    def needs(self) -> Any:
        return {"pictures": 1}


class WrongRoles(FivePairs):
    def needs(self) -> Needs:
        return Needs(models=("main"))  # type: ignore[arg-type]


class RaisesInNeeds(FivePairs):
    def needs(self) -> Needs:
        raise RuntimeError("not ready")


class WrongOptions(FivePairs):
    Options = dict  # type: ignore[assignment]
