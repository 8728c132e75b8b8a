"""Compares `ObservedFacts` with a second reading of the same moments, and the expert's words with the state.

The second reading (facts_anew.py) takes pixels of ids and depth, and plain shapes. Every scenario is driven under four
conditions; a quarter of the drives by a driver that wanders. Prints the agreement per fact, and exits with 1 where it is below
what is promised, where a thing without a single pixel counts as seen, where facts in their visible part name what is hidden,
or where a claim in the words is wrong.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections import defaultdict
from dataclasses import dataclass, field

import msgspec
import numpy as np
import script_input
from facts_anew import Anew
from facts_claims import Claims

from lightemma.closed_loop.worlds.city_command import route_command
from lightemma.observed_facts import LANE_AHEAD, ObservedFacts, SeenThing
from lightemma.simulation.conditions import CONDITIONS
from lightemma.simulation.expert import Expert
from lightemma.simulation.explain import explain
from lightemma.simulation.observed import REACH, observe_facts
from lightemma.simulation.render import front_camera, make_renderer
from lightemma.simulation.render.base import FIRST_SIGNAL
from lightemma.simulation.scenarios import SCENARIOS, make_world
from lightemma.simulation.world import CitySimulation

SIZE = (800, 450)
#: Least share of agreements of each fact, and its meaning.
PROMISED = {
    "seen things have pixels": (1.0, "a thing that counts as seen has a pixel of its own"),
    "clear things are seen": (0.99, "a thing with 60 pixels or more, half of its body or more, counts as seen"),
    "visible share": (
        0.90,
        "within 0.2 of the share of the body's pixels that are shown (bodies of 60 pixels or more)",
    ),
    "box 2-D": (0.99, "around 85 % of the body's pixels, up to one pixel (arms, legs and mirrors reach out of boxes)"),
    "box 2-D is tight": (0.95, "the pixels of a vehicle in plain sight fill 60 % of the box's width and height each"),
    "box 3-D": (0.99, "around 90 % of the body's points in space, up to 0.35 m"),
    "distance": (1.0, "to 1 cm"),
    "speed": (1.0, "to 1 mm/s"),
    "light colour": (1.0, "of a head whose pixels fill the box"),
    "light box": (0.98, "at least 40 % of its pixels are the head's"),
    "light is seen": (0.97, "where 60 pixels of a head of the next line face the car"),
    "stop line": (0.995, "to 15 cm of the paint"),
    "stop line is seen": (0.97, "where three quarters of it are, and not where nothing of it is"),
    "lane offset": (1.0, "to 2 cm"),
    "heading error": (0.99, "to 0.02 rad"),
    "curvature": (0.99, "to 0.004 1/m, where it is even"),
    "lane is seen": (0.97, "where all of its width is, and not where nothing of it is"),
    "leader": (0.99, "the same thing, or none"),
    "leader's gap": (0.99, "to 0.3 m"),
    "privileged apart": (
        1.0,
        "within 100 m all is seen or hidden, nothing both; no hidden number among what is seen",
    ),
}


@dataclass
class Tally:
    """Agreements by fact."""

    right: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    asked: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    examples: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    where: str = ""

    def note(self, name: str, right: bool, what: object = "") -> None:
        """One comparison."""
        self.asked[name] += 1
        self.right[name] += bool(right)
        if not right and len(self.examples[name]) < 6:
            self.examples[name].append(f"{self.where}: {what}")


def compare_things(facts: ObservedFacts, anew: Anew, haze: float, tally: Tally) -> list[float]:
    """Road users and obstacles; differences of visible shares."""
    seen, differences = {thing.number: thing for thing in facts.things}, []
    for number, thing in seen.items():
        actor = anew.actors[number]
        tally.note("seen things have pixels", anew.pixels.get(number, 0) > 0, thing)
        tally.note("distance", abs(thing.distance - anew.distance(actor)) < 0.01, thing)
        tally.note("speed", abs(thing.speed - actor.speed) < 1e-3 and thing.kind == actor.kind, thing)
        if anew.pixels.get(number, 0) >= 12:
            compare_boxes(thing, anew, tally)
    for number, actor in anew.actors.items():
        pixels = anew.pixels.get(number, 0)
        near = abs(anew.into_ego(complex(actor.pose.x, actor.pose.y))) < min(REACH, 3.0 * haze) - 1.0
        if not near or (pixels < 60 and number not in seen):
            continue
        whole = anew.whole(number)
        if math.isnan(whole) or whole < 60:
            continue
        share = min(pixels / whole, 1.0)
        told = seen[number].visible_share if number in seen else 0.0
        if pixels >= 60 and share >= 0.5:
            tally.note("clear things are seen", number in seen, (number, actor.kind, pixels, round(share, 2)))
        if number in seen:
            tally.note("visible share", abs(told - share) <= 0.2, (number, actor.kind, pixels, round(share, 2), told))
            differences.append(told - share)
    return differences


def compare_boxes(thing: SeenThing, anew: Anew, tally: Tally) -> None:
    """The boxes of one thing around its pixels and around its points in space."""
    left, top, right, bottom = thing.box_2d
    tally.note(
        "box 2-D", anew.share_within(thing.number, (left - 1.0, top - 1.0, right + 1.0, bottom + 1.0)) >= 0.85, thing
    )
    if thing.visible_share >= 0.98 and right - left >= 12.0 and thing.indicator is not None:
        one, two, three, four = anew.extent(thing.number)
        tight = three - one >= 0.6 * (right - left) and four - two >= 0.6 * (bottom - top)
        tally.note("box 2-D is tight", tight, (thing, (one, two, three, four)))
    x, y, z, length, width, height, heading = thing.box_3d
    points = anew.points(thing.number) - (x, y, z)
    along = points[:, 0] * math.cos(heading) + points[:, 1] * math.sin(heading)
    aside = points[:, 1] * math.cos(heading) - points[:, 0] * math.sin(heading)
    margin = 0.35
    within = (abs(along) < length / 2 + margin) & (abs(aside) < width / 2 + margin)
    within &= abs(points[:, 2]) < height / 2 + margin
    tally.note("box 3-D", within.mean() >= 0.9, (thing, round(float(within.mean()), 2)))


def compare_light(facts: ObservedFacts, anew: Anew, on_route: bool, tally: Tally) -> None:
    """The own light: its colour, box, and whether it is there."""
    heads, colours = anew.heads(), {signal.number: signal.colour for signal in anew.state.signals}
    if facts.light is not None:
        shares = {number: anew.share_of_box(facts.light.box_2d, FIRST_SIGNAL + number) for number in heads}
        best = max(shares, key=lambda number: -1.0 if math.isnan(shares[number]) else shares[number])
        tally.note("light box", shares[best] >= 0.4, (facts.light, shares[best]))
        tally.note("light colour", colours[best] == facts.light.colour, (facts.light, colours[best]))
    world = anew.world
    line = next(
        (one for one in world.traffic.controls_of(0) if one.kind == "signal" and one.stop > anew.at + 4.0), None
    )
    ways = [start for _, start in world.traffic.ways_of(0) if start > anew.at]
    if on_route and line is not None and line.stop - anew.at < 100.0 and (not ways or ways[0] > line.stop - 3.0):
        group = world.traffic.network.lanes[line.number].group
        own = [pixels for number, pixels in heads.items() if world.heads[number][2] == group]
        if own and max(own) >= 60:
            tally.note("light is seen", facts.light is not None, (round(line.stop - anew.at, 1), max(own)))


def compare_lane(facts: ObservedFacts, anew: Anew, haze: float, tally: Tally) -> None:
    """Stop line, lane and leader, of a car on its route."""
    line = anew.stop_line()
    ways = [start - anew.at for _, start in anew.world.traffic.ways_of(0) if start > anew.at]
    own = line if line is not None and line[0] < 78.0 and (not ways or line[0] < ways[0]) else None
    if own is not None and own[1] >= 0.75 and own[0] < 2.9 * haze:
        tally.note("stop line is seen", facts.stop_line is not None, own)
    if facts.stop_line is not None:
        tally.note("stop line is seen", line is not None and line[1] > 0.0, (facts.stop_line, line))
        tally.note("stop line", line is not None and abs(line[0] - facts.stop_line) < 0.15, (facts.stop_line, line))
    curvatures = [None] * len(LANE_AHEAD) if facts.lane is None else list(facts.lane.curvatures)
    for ahead, value in zip(LANE_AHEAD, curvatures, strict=True):
        if anew.at + ahead + 8.0 > anew.line.length:
            continue
        share = anew.lane_seen(ahead)
        if share in (0.0, 1.0):
            tally.note("lane is seen", (value is not None) == (share == 1.0), (ahead, value, share))
        if value is not None and anew.bends_evenly(ahead):
            tally.note("curvature", abs(anew.curvature(ahead) - value) < 4e-3, (ahead, value, anew.curvature(ahead)))
    if facts.lane is not None:
        offset, heading = anew.offset_and_heading()
        tally.note("lane offset", abs(offset - facts.lane.offset) < 0.02, (facts.lane.offset, offset))
        error = facts.lane.heading_error
        tally.note("heading error", abs(heading - error) < 0.02, (error, heading))
    leader = anew.leader({thing.number for thing in facts.things if thing.distance <= 80.0})
    told = None if facts.leader is None else facts.leader.number
    tally.note("leader", told == (leader[0] if leader else None), (facts.leader, leader))
    if facts.leader is not None and leader is not None and told == leader[0]:
        tally.note("leader's gap", abs(facts.leader.gap - leader[1]) < 0.3, (facts.leader, leader))


def compare_privileged(facts: ObservedFacts, anew: Anew, tally: Tally) -> None:
    """Seen and hidden are apart."""
    assert facts.privileged is not None
    seen = {thing.number for thing in facts.things}
    hidden = {thing.number for thing in facts.privileged.hidden}
    near = {n for n, a in anew.actors.items() if abs(anew.into_ego(complex(a.pose.x, a.pose.y))) < 99.9}
    text = msgspec.json.encode(facts.visible()).decode()
    named = any(f'"number":{number},' in text or f'"number":{number}}}' in text for number in hidden)
    tally.note("privileged apart", near <= seen | hidden and not seen & hidden and not named and '"route"' not in text)


def step(world: CitySimulation, expert: Expert, wanders: bool, rng: np.random.Generator) -> None:
    """Half a second of the expert, or of a driver that wanders."""
    plan = expert.plan(world)
    speed, curvature = plan.actions[0].tolist()
    if wanders:
        speed, curvature = max(speed, 2.0), min(max(curvature + rng.normal(0.0, 0.012), -0.2), 0.2)
    for _ in range(10):
        world.step(speed, curvature)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--frames", type=script_input.count, default=1000)
    arguments.add_argument("--first-seed", type=script_input.amount, default=640_000)
    arguments.add_argument("--renderer", default="auto")
    arguments.add_argument(
        "--every", type=script_input.positive, default=2.0, help="seconds between two moments of a drive"
    )
    arguments.add_argument(
        "--part", type=script_input.part, default="0/1", help="0/4 is the first of four parts of the drives"
    )
    options = arguments.parse_args()
    drives = [(name, condition) for condition in CONDITIONS for name in SCENARIOS]
    part, parts = options.part
    per_drive = math.ceil(options.frames / len(drives))
    camera, tally, claims = front_camera(SIZE), Tally(), {"all": Claims(), "visible": Claims()}
    differences: list[float] = []
    frames, cost, started = 0, 0.0, time.perf_counter()
    with make_renderer(options.renderer) as renderer:
        for number, (name, condition) in enumerate(drives):
            if number % parts != part:
                continue
            seed = options.first_seed + number
            world = make_world(name, seed, CONDITIONS[condition], left_hand=number % 5 == 4)
            renderer.load(world.city)
            expert, rng = Expert(), np.random.default_rng(seed)
            wanders, haze = number % 4 == 3, {"fog": 48.0, "rain": 210.0}.get(condition, 400.0)
            for _ in range(per_drive):
                plan, state, command = (
                    expert.plan(world),
                    world.state(),
                    route_command(world.setup.streets.network, world.route, world.ego.pose)[0],
                )
                begun = time.process_time()
                facts = observe_facts(world, camera, command, privileged=True, state=state)
                cost += time.process_time() - begun
                anew = Anew(world, state, camera, renderer.layers(state, camera, SIZE))
                tally.where = f"{name}.{condition}.{seed} {world.time:.1f} s"
                offset, heading = anew.offset_and_heading()
                on_route = abs(offset) < 1.9 and abs(heading) < 1.0
                differences += compare_things(facts, anew, haze, tally)
                compare_light(facts, anew, on_route, tally)
                if on_route:
                    compare_lane(facts, anew, haze, tally)
                compare_privileged(facts, anew, tally)
                claims["all"].check(explain(world, plan), world, state, plan, None, tally.where)
                said = explain(world, plan, visible_only=True, facts=facts)
                claims["visible"].check(said, world, state, plan, facts, tally.where)
                frames += 1
                for _ in range(round(options.every / 0.5)):
                    step(world, expert, wanders, rng)
                    plan = expert.plan(world)
    print(f"{frames} moments of {len(drives)} drives, renderer {renderer.name}, {time.perf_counter() - started:.0f} s")
    print(f"{1000 * cost / frames:.1f} ms of CPU a moment for the facts")
    shares = np.array(differences)
    print(
        f"visible share, told - read: mean {shares.mean():+.3f}, mean distance {np.abs(shares).mean():.3f}, "
        f"{len(shares)} things"
    )
    sys.exit(1 if verdict(tally, claims) else 0)


def verdict(tally: Tally, claims: dict[str, Claims]) -> bool:
    """Prints everything; whether a promise is broken."""
    broken = False
    print(f"{'fact':26}{'compared':>9}{'agree':>9}{'promised':>10}  meaning")
    for name, (least, meaning) in PROMISED.items():
        asked, right = tally.asked[name], tally.right[name]
        share = right / asked if asked else 0.0
        bad = not asked or share < least
        broken |= bad
        print(f"{name:26}{asked:9d}{share:9.2%}{least:10.1%}  {meaning}{'  BROKEN' if bad else ''}")
        for example in tally.examples[name]:
            print(f"      {example[:400]}")
    for name, one in claims.items():
        print(f"words ({name}): {one.checked} claims in {one.texts} explanations, wrong: {len(one.wrong)}")
        for example in one.wrong[:20]:
            print(f"      {example}")
        broken |= bool(one.wrong) or one.checked < one.texts
    print("BROKEN" if broken else "every promise holds")
    return broken


if __name__ == "__main__":
    script_input.ends(main)
