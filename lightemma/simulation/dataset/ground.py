"""The map of a drive: the position of its city, the mask of drivable pixels, and the same as polygons."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from lightemma.frame import FloatArray
from lightemma.simulation.state import City

#: Metres per pixel of the mask, as nuScenes has it.
RESOLUTION = 0.1
_MARGIN = 10  # metres around the drivable area


@dataclass(frozen=True, slots=True)
class Placement:
    """The position of a city on its map, whose lower left corner is the origin.

    Attributes:
        east: metres to add to the world's x, a whole number.
        north: metres to add to the world's y, a whole number.
        width: of the map, whole metres.
        height: of the map, whole metres.
    """

    east: int
    north: int
    width: int
    height: int


def placement_of(city: City) -> Placement:
    """The smallest map of whole metres that contains the drivable area with a margin."""
    points = np.concatenate(city.drivable)
    low = [math.floor(value) - _MARGIN for value in points.min(axis=0)]
    high = [math.ceil(value) + _MARGIN for value in points.max(axis=0)]
    return Placement(-low[0], -low[1], high[0] - low[0], high[1] - low[1])


def mask_png(city: City, placement: Placement) -> bytes:
    """The drivable area as nuScenes' devkit reads it: a grey PNG, 255 where drivable, 0 elsewhere, north up."""
    from PIL import Image, ImageDraw

    scale = round(1 / RESOLUTION)
    width, height = placement.width * scale, placement.height * scale
    mask = Image.new("L", (width, height))
    pen = ImageDraw.Draw(mask)
    for polygon in city.drivable:
        columns = (polygon[:, 0] + placement.east) * scale
        rows = height - (polygon[:, 1] + placement.north) * scale
        pen.polygon(list(zip(columns.tolist(), rows.tolist(), strict=True)), fill=255)
    buffer = io.BytesIO()
    mask.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def polygons_of(city: City, placement: Placement) -> dict[str, Any]:
    """Drivable area and lanes as corners in map coordinates, metres to the millimetre."""
    return {
        "drivable": [_corners(polygon, placement) for polygon in city.drivable],
        "lanes": [_corners(polygon, placement) for polygon in city.lanes],
    }


def _corners(polygon: FloatArray, placement: Placement) -> list[list[float]]:
    moved = np.round(polygon + np.array([placement.east, placement.north]), 3)
    corners: list[list[float]] = moved.tolist()
    return corners
