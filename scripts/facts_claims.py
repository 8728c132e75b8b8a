"""Reads the claims in the expert's sentences, and compares each with the state, for check_facts.py."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from lightemma.observed_facts import ObservedFacts
from lightemma.simulation.actor_kinds import ACTOR_KINDS
from lightemma.simulation.expert import ExpertPlan
from lightemma.simulation.explain import Explanation
from lightemma.simulation.state import ActorState, WorldState
from lightemma.simulation.world import CitySimulation

_SPOKEN = {kind.spoken: kind.name for kind in ACTOR_KINDS.values()}
_NOUN = r"(?:partly hidden )?(" + "|".join(sorted(_SPOKEN, key=len, reverse=True)) + ")"
_M = r"(?:about )?(\d+) m\b"
BUMPER = 4.084 - 0.657


@dataclass
class Claims:
    """Claims found so far, and those that were wrong."""

    checked: int = 0
    texts: int = 0
    wrong: list[str] = field(default_factory=list)

    def check(
        self,
        said: Explanation,
        world: CitySimulation,
        state: WorldState,
        plan: ExpertPlan,
        facts: ObservedFacts | None,
        where: str,
    ) -> None:
        """Compares every claim of an explanation with the state, and with what is seen where facts are given."""
        self.texts += 1
        reader = _Reader(world, state, plan, facts)
        for text in (said.scene, said.intent, said.reason):
            for sentence in re.findall(r"[^.]+\.", text):
                for pattern, holds in reader.rules():
                    for found in re.finditer(pattern, sentence):
                        self.checked += 1
                        if not holds(found):
                            self.wrong.append(f"{where}: {sentence.strip()}")


class _Reader:
    def __init__(self, world: CitySimulation, state: WorldState, plan: ExpertPlan, facts: ObservedFacts | None) -> None:
        self.world, self.state, self.plan, self.facts = world, state, plan, facts
        seen = None if facts is None else {thing.number for thing in facts.things}
        self.actors = [actor for actor in state.actors if seen is None or actor.number in seen]
        self.path = world.route.path
        self.at, _ = self.path.project(float(state.ego.pose.x), float(state.ego.pose.y))
        self.front = self.at + BUMPER

    def rules(self) -> list[tuple[str, Callable[[re.Match[str]], bool]]]:
        """Patterns of claims, and whether a claim holds."""
        return [
            (rf"[Ll]ight ahead is (red|amber|green) in {_M}", lambda m: self.light(m[1], m[2])),
            (rf"traffic light {_M} ahead shows (red|amber|green)", lambda m: self.light(m[2], m[1])),
            (r"[Ll]ight ahead is (red|amber|green) here", lambda m: self.light(m[1], "0")),
            (r"traffic light right in front of me shows (red|amber|green)", lambda m: self.light(m[1], "0")),
            (rf"(?:route turns|am to turn) (?:left|right) in {_M}", lambda m: self.junction(m[1])),
            (r"(?:The light is green|Green light)", lambda m: self.light("green", None)),
            (rf"[Jj]unction (?:lies|in) {_M}|junction in {_M}", lambda m: self.junction(m[1] or m[2])),
            (rf"bends? to the (left|right) (?:in|begins)? ?{_M}", lambda m: self.bend(m[1], m[2])),
            (rf"A bend to the (left|right) begins {_M}", lambda m: self.bend(m[1], m[2])),
            (r"bends to the (left|right) here", lambda m: self.bend(m[1], "0")),
            (r"straight for (\d+) m|straight on for the (\d+) m", lambda m: self.straight(float(m[1] or m[2]))),
            (rf"(?<!police )\b{_NOUN} (?:stands )?{_M} ahead", lambda m: self.actor(m[1], m[2])),
            (rf"\b{_NOUN} stands {_M}", lambda m: self.actor(m[1], m[2], lambda a: a.speed < 0.35)),
            (rf"\b{_NOUN} cuts in {_M}", lambda m: self.actor(m[1], m[2])),
            (rf"\b{_NOUN} that goes first is {_M} away, at (?:about )?(\d+) m/s", self.moving),
            (rf"\b{_NOUN} at {_M} goes first", lambda m: self.actor(m[1], m[2])),
            (rf"\b{_NOUN} comes towards me, {_M} away", lambda m: self.actor(m[1], m[2])),
            (rf"\b{_NOUN} {_M} ahead in my lane drives at (?:about )?(\d+) m/s", self.moving),
            (rf"\b{_NOUN} (?:stands behind|comes towards|stands and leaves)", lambda m: self.actor(m[1], None)),
            (rf"is (?:a parked )({'|'.join(_SPOKEN)}), {_M} ahead", lambda m: self.actor(m[1], m[2], _stands, 3.0)),
            (rf"pedestrian .*at the crossing (?:in )?{_M}", lambda m: self.person(m[1])),
            (r"officer", lambda m: self.actor("police officer", None)),
            (r"roadworks", lambda m: any(actor.kind in ("cone", "barrier") for actor in self.actors)),
            (r"(?:from|speed of about) (\d+)", lambda m: abs(float(m[1]) - self.state.ego.speed) <= 0.51),
            (r"(?:route turns|am to turn|and turn) (left|right)", lambda m: self.turn(m[1])),
            (r"round to the (left|right)", lambda m: self.turn(m[1])),
            (r"clear|rains|fog", self.weather),
        ]

    def near(self, said: str | None, true: float, more: float = 0.0) -> bool:
        """Whether a distance was said as near as words are."""
        if said is None:
            return True
        value = float(said)
        round_off = 0.51 if self.facts is None or value < 10 else 1.01 if value < 30 else 2.51
        return abs(value - true) <= round_off + more

    def light(self, colour: str, distance: str | None) -> bool:
        if self.facts is not None and (self.facts.light is None or self.facts.light.colour != colour):
            return False
        for control in self.world.traffic.controls_of(0):
            group = self.world.traffic.network.lanes[control.number].group
            if control.kind == "signal" and group is not None and control.stop > self.front - 1.0:
                shown = self.world.controllers[group[0]].colour(group[1], self.state.time)
                return shown == colour and self.near(distance, max(control.stop - self.front, 0.0))
        return False

    def junction(self, distance: str) -> bool:
        lanes = self.world.traffic.network.lanes
        starts = [
            s
            for n, s in zip(self.world.route.lanes, self.world.route.starts, strict=True)
            if lanes[n].junction is not None
        ]
        return any(self.near(distance, start - self.front) for start in starts)

    def bend(self, side: str, distance: str) -> bool:
        reach = 0.6 if distance == "0" else 3.0 if self.facts is None else 8.0
        sign = 1.0 if side == "left" else -1.0
        places = [float(distance) + shift * 0.5 for shift in range(-int(2 * reach), int(2 * reach) + 1)]
        origins = (self.at,) if self.facts is None else (self.at, self.front)
        return any(sign * self.path.curvature(origin + place) > 1.0 / 160.0 for origin in origins for place in places)

    def straight(self, far: float) -> bool:
        return all(abs(self.path.curvature(self.front + s)) <= 1.0 / 140.0 for s in range(5, int(far) + 1, 5))

    def measures(self, actor: ActorState) -> list[float]:
        """Distances that a sentence may mean: from the bumper along the route, and from middle to middle."""
        at, _ = self.path.project(actor.pose.x, actor.pose.y)
        ego = self.state.ego.pose
        middle = self.at + BUMPER - 4.084 / 2.0 - self.at
        x, y = ego.x + middle * math.cos(ego.heading), ego.y + middle * math.sin(ego.heading)
        return [at - actor.length / 2.0 - self.front, math.hypot(actor.pose.x - x, actor.pose.y - y)]

    def actor(
        self,
        noun: str,
        distance: str | None,
        also: Callable[[ActorState], bool] = lambda actor: True,
        more: float = 1.0,
    ) -> bool:
        kind = _SPOKEN[noun]
        return any(
            actor.kind == kind
            and also(actor)
            and (distance is None or any(self.near(distance, max(value, 0.0), more) for value in self.measures(actor)))
            for actor in self.actors
        )

    def moving(self, m: re.Match[str]) -> bool:
        return self.actor(m[1], m[2], lambda actor: abs(actor.speed - float(m[3])) <= 0.6)

    def person(self, distance: str) -> bool:
        place = self.path.pose(self.front + float(distance))
        return any(
            actor.kind == "pedestrian" and math.hypot(actor.pose.x - place.x, actor.pose.y - place.y) < 16.0
            for actor in self.actors
        )

    def turn(self, side: str) -> bool:
        if self.facts is not None and self.facts.command != side:
            return False
        lanes = self.world.traffic.network.lanes
        for number, start in zip(self.world.route.lanes, self.world.route.starts, strict=True):
            if lanes[number].junction is not None and self.at < start + lanes[number].path.length:
                return lanes[number].turn == side
        return False

    def weather(self, m: re.Match[str]) -> bool:
        return {"clear": "clear", "rains": "rain", "fog": "fog"}[m[0]] == self.world.city.conditions.weather


def _stands(actor: ActorState) -> bool:
    return actor.speed < 0.35
