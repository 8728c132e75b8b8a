"""Human-normalised scores of Atari 100k: what they sum up to, with intervals over the runs of each game.

    normalised = (score - random) / (human - random)

of each run (Mnih et al., 2015). A game's score is the mean of its runs; mean and median are over games. The interquartile
mean is over the runs of all games, the lowest and highest quarter left out (Agarwal et al., Deep Reinforcement Learning at the
Edge of the Statistical Precipice, 2021), and so are the intervals: runs are drawn again within each game.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from lightemma.errors import UserError
from lightemma.files import read_whole
from lightemma.frame import FloatArray

#: Share of the runs that the interquartile mean leaves out at either end.
_TRIM = 0.25
DRAWS = 2000
#: Scores of a random and of a human player, (random, human), as Mnih et al. (2015) and those after them use them.
PLAYERS: Mapping[str, tuple[float, float]] = {
    "Alien": (227.8, 7127.7),
    "Amidar": (5.8, 1719.5),
    "Assault": (222.4, 742.0),
    "Asterix": (210.0, 8503.3),
    "BankHeist": (14.2, 753.1),
    "BattleZone": (2360.0, 37187.5),
    "Boxing": (0.1, 12.1),
    "Breakout": (1.7, 30.5),
    "ChopperCommand": (811.0, 7387.8),
    "CrazyClimber": (10780.5, 35829.4),
    "DemonAttack": (152.1, 1971.0),
    "Freeway": (0.0, 29.6),
    "Frostbite": (65.2, 4334.7),
    "Gopher": (257.6, 2412.5),
    "Hero": (1027.0, 30826.4),
    "Jamesbond": (29.0, 302.8),
    "Kangaroo": (52.0, 3035.0),
    "Krull": (1598.0, 2665.5),
    "KungFuMaster": (258.5, 22736.3),
    "MsPacman": (307.3, 6951.6),
    "Pong": (-20.7, 14.6),
    "PrivateEye": (24.9, 69571.3),
    "Qbert": (163.9, 13455.0),
    "RoadRunner": (11.5, 7845.0),
    "Seaquest": (68.4, 42054.7),
    "UpNDown": (533.4, 11693.2),
}


@dataclass(frozen=True, slots=True)
class Summary:
    """One figure over all games.

    Attributes:
        name: what.
        value: of the scores as they are.
        low: lower end of its 95 % interval over runs (percentile bootstrap, stratified by game).
        high: upper end.
    """

    name: str
    value: float
    low: float
    high: float


def read_scores(path: Path) -> dict[str, FloatArray]:
    """Scores of each game's runs: a JSON object of game to list of numbers.

    Raises:
        UserError: if the file is missing, or is something else, or names a game without known players.
    """
    try:
        found: Any = msgspec.json.decode(read_whole(path), type=dict[str, list[float]])
    except OSError as error:
        raise UserError(f"'{path}' cannot be read ({error.strerror or error}).") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UserError(f"'{path}' is no JSON object of games with lists of scores ({error}).") from error
    unknown = sorted(set(found) - set(PLAYERS))
    if unknown:
        raise UserError(
            f"'{path}' has games without known scores of a human: {', '.join(unknown)}; the games of Atari 100k are "
            f"{', '.join(PLAYERS)}."
        )
    empty = sorted(game for game, runs in found.items() if not runs)
    if empty or not found:
        raise UserError(f"'{path}' has no score{f' of {empty[0]}' if empty else ''}; give one or more for each game.")
    return {game: np.array(runs, dtype=np.float64) for game, runs in found.items()}


def normalised(scores: Mapping[str, FloatArray]) -> list[FloatArray]:
    """The normalised scores of each game's runs, games in order of their names."""
    found = []
    for game in sorted(scores):
        random, human = PLAYERS[game]
        found.append((scores[game] - random) / (human - random))
    return found


def interquartile_mean(values: FloatArray) -> float:
    """Mean of the values left when a quarter of them is cut off at either end, rounded down as SciPy's trimmed mean does."""
    cut = int(_TRIM * len(values))
    return float(np.sort(values)[cut : len(values) - cut].mean())


def _mean(games: Sequence[FloatArray]) -> float:
    return float(np.mean([one.mean() for one in games]))


def _median(games: Sequence[FloatArray]) -> float:
    return float(np.median([one.mean() for one in games]))


def _iqm(games: Sequence[FloatArray]) -> float:
    return interquartile_mean(np.concatenate(list(games)))


def _gap(games: Sequence[FloatArray]) -> float:
    return float(np.mean(np.maximum(1.0 - np.concatenate(list(games)), 0.0)))


def _above(games: Sequence[FloatArray]) -> float:
    return float(sum(one.mean() > 1.0 for one in games))


#: Figures by their names. ``above human`` counts games whose mean is above a human's.
FIGURES: Mapping[str, Callable[[Sequence[FloatArray]], float]] = {
    "mean": _mean,
    "median": _median,
    "interquartile mean": _iqm,
    "optimality gap": _gap,
    "games above human": _above,
}


def summaries(scores: Mapping[str, FloatArray], draws: int = DRAWS, seed: int = 0) -> list[Summary]:
    """Every figure with its interval.

    Args:
        scores: of each game's runs.
        draws: times that the runs are drawn again.
        seed: of these draws.
    """
    games = normalised(scores)
    rng = np.random.default_rng(seed)
    drawn = [[one[rng.integers(len(one), size=len(one))] for one in games] for _ in range(draws)]
    found = []
    for name, figure in FIGURES.items():
        low, high = np.percentile([figure(one) for one in drawn], [2.5, 97.5]).tolist()
        found.append(Summary(name, figure(games), low, high))
    return found
