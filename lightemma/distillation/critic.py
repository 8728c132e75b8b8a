"""The critic: which of a teacher's plans and words contradict what the camera sees. It knows rules, and no model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lightemma.distillation.cases import Candidate
from lightemma.evaluation.reasoning.rules import RuleReader
from lightemma.frame import FloatArray
from lightemma.observed_facts import ObservedFacts
from lightemma.protocol import LIGHTEMMA
from lightemma.simulation.actor_kinds import ACTOR_KINDS

#: Metres that a plan may lead beyond a stop line, or into the place of the car ahead, before it contradicts them.
SLACK = 1.0
_READER = RuleReader()


@dataclass(frozen=True, slots=True)
class Objection:
    """A contradiction.

    Attributes:
        kind: ``red-light``, ``leader``, ``says-red``, ``says-green``, ``says-person`` or ``says-vehicle``.
        sentence: what contradicts what, and what would be right.
    """

    kind: str
    sentence: str


def objections(candidate: Candidate, facts: ObservedFacts | None) -> list[Objection]:
    """What the critic says against an answer; nothing where nothing is known.

    Args:
        candidate: a teacher's answer.
        facts: what the camera sees; what it does not see is never held against a teacher.
    """
    if facts is None:
        return []
    found = [] if candidate.actions is None else _plan_objections(candidate.actions, facts)
    return found + (_word_objections(candidate.words, facts) if candidate.words else [])


def _plan_objections(actions: FloatArray, facts: ObservedFacts) -> list[Objection]:
    way = np.cumsum(actions[:, 0]) * LIGHTEMMA.dt
    found = []
    # A line that the bumper has passed, or that is not seen, stops nobody.
    line = facts.stop_line if facts.light is not None and facts.light.colour == "red" and facts.stop_line else 0.0
    if line > 0.0 and way[-1] > line + SLACK:
        found.append(
            Objection(
                "red-light",
                f"The light is red and its line {line:.0f} m ahead, but the plan drives {way[-1]:.0f} m; stop at the line.",
            )
        )
    if facts.leader is not None:
        times = np.arange(1, len(way) + 1) * LIGHTEMMA.dt
        room = facts.leader.gap + max(facts.leader.speed, 0.0) * times + SLACK
        if bool(np.any(way > room)):
            found.append(
                Objection(
                    "leader",
                    f"What is ahead in the lane is {facts.leader.gap:.0f} m away at {max(facts.leader.speed, 0.0):.0f} m/s, "
                    f"but the plan drives {way[-1]:.0f} m in 3 s; keep a distance.",
                )
            )
    return found


def _word_objections(words: str, facts: ObservedFacts) -> list[Objection]:
    said = _READER.read_scene(words)
    colour = facts.light.colour if facts.light is not None else None
    struck = [ACTOR_KINDS[one.kind].struck for one in facts.things if one.kind in ACTOR_KINDS]
    found = []
    for field, shown, other in (("red_light", "green", "red"), ("green_light", "red", "green")):
        if said.claim(field) == "claimed" and colour == shown:
            found.append(
                Objection(
                    f"says-{other}", f"The words say that the light is {other}, but it is {shown}; look at the light."
                )
            )
    if said.claim("person") == "claimed" and "person" not in struck:
        found.append(Objection("says-person", "The words speak of a person, but none is seen; say only what is seen."))
    if said.claim("lead_vehicle") == "claimed" and "vehicle" not in struck:
        found.append(
            Objection("says-vehicle", "The words speak of a vehicle ahead, but none is seen; say only what is seen.")
        )
    return found
