"""Fills `ObservedFacts` from the city: what its front camera can see, and apart from it what it cannot."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from lightemma.camera import NEAR, project_seen, to_camera
from lightemma.frame import Camera, FloatArray
from lightemma.observed_facts import (
    LANE_AHEAD,
    Box2d,
    ObservedFacts,
    SeenLane,
    SeenLeader,
    SeenLight,
    SeenThing,
)
from lightemma.simulation.actor_kinds import kind_named
from lightemma.simulation.geometry import box_corners, wrap
from lightemma.simulation.network import Lane
from lightemma.simulation.observed_boxes import box_of, corners_of, cut_near, distance_to, into_ego
from lightemma.simulation.observed_hidden import privileged_facts
from lightemma.simulation.own_lane import FRONT, OwnLane, next_line, own_lane
from lightemma.simulation.render.meshes.posts import BOARD, lamp_height, signal_head
from lightemma.simulation.render.meshes.scene import ground_heights
from lightemma.simulation.render.palettes import look_of
from lightemma.simulation.sight import Sight, boxes_in_ego
from lightemma.simulation.state import ActorState, SignalColour, WorldState
from lightemma.simulation.world import CitySimulation

#: Metres within which things are seen at all; far beyond, they are specks.
REACH: Final = 100.0
#: A thing is seen from this share on, if what is not hidden of its box is so many pixels and steradians (a person at 80 m).
SEEN_SHARE: Final = 0.1
SEEN_PIXELS: Final = 10.0
SEEN_ANGLE: Final = 1e-4
#: A light is seen if half of its board is, and its lamp, of 0.33 m, is this many pixels across.
LIGHT_SHARE: Final = 0.5
LIGHT_PIXELS: Final = 1.5
#: At three times the haze's length 5 % of a thing's contrast is left (Koschmieder); a lamp shines 2.2 times as far.
HAZE_LENGTHS: Final = 3.0
LAMP_LENGTHS: Final = 6.6
#: Metres along a lane within which a light or a line is looked for.
LIGHT_REACH: Final = 120.0
LINE_REACH: Final = 80.0
#: Metres from a lane's middle of a thing's side with which it is in the way.
IN_THE_WAY: Final = 1.1
#: Metres before a board's post at which its lamps are.
_LAMPS: Final = 0.25
#: Metres of a lane to each side of its middle where it is looked at.
_ACROSS: Final = (-1.5, 0.0, 1.5)


def observe_facts(
    world: CitySimulation,
    camera: Camera,
    command: str | None = None,
    *,
    privileged: bool = False,
    state: WorldState | None = None,
) -> ObservedFacts:
    """What the camera sees now.

    Args:
        world: as it is now.
        camera: on the ego car; its size must be known, and decides how small a thing may be.
        command: as planners are told it; at a junction the lane is followed where it says.
        privileged: whether the block of what is not seen is filled as well.
        state: of the world now, where it is known already.
    """
    state = state or world.state()
    view = _View(world, state, camera)
    things = view.things()
    lane = own_lane(world, command)
    line, road = (None, None) if lane is None else view.road(lane)
    return ObservedFacts(
        things=things,
        light=None if lane is None else view.light(lane),
        stop_line=line,
        lane=road,
        leader=None if lane is None else _leader(things, state, lane),
        command=command,
        privileged=privileged_facts(world, state, view.boxes, {one.number for one in things}) if privileged else None,
    )


@dataclass(frozen=True, slots=True)
class _Head:
    """The middle of a traffic light's board in the ego frame (metres, radians), and what it shows."""

    x: float
    y: float
    z: float
    heading: float
    colour: SignalColour


def _board(head: _Head) -> FloatArray:
    """(26, 3) points all over a board, and the middle of the lamp that is lit."""
    across, up = (side.ravel() for side in np.meshgrid(np.linspace(-1.0, 1.0, 5), np.linspace(-1.0, 1.0, 5)))
    half, high = BOARD
    # Lamps are on the side of the board from which the traffic comes.
    before = (head.x - _LAMPS * math.cos(head.heading), head.y - _LAMPS * math.sin(head.heading))
    x = before[0] - half * across * math.sin(head.heading)
    y = before[1] + half * across * math.cos(head.heading)
    board = np.column_stack([x, y, head.z + high * up])
    return np.concatenate([board, [(*before, head.z + lamp_height(head.colour))]])


class _View:
    """What the camera sees of one state."""

    def __init__(self, world: CitySimulation, state: WorldState, camera: Camera) -> None:
        self._world, self._state, self._camera = world, state, camera
        self._haze = look_of(world.city.conditions, world.city.seed).haze
        places = np.array([(actor.pose.x, actor.pose.y) for actor in state.actors]).reshape(-1, 2)
        on_road = [kind_named(actor.kind).is_vehicle for actor in state.actors]
        heights = np.where(on_road, 0.0, ground_heights(world.city, places))
        self.boxes = boxes_in_ego(state.actors, state.ego.pose, heights)
        # What is behind the camera or far away is neither seen nor hides anything.
        ahead = np.flatnonzero(
            (self.boxes[:, 0] > -8.0) & (np.hypot(self.boxes[:, 0], self.boxes[:, 1]) < REACH + 20.0)
        )
        self._near = tuple(state.actors[place] for place in ahead.tolist())
        self._sight = Sight(replace(state, actors=self._near), world.city, camera, heights=heights[ahead])

    def things(self) -> tuple[SeenThing, ...]:
        """All road users and obstacles that are seen, the nearest first."""
        found = []
        shares, focal = self._sight.shares().tolist(), float(self._camera.intrinsic[0, 0])
        for actor, box, share in zip(self._near, self._sight.boxes, shares, strict=True):
            if share < SEEN_SHARE or math.hypot(box[0], box[1]) > min(HAZE_LENGTHS * self._haze, REACH):
                continue
            box_2d, whole = self._box_2d(corners_of(box))
            if box_2d is not None and share * whole >= max(SEEN_PIXELS, SEEN_ANGLE * focal**2):
                found.append(self._thing(actor, box, share, box_2d))
        return tuple(sorted(found, key=lambda thing: (thing.distance, thing.number)))

    def _thing(self, actor: ActorState, box: FloatArray, share: float, box_2d: Box2d) -> SeenThing:
        x, y, heading, length = box[:4].tolist()
        # The rear is turned to the camera where the camera is behind it.
        eye = self._camera.translation
        behind = (eye[0] - x) * math.cos(heading) + (eye[1] - y) * math.sin(heading) < -length / 2.0
        vehicle = kind_named(actor.kind).is_vehicle
        return SeenThing(
            number=actor.number,
            kind=actor.kind,
            box_2d=box_2d,
            box_3d=box_of(box),
            distance=round(distance_to(box), 3),
            speed=round(actor.speed, 3),
            visible_share=round(share, 4),
            brake_lights=actor.braking if vehicle and behind and not actor.parked else None,
            indicator=actor.indicator if vehicle else None,
        )

    def _box_2d(self, corners: FloatArray) -> tuple[Box2d | None, float]:
        """The rectangle around a convex body in the picture, and its area in pixels, with what is outside the picture."""
        assert self._camera.size is not None
        seen = to_camera(corners, self._camera)
        if (seen[:, 2] < NEAR).any():
            seen = np.concatenate([seen[seen[:, 2] >= NEAR], cut_near(seen)])
            if not len(seen):
                return None, 0.0
        pixels = project_seen(seen, self._camera).pixels
        low, high = pixels.min(axis=0), pixels.max(axis=0)
        width, height = self._camera.size
        left, top = max(float(low[0]), -0.5), max(float(low[1]), -0.5)
        right, bottom = min(float(high[0]), width - 0.5), min(float(high[1]), height - 0.5)
        if left >= right or top >= bottom:
            return None, 0.0
        area = float(np.prod(high - low))
        return (round(left, 2), round(top, 2), round(right, 2), round(bottom, 2)), area

    def light(self, lane: OwnLane) -> SeenLight | None:
        """The light of the first line ahead."""
        own = next_line(self._world, lane, LIGHT_REACH, lit=True)
        if own is None:
            return None
        heads = [head for head in self._heads(own[0]) if self._turned_here(head)]
        if not heads:
            return None
        points = np.concatenate([_board(head) for head in heads])
        seen = self._sight.seen(points).reshape(len(heads), -1)
        found: list[tuple[float, int, SeenLight]] = []
        for head, board, points_seen in zip(heads, points.reshape(len(heads), -1, 3), seen, strict=True):
            share = float(points_seen[:-1].mean())
            size = 0.33 * float(self._camera.intrinsic[0, 0]) / (head.x - float(self._camera.translation[0]))
            box_2d, _ = self._box_2d(board[:-1])
            if box_2d is None or not points_seen[-1] or share < LIGHT_SHARE or size < LIGHT_PIXELS:
                continue
            far = math.hypot(head.x - FRONT, head.y)
            light = SeenLight(colour=head.colour, box_2d=box_2d, distance=round(far, 3), visible_share=round(share, 4))
            found.append((-size, len(found), light))
        return min(found)[2] if found else None

    def _heads(self, lane: Lane) -> list[_Head]:
        """The heads for the traffic of a lane."""
        ahead = lane.path.pose(lane.path.length).heading
        ego = self._state.ego.pose
        found: list[_Head] = []
        for signal, (_, _, group) in zip(self._state.signals, self._world.heads, strict=True):
            pose = signal.pose
            if group != lane.group or abs(wrap(pose.heading - ahead)) > math.radians(45.0):
                continue
            out, up = signal_head(signal.arm)
            foot = float(ground_heights(self._world.city, np.array([(pose.x, pose.y)]))[0])
            place = (pose.x - out * math.sin(pose.heading), pose.y + out * math.cos(pose.heading))
            x, y = into_ego(np.array([place]), ego)[0].tolist()
            found.append(_Head(x, y, foot + up, pose.heading - ego.heading, signal.colour))
        return found

    def _turned_here(self, head: _Head) -> bool:
        """Whether a head is ahead of the camera, turned to it, and not lost in the haze."""
        dx, dy = head.x - self._camera.translation[0], head.y - self._camera.translation[1]
        far = math.hypot(dx, dy)
        faces = dx * math.cos(head.heading) + dy * math.sin(head.heading) > 0.3 * far
        return bool(faces and dx > 1.0 and far < LAMP_LENGTHS * self._haze)

    def road(self, lane: OwnLane) -> tuple[float | None, SeenLane | None]:
        """Metres from the bumper to the next line to stop at, and the lane, as far as they are seen."""
        own = next_line(self._world, lane, LINE_REACH)
        places = [lane.front + ahead for ahead in LANE_AHEAD]
        seen = self._road_seen(lane, places if own is None else [*places, lane.front + own[1]])
        line = None if own is None or not seen[-1] else round(own[1], 3)
        if not any(seen[: len(places)]):
            return line, None
        one, two, three, four, five, six = (
            round(lane.path.curvature(at), 5) + 0.0 if sees else None for at, sees in zip(places, seen, strict=False)
        )
        return line, SeenLane(
            offset=round(lane.offset, 3) + 0.0,
            heading_error=round(lane.heading_error, 4) + 0.0,
            curvatures=(one, two, three, four, five, six),
        )

    def _road_seen(self, lane: OwnLane, places: list[float]) -> list[bool]:
        """Whether the lane is seen at each place, in its middle or on a side."""
        poses = [lane.path.offset_pose(at, offset) for at in places for offset in _ACROSS]
        points = into_ego(np.array([(pose.x, pose.y) for pose in poses]), self._state.ego.pose)
        far = np.hypot(points[:, 0], points[:, 1])
        seen = self._sight.seen(np.column_stack([points, np.full(len(points), 0.01)]))
        seen &= (far < HAZE_LENGTHS * self._haze) & np.repeat(np.array(places) <= lane.ends, len(_ACROSS))
        return [any(one) for one in seen.reshape(-1, len(_ACROSS)).tolist()]


def _leader(things: tuple[SeenThing, ...], state: WorldState, lane: OwnLane) -> SeenLeader | None:
    """The nearest seen vehicle or obstacle in the lane; those that come towards the car or cross its way are none."""
    actors = {actor.number: actor for actor in state.actors}
    best: SeenLeader | None = None
    for thing in things:
        kind, actor = kind_named(thing.kind), actors[thing.number]
        if kind.walks or thing.distance > LINE_REACH or thing.box_3d[0] < 0.0:
            continue
        at, offset = lane.path.project(actor.pose.x, actor.pose.y)
        if abs(offset) > IN_THE_WAY + (actor.length + actor.width) / 2.0 or not lane.at < at < lane.ends:
            continue
        if kind.is_vehicle and abs(wrap(actor.pose.heading - lane.path.pose(at).heading)) > math.radians(60.0):
            continue
        corners = box_corners(actor.pose.x, actor.pose.y, actor.pose.heading, actor.length, actor.width)
        places = np.array([lane.path.project(float(x), float(y)) for x, y in corners])
        if places[:, 1].min() > IN_THE_WAY or places[:, 1].max() < -IN_THE_WAY:
            continue
        gap = float(places[:, 0].min()) - lane.front
        if best is None or gap < best.gap:
            best = SeenLeader(number=thing.number, gap=round(gap, 3), speed=thing.speed)
    return best
