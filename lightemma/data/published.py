"""LightEMMA's published outputs, as frames and as recorded answers. Archives stay packed: nothing is written to disk.

Two layouts are read, from a folder or a .zip:

v2
    ``<model>/output/scene-XXXX.json`` with ``image_name``; the answers are read by the evaluation.
v1
    the same with ``image_path``, ``ego_info.gt_actions`` and ``predictions`` (the authors' own reading of the answer).

Long texts are lists of lines wrapped at 80 columns; unwrapping folds white space, since the original breaks are lost.
"""

from __future__ import annotations

import lzma
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import msgspec
import numpy as np

from lightemma.data.archive_entries import open_folder, open_zip, scene_entries
from lightemma.data.archive_frames import DECODER, STAGE_KEYS, ArchiveFrame, ArchiveScene, check_once, check_shape
from lightemma.data.base import DataInfo, FrameSource, SourceSettings
from lightemma.data.loose_values import json_decoded
from lightemma.errors import UserError
from lightemma.frame import Camera, EgoHistory, Frame, Pose
from lightemma.kinematics import integrate
from lightemma.parsing import Tier, parse_answer
from lightemma.protocol import LIGHTEMMA, Protocol
from lightemma.run_folder.records import OK, FrameRecord, is_call_error


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
        names, self._read = open_zip(path) if path.is_file() else open_folder(path)
        self._entries = scene_entries(path, names)
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
            scene = json_decoded(DECODER, self._read(entry))
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
        check_once(scene.frames, entry, self.path)
        for frame in scene.frames:
            check_shape(frame, entry, self.path)
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

    def __init__(self, archive: PublishedArchive | Path) -> None:
        self.archive = PublishedArchive(archive) if isinstance(archive, Path) else archive

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
