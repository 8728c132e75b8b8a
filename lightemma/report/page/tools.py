"""What the page shows of the experts of a frame: tasks with what they waited for, boxes, and what entered the prompts."""

from __future__ import annotations

from typing import Any

from lightemma.run_folder.tool_records import TaskRecord, ToolsRecord


def shown_tools(tools: ToolsRecord) -> dict[str, Any]:
    """The tools of a frame for the page's script.

    Boxes are parts of the picture's width and height, so that they fit on a picture of any size; there are none where that
    size was not recorded.

    Args:
        tools: as recorded.
    """
    size = tools.size if tools.size and min(tools.size) > 0 else None
    return {
        "mode": tools.mode,
        "plan": tools.plan,
        "asked": tools.asked,
        "complaint": tools.complaint,
        "planted": tools.planted or "",
        "told": tools.told,
        "tasks": [_task(one, size) for one in tools.tasks],
    }


def _task(task: TaskRecord, size: tuple[int, int] | None) -> dict[str, Any]:
    # Boxes of the earlier picture would lie beside the things of this one.
    earlier = any("earlier" in text for text in task.args.values())
    here = size is not None and not earlier
    return {
        "id": task.id,
        "task": task.task,
        "dep": task.dep,
        "earlier": earlier and not any("<resource-picture>" in text for text in task.args.values()),
        "expert": task.expert,
        "by": task.chosen_by,
        "reason": task.reason,
        "outcome": task.outcome,
        "seconds": task.seconds,
        "said": task.words or task.why,
        "boxes": [_parts(box, size) for box in task.boxes] if here and size else [],
    }


def _parts(box: tuple[str, float, float, float, float, float], size: tuple[int, int]) -> list[str | float]:
    label, score, left, top, right, bottom = box
    wide, high = max(size[0], 1), max(size[1], 1)
    # The centre of the upper left pixel is (0, 0).
    edges = ((left + 0.5) / wide, (top + 0.5) / high, (right + 0.5) / wide, (bottom + 0.5) / high)
    return [label, round(score, 3), *(round(min(max(edge, 0.0), 1.0), 5) for edge in edges)]
