"""A source of made-up drives in one file: what a user writes who has data of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from lightemma.agents import VEHICLE, AgentLookup, MapLookup, Surroundings
from lightemma.data.base import DataInfo, FrameSource
from lightemma.data.drivable import DrivableArea
from lightemma.data.scenes import SceneTrack, frames_of_track
from lightemma.data.surroundings import SceneSurroundings, TrackedAgents
from lightemma.data.tracks import Tracks
from lightemma.frame import Frame
from lightemma.kinematics import quaternion_from_yaw
from lightemma.scene_facts import SceneFacts

KEY_FRAMES = 20


class MadeUpDrives(FrameSource):
    """Straight drives at 4 m/s and 8 m/s behind a parked car that stands 60 m ahead of the start.

    Args:
        speeds: m/s with commas, one scene each.
    """

    def __init__(self, speeds: str = "4,8") -> None:
        self._speeds = {f"at-{text}": float(text) for text in speeds.split(",")}

    @property
    def info(self) -> DataInfo:
        return DataInfo("made-up-drives", "drives", "", len(self._speeds))

    @property
    def scene_names(self) -> Sequence[str]:
        return list(self._speeds)

    def scene_frames(self, scene: str) -> list[Frame]:
        return frames_of_track(self._track(scene))

    def agents(self) -> AgentLookup:
        def look(scene: str, token: str) -> Surroundings | None:
            track = self._track(scene)
            times = track.timestamps
            places = np.tile([60.0, 1.0], (len(times), 1))
            parked = Tracks(np.array([0, len(times)]), places, np.zeros(len(times)), times)
            agents = TrackedAgents(parked, np.array([[4.5, 1.8]]), np.array([VEHICLE]), ["vehicle.car"])
            headings = np.zeros(len(times))
            return SceneSurroundings(track.sample_tokens, times, track.positions, headings, agents).at(token)

        return look

    def maps(self) -> MapLookup:
        road = [(-50.0, -4.0), (500.0, -4.0), (500.0, 4.0), (-50.0, 4.0)]
        return lambda scene: DrivableArea.of_rings([road], [road])

    def facts(self) -> Mapping[str, SceneFacts]:
        return {name: SceneFacts(location="nowhere", light="day", weather="rain") for name in self._speeds}

    def _track(self, scene: str) -> SceneTrack:
        along = 0.5 * self._speeds[scene] * np.arange(KEY_FRAMES, dtype=np.float64)
        return SceneTrack(
            scene=scene,
            sample_tokens=[f"{scene}-{n}" for n in range(KEY_FRAMES)],
            timestamps=1_700_000_000_000_000 + 500_000 * np.arange(KEY_FRAMES, dtype=np.int64),
            positions=np.column_stack([along, np.zeros(KEY_FRAMES)]),
            rotations=quaternion_from_yaw(np.zeros(KEY_FRAMES)),
            images=[""] * KEY_FRAMES,
            cameras=[None] * KEY_FRAMES,
            root=None,
        )
