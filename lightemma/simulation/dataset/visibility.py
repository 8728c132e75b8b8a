"""How much of each road user the front camera sees, behind other boxes and houses and within the picture."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lightemma.camera import project
from lightemma.frame import Camera, FloatArray, Pose
from lightemma.simulation.state import ActorState, City, WorldState

BoolArray = npt.NDArray[np.bool_]

#: Upper ends of nuScenes' bins of visibility; the bins are numbered from 1.
BINS = (0.4, 0.6, 0.8)
_GRID = 5
"""Number of points along each side of a face of a box."""


def visibility_token(share: float) -> str:
    """nuScenes' token of a share: ``1`` up to 40 %, ``2`` up to 60 %, ``3`` up to 80 %, ``4`` above."""
    return str(1 + sum(share > top for top in BINS))


def visible_shares(state: WorldState, city: City, camera: Camera) -> FloatArray:
    """The share of each actor's box that is in the picture and not hidden, relative to the whole box as seen from the camera.

    Every face that is turned to the camera is covered with points, each of which counts for the solid angle that its patch
    covers. A point is seen if it is in the picture and no other box and no house is in the line of sight. Trees,
    posts, fog and darkness hide nothing here, and boxes hide more than the rounded bodies in them: an estimate.

    Args:
        state: of the world.
        city: its houses.
        camera: on the ego car; its size must be known.

    Returns:
        (actors,) shares in 0 … 1, in the order of ``state.actors``.
    """
    if not state.actors:
        return np.zeros(0)
    boxes = np.array([_box(actor, state.ego.pose) for actor in state.actors])
    eye = np.asarray(camera.translation, dtype=np.float64)
    points, weights = _facing(boxes, eye)
    owners = np.repeat(np.arange(len(boxes)), points.shape[1])
    flat = points.reshape(-1, 3)
    # Points without weight or outside the picture need no line of sight.
    seen = (weights.reshape(-1) > 0) & _in_picture(flat, camera)
    places = np.flatnonzero(seen)
    hidden = _behind_boxes(flat[places], owners[places], boxes, eye)
    hidden |= _behind_houses(flat[places], _edges(city, state.ego.pose), eye)
    seen[places[hidden]] = False
    counted = weights * seen.reshape(weights.shape)
    whole = weights.sum(axis=1)
    share: FloatArray = np.divide(counted.sum(axis=1), whole, out=np.zeros(len(boxes)), where=whole > 0)
    return share


def _box(actor: ActorState, ego: Pose) -> tuple[float, ...]:
    """Centre x, y, heading, length, width, height in the ego frame."""
    (x, y) = _into((actor.pose.x, actor.pose.y), ego)
    return (float(x), float(y), actor.pose.heading - ego.heading, actor.length, actor.width, actor.height)


def _into(place: tuple[FloatArray | float, FloatArray | float], ego: Pose) -> tuple[FloatArray, FloatArray]:
    """World points (x, y) in the ego frame."""
    cos, sin = np.cos(ego.heading), np.sin(ego.heading)
    dx, dy = np.asarray(place[0]) - ego.x, np.asarray(place[1]) - ego.y
    return cos * dx + sin * dy, cos * dy - sin * dx


def _facing(boxes: FloatArray, eye: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Points on the five upper faces of each box, (n, k, 3) metres, and their weights, (n, k): 0 where turned away."""
    steps = (np.arange(_GRID) + 0.5) / _GRID - 0.5
    a, b = (grid.ravel() for grid in np.meshgrid(steps, steps, indexing="ij"))
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
                boxes[:, 5:6] / 2 + local[..., 2],
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
        patch = (boxes[:, one] * boxes[:, other] / _GRID**2)[:, None]
        points.append(place)
        weights.append(np.maximum(outward, 0.0) * patch / np.maximum(distance, 0.1) ** 3)
    return np.concatenate(points, axis=1), np.concatenate(weights, axis=1)


def _in_picture(points: FloatArray, camera: Camera) -> BoolArray:
    if camera.size is None:
        raise ValueError("a camera needs a size to say what is in its picture")
    shown = project(points, camera)
    with np.errstate(invalid="ignore"):
        inside: BoolArray = (
            (shown.depth > 0)
            & (shown.pixels >= -0.5).all(axis=1)
            & (shown.pixels <= np.array(camera.size) - 0.5).all(axis=1)
        )
    return inside


def _behind_boxes(points: FloatArray, owners: npt.NDArray[np.int64], boxes: FloatArray, eye: FloatArray) -> BoolArray:
    """Whether a box other than its own is between each point and the eye: slabs (Kay and Kajiya 1986)."""
    hidden = np.zeros(len(points), dtype=np.bool_)
    for number, (x, y, heading, *sizes) in enumerate(boxes.tolist()):
        cos, sin = np.cos(heading), np.sin(heading)

        def into(place: FloatArray, x: float = x, y: float = y, cos: float = cos, sin: float = sin) -> FloatArray:
            dx, dy = place[..., 0] - x, place[..., 1] - y
            return np.stack([cos * dx + sin * dy, cos * dy - sin * dx, place[..., 2]], axis=-1)

        start, ends = into(eye), into(points)
        low, high = np.array([-sizes[0] / 2, -sizes[1] / 2, 0.0]), np.array([sizes[0] / 2, sizes[1] / 2, sizes[2]])
        ray = ends - start
        ray = np.where(np.abs(ray) < 1e-12, 1e-12, ray)
        one, other = (low - start) / ray, (high - start) / ray
        enter = np.minimum(one, other).max(axis=1)
        leave = np.maximum(one, other).min(axis=1)
        hidden |= (owners != number) & (enter < leave) & (leave > 0) & (enter < 1)
    return hidden


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
