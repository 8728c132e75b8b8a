"""The decisions of a closed-loop run as frames, for films and pictures of it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from lightemma.closed_loop.records import SOURCE
from lightemma.data.base import DataInfo, FrameSource
from lightemma.frame import EgoHistory, Frame, Pose
from lightemma.kinematics import driven_back
from lightemma.protocol import Protocol
from lightemma.run_folder.records import FrameRecord
from lightemma.run_folder.store import read_frames, read_manifest
from lightemma.simulation.render import front_camera


class DrivenSource(FrameSource):
    """What a planner was shown in a closed loop, step by step; each episode is a scene.

    Args:
        folder: the run.

    Raises:
        UserError: if it is no run, or broken.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._protocol = Protocol(**read_manifest(folder).protocol)

    @property
    def info(self) -> DataInfo:
        """What this source is."""
        return DataInfo(SOURCE, self._folder.name, "", len(self.scene_names))

    @property
    def scene_names(self) -> Sequence[str]:
        """Names of the episodes."""
        return list(self._episodes)

    def scene_frames(self, scene: str) -> list[Frame]:
        """The decisions of one episode, in order; ``future`` is the expert's plan from the same state."""
        return [self._frame(record) for record in self._episodes[scene]]

    @cached_property
    def _episodes(self) -> dict[str, list[FrameRecord]]:
        found: dict[str, list[FrameRecord]] = {}
        for record in read_frames(self._folder):
            found.setdefault(record.scene, []).append(record)
        return {scene: sorted(records, key=lambda record: record.frame_index) for scene, records in found.items()}

    def _frame(self, record: FrameRecord) -> Frame:
        path = self._folder / record.image if record.image else None
        history = np.array(record.history, dtype=np.float64)
        return Frame(
            scene=record.scene,
            frame_index=record.frame_index,
            sample_token=record.sample_token,
            timestamp=record.timestamp,
            image=record.image,
            image_path=path if path is not None and path.is_file() else None,
            camera=front_camera(),
            pose=Pose(0.0, 0.0, 0.0),
            history=EgoHistory(driven_back(history, self._protocol), history),
            future=None if record.ground_truth is None else np.array(record.ground_truth, dtype=np.float64),
        )
