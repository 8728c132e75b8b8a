"""The data of closed-loop tables: the runs, and the one source of their intervals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from msgspec import UNSET

from lightemma.closed_loop.records import SOURCE, EpisodeOutcome, EpisodeRecord, read_episodes
from lightemma.errors import UserError
from lightemma.evaluation.scores import RunScores, load_scores
from lightemma.evaluation.statistics.cr2 import SceneIntervals
from lightemma.evaluation.statistics.interval import Interval
from lightemma.evaluation.statistics.shares import Share, shares
from lightemma.evaluation.statistics.stratified import stratified_interval
from lightemma.evaluation.tables.base import TableOf
from lightemma.frame import FloatArray
from lightemma.run_folder.manifest import Manifest
from lightemma.run_folder.store import read_manifest

R = TypeVar("R")


@dataclass(frozen=True)
class DrivenRun:
    """A closed-loop run that was read.

    Attributes:
        manifest: of the run.
        episodes: the finished ones, by name.
        scores: its decisions, each scored against the expert's plan.
    """

    manifest: Manifest
    episodes: dict[str, EpisodeRecord]
    scores: RunScores

    @property
    def name(self) -> str:
        """The run's name."""
        return self.manifest.run

    @property
    def is_twin(self) -> bool:
        """Whether it is the blind twin of another run: no competitor, and never ranked."""
        return self.manifest.known_inputs.blind

    @property
    def two_stage(self) -> bool:
        """Whether single plans were driven in place of episodes from start to goal."""
        return any(one.rolls is not UNSET for one in self.episodes.values())


@dataclass(frozen=True)
class DrivenStudy:
    """Closed-loop runs, each with its own finished episodes.

    Attributes:
        runs: all driven under the same rules.
    """

    runs: Sequence[DrivenRun]

    def __post_init__(self) -> None:
        runs = self.runs
        for run in runs[1:]:
            if run.two_stage != runs[0].two_stage:
                staged, driven = (run, runs[0]) if run.two_stage else (runs[0], run)
                raise UserError(
                    f"'{staged.name}' is a two-stage drive and '{driven.name}' a closed loop, whose scores mean something "
                    "else; compare runs of one kind."
                )
            if run.manifest.data.name != runs[0].manifest.data.name:
                raise UserError(
                    f"'{runs[0].name}' was driven in another world ({runs[0].manifest.data.name}) than '{run.name}' "
                    f"({run.manifest.data.name}); scores of different worlds are never compared."
                )
            if run.manifest.data.version != runs[0].manifest.data.version:
                raise UserError(
                    f"'{runs[0].name}' was driven under other rules ({runs[0].manifest.data.version}) than '{run.name}' "
                    f"({run.manifest.data.version}); such scores cannot be compared."
                )

    @property
    def competitors(self) -> list[DrivenRun]:
        """The runs that are compared with each other: all but blind twins."""
        return [run for run in self.runs if not run.is_twin]

    @property
    def two_stage(self) -> bool:
        """Whether the runs are two-stage drives; all are, or none is."""
        return bool(self.runs) and self.runs[0].two_stage

    @property
    def where(self) -> str:
        """The world and the rules of the runs, for captions."""
        data = self.runs[0].manifest.data
        world = f"a {data.name}" if data.name == "made-up city" else f"the world '{data.name}'"
        kind = "Two-stage drive (no closed loop)" if self.two_stage else "Closed loop"
        return f"{kind} in {world} ({data.version})."

    def interval(self, episodes: Sequence[EpisodeRecord], values: FloatArray) -> Interval:
        """The mean over episodes with its 95 % interval over scenarios: the only source of intervals of these tables.

        Args:
            episodes: which ones.
            values: (n,) one per episode.
        """
        return _over(episodes).interval(values)

    def suite_interval(self, episodes: Sequence[EpisodeRecord], values: FloatArray) -> Interval:
        """The mean over episodes with its 95 % interval over other seeds of the same scenarios.

        Args:
            episodes: which ones.
            values: (n,) one per episode.
        """
        # Twins of one seed share their streets, so they are one draw.
        return stratified_interval([family(one) for one in episodes], [str(one.seed) for one in episodes], values)

    def share(self, episodes: Sequence[EpisodeRecord], values: Sequence[float | None]) -> Share:
        """The share of episodes with its 95 % interval over scenarios: the only source of these.

        Args:
            episodes: which ones.
            values: one per episode, 1 or True for the event; None where it is unknown.
        """
        known = np.array([number(value) for value in values], dtype=np.float64)
        return shares(_over(episodes), known[:, None])[0]


def by_world(runs: Sequence[DrivenRun]) -> dict[str, list[DrivenRun]]:
    """World -> the runs that were driven in it, in their order."""
    found: dict[str, list[DrivenRun]] = {}
    for run in runs:
        found.setdefault(run.manifest.data.name, []).append(run)
    return found


def by_rules(runs: Sequence[DrivenRun]) -> dict[str, list[DrivenRun]]:
    """The runs whose scores can be compared, by what they share: the world, and the rules where one world has several."""
    found: dict[str, list[DrivenRun]] = {}
    for world, its in by_world(runs).items():
        versions = list(dict.fromkeys(run.manifest.data.version for run in its))
        for version in versions:
            name = world if len(versions) == 1 else f"{world}, {version}"
            found[name] = [run for run in its if run.manifest.data.version == version]
    return found


class DrivenTable(TableOf[DrivenStudy, R]):
    """A table of closed-loop runs."""


def load_driven(folder: Path) -> DrivenRun:
    """Reads a closed-loop run.

    Raises:
        UserError: if it is no closed-loop run, or has no finished episode.
    """
    manifest = read_manifest(folder)
    if manifest.data.source != SOURCE:
        raise UserError(f"'{folder}' is no closed-loop run; make one with `lightemma drive`.")
    episodes = {one.name: one for one in sorted(read_episodes(folder), key=lambda one: one.name)}
    if not episodes:
        raise UserError(f"The run '{folder}' has no finished episode yet; resume it with the same `lightemma drive`.")
    return DrivenRun(manifest, episodes, load_scores(folder))


def _over(episodes: Sequence[EpisodeRecord]) -> SceneIntervals:
    return SceneIntervals(np.unique(clusters(episodes), return_inverse=True)[1].astype(np.int64))


def clusters(episodes: Sequence[EpisodeRecord]) -> list[str]:
    """The cluster of each episode in intervals: its scenario together with that one's twins, or its seed if there is only one.

    Returns:
        One name per episode.
    """
    names = [family(one) for one in episodes]
    return names if len(set(names)) > 1 else [str(one.seed) for one in episodes]


def family(episode: EpisodeRecord) -> str:
    """The scenario whose streets and draws an episode has: its own, or that of the twin it is derived from."""
    return episode.family or episode.scenario


def share_of(values: Iterable[float | None]) -> float:
    """The mean of the known values, or the share of those that are true; NaN where none is known."""
    array = np.array([value for value in values if value is not None], dtype=np.float64)
    return float(array.mean()) if array.size else float("nan")


def number(value: float | None) -> float:
    """NaN for what is unknown."""
    return float("nan") if value is None else value


def occurred(count: int | None) -> bool | None:
    """Whether something happened at least once; None where this is unknown."""
    return None if count is None else count > 0


def was_at_fault(outcome: EpisodeOutcome) -> bool | None:
    """Whether the car is to blame for a collision; None where collisions are unknown."""
    return None if outcome.crashes is None else bool(outcome.crashes_at_fault)


def known_mean(values: FloatArray) -> float:
    """The mean of the known ones among (n,) values; NaN where none is known."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")
