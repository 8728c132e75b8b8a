"""Key frames of all scenes as columns: what is needed of the tables, small and quick to load."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import overload

import numpy as np
import numpy.typing as npt

from lightemma.data.nuscenes_tables import CalibrationRow, EgoPoseRow, SampleDataRow
from lightemma.errors import UserError
from lightemma.frame import Camera, FloatArray

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class TextColumn(Sequence[str]):
    """Strings end to end in one array, made into Python strings only when asked for.

    Attributes:
        data: (bytes,) uint8, UTF-8.
        ends: (n,) int64, where each string ends in ``data``.
    """

    data: npt.NDArray[np.uint8]
    ends: IntArray

    @classmethod
    def of(cls, texts: Iterable[str]) -> TextColumn:
        """A column of the given strings."""
        parts = [text.encode(errors="surrogatepass") for text in texts]
        ends = np.cumsum(np.fromiter(map(len, parts), dtype=np.int64, count=len(parts)), dtype=np.int64)
        return cls(np.frombuffer(b"".join(parts), dtype=np.uint8), ends)

    def __len__(self) -> int:
        return len(self.ends)

    @overload
    def __getitem__(self, place: int) -> str: ...

    @overload
    def __getitem__(self, place: slice) -> list[str]: ...

    def __getitem__(self, place: int | slice) -> str | list[str]:
        if isinstance(place, slice):
            return [self[index] for index in range(*place.indices(len(self)))]
        index = range(len(self))[place]
        start = int(self.ends[index - 1]) if index else 0
        return self.data[start : int(self.ends[index])].tobytes().decode(errors="surrogatepass")


@dataclass(frozen=True, eq=False)
class KeyFrameIndex:
    """The CAM_FRONT key frames of all scenes, scene after scene, each in time order.

    Attributes:
        scene_names: (scenes) names, in the order of the table.
        scene_starts: (scenes + 1,) where each scene's rows begin; the last is the number of rows.
        sample_tokens: (n) tokens.
        images: (n) picture names relative to the data root.
        timestamps: (n,) microseconds.
        positions: (n, 2) metres, world.
        rotations: (n, 4) quaternions w, x, y, z.
        camera_numbers: (n,) rows of the camera columns.
        camera_intrinsics: (cameras, 3, 3) pixels.
        camera_rotations: (cameras, 4) quaternions w, x, y, z.
        camera_translations: (cameras, 3) metres, ego frame.
        camera_sizes: (cameras, 2) width and height in pixels, 0 where the tables do not say.
    """

    scene_names: TextColumn
    scene_starts: IntArray
    sample_tokens: TextColumn
    images: TextColumn
    timestamps: IntArray
    positions: FloatArray
    rotations: FloatArray
    camera_numbers: IntArray
    camera_intrinsics: FloatArray
    camera_rotations: FloatArray
    camera_translations: FloatArray
    camera_sizes: IntArray

    @cached_property
    def scene_numbers(self) -> dict[str, int]:
        """Row of each scene by its name."""
        return {name: number for number, name in enumerate(self.scene_names)}

    @cached_property
    def cameras(self) -> list[Camera]:
        """The cameras, one object for each row of the camera columns."""
        return [
            Camera(intrinsic, rotation, translation, (int(size[0]), int(size[1])) if size.all() else None)
            for intrinsic, rotation, translation, size in zip(
                self.camera_intrinsics, self.camera_rotations, self.camera_translations, self.camera_sizes, strict=True
            )
        ]

    def rows_of(self, scene: str) -> slice:
        """The rows of a scene.

        Raises:
            KeyError: if there is no such scene.
        """
        number = self.scene_numbers[scene]
        return slice(int(self.scene_starts[number]), int(self.scene_starts[number + 1]))


def index_of(
    scenes: Sequence[str],
    sample_scenes: Mapping[str, int],
    rows: Mapping[str, SampleDataRow],
    poses: Mapping[str, EgoPoseRow],
    calibrations: Mapping[str, CalibrationRow],
) -> KeyFrameIndex:
    """Joins rows that are known to be complete.

    Args:
        scenes: names of the scenes.
        sample_scenes: place among ``scenes`` by sample token.
        rows: CAM_FRONT key frame by sample token.
        poses: by ego pose token.
        calibrations: by calibrated sensor token.

    Raises:
        UserError: if a scene's name comes twice, a pose is not finite or not a rotation, or an intrinsic is no 3 x 3
            matrix.
    """
    if len(set(scenes)) < len(scenes):
        twice = next(name for name in scenes if scenes.count(name) > 1)
        raise UserError(f"scene.json has two scenes named '{twice}'; give each a name of its own.")
    ordered = sorted((number, rows[token].timestamp, token) for token, number in sample_scenes.items())
    numbers, times, tokens = zip(*ordered, strict=True) if ordered else ((), (), ())
    frames = [rows[token] for token in tokens]
    frame_poses = [poses[row.ego_pose_token] for row in frames]
    cameras: dict[tuple[str, int, int], int] = {}
    places = [cameras.setdefault((row.calibrated_sensor_token, row.width, row.height), len(cameras)) for row in frames]
    used = [calibrations[token] for token, _, _ in cameras]
    return KeyFrameIndex(
        scene_names=TextColumn.of(scenes),
        scene_starts=np.searchsorted(np.array(numbers, dtype=np.int64), np.arange(len(scenes) + 1)).astype(np.int64),
        sample_tokens=TextColumn.of(tokens),
        images=TextColumn.of(row.filename for row in frames),
        timestamps=np.array(times, dtype=np.int64),
        positions=_checked([pose.translation for pose in frame_poses], 3, tokens)[:, :2].copy(),
        rotations=_checked([pose.rotation for pose in frame_poses], 4, tokens),
        camera_numbers=np.array(places, dtype=np.int64),
        camera_intrinsics=_intrinsics(used),
        camera_rotations=np.array([row.rotation for row in used], dtype=np.float64).reshape(-1, 4),
        camera_translations=np.array([row.translation for row in used], dtype=np.float64).reshape(-1, 3),
        camera_sizes=np.array([size for _, *size in cameras], dtype=np.int64).reshape(-1, 2),
    )


def _checked(values: list[tuple[float, ...]], width: int, tokens: Sequence[str]) -> FloatArray:
    """Pose values as an array, refused where they are not finite or (for four) far from a unit quaternion."""
    array = np.array(values, dtype=np.float64).reshape(-1, width)
    good = np.all(np.isfinite(array), axis=1)
    if width == 4:
        good &= np.abs(np.linalg.norm(array, axis=1) - 1.0) < 0.1
    if not good.all():
        what = "a rotation that is no unit quaternion" if width == 4 else "a position that is not finite"
        raise UserError(
            f"ego_pose.json has {what} for {np.count_nonzero(~good)} of {len(good)} key frames "
            f"(the first is of sample {tokens[int(np.argmin(good))]}); unpack the nuScenes metadata again."
        )
    return array


def _intrinsics(rows: Sequence[CalibrationRow]) -> FloatArray:
    for row in rows:
        if len(row.camera_intrinsic) != 3 or any(len(line) != 3 for line in row.camera_intrinsic):
            raise UserError(
                f"calibrated_sensor.json has no 3 x 3 camera_intrinsic for the CAM_FRONT row {row.token}; "
                "check what wrote it, or unpack the metadata again."
            )
    return np.array([row.camera_intrinsic for row in rows], dtype=np.float64).reshape(-1, 3, 3)
