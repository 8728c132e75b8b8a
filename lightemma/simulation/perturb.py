"""Puts the car of a simulation where its driver would not have it: beside its place, turned, too fast or too slow."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass

import numpy as np

from lightemma.frame import FloatArray, Pose
from lightemma.simulation.geometry import Area, box_corners, boxes_overlap
from lightemma.simulation.state import EGO_CENTRE_AHEAD, EGO_LENGTH, EGO_WIDTH
from lightemma.simulation.world import CitySimulation

#: Metres that stay free around the car.
CLEAR = 0.2


@dataclass(frozen=True, slots=True)
class Perturbation:
    """How far the car is from where its driver had it.

    Attributes:
        sideways: metres to the left.
        turned: radians to the left.
        faster: m/s; a car cannot be slower than 0.
    """

    sideways: float = 0.0
    turned: float = 0.0
    faster: float = 0.0

    @property
    def opposite(self) -> Perturbation:
        """As far to the other side."""
        return Perturbation(-self.sideways, -self.turned, -self.faster)


#: The most that is drawn unless said otherwise: 0.5 m, 5 degrees, 2 m/s.
MOST = Perturbation(0.5, math.radians(5.0), 2.0)


def draw_perturbation(rng: np.random.Generator, most: Perturbation = MOST) -> Perturbation:
    """Draws each amount evenly between -most and most."""
    sideways, turned, faster = rng.uniform(-1.0, 1.0, 3).tolist()
    return Perturbation(sideways * most.sideways, turned * most.turned, faster * most.faster)


def perturbed(simulation: CitySimulation, perturbation: Perturbation) -> CitySimulation | None:
    """A copy with the car put elsewhere; everybody else is where they were, and reacts from the next step on.

    The pose is moved sideways, then turned, at the rear axle; curvature and acceleration stay. The past is moved with the
    car, see `past_of`: `history_poses` of the copy are the 3.5 s before now, and `track` ends now.

    Args:
        simulation: as it is now; it is not changed. Now must be a whole number of half seconds after its start.
        perturbation: how far the car is moved.

    Returns:
        The copy, or None where the car would not be on the road, or not `CLEAR` of others; a car that is not moved at all can
        always be where it is.
    """
    ego = simulation.ego
    here = ego.pose
    pose = Pose(
        here.x - perturbation.sideways * math.sin(here.heading),
        here.y + perturbation.sideways * math.cos(here.heading),
        here.heading + perturbation.turned,
    )
    if (perturbation.sideways or perturbation.turned) and not fits(simulation, pose):
        return None
    other = copy.deepcopy(simulation, {id(one): one for one in simulation.fixed})
    speed = max(0.0, ego.speed + perturbation.faster)
    past = np.array(simulation.track[-len(simulation.history_poses) - 1 : -1])
    other.history_poses = past_of(past, here, pose, speed - ego.speed, simulation.protocol.dt)
    other.ego.pose, other.ego.speed = pose, speed
    other.track = [(x, y, heading) for x, y, heading in other.history_poses.tolist()]
    other.track.append((pose.x, pose.y, pose.heading))
    other.traffic.place_ego(other.ego.state())
    return other


def fits(simulation: CitySimulation, pose: Pose) -> bool:
    """Whether the car, with its rear axle there, is on the carriageway with all corners, and `CLEAR` of all others."""
    x = pose.x + EGO_CENTRE_AHEAD * math.cos(pose.heading)
    y = pose.y + EGO_CENTRE_AHEAD * math.sin(pose.heading)
    corners = box_corners(x, y, pose.heading, EGO_LENGTH, EGO_WIDTH)
    if not Area(simulation.city.drivable).contains(corners).all():
        return False
    box = np.array((x, y, pose.heading, EGO_LENGTH + 2.0 * CLEAR, EGO_WIDTH + 2.0 * CLEAR))
    return not boxes_overlap(box, simulation.boxes[1:]).any()


def past_of(past: FloatArray, here: Pose, pose: Pose, faster: float, dt: float) -> FloatArray:
    """The past of a car that was put elsewhere, so that what its history says is true of it now.

    The way it came is moved and turned with the car. It was driven faster all the time, by the same amount: each point lies
    that much farther back along the way, or along its beginning drawn out straight; where it would have been slower than 0
    it stood.

    Args:
        past: (n, 3) x, y (metres) and heading (radians), ``dt`` apart, up to one step before now.
        here: where the car is.
        pose: where it is put.
        faster: m/s, negative for slower.
        dt: seconds between two points.

    Returns:
        (n, 3) the same of the car that was put elsewhere.
    """
    way = np.vstack([(here.x, here.y, here.heading), past[::-1]])
    steps = np.hypot(*np.diff(way[:, :2], axis=0).T)
    back = np.concatenate([[0.0], np.cumsum(steps)])
    driven = np.cumsum(np.maximum(steps + faster * dt, 0.0))
    # Beyond the oldest point the way is drawn out straight.
    beyond = np.maximum(driven - back[-1], 0.0)
    # A way that stands still for a while has the same distance more than once; interpolation needs each once.
    keep = np.concatenate([[True], np.diff(back) > 1e-6])
    headings = np.unwrap(way[keep, 2])
    x, y, heading = (np.interp(driven, back[keep], values) for values in (way[keep, 0], way[keep, 1], headings))
    x, y = x - beyond * np.cos(heading), y - beyond * np.sin(heading)
    turn = pose.heading - here.heading
    cos, sin = math.cos(turn), math.sin(turn)
    dx, dy = x - here.x, y - here.y
    moved = np.column_stack([pose.x + cos * dx - sin * dy, pose.y + sin * dx + cos * dy, heading + turn])
    return np.asarray(moved[::-1], dtype=np.float64)
