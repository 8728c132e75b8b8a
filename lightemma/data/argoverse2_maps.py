"""The vector map of an Argoverse 2 log: drivable ground, lanes, and the city."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from lightemma.data.drivable import DrivableArea
from lightemma.data.loose_values import json_decoded
from lightemma.errors import UserError
from lightemma.files import read_whole

#: Lanes that cars do not drive along.
_NO_CAR_LANES = ("BIKE",)
_CITY = re.compile(r"____([A-Z]{3})_city_\d+$")


class _Point(msgspec.Struct, frozen=True, gc=False):
    x: float
    y: float


class _Area(msgspec.Struct, frozen=True, gc=False):
    area_boundary: list[_Point]


class _Lane(msgspec.Struct, frozen=True, gc=False):
    left_lane_boundary: list[_Point]
    right_lane_boundary: list[_Point]
    lane_type: str = "VEHICLE"


class _Map(msgspec.Struct, frozen=True):
    drivable_areas: dict[str, _Area]
    lane_segments: dict[str, _Lane]


def map_file(log: Path) -> Path | None:
    """The vector map in a log's folder; None where there is none."""
    return next(iter(sorted((log / "map").glob("log_map_archive_*.json"))), None)


def city_of(path: Path) -> str:
    """The city's code in a map's file name, such as ``MIA``; empty where the name does not say it."""
    found = _CITY.search(path.stem)
    return found.group(1) if found else ""


def read_map(path: Path) -> DrivableArea:
    """Drivable ground and lanes, metres, city. A lane segment is the area between its left and its right boundary.

    Raises:
        UserError: if the file cannot be read or does not hold what it should.
    """
    try:
        found = json_decoded(msgspec.json.Decoder(_Map), read_whole(path, 500_000_000))
        ground = [_ring(area.area_boundary) for area in found.drivable_areas.values()]
        lanes = [
            _ring(lane.left_lane_boundary) + _ring(lane.right_lane_boundary)[::-1]
            for lane in found.lane_segments.values()
            if lane.lane_type not in _NO_CAR_LANES
        ]
        return DrivableArea.of_rings(ground, lanes)
    except OSError as error:
        raise UserError(f"The map {path} cannot be read ({error.strerror}); check its permissions.") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise UserError(f"The map {path} is broken ({error}); download the log again.") from error


def _ring(points: list[_Point]) -> list[tuple[float, float]]:
    return [(point.x, point.y) for point in points]
