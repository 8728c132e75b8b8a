"""Explains a plan of the expert: sentences on what it sees, what it will do and why, made from the world's true state.

With ``visible_only`` nothing is said that the front camera does not see (`explain_visible`). The wording varies from one
half second to the next, but is the same for the same episode and time.
"""

from __future__ import annotations

from dataclasses import dataclass

from lightemma.observed_facts import ObservedFacts
from lightemma.simulation.expert import ExpertPlan
from lightemma.simulation.explain_visible import VisibleSentences, facts_of
from lightemma.simulation.sentences import Sentences
from lightemma.simulation.world import CitySimulation


@dataclass(frozen=True, slots=True)
class Explanation:
    """What the expert says about a plan.

    Attributes:
        scene: what is ahead, with distances.
        intent: what it is about to do in the next 3 s.
        reason: why.
    """

    scene: str
    intent: str
    reason: str


def explain(
    world: CitySimulation, plan: ExpertPlan, *, visible_only: bool = False, facts: ObservedFacts | None = None
) -> Explanation:
    """Explains a plan in sentences.

    Args:
        world: as it was when the plan was made.
        plan: the expert's.
        visible_only: whether the words may use only what the front camera sees and the command says: no hidden road user,
            no route beyond the command, distances and speeds as estimates.
        facts: what is seen, with the command; made for the full front camera and without a command if None.
    """
    sentences = VisibleSentences(world, plan, facts or facts_of(world)) if visible_only else Sentences(world, plan)
    return Explanation(sentences.scene(), sentences.intent(), sentences.reason())
