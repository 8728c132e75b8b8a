"""closed_loop_worlds: how alike two worlds rank the drivers that drove in both."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import msgspec
import numpy as np

from lightemma.closed_loop.study import DrivenRun, by_world, known_mean, share_of
from lightemma.evaluation.statistics.rank_correlation import (
    FEWEST,
    pearson,
    pearson_interval,
    rank_violation,
    rank_violation_interval,
    spearman,
    spearman_interval,
)
from lightemma.evaluation.tables.base import TableOf


@dataclass(frozen=True, slots=True)
class WorldsRow:
    """Two worlds.

    Attributes:
        world: name of one world
        other: name of the other
        drivers: number of drivers (planner, model, wording, rules) that drove in both
        rank_correlation: number from -1 to 1, Spearman's rank correlation of their mean driving scores; empty with fewer than
            three drivers
        ci_low: number from -1 to 1, lower end of its 95 % interval over drivers; empty with fewer than five, or where all
            ranks agree
        ci_high: number from -1 to 1, upper end
        pearson: number from -1 to 1, Pearson's correlation of these scores; empty with fewer than three drivers
        pearson_low: number from -1 to 1, lower end of its 95 % interval over drivers; empty as above
        pearson_high: number from -1 to 1, upper end
        violation: points of the other world's score, mean maximum rank violation: for each driver the largest difference in the
            other world to a driver that the one world ranks the other way round; 0 is best; empty with fewer than three drivers
        violation_low: points, lower end of its 95 % interval over drivers; empty with fewer than five
        violation_high: points, upper end
        known: what the score is made of in the one world
        other_known: what it is made of in the other
    """

    world: str
    other: str
    drivers: int
    rank_correlation: float
    ci_low: float
    ci_high: float
    pearson: float
    pearson_low: float
    pearson_high: float
    violation: float
    violation_low: float
    violation_high: float
    known: str
    other_known: str


class ClosedLoopWorlds(TableOf[Sequence[DrivenRun], WorldsRow]):
    """How alike two worlds rank the drivers that drove in both; written only where runs of several worlds are compared.

    The scores themselves are never compared, since another world has other episodes and may judge other things.
    """

    name = "closed_loop_worlds"
    Row = WorldsRow

    def caption(self, study: Sequence[DrivenRun]) -> str:
        """What the numbers are."""
        return (
            "Closed loop in several worlds: how alike they rank the drivers by their mean scores. Spearman's and Pearson's "
            "correlations, and the mean maximum rank violation in points of the other world's score; intervals over drivers."
        )

    def build(self, study: Sequence[DrivenRun]) -> list[WorldsRow]:
        """One row per pair of worlds."""
        worlds = by_world(study)
        scores = {name: _by_driver(runs) for name, runs in worlds.items()}
        known = {name: _known(runs) for name, runs in worlds.items()}
        rows = []
        for one, other in combinations(worlds, 2):
            both = [driver for driver in scores[one] if driver in scores[other]]
            first, second = (np.array([scores[name][driver] for driver in both]) for name in (one, other))
            ranked = ~np.isnan(first + second)
            first, second = first[ranked], second[ranked]
            correlation, pairs = spearman(first, second), len(first)
            linear, wrong = (
                (pearson(first, second), rank_violation(second, first)) if pairs >= FEWEST else (math.nan,) * 2
            )
            rows.append(
                WorldsRow(
                    one,
                    other,
                    len(both),
                    correlation,
                    *spearman_interval(correlation, pairs),
                    linear,
                    *pearson_interval(linear, pairs),
                    wrong,
                    *rank_violation_interval(second, first),
                    known[one],
                    known[other],
                )
            )
        return rows


def _by_driver(runs: Sequence[DrivenRun]) -> dict[bytes, float]:
    """Driver -> its mean score, over its runs."""
    found: dict[bytes, list[float]] = {}
    for run in runs:
        if run.is_twin:
            continue
        manifest = run.manifest
        # How the loop is closed; a world's own suite and version come after it.
        rules = manifest.data.version.partition(", suite ")[0].partition(", world ")[0]
        driver = (manifest.planner, [one.name for one in manifest.models.values()], manifest.prompts, rules)
        score = share_of(one.score.score for one in run.episodes.values())
        found.setdefault(msgspec.json.encode(driver, order="deterministic"), []).append(score)
    return {driver: known_mean(np.array(scores)) for driver, scores in found.items()}


def _known(runs: Sequence[DrivenRun]) -> str:
    names = dict.fromkeys(name for run in runs for one in run.episodes.values() for name in one.score.known)
    return " ".join(names)
