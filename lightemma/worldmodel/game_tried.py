"""What players won in a true game, in words: with intervals over the games, and human-normalised where figures are known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from lightemma.frame import FloatArray
from lightemma.worldmodel.fidelity import share
from lightemma.worldmodel.hns import PLAYERS


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
