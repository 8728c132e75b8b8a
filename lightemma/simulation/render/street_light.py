"""The light of the street lamps on the ground."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lightemma.frame import FloatArray
from lightemma.simulation.render.meshes.posts import LAMP_ARM
from lightemma.simulation.state import City

_REACH = 40.0
_HEIGHT = 6.5


@dataclass(frozen=True, slots=True)
class StreetLight:
    """Light of street lamps on a grid.

    Attributes:
        levels: (h, w) bytes; the first row is the southernmost.
        box: west and south edge in metres, and one over the extent east and north.
    """

    levels: npt.NDArray[np.uint8]
    box: tuple[float, float, float, float]

    def at(self, points: FloatArray) -> FloatArray:
        """(p,) light in 0 … 1 at (p, 2) metres."""
        rows, columns = self.levels.shape
        share = (points - self.box[:2]) * self.box[2:]
        spots = np.clip((share * (columns, rows)).astype(np.intp), 0, (columns - 1, rows - 1))
        inside = np.all((share >= 0) & (share <= 1), axis=1)
        return np.where(inside, self.levels[spots[:, 1], spots[:, 0]] / 255.0, 0.0)


def lamp_heads(city: City) -> FloatArray:
    """(l, 2) metres: the positions of the lamps."""
    posts = city.lamp_posts
    heads = [(p.x + LAMP_ARM * math.cos(p.heading), p.y + LAMP_ARM * math.sin(p.heading)) for p in posts]
    return np.array(heads, dtype=np.float64).reshape(-1, 2)


def street_light(city: City) -> StreetLight:
    """The light of all street lamps of a city, on a grid of at most 1024 squares a side."""
    heads = lamp_heads(city)
    if not len(heads):
        return StreetLight(np.zeros((2, 2), dtype=np.uint8), (0.0, 0.0, 1.0, 1.0))
    low, high = heads.min(axis=0) - _REACH, heads.max(axis=0) + _REACH
    cell = max(1.0, float((high - low).max()) / 1024)
    columns, rows = (np.ceil((high - low) / cell).astype(int) + 1).tolist()
    levels = np.zeros((rows, columns))
    reach = int(_REACH / cell)
    for x, y in ((heads - low) / cell).tolist():
        left, down = max(int(x) - reach, 0), max(int(y) - reach, 0)
        across, up = np.arange(left, min(int(x) + reach, columns)), np.arange(down, min(int(y) + reach, rows))
        square = ((across[None, :] + 0.5 - x) ** 2 + (up[:, None] + 0.5 - y) ** 2) * cell**2
        levels[down : down + len(up), left : left + len(across)] += _HEIGHT**3 / (square + _HEIGHT**2) ** 1.5
    levels_shown: npt.NDArray[np.uint8] = np.rint(np.clip(levels * 0.8, 0, 1) * 255).astype(np.uint8)
    return StreetLight(levels_shown, (float(low[0]), float(low[1]), 1 / (columns * cell), 1 / (rows * cell)))
