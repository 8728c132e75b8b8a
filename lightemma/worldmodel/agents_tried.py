"""Agents that learned in imagination, in the simulator: beside blind ones, random and constant steering, and one that knows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from lightemma.closed_loop.spec import EpisodeSpec
from lightemma.worldmodel.actor_critic import ActorCritic
from lightemma.worldmodel.fidelity import Share, share
from lightemma.worldmodel.lane_test import (
    STEERING,
    Kept,
    Steer,
    agent_steers,
    constant_steers,
    follower_steers,
    keep_lane,
    random_steers,
)

#: Name of the follower, which is no rival: it is told where the car is.
MOST = "follower"


def try_agents(
    agents: Mapping[str, ActorCritic],
    specs: Sequence[EpisodeSpec],
    size: tuple[int, int],
    seconds: float,
    *,
    disturbed: bool = False,
    blind: Mapping[str, ActorCritic] | None = None,
) -> list[Kept]:
    """Lets agents and simple rivals drive the same episodes.

    Args:
        agents: by name.
        specs: episodes of the city.
        size: of the pictures that they are given.
        seconds: of a drive.
        disturbed: whether the car starts beside its place and turned.
        blind: agents that learned without seeing, by name.
    """
    drivers: dict[str, Callable[[int], Steer]] = {name: agent_steers(agent) for name, agent in agents.items()}
    drivers.update({name: agent_steers(agent, blind=True) for name, agent in (blind or {}).items()})
    drivers["random"] = random_steers
    drivers.update({f"always {curvature:+g}": constant_steers(curvature) for curvature in STEERING})
    drivers[MOST] = follower_steers
    return [keep_lane(name, begin, specs, size, seconds, disturbed=disturbed) for name, begin in drivers.items()]


def against(kept: Kept, rival: Kept) -> Share:
    """By how much more of the time one kept its lane than another did from the same starts, with its interval over towns."""
    return share(kept.in_lane - rival.in_lane, kept.towns)


def words_of_kept(all_of_them: Sequence[Kept]) -> Iterator[str]:
    """Lines for a reader; for each agent also what it gained on each of the others."""
    agents = [one for one in all_of_them if one.name.startswith("agent")]
    rivals = [one for one in all_of_them if not one.name.startswith("agent") and one.name != MOST]
    for one in all_of_them:
        inside = share(one.in_lane, one.towns)
        steered = " ".join(f"{100 * part:.0f}" for part in one.steered / max(1, one.steered.sum()))
        yield (
            f"{one.name:22} in its lane {inside.value:.0%} [{inside.low:.0%}, {inside.high:.0%}] of the time, "
            f"{one.metres.mean():.1f} m before it left it; steered {steered} %"
        )
    for one in agents:
        for rival in sorted(rivals, key=lambda rival: -float(rival.in_lane.mean())):
            gain = against(one, rival)
            yield f"{one.name} less '{rival.name}': {gain.value:+.0%} [{gain.low:+.0%}, {gain.high:+.0%}] of the time"
