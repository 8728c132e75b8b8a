"""What closed-loop runs say of the tiny driver: its score against its blind twin's and two simple drivers', by episode."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lightemma.closed_loop.blind_twin import SUFFIX
from lightemma.closed_loop.records import EpisodeRecord, read_episodes


@dataclass(frozen=True)
class Loops:
    """Runs in one folder, by what they are; episodes by name.

    ``tiny``; ``grey``, the same shown grey pictures; ``twin``, the same network trained blind (a model whose name begins with
    ``blind``); and others, such as ``idm`` and ``constant-action``, by their names.
    """

    runs: dict[str, dict[str, EpisodeRecord]]

    def above(self, other: str) -> tuple[float, float, float, int]:
        """Driving score above another run's, with its 95 % interval over scenarios; how many episodes."""
        mine, theirs = self.runs["tiny"], self.runs[other]
        shared = sorted(set(mine) & set(theirs))
        gain = np.array([score(mine[name]) - score(theirs[name]) for name in shared])
        names, place = np.unique([mine[name].scenario for name in shared], return_inverse=True)
        sums, counts = np.bincount(place, weights=gain), np.bincount(place)
        drawn = np.random.default_rng(0).integers(0, len(names), (4000, len(names)))
        spread = sums[drawn].sum(1) / counts[drawn].sum(1)
        return float(gain.mean()), *np.quantile(spread, (0.025, 0.975)), len(shared)

    def red_lights(self, run: str) -> int:
        """Episodes in which a red light was run."""
        return sum(bool(one.outcome.red_lights) for one in self.runs[run].values())

    def off_road(self, run: str) -> float:
        """Share of the episodes that left the carriageway."""
        return float(np.mean([bool(one.outcome.off_road) for one in self.runs[run].values()]))

    def mean(self, run: str) -> float:
        """Mean driving score."""
        return float(np.mean([score(one) for one in self.runs[run].values()]))


def score(episode: EpisodeRecord) -> float:
    """The driving score; 0 where there is none."""
    found = episode.score.score
    return 0.0 if found is None else float(found)


def read_loops(folder: Path) -> Loops:
    """The runs of ``lightemma drive --out FOLDER``, or of several such folders in one, each with some of the episodes."""
    runs: dict[str, dict[str, EpisodeRecord]] = {}
    for path in sorted(folder.rglob("drive-*")):
        kind = path.name.removeprefix("drive-")
        kind = "grey" if SUFFIX in kind else "twin" if kind.startswith("blind") else kind
        kind = "tiny" if kind.startswith("tiny") else kind
        runs.setdefault(kind, {}).update({one.name: one for one in read_episodes(path)})
    return Loops(runs)
