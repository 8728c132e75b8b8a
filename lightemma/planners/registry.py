"""Planner names to planners."""

from __future__ import annotations

from lightemma.errors import UserError, near_names
from lightemma.parsing import Tier
from lightemma.planners.base import Planner
from lightemma.planners.chain_of_thought import ChainOfThought
from lightemma.planners.conversation import Window
from lightemma.planners.prompt_style import Asking
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


def make_planner(
    name: str,
    prompts: PromptSet,
    tier: Tier,
    asking: Asking = Asking(),  # noqa: B008 -- frozen
    window: Window | None = None,
) -> Planner:
    """A planner ready to drive; those that ask a model are given the wording and the parser.

    Args:
        name: a key of PLANNERS, or ``package.module:Class``.
        prompts: the wording.
        tier: how answers are read.
        asking: dialogue, pictures, guided answers; means nothing to planners that ask no model.
        window: the model's context.

    Raises:
        UserError: if there is none of that name, or it asks in no other way than its own.
    """
    cls = planner_class(name)
    if cls.asks_model and asking != Asking():
        if not issubclass(cls, ChainOfThought):
            raise UserError(
                f"The planner '{name}' has its own way of asking; leave out --dialogue, --frames and --answer guided, which "
                "are for chain-of-thought."
            )
        return cls(prompts, tier, asking, window)
    return cls(prompts, tier) if cls.asks_model else cls()  # type: ignore[call-arg]
