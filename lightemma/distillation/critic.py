"""The critic: which of a teacher's plans and words contradict what the camera sees. It knows rules, and no model."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from lightemma.boxes import overlap
from lightemma.distillation.cases import Candidate
from lightemma.evaluation.metrics.agents_around import planned_poses
from lightemma.evaluation.metrics.collisions import car_centres, car_size
from lightemma.evaluation.reasoning.rules import RuleReader
from lightemma.frame import FloatArray
from lightemma.kinematics import integrate
from lightemma.observed_facts import ObservedFacts, SeenLeader, SeenThing
from lightemma.protocol import LIGHTEMMA
from lightemma.simulation.actor_kinds import ACTOR_KINDS

#: Metres that a plan may lead beyond a stop line, or into the place of the car ahead, before it contradicts them.
SLACK = 1.0
#: Metres that the car may be nearer to a thing beside it.
ASIDE = 0.4
#: Instants of each step of a plan at which the car is looked for.
BETWEEN = 5
_READER = RuleReader()


@dataclass(frozen=True, slots=True)
class Objection:
    """A contradiction.

    Attributes:
        kind: ``red-light``, ``leader``, ``person``, ``says-red``, ``says-green``, ``says-person`` or ``says-vehicle``.
        sentence: what contradicts what, and what would be right.
    """

    kind: str
    sentence: str


def objections(candidate: Candidate, facts: ObservedFacts | None) -> list[Objection]:
    """What the critic says against an answer; nothing where nothing is known.

    The expert's plan is the truth that others are measured by, so only its words are judged: it knows more than is seen, and
    what it says of that a student would learn to make up.

    Args:
        candidate: a teacher's answer.
        facts: what the camera sees; what it does not see is never held against a teacher's plan.
    """
    if facts is None:
        return []
    judged = candidate.actions is not None and not candidate.knows
    found = _plan_objections(candidate.actions, facts) if judged and candidate.actions is not None else []
    return found + (_word_objections(candidate.words, facts) if candidate.words else [])


def _plan_objections(actions: FloatArray, facts: ObservedFacts) -> list[Objection]:
    way = float(np.sum(actions[:, 0]) * LIGHTEMMA.dt)
    found = []
    # A line that the bumper has passed, or that is not seen, stops nobody.
    line = facts.stop_line if facts.light is not None and facts.light.colour == "red" and facts.stop_line else 0.0
    if line > 0.0 and way > line + SLACK:
        found.append(
            Objection(
                "red-light",
                f"The light is red and its line {line:.0f} m ahead, but the plan drives {way:.0f} m; stop at the line.",
            )
        )
    leader = facts.leader
    boxes = {thing.number: thing for thing in facts.things}
    if leader is not None and leader.number not in boxes and _too_close(actions, leader):
        found.append(_ahead(leader, way))
    for thing in facts.things:
        if thing.kind not in ACTOR_KINDS or not _strikes(actions, thing):
            continue
        if leader is not None and thing.number == leader.number:
            found.append(_ahead(leader, way))
        elif ACTOR_KINDS[thing.kind].struck == "person":
            found.append(
                Objection(
                    "person",
                    f"A {ACTOR_KINDS[thing.kind].spoken} is {thing.distance:.0f} m away, and the plan drives into it; wait, or "
                    "keep away.",
                )
            )
    return found


def _ahead(leader: SeenLeader, way: float) -> Objection:
    return Objection(
        "leader",
        f"What is ahead in the lane is {leader.gap:.0f} m away at {max(leader.speed, 0.0):.0f} m/s, but the plan drives "
        f"{way:.0f} m in 3 s and into it; keep a distance.",
    )


def _too_close(actions: FloatArray, leader: SeenLeader) -> bool:
    """Whether a plan leads farther than the gap, of a leader whose box nobody recorded."""
    way = np.cumsum(actions[:, 0]) * LIGHTEMMA.dt
    times = np.arange(1, len(way) + 1) * LIGHTEMMA.dt
    return bool(np.any(way > leader.gap + max(leader.speed, 0.0) * times + SLACK))


def _strikes(actions: FloatArray, thing: SeenThing) -> bool:
    """Whether the car's box, a little smaller than it is, meets a thing's that keeps its heading and speed. A plan that leads
    past it does not."""
    x, y, _, length, width, _, heading = thing.box_3d
    poses = planned_poses(integrate(actions)[None], actions[None], LIGHTEMMA)[0]
    parts = np.linspace(0.0, 1.0, BETWEEN, endpoint=False)
    poses = np.concatenate([start + (end - start) * parts[:, None] for start, end in pairwise(poses)] + [poses[-1:]])
    times = np.linspace(0.0, len(actions) * LIGHTEMMA.dt, len(poses))
    centres = np.array([x, y]) + thing.speed * times[:, None] * np.array([np.cos(heading), np.sin(heading)])
    if overlap(*_smaller_car(poses[:1]), centres[:1], np.array([heading]), np.array([[length, width]])).any():
        return False  # it is there already, which no plan can change
    yaws, sizes = np.full(len(poses), heading), np.tile([length, width], (len(poses), 1))
    # What comes from behind or from the side is not driven into.
    ahead = (
        np.cos(poses[:, 2]) * (centres[:, 0] - poses[:, 0]) + np.sin(poses[:, 2]) * (centres[:, 1] - poses[:, 1]) > 0.0
    )
    return bool(np.any(overlap(*_smaller_car(poses), centres, yaws, sizes) & ahead))


def _smaller_car(poses: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    return car_centres(poses), poses[:, 2], np.tile(car_size() - [SLACK, ASIDE], (len(poses), 1))


def _word_objections(words: str, facts: ObservedFacts) -> list[Objection]:
    said = _READER.read_scene(words)
    colour = facts.light.colour if facts.light is not None else None
    struck = [ACTOR_KINDS[one.kind].struck for one in facts.things if one.kind in ACTOR_KINDS]
    found = []
    for field, other in (("red_light", "red"), ("green_light", "green")):
        # Amber is called by either name.
        if said.claim(field) == "claimed" and colour not in (other, "amber"):
            what = "none is seen; say only what is seen" if colour is None else f"it is {colour}; look at the light"
            found.append(Objection(f"says-{other}", f"The words say that the light is {other}, but {what}."))
    if said.claim("person") == "claimed" and "person" not in struck:
        found.append(Objection("says-person", "The words speak of a person, but none is seen; say only what is seen."))
    if said.claim("lead_vehicle") == "claimed" and "vehicle" not in struck:
        found.append(
            Objection("says-vehicle", "The words speak of a vehicle ahead, but none is seen; say only what is seen.")
        )
    return found
