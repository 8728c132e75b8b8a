"""Agents that learned in imagination, in the simulator: beside random and constant steering, with intervals over drives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from lightemma.closed_loop.spec import EpisodeSpec
from lightemma.worldmodel.actor_critic import ActorCritic
from lightemma.worldmodel.agents import Kept, agent_steers, constant_steers, keep_lane, random_steers
from lightemma.worldmodel.fidelity import Share, share

#: Curvatures of the constant rivals, 1/m.
_CONSTANT = {"straight on": 0.0, "always left": 0.015, "always right": -0.015}


def try_agents(
    agents: Mapping[str, ActorCritic],
    specs: Sequence[EpisodeSpec],
    size: tuple[int, int],
    seconds: float,
    *,
    disturbed: bool = False,
) -> list[Kept]:
    """Lets agents and simple rivals drive the same episodes.

    Args:
        agents: by name.
        specs: episodes of the city.
        size: of the pictures that they are given.
        seconds: of a drive.
        disturbed: whether the car starts beside its place and turned.
    """
    drivers = {name: agent_steers(agent) for name, agent in agents.items()}
    drivers["random"] = random_steers
    drivers.update({name: constant_steers(curvature) for name, curvature in _CONSTANT.items()})
    return [keep_lane(name, begin, specs, size, seconds, disturbed=disturbed) for name, begin in drivers.items()]


def against(kept: Kept, rival: Kept) -> Share:
    """By how much more of the time one kept its lane than another did from the same starts, with its interval over drives."""
    return share(kept.in_lane - rival.in_lane, np.arange(len(kept.in_lane)))


def words_of_kept(all_of_them: Sequence[Kept]) -> Iterator[str]:
    """Lines for a reader; for each agent also what it gained on the best of the others."""
    rivals = [one for one in all_of_them if not one.name.startswith("agent")]
    for one in all_of_them:
        inside = share(one.in_lane, np.arange(len(one.in_lane)))
        yield (
            f"{one.name:16} in its lane {inside.value:.0%} [{inside.low:.0%}, {inside.high:.0%}] of the time, "
            f"{one.metres.mean():.1f} m before it left it"
        )
    best = max(rivals, key=lambda one: float(one.in_lane.mean()))
    for one in all_of_them:
        if one.name.startswith("agent"):
            gain = against(one, best)
            yield f"{one.name} less '{best.name}': {gain.value:+.0%} [{gain.low:+.0%}, {gain.high:+.0%}] of the time"
