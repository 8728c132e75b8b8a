"""The three-stage planner with experts: tools look first, and what they found is part of the scene and the intent prompt."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import msgspec
from pydantic import Field

from lightemma.backends.base import Call
from lightemma.calls.concurrency import aside
from lightemma.errors import UserError
from lightemma.experts.base import Expert, Found
from lightemma.experts.context import driving_context
from lightemma.experts.executor import Done, Scene, execute, seconds_alone
from lightemma.experts.lies import planted_alarm
from lightemma.experts.motion_words import motion_in_words
from lightemma.experts.places import places
from lightemma.experts.registry import chosen_experts, oracle_experts
from lightemma.experts.selection import Chosen
from lightemma.experts.task_plan import Task
from lightemma.frame import Frame
from lightemma.planners.base import Calls, Needs, Plan, Planner, PlannerSettings, TypicalCall, View
from lightemma.planners.chain_of_thought import ChainOfThought, stage_calls
from lightemma.planners.tool_controller import MOST_CALLS, PLAN, CallFailed, Deliberation, ToolController
from lightemma.run_folder.inputs import InputsEntry
from lightemma.run_folder.records import MAIN, CallRecord, Stage
from lightemma.run_folder.tool_records import TaskRecord, ToolsRecord

#: Boxes of a task that are recorded.
_RECORDED_BOXES = 20
#: Tokens of a plan of four tasks.
_PLAN_TOKENS = 160
#: Stages that are told what the experts found: separate prompts, and turns of a dialogue, where it is said once.
_TOLD: tuple[Stage, ...] = ("scene", "intent")
_TOLD_IN_DIALOGUE: tuple[Stage, ...] = ("scene",)


@dataclass(frozen=True, slots=True)
class _Kept:
    """The findings of the last frame of a scene."""

    frame_index: int
    found: Mapping[int, Found]
    tasks: Mapping[int, str]


class ExpertTools(ChainOfThought):
    """Asks one model which experts should look at the frame, then in three stages with what they found."""

    name: ClassVar[str] = "expert-tools"

    class Options(Planner.Options):
        """Which experts there are, and who decides."""

        experts: list[str] = Field(
            default=["all"],
            min_length=1,
            description="names of experts, package.module:Class, or a service's YAML; all: what can be used here",
        )
        tools: Literal["chosen", "none", "all", "oracle", "lying"] = Field(
            default="chosen",
            description="chosen by the model; none; all, without asking; oracle: experts that know the truth; lying: all, with "
            "false alarms",
        )
        replan: Literal["frame", "scene", "never"] = Field(
            default="frame",
            description="when tools are chosen: for each frame, once in a scene, or once in a run; the last two take one call "
            "more in a frame at most",
        )
        keep: bool = Field(
            default=False,
            description="results of the frame before can be used; frames must then be driven in turn (--concurrency 1)",
        )
        context_chars: int = Field(default=600, ge=100, le=4000, description="longest text of what the experts found")
        card_chars: int = Field(default=100, ge=20, le=400, description="longest description of an expert in a prompt")
        lie_rate: float = Field(
            default=0.3, ge=0, le=1, description="share of frames with a false alarm, of lying experts"
        )
        lie_seed: int = Field(default=0, ge=0, description="by which false alarms are drawn")

    options: Options

    def __init__(self, settings: PlannerSettings = PlannerSettings()) -> None:  # noqa: B008 -- frozen
        super().__init__(settings)
        mode = self.options.tools
        self.experts: list[Expert] = []
        if mode == "oracle":
            self.experts = oracle_experts()
        elif mode != "none":
            self.experts = chosen_experts(self.options.experts)
            privileged = [one.card.id for one in self.experts if one.card.privileged]
            if privileged:
                raise UserError(
                    f"The expert '{privileged[0]}' knows the truth; take `planner_options` tools=oracle for such.",
                    "planner_options",
                )
        self._controller = ToolController(self.experts, self.prompts, self.options.card_chars)
        self._made: dict[str, Deliberation] = {}
        #: Scene and frame -> what was decided before its call, None without one, and after.
        self._decisions: dict[tuple[str, str], tuple[Deliberation | None, Deliberation]] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._kept: dict[str, _Kept] = {}

    @property
    def suffix(self) -> tuple[str, ...]:
        """Options that differ from their defaults, and the style."""
        return (*Planner.suffix.fget(self), *self.style.suffix)  # type: ignore[attr-defined]

    def needs(self) -> Needs:
        """As its style says, the picture before where an expert takes it, and the truth for oracles."""
        needs = super().needs()
        if self.options.tools == "none":
            return needs
        two = any("earlier-picture" in one.card.usual.values() for one in self.experts) or any(
            value.endswith("@earlier") for one in self.experts for value in one.card.usual.values()
        )
        oracle = self.options.tools == "oracle"
        pictures = needs.pictures if oracle else max(needs.pictures, 2 if two else 1)
        return replace(needs, pictures=pictures, looks=not oracle, truth=oracle)

    def inputs(self) -> InputsEntry:
        """As the style says, and whose findings it is told."""
        mode = self.options.tools
        return replace_inputs(super().inputs(), "" if mode == "none" else mode)

    def settings(self) -> dict[str, Any]:
        """Style, options, which experts there were, and the digest of the wording that controls them."""
        own = {**self.options.model_dump(mode="json"), "experts": [one.card.id for one in self.experts]}
        if self.options.tools == "chosen":
            text = "\0".join(self.prompts.tool_wording.values())
            own["tools_sha256"] = hashlib.sha256(text.encode()).hexdigest()
        return {**super().settings(), **own}

    def typical_calls(self, frames: Sequence[Frame]) -> list[TypicalCall]:
        """The plan of tasks, where one is asked for, and the stages with what was found."""
        told = _TOLD_IN_DIALOGUE if self.style.dialogue else _TOLD
        mode = self.options.tools
        staged = stage_calls(self.prompts, frames, self.style.pictures, style=self.style)
        if mode == "none":
            return staged
        more = self.options.context_chars
        staged = [replace(one, characters=one.characters + more * (one.stage in told)) for one in staged]
        if mode != "chosen" or self.options.replan != "frame":
            return staged
        text = self._controller.plan_text(("picture", "motion"), {})
        return [TypicalCall(PLAN, float(len(text)), 1, _PLAN_TOKENS), *staged]

    async def plan(self, frame: Frame, view: View, calls: Calls) -> Plan:
        """Tools first, then the three stages."""
        call = calls[MAIN]
        shown = replace(view, pictures=view.pictures[-self.style.pictures :], truth=None, facts=None)
        if self.options.tools == "none":
            return await self.staged(frame, shown, call)
        kept = self._kept.get(frame.scene) if self.options.keep else None
        if kept is not None and kept.frame_index >= frame.frame_index:
            kept = None
        scene = _scene(frame, view, kept)
        try:
            made, asked = await self._decided(frame, call, scene, kept)
        except CallFailed as failed:
            outcome, record = failed.args
            return Plan(None, outcome, list(record))
        experts = {number: one.expert for number, one in made.chosen.items()}
        began = time.perf_counter()
        with aside():
            done = await execute(made.tasks, experts, scene, places())
        alone = seconds_alone(done, experts)
        waited = max(time.perf_counter() - began - alone, 0.0)
        if self.options.keep:
            found = {one.task.id: one.found for one in done if one.found is not None}
            self._kept[frame.scene] = _Kept(frame.frame_index, found, {one.task.id: one.task.task for one in done})
        options = self.options
        lie = planted_alarm(frame.sample_token, options.lie_rate, options.lie_seed) if options.tools == "lying" else ""
        context = driving_context(done, options.context_chars, lie)
        told = dict.fromkeys(_TOLD_IN_DIALOGUE if self.style.dialogue else _TOLD, context)
        plan = await self.staged(frame, shown, call, told, asked)
        record = _tools_record(options.tools, made, done, len(asked), context, lie)
        record = msgspec.structs.replace(record, seconds=round(alone, 4), waited=round(waited, 4))
        if view.picture is not None and view.picture.size is not None:
            record = msgspec.structs.replace(record, size=view.picture.size)
        return replace(plan, tools=record)

    async def _decided(
        self, frame: Frame, call: Call, scene: Scene, kept: _Kept | None
    ) -> tuple[Deliberation, list[CallRecord]]:
        """The tasks and their experts, and the calls that this frame took for them.

        Raises:
            CallFailed: if the model did not answer.
        """
        if self.options.tools != "chosen":
            return self._controller.fixed(scene.given), []
        before = {} if kept is None else {number: kept.tasks[number] for number in kept.found}
        asked: list[CallRecord] = []
        if self.options.replan == "frame":
            made = Deliberation()
            for _ in range(MOST_CALLS):
                if made.next is None:
                    break
                await self._step(made, call, scene, before, asked)
            return made, asked
        key = frame.scene if self.options.replan == "scene" else ""
        # Frames of a scene wait for its plan; every frame makes one call at most, so a repair or a choice is the next one's.
        async with self._locks.setdefault(key, asyncio.Lock()):
            # A frame may be planned twice (a batch first collects its calls): it then asks what it asked before.
            place = (key, frame.sample_token)
            if place in self._decisions:
                before_it, after_it = self._decisions[place]
                if before_it is None:
                    return after_it, asked
                again = replace(before_it)
                await self._step(again, call, scene, {}, asked)
                return again, asked
            made = self._made.setdefault(key, Deliberation())
            due = None if made.next is None else replace(made)
            if due is not None:
                await self._step(made, call, scene, {}, asked)
            self._decisions[place] = (due, replace(made))
        return self._decisions[place][1], asked

    async def _step(
        self, made: Deliberation, call: Call, scene: Scene, before: Mapping[int, str], asked: list[CallRecord]
    ) -> None:
        try:
            asked.append(await self._controller.step(made, call, scene.pictures.get("picture"), scene.given, before))
        except CallFailed as failed:
            outcome, record = failed.args
            raise CallFailed(outcome, [*asked, record]) from failed


def replace_inputs(inputs: InputsEntry, experts: str) -> InputsEntry:
    """The inputs, with whose findings a planner is told."""
    return msgspec.structs.replace(inputs, experts=experts)


def _scene(frame: Frame, view: View, kept: _Kept | None) -> Scene:
    pictures = {}
    if view.picture is not None:
        pictures["picture"] = view.picture
    if len(view.pictures) > 1:
        pictures["earlier-picture"] = view.pictures[-2]
    return Scene(
        frame,
        pictures,
        {"motion": motion_in_words(frame.history)[0]},
        {} if kept is None else kept.found,
        view.truth,
        view.facts,
    )


def _tools_record(
    mode: str, made: Deliberation, done: Sequence[Done], asked: int, context: str, lie: str
) -> ToolsRecord:
    records = [_task_record(one, made.chosen.get(one.task.id)) for one in done]
    record = ToolsRecord(mode, made.origin, records, asked, made.complaint, len(context), told=context)
    if not lie:
        return record
    return msgspec.structs.replace(record, planted=lie)


def _task_record(done: Done, chosen: Chosen | None) -> TaskRecord:
    task: Task = done.task
    found = done.found or Found("")
    return TaskRecord(
        id=task.id,
        task=task.task,
        outcome=done.outcome,
        dep=list(task.dep),
        args=dict(task.args),
        expert=done.expert,
        chosen_by=chosen.by if chosen else "",
        reason=chosen.reason if chosen else "",
        why=done.why,
        seconds=round(done.seconds, 4),
        words=found.words,
        numbers=dict(found.numbers),
        boxes=[
            (
                box.label,
                round(box.score, 3),
                round(box.left, 1),
                round(box.top, 1),
                round(box.right, 1),
                round(box.bottom, 1),
            )
            for box in found.boxes[:_RECORDED_BOXES]
        ],
    )
