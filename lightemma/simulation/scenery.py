"""Houses, trees and lamps along the streets, generated from a seed; none is on a road or a walkway."""

from __future__ import annotations

import math

import numpy as np

from lightemma.frame import FloatArray, Pose
from lightemma.simulation.geometry import box_corners, boxes_overlap
from lightemma.simulation.state import Building, Plant
from lightemma.simulation.streets import WALKWAY, Road, Streets

#: Metres from the middle of a roundabout's lane to where plants may stand on its island.
ISLAND_EDGE = 4.2


class Clearance:
    """Computes how far positions are from all streets' walkways."""

    def __init__(self, streets: Streets) -> None:
        points, reach = [], []
        for road in streets.roads:
            for along in np.arange(0.0, road.middle.length + 1.5, 1.5):
                pose = road.middle.pose(float(along))
                points.append((pose.x, pose.y))
                reach.append(road.half + max(road.parking) + WALKWAY)
        for junction in streets.junctions:
            points.append((junction.centre.x, junction.centre.y))
            reach.append(math.hypot(junction.half_x, junction.half_y))
        self._points, self._reach = np.array(points), np.array(reach)

    def of(self, places: FloatArray) -> float:
        """The least distance in metres from the places, (n, 2), to the border of any street; negative on a street."""
        dx = places[:, None, 0] - self._points[None, :, 0]
        dy = places[:, None, 1] - self._points[None, :, 1]
        return float((np.hypot(dx, dy) - self._reach).min())


def buildings(streets: Streets, rng: np.random.Generator, clearance: Clearance) -> list[Building]:
    """Houses in a row along both sides of every road, back from the walkway."""
    found: list[Building] = []
    taken = np.zeros((0, 5))
    for road in streets.roads:
        for direction in (-1, 1):
            border = road.half + road.parking[0 if direction < 0 else 1] + WALKWAY
            place = float(rng.uniform(0.0, 6.0))
            while place < road.middle.length - 8.0:
                length = float(rng.uniform(10.0, 24.0))
                depth = float(rng.uniform(9.0, 15.0))
                back = float(rng.uniform(2.6, 6.5))
                height = float(np.round(rng.uniform(2, 6)) * 3.1 + rng.uniform(0.0, 1.5))
                look = int(rng.integers(1 << 30))
                keep = rng.random() > 0.12
                pose = road.middle.offset_pose(
                    place + length / 2.0, streets.side * direction * (border + back + depth / 2.0)
                )
                corners = box_corners(pose.x, pose.y, pose.heading, length, depth)
                ring = np.concatenate([corners, (corners + np.roll(corners, -1, axis=0)) / 2.0])
                box = np.array((pose.x, pose.y, pose.heading, length + 0.6, depth + 0.6))
                if keep and clearance.of(ring) > 1.2 and not boxes_overlap(box, taken).any():
                    taken = np.vstack([taken, box])
                    found.append(Building(corners, height, look))
                place += length + float(rng.choice([0.2, 0.2, 1.0, 5.0, 9.0]))
    return found


def plants(streets: Streets, rng: np.random.Generator, clearance: Clearance, houses: list[Building]) -> list[Plant]:
    """Trees and bushes behind the walkways, away from houses."""
    found: list[Plant] = []
    walls = np.array([house.footprint.mean(axis=0) for house in houses]).reshape(-1, 2)
    reach = np.array([np.linalg.norm(h.footprint[0] - h.footprint.mean(axis=0)) for h in houses])
    for road in streets.roads:
        for direction in (-1, 1):
            border = road.half + road.parking[0 if direction < 0 else 1] + WALKWAY
            place = float(rng.uniform(4.0, 14.0))
            while place < road.middle.length - 5.0:
                tree = bool(rng.random() < 0.65)
                offset = border + float(rng.uniform(0.9, 1.7))
                height = float(rng.uniform(4.5, 9.0) if tree else rng.uniform(0.8, 1.8))
                look = int(rng.integers(1 << 30))
                keep = rng.random() < 0.75
                pose = road.middle.offset_pose(place, streets.side * direction * offset)
                spot = np.array([[pose.x, pose.y]])
                near = np.hypot(walls[:, 0] - pose.x, walls[:, 1] - pose.y) < reach + 1.0
                clear = not any(_inside(houses[int(i)].footprint, spot) for i in np.flatnonzero(near))
                if keep and clear and clearance.of(spot) > 0.4:
                    found.append(Plant("tree" if tree else "bush", (pose.x, pose.y), height, look))
                place += float(rng.uniform(8.0, 17.0))
    return found


def island_plants(streets: Streets, rng: np.random.Generator) -> list[Plant]:
    """Bushes and a tree on the islands of roundabouts."""
    found: list[Plant] = []
    for junction in streets.junctions:
        room = junction.plan.ring - ISLAND_EDGE
        for place in range(9 if junction.quarters else 0):
            angle, away = 0.7 * place + float(rng.uniform(0.0, 0.4)), room * (0.0 if place == 0 else 0.75)
            x = junction.centre.x + away * math.cos(angle)
            y = junction.centre.y + away * math.sin(angle)
            height = float(rng.uniform(4.5, 6.5) if place == 0 else rng.uniform(0.7, 1.2))
            found.append(Plant("tree" if place == 0 else "bush", (x, y), height, int(rng.integers(1 << 30))))
    return found


def _inside(footprint: FloatArray, spot: FloatArray) -> bool:
    """Whether a spot is in a house or within half a metre of its walls."""
    after = np.roll(footprint, -1, axis=0)
    edge = after - footprint
    across = edge[:, 0] * (spot[0, 1] - footprint[:, 1]) - edge[:, 1] * (spot[0, 0] - footprint[:, 0])
    return bool((across / np.linalg.norm(edge, axis=1) > -0.5).all())


def lamp_posts(streets: Streets, rng: np.random.Generator) -> list[Pose]:
    """Lamps along both sides of every road, turned towards it."""
    found: list[Pose] = []
    for road in streets.roads:
        place, direction = float(rng.uniform(8.0, 20.0)), 1 if rng.random() < 0.5 else -1
        while place < road.middle.length - 8.0:
            if _free_of_crossings(road, place):
                parking = road.parking[0 if direction < 0 else 1]
                offset = direction * (road.half + parking + 0.5)
                pose = road.middle.offset_pose(place, streets.side * offset)
                turn = -direction * streets.side * math.pi / 2.0
                found.append(Pose(pose.x, pose.y, pose.heading + turn))
            place += float(rng.uniform(22.0, 30.0))
            direction = -direction
    return found


def _free_of_crossings(road: Road, place: float) -> bool:
    return all(abs(place - along) > 4.0 for along in road.crossings)
