"""The decisions of a closed-loop run as frames, for videos and figures."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np

from lightemma.agents import AgentLookup, Surroundings
from lightemma.closed_loop.episode import BEGINNING_US
from lightemma.closed_loop.records import SOURCE
from lightemma.closed_loop.replay import Replay, read_replay
from lightemma.closed_loop.replay_agents import pose_at, surroundings_at
from lightemma.data.base import DataInfo, FrameSource
from lightemma.data.picture_names import PictureFolder
from lightemma.frame import EgoHistory, Frame, Pose
from lightemma.kinematics import driven_back
from lightemma.protocol import Protocol
from lightemma.run_folder.records import FrameRecord
from lightemma.run_folder.store import read_frames, read_manifest
from lightemma.simulation.render import front_camera


class DrivenSource(FrameSource):
    """What a planner was shown at each decision of a closed loop; each episode is a scene.

    Args:
        folder: the run.

    Raises:
        UserError: if it is no run, or damaged.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._protocol = Protocol(**read_manifest(folder).protocol)
        self._pictures = PictureFolder(folder)
        self._replay = lru_cache(maxsize=2)(self._read_replay)

    @property
    def info(self) -> DataInfo:
        """What this source is."""
        return DataInfo(SOURCE, self._folder.name, "", len(self.scene_names))

    @property
    def scene_names(self) -> Sequence[str]:
        """Names of the episodes."""
        return list(self._episodes)

    def scene_frames(self, scene: str) -> list[Frame]:
        """The decisions of one episode, in order; ``future`` is the expert's plan from the same state, where there is one."""
        replay = self._replay(scene)
        return [self._frame(record, replay) for record in self._episodes[scene]]

    def checked_frames(self, scene: str) -> list[Frame]:
        """As ``scene_frames``, without checks: decisions need not be half a second apart as key frames are."""
        return self.scene_frames(scene)

    def agents(self) -> AgentLookup:
        """The agents around the car at each decision and in the 3 s after it, by its replay; None without one."""

        def look(scene: str, token: str) -> Surroundings | None:
            replay = self._replay(scene)
            record = self._by_token.get(token)
            return surroundings_at(replay, _seconds(record)) if replay and record else None

        return look

    def _read_replay(self, scene: str) -> Replay | None:
        replay = read_replay(self._folder, scene)
        return replay if replay and replay.steps else None

    @cached_property
    def _episodes(self) -> dict[str, list[FrameRecord]]:
        found: dict[str, list[FrameRecord]] = {}
        for record in read_frames(self._folder):
            found.setdefault(record.scene, []).append(record)
        return {scene: sorted(records, key=lambda record: record.frame_index) for scene, records in found.items()}

    @cached_property
    def _by_token(self) -> dict[str, FrameRecord]:
        return {record.sample_token: record for records in self._episodes.values() for record in records}

    def _frame(self, record: FrameRecord, replay: Replay | None) -> Frame:
        # Of other people's runs, whose names of pictures may lead anywhere.
        path = self._folder / record.image if record.image and not self._pictures.wrong(record.image) else None
        history = np.array(record.history, dtype=np.float64)
        return Frame(
            scene=record.scene,
            frame_index=record.frame_index,
            sample_token=record.sample_token,
            timestamp=record.timestamp,
            image=record.image,
            image_path=path if path is not None and path.is_file() else None,
            # Version 0.1 kept no camera: its pictures were the city's.
            camera=replay.camera.camera() if replay and replay.camera else front_camera(),
            pose=pose_at(replay, _seconds(record)) if replay else Pose(0.0, 0.0, 0.0),
            history=EgoHistory(driven_back(history, self._protocol), history),
            future=None if record.ground_truth is None else np.array(record.ground_truth, dtype=np.float64),
        )


def _seconds(record: FrameRecord) -> float:
    """Seconds since the episode's start."""
    return (record.timestamp - BEGINNING_US) / 1e6
