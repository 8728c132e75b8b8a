"""Maps under scenes: polygons of drivable ground and of lanes, from nuScenes' map expansion or from files of our own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from lightemma.agents import BoolArray, IntArray
from lightemma.data.loose_values import json_decoded
from lightemma.data.scene_texts import read_scene_texts
from lightemma.errors import UserError
from lightemma.files import read_whole
from lightemma.frame import FloatArray

if TYPE_CHECKING:
    from shapely import Geometry

#: Folder of our own files under the data root.
FOLDER = "drivable"

_Ring = list[tuple[float, float]]


class DrivableFile(msgspec.Struct, forbid_unknown_fields=True):
    """``drivable/<scene>.json``: rings of x, y in metres, world coordinates; a ring need not repeat its first corner.

    Attributes:
        drivable: rings whose union is drivable ground.
        lanes: one ring per lane, as long as the drive; what a car drives along without changing lanes is one lane. Those that
            ``lightemma simulate data`` writes begin with the lane's left border, as it runs, and go back along the right one.
    """

    drivable: list[_Ring]
    lanes: list[_Ring] = []


class DrivableArea:
    """Drivable ground and lanes as polygons in world coordinates.

    Args:
        drivable: polygons whose union is drivable ground.
        lanes: one polygon per lane; they may overlap.
    """

    def __init__(self, drivable: Sequence[Geometry], lanes: Sequence[Geometry]) -> None:
        import shapely

        self._ground = list(drivable)
        # A city's ground has thousands of corners; prepared, a point is looked up and not compared with all of them.
        shapely.prepare(self._ground)
        self._bounds = shapely.bounds(self._ground).reshape(-1, 4)
        self._lanes = shapely.STRtree(list(lanes))

    @classmethod
    def of_rings(cls, drivable: Iterable[_Ring], lanes: Iterable[_Ring] = ()) -> DrivableArea:
        """From rings of corners, metres, world."""
        return cls([_polygon(ring) for ring in drivable], [_polygon(ring) for ring in lanes])

    def contains(self, points: FloatArray) -> BoolArray:
        """(p, 2) metres, world, to (p,) True on drivable ground (its edge included); False for NaN."""
        import shapely

        inside: BoolArray = np.zeros(len(points), dtype=np.bool_)
        x, y = np.asarray(points, dtype=np.float64).T
        for ground, (west, south, east, north) in zip(self._ground, self._bounds.tolist(), strict=True):
            near = np.flatnonzero(~inside & (x >= west) & (x <= east) & (y >= south) & (y <= north))
            if near.size:
                inside[near] = shapely.intersects_xy(ground, x[near], y[near])
        return inside

    def lanes_at(self, points: FloatArray) -> IntArray:
        """(p, 2) metres, world, to (m, 2) pairs of point and lane: every lane that each point is in."""
        import shapely

        known = np.flatnonzero(np.isfinite(points).all(axis=1))
        point, lane = self._lanes.query(shapely.points(np.asarray(points)[known]), predicate="intersects")
        pairs: IntArray = np.column_stack([known[point], lane]).astype(np.int64)
        return pairs

    def lane_ring(self, lane: int) -> FloatArray:
        """(c, 2) metres, the corners of a lane, by the number that ``lanes_at`` gives it, without a last that is the first."""
        import shapely

        corners: FloatArray = shapely.get_coordinates(shapely.get_exterior_ring(self._lanes.geometries[lane]))[:-1]
        return corners


class DrivableMaps:
    """The maps of one data set.

    Args:
        root: the data root: ``drivable/<scene>.json`` are taken first, then ``maps/expansion/<location>.json``.
        version: the version folder, which says where each scene was recorded.

    Raises:
        UserError: if ``scene.json`` is missing or broken.
    """

    def __init__(self, root: Path, version: str) -> None:
        self._root = root
        self._locations = {name: location for name, (location, _) in read_scene_texts(root, version).items()}
        self._expansions: dict[str, DrivableArea | None] = {}
        #: Why scenes have no map, as a sentence; empty where some have one.
        self.missing = self._why_not()

    def of(self, scene: str) -> DrivableArea | None:
        """The map under a scene; None where there is none.

        Raises:
            UserError: if the scene's map file is broken.
        """
        if self.missing or scene not in self._locations:
            return None
        path = self._own_file(scene)
        if path is not None:
            return read_drivable(path)
        location = self._locations[scene]
        if location not in self._expansions:
            self._expansions[location] = read_expansion(self._root, location)
        return self._expansions[location]

    def _own_file(self, scene: str) -> Path | None:
        path = self._root / FOLDER / f"{scene}.json"
        # A scene's name is data, and must not lead out of the folder.
        return path if path.parent == self._root / FOLDER and "\0" not in scene and path.is_file() else None

    def _why_not(self) -> str:
        own = any(self._own_file(scene) for scene in self._locations)
        if not own and not any((self._root / "maps" / "expansion").glob("*.json")):
            return (
                f"The data has no maps/expansion/*.json (nuScenes' map expansion) and no {FOLDER}/<scene>.json, so leaving "
                "the road is unknown."
            )
        if not own and find_spec("nuscenes") is None:
            return (
                "Maps are there, but the package nuscenes-devkit that reads them is not, so leaving the road is unknown; "
                "install it with: pip install 'lightemma[nuscenes]'"
            )
        return ""


def read_drivable(path: Path) -> DrivableArea:
    """One of our own files.

    Raises:
        UserError: if it cannot be read or does not hold what it should.
    """
    try:
        found = json_decoded(msgspec.json.Decoder(DrivableFile), read_whole(path, 500_000_000))
        return DrivableArea.of_rings(found.drivable, found.lanes)
    except OSError as error:
        raise UserError(f"The map {path} cannot be read ({error.strerror}); check its permissions.") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise UserError(f"The map {path} is broken ({error}); docs/safety.md says what it must hold.") from error


def read_expansion(root: Path, location: str) -> DrivableArea | None:
    """One city of nuScenes' map expansion, through nuscenes-devkit; None where that city's file is not there.

    Raises:
        UserError: if the file is broken or outdated.
    """
    path = root / "maps" / "expansion" / f"{location}.json"
    if not location or path.parent != root / "maps" / "expansion" or not path.is_file():
        return None
    from nuscenes.map_expansion.map_api import NuScenesMap

    try:
        city: Any = NuScenesMap(dataroot=str(root), map_name=location)
        ground = [
            city.extract_polygon(token) for area in city.drivable_area for token in area["polygon_tokens"]
        ]  # fmt: skip
        lanes = [city.extract_polygon(lane["polygon_token"]) for lane in [*city.lane, *city.lane_connector]]
    except Exception as error:  # the devkit meets unknown cities and broken files with assertions, key errors and more
        raise UserError(
            f"nuscenes-devkit cannot read the map {path} ({type(error).__name__}: {error}); unpack the map expansion "
            "v1.3 or later again."
        ) from error
    return DrivableArea([_valid(some) for some in ground], [_valid(some) for some in lanes])


def _polygon(ring: _Ring) -> Geometry:
    import shapely

    corners = np.array(ring, dtype=np.float64).reshape(-1, 2)
    if len(np.unique(corners, axis=0)) < 3 or not np.isfinite(corners).all():
        raise ValueError(f"a ring needs three or more different finite corners, and one has {len(corners)}")
    return _valid(shapely.Polygon(corners))


def _valid(polygon: Geometry) -> Geometry:
    """A polygon whose edges do not cross, of the same ground."""
    import shapely

    return shapely.make_valid(polygon)
