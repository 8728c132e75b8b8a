"""The cities that the painter has seen: who drives through one again, in whatever weather, finds its faces ready made."""

from __future__ import annotations

import hashlib
import pickle
from collections import OrderedDict
from dataclasses import replace
from threading import Lock

from lightemma.simulation.render.painter_standing import StandingShapes
from lightemma.simulation.render.palettes import Look
from lightemma.simulation.state import City, Conditions

MOST_BYTES = 128 * 2**20
"""Of the faces that are kept for later drives; a city has 2 to 4 MB."""


class CityPool:
    """Shapes of cities by value, those that were asked for last.

    Args:
        most: bytes that are kept. One city is kept however large it is.
    """

    def __init__(self, most: int = MOST_BYTES) -> None:
        self._most = most
        self._kept: OrderedDict[bytes, StandingShapes] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def size(self) -> int:
        """Bytes of the faces of all cities that are kept."""
        return sum(shapes.size for shapes in self._kept.values())

    def shapes(self, city: City, look: Look) -> StandingShapes:
        """What stands in a city; equal cities have the same."""
        key = _key(city, look)
        with self._lock:
            found = self._kept.get(key)
            if found is None:
                found = self._kept[key] = StandingShapes(city, look)
            self._kept.move_to_end(key)
            # Cities grow while somebody drives through them, so all are asked.
            while len(self._kept) > 1 and self.size > self._most:
                self._kept.popitem(last=False)
        return found


def _key(city: City, look: Look) -> bytes:
    """A digest of all that decides the faces: the city without name and weather, and whether its lamps are lit."""
    # Equal cities that were made in the same way have equal bytes; if they had not, their faces would only be made again.
    faces = pickle.dumps((replace(city, name="", conditions=Conditions()), look.lamps > 0), protocol=5)
    return hashlib.blake2b(faces, digest_size=20).digest()


POOL = CityPool()
"""Of this process."""
