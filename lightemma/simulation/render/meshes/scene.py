"""Builds the meshes of a city: everything that stands still, and everything that moves or changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from importlib import import_module

import numpy as np

from lightemma.frame import FloatArray, Pose
from lightemma.simulation.actor_kinds import kind_named
from lightemma.simulation.render.base import FIRST_SIGNAL
from lightemma.simulation.render.meshes.buildings import add_building
from lightemma.simulation.render.meshes.ground import KERB, add_ground
from lightemma.simulation.render.meshes.mesh import Mesh, MeshBuilder
from lightemma.simulation.render.meshes.plants import add_plant
from lightemma.simulation.render.meshes.polygons import in_any
from lightemma.simulation.render.meshes.posts import lamp_post_shape, signal_shape
from lightemma.simulation.render.meshes.shapes import Halo, Outfit, Shape, outfit_of
from lightemma.simulation.render.meshes.signs import sign_mesh
from lightemma.simulation.render.palettes import Look
from lightemma.simulation.state import ActorState, City, SignalColour, SignalState, WorldState


@dataclass(frozen=True, slots=True)
class SignalLook:
    """Everything that decides the appearance of a signal head; equal ones share one shape."""

    colour: SignalColour
    arm: float
    dark: bool


@dataclass(frozen=True, slots=True)
class PlacedHalos:
    """Halos of one thing, with its position."""

    pose: Pose
    height: float
    halos: tuple[Halo, ...]


@dataclass(frozen=True, slots=True)
class Placed:
    """A shape's key, its position, and whose it is: an actor's number, or `FIRST_SIGNAL` and the number of a signal head."""

    key: Outfit | SignalLook
    pose: Pose
    height: float
    owner: int


def ground_heights(city: City, points: FloatArray) -> FloatArray:
    """(p,) metres of the ground under (p, 2) points: the kerb's height on pavements, else 0."""
    return np.where(in_any(city.walkways, points), KERB, 0.0)


@dataclass(frozen=True, slots=True)
class Lot:
    """A house or a plant of a city, to be made when it is seen for the first time.

    Attributes:
        place: x and y in metres, world frame.
        reach: metres from there beyond which nothing of it is.
        add: adds its faces.
    """

    place: tuple[float, float]
    reach: float
    add: Callable[[MeshBuilder], None]


def city_mesh(city: City, look: Look, *, fine: bool) -> Mesh:
    """Everything that stands still, in the world frame."""
    builder = MeshBuilder()
    add_ground(builder, city)
    for lot in city_lots(city, look, fine=fine):
        lot.add(builder)
    _add_posts(builder, city, look)
    return builder.build()


def bare_city(city: City, look: Look) -> Mesh:
    """The same without houses and plants."""
    builder = MeshBuilder()
    add_ground(builder, city)
    _add_posts(builder, city, look)
    return builder.build()


def city_lots(city: City, look: Look, *, fine: bool) -> list[Lot]:
    """The houses and plants."""
    lots = []
    for building in city.buildings:
        corners = np.asarray(building.footprint)[:, :2]
        middle = corners.mean(axis=0)
        # Awnings reach farther than walls, roofs a little; the painter takes a wall to be seen from as far as it is tall.
        reach = float(np.linalg.norm(corners - middle, axis=1).max()) + building.height + 2.0
        add = partial(add_building, building=building, fine=fine, lit=look.lamps > 0)
        lots.append(Lot((float(middle[0]), float(middle[1])), reach, add))
    heights = ground_heights(city, np.array([plant.place for plant in city.plants]).reshape(-1, 2)).tolist()
    for plant, height in zip(city.plants, heights, strict=True):
        # A crown is less wide than its tree is tall.
        lots.append(Lot(plant.place, plant.height, partial(add_plant, plant=plant, fine=fine, base=height)))
    return lots


def _add_posts(builder: MeshBuilder, city: City, look: Look) -> None:
    """Signs and lamps, and the skyline."""
    places = [(at.x, at.y) for at in (*(sign.pose for sign in city.signs), *city.lamp_posts)]
    heights = iter(ground_heights(city, np.array(places).reshape(-1, 2)).tolist())
    for sign in city.signs:
        builder.add_mesh(sign_mesh(sign.kind).placed(sign.pose, next(heights)))
    _add_skyline(builder, city)
    lamp = lamp_post_shape(look.lamps > 0).mesh
    for post in city.lamp_posts:
        builder.add_mesh(lamp.placed(post, next(heights)))


def _add_skyline(builder: MeshBuilder, city: City) -> None:
    """Far roofs and woods all around, which close the view where the city ends."""
    points = np.concatenate([np.asarray(ring)[:, :2] for ring in city.drivable])
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    reach = float(np.linalg.norm(points - middle, axis=1).max())
    rng = np.random.default_rng([city.seed, 6])
    for beyond, tall in ((170.0, 17.0), (110.0, 11.0)):
        count = 130
        angles = np.linspace(0, 2 * np.pi, count + 1)
        ring = middle + (reach + beyond) * np.column_stack([np.cos(angles), np.sin(angles)])
        high = tall * rng.uniform(0.45, 1.15, count)
        # Seen from inside, a wall that faces inwards is clockwise.
        walls = np.zeros((count, 4, 3))
        walls[:, 0, :2] = walls[:, 3, :2] = ring[1:]
        walls[:, 1, :2] = walls[:, 2, :2] = ring[:-1]
        walls[:, 2:, 2] = high[:, None]
        wood = np.array([0.30, 0.36, 0.25])
        tint = np.where(rng.uniform(size=(count, 1)) < 0.6, wood, np.array([0.47, 0.45, 0.43]))
        builder.add_many(walls, tint * rng.uniform(0.85, 1.1, (count, 1)), solid=True)


def city_halos(city: City, look: Look) -> list[PlacedHalos]:
    """The glow of the street lamps."""
    halos = lamp_post_shape(look.lamps > 0).halos
    return [PlacedHalos(post, KERB, halos) for post in city.lamp_posts] if halos else []


def placed_things(
    city: City, look: Look, state: WorldState, fine: Sequence[bool] | None = None, kept: Sequence[int] | None = None
) -> list[Placed]:
    """Everything that moves or changes, at one moment: actors, then signal heads.

    Args:
        city: where they are.
        look: light and weather, which decide whether lamps are on.
        state: the moment.
        fine: of each, whether small parts are wanted; of all if left out.
        kept: the numbers of those that are wanted; all if left out.
    """
    lamps = look.lamps > 0 or look.wet > 0
    things: list[ActorState | SignalState] = [*state.actors, *state.signals]
    numbers = range(len(things)) if kept is None else kept
    points = np.array([(things[at].pose.x, things[at].pose.y) for at in numbers]).reshape(-1, 2)
    placed = []
    for at, height in zip(numbers, ground_heights(city, points).tolist(), strict=True):
        thing = things[at]
        if isinstance(thing, ActorState):
            up = 0.0 if kind_named(thing.kind).is_vehicle else height
            outfit = outfit_of(thing, state.time, lamps=lamps, fine=fine is None or fine[at])
            placed.append(Placed(outfit, thing.pose, up, thing.number))
        else:
            look_of_head = SignalLook(thing.colour, round(thing.arm, 2), lamps)
            placed.append(Placed(look_of_head, thing.pose, height, FIRST_SIGNAL + thing.number))
    return placed


def shape_of(key: Outfit | SignalLook) -> Shape:
    """The shape of an actor or a signal head."""
    if isinstance(key, SignalLook):
        return signal_shape(key.colour, key.arm, key.dark)
    return _mesh_maker(kind_named(key.kind).mesh)(key)


@cache
def _mesh_maker(place: str) -> Callable[[Outfit], Shape]:
    """The function at ``module:function``; a module without dots is one of this folder."""
    module, _, name = place.partition(":")
    if "." not in module:
        module = f"{__package__}.{module}"
    maker: Callable[[Outfit], Shape] = getattr(import_module(module), name)
    return maker
