"""Frames and scenes as LightEMMA's predict.py wrote them, and what a model said, as calls."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

import msgspec

from lightemma.data.archive_failures import failure_of
from lightemma.data.picture_names import leads_out
from lightemma.errors import UserError
from lightemma.protocol import LIGHTEMMA
from lightemma.run_folder.records import OK, CallRecord, Usage, Whole, call_outcome
from lightemma.thinking import Parted, part

#: What the published harness called the three stages, and where it kept question and answer.
STAGE_KEYS = {
    "scene": ("scene_prompt", "scene_description"),
    "intent": ("intent_prompt", "driving_intent"),
    "action": ("waypoint_prompt", "pred_actions_str"),
}
#: No call has more tokens.
MAX_COUNT = 1e12
NO_ANSWER = "the archive holds no answer here"


#: Three numbers, and four.
_Three = Annotated[list[float], msgspec.Meta(min_length=3, max_length=3)]
_Four = Annotated[list[float], msgspec.Meta(min_length=4, max_length=4)]


class _CameraParams(msgspec.Struct):
    rotation: _Four
    translation: _Three
    camera_intrinsic: Annotated[list[_Three], msgspec.Meta(min_length=3, max_length=3)]


class _EgoInfo(msgspec.Struct):
    position: Annotated[list[float], msgspec.Meta(min_length=2, max_length=3)]
    heading: float
    obs_positions: list[tuple[float, float]]
    obs_actions: list[tuple[float, float]]
    gt_positions: list[tuple[float, float]]


class _Predictions(msgspec.Struct):
    trajectory: list[tuple[float, float]] | None = None


class ArchiveFrame(msgspec.Struct):
    """One frame as published; what a model said and counted is checked when it is asked for, and may be missing."""

    frame_index: Whole
    sample_token: str
    timestamp: Whole
    camera_params: _CameraParams
    ego_info: _EgoInfo
    inference: dict[str, Any] | None
    token_usage: Any = None
    time_usage: Any = None
    image_name: str = ""
    image_path: str = ""
    predictions: _Predictions | None = None

    @property
    def image(self) -> str:
        """The picture's name relative to a nuScenes root; v1's absolute path of its authors' machine is cut."""
        name = PurePosixPath(self.image_name or self.image_path.replace("\\", "/")).name
        return f"samples/CAM_FRONT/{name}" if name and not leads_out(name) else ""

    def prompt(self, stage: str) -> str:
        """What was asked at a stage, white space folded if it had been wrapped."""
        return self._text(STAGE_KEYS[stage][0]) or ""

    def answer(self, stage: str) -> str:
        """What was answered at a stage, thinking included; empty if the archive holds no text there."""
        return self._text(STAGE_KEYS[stage][1]) or ""

    def call(self, stage: str) -> CallRecord:
        """Question, answer, tokens and seconds of a stage; thinking is parted from the answer."""
        key, answer = STAGE_KEYS[stage][0], self._text(STAGE_KEYS[stage][1])
        failure = "invalid_response" if answer is None else failure_of(answer)
        error = NO_ANSWER if answer is None else answer
        parted = Parted(answer or "") if failure else part(answer or "")
        if parted.thinking and not parted.answer.strip():
            failure, error = "reasoning_only", "the archive's answer is nothing but thinking"
        return CallRecord(
            stage=stage,
            prompt=self.prompt(stage),
            response=None if answer is None else parted.answer,
            outcome=OK if failure is None else call_outcome(failure),
            usage=_usage(_value(self.token_usage, key)),
            latency_s=_number(_value(self.time_usage, key)),
            error=None if failure is None else error,
            reasoning=parted.thinking or None,
        )

    def _text(self, key: str) -> str | None:
        value = _value(self.inference, key)
        if self.inference and isinstance(value, list) and value and all(isinstance(line, str) for line in value):
            whole = self.inference[key] = _unwrap(value)  # asked for several times
            return whole
        return value if isinstance(value, str) else "" if value == [] else None


class _SceneInfo(msgspec.Struct):
    name: str


class _Metadata(msgspec.Struct):
    model: str = ""
    timestamp: str = ""


class ArchiveScene(msgspec.Struct):
    """One scene's file as published."""

    scene_info: _SceneInfo
    frames: list[ArchiveFrame]
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)


DECODER = msgspec.json.Decoder(ArchiveScene, strict=False)


def _unwrap(lines: list[str]) -> str:
    return " ".join(" ".join(lines).split())


def _value(table: object, key: str) -> Any:
    """What a table holds under a key; None for a table that is none."""
    return table.get(key) if isinstance(table, dict) else None


def _usage(tokens: object) -> Usage | None:
    """Counts of a call; None if one of them cannot be."""
    if not isinstance(tokens, dict):
        return None
    sent, made = _count(tokens.get("input", 0)), _count(tokens.get("output", 0))
    return None if sent is None or made is None else Usage(sent, 0, made, 0, "recorded")


def _count(value: object) -> int | None:
    number = _number(value)
    return int(number) if number is not None and number.is_integer() and number <= MAX_COUNT else None


def _number(value: object) -> float | None:
    """A number of an archive, which may have been written as text; None for what is none, or below zero."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) and number >= 0 else None


def check_once(frames: Sequence[ArchiveFrame], entry: str, path: Path) -> None:
    """Refuses a scene that holds a frame twice: which of the two answers counts would be chance.

    Raises:
        UserError: naming the frame.
    """
    tokens: dict[str, int] = {}
    indices: set[int] = set()
    for frame in frames:
        if frame.frame_index in indices or frame.sample_token in tokens:
            first = tokens.get(frame.sample_token, frame.frame_index)
            also = "" if first == frame.frame_index else f", and as frame {first}"
            raise UserError(
                f"'{entry}' in '{path}' holds frame {frame.frame_index} (sample {frame.sample_token}) twice{also}; remove one "
                "of the two, or fetch the archive again."
            )
        tokens[frame.sample_token] = frame.frame_index
        indices.add(frame.frame_index)


def check_shape(frame: ArchiveFrame, entry: str, path: Path) -> None:
    """Refuses a frame with fewer or more positions and actions than the protocol's.

    Raises:
        UserError: naming the frame.
    """
    ego = frame.ego_info
    wanted = (LIGHTEMMA.history_positions, LIGHTEMMA.history_actions, LIGHTEMMA.plan_steps)
    found = (len(ego.obs_positions), len(ego.obs_actions), len(ego.gt_positions))
    if found != wanted:
        raise UserError(
            f"Frame {frame.frame_index} of '{entry}' in '{path}' has {found[0]} past positions, {found[1]} past actions "
            f"and {found[2]} future positions instead of {wanted[0]}, {wanted[1]} and {wanted[2]}: it was run under "
            "another protocol."
        )
