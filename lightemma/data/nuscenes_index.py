"""Key frames of all scenes as columns: what is needed of the tables, small and quick to load."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import overload

import numpy as np
import numpy.typing as npt

from lightemma.data.loose_values import numbers, pixels, shown, text, whole_microseconds
from lightemma.data.nuscenes_rows import TableRows, remarks_on
from lightemma.data.nuscenes_tables import FRONT_CHANNEL, CalibrationRow
from lightemma.errors import UserError
from lightemma.frame import Camera, FloatArray

IntArray = npt.NDArray[np.int64]

#: Metres from the origin beyond which there is no road, whatever the map's origin is; and how far a quaternion's length may be
#: from 1, and from where on it is brought to 1.
_FARTHEST, _NO_ROTATION, _ROUNDED = 1e9, 0.1, 1e-3


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
        remarks: (m) what rows say against each other, as clauses.
        remark_scenes: (m,) place of the scene of each remark, -1 where it is of none.
        remark_refused: (m,) 1 where a scene cannot be used for it.
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
    remarks: TextColumn
    remark_scenes: IntArray
    remark_refused: IntArray

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

    def remarks_on(self, scene: str | None) -> list[tuple[bool, str]]:
        """Whether a scene cannot be used, and why, for each remark on it; those of no scene for None."""
        if not len(self.remarks):
            return []
        number = -1 if scene is None else self.scene_numbers[scene]
        rows = np.flatnonzero(self.remark_scenes == number).tolist()
        return [(bool(self.remark_refused[row]), self.remarks[row]) for row in rows]


def index_of(rows: TableRows) -> KeyFrameIndex:
    """Joins rows that are known to be complete.

    Raises:
        UserError: if a scene's name comes twice, a time is no number, a pose is not finite or not a rotation, or a camera has
            no 3 x 3 intrinsic or no place on the car.
    """
    scenes = [row.name for row in rows.scenes]
    if len(set(scenes)) < len(scenes):
        twice = next(name for name in scenes if scenes.count(name) > 1)
        raise UserError(f"scene.json has two scenes named '{twice}'; give each a name of its own.")
    scene_numbers = {row.token: number for number, row in enumerate(rows.scenes)}
    sample_scenes = {token: scene_numbers[text(rows.samples[token].scene_token)] for token in rows.front}
    times = {token: _time(rows, token, scenes[sample_scenes[token]]) for token in rows.front}
    ordered = sorted((number, times[token], token) for token, number in sample_scenes.items())
    tokens = [token for _, _, token in ordered]
    starts = np.searchsorted(np.array([number for number, _, _ in ordered], dtype=np.int64), np.arange(len(scenes) + 1))
    frames = [rows.front[token] for token in tokens]
    poses = [rows.poses[text(row.ego_pose_token)] for row in frames]
    where = [f"{token} of scene {shown(scenes[number])}" for number, _, token in ordered]
    sizes = [(pixels(row.width), pixels(row.height)) for row in frames]
    cameras: dict[tuple[str, int, int], int] = {}
    places = [
        cameras.setdefault((text(row.calibrated_sensor_token), *size), len(cameras))
        for row, size in zip(frames, sizes, strict=True)
    ]
    used = [rows.calibrations[token] for token, _, _ in cameras]
    parts = [tokens[start:stop] for start, stop in pairwise(starts.tolist())]
    remarks = remarks_on(rows, parts, times)
    return KeyFrameIndex(
        scene_names=TextColumn.of(scenes),
        scene_starts=starts.astype(np.int64),
        sample_tokens=TextColumn.of(tokens),
        images=TextColumn.of(text(row.filename) for row in frames),
        timestamps=np.array([time for _, time, _ in ordered], dtype=np.int64),
        positions=_positions([pose.translation for pose in poses], where)[:, :2].copy(),
        rotations=_rotations([pose.rotation for pose in poses], where),
        camera_numbers=np.array(places, dtype=np.int64),
        camera_intrinsics=np.array([_intrinsic(row) for row in used], dtype=np.float64).reshape(-1, 3, 3),
        camera_rotations=np.array([_mounting(row)[0] for row in used], dtype=np.float64).reshape(-1, 4),
        camera_translations=np.array([_mounting(row)[1] for row in used], dtype=np.float64).reshape(-1, 3),
        camera_sizes=np.array([size for _, *size in cameras], dtype=np.int64).reshape(-1, 2),
        remarks=TextColumn.of(remark.what for remark in remarks),
        remark_scenes=np.array([remark.scene for remark in remarks], dtype=np.int64),
        remark_refused=np.array([remark.refused for remark in remarks], dtype=np.int64),
    )


def _time(rows: TableRows, token: str, scene: str) -> int:
    value = rows.front[token].timestamp
    try:
        time = whole_microseconds(value)
        if time < 0:
            raise ValueError("is negative")
    except ValueError as error:
        raise UserError(
            f"sample_data.json has a timestamp that {error} ({shown(value)}) for the {FRONT_CHANNEL} picture of sample {token} "
            f"of scene {shown(scene)}; times are whole microseconds, such as 1531884156948944."
        ) from None
    return time


def _positions(values: Sequence[object], where: Sequence[str]) -> FloatArray:
    """(n, 3) metres."""
    array = _numbers(values, 3, "a translation that is not three numbers", where)
    _check(np.isfinite(array.sum(axis=1)), "a position that is not finite", values, where)
    _check(np.abs(array).max(axis=1, initial=0.0) < _FARTHEST, "a position beyond a million kilometres", values, where)
    return array


def _rotations(values: Sequence[object], where: Sequence[str]) -> FloatArray:
    """(n, 4) unit quaternions; those that are off by more than rounding are brought to length 1."""
    array = _numbers(values, 4, "a rotation that is not four numbers", where)
    lengths = np.linalg.norm(array, axis=1, keepdims=True)
    off = np.abs(lengths - 1.0)
    _check((off < _NO_ROTATION)[:, 0], "a rotation that is no unit quaternion", values, where)
    return np.where(off > _ROUNDED, array / lengths, array)


def _numbers(values: Sequence[object], width: int, what: str, where: Sequence[str]) -> FloatArray:
    found = [numbers(value, width) for value in values]
    _check(np.array([one is not None for one in found], dtype=np.bool_), what, values, where)
    return np.array(found, dtype=np.float64).reshape(-1, width)


def _check(good: npt.NDArray[np.bool_], what: str, values: Sequence[object], where: Sequence[str]) -> None:
    """Refuses poses that are not good.

    Raises:
        UserError: if there are some; it names the first.
    """
    if not good.all():
        first = int(np.argmin(good))
        raise UserError(
            f"ego_pose.json has {what} for {np.count_nonzero(~good)} of {len(good)} key frames (the first is of sample "
            f"{where[first]}: {shown(values[first])}); unpack the nuScenes metadata again."
        )


def _intrinsic(row: CalibrationRow) -> list[tuple[float, ...]]:
    lines = row.camera_intrinsic if isinstance(row.camera_intrinsic, list) else []
    found = [line for line in (numbers(line, 3) for line in lines) if line is not None]
    if len(lines) != 3 or len(found) != 3 or not np.isfinite(found).all():
        raise UserError(
            f"calibrated_sensor.json has no 3 x 3 camera_intrinsic for the {FRONT_CHANNEL} row {row.token} (but "
            f"{shown(row.camera_intrinsic)}); check what wrote it, or unpack the metadata again."
        )
    return found


def _mounting(row: CalibrationRow) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Rotation and place of a camera on the car."""
    place, turn = numbers(row.translation, 3), numbers(row.rotation, 4)
    if place is None or not np.isfinite(place).all():
        what = f"no translation of three finite numbers (but {shown(row.translation)})"
    elif turn is None or not abs(np.linalg.norm(turn) - 1.0) < _NO_ROTATION:
        what = f"no unit quaternion as rotation (but {shown(row.rotation)})"
    else:
        return turn, place
    raise UserError(
        f"calibrated_sensor.json has {what} for the {FRONT_CHANNEL} row {row.token}; check what wrote it, or unpack the "
        "metadata again."
    )
