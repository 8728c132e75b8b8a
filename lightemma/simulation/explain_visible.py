"""The expert's sentences with nothing in them that its front camera does not see.

The plan is that of an expert who knows everything. Where what decided it is hidden, the reason says that not everything can be
seen, and no more. Distances and speeds are said as estimates, and what is partly hidden is called so.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from lightemma.observed_facts import LANE_AHEAD, ObservedFacts, SeenThing
from lightemma.simulation.actor_kinds import kind_named
from lightemma.simulation.expert import ExpertPlan
from lightemma.simulation.hazards import Concern
from lightemma.simulation.network import Turn
from lightemma.simulation.observed import observe_facts
from lightemma.simulation.render.pinhole import front_camera
from lightemma.simulation.sentences import CHANGE, STANDING, Sentences, spoken
from lightemma.simulation.world import CitySimulation

#: Of a thing that is seen less than this share is called partly hidden.
PARTLY: Final = 0.5
#: 1/m from which on a lane bends (as in `sentences`).
BENDS: Final = 1.0 / 150.0
#: Metres to the side of the route, and along it behind where the car must stop, of what occupies a junction.
_BESIDE, _BEHIND = 4.0, 14.0


def facts_of(world: CitySimulation) -> ObservedFacts:
    """What the full front camera sees, for a driver without a command."""
    return observe_facts(world, front_camera())


class VisibleSentences(Sentences):
    """Writes the sentences for one moment, by sight.

    Args:
        world: as it was when the plan was made.
        plan: the expert's.
        facts: what is seen, with the command.
    """

    def __init__(self, world: CitySimulation, plan: ExpertPlan, facts: ObservedFacts) -> None:
        self._facts = facts
        self._things = {thing.number: thing for thing in facts.things}
        super().__init__(world, plan)
        concerns = tuple(one for one in plan.situation.concerns if self._sees(one))
        governing = plan.governing if plan.governing is not None and self._sees(plan.governing) else None
        self._blind = plan.governing is not None and governing is None
        self._situation = replace(plan.situation, concerns=concerns)
        self._plan = replace(plan, situation=self._situation, governing=governing)

    # Which concerns are seen

    def _sees(self, concern: Concern) -> bool:
        if concern.kind == "light":
            return self._facts.light is not None and self._facts.light.colour == concern.colour
        if concern.kind == "narrowing" and concern.actor is None:
            return bool(self._obstacles(concern))
        if concern.kind == "junction":
            return any(self._on_route(thing, concern.line, concern.line + _BEHIND) for thing in self._facts.things)
        if concern.actor is None:  # a thing that blocks the lane
            leader = self._facts.leader
            return leader is not None and abs(leader.gap - concern.distance) < 2.0
        return concern.actor in self._things

    def _obstacles(self, concern: Concern) -> list[SeenThing]:
        """What is seen of what makes the lane narrow."""
        ends = [one.end for one in self._world.setup.narrowings if one.start == concern.line]
        end = ends[0] if ends else concern.line
        return [
            one
            for one in self._facts.things
            if kind_named(one.kind).struck == "thing" or one.speed < STANDING
            if self._on_route(one, concern.line - 2.0, end + 2.0)
        ]

    def _on_route(self, thing: SeenThing, begin: float, end: float) -> bool:
        actor = next(one for one in self._world.state().actors if one.number == thing.number)
        at, offset = self._world.route.path.project(actor.pose.x, actor.pose.y)
        return begin <= at <= end and abs(offset) < _BESIDE

    # How sure the words are

    def _m(self, distance: float) -> str:
        step = 1.0 if distance < 10.0 else 2.0 if distance < 30.0 else 5.0
        return f"about {step * round(distance / step):.0f} m"

    def _pace(self, speed: float) -> str:
        return f"about {speed:.0f} m/s"

    def _name(self, concern: Concern) -> str:
        name = spoken(concern.actor_kind)
        thing = self._things.get(concern.actor if concern.actor is not None else -1)
        return f"partly hidden {name}" if thing is not None and thing.visible_share < PARTLY else name

    def _nobody(self) -> str:
        return "I see nobody who comes"

    # What is seen of the road

    def _road(self) -> str:
        turn, distance = super()._next_way()
        if turn is not None and distance <= 0.0:
            known = self._command()
            where = {"left": "round to the left", "right": "round to the right", "straight": "across"}.get(known or "")
            return "I am on a junction." if where is None else f"I am on the way {where} on a junction."
        junction = distance if turn is not None and self._junction_seen(distance) else None
        bend = self._seen_bend()
        if bend is not None and (junction is None or bend[1] < junction):
            return (
                f"The road bends to the {bend[0]} {self._m(bend[1])} ahead."
                if bend[1]
                else (f"The road bends to the {bend[0]} here.")
            )
        if junction is not None:
            return self._pick(f"A junction lies{self._ahead(junction)}.", f"There is a junction{self._in(junction)}.")
        straight = self._seen_straight()
        if straight is None:
            return "I see little of the road ahead."
        return self._pick(
            f"As far as I can see it, the road is straight for {straight:.0f} m.",
            f"The road runs straight on for the {straight:.0f} m that I see.",
        )

    def _command(self) -> str | None:
        command = self._facts.command
        return command if command in ("left", "right", "straight") else None

    def _junction_seen(self, distance: float) -> bool:
        """Whether something that belongs to the junction is seen: its line, its light, or the lane where it begins."""
        line, light, lane = self._facts.stop_line, self._facts.light, self._facts.lane
        if (line is not None and line < distance) or (light is not None and distance < 70.0):
            return True
        seen = [] if lane is None else list(zip(LANE_AHEAD, lane.curvatures, strict=True))
        return any(value is not None and abs(ahead - distance) <= 5.0 for ahead, value in seen)

    def _seen_bend(self) -> tuple[str, float] | None:
        """The side and distance of the first bend in what is seen of the lane, before any junction; 0 if it is here."""
        lane = self._facts.lane
        if lane is None:
            return None
        network, route, front = self._world.traffic.network, self._world.route, self._situation.front
        here = network.lanes[route.lane_at(self._situation.at)[0]]
        now = route.path.curvature(self._situation.at)
        if here.junction is None and abs(now) > BENDS:
            return ("left" if now > 0.0 else "right"), 0.0
        for ahead, value in zip(LANE_AHEAD, lane.curvatures, strict=True):
            if value is None or network.lanes[route.lane_at(front + ahead)[0]].junction is not None:
                return None
            if abs(value) > BENDS:
                return ("left" if value > 0.0 else "right"), ahead
        return None

    def _seen_straight(self) -> float | None:
        """Metres up to which the lane is seen to be straight."""
        lane, far = self._facts.lane, None
        for ahead, value in zip(LANE_AHEAD, () if lane is None else lane.curvatures, strict=False):
            if value is None or abs(value) > BENDS:
                break
            far = ahead
        return far

    def _obstacle(self, concern: Concern) -> str:
        if concern.actor is not None:
            return super()._obstacle(concern)
        seen = self._obstacles(concern)
        works = any(kind_named(one.kind).name in ("cone", "barrier") for one in seen)
        thing, verb = ("roadworks", "are") if works else (f"a parked {spoken(seen[0].kind)}", "is")
        if concern.distance <= 0.0:
            return f"Beside me {verb} {thing}."
        return f"In my lane {verb} {thing}, {self._m(concern.distance)} ahead."

    # What I do, and why

    def _next_way(self) -> tuple[Turn | None, float]:
        """The next turn, of which only that is known which the command says."""
        turn, distance = super()._next_way()
        return (turn, distance) if turn == self._command() else (None, distance)

    def _next_bend(self) -> tuple[str, float] | None:
        return self._seen_bend()

    def reason(self) -> str:
        """Why, as far as that can be seen."""
        if self._blind:
            if self._now < STANDING and self._then < STANDING:
                return "I cannot see everything that matters here, so I wait."
            if self._slowest < STANDING:
                return "I cannot see everything that matters ahead, so I slow down and am ready to stop."
            if self._then < self._now - CHANGE:
                return "I cannot see everything that matters ahead, so I slow down."
            return "I cannot see everything that matters ahead, so I am careful."
        said = super().reason()
        return _AS_SEEN.get(said, said).replace("My route turns", "I am to turn").replace(*_FREE)

    def _why_bend(self) -> str:
        turn, distance = self._next_way()
        narrow = next((one for one in self._situation.concerns if one.kind == "narrowing" and one.actor is None), None)
        if narrow is not None or (turn in ("left", "right") and distance < 70.0):
            return super()._why_bend()
        if self._seen_bend() is not None:
            return "The bend ahead is too sharp for this speed, so I slow down."
        return "I cannot see far enough ahead for this speed, so I slow down."


_FREE: Final = ("and the way is free", "and I see nothing in my way")
#: What is said of everything, and how it is said of what is seen.
_AS_SEEN: Final = {
    "The light is green and the way is free, so I go.": "The light is green and I see nothing in my way, so I go.",
    "Green light and a free way, so I drive on.": "Green light, and I see nothing in my way, so I drive on.",
    "Nothing keeps me, so I speed up to my usual speed.": "I see nothing that keeps me, so I speed up to my usual speed.",
    "The way is free, so I speed up.": "As far as I can see the way is free, so I speed up.",
    "The way ahead is free, so I keep my lane and speed.": (
        "As far as I can see the way is free, so I keep my lane and speed."
    ),
    "Nothing is in my way, so I go on as I am.": "I see nothing in my way, so I go on as I am.",
}
