"""Cuts one scene's key frames into benchmark frames by the protocol. Every pose-based source ends here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lightemma.errors import UserError
from lightemma.frame import Camera, EarlierPicture, EgoHistory, FloatArray, Frame, Pose
from lightemma.kinematics import actions_from_poses, to_ego_frame, yaw_from_quaternion
from lightemma.protocol import LIGHTEMMA, Protocol


@dataclass(frozen=True, slots=True)
class SceneTrack:
    """The CAM_FRONT key frames of one scene, in time order.

    Attributes:
        scene: name of the scene.
        sample_tokens: (n) tokens.
        timestamps: (n,) microseconds, int64, of the pictures.
        positions: (n, 2) metres, world: the ego pose of each picture.
        rotations: (n, 4) quaternions w, x, y, z.
        images: (n) picture names relative to the data root.
        cameras: (n) cameras (the same object where the calibration is the same).
        root: the data root, or None when the source has no pictures.
    """

    scene: str
    sample_tokens: Sequence[str]
    timestamps: np.ndarray[tuple[int], np.dtype[np.int64]]
    positions: FloatArray
    rotations: FloatArray
    images: Sequence[str]
    cameras: Sequence[Camera]
    root: Path | None


def frames_of_track(track: SceneTrack, protocol: Protocol = LIGHTEMMA) -> list[Frame]:
    """Benchmark frames of one scene: n key frames give n - 14 of them under LightEMMA's protocol, or none if shorter.

    Raises:
        UserError: if the time stamps do not increase.
    """
    before = protocol.history_positions - 1
    after = protocol.plan_steps
    count = len(track.sample_tokens) - before - after - protocol.spare_frames
    if np.any(np.diff(track.timestamps) <= 0):
        raise UserError(
            f"The key frames of scene '{track.scene}' are not in time order: two have the same or an earlier time stamp; "
            "check the prev/next links and time stamps in sample_data.json."
        )
    if count <= 0:
        return []
    headings = yaw_from_quaternion(track.rotations)
    seconds = (track.timestamps - track.timestamps[0]) / 1e6
    # Neither speed nor curvature depends on the frame of reference, so the whole track's are taken at once.
    actions = actions_from_poses(track.positions, seconds, protocol)
    # Made once for the whole track: its frames share them.
    pictures = [] if track.root is None else _pictures(track, track.root)
    frames = []
    for index in range(count):
        now = index + before
        here, heading = track.positions[now], float(headings[now])
        around = to_ego_frame(track.positions[index : now + 1 + after], here, heading)
        frames.append(
            Frame(
                scene=track.scene,
                frame_index=index,
                sample_token=track.sample_tokens[now],
                timestamp=int(track.timestamps[now]),
                image=track.images[now],
                image_path=pictures[now].path if pictures else None,
                camera=track.cameras[now],
                pose=Pose(float(here[0]), float(here[1]), heading),
                history=EgoHistory(
                    positions=around[: before + 1],
                    actions=actions[index : index + protocol.history_actions],
                ),
                future=around[before + 1 :],
                earlier=tuple(pictures[index:now]),
            )
        )
    return frames


def _pictures(track: SceneTrack, root: Path) -> list[EarlierPicture]:
    return [
        EarlierPicture(root / image, time) for image, time in zip(track.images, track.timestamps.tolist(), strict=True)
    ]
