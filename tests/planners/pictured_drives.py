"""A source of made-up drives with pictures: ``--data tests.planners.pictured_drives:PicturedDrives:FOLDER``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from lightemma.data.base import DataInfo, FrameSource
from lightemma.data.scenes import SceneTrack, frames_of_track
from lightemma.frame import Frame
from lightemma.kinematics import quaternion_from_yaw

KEY_FRAMES = 18
SCENES = {"slow": 4.0, "fast": 8.0}


class PicturedDrives(FrameSource):
    """Two straight drives of four benchmark frames each; picture n of a drive is grey of level 10 n.

    Args:
        folder: where the pictures are; made if missing.
    """

    def __init__(self, folder: str) -> None:
        self._root = Path(folder)
        for scene in SCENES:
            for number in range(KEY_FRAMES):
                path = self._root / _image(scene, number)
                if not path.exists():
                    path.parent.mkdir(parents=True, exist_ok=True)
                    Image.new("L", (32, 18), 10 * number).convert("RGB").save(path)

    @property
    def info(self) -> DataInfo:
        return DataInfo("pictured-drives", "drives", "", len(SCENES))

    @property
    def scene_names(self) -> Sequence[str]:
        return list(SCENES)

    def scene_frames(self, scene: str) -> list[Frame]:
        along = 0.5 * SCENES[scene] * np.arange(KEY_FRAMES, dtype=np.float64)
        return frames_of_track(
            SceneTrack(
                scene=scene,
                sample_tokens=[f"{scene}-{number}" for number in range(KEY_FRAMES)],
                timestamps=1_700_000_000_000_000 + 500_000 * np.arange(KEY_FRAMES, dtype=np.int64),
                positions=np.column_stack([along, np.zeros(KEY_FRAMES)]),
                rotations=quaternion_from_yaw(np.zeros(KEY_FRAMES)),
                images=[_image(scene, number) for number in range(KEY_FRAMES)],
                cameras=[None] * KEY_FRAMES,
                root=self._root,
            )
        )


def _image(scene: str, number: int) -> str:
    return f"samples/CAM_FRONT/{scene}-{number}.png"
