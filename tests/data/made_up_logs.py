"""Small made-up Argoverse 2 sensor logs, in the data set's own layout."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

START_NS = 315_966_250_000_000_000
SWEEP_NS = 100_000_000


@dataclass
class MadeUpLog:
    """A car that drives straight with ``heading`` at ``speed`` past a parked car; 10 Hz sweeps.

    Attributes:
        name: id of the log.
        sweeps: how many.
        heading: radians, city.
        speed: m/s.
        parked: x and y of the parked car, metres ahead of and left of where the drive begins.
        city: code in the map's file name.
        skip: sweeps that are not annotated.
        pictures: whether the front camera's pictures are there (20 Hz).
        calibrated: whether there is a calibration.
    """

    name: str = "0a1b2c3d-0000-3000-8000-000000000001"
    sweeps: int = 101
    heading: float = 0.5
    speed: float = 6.0
    parked: tuple[float, float] = (40.0, 3.0)
    city: str = "MIA"
    skip: Sequence[int] = ()
    pictures: bool = False
    calibrated: bool = True
    changes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def times(self) -> np.ndarray:
        """Of all sweeps; every other is 0.3 ms late, as real ones are."""
        return START_NS + SWEEP_NS * np.arange(self.sweeps, dtype=np.int64) + 300_000 * (np.arange(self.sweeps) % 2)

    def write(self, root: Path, split: str = "sensor/val") -> Path:
        """Writes the log and gives its folder."""
        folder = root / split / self.name
        (folder / "map").mkdir(parents=True)
        times = self.times
        along = self.speed * (times - times[0]) / 1e9
        forward = np.array([np.cos(self.heading), np.sin(self.heading)])
        left = np.array([-forward[1], forward[0]])
        places = np.array([500.0, 1000.0]) + along[:, None] * forward
        quaternion = {"qw": np.cos(self.heading / 2), "qx": 0.0, "qy": 0.0, "qz": np.sin(self.heading / 2)}
        self._table(
            folder / "city_SE3_egovehicle.feather",
            {"timestamp_ns": times, **quaternion, "tx_m": places[:, 0], "ty_m": places[:, 1], "tz_m": -20.0},
        )
        kept = np.array([n for n in range(self.sweeps) if n not in self.skip])
        boxes = {"timestamp_ns": times[kept], "track_uuid": "parked", "category": "REGULAR_VEHICLE"}
        boxes |= {"length_m": 4.5, "width_m": 1.9, "height_m": 1.6, "qw": 1.0, "qx": 0.0, "qy": 0.0, "qz": 0.0}
        boxes |= {"tx_m": self.parked[0] - along[kept], "ty_m": self.parked[1], "tz_m": 0.44, "num_interior_pts": 9}
        own = boxes | {"track_uuid": "own", "category": "EGO_VEHICLE", "tx_m": 1.4, "ty_m": 0.0}
        self._table(folder / "annotations.feather", boxes, own)
        far = np.array([500.0, 1000.0]) - 50 * forward
        ends = [far, far + 400 * forward]
        ring = [ends[0] + 6 * left, ends[1] + 6 * left, ends[1] - 6 * left, ends[0] - 6 * left]
        lanes = {
            "1": {"left_lane_boundary": _points(end + 2 * left for end in ends)}
            | {"right_lane_boundary": _points(end - 2 * left for end in ends), "lane_type": "VEHICLE", "id": 1}
        }
        whole = {"drivable_areas": {"7": {"area_boundary": _points(ring), "id": 7}}, "lane_segments": lanes}
        path = folder / "map" / f"log_map_archive_{self.name}____{self.city}_city_47894.json"
        path.write_text(json.dumps(whole), encoding="utf-8")
        if self.calibrated:
            self._calibrate(folder / "calibration")
        if self.pictures:
            from PIL import Image

            place = folder / "sensors" / "cameras" / "ring_front_center"
            place.mkdir(parents=True)
            for time in range(int(times[0]) + 7_000_000, int(times[-1]), SWEEP_NS // 2):
                Image.new("RGB", (16, 20), "grey").save(place / f"{time}.jpg")
        return folder

    def _calibrate(self, folder: Path) -> None:
        folder.mkdir()
        names = ["ring_front_center", "ring_rear_left"]
        lens = {"fx_px": 1700.0, "fy_px": 1700.0, "cx_px": 777.0, "cy_px": 1013.0, "width_px": 1550, "height_px": 2048}
        mount = {"qw": 0.5, "qx": -0.5, "qy": 0.5, "qz": -0.5, "tx_m": 1.6, "ty_m": 0.0, "tz_m": 1.4}
        self._table(folder / "intrinsics.feather", {"sensor_name": np.array(names), **lens})
        self._table(folder / "egovehicle_SE3_sensor.feather", {"sensor_name": np.array(names), **mount})

    @staticmethod
    def _table(path: Path, *parts: Mapping[str, Any]) -> None:
        """Columns of the parts one after the other; a single value fills its column."""
        import pyarrow as pa
        from pyarrow import feather

        counts = [max(len(np.atleast_1d(value)) for value in part.values()) for part in parts]
        columns = {
            name: np.concatenate(
                [np.broadcast_to(part[name], count) for part, count in zip(parts, counts, strict=True)]
            )
            for name in parts[0]
        }
        feather.write_feather(
            pa.table({name: pa.array(values.tolist()) for name, values in columns.items()}), str(path)
        )


def _points(corners: Any) -> list[dict[str, float]]:
    return [{"x": float(x), "y": float(y), "z": 0.0} for x, y in corners]
