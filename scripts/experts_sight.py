"""Experts against what a camera of the city can see (`ObservedFacts`): pictures of drives that nobody developed on."""

from __future__ import annotations

import hashlib
import time
from collections import defaultdict
from dataclasses import dataclass, field, replace

import numpy as np

from lightemma.closed_loop.worlds.city_command import route_command
from lightemma.experts.base import Box, Question
from lightemma.experts.ground_distance import ON_THE_ROAD, GroundDistance
from lightemma.experts.lane_geometry import LaneGeometry
from lightemma.experts.lead_speed import LeadSpeed
from lightemma.experts.light_state import LightState
from lightemma.experts.ssd_detector import SsdDetector, overlap
from lightemma.frame import EarlierPicture, EgoHistory, Frame, Picture, Pose
from lightemma.observed_facts import LANE_AHEAD, ObservedFacts
from lightemma.simulation.conditions import CONDITIONS
from lightemma.simulation.expert import Expert as Driver
from lightemma.simulation.observed import observe_facts
from lightemma.simulation.render import encode_jpeg, front_camera, make_renderer
from lightemma.simulation.scenarios import choose_scenarios, make_world
from lightemma.simulation.world import CitySimulation

SIZE = (1600, 900)
#: Names of the city's kinds as detectors call them.
LABELS = {"pedestrian": "person", "cyclist": "bicycle", "van": "truck"}
NEAR_LIGHT, NEAR_LEAD = 40.0, 30.0
#: Least share, or greatest error, that is promised.
PROMISED = {"light": 0.95, "distance": 0.10}


@dataclass
class Seen:
    """What was compared.

    Attributes:
        right: name -> whether each comparison was right.
        errors: name -> errors.
        seconds: expert -> seconds of this process for each frame.
    """

    right: dict[str, list[bool]] = field(default_factory=lambda: defaultdict(list))
    errors: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))


def look(frames: int, first_seed: int, renderer_name: str, conditions: str = "day", scenarios: str = "all") -> Seen:
    """Drives every scenario with the city's own driver, and compares the experts with the facts once a second.

    Args:
        frames: about how many pictures.
        first_seed: of the drives.
        renderer_name: of the pictures.
        conditions: light and weather.
        scenarios: names of the drives, with commas.
    """
    seen, camera, size = Seen(), front_camera(SIZE), SIZE
    names = list(choose_scenarios(scenarios))
    per_drive = max(1, frames // len(names))
    with make_renderer(renderer_name) as renderer:  # type: ignore[arg-type]
        for number, name in enumerate(names):
            world = make_world(name, first_seed + number, CONDITIONS[conditions], left_hand=False)
            renderer.load(world.city)
            driver = Driver()
            before: tuple[ObservedFacts, float] | None = None
            # Drives begin far from what happens in them: four steps of half a second are left out before each picture.
            for moment in range(per_drive):
                for _ in range(4 if moment == 0 else 3):
                    step(world, driver)
                before = (facts_of(world, camera), world.time)
                step(world, driver)
                facts, state = facts_of(world, camera), world.state()
                pixels = renderer.draw(state, camera, size, first_seed + moment)
                data = encode_jpeg(pixels, 92)
                picture = Picture(data, "image/jpeg", size, hashlib.sha256(data).hexdigest())
                compare(frame_of(world, camera, before[1]), picture, facts, before[0], seen)
    return seen


def facts_of(world: CitySimulation, camera: object) -> ObservedFacts:
    """What can be seen now."""
    command = route_command(world.route.path, world.ego.pose)
    return observe_facts(world, camera, command, state=world.state())  # type: ignore[arg-type]


def step(world: CitySimulation, driver: Driver) -> None:
    """Half a second."""
    speed, curvature = driver.plan(world).actions[0].tolist()
    for _ in range(10):
        world.step(speed, curvature)


def frame_of(world: CitySimulation, camera: object, before: float) -> Frame:
    """A frame with the car's present speed and bend as its history."""
    ego = world.ego
    actions = np.tile([ego.speed, ego.curvature], (6, 1)).astype(np.float64)
    now = round(world.time * 1e6)
    earlier = (EarlierPicture(None, round(before * 1e6)),)  # type: ignore[arg-type]
    pose, history = Pose(0.0, 0.0, 0.0), EgoHistory(np.zeros((8, 2)), actions)
    return Frame("drive", 0, "drive", now, "", None, camera, pose, history, None, earlier)  # type: ignore[arg-type]


def boxes_of(facts: ObservedFacts) -> tuple[Box, ...]:
    """Boxes of a detector without faults: what is seen whole."""
    kept = [one for one in facts.things if one.visible_share >= 0.9]
    return tuple(Box(LABELS.get(one.kind, one.kind), 1.0, *one.box_2d) for one in kept)


def compare(frame: Frame, picture: Picture, facts: ObservedFacts, before: ObservedFacts, seen: Seen) -> None:
    """One picture."""
    question = Question(frame, {"picture": picture})
    started = time.process_time()
    said = LightState().look(question)
    seen.seconds["light-state"].append(time.process_time() - started)
    colour = said.boxes[0].label.removesuffix(" light") if said.boxes else "none"
    if facts.light is not None and facts.light.distance <= NEAR_LIGHT:
        seen.right["light"].append(colour == facts.light.colour)
        seen.right["light, where one is told"] += [colour == facts.light.colour] if colour != "none" else []
    if facts.light is None:
        seen.right["no light is told where ours is not seen"].append(colour == "none")
    started = time.process_time()
    lane = LaneGeometry().look(question)
    seen.seconds["lane-geometry"].append(time.process_time() - started)
    if facts.lane is not None:
        known = [
            one for one, ahead in zip(facts.lane.curvatures, LANE_AHEAD, strict=True) if one is not None and ahead <= 20
        ]
        seen.right["lane is told"].append("lane_curvature_1pm" in lane.numbers)
        if known and "lane_curvature_1pm" in lane.numbers:
            seen.errors["curvature, 1/m"].append(abs(lane.numbers["lane_curvature_1pm"] - sum(known) / len(known)))
        if "lane_offset_m" in lane.numbers:
            seen.errors["lane offset, m"].append(abs(lane.numbers["lane_offset_m"] - facts.lane.offset))
    boxes = boxes_of(facts)
    asked = replace(question, boxes={"boxes": boxes, "earlier_boxes": boxes_of(before)})
    whole = {one.number for one in facts.things if one.visible_share >= 0.9}
    lead = facts.leader
    if lead is not None and lead.number in whole and 2.0 < lead.gap <= NEAR_LEAD:
        told = GroundDistance().look(asked).numbers.get("lead_distance_m")
        seen.right["the lead is placed"].append(told is not None)
        if told is not None:
            seen.errors["distance, share"].append(abs(told - lead.gap) / lead.gap)
        speed = LeadSpeed().look(asked).numbers.get("lead_speed_mps")
        if speed is not None:
            seen.errors["lead speed, m/s"].append(abs(speed - max(0.0, lead.speed)))
    detect(question, facts, seen)


DETECTOR = SsdDetector()


def detect(question: Question, facts: ObservedFacts, seen: Seen) -> None:
    """The detector's boxes against what is seen, by distance; where it is installed."""
    if DETECTOR.absent():
        return
    started = time.process_time()
    found = DETECTOR.detect(question.pixels())
    seen.seconds["ssd-detector"].append(time.process_time() - started)
    for thing in (one for one in facts.things if one.visible_share >= 0.5 and one.distance <= 60):
        kind = "person" if thing.kind == "pedestrian" else "vehicle"
        if LABELS.get(thing.kind, thing.kind) not in ON_THE_ROAD:
            continue
        band = "to 15 m" if thing.distance <= 15 else "to 30 m" if thing.distance <= 30 else "to 60 m"
        box = Box("x", 1.0, *thing.box_2d)
        seen.right[f"detected: {kind} {band}"].append(any(overlap(box, one) >= 0.4 for one in found))
    for one in found:
        if one.label in ON_THE_ROAD:
            every = [Box("x", 1.0, *thing.box_2d) for thing in facts.things]
            seen.right["a detected road user is one"].append(any(overlap(one, thing) >= 0.3 for thing in every))


def report(seen: Seen) -> bool:
    """Prints everything; whether the promises hold."""
    for name, right in sorted(seen.right.items()):
        print(f"  {name}: {sum(right)} of {len(right)} ({sum(right) / max(1, len(right)):.1%})")
    for name, errors in sorted(seen.errors.items()):
        values = np.array(errors)
        print(
            f"  {name}: median error {np.median(values):.4f}, 90 % below {np.quantile(values, 0.9):.4f}, {len(values)} frames"
        )
    for name, seconds in sorted(seen.seconds.items()):
        print(f"  {name}: {np.median(seconds):.3f} s of one core per frame")
    light, distance = seen.right["light"], seen.errors["distance, share"]
    good = bool(light) and sum(light) / len(light) >= PROMISED["light"]
    good &= bool(distance) and float(np.median(distance)) <= PROMISED["distance"]
    print(
        f"  promised: light {PROMISED['light']:.0%} within {NEAR_LIGHT:g} m, distance {PROMISED['distance']:.0%} within "
        f"{NEAR_LEAD:g} m in the median: {'kept' if good else 'BROKEN'}"
    )
    return good
