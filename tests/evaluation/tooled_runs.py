"""Runs in memory whose planner asked experts."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from lightemma.evaluation.scores import RunScores, score
from lightemma.frame import Frame
from lightemma.run_folder.inputs import InputsEntry
from lightemma.run_folder.manifest import PlannerEntry
from lightemma.run_folder.tool_records import TaskRecord, ToolsRecord
from tests.conftest import make_manifest, make_record, steady

RED = {"red_light": 1.0, "stop_line_m": 6.0}


def record_of(planted: bool = False, numbers: dict[str, float] | None = None, **more) -> ToolsRecord:
    """The tools of one frame: a light that was looked at, and a lead that could not be."""
    tasks = [
        TaskRecord(1, "light-state", "ok", seconds=0.2, numbers=numbers or {}),
        TaskRecord(2, "lead-speed", "skipped", dep=[1]),
    ]
    record = ToolsRecord("chosen", more.pop("plan", "fixed"), tasks, more.pop("asked", 0), context=100)
    return msgspec.structs.replace(record, planted="A person stands there.") if planted else record


def made_run_with_tools(
    name: str,
    frames: Sequence[Frame],
    plans: Sequence[float | None],
    tools: Sequence[ToolsRecord | None],
    mode: str,
) -> RunScores:
    """A run with one straight plan and one record of tools per frame; None for none."""
    records = [
        make_record(frame, None if plan is None else steady(plan), "format:prose" if plan is None else "ok")
        for frame, plan in zip(frames, plans, strict=True)
    ]
    records = [
        record if one is None else msgspec.structs.replace(record, tools=one)
        for record, one in zip(records, tools, strict=True)
    ]
    manifest = make_manifest("model", frames)
    entry = PlannerEntry("expert-tools", {"tools": mode or "none"})
    manifest = msgspec.structs.replace(manifest, run=name, planner=entry, inputs=InputsEntry(experts=mode))
    return score(name, manifest, records)
