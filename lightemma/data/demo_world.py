"""The world of a demo drive: roads, what lies along them, and who moves on them, as one mesh for any moment."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lightemma.data import demo_roads as roads
from lightemma.data import demo_shapes as shapes
from lightemma.data.demo_drives import ROAD_CENTRE, Actor, Drive, Motion
from lightemma.data.demo_mesh import Colour, Layer, Mesh, MeshBuilder
from lightemma.data.painter import Look
from lightemma.frame import FloatArray, Pose

_WALLS: tuple[Colour, ...] = (
    (196, 182, 158),
    (172, 126, 104),
    (188, 188, 186),
    (206, 194, 172),
    (154, 146, 138),
    (178, 160, 140),
    (140, 152, 160),
)
_SUN = np.array([-0.45, 0.5, 0.74])


@dataclass(frozen=True, slots=True)
class Setting:
    """What lies along the road.

    Attributes:
        look: weather.
        pavement: metres of pavement at each side.
        kerb: its colour; that of the verge where there is no pavement.
        houses: share of the places for a house that have one.
        floors: fewest and most.
        setback: metres from the road's edge to the houses.
        trees: metres between trees.
        leaves: their colours.
    """

    look: Look
    pavement: float
    kerb: Colour
    houses: float
    floors: tuple[int, int]
    setback: float
    trees: float
    leaves: tuple[Colour, ...]


SETTINGS = {
    "suburb": Setting(
        look=Look((112, 158, 214), (206, 218, 228), (104, 128, 74), 230.0, _SUN),
        pavement=2.2,
        kerb=(168, 166, 160),
        houses=0.75,
        floors=(2, 3),
        setback=8.0,
        trees=13.0,
        leaves=((82, 116, 54), (96, 128, 60), (70, 104, 58)),
    ),
    "town": Setting(
        look=Look((168, 176, 186), (214, 216, 218), (132, 130, 126), 200.0, _SUN, shade=0.76),
        pavement=3.4,
        kerb=(176, 174, 168),
        houses=0.97,
        floors=(3, 6),
        setback=5.0,
        trees=19.0,
        leaves=((76, 104, 56), (90, 116, 62)),
    ),
    "country": Setting(
        look=Look((92, 142, 208), (216, 220, 216), (116, 134, 72), 260.0, _SUN),
        pavement=0.0,
        kerb=(150, 142, 116),
        houses=0.12,
        floors=(1, 2),
        setback=14.0,
        trees=9.0,
        leaves=((88, 112, 48), (72, 100, 50), (112, 122, 54), (64, 92, 56)),
    ),
}


@dataclass(frozen=True, slots=True)
class Seen:
    """A road user at one moment.

    Attributes:
        index: place among the drive's actors.
        actor: who.
        pose: where, in the frame of the drive's start.
        moving: whether it moves.
    """

    index: int
    actor: Actor
    pose: Pose
    moving: bool


class World:
    """All there is in one drive, in the frame of the driven lane's start."""

    def __init__(self, drive: Drive) -> None:
        self.drive = drive
        self.setting = SETTINGS[drive.setting]
        self.lane = drive.path
        self.cross = roads.crossing_path(drive, self.lane)
        self.roads = roads.roads_of(drive, self.lane, self.cross)
        self._clear = np.concatenate([road.middle(np.arange(*road.span)) for road in self.roads])
        self._edges = np.concatenate([np.full(len(np.arange(*road.span)), road.edge) for road in self.roads])
        end = float(Motion(0.0, drive.speed).stations(np.array([drive.key_frames / 2]))[0])
        self._driven = self.lane.beside(np.arange(0.0, end + 5.0, 5.0), 0.0)
        self._cars: dict[tuple[Colour, bool, bool], Mesh] = {}

    def road_users(self, time: float) -> list[Seen]:
        """Where everybody is at this time in seconds."""
        seen = []
        for index, actor in enumerate(self.drive.actors):
            path = self.cross if actor.path == "cross" and self.cross is not None else self.lane
            pose = path.pose(float(actor.motion.stations(np.array([time]))[0]), actor.lateral)
            speed = float(actor.motion.speed(np.array([time]))[0])
            turned = actor.turned or speed < 0
            heading = pose.heading + (np.pi if turned else 0.0)
            seen.append(Seen(index, actor, Pose(pose.x, pose.y, heading), abs(speed) > 0.05))
        return seen

    def mesh(self, time: float) -> Mesh:
        """Everything, as it is at this time in seconds."""
        meshes = [self._static]
        for seen in self.road_users(time):
            actor = seen.actor
            if actor.kind == "person":
                phase = float(actor.motion.stations(np.array([time]))[0]) * 4.2
                stride = 0.3 * abs(np.sin(phase)) if seen.moving else 0.06
                meshes.append(shapes.person_mesh(actor.colour, stride).placed(seen.pose))
                continue
            kind = (actor.colour, actor.motion.braking(time) or (actor.waits and not seen.moving), actor.kind == "van")
            if kind not in self._cars:
                self._cars[kind] = shapes.car_mesh(*kind)
            meshes.append(self._cars[kind].placed(seen.pose))
        if self.drive.light is not None:
            state, aside = self.drive.light.state(time), self.roads[0].edge + 0.7 - ROAD_CENTRE
            near = self.lane.pose(self.drive.light.station, -aside)
            meshes.append(shapes.signal_mesh(state, 0.0).placed(near))
            if self.drive.crossing is not None:
                far = self.lane.pose(self.drive.crossing.station + 5.4, -aside)
                meshes.append(shapes.signal_mesh(state, aside).placed(far))
        return Mesh.joined(meshes)

    @cached_property
    def _static(self) -> Mesh:
        """All that does not move."""
        rng = np.random.default_rng(self.drive.seed)
        builder = MeshBuilder()
        self._add_verges(builder, rng)
        for road in self.roads:
            roads.add_surface(builder, road, self.setting.pavement, self.setting.kerb, rng)
        if self.drive.stop_line is not None:
            roads.add_stop_line(builder, self.lane, self.drive.stop_line)
        if self.drive.crossing is not None and self.drive.crossing.turn_end is not None:
            for station in (6.0, 21.0):
                roads.add_right_arrow(builder, self.lane, station)
        self._add_houses(builder, rng)
        self._add_plants(builder, rng)
        self._add_posts(builder)
        self._add_skyline(builder, rng)
        return builder.build()

    def _room(self, points: FloatArray) -> float:
        """Metres between the nearest of (k, 2) points and the nearest kerb; negative on a road."""
        gaps = np.linalg.norm(points[:, None, :] - self._clear[None, :, :], axis=2) - self._edges
        return float(gaps.min())

    def _comes_near(self, place: FloatArray) -> bool:
        """Whether the drive ever comes near enough to a (2,) place to see its details."""
        return float(np.linalg.norm(self._driven - place, axis=1).min()) < 40.0

    def _add_verges(self, builder: MeshBuilder, rng: np.random.Generator) -> None:
        """Lighter and darker patches of ground."""
        angles = np.linspace(0, 2 * np.pi, 9)[:-1]
        for road in self.roads:
            if road.corner:
                continue
            stations = np.arange(road.span[0], road.span[1], 1.6)
            count = len(stations)
            sides = rng.choice([-1.0, 1.0], count) * (road.edge + rng.uniform(0.5, 22, count))
            along = stations[:, None] + rng.uniform(1, 5, (count, 1)) * np.cos(angles)
            across = sides[:, None] + rng.uniform(0.4, 2.5, (count, 1)) * np.sin(angles)
            colours = np.array(self.setting.look.ground) * rng.uniform(0.9, 1.08, (count, 1))
            builder.add_many(road.middle(along, across), colours, Layer.VERGE)

    def _add_houses(self, builder: MeshBuilder, rng: np.random.Generator) -> None:
        """Houses along every road where there is room."""
        setting = self.setting
        built: list[tuple[FloatArray, float]] = []
        for road in self.roads:
            if road.corner:
                continue
            for side in (-1.0, 1.0):
                station = road.lined[0]
                while station < road.lined[1]:
                    length, depth = rng.uniform(11, 21), rng.uniform(9, 13)
                    floors = int(rng.integers(setting.floors[0], setting.floors[1] + 1))
                    wall = _WALLS[int(rng.integers(len(_WALLS)))]
                    here = station + length / 2
                    away = side * (road.edge + setting.setback + rng.uniform(0, 1.5) + depth / 2)
                    station += length + rng.uniform(0.5, 3.0 if setting.houses > 0.9 else 9.0)
                    place, heading = road.middle(here, away), float(road.path.heading(here))
                    size = float(np.hypot(length, depth)) / 2
                    grid = road.middle(
                        here + np.array([[-0.5], [0.0], [0.5]]) * length, away + np.array([-0.5, 0.0, 0.5]) * depth
                    )
                    apart = all(np.linalg.norm(place - other) > 0.78 * (size + reach) for other, reach in built)
                    room = self._room(grid.reshape(-1, 2)) > setting.pavement + 1.2
                    if rng.uniform() > setting.houses or not room or not apart:
                        continue
                    built.append((place, size))
                    pose = Pose(float(place[0]), float(place[1]), heading)
                    shapes.add_house(
                        builder,
                        pose,
                        size=(length, depth),
                        floors=floors,
                        wall=wall,
                        rng=rng,
                        near=self._comes_near(place),
                    )
        self._built = built

    def _add_plants(self, builder: MeshBuilder, rng: np.random.Generator) -> None:
        """Trees and bushes along every road where there is room."""
        setting = self.setting
        for road in self.roads:
            if road.corner:
                continue
            for side in (-1.0, 1.0):
                for station in np.arange(*road.lined, setting.trees):
                    for row in range(1 if setting.pavement else 3):
                        beyond = 1.0 + setting.pavement * 0.75 + rng.uniform(0, 1.2) + row * rng.uniform(6, 12)
                        where = station + rng.uniform(-0.35, 0.35) * setting.trees
                        place = road.middle(where, side * (road.edge + beyond))
                        leaves = setting.leaves[int(rng.integers(len(setting.leaves)))]
                        tall = rng.uniform(5.5, 9.5)
                        free = all(np.linalg.norm(place - other) > 0.8 * reach for other, reach in self._built)
                        if (
                            rng.uniform() < 0.15
                            or self._room(place[None]) < 0.8
                            or not free
                            or self._hides_light(place)
                        ):
                            continue
                        if rng.uniform() < 0.25 and setting.pavement < 3:
                            shapes.add_bush(builder, rng, place, leaves)
                        else:
                            near = self._comes_near(place)
                            shapes.add_tree(builder, rng, place, height=tall, leaves=leaves, near=near)

    def _hides_light(self, place: FloatArray) -> bool:
        """Whether a tree here would stand before the traffic light."""
        light = self.drive.light
        if light is None:
            return False
        ahead = light.station - float(place[0])
        return -6.0 < ahead < 45.0 and -14.0 < float(place[1]) < 0.0

    def _add_posts(self, builder: MeshBuilder) -> None:
        """Street lamps and a few signs."""
        for road in self.roads:
            if road.corner or not self.setting.pavement:
                continue
            for index, station in enumerate(np.arange(road.lined[0] - 16.0, road.lined[1], 26.0)):
                side = -1.0 if index % 2 else 1.0
                place = road.middle(station, side * (road.edge + 0.6))
                if self._room(place[None]) > 0.3:
                    shapes.add_lamp_post(builder, place, -1.5 * side)
        road = self.roads[0]
        for station in (33.0, 115.0) if self.drive.crossing is None else ():
            shapes.add_sign(builder, road.middle(station, -road.edge - 0.7), "priority")
        if self.drive.parking and self.drive.crossing is not None:
            for station in (self.drive.crossing.station - 39.0, self.drive.crossing.station + 17.0):
                shapes.add_sign(builder, road.middle(station, -road.edge - 0.6), "parking")

    def _add_skyline(self, builder: MeshBuilder, rng: np.random.Generator) -> None:
        """Far woods or roofs all around, which end the view."""
        town = self.drive.setting == "town"
        middle = self.lane.beside(60.0, 0.0)
        count = 150
        bounds = np.linspace(0, 2 * np.pi, count + 1)
        heights = rng.uniform(9, 30, count) if town else 13 + 4 * np.sin(5 * bounds[:-1]) + rng.uniform(-2, 2, count)
        for ring, (radius, share) in enumerate(((420.0, 1.15), (330.0, 0.75))):
            for index in range(count):
                ends = middle + radius * np.column_stack(
                    [np.cos(bounds[index : index + 2]), np.sin(bounds[index : index + 2])]
                )
                low = share * heights[(index + 37 * ring) % count]
                high = low if town else share * heights[(index + 1 + 37 * ring) % count]
                colour: Colour = (124, 122, 120) if town else (78, 98, 62)
                wall = [(*ends[0], 0.0), (*ends[1], 0.0), (*ends[1], high), (*ends[0], low)]
                builder.add(wall, shapes.dimmed(colour, rng.uniform(0.92, 1.06)))
