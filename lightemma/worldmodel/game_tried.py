"""What an agent and its rivals win in the true game, and in words: with intervals, human-normalised where figures are known."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lightemma.errors import UserError
from lightemma.frame import FloatArray
from lightemma.worldmodel.atari import (
    AtariGame,
    agent_player,
    constant_player,
    pattern_player,
    random_player,
    returns,
)
from lightemma.worldmodel.atari_run import AGENT, AtariPlan, card_of
from lightemma.worldmodel.fidelity import share
from lightemma.worldmodel.game_agent import game_agent
from lightemma.worldmodel.game_cut import REDUCED
from lightemma.worldmodel.hns import PLAYERS
from lightemma.worldmodel.weights import load_into, read_state

#: Games of each constant action, by which the best one is found.
_TRIES = 2
#: Seed of the games of a test; those of a training begin at 1 for seed 0, and at 1001 for seed 1.
_TEST_SEED = 999


def try_atari(plan: AtariPlan, out: Path) -> dict[str, FloatArray]:
    """Plays whole games of the true game.

    Returns:
        Points, by who played: agent, random, the best constant action, and the game's script where there is one.

    Raises:
        UserError: if there is no agent, or no such game.
    """
    path = out / AGENT
    if not path.exists():
        raise UserError(f"'{out}' has no trained agent; leave --only-test out.")
    state = read_state(path)
    if {one: state.get(one) for one in ("game", *card_of(plan.cut))} != {"game": plan.game, **card_of(plan.cut)}:
        raise UserError(f"'{path}' has learned another game, or another cut of it; give the same options.")

    def game() -> AtariGame:
        # Each player meets the same beginnings, and those of no training.
        return AtariGame(plan.game, _TEST_SEED, plan.cut)

    count = game().count
    agent = game_agent(plan.agent_shape(count))
    load_into(agent, state["weights"], path)
    agent = agent.float().eval()

    def points(begin: Callable[[], Callable[[Any], int]], games: int = plan.episodes) -> FloatArray:
        return returns(game(), begin, games, plan.longest)

    constants = [points(constant_player(one), _TRIES) for one in range(count)]
    best = int(np.argmax([one.mean() for one in constants]))
    names = game().names
    found = {
        "agent": points(agent_player(agent, plan.epsilon, plan.seed)),
        "random": points(random_player(count, plan.seed)),
        f"constant {names[best]}": points(constant_player(best)),
    }
    known = REDUCED.get(plan.game)
    if known and set(known.script) <= set(names):
        script = [names.index(one) for one in known.script]
        found["script"] = points(pattern_player(script, count, known.stray, plan.seed))
    return found


def words_of_points(game: str, found: Mapping[str, FloatArray]) -> Iterator[str]:
    """A line for each player, and what the agent won more than each other; 95 % intervals by a bootstrap of the games.

    Args:
        game: its name.
        found: points of each game, by player; ``agent`` among them, and the same beginnings for all.
    """
    for name, points in found.items():
        mean = share(points, np.arange(len(points)))
        normal = ""
        if game in PLAYERS:
            random, human = PLAYERS[game]
            normal = f", human-normalised {(mean.value - random) / (human - random):+.3f}"
        yield f"{name:16} {mean.value:8.1f} points [{mean.low:.1f}, {mean.high:.1f}] in {len(points)} games{normal}"
    for name, points in found.items():
        if name != "agent":
            more = share(found["agent"] - points, np.arange(len(points)))
            yield f"agent less '{name}': {more.value:+.1f} [{more.low:+.1f}, {more.high:+.1f}] points"
