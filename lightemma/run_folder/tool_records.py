"""What the experts of a frame were asked and found, as frames.jsonl has it."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

#: Where a plan of tasks comes from: written by the model at once, after one request for repair, not at all (the default plan
#: took its place), or not asked for.
PlanOrigin = Literal["valid", "repaired", "default", "fixed"]
#: Who chose the expert of a task: it was the only one, the model, or its rank.
ChosenBy = Literal["only", "model", "rank"]
#: A number that experts of lights give: 1 where the light that is likely ours is red, 0 where it is not. With ``stop_line_m``
#: or ``light_distance_m``, and with ``lead_distance_m`` and ``lead_speed_mps``, it says whether they found a reason to stop.
RED_LIGHT = "red_light"


class TaskRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """One task of a frame.

    Attributes:
        id: number by which others refer to it.
        task: what was done.
        outcome: ``ok``, ``failed``, ``timeout``, ``rubbish`` or ``skipped``.
        dep: tasks that were done before.
        args: argument -> text, with references.
        expert: id of the expert that did it; empty where none did.
        chosen_by: who chose it.
        reason: the model's, where it chose.
        why: one line that says why it is not ``ok``.
        seconds: that its expert was at work; waiting for a place is not counted.
        words: what it found.
        numbers: the same, name with unit -> value.
        boxes: label, score, and left, top, right, bottom in pixels; the first of them.
    """

    id: int
    task: str
    outcome: str
    dep: list[int] = []
    args: dict[str, str] = {}
    expert: str = ""
    chosen_by: ChosenBy | Literal[""] = ""
    reason: str = ""
    why: str = ""
    seconds: float = 0.0
    words: str = ""
    numbers: dict[str, float] = {}
    boxes: list[tuple[str, float, float, float, float, float]] = []


class ToolsRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """The tools of a frame.

    Attributes:
        mode: ``chosen``, ``all``, ``oracle`` or ``lying``.
        plan: where the plan of tasks comes from.
        tasks: in the order of the plan.
        asked: calls of the controlling model for this frame.
        complaint: why the model's last plan was refused.
        context: characters of what entered the prompts.
        planted: the false alarm that was planted, where one was.
        size: width and height of the picture whose pixels the boxes are in, where there was one.
        told: what entered the prompts.
        seconds: from the first task's start to the last one's end, had no expert of another frame been at work.
        waited: seconds more, since others were.
    """

    mode: str
    plan: PlanOrigin
    tasks: list[TaskRecord] = []
    asked: int = 0
    complaint: str = ""
    context: int = 0
    planted: str | UnsetType = UNSET
    size: tuple[int, int] | UnsetType = UNSET
    told: str = ""
    seconds: float = 0.0
    waited: float = 0.0


class TaskNumbers(msgspec.Struct, frozen=True):
    """The parts of a task that scoring needs."""

    task: str
    outcome: str
    seconds: float = 0.0
    numbers: dict[str, float] = {}


class ToolsNumbers(msgspec.Struct, frozen=True):
    """The parts of a frame's tools that scoring needs."""

    plan: PlanOrigin
    tasks: list[TaskNumbers] = []
    asked: int = 0
    context: int = 0
    planted: str | UnsetType = UNSET
