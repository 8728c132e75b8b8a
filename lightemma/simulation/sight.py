"""Lines of sight of the front camera: how much of each road user it sees, and which points are hidden from it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from lightemma.camera import project
from lightemma.frame import Camera, FloatArray, Pose
from lightemma.simulation.bodies import bodies_of, posts_of
from lightemma.simulation.state import ActorState, City, WorldState

BoolArray = npt.NDArray[np.bool_]

_GRID, _COARSE = 5, 4
"""Number of points along each side of a face of a whole box, and of a body of several boxes."""

#: Owner of points of nobody, and of posts.
_NOBODY, _POSTS = -1, -2
#: Shapes of plants in multiples of their height (`render.meshes.plants`): the middle of the crown and its radius. A tree's is
#: as far as hardly any light comes through. A bush's balls of leaves stand apart: it is as far as any of them may reach, so
#: that nothing behind them counts as seen. A tree's trunk reaches up to the crown's middle, this many metres to each side.
_TREE, _BUSH, _TRUNK = (0.66, 0.29), (0.42, 0.9), 0.12


class Sight:
    """What the camera sees of one state.

    Args:
        state: of the world.
        city: its houses and plants.
        camera: on the ego car; its size must be known.
        plain: whether road users are boxes, and plants and posts hide nothing.
        heights: (actors,) metres of the ground under each actor; all on the road without.
    """

    def __init__(
        self,
        state: WorldState,
        city: City,
        camera: Camera,
        *,
        plain: bool = False,
        heights: FloatArray | None = None,
    ) -> None:
        self._camera, ego = camera, state.ego.pose
        self._eye = np.asarray(camera.translation, dtype=np.float64)
        #: (actors, 7) as of `boxes_in_ego`.
        self.boxes = boxes_in_ego(state.actors, ego, heights)
        self._plain = plain
        self._walls = _edges(city, ego)
        self._plants = np.zeros((0, 5)) if plain else _plants(city, ego)
        kinds = ["" if plain else actor.kind for actor in state.actors]
        self._bodies, self._owners = bodies_of(kinds, self.boxes)
        self._hiders, self._hiding = self._bodies, self._owners
        if not plain:
            posts = posts_of(city, state.signals)
            x, y = _into((posts[:, 0], posts[:, 1]), ego)
            posts[:, 0], posts[:, 1], posts[:, 2] = x, y, posts[:, 2] - ego.heading
            self._hiders = np.concatenate([self._bodies, posts])
            self._hiding = np.concatenate([self._owners, np.full(len(posts), _POSTS)])

    def shares(self) -> FloatArray:
        """The share of each actor that is in the picture and not hidden, of all of it as seen from the camera.

        Every face of its bodies that is turned to the camera is covered with points, each of which counts for the solid angle
        that its patch covers. A point is seen if it is in the picture and nothing of others is in the line of sight. Fog
        and darkness hide nothing here, and bodies are made of boxes: an estimate.

        Returns:
            (actors,) shares in 0 … 1, in the order of ``state.actors``.
        """
        count = len(self.boxes)
        if not count:
            return np.zeros(0)
        points, weights = _facing(self._bodies, self._eye, _GRID if self._plain else _COARSE)
        owners = np.repeat(self._owners, points.shape[1])
        flat = points.reshape(-1, 3)
        # Points without weight or outside the picture need no line of sight.
        seen = (weights.reshape(-1) > 0) & self.in_picture(flat)
        places = np.flatnonzero(seen)
        seen[places[self.hidden(flat[places], owners[places])]] = False
        counted = np.bincount(self._owners, (weights * seen.reshape(weights.shape)).sum(axis=1), count)
        whole = np.bincount(self._owners, weights.sum(axis=1), count)
        share: FloatArray = np.divide(counted, whole, out=np.zeros(count), where=whole > 0)
        return share

    def in_picture(self, points: FloatArray) -> BoolArray:
        """Whether each of (n, 3) points of the ego frame, in metres, is within the picture's edges."""
        if self._camera.size is None:
            raise ValueError("a camera needs a size to say what is in its picture")
        shown = project(points, self._camera)
        with np.errstate(invalid="ignore"):
            inside: BoolArray = (
                (shown.depth > 0)
                & (shown.pixels >= -0.5).all(axis=1)
                & (shown.pixels <= np.array(self._camera.size) - 0.5).all(axis=1)
            )
        return inside

    def hidden(self, points: FloatArray, owners: npt.NDArray[np.int64] | None = None) -> BoolArray:
        """Whether something is between the camera and each point.

        Args:
            points: (n, 3) metres, ego frame, all ahead of the camera.
            owners: (n,) the actor, by its place in the state, that a point is of and that does not hide it; -1 for none.
        """
        if not len(points):
            return np.zeros(0, dtype=np.bool_)
        owners = np.full(len(points), _NOBODY) if owners is None else owners
        hidden = _behind_boxes(points, owners, self._hiders, self._hiding, self._eye)
        hidden |= _behind_houses(points, self._walls, self._eye)
        return hidden | _behind_plants(points, self._plants, self._eye)

    def seen(self, points: FloatArray) -> BoolArray:
        """Whether each of (n, 3) points of the ego frame is in the picture and not hidden."""
        found = self.in_picture(points)
        places = np.flatnonzero(found)
        found[places[self.hidden(points[places])]] = False
        return found


def visible_shares(state: WorldState, city: City, camera: Camera) -> FloatArray:
    """(actors,) the shares of `Sight.shares` behind houses and boxes on the road's height alone, as data sets are written."""
    return Sight(state, city, camera, plain=True).shares()


def boxes_in_ego(actors: Sequence[ActorState], ego: Pose, heights: FloatArray | None = None) -> FloatArray:
    """(actors, 7) metres and radians: x, y, heading, length, width, height in the ego frame, and the ground's height (0)."""
    boxes = np.array([_box(actor, ego) for actor in actors]).reshape(-1, 6)
    return np.column_stack([boxes, np.zeros(len(boxes)) if heights is None else heights])


def _box(actor: ActorState, ego: Pose) -> tuple[float, ...]:
    """Centre x, y, heading, length, width, height in the ego frame."""
    (x, y) = _into((actor.pose.x, actor.pose.y), ego)
    return (float(x), float(y), actor.pose.heading - ego.heading, actor.length, actor.width, actor.height)


def _into(place: tuple[FloatArray | float, FloatArray | float], ego: Pose) -> tuple[FloatArray, FloatArray]:
    """World points (x, y) in the ego frame."""
    cos, sin = np.cos(ego.heading), np.sin(ego.heading)
    dx, dy = np.asarray(place[0]) - ego.x, np.asarray(place[1]) - ego.y
    return cos * dx + sin * dy, cos * dy - sin * dx


def _facing(boxes: FloatArray, eye: FloatArray, grid: int) -> tuple[FloatArray, FloatArray]:
    """Points on the five upper faces of each box, (n, k, 3) metres, and their weights, (n, k): 0 where turned away."""
    steps = (np.arange(grid) + 0.5) / grid - 0.5
    a, b = (side.ravel() for side in np.meshgrid(steps, steps, indexing="ij"))
    half = np.full_like(a, 0.5)
    faces = [(np.stack([side * half, a, b], axis=1), (float(side), 0.0, 0.0), (4, 5)) for side in (-1, 1)] + [
        (np.stack([a, side * half, b], axis=1), (0.0, float(side), 0.0), (3, 5)) for side in (-1, 1)
    ]
    faces.append((np.stack([a, b, half], axis=1), (0.0, 0.0, 1.0), (3, 4)))
    cos, sin = np.cos(boxes[:, 2])[:, None], np.sin(boxes[:, 2])[:, None]
    points, weights = [], []
    for unit, normal, (one, other) in faces:
        local = unit[None] * boxes[:, None, 3:6]
        place = np.stack(
            [
                boxes[:, :1] + cos * local[..., 0] - sin * local[..., 1],
                boxes[:, 1:2] + sin * local[..., 0] + cos * local[..., 1],
                boxes[:, 6:7] + boxes[:, 5:6] / 2 + local[..., 2],
            ],
            axis=2,
        )
        towards = eye - place
        distance = np.linalg.norm(towards, axis=2)
        outward = (
            towards[..., 0] * (cos * normal[0] - sin * normal[1])
            + towards[..., 1] * (sin * normal[0] + cos * normal[1])
            + towards[..., 2] * normal[2]
        )
        patch = (boxes[:, one] * boxes[:, other] / grid**2)[:, None]
        points.append(place)
        weights.append(np.maximum(outward, 0.0) * patch / np.maximum(distance, 0.1) ** 3)
    return np.concatenate(points, axis=1), np.concatenate(weights, axis=1)


def _behind_boxes(
    points: FloatArray,
    owners: npt.NDArray[np.int64],
    boxes: FloatArray,
    box_owners: npt.NDArray[np.int64],
    eye: FloatArray,
) -> BoolArray:
    """Whether a box other than its own is between each point and the eye: slabs (Kay and Kajiya 1986)."""
    hidden = np.zeros(len(points), dtype=np.bool_)
    for number in _in_view(boxes, points, eye):
        x, y, heading, *sizes, ground = boxes[number].tolist()
        cos, sin = np.cos(heading), np.sin(heading)

        def into(place: FloatArray, x: float = x, y: float = y, cos: float = cos, sin: float = sin) -> FloatArray:
            dx, dy = place[..., 0] - x, place[..., 1] - y
            return np.stack([cos * dx + sin * dy, cos * dy - sin * dx, place[..., 2]], axis=-1)

        start, ends = into(eye), into(points)
        half_long, half_wide = sizes[0] / 2, sizes[1] / 2
        low, high = np.array([-half_long, -half_wide, ground]), np.array([half_long, half_wide, ground + sizes[2]])
        ray = ends - start
        ray = np.where(np.abs(ray) < 1e-12, 1e-12, ray)
        one, other = (low - start) / ray, (high - start) / ray
        enter = np.minimum(one, other).max(axis=1)
        leave = np.maximum(one, other).min(axis=1)
        # A body around the camera, of a car that is driven through, hides nothing: it is unseen from inside.
        hidden |= (owners != box_owners[number]) & (enter < leave) & (enter > 0) & (enter < 1)
    return hidden


def _in_view(boxes: FloatArray, points: FloatArray, eye: FloatArray) -> list[int]:
    """Places of the boxes that a line of sight can meet: not behind, not left or right of all, not beyond all."""
    if not len(points):
        return []
    rays = points[:, :2] - eye[:2]
    x, y = boxes[:, 0] - eye[0], boxes[:, 1] - eye[1]
    reach = np.hypot(boxes[:, 3], boxes[:, 4]) / 2.0
    left, right = (rays[:, 1] / rays[:, 0]).max(), (rays[:, 1] / rays[:, 0]).min()  # points in the picture are ahead
    met = (x + reach > 0.0) & (np.hypot(x, y) - reach < np.hypot(rays[:, 0], rays[:, 1]).max())
    met &= (y - left * x < reach * np.hypot(1.0, left)) & (right * x - y < reach * np.hypot(1.0, right))
    places: list[int] = np.flatnonzero(met).tolist()
    return places


def _edges(city: City, ego: Pose) -> FloatArray:
    """(n, 5) ends of the houses' walls in the ego frame and their heights."""
    walls = []
    for building in city.buildings:
        x, y = _into((building.footprint[:, 0], building.footprint[:, 1]), ego)
        height = np.full(len(x), building.height)
        walls.append(np.stack([x, y, np.roll(x, -1), np.roll(y, -1), height], axis=1))
    return np.concatenate(walls) if walls else np.zeros((0, 5))


def _behind_houses(points: FloatArray, walls: FloatArray, eye: FloatArray) -> BoolArray:
    """Whether the line of sight from the eye to each point goes through a wall."""
    ray_x, ray_y = points[:, :1] - eye[0], points[:, 1:2] - eye[1]
    x, y, end_x, end_y, height = _in_the_way(walls, ray_x, ray_y, eye).T
    along, across = end_x - x, end_y - y
    turn = ray_x * across - ray_y * along
    turn = np.where(np.abs(turn) < 1e-12, 1e-12, turn)
    # Eye + t ray = start + s wall.
    t = ((x - eye[0]) * across - (y - eye[1]) * along) / turn
    s = ((x - eye[0]) * ray_y - (y - eye[1]) * ray_x) / turn
    level = eye[2] + t * (points[:, 2:3] - eye[2])
    hit: BoolArray = ((t > 0) & (t < 1) & (s >= 0) & (s <= 1) & (level < height)).any(axis=1)
    return hit


def _in_the_way(walls: FloatArray, ray_x: FloatArray, ray_y: FloatArray, eye: FloatArray) -> FloatArray:
    """The walls that a ray can hit: facing the eye, not left or right of all rays, and not farther than the longest."""
    if not len(ray_x):
        return walls[:0]
    slopes = ray_y / ray_x  # points in the picture are ahead
    x, y = walls[:, [0, 2]] - eye[0], walls[:, [1, 3]] - eye[1]
    facing = x[:, 0] * (y[:, 1] - y[:, 0]) - y[:, 0] * (x[:, 1] - x[:, 0]) > 0
    outside = (y > slopes.max() * x).all(axis=1) | (y < slopes.min() * x).all(axis=1)
    kept: FloatArray = walls[facing & ~outside & (x.min(axis=1) < ray_x.max()) & (x.max(axis=1) > 0)]
    return kept


def _plants(city: City, ego: Pose) -> FloatArray:
    """(n, 5) x, y of the plants in the ego frame, the height of the crown's middle, its radius, and half a trunk's width."""
    found = []
    for plant in city.plants:
        middle, radius = _TREE if plant.kind == "tree" else _BUSH
        trunk = _TRUNK if plant.kind == "tree" else 0.0
        found.append((*plant.place, middle * plant.height, radius * plant.height, trunk))
    rows: FloatArray = np.array(found).reshape(-1, 5)
    rows[:, 0], rows[:, 1] = _into((rows[:, 0].copy(), rows[:, 1].copy()), ego)
    return rows


def _behind_plants(points: FloatArray, plants: FloatArray, eye: FloatArray) -> BoolArray:
    """Whether the line of sight to each point goes through a crown, a ball, or a trunk, a post."""
    if not len(points) or not len(plants):
        return np.zeros(len(points), dtype=np.bool_)
    ray = points - eye
    farthest = float(np.hypot(ray[:, 0], ray[:, 1]).max())
    place = plants[:, :3] - eye
    reach = np.maximum(plants[:, 3], plants[:, 4])
    slopes = ray[:, 1] / ray[:, 0]  # points in the picture are ahead
    left, right = slopes.max(), slopes.min()
    met = (place[:, 0] + reach > 0.0) & (np.hypot(place[:, 0], place[:, 1]) < farthest + reach)
    met &= place[:, 1] - left * place[:, 0] < reach * np.hypot(1.0, left)
    met &= right * place[:, 0] - place[:, 1] < reach * np.hypot(1.0, right)
    plants = plants[met]
    place = plants[:, :3] - eye
    along = ray @ place.T / np.maximum((ray**2).sum(axis=1), 1e-9)[:, None]
    apart = np.linalg.norm(place[None] - np.clip(along, 0.0, 1.0)[..., None] * ray[:, None], axis=2)
    # A point at or before the middle of a crown is not behind it.
    hit = (apart < plants[:, 3]) & (along < 1.0) & (along > 0.0)
    flat = ray[:, :2] @ place[:, :2].T / np.maximum((ray[:, :2] ** 2).sum(axis=1), 1e-9)[:, None]
    beside = np.linalg.norm(place[None, :, :2] - flat[..., None] * ray[:, None, :2], axis=2)
    level = eye[2] + flat * ray[:, 2:]
    hit |= (flat > 0.0) & (flat < 1.0) & (beside < plants[:, 4]) & (level > 0.0) & (level < plants[:, 2])
    behind: BoolArray = hit.any(axis=1)
    return behind
