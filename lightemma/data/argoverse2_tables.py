"""The Feather tables of one Argoverse 2 sensor log: where the car was, and the boxes around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lightemma.agents import IntArray
from lightemma.errors import UserError
from lightemma.files import open_regular
from lightemma.frame import Camera, FloatArray
from lightemma.kinematics import yaw_from_quaternion

POSES = "city_SE3_egovehicle.feather"
ANNOTATIONS = "annotations.feather"
FRONT_CAMERA = "ring_front_center"
#: The recorded car's own track, which some logs hold among the annotations.
EGO = "EGO_VEHICLE"

_ROTATION, _PLACE = ("qw", "qx", "qy", "qz"), ("tx_m", "ty_m", "tz_m")
#: Metres of the road below the ego frame's origin, which Argoverse has at the height of the rear axle: the lower edges of 479
#: and 124 cars within 10 m in two logs are at -0.37 m and -0.36 m in the median. Our ego frame has z = 0 on the road.
ROAD_BELOW_AXLE = 0.36
#: Metres that two rows of one time may differ by.
_SAME_PLACE = 0.01
#: Nanoseconds between two poses across which the car's place is still taken linearly in time.
_POSE_GAP_NS = 200_000_000


def check_reader() -> None:
    """Makes sure that Feather files can be read.

    Raises:
        UserError: if pyarrow is missing.
    """
    if find_spec("pyarrow") is None:
        raise UserError(
            "Argoverse 2 needs pyarrow to read its tables; install it with: pip install 'lightemma[argoverse2]'"
        )


class CityPoses:
    """Where the ego frame (rear axle, x forward) of a log is in the city, at any time within the log.

    Args:
        path: the log's ``city_SE3_egovehicle.feather``.

    Raises:
        UserError: if it is missing or broken.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        table = _Table(path)
        times = table.times()
        if not len(times):
            raise UserError(f"The table {path} has no poses; download the log again.")
        self._times, first, which = np.unique(times, return_index=True, return_inverse=True)
        places, rotations = table.numbers(_PLACE), _unit(table.numbers(_ROTATION), path)
        self._places, self._rotations = places[first], rotations[first]
        apart = np.linalg.norm(places - self._places[which], axis=1)
        if (apart > _SAME_PLACE).any():
            worst = int(np.argmax(apart))
            raise UserError(
                f"The table {path} has two poses at {times[worst]} ns that are {apart[worst]:,.3g} m apart; download "
                "the log again."
            )

    def at(self, wanted: npt.NDArray[np.int64]) -> tuple[FloatArray, FloatArray]:
        """Poses at some times; between two recorded ones linearly in time.

        Args:
            wanted: (k,) nanoseconds.

        Returns:
            (k, 3) metres and (k, 4) quaternions w, x, y, z, city.

        Raises:
            UserError: if there is no pose around one of them.
        """
        times, last = self._times, len(self._times) - 1
        after = np.clip(np.searchsorted(times, wanted), 0, last)
        before = np.where(times[after] == wanted, after, np.maximum(after - 1, 0))
        gap = times[after] - times[before]
        far = (gap > _POSE_GAP_NS) | (wanted > times[after]) | (wanted < times[before])
        if far.any():
            raise UserError(
                f"The table {self._path} has no poses around {int(wanted[far][0])} ns, where the log has annotations or "
                "pictures; download the log again."
            )
        share = ((wanted - times[before]) / np.where(gap > 0, gap, 1))[:, None]
        one, other = self._rotations[before], self._rotations[after]
        other = np.where(np.sum(one * other, axis=1, keepdims=True) < 0, -other, other)
        rotations = one + share * (other - one)
        places: FloatArray = self._places[before] + share * (self._places[after] - self._places[before])
        return places, rotations / np.linalg.norm(rotations, axis=1, keepdims=True)


@dataclass(frozen=True, eq=False)
class Boxes:
    """The boxes of one log, track after track, each in time order, without the recorded car's own.

    Attributes:
        times: (n,) nanoseconds, of the sweep.
        tracks: (n,) int64 number of the track.
        places: (n, 3) metres, ego frame of that time.
        rotations: (n, 4) quaternions w, x, y, z, ego frame of that time.
        sizes: (n, 2) length and width, metres.
        categories: (n) names as Argoverse gives them.
        heights: (n,) metres; NaN where the table does not give them.
    """

    times: npt.NDArray[np.int64]
    tracks: IntArray
    places: FloatArray
    rotations: FloatArray
    sizes: FloatArray
    categories: Sequence[str]
    heights: FloatArray


def read_sweep_times(path: Path) -> npt.NDArray[np.int64]:
    """(m,) nanoseconds: the times that a log is annotated at, increasing.

    Raises:
        UserError: if the table is broken.
    """
    times: npt.NDArray[np.int64] = np.unique(_Table(path).times())
    return times


def read_boxes(path: Path) -> Boxes:
    """The boxes of ``annotations.feather``.

    Raises:
        UserError: if the table is broken.
    """
    table = _Table(path)
    names = np.array(table.texts("category"), dtype=object)
    others = names != EGO
    _, tracks = np.unique(np.array(table.texts("track_uuid"), dtype=object)[others].astype(str), return_inverse=True)
    times = table.times()[others]
    order = np.lexsort([times, tracks])
    sizes = table.numbers(("length_m", "width_m"))[others]
    if (sizes <= 0).any():
        raise UserError(f"The table {path} has boxes without length or width; download the log again.")
    places = table.numbers(_PLACE)[others][order]
    twice = (np.diff(tracks[order]) == 0) & (np.diff(times[order]) == 0)
    apart = np.where(twice, np.linalg.norm(np.diff(places, axis=0), axis=1), 0.0)
    if (apart > _SAME_PLACE).any():
        worst = int(np.argmax(apart))
        raise UserError(
            f"The table {path} has two boxes of one track at {times[order][worst]} ns that are {apart[worst]:,.3g} m apart; "
            "download the log again."
        )
    return Boxes(
        times=times[order],
        tracks=tracks[order].astype(np.int64),
        places=places,
        rotations=_unit(table.numbers(_ROTATION), path)[others][order],
        sizes=sizes[order],
        categories=names[others][order].tolist(),
        heights=table.numbers(("height_m",))[others][order][:, 0]
        if table.has("height_m")
        else np.full(len(order), np.nan),
    )


def read_front_camera(folder: Path) -> Camera | None:
    """The front camera of a log's ``calibration`` folder; None where the log has no calibration.

    Its height is made one above the road. Lens distortion is left out: it moves nothing that is drawn near the road by more
    than a few pixels.

    Raises:
        UserError: if a table is broken or has no front camera.
    """
    intrinsics, mounts = folder / "intrinsics.feather", folder / "egovehicle_SE3_sensor.feather"
    if not intrinsics.is_file() or not mounts.is_file():
        return None
    lens, mount = _Table(intrinsics).row(FRONT_CAMERA), _Table(mounts).row(FRONT_CAMERA)
    focal_x, focal_y, centre_x, centre_y, width, height = lens.numbers(
        ("fx_px", "fy_px", "cx_px", "cy_px", "width_px", "height_px")
    )[0].tolist()
    return Camera(
        intrinsic=np.array([[focal_x, 0.0, centre_x], [0.0, focal_y, centre_y], [0.0, 0.0, 1.0]]),
        rotation=_unit(mount.numbers(_ROTATION), mounts)[0],
        translation=mount.numbers(_PLACE)[0] + (0.0, 0.0, ROAD_BELOW_AXLE),
        size=(int(width), int(height)),
    )


def rotated(rotations: FloatArray, points: FloatArray) -> FloatArray:
    """(k, 3) points turned by (k, 4) unit quaternions w, x, y, z."""
    w, axis = rotations[:, :1], rotations[:, 1:]
    cross = np.cross(axis, points)
    turned: FloatArray = points + 2.0 * (w * cross + np.cross(axis, cross))
    return turned


def yaws_of(outer: FloatArray, inner: FloatArray) -> FloatArray:
    """(k,) radians: the headings of (k, 4) rotations ``inner`` that are seen in frames turned by ``outer``."""
    w1, x1, y1, z1 = outer.T
    w2, x2, y2, z2 = inner.T
    product = np.stack(
        [
            w1 * w2 - x1 * x2 - y1 * y2 - z1 * z2,
            w1 * x2 + x1 * w2 + y1 * z2 - z1 * y2,
            w1 * y2 - x1 * z2 + y1 * w2 + z1 * x2,
            w1 * z2 + x1 * y2 - y1 * x2 + z1 * w2,
        ],
        axis=-1,
    )
    return yaw_from_quaternion(product)


class _Table:
    """A Feather file whose columns are checked when they are asked for."""

    def __init__(self, path: Path, table: Any = None) -> None:
        self._path, self._table = path, table
        if table is None:
            import pyarrow
            from pyarrow import feather

            try:
                with open_regular(path) as file:
                    self._table = feather.read_table(file, memory_map=False)
            except FileNotFoundError:
                raise UserError(f"There is no table {path}; download the log again.") from None
            except (OSError, pyarrow.ArrowException) as error:
                reason = str(error).partition("\n")[0]
                raise UserError(
                    f"The table {path} is torn or no Feather file ({reason}); download the log again."
                ) from error

    def times(self) -> npt.NDArray[np.int64]:
        """(n,) nanoseconds."""
        import pyarrow

        column = self._column("timestamp_ns")
        if not pyarrow.types.is_integer(column.type):
            raise self._wrong("timestamp_ns", "whole numbers of nanoseconds")
        return np.asarray(column.to_numpy(), dtype=np.int64)

    def numbers(self, names: Sequence[str]) -> FloatArray:
        """(n, len(names)) finite numbers."""
        import pyarrow

        columns = []
        for name in names:
            column = self._column(name)
            if not (pyarrow.types.is_floating(column.type) or pyarrow.types.is_integer(column.type)):
                raise self._wrong(name, "numbers")
            values = np.asarray(column.to_numpy(), dtype=np.float64)
            if not np.isfinite(values).all():
                row = int(np.argmin(np.isfinite(values)))
                raise UserError(
                    f"The table {self._path} has a value of '{name}' that is not finite (row {row}); download the log again."
                )
            columns.append(values)
        stacked: FloatArray = np.stack(columns, axis=-1)
        return stacked

    def texts(self, name: str) -> list[str]:
        """(n) strings."""
        import pyarrow

        column = self._column(name)
        if pyarrow.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        if not (pyarrow.types.is_string(column.type) or pyarrow.types.is_large_string(column.type)):
            raise self._wrong(name, "text")
        texts: list[str] = column.to_pylist()
        return texts

    def has(self, name: str) -> bool:
        """Whether there is a column of this name."""
        return name in self._table.column_names

    def row(self, sensor: str) -> _Table:
        """The row of a sensor."""
        names = self.texts("sensor_name")
        if sensor not in names:
            raise UserError(f"The table {self._path} has no sensor {sensor}; download the log again.")
        return _Table(self._path, self._table.slice(names.index(sensor), 1))

    def _column(self, name: str) -> Any:
        if name not in self._table.column_names:
            has = ", ".join(map(str, self._table.column_names[:6]))
            raise UserError(
                f"The table {self._path} has no column '{name}' (it has {has} …), so it is no table of an Argoverse 2 sensor "
                "log; download the log again."
            )
        column = self._table.column(name)
        if column.null_count:
            raise UserError(
                f"The table {self._path} has {column.null_count} empty values of '{name}'; download the log again."
            )
        return column

    def _wrong(self, name: str, wanted: str) -> UserError:
        return UserError(
            f"The column '{name}' of the table {self._path} does not hold {wanted} (but {self._column(name).type}); download "
            "the log again."
        )


def _unit(rotations: FloatArray, path: Path) -> FloatArray:
    """Rotations of length 1; refused where they are far from it."""
    lengths = np.linalg.norm(rotations, axis=1, keepdims=True)
    if (np.abs(lengths - 1.0) > 0.1).any():
        raise UserError(f"The table {path} has rotations that are no unit quaternions; download the log again.")
    unit: FloatArray = rotations / lengths
    return unit
