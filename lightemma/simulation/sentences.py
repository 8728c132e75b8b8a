"""The expert's sentences about one moment, made from the world's true state."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from typing import Final

from lightemma.kinematics import BRAKING
from lightemma.simulation.actor_kinds import ACTOR_KINDS
from lightemma.simulation.expert import ExpertPlan
from lightemma.simulation.hazards import Concern
from lightemma.simulation.network import Turn
from lightemma.simulation.overtaking import LAG, LEAD, RAMP, narrowings_now
from lightemma.simulation.steering import line_of
from lightemma.simulation.world import CitySimulation

#: m/s below which a car is said to stand.
STANDING: Final = 0.3
#: m/s by which a speed must change to be called a change.
CHANGE: Final = 0.8


class Sentences:
    """Writes the sentences for one moment."""

    def __init__(self, world: CitySimulation, plan: ExpertPlan) -> None:
        self._world = world
        self._plan = plan
        self._situation = plan.situation
        self._seed = zlib.crc32(f"{world.seed}:{world.setup.name}:{plan.situation.time:.2f}".encode())
        self._asked = 0
        self._now = world.ego.speed
        self._then = float(plan.actions[-1, 0])
        self._slowest = float(plan.actions[:, 0].min())
        self._strayed = line_of(world, world.ego).strayed

    def _pick(self, *options: str) -> str:
        """One of several wordings, chosen by the episode and the time."""
        self._asked += 1
        return options[(self._seed >> (3 * self._asked)) % len(options)]

    def _in(self, distance: float) -> str:
        """Such as " in 5 m"; nothing is "in 0 m"."""
        return f" in {self._m(distance)}" if distance >= 0.5 else " here"

    def _ahead(self, distance: float) -> str:
        """Such as " 5 m ahead"."""
        return f" {self._m(distance)} ahead" if distance >= 0.5 else " right in front of me"

    def _m(self, distance: float) -> str:
        """A distance in words."""
        return f"{distance:.0f} m"

    def _pace(self, speed: float) -> str:
        """The speed of somebody else in words."""
        return f"{speed:.0f} m/s"

    def _name(self, concern: Concern) -> str:
        """What a road user is called."""
        return spoken(concern.actor_kind)

    # What is there

    def scene(self) -> str:
        """The facts, each a sentence, the nearest last."""
        facts = [self._weather(), self._road()]
        facts.extend(self._fact(concern) for concern in self._situation.concerns)
        return " ".join(dict.fromkeys(fact for fact in facts if fact))

    def _weather(self) -> str:
        conditions = self._world.city.conditions
        light = {"day": "by day", "dusk": "at dusk"}[conditions.light]
        return {
            "clear": f"It is clear {light}.",
            "rain": f"It rains {light}, and the road is wet.",
            "fog": f"There is fog {light}, and the view is short.",
        }[conditions.weather]

    def _road(self) -> str:
        turn, distance = self._next_way()
        if turn is not None and distance <= 0.0:
            where = "across the junction" if turn == "straight" else f"round to the {turn} through the junction"
            return f"I am on the way {where}."
        bend = self._next_bend()
        if bend is not None and bend[1] <= 0.0:
            return f"The road bends to the {bend[0]} here."
        if turn is not None and distance < 70.0:
            return self._pick(f"A junction lies{self._ahead(distance)}.", f"There is a junction{self._in(distance)}.")
        if bend is not None and bend[1] < 70.0:
            return self._pick(
                f"The road bends to the {bend[0]}{self._in(bend[1])}.",
                f"A bend to the {bend[0]} begins {self._m(bend[1])} ahead.",
            )
        return self._pick("The road ahead is straight.", "The street runs straight on.")

    def _fact(self, concern: Concern) -> str:
        distance = max(concern.distance, 0.0)
        name = self._name(concern)
        if concern.kind == "leader":
            if concern.actor is None:
                return f"Something blocks the lane {self._m(distance)} ahead."
            if concern.speed < STANDING:
                return self._pick(
                    f"A {name} stands {self._m(distance)} ahead in my lane.",
                    f"In my lane a {name} stands {self._m(distance)} ahead.",
                )
            if concern.cuts_in:
                return f"A {name} cuts in {self._m(distance)} ahead."
            does = "brakes" if concern.acceleration < -BRAKING else f"drives at {self._pace(concern.speed)}"
            return f"A {name} {self._m(distance)} ahead in my lane {does}."
        if concern.kind == "light":
            return self._pick(
                f"The light ahead is {concern.colour}{self._in(distance)}.",
                f"The traffic light{self._ahead(distance)} shows {concern.colour}.",
            )
        if concern.kind == "person" and not concern.marked:
            return f"A pedestrian has stepped onto the road{self._ahead(distance)}."
        if concern.kind == "person":
            does = "is crossing" if concern.speed > 0.0 else "waits at the kerb"
            return f"A pedestrian {does} at the crossing{self._ahead(distance)}."
        if concern.kind == "give-way":
            return f"A {name} that goes first is {self._m(concern.gap or 0.0)} away, at {self._pace(concern.speed)}."
        if concern.kind == "no-room":
            return f"Behind the junction a {name} stands and leaves no room."
        if concern.kind == "narrowing":
            return self._obstacle(concern)
        if concern.kind == "oncoming":
            return f"A {name} comes towards me, {self._m(concern.gap or 0.0)} away."
        return "Somebody is still on the junction ahead."

    def _obstacle(self, concern: Concern) -> str:
        if concern.actor is not None:
            name = self._name(concern)
            if concern.distance <= 0.0:
                return f"A {name} rides beside me."
            return f"A {name} rides{self._ahead(concern.distance)} at the edge of my lane."
        narrowing = next((n for n in self._world.setup.narrowings if n.start == concern.line), None)
        works = narrowing is not None and narrowing.kind == "roadworks"
        thing = "roadworks with cones and an officer" if works else f"a parked {self._parked(concern)}"
        verb = "are" if works else "is"
        if concern.distance <= 0.0:
            return f"Beside me {verb} {thing}."
        return f"In my lane {verb} {thing}, {self._m(concern.distance)} ahead."

    def _parked(self, concern: Concern) -> str:
        """What stands in the way where a narrowing begins."""
        path = self._world.route.path
        for thing in self._world.setup.things:
            at, offset = path.project(thing.pose.x, thing.pose.y)
            if concern.line <= at <= concern.line + 12.0 and abs(offset) < 3.0:
                return spoken(thing.kind)
        return spoken(None)

    # What I do

    def intent(self) -> str:
        """What the plan does, in one sentence."""
        way = self._sideways()
        if self._now < STANDING and self._then < STANDING:
            return self._pick("I keep standing.", "I stay where I am.")
        if self._now < STANDING:
            return f"I pull away and reach about {self._then:.0f} m/s{way}."
        if self._slowest < STANDING:
            return "I slow down and stop."
        if self._then < self._now - CHANGE and f"{self._now:.0f}" != f"{self._then:.0f}":
            return f"I slow down from {self._now:.0f} to about {self._then:.0f} m/s{way}."
        if self._then > self._now + CHANGE and f"{self._now:.0f}" != f"{self._then:.0f}":
            return f"I speed up from {self._now:.0f} to about {self._then:.0f} m/s{way}."
        return f"I keep my speed of about {self._now:.0f} m/s{way or ' and stay in my lane'}."

    def _sideways(self) -> str:
        """The direction of the plan, if not along the lane."""
        if self._strayed:
            return " and come back to my lane"
        turn, distance = self._next_way()
        reach = float(self._plan.actions[:, 0].sum()) * self._world.protocol.dt
        if turn in ("left", "right") and distance < min(reach, 15.0):
            return f" and turn {turn}"
        at = self._situation.at
        for narrowing in narrowings_now(self._world):
            side = "left" if narrowing.offset > 0.0 else "right"
            back = "right" if side == "left" else "left"
            if narrowing.start - LEAD - RAMP - 4.0 < at + reach and at < narrowing.start - LEAD:
                return f" and move over to the {side}"
            if narrowing.start - LEAD <= at < narrowing.end + LAG:
                return " and pass the cyclist" if narrowing.kind == "cyclist" else " and pass the obstacle"
            if narrowing.end + LAG <= at < narrowing.end + LAG + RAMP:
                return f" and come back to the {back}"
        bend = self._next_bend()
        if bend is not None and bend[1] < 2.0:
            return f" and follow the bend to the {bend[0]}"
        return ""

    # Why

    def reason(self) -> str:
        """Why the plan is what it is, in one sentence."""
        concern = self._plan.governing
        if concern is not None and concern.kind == "leader" and concern.distance > 30.0 + 2.0 * self._now:
            concern = None if self._then > self._now - CHANGE else concern
        stopping = self._slowest < STANDING
        if concern is not None and (concern.stops or concern.kind == "leader"):
            return self._because(concern, stopping)
        if self._plan.bend is not None and self._then < self._now - CHANGE:
            return self._why_bend()
        if self._then > self._now + CHANGE:
            light = next((c for c in self._situation.concerns if c.kind == "light"), None)
            if light is not None and light.colour == "green" and not light.stops:
                return self._pick(
                    "The light is green and the way is free, so I go.", "Green light and a free way, so I drive on."
                )
            return self._pick("Nothing keeps me, so I speed up to my usual speed.", "The way is free, so I speed up.")
        narrow = next((c for c in self._situation.concerns if c.kind == "narrowing"), None)
        if narrow is not None and narrow.actor is not None and narrow.distance < 30.0:
            return f"{self._nobody()} towards me, so I overtake the {self._name(narrow)} with room to spare."
        if narrow is not None and narrow.distance < 30.0:
            return f"{self._nobody()} towards me, so I pass the obstacle slowly with room to spare."
        turn, distance = self._next_way()
        if turn in ("left", "right") and distance < 40.0:
            if distance < 2.0:
                return f"My route turns {turn} here and the way is free, so I take the turn at a calm speed."
            return f"My route turns {turn} in {self._m(distance)} and the way is free, so I go on at a calm speed."
        return self._pick(
            "The way ahead is free, so I keep my lane and speed.", "Nothing is in my way, so I go on as I am."
        )

    def _because(self, concern: Concern, stopping: bool) -> str:
        distance = max(concern.distance, 0.0)
        name = self._name(concern)
        standing = self._now < STANDING and self._then < STANDING
        act = "so I wait" if standing else "so I slow down and stop at the line" if stopping else "so I slow down"
        if concern.kind == "light":
            return f"The light ahead is {concern.colour}{self._in(distance)}, {act}."
        if concern.kind == "person" and not concern.marked:
            return f"A pedestrian is on the road{self._ahead(distance)}, {act.replace(' at the line', '')}."
        if concern.kind == "person":
            act = act.replace("line", "crossing")
            return f"A pedestrian has the right of way at the crossing{self._in(distance)}, {act}."
        if concern.kind == "give-way":
            return f"A {name} at {self._m(concern.gap or 0.0)} goes first, {act}."
        if concern.kind == "no-room":
            return f"A {name} stands behind the junction and there is no room for me, {act} and keep the junction free."
        if concern.kind == "oncoming":
            before = act.replace(" at the line", " before it")
            return f"A {name} comes towards me and there is no room for two beside the obstacle, {before}."
        if concern.kind == "junction":
            return f"Somebody is still on the junction, {act.replace(' at the line', '')}."
        if concern.speed < STANDING:
            act = (
                "so I wait behind it" if standing else "so I stop behind it" if stopping else "so I slow down behind it"
            )
            return f"The {name} {self._m(distance)} ahead stands, {act}."
        if concern.acceleration < -1.0:
            return f"The {name} {self._m(distance)} ahead brakes, so I brake as well and keep a gap."
        if concern.cuts_in:
            return f"The {name} that cuts in {self._m(distance)} ahead leaves me too little room, so I ease off."
        if self._then > self._now + CHANGE:
            return f"The {name} ahead drives on, so I follow it with a gap."
        if self._then < self._now - CHANGE:
            return f"The {name} {self._m(distance)} ahead is slower than I would like, so I ease off and open a gap."
        return f"The {name} {self._m(distance)} ahead sets the pace, so I follow it with a gap."

    def _nobody(self) -> str:
        return "Nobody comes"

    def _why_bend(self) -> str:
        turn, distance = self._next_way()
        narrow = next((c for c in self._situation.concerns if c.kind == "narrowing" and c.actor is None), None)
        if narrow is not None:
            return f"The lane is narrow{self._in(narrow.distance)}, so I slow down to pass with care."
        if turn in ("left", "right") and distance < 70.0:
            return f"My route turns {turn}{self._in(distance)}, so I slow down for the turn."
        return "The bend ahead is too sharp for this speed, so I slow down."

    # The route ahead

    def _next_way(self) -> tuple[Turn | None, float]:
        """The next turn through a junction on the route and the metres from the front bumper to it (negative: on it)."""
        network, route = self._world.traffic.network, self._world.route
        for number, start in zip(route.lanes, route.starts, strict=True):
            lane = network.lanes[number]
            if lane.junction is not None and self._situation.at < start + lane.path.length - 1.0:
                return lane.turn, start - self._situation.front
        return None, math.inf

    def _next_bend(self) -> tuple[str, float] | None:
        """The side and distance of the next bend of the road within 80 m, without junctions."""
        network, route = self._world.traffic.network, self._world.route
        places: Sequence[float] = [2.0 * i for i in range(40)]
        for ahead in places:
            lane, _ = route.lane_at(self._situation.at + ahead)
            curvature = route.path.curvature(self._situation.at + ahead)
            if network.lanes[lane].junction is None and abs(curvature) > 1.0 / 150.0:
                return ("left" if curvature > 0.0 else "right"), ahead
        return None


def spoken(kind: str | None) -> str:
    """The name of a road user; "car" where its kind is unknown."""
    found = ACTOR_KINDS.get(kind or "car")
    return found.spoken if found else "car"
