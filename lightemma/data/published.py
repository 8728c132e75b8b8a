"""LightEMMA's published outputs, as frames and as recorded answers. Archives stay packed: nothing is written to disk.

Two layouts are read, from a folder or a .zip:

v2
    ``<model>/output/scene-XXXX.json`` with ``image_name``; the answers are read by the evaluation.
v1
    the same with ``image_path``, ``ego_info.gt_actions`` and ``predictions`` (the authors' own reading of the answer).

Long texts are lists of lines wrapped at 80 columns; unwrapping folds white space, since the original breaks are lost.
"""

from __future__ import annotations

import errno
import lzma
import math
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec
import numpy as np

from lightemma.data.archive_failures import failure_of
from lightemma.data.base import DataInfo, FrameSource, SourceSettings
from lightemma.data.loose_values import json_decoded
from lightemma.data.picture_names import leads_out
from lightemma.errors import UserError
from lightemma.files import read_whole
from lightemma.frame import Camera, EgoHistory, Frame, Pose
from lightemma.kinematics import integrate
from lightemma.parsing import Tier, parse_answer
from lightemma.protocol import LIGHTEMMA, Protocol
from lightemma.run_folder.records import OK, CallRecord, FrameRecord, Usage, call_outcome, is_call_error
from lightemma.thinking import Parted, part

#: What the published harness called the three stages, and where it kept question and answer.
STAGE_KEYS = {
    "scene": ("scene_prompt", "scene_description"),
    "intent": ("intent_prompt", "driving_intent"),
    "action": ("waypoint_prompt", "pred_actions_str"),
}

#: Most bytes of one scene's file, unpacked, and most entries of an archive: a hundred times what the published ones have.
MAX_ENTRY_BYTES = 200_000_000
MAX_ENTRIES = 100_000

#: No call has more tokens.
MAX_COUNT = 1e12
NO_ANSWER = "the archive holds no answer here"


class _CameraParams(msgspec.Struct):
    rotation: list[Any]
    translation: list[float]
    camera_intrinsic: list[list[float]]


class _EgoInfo(msgspec.Struct):
    position: list[float]
    heading: float
    obs_positions: list[tuple[float, float]]
    obs_actions: list[tuple[float, float]]
    gt_positions: list[tuple[float, float]]


class _Predictions(msgspec.Struct):
    trajectory: list[tuple[float, float]] | None = None


class ArchiveFrame(msgspec.Struct):
    """One frame as published; what a model said and counted is checked when it is asked for, and may be missing."""

    frame_index: int
    sample_token: str
    timestamp: int
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
            latency_s=_seconds(_value(self.time_usage, key)),
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


_DECODER = msgspec.json.Decoder(ArchiveScene, strict=False)


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


def _seconds(value: object) -> float | None:
    return _number(value)


def _number(value: object) -> float | None:
    """A number of an archive, which may have been written as text; None for what is none, or below zero."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) and number >= 0 else None


class PublishedArchive:
    """A LightEMMA output folder or .zip, read scene by scene.

    Args:
        path: the folder or archive.

    Raises:
        UserError: if it is missing, broken, of another kind, or holds several models' outputs.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.stem if path.suffix == ".zip" else path.resolve().name
        names, self._read = _open_zip(path) if path.is_file() else _open_folder(path)
        self._entries = _scene_entries(path, names)
        self.scene_names: list[str] = list(self._entries)
        # One scene is decoded here, so that an archive of another kind is refused before a run and not during it.
        self.model = self.scene(self.scene_names[0]).metadata.model or self.name

    @lru_cache(maxsize=4)  # noqa: B019 -- the archive lives as long as the run
    def scene(self, name: str) -> ArchiveScene:
        """One scene's frames, in order of frame index.

        Raises:
            UserError: if its file is not what a LightEMMA run writes.
        """
        entry = self._entries[name]
        try:
            scene = json_decoded(_DECODER, self._read(entry))
        except (msgspec.DecodeError, msgspec.ValidationError, RecursionError) as error:
            raise UserError(
                f"'{entry}' in '{self.path}' is not a LightEMMA v1 or v2 scene file ({error}); "
                "give the folder or .zip that its predict.py wrote."
            ) from error
        # zlib: damaged; RuntimeError: encrypted; NotImplementedError: a compression this Python does not know.
        except (
            zipfile.BadZipFile,
            zlib.error,
            lzma.LZMAError,
            OSError,
            EOFError,
            RuntimeError,
            NotImplementedError,
            ValueError,
            KeyError,
        ) as error:
            raise UserError(f"'{entry}' in '{self.path}' cannot be read ({error}); fetch the archive again.") from error
        scene.frames.sort(key=lambda frame: frame.frame_index)
        _check_once(scene.frames, entry, self.path)
        for frame in scene.frames:
            _check_shape(frame, entry, self.path)
        return scene

    def frames(self) -> Iterator[tuple[str, ArchiveFrame]]:
        """Every frame with its scene's name, in order.

        Raises:
            UserError: if a scene's file is broken, or a frame is there twice.
        """
        seen: dict[str, str] = {}
        for name in self.scene_names:
            for frame in self.scene(name).frames:
                other = seen.setdefault(frame.sample_token, name)
                if other != name:
                    raise UserError(
                        f"Frame {frame.frame_index} of '{name}' in '{self.path}' (sample {frame.sample_token}) is also a frame "
                        f"of '{other}'; remove one of the two, or fetch the archive again."
                    )
                yield name, frame

    def records(self, parser: Tier = "strict", protocol: Protocol = LIGHTEMMA) -> Iterator[FrameRecord]:
        """Every frame as a run's record, its answer read by ``parser``.

        A failure whose text was passed on to the next stage stays marked on its stage, but the frame is judged by its
        action answer, as the published evaluation did: parity needs it, and the count is in the manifest.
        """
        for scene, frame in self.frames():
            yield frame_record(scene, frame, parser, protocol)


def frame_record(
    scene: str, frame: ArchiveFrame, parser: Tier = "strict", protocol: Protocol = LIGHTEMMA
) -> FrameRecord:
    """One published frame as a run's record, its answer read by ``parser``."""
    calls = [frame.call(stage) for stage in STAGE_KEYS]
    last = calls[-1]
    if last.outcome == OK:
        parsed = parse_answer(last.response or "", parser)
        outcome, actions = parsed.outcome, parsed.actions
        calls[-1] = msgspec.structs.replace(last, outcome=outcome)
    else:
        outcome, actions = last.outcome, None
    return FrameRecord(
        scene=scene,
        frame_index=frame.frame_index,
        sample_token=frame.sample_token,
        image=frame.image,
        timestamp=frame.timestamp,
        history=frame.ego_info.obs_actions,
        ground_truth=frame.ego_info.gt_positions,
        calls=calls,
        answer=None if is_call_error(outcome) else len(calls) - 1,
        actions=None if actions is None else actions.tolist(),
        trajectory=None if actions is None else integrate(actions, protocol).tolist(),
        outcome=outcome,
    )


class PublishedSource(FrameSource):
    """The frames behind a published archive: histories, ground truth and cameras, no pictures."""

    def __init__(self, path: Path) -> None:
        self.archive = PublishedArchive(path)

    @classmethod
    def open(cls, place: str, settings: SourceSettings) -> PublishedSource:
        """The source behind ``published:ARCHIVE``."""
        return cls(Path(place).expanduser())

    @property
    def info(self) -> DataInfo:
        """Archive name; the archives do not say which nuScenes version they ran on."""
        return DataInfo("published", self.archive.name, "", len(self.archive.scene_names))

    @property
    def scene_names(self) -> Sequence[str]:
        """Names of all scenes."""
        return self.archive.scene_names

    def scene_frames(self, scene: str) -> list[Frame]:
        """The frames of one scene, as published."""
        return [_frame(scene, frame) for frame in self.archive.scene(scene).frames]


def _frame(scene: str, frame: ArchiveFrame) -> Frame:
    ego, camera = frame.ego_info, frame.camera_params
    return Frame(
        scene=scene,
        frame_index=frame.frame_index,
        sample_token=frame.sample_token,
        timestamp=frame.timestamp,
        image=frame.image,
        image_path=None,
        camera=Camera(
            intrinsic=np.array(camera.camera_intrinsic, dtype=np.float64),
            rotation=np.array(camera.rotation, dtype=np.float64),
            translation=np.array(camera.translation, dtype=np.float64),
        ),
        pose=Pose(ego.position[0], ego.position[1], ego.heading),
        history=EgoHistory(np.array(ego.obs_positions, dtype=np.float64), np.array(ego.obs_actions, dtype=np.float64)),
        future=np.array(ego.gt_positions, dtype=np.float64),
    )


def _check_once(frames: Sequence[ArchiveFrame], entry: str, path: Path) -> None:
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


def _check_shape(frame: ArchiveFrame, entry: str, path: Path) -> None:
    ego = frame.ego_info
    wanted = (LIGHTEMMA.history_positions, LIGHTEMMA.history_actions, LIGHTEMMA.plan_steps)
    found = (len(ego.obs_positions), len(ego.obs_actions), len(ego.gt_positions))
    if found != wanted:
        raise UserError(
            f"Frame {frame.frame_index} of '{entry}' in '{path}' has {found[0]} past positions, {found[1]} past actions "
            f"and {found[2]} future positions instead of {wanted[0]}, {wanted[1]} and {wanted[2]}: it was run under "
            "another protocol."
        )


def _open_zip(path: Path) -> tuple[list[str], Callable[[str], bytes]]:
    try:
        archive = zipfile.ZipFile(path)
    # Damage shows in many ways: names that are no UTF-8, versions and places that cannot be.
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OverflowError, struct.error) as error:
        raise UserError(
            f"'{path}' is not a whole .zip archive ({error}); it may be cut off, fetch it again."
        ) from error
    except OSError as error:
        raise UserError(f"'{path}' cannot be read ({error.strerror}).") from error
    entries = archive.infolist()
    if len(entries) > MAX_ENTRIES:
        archive.close()
        raise UserError(f"'{path}' has {len(entries):,} entries; no LightEMMA output has more than {MAX_ENTRIES:,}.")
    return [entry.filename for entry in entries], lambda name: _entry(archive, name)


def _entry(archive: zipfile.ZipFile, name: str) -> bytes:
    """The bytes of an entry.

    Raises:
        OSError: if it unpacks to more than a scene can have.
    """
    with archive.open(name) as file:
        # Bounded by what comes out, whatever the archive says of itself.
        data = file.read(MAX_ENTRY_BYTES + 1)
    if len(data) > MAX_ENTRY_BYTES:
        raise OSError(errno.EFBIG, f"it unpacks to more than {MAX_ENTRY_BYTES // 1_000_000} MB")
    return data


def _open_folder(path: Path) -> tuple[list[str], Callable[[str], bytes]]:
    if not path.is_dir():
        raise UserError(f"There is no archive '{path}'; give a LightEMMA output folder or .zip.")
    names = [file.relative_to(path).as_posix() for file in sorted(path.rglob("*.json"))]
    return names, lambda name: read_whole(path / name, MAX_ENTRY_BYTES)


def _scene_entries(path: Path, names: list[str]) -> dict[str, str]:
    """Scene name -> file, of the one folder that holds scene files."""
    files = [PurePosixPath(name) for name in names if name.endswith(".json") and "__MACOSX" not in name]
    if any(file.parent.name == "output" for file in files):
        files = [file for file in files if file.parent.name == "output"]
    if not files:
        raise UserError(
            f"'{path}' holds no scene .json files; give the folder or .zip that LightEMMA's predict.py wrote."
        )
    folders = sorted({str(file.parent) for file in files})
    if len(folders) > 1:
        raise UserError(
            f"'{path}' holds several outputs ({', '.join(folders[:4])}); give one of these folders at a time."
        )
    twice = next((name for name, count in Counter(file.stem for file in files).items() if count > 1), None)
    if twice is not None:
        raise UserError(f"'{path}' holds two files for the scene '{twice}'; remove one of the two, or fetch it again.")
    return {file.stem: str(file) for file in sorted(files)}
