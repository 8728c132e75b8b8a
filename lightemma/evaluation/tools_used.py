"""What experts were asked and found in the frames of a run, as arrays: what the table ``experts`` is made from."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import msgspec
import numpy as np
import numpy.typing as npt

from lightemma.evaluation.metrics.manoeuvres import STANDING_SPEED
from lightemma.frame import FloatArray
from lightemma.run_folder.records import FrameNumbers, FrameRecord
from lightemma.run_folder.tool_records import RED_LIGHT, TaskNumbers, TaskRecord, ToolsNumbers, ToolsRecord

#: m/s: a leader below it stands.
STANDS = 0.7
#: m/s² and seconds: comfortable braking, and the time until it begins.
BRAKING, REACTION = 2.0, 1.0
#: How tasks end that find nothing.
UNDONE = ("failed", "timeout", "rubbish", "skipped")

_Strings = npt.NDArray[np.object_]


@dataclass(frozen=True, slots=True)
class ToolsUsed:
    """The tools of a run; every array has one row per frame, NaN or empty for frames without (their call failed before).

    Attributes:
        plan: where the plan of tasks comes from, ``valid``, ``repaired``, ``default`` or ``fixed``.
        asked: calls for tools.
        tasks: how many there were.
        undone: (n, 4) how many ended as each of ``UNDONE``.
        seconds: of all experts together.
        context: characters that entered the prompts.
        told: 1 where an expert said that the car must stop: a red light, or a leader that stands, within stopping distance
            (one second at the present speed and then 2 m/s²; a red light without a distance is taken to be within); 0 where
            not; NaN for a car that stands, and where a false alarm was planted.
        planted: 1 where a false alarm was planted, 0 where not.
        kinds: task -> its number, of each frame.
    """

    plan: _Strings
    asked: FloatArray
    tasks: FloatArray
    undone: FloatArray
    seconds: FloatArray
    context: FloatArray
    told: FloatArray
    planted: FloatArray
    kinds: _Strings

    def take(self, rows: npt.NDArray[np.int64]) -> ToolsUsed:
        """The tools of some of the frames."""
        return ToolsUsed(*(getattr(self, one.name)[rows] for one in fields(self)))


def stopping_distance(speed: float) -> float:
    """Metres in which a car stops in comfort, from m/s."""
    return speed * REACTION + speed * speed / (2 * BRAKING)


def must_stop(numbers: Sequence[Mapping[str, float]], speed: float) -> bool:
    """Whether experts found a reason to stop within stopping distance, by the numbers that they gave.

    Args:
        numbers: of each expert, see ``run_folder.tool_records``.
        speed: m/s now.
    """
    reach = stopping_distance(speed)
    for found in numbers:
        if found.get(RED_LIGHT, 0.0) > 0.5 and found.get("stop_line_m", found.get("light_distance_m", 0.0)) <= reach:
            return True
        standing = found.get("lead_speed_mps", math.inf) < STANDS
        if standing and found.get("lead_distance_m", math.inf) <= reach:
            return True
    return False


def tools_used(records: Sequence[FrameNumbers | FrameRecord]) -> ToolsUsed | None:
    """The tools of a run's frames; None where no frame had any.

    Args:
        records: of the frames.
    """
    if not any(record.tools for record in records):
        return None
    used = _nothing(len(records))
    for row, record in enumerate(records):
        if isinstance(record.tools, msgspec.UnsetType):
            continue
        tools: ToolsRecord | ToolsNumbers = record.tools
        tasks: Sequence[TaskRecord | TaskNumbers] = tools.tasks
        ended = Counter(one.outcome for one in tasks)
        speed = float(record.history[-1][0])
        planted = bool(tools.planted)
        used.plan[row] = tools.plan
        used.asked[row], used.tasks[row], used.context[row] = tools.asked, len(tasks), tools.context
        used.undone[row] = [ended[name] for name in UNDONE]
        used.seconds[row] = sum(one.seconds for one in tasks)
        used.planted[row] = planted
        if not planted and speed >= STANDING_SPEED:
            used.told[row] = must_stop([one.numbers for one in tasks], speed)
        used.kinds[row] = Counter(one.task for one in tasks)
    return used


def join_tools(parts: Sequence[ToolsUsed | None], frames: Sequence[int]) -> ToolsUsed | None:
    """The tools of consecutive blocks of frames; None where no block has any.

    Args:
        parts: of each block; None for one without.
        frames: in each block.
    """
    if all(part is None for part in parts):
        return None
    whole = [_nothing(count) if part is None else part for part, count in zip(parts, frames, strict=True)]
    return ToolsUsed(*(np.concatenate([getattr(part, one.name) for part in whole]) for one in fields(ToolsUsed)))


def _nothing(count: int) -> ToolsUsed:
    def unknown() -> FloatArray:
        return np.full(count, np.nan)

    plan, kinds = np.full(count, "", dtype=object), np.full(count, None, dtype=object)
    undone = np.full((count, len(UNDONE)), np.nan)
    return ToolsUsed(plan, unknown(), unknown(), undone, unknown(), unknown(), unknown(), unknown(), kinds)
