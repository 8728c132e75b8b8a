"""Experts against the annotations of recordings.

Detectors where there are pictures; distances and speeds where boxes have heights.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from lightemma.agents import CAR_AHEAD, CAR_LENGTH, AgentLookup, Unknown
from lightemma.boxes import corners
from lightemma.camera import project
from lightemma.data.argoverse2 import Argoverse2Source, category_name
from lightemma.data.argoverse2_tables import ANNOTATIONS, ROAD_BELOW_AXLE, Boxes, read_boxes
from lightemma.data.base import FrameSource
from lightemma.data.pictures import PicturePolicy, load_picture
from lightemma.errors import UserError
from lightemma.expert_bench.detection_score import TrueThing, band, score_boxes
from lightemma.expert_bench.tally import Tally
from lightemma.experts.base import Box, Question
from lightemma.experts.detections import Detector, covered
from lightemma.experts.ground_distance import HALF_LANE, ON_THE_ROAD, lead_of, on_the_ground
from lightemma.experts.lead_speed import LeadSpeed
from lightemma.frame import Camera, FloatArray, Frame
from lightemma.kinematics import yaw_from_quaternion

#: Words of nuScenes' categories, the first that fits; metres of height where the annotations give none.
_KINDS = (
    ("vehicle.bicycle", "bicycle", 1.7), ("vehicle.motorcycle", "motorcycle", 1.7), ("vehicle.bus", "bus", 3.2),
    ("vehicle.truck", "truck", 3.0), ("vehicle.trailer", "trailer", 3.0), ("vehicle.construction", "truck", 3.0),
    ("vehicle", "car", 1.6), ("human.pedestrian", "person", 1.7),
)  # fmt: skip
#: Metres: how far things are asked for, and how far one must be before the camera.
_FAR, _NEAR = 60.0, 1.0
#: Shares: in the picture, and hidden by one that is nearer.
_INSIDE, _HIDDEN = 0.9, 0.3
_BUMPER = CAR_AHEAD + CAR_LENGTH / 2


@dataclass(frozen=True, slots=True)
class Solid:
    """A road user now.

    Attributes:
        track: the same as long as it is followed.
        kind: what it is.
        centre: (2,) metres, ego frame.
        yaw: radians, ego frame.
        size: (2,) length and width, metres.
        low: metres of its lower edge above the road under the car.
        high: of its upper edge.
    """

    track: int
    kind: str
    centre: FloatArray
    yaw: float
    size: FloatArray
    low: float
    high: float


def look_at_recordings(
    source: FrameSource, frames: int, detectors: Sequence[Detector], scenes: Sequence[str] | None = None
) -> Tally:
    """Compares experts with annotations.

    Args:
        source: of the frames.
        frames: at most so many, the same number of each scene.
        detectors: that are asked where there are pictures.
        scenes: names; None for all.

    Raises:
        UserError: if the source has neither annotations, nor a camera for them.
    """
    names = list(scenes or source.scene_names)
    lookup, tally = source.agents(), Tally()
    if lookup is None or isinstance(lookup, Unknown):
        why = lookup.reason if isinstance(lookup, Unknown) else "These data have no annotations."
        raise UserError(f"Experts cannot be compared with these data: {why}")
    for scene in names[: max(1, frames)]:
        solids = _by_log(source, scene) if isinstance(source, Argoverse2Source) else _by_agents(lookup)
        before: tuple[Frame, list[Solid]] | None = None
        kept = [one for one in source.checked_frames(scene) if one.camera is not None]
        tally.drives += bool(kept)
        for frame in kept[: max(1, frames // len(names))]:
            now = solids(frame)
            if isinstance(source, Argoverse2Source):
                _distances(frame, now, before, tally)
            if frame.image_path is not None and detectors:
                _detections(frame, now, detectors, tally)
            before = frame, now
            tally.pictures += 1
    if not tally.pictures:
        raise UserError(
            "No frame of these data says how its camera looks at the road, so that annotations cannot be found in pictures; "
            "choose others with --scenes."
        )
    return tally


def truth_in_picture(solids: Sequence[Solid], camera: Camera, size: tuple[int, int]) -> list[tuple[Solid, TrueThing]]:
    """The road users that are before the camera, the nearest first, with their boxes in the picture.

    Args:
        solids: around the car.
        camera: of a picture of ``size``.
        size: width and height in pixels.
    """
    found: list[tuple[Solid, Box, float, bool]] = []
    for one in solids:
        foot = corners(one.centre[None], np.array([one.yaw]), one.size[None])[0]
        points = np.concatenate([np.column_stack([foot, np.full(4, height)]) for height in (one.low, one.high)])
        seen = project(points, camera)
        if (seen.depth < _NEAR).any():
            continue
        (left, top), (right, bottom) = seen.pixels.min(axis=0).tolist(), seen.pixels.max(axis=0).tolist()
        cut = (max(left, -0.5), max(top, -0.5), min(right, size[0] - 0.5), min(bottom, size[1] - 0.5))
        if cut[0] >= cut[2] or cut[1] >= cut[3]:
            continue
        inside = (cut[2] - cut[0]) * (cut[3] - cut[1]) >= _INSIDE * (right - left) * (bottom - top)
        found.append((one, Box(one.kind, 1.0, *cut), float(foot[:, 0].min()) - _BUMPER, inside))
    found.sort(key=lambda one: one[2])
    made = []
    for place, (one, box, distance, inside) in enumerate(found):
        hidden = max((covered(box, nearer) for _, nearer, _, _ in found[:place]), default=0.0)
        asked = inside and hidden <= _HIDDEN and 0.0 < distance <= _FAR
        made.append((one, TrueThing(one.kind, box, distance, asked)))
    return made


def _distances(frame: Frame, now: list[Solid], before: tuple[Frame, list[Solid]] | None, tally: Tally) -> None:
    """Ground distance and lead speed, from the true boxes."""
    camera = frame.camera
    assert camera is not None
    assert camera.size is not None
    seen = [(one, thing) for one, thing in truth_in_picture(now, camera, camera.size) if thing.asked]
    for one, thing in seen:
        placed = on_the_ground((thing.box,), camera) if one.kind in ON_THE_ROAD else []
        if placed and thing.distance > 2.0:
            error = abs(placed[0].distance - thing.distance) / thing.distance
            tally.errors[f"distance {band(thing.distance)}, share"].append(error)
    if before is None or before[0].camera is None or not frame.history.known:
        return
    curvature = float(frame.history.actions[-1, 1])
    boxes = tuple(thing.box for _, thing in seen)
    earlier = [(one, t) for one, t in truth_in_picture(before[1], camera, camera.size) if t.asked]
    lead = lead_of(on_the_ground(boxes, camera, curvature))
    if lead is None or lead.distance > 40.0:
        return
    true = next(one for one, thing in seen if thing.box == lead.box)
    was = next((one for one, _ in earlier if one.track == true.track), None)
    if was is None or abs(true.centre[1] - curvature * true.centre[0] ** 2 / 2) > HALF_LANE:
        return
    given = {"boxes": boxes, "earlier_boxes": tuple(thing.box for _, thing in earlier)}
    with tally.timed("lead-speed"):
        told = LeadSpeed().look(Question(frame, boxes=given)).numbers.get("lead_speed_mps")
    seconds = (frame.timestamp - before[0].timestamp) / 1e6
    tally.right["lead's speed is told"].append(told is not None)
    if told is not None:
        moved = _world(true, frame) - _world(was, before[0])
        ahead = np.array([np.cos(frame.pose.heading), np.sin(frame.pose.heading)])
        tally.errors["lead speed, m/s"].append(abs(told - max(0.0, float(moved @ ahead) / seconds)))


def _detections(frame: Frame, now: list[Solid], detectors: Sequence[Detector], tally: Tally) -> None:
    assert frame.image_path is not None
    question = Question(frame, {"picture": load_picture(frame.image_path, PicturePolicy())})
    camera = question.camera()
    truth = [thing for _, thing in truth_in_picture(now, camera, question.pictures["picture"].size)]
    for one in detectors:
        with tally.timed(one.card.id):
            found = one.detect(question.pixels())
        score_boxes(one.card.id, found, truth, camera, tally)


def _by_agents(lookup: AgentLookup) -> Callable[[Frame], list[Solid]]:
    """Road users by their places on the ground: the road is taken for level, and heights by kind."""

    def at(frame: Frame) -> list[Solid]:
        around = lookup(frame.scene, frame.sample_token)
        if around is None or around.agents is None:
            return []
        agents, made = around.agents, []
        for number in np.flatnonzero(agents.valid[:, 0]).tolist():
            kind, height = _kind(agents.categories[number])
            centre, yaw = agents.centres[number, 0], float(agents.yaws[number, 0])
            made.append(Solid(number, kind, centre, yaw, agents.sizes[number], 0.0, height))
        return made

    return at


def _by_log(source: Argoverse2Source, scene: str) -> Callable[[Frame], list[Solid]]:
    """Road users of an Argoverse log as they are annotated: with heights, in the ego frame of the same moment."""
    boxes: Boxes = read_boxes(source.log_folder(scene) / ANNOTATIONS)
    yaws = yaw_from_quaternion(boxes.rotations)
    times = (boxes.times + 500) // 1000

    def at(frame: Frame) -> list[Solid]:
        made = []
        for row in np.flatnonzero(times == frame.timestamp).tolist():
            kind, usual = _kind(category_name(boxes.categories[row]))
            x, y, z = (boxes.places[row] + (0.0, 0.0, ROAD_BELOW_AXLE)).tolist()
            half = (boxes.heights[row] if np.isfinite(boxes.heights[row]) else usual) / 2
            made.append(
                Solid(
                    int(boxes.tracks[row]),
                    kind,
                    np.array([x, y]),
                    float(yaws[row]),
                    boxes.sizes[row],
                    z - half,
                    z + half,
                )
            )
        return made

    return at


def _kind(category: str) -> tuple[str, float]:
    return next(((kind, height) for begin, kind, height in _KINDS if category.startswith(begin)), ("other", 1.0))


def _world(one: Solid, frame: Frame) -> FloatArray:
    cos, sin = np.cos(frame.pose.heading), np.sin(frame.pose.heading)
    turned: FloatArray = np.array([[cos, -sin], [sin, cos]]) @ one.centre
    placed: FloatArray = turned + np.array([frame.pose.x, frame.pose.y])
    return placed
