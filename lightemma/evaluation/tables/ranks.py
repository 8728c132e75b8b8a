"""ranks: which run is best, and how sure that order is."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lightemma.evaluation.statistics.ranks import places
from lightemma.evaluation.study import Study
from lightemma.evaluation.tables.base import Table

#: A run with a plan on less than this share of its frames is not ranked: it would leave the others few frames to share.
LEAST_OK = 0.5


@dataclass(frozen=True, slots=True)
class RankRow:
    """A run's place by l2_avg on the frames that are ok in every ranked run.

    Attributes:
        run: name of the run
        rank: place, 1 is the best; runs with the same mean share a place; empty for a run that is not ranked
        rank_low: the best place in 95 % of the scene draws
        rank_high: the worst place in 95 % of the scene draws
        share_best: share of draws in which no other run is better
        frames: number of frames the ranking is over; 0 where the run is not ranked
        l2_avg: metres, on those frames
    """

    run: str
    rank: int | None
    rank_low: int | None
    rank_high: int | None
    share_best: float
    frames: int
    l2_avg: float


class Ranks(Table[RankRow]):
    """Places on the frames that are ok in every ranked run, with their 95 % spread over the scene draws.

    Goldstein & Spiegelhalter, *Journal of the Royal Statistical Society A* 159, 1996. A run that is ok on less than half
    of the frames is not ranked (empty cells), or it would leave the others few frames to share.
    """

    name = "ranks"
    Row = RankRow

    def caption(self, study: Study) -> str:
        """What the numbers are."""
        return (
            "Places by average L2 on the frames that are ok in every ranked run, 95 % over scene draws. "
            f"L2 convention: {study.convention}."
        )

    def build(self, study: Study) -> list[RankRow]:
        """One row per run, in the order of the runs."""
        ranked = [run for run in study.runs if run.ok.mean() >= LEAST_OK]
        shared = np.all([run.ok for run in ranked], axis=0)
        frames = int(shared.sum())
        if not frames:
            return [_unranked(run.name) for run in study.runs]
        columns = np.column_stack([np.where(shared, study.averages[run.name], np.nan) for run in ranked])
        observed = columns[shared].mean(axis=0)
        found = places(observed, study.bootstrap.drawn_means(columns))
        rows = {
            run.name: RankRow(run.name, place.place, place.low, place.high, place.share_first, frames, average)
            for run, place, average in zip(ranked, found, observed.tolist(), strict=True)
        }
        return [rows.get(run.name) or _unranked(run.name) for run in study.runs]


def _unranked(run: str) -> RankRow:
    return RankRow(run, None, None, None, math.nan, 0, math.nan)
