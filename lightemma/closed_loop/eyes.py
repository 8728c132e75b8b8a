"""How much of a driving score needs eyes: a run against its blind twin, and against the best driver that sees nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import msgspec
import numpy as np

from lightemma.closed_loop.records import EpisodeRecord
from lightemma.closed_loop.study import DrivenRun, DrivenStudy, number
from lightemma.evaluation.statistics.interval import Interval

#: What the rows are called that are no competitors.
CEILING, TWIN = "blind ceiling", "blind twin"


@dataclass(frozen=True)
class Ceiling:
    """The best of many drivers that see nothing: one of them for all episodes.

    It is chosen by the scores that it then has, so it is rather too high than too low.

    Attributes:
        driver: its name, such as ``1.5-for-6-then-9``.
        tried: number of drivers that it was chosen from.
        episodes: those in which all were driven, as one of the runs recorded them.
        scores: (n,) driving score in each of the episodes.
        success: (n,) whether the goal was reached without a fault.
    """

    driver: str
    tried: int
    episodes: Sequence[EpisodeRecord]
    scores: Sequence[float]
    success: Sequence[bool]

    @cached_property
    def by_name(self) -> dict[str, float]:
        """Score by the episode's name."""
        return {one.name: score for one, score in zip(self.episodes, self.scores, strict=True)}


def ceiling_of(study: DrivenStudy) -> Ceiling | None:
    """The blind ceiling over every episode of the study in which blind drivers were driven; None if there is none."""
    found = {one.name: one for run in study.runs for one in run.episodes.values() if one.blind}
    episodes = [found[name] for name in sorted(found)]
    if not episodes:
        return None
    blind = [one.blind or {} for one in episodes]
    drivers = [name for name in blind[0] if all(name in one for one in blind)]
    if not drivers:
        return None
    best = max(drivers, key=lambda name: sum(one[name][0] for one in blind))
    return Ceiling(best, len(drivers), episodes, [one[best][0] for one in blind], [one[best][1] for one in blind])


def twin_of(run: DrivenRun, study: DrivenStudy) -> DrivenRun | None:
    """The blind twin of a run; None for a twin, and where the study has none."""
    if run.is_twin:
        return None
    return next((one for one in study.runs if one.is_twin and _asked(one) == _asked(run)), None)


def above(study: DrivenStudy, run: DrivenRun, other: dict[str, float]) -> Interval | None:
    """Driving score of a run minus another one, with its 95 % interval over scenarios; None without shared episodes.

    Args:
        study: gives intervals.
        run: the run.
        other: the other's score by the episode's name.
    """
    shared = [one for one in run.episodes.values() if one.name in other]
    if not shared:
        return None
    return study.interval(shared, np.array([number(one.score.score) - other[one.name] for one in shared]))


def scores_by_name(run: DrivenRun) -> dict[str, float]:
    """Driving score by the episode's name; NaN where it is unknown."""
    return {one.name: number(one.score.score) for one in run.episodes.values()}


def _asked(run: DrivenRun) -> object:
    """What a run and its twin have in common: all but the pictures."""
    manifest = run.manifest
    models = {role: (one.name, one.provider, one.model, one.parameters) for role, one in manifest.models.items()}
    told = msgspec.structs.replace(manifest.known_inputs, blind=False).told
    return manifest.planner, models, manifest.prompts and manifest.prompts.sha256, manifest.parser, told
