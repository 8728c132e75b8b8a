"""Experts against what a camera of the city can see (`ObservedFacts`), on drives of the city's own driver."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from lightemma.agents import CAR_AHEAD, CAR_LENGTH
from lightemma.boxes import corners
from lightemma.closed_loop.worlds.city_command import route_command
from lightemma.expert_bench.detection_score import TrueThing, score_boxes
from lightemma.expert_bench.tally import Promise, Tally
from lightemma.experts.base import Box, Question
from lightemma.experts.detections import Detector
from lightemma.experts.free_space import FARTHEST, FreeSpace
from lightemma.experts.ground_distance import GroundDistance
from lightemma.experts.lane_geometry import LaneGeometry
from lightemma.experts.lead_speed import LeadSpeed
from lightemma.experts.light_state import LightState
from lightemma.frame import Camera, EarlierPicture, EgoHistory, Frame, Picture, Pose
from lightemma.observed_facts import LANE_AHEAD, ObservedFacts
from lightemma.simulation.conditions import CONDITIONS
from lightemma.simulation.expert import Expert as Driver
from lightemma.simulation.observed import observe_facts
from lightemma.simulation.render import encode_jpeg, front_camera, make_renderer
from lightemma.simulation.render.base import Renderer, RendererKind
from lightemma.simulation.scenarios import choose_scenarios, make_world
from lightemma.simulation.world import CitySimulation

#: Names of the city's kinds as detectors call them.
LABELS = {"pedestrian": "person", "cyclist": "bicycle", "van": "truck"}
#: Metres within which lights and leaders are promised; detectors are asked for what is seen by this share to this distance.
NEAR_LIGHT, NEAR_LEAD, _SEEN, _FAR = 40.0, 30.0, 0.5, 60.0
LIGHT, DISTANCE = f"own light within {NEAR_LIGHT:g} m", f"distance of the lead within {NEAR_LEAD:g} m, share"
PROMISES = (Promise(LIGHT, 0.95, True), Promise(DISTANCE, 0.10, False))
#: Steps of half a second before the first picture of a drive, since it begins far from what happens in it, and between two.
_BEFORE, _BETWEEN = 4, 3
_QUALITY = 92
#: Metres: half the width of the path that things block, where the expert's own picture of the road ends, and how near it must
#: tell the place; as a share as well.
_IN_PATH, _MODEL_M, _ABOUT_M, _ABOUT = 0.5, 5.0, 2.0, 0.2


def look_at_city(
    frames: int,
    first_seed: int,
    detectors: Sequence[Detector] = (),
    renderer: RendererKind = "auto",
    conditions: str = "day",
    scenarios: str = "all",
    size: tuple[int, int] = (1600, 900),
) -> Tally:
    """Drives every scenario with the city's own driver, and compares the experts with the facts every two seconds.

    Args:
        frames: about how many pictures.
        first_seed: of the drives, one more for each scenario.
        detectors: that are compared as well.
        renderer: of the pictures.
        conditions: light and weather.
        scenarios: names of the drives, with commas.
        size: pixels of the pictures.
    """
    tally, camera, half = Tally(), front_camera(size), (size[0] // 2, size[1] // 2)
    names = list(choose_scenarios(scenarios))[: max(1, frames)]
    per_drive = max(1, frames // len(names))
    with make_renderer(renderer) as painter:
        for number, name in enumerate(names):
            world = make_world(name, first_seed + number, CONDITIONS[conditions], left_hand=False)
            painter.load(world.city)
            driver = Driver()
            tally.drives += 1
            for moment in range(per_drive):
                for _ in range(_BEFORE if moment == 0 else _BETWEEN):
                    step(world, driver)
                before, then = facts_of(world, camera), world.time
                earlier = _picture(painter, world, half, first_seed + moment)
                step(world, driver)
                facts, frame = facts_of(world, camera), frame_of(world, camera, then)
                question = Question(frame, {"picture": _picture(painter, world, size, first_seed + moment)})
                compare(question, facts, before, tally)
                both = {"picture": _picture(painter, world, half, first_seed + moment), "earlier_picture": earlier}
                _free(Question(frame, both), facts, tally)
                for one in detectors:
                    with tally.timed(one.card.id):
                        found = one.detect(question.pixels())
                    score_boxes(one.card.id, found, truth_of(facts), camera, tally)
                tally.pictures += 1
    return tally


def compare(question: Question, facts: ObservedFacts, before: ObservedFacts, tally: Tally) -> None:
    """Everything but detectors, on one picture.

    Args:
        question: with the picture.
        facts: what can be seen in it.
        before: what could be seen half a second earlier.
        tally: is added to.
    """
    _light(question, facts, tally)
    _lane(question, facts, tally)
    boxes = boxes_of(facts)
    asked = replace(question, boxes={"boxes": boxes, "earlier_boxes": boxes_of(before)})
    lead, whole = facts.leader, {one.number for one in facts.things if one.visible_share >= 0.9}
    if lead is None or lead.number not in whole or not 2.0 < lead.gap <= NEAR_LEAD:
        return
    with tally.timed("ground-distance"):
        told = GroundDistance().look(asked).numbers.get("lead_distance_m")
    tally.right["the lead is placed"].append(told is not None)
    if told is not None:
        tally.errors[DISTANCE].append(abs(told - lead.gap) / lead.gap)
    with tally.timed("lead-speed"):
        speed = LeadSpeed().look(asked).numbers.get("lead_speed_mps")
    if speed is not None:
        tally.errors["lead speed, m/s"].append(abs(speed - max(0.0, lead.speed)))


def _light(question: Question, facts: ObservedFacts, tally: Tally) -> None:
    with tally.timed("light-state"):
        said = LightState().look(question)
    colour = said.boxes[0].label.removesuffix(" light") if said.boxes else "none"
    if facts.light is None:
        tally.right["no light is told where ours is not seen"].append(colour == "none")
    elif facts.light.distance <= NEAR_LIGHT:
        tally.right[LIGHT].append(colour == facts.light.colour)
    else:
        tally.right[f"own light beyond {NEAR_LIGHT:g} m"].append(colour == facts.light.colour)


def _lane(question: Question, facts: ObservedFacts, tally: Tally) -> None:
    with tally.timed("lane-geometry"):
        lane = LaneGeometry().look(question)
    if facts.lane is None:
        return
    told = lane.numbers.get("lane_curvature_1pm")
    tally.right["lane is told where it is seen"].append(told is not None)
    if told is None:
        return
    known = [
        one for one, ahead in zip(facts.lane.curvatures, LANE_AHEAD, strict=True) if one is not None and ahead <= 20
    ]
    if known:
        tally.errors["lane curvature, 1/m"].append(abs(told - sum(known) / len(known)))
    tally.errors["lane offset, m"].append(abs(lane.numbers["lane_offset_m"] - facts.lane.offset))


def _free(question: Question, facts: ObservedFacts, tally: Tally) -> None:
    with tally.timed("free-space"):
        told = FreeSpace().look(question).numbers
    curvature = float(question.frame.history.actions[-1, 1])
    true = blocked_at(facts, curvature)
    if true is None:
        tally.right["a free path is told so"].append(told["blocked"] == 0.0)
    elif true > _MODEL_M:
        near = abs(told["free_space_m"] - true) <= max(_ABOUT_M, _ABOUT * true)
        tally.right[f"what blocks the path is told within {_ABOUT:.0%} or {_ABOUT_M:g} m"].append(
            bool(told["blocked"]) and near
        )


def blocked_at(facts: ObservedFacts, curvature: float) -> float | None:
    """Metres from the bumper to the nearest seen thing that the car would hit on its path; None without one within reach.

    Args:
        facts: what is seen.
        curvature: 1/m of the path.
    """
    found = []
    for one in facts.things:
        x, y, _, length, width, _, yaw = one.box_3d
        foot = corners(np.array([[x, y]]), np.array([yaw]), np.array([[length, width]]))[0]
        aside = foot[:, 1] - curvature * foot[:, 0] ** 2 / 2
        ahead = float(foot[:, 0].min()) - CAR_AHEAD - CAR_LENGTH / 2
        if one.visible_share >= _SEEN and aside.min() < _IN_PATH and aside.max() > -_IN_PATH and 0 < ahead < FARTHEST:
            found.append(ahead)
    return min(found, default=None)


def _picture(painter: Renderer, world: CitySimulation, size: tuple[int, int], noise: int) -> Picture:
    data = encode_jpeg(painter.draw(world.state(), front_camera(size), size, noise), _QUALITY)
    return Picture(data, "image/jpeg", size, hashlib.sha256(data).hexdigest())


def facts_of(world: CitySimulation, camera: Camera) -> ObservedFacts:
    """What can be seen now."""
    command, _ = route_command(world.setup.streets.network, world.route, world.ego.pose)
    return observe_facts(world, camera, command, state=world.state())


def step(world: CitySimulation, driver: Driver) -> None:
    """Half a second."""
    speed, curvature = driver.plan(world).actions[0].tolist()
    for _ in range(10):
        world.step(speed, curvature)


def frame_of(world: CitySimulation, camera: Camera, before: float) -> Frame:
    """A frame with the car's present speed and bend as its history.

    Args:
        world: now.
        camera: of the pictures.
        before: seconds at which the earlier picture was taken.
    """
    ego = world.ego
    history = EgoHistory(np.zeros((8, 2)), np.tile([ego.speed, ego.curvature], (6, 1)).astype(np.float64))
    earlier = (EarlierPicture(Path(), round(before * 1e6)),)
    here = Pose(0.0, 0.0, 0.0)
    return Frame("drive", 0, "drive", round(world.time * 1e6), "", None, camera, here, history, None, earlier)


def boxes_of(facts: ObservedFacts) -> tuple[Box, ...]:
    """Boxes of a detector without faults: what is seen whole."""
    kept = [one for one in facts.things if one.visible_share >= 0.9]
    return tuple(Box(LABELS.get(one.kind, one.kind), 1.0, *one.box_2d) for one in kept)


def truth_of(facts: ObservedFacts) -> list[TrueThing]:
    """What is seen, for detectors."""
    return [
        TrueThing(
            one.kind,
            Box(one.kind, 1.0, *one.box_2d),
            one.distance,
            one.visible_share >= _SEEN and one.distance <= _FAR,
        )
        for one in facts.things
    ]
