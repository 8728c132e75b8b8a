"""A control that knows the truth: the recorded road users ahead. If it brings nothing to a model, no detector can."""

from __future__ import annotations

import numpy as np

from lightemma.agents import CAR_AHEAD, CAR_LENGTH, KINDS, Agents
from lightemma.experts.base import Card, Expert, Found, NotKnown, Question
from lightemma.observed_facts import ObservedFacts
from lightemma.protocol import LIGHTEMMA

#: Metres: how far ahead and to each side it speaks of; half a lane; how many road users it names.
_FAR, _ASIDE, _HALF_LANE, _MOST = 60.0, 12.0, 1.8, 5


class OracleRoadUsers(Expert):
    """Says where the recorded road users ahead are and how fast they are."""

    card = Card(
        id="oracle-road-users",
        task="road-users",
        description="Knows where the road users ahead are and how fast they move.",
        inputs=(),
        outputs=("words", "numbers"),
        code_licence="MIT",
        rank=1,
        cost=0.001,
        privileged=True,
    )

    def look(self, question: Question) -> Found:
        """The nearest road users ahead, by the annotations.

        Raises:
            NotKnown: if they were not recorded.
        """
        if question.facts is not None:
            return _by_facts(question.facts)
        if question.truth is None or question.truth.agents is None:
            raise NotKnown("the road users of this frame are not known")
        agents = question.truth.agents
        now, ahead = agents.valid[:, 0], agents.centres[:, 0]
        bumper = CAR_AHEAD + CAR_LENGTH / 2
        with np.errstate(invalid="ignore"):
            near = now & (ahead[:, 0] > bumper) & (ahead[:, 0] < _FAR) & (np.abs(ahead[:, 1]) < _ASIDE)
        order = np.flatnonzero(near)[np.argsort(ahead[near, 0], kind="stable")]
        if not len(order):
            return Found(f"No road user is within {_FAR:g} m ahead.")
        in_lane = [int(one) for one in order if abs(ahead[one, 1]) < _HALF_LANE]
        numbers: dict[str, float] = {}
        said = []
        named = list(dict.fromkeys([*in_lane[:1], *order.tolist()]))[:_MOST]
        for one in named:
            x, y = ahead[one].tolist()
            gap = max(0.0, x - bumper - float(agents.sizes[one, 0]) / 2)
            speed = _speed(agents, one)
            where = "in our lane" if abs(y) < _HALF_LANE else f"{abs(y):.0f} m to the {'left' if y > 0 else 'right'}"
            moves = "" if speed is None else f", moving at {speed:.1f} m/s" if speed >= 0.3 else ", standing"
            said.append(f"{KINDS[agents.kinds[one]]} {gap:.0f} m ahead {where}{moves}")
            if in_lane and one == in_lane[0]:
                numbers["lead_distance_m"] = round(gap, 2)
                if speed is not None:
                    numbers["lead_speed_mps"] = round(speed, 2)
        return Found(f"Ahead: {'; '.join(said)}.", numbers=numbers)


def _by_facts(facts: ObservedFacts) -> Found:
    """What a world says can be seen: the leader first, then the nearest others ahead."""
    leader = facts.leader
    ahead = [one for one in facts.things if 0.0 < one.distance < _FAR and abs(one.box_3d[1]) < _ASIDE]
    named = sorted(ahead, key=lambda one: (leader is None or one.number != leader.number, one.distance))[:_MOST]
    if not named:
        return Found(f"No road user is seen within {_FAR:g} m ahead.")
    said = []
    for one in named:
        is_leader = leader is not None and one.number == leader.number
        aside = one.box_3d[1]
        where = "in our lane" if is_leader else f"{abs(aside):.0f} m to the {'left' if aside > 0 else 'right'}"
        gap = leader.gap if is_leader and leader is not None else one.distance
        moves = f", moving at {one.speed:.1f} m/s" if one.speed >= 0.3 else ", standing"
        said.append(f"{one.kind} {gap:.0f} m ahead {where}{moves}")
    numbers = (
        {} if leader is None else {"lead_distance_m": round(leader.gap, 2), "lead_speed_mps": round(leader.speed, 2)}
    )
    return Found(f"Ahead: {'; '.join(said)}.", numbers=numbers)


def _speed(agents: Agents, one: int) -> float | None:
    """m/s from its place now to that half a second later; None where that is not known."""
    if not agents.valid[one, 1]:
        return None
    moved = agents.centres[one, 1] - agents.centres[one, 0]
    return float(np.hypot(moved[0], moved[1])) / LIGHTEMMA.dt
