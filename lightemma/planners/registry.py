"""Planner names to planners."""

from __future__ import annotations

from lightemma.errors import UserError, near_names
from lightemma.parsing import Tier
from lightemma.planners.base import Planner
from lightemma.plugins import load_class
from lightemma.prompts.sets import PromptSet

#: name -> "module:Class", imported when asked for.
PLANNERS = {
    "chain-of-thought": "lightemma.planners.chain_of_thought:ChainOfThought",
    "constant-action": "lightemma.planners.baselines:ConstantAction",
    "constant-acceleration": "lightemma.planners.baselines:ConstantAcceleration",
    "damped-acceleration": "lightemma.planners.baselines:DampedAcceleration",
    "constant-speed-straight": "lightemma.planners.baselines:ConstantSpeedStraight",
    "stop": "lightemma.planners.baselines:Stop",
}


def planner_class(name: str) -> type[Planner]:
    """The class behind a planner's name, or behind ``package.module:Class``.

    Raises:
        UserError: if there is none.
    """
    place = PLANNERS.get(name, name)
    if ":" not in place:
        raise UserError(f"There is no planner '{name}'; {near_names(name, PLANNERS)}")
    return load_class(place, Planner, "planner")


def make_planner(name: str, prompts: PromptSet, tier: Tier) -> Planner:
    """A planner ready to drive; those that ask a model are given the wording and the parser.

    Raises:
        UserError: if there is none of that name.
    """
    cls = planner_class(name)
    return cls(prompts, tier) if cls.asks_model else cls()  # type: ignore[call-arg]
