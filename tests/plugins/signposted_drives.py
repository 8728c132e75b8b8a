"""Drives of the city's expert whose pictures say the truth: a post stands where the car will head, bright if it speeds up.

Nothing is rendered, so that hundreds of drives take seconds. The post is drawn by the camera's geometry: what flips, turns,
greys or exchanges a picture changes what the picture says.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count, islice
from pathlib import Path

import numpy as np
from PIL import Image

from lightemma.data.base import DataInfo, FrameSource
from lightemma.data.scenes import SceneTrack, frames_of_track
from lightemma.frame import Camera, FloatArray, Frame, PixelArray
from lightemma.kinematics import quaternion_from_yaw
from lightemma.protocol import LIGHTEMMA
from lightemma.simulation.dataset.drives import Drive
from lightemma.simulation.dataset.expert_drive import record
from lightemma.simulation.render.pinhole import front_camera
from lightemma.simulation.scenarios import scenario_names

SIZE = (160, 90)
CAMERA = front_camera(SIZE)
KEY_FRAMES = 24
#: Frames of a scene; the slowest car, and the sharpest turn: a post must stay in sight when the camera turns too.
FRAMES, SLOWEST, WIDEST = 3, 2.0, math.radians(15)
#: A post's width in pixels; grey levels of the ground, of a post without a change of speed, and of 1 m/s.
POST, GROUND, STEADY, LEVELS_PER_MPS = 9.0, 10.0, 128.0, 16.0


@dataclass(frozen=True, slots=True)
class Truth:
    """What the expert does in the next three seconds.

    Attributes:
        turn: radians to the left, of its heading.
        change: m/s, of its speed.
    """

    turn: float
    change: float


def truth_of(frame: Frame) -> Truth:
    """The recorded change of heading and speed."""
    assert frame.future is not None
    x, y = (frame.future[-1] - frame.future[-2]).tolist()
    return Truth(math.atan2(y, x), math.hypot(x, y) / LIGHTEMMA.dt - float(frame.history.actions[-1, 0]))


def drawn(truth: Truth, camera: Camera = CAMERA) -> PixelArray:
    """A picture with a post in the direction of the turn."""
    assert camera.size is not None
    width, height = camera.size
    middle = camera.intrinsic[0, 2] - camera.intrinsic[0, 0] * math.tan(truth.turn)
    covered = np.clip(POST / 2 + 0.5 - np.abs(np.arange(width) - middle), 0.0, 1.0)
    level = np.clip(STEADY + LEVELS_PER_MPS * truth.change, GROUND + 20, 255)
    row = np.rint(GROUND + covered * (level - GROUND)).astype(np.uint8)
    return np.tile(row[None, :, None], (height, 1, 3))


def seen(pixels: PixelArray, camera: Camera = CAMERA) -> Truth | None:
    """What a picture says; None where there is no post.

    Args:
        pixels: (height, width, 3).
        camera: that took it, at any size; a picture that is cropped about its principal point keeps the focal length.
    """
    width = pixels.shape[1]
    row = pixels.astype(np.float64).mean(axis=(0, 2)) - GROUND
    high = row > row.max() / 2
    if row.max() < 10 or not 1 < high.sum() < 2 * POST:
        return None
    near = np.convolve(high, np.ones(5), "same") > 0
    weights = np.where(near, np.clip(row, 0.0, None), 0.0)
    place = float((weights * np.arange(width)).sum() / weights.sum())
    level = float(np.median(row[round(place) - 1 : round(place) + 2])) + GROUND
    middle = (camera.intrinsic[0, 2] + 0.5) / SIZE[0] * width - 0.5
    return Truth(-math.atan((place - middle) / camera.intrinsic[0, 0]), (level - STEADY) / LEVELS_PER_MPS)


class SignpostedDrives(FrameSource):
    """Scenes of the expert in all scenarios, with pictures of posts, and what it did by heart in ``truth.json``.

    Args:
        folder: where the pictures are written.
        scenes: how many.
        frames: of each scene, one after the other.
        least: m/s by which the speed changes in each of them, so that few scenes are enough.
    """

    def __init__(self, folder: str | Path, scenes: int = 150, frames: int = FRAMES, least: float = 0.0) -> None:
        self.folder = Path(folder)
        self._least = least
        self._length = frames
        (self.folder / "pictures").mkdir(parents=True, exist_ok=True)
        self._frames = {frames[0].scene: frames for frames in islice(self._drives(), int(scenes))}
        every = [frame for scene in self._frames.values() for frame in scene]
        known = [[frame.history.actions.tolist(), *_values(truth_of(frame))] for frame in every]
        self.by_heart = self.folder / "truth.json"
        self.by_heart.write_text(json.dumps(known), encoding="utf-8")

    @property
    def info(self) -> DataInfo:
        return DataInfo("signposted-drives", "drives", "", len(self._frames))

    @property
    def scene_names(self) -> Sequence[str]:
        return list(self._frames)

    def scene_frames(self, scene: str) -> list[Frame]:
        return self._frames[scene]

    def _drives(self) -> Iterator[list[Frame]]:
        for seed in count():
            for number, scenario in enumerate(scenario_names()):
                frames = recorded(Drive(scenario, seed))
                pieces = [frames[first : first + self._length] for first in range(len(frames) - self._length + 1)]
                whole = [piece for piece in pieces if all(suitable(frame, self._least) for frame in piece)]
                if whole:
                    # Another part of each drive, so that all that a scenario is made of is there.
                    piece = whole[(5 * seed + 3 * number + 4) % len(whole)]
                    yield [self._pictured(replace(frame, frame_index=place)) for place, frame in enumerate(piece)]

    def _pictured(self, frame: Frame) -> Frame:
        path = self.folder / "pictures" / f"{frame.sample_token}.png"
        Image.fromarray(drawn(truth_of(frame))).save(path)
        return replace(frame, image=f"pictures/{path.name}", image_path=path, camera=CAMERA)


def recorded(drive: Drive) -> list[Frame]:
    """The benchmark frames of a drive, without pictures."""
    looks = record(drive, key_frames=KEY_FRAMES).key_frames
    poses = np.array([(look.pose.x, look.pose.y, look.pose.heading) for look in looks], dtype=np.float64)
    headings: FloatArray = poses[:, 2]
    track = SceneTrack(
        scene=drive.name,
        sample_tokens=[f"{drive.name}-{number}" for number in range(KEY_FRAMES)],
        timestamps=np.array([look.timestamp for look in looks], dtype=np.int64),
        positions=poses[:, :2],
        rotations=quaternion_from_yaw(headings),
        images=[""] * KEY_FRAMES,
        cameras=[None] * KEY_FRAMES,
        root=None,
    )
    return frames_of_track(track)


def suitable(frame: Frame, least: float = 0.0) -> bool:
    """Whether the car moves now and in three seconds, changes its speed, and does not turn out of the picture."""
    now, truth = float(frame.history.actions[-1, 0]), truth_of(frame)
    return min(now, now + truth.change) >= SLOWEST and abs(truth.change) >= least and abs(truth.turn) <= WIDEST


def _values(truth: Truth) -> tuple[float, float]:
    return truth.turn, truth.change
