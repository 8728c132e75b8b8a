"""The boxes of all scenes as columns: what is needed of ``sample_annotation``, read once as a stream and kept on disk."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from lightemma.data.loose_values import numbers as vector
from lightemma.data.loose_values import shown, text, whole_microseconds
from lightemma.data.nuscenes_cache import ColumnsCache
from lightemma.data.nuscenes_index import TextColumn
from lightemma.data.nuscenes_rows import by_token
from lightemma.data.nuscenes_tables import CHUNK_SIZE, read_table, stream_rows, table_path
from lightemma.errors import UserError
from lightemma.frame import FloatArray
from lightemma.kinematics import yaw_from_quaternion

#: Raised whenever the columns or their meaning change; files of another format are built again.
FORMAT = 2
TABLES = ("sample_annotation", "instance", "category", "sample", "scene")

_NUMBERS = 11  # of an annotation: x, y, the quaternion, width, length, time, visibility, lidar points

_MOST_POINTS = 2**31 - 1


class _AnnotationRow(msgspec.Struct, frozen=True, gc=False):
    """A row of ``sample_annotation``: one box (metres; quaternion w, x, y, z; width, length, height).

    Converted sets may leave out, or write in their own way, the level of visibility and how many lidar points are in it.
    """

    sample_token: str | None
    instance_token: str | None
    translation: Any
    rotation: Any
    size: Any
    visibility_token: Any = None
    num_lidar_pts: Any = None


class _InstanceRow(msgspec.Struct, frozen=True, gc=False):
    token: str
    category_token: str | None


class _CategoryRow(msgspec.Struct, frozen=True, gc=False):
    token: str
    name: str


class _SampleRow(msgspec.Struct, frozen=True, gc=False):
    token: str
    scene_token: str | None
    timestamp: Any


class _SceneRow(msgspec.Struct, frozen=True, gc=False):
    token: str
    name: str


@dataclass(frozen=True, eq=False)
class AnnotationColumns:
    """All boxes, scene after scene, agent after agent, each agent's in time order.

    Attributes:
        scene_names: (scenes) names.
        scene_starts: (scenes + 1,) where each scene's boxes begin; the last is the number of boxes.
        agents: (n,) int64, the instance each box is of.
        times: (n,) int64 microseconds, of the sample (which is not that of the camera's picture).
        positions: (n, 2) metres, world.
        yaws: (n,) float32 radians, world.
        sizes: (n, 2) float32 length and width, metres.
        categories: names of the categories.
        category_numbers: (n,) int16 place among ``categories``.
        visibilities: (n,) int8 nuScenes' level of how much of it the cameras see: 1 up to 40 %, 2 up to 60 %, 3 up to 80 %, 4
            more; 0 where unknown.
        lidar_points: (n,) int32 lidar points in the box; -1 where unknown.
    """

    scene_names: TextColumn
    scene_starts: npt.NDArray[np.int64]
    agents: npt.NDArray[np.int64]
    times: npt.NDArray[np.int64]
    positions: FloatArray
    yaws: npt.NDArray[np.float32]
    sizes: npt.NDArray[np.float32]
    categories: TextColumn
    category_numbers: npt.NDArray[np.int16]
    visibilities: npt.NDArray[np.int8]
    lidar_points: npt.NDArray[np.int32]


def read_annotations(folder: Path, chunk_size: int = CHUNK_SIZE) -> AnnotationColumns:
    """Reads the boxes of a version folder; v1.0-trainval's 1.2 million in about 300 MB of memory.

    Args:
        folder: the version folder.
        chunk_size: bytes of the table read at a time.

    Raises:
        UserError: if a table is missing or broken, or a box is of a sample or an instance that is not there, or not finite.
    """
    paths = {table: table_path(folder, table) for table in TABLES}
    scenes = read_table(paths["scene"], _SceneRow)
    scene_numbers = {row.token: number for number, row in enumerate(scenes)}
    samples = {
        row.token: (scene_numbers[row.scene_token], _time(row, paths["sample"]))
        for row in by_token(read_table(paths["sample"], _SampleRow), "sample").values()
        if row.scene_token in scene_numbers
    }
    categories = read_table(paths["category"], _CategoryRow)
    by_token(categories, "category")
    category_numbers = {row.token: number for number, row in enumerate(categories)}
    instances = {
        row.token: (number, category_numbers.get(text(row.category_token), -1))
        for number, row in enumerate(by_token(read_table(paths["instance"], _InstanceRow), "instance").values())
    }
    path = paths["sample_annotation"]
    try:
        numbers, keys = _gathered(stream_rows(path, _AnnotationRow, chunk_size), samples, instances, path)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        numbers, keys = _gathered(read_table(path, _AnnotationRow), samples, instances, path)
    scene, agent, category = keys.T
    order = np.lexsort([numbers[:, 8], agent, scene])
    numbers, scene, agent, category = numbers[order], scene[order], agent[order], category[order]
    if not np.isfinite(numbers).all():
        raise UserError(f"The table {path} has boxes that are not finite; unpack the nuScenes metadata again.")
    return AnnotationColumns(
        scene_names=TextColumn.of(row.name for row in scenes),
        scene_starts=np.searchsorted(scene, np.arange(len(scenes) + 1)).astype(np.int64),
        agents=agent.copy(),
        times=numbers[:, 8].astype(np.int64),
        positions=numbers[:, :2].copy(),
        yaws=yaw_from_quaternion(numbers[:, 2:6]).astype(np.float32),
        sizes=numbers[:, [7, 6]].astype(np.float32),
        categories=TextColumn.of([*(row.name for row in categories), ""]),  # the last is of unknown ones, -1
        category_numbers=np.where(category < 0, len(categories), category).astype(np.int16),
        visibilities=numbers[:, 9].astype(np.int8),
        lidar_points=numbers[:, 10].astype(np.int32),
    )


def _time(row: _SampleRow, path: Path) -> int:
    try:
        return whole_microseconds(row.timestamp)
    except ValueError as error:
        raise UserError(
            f"The table {path} has a timestamp that {error} ({shown(row.timestamp)}) for sample {row.token}; times are whole "
            "microseconds, such as 1531884156948944."
        ) from None


def _gathered(
    rows: Iterable[_AnnotationRow],
    samples: Mapping[str, tuple[int, int]],
    instances: Mapping[str, tuple[int, int]],
    path: Path,
) -> tuple[FloatArray, npt.NDArray[np.int64]]:
    """Boxes of known scenes as (n, 11) numbers and (n, 3) scene, agent and category; rows pass in chunks."""
    # Microseconds since 1970 stay exact in a float64 (below 2^53).
    numbers, keys = array("d"), array("q")
    strangers = 0
    for row in rows:
        sample, instance = samples.get(text(row.sample_token)), instances.get(text(row.instance_token))
        if sample is None or instance is None:
            strangers += 1
            continue
        scene, time = sample
        place, turn, size = (
            vector(one, width) for one, width in ((row.translation, 3), (row.rotation, 4), (row.size, 3))
        )
        if place is None or turn is None or size is None:
            values = ", ".join(shown(value) for value in (row.translation, row.rotation, row.size))
            raise UserError(
                f"The table {path} has a box of sample {row.sample_token} whose translation, rotation and size are not three, "
                f"four and three numbers ({values}); unpack the nuScenes metadata again."
            )
        numbers.extend((*place[:2], *turn, *size[:2], time))
        visibility, points = _whole(row.visibility_token, 1, 4), _whole(row.num_lidar_pts, 0, _MOST_POINTS)
        numbers.extend((0 if visibility is None else visibility, -1 if points is None else points))
        keys.extend((scene, *instance))
    if strangers:
        raise UserError(
            f"The table {path} has {strangers} boxes of samples or instances that are not in sample.json or instance.json; "
            "unpack the nuScenes metadata again."
        )
    return (
        np.frombuffer(numbers, dtype=np.float64).reshape(-1, _NUMBERS),
        np.frombuffer(keys, dtype=np.int64).reshape(-1, 3),
    )


def _whole(given: object, least: int, most: int) -> int | None:
    """A whole number within bounds, written as such, as a text or as a float; None for all else, which is unknown."""
    try:
        number = float(given) if isinstance(given, str | int | float) else math.nan
    except (ValueError, OverflowError):
        return None
    return int(number) if least <= number <= most else None


def box_cache(cache_dir: Path, root: Path, version: str) -> ColumnsCache[AnnotationColumns]:
    """The file that keeps the boxes of one version folder."""
    return ColumnsCache(
        AnnotationColumns, cache_dir, root, version, tables=TABLES, columns_format=FORMAT, suffix="boxes"
    )
