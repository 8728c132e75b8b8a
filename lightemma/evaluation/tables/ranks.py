"""ranks: which run is best, and how sure that order is."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lightemma.evaluation.statistics.ranks import pairs_of, places
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
        rank_low: the best place that is not refuted, by Holm over this run's pairs: its own place is held with 95 %
        rank_high: the worst place that is not refuted
        share_best: share of draws of scenes in which no other run is better
        frames: number of frames the ranking is over; 0 where the run is not ranked
        l2_avg: metres, on those frames
        rank_low_all: the best place that is not refuted, by Holm over all pairs: all places are held at once with 95 %
        rank_high_all: the worst place that is not refuted
    """

    run: str
    rank: int | None
    rank_low: int | None
    rank_high: int | None
    share_best: float
    frames: int
    l2_avg: float
    rank_low_all: int | None
    rank_high_all: int | None


class Ranks(Table[RankRow]):
    """Places on the frames that are ok in every ranked run, with those that the tests between runs leave open.

    Mogstad, Romano, Shaikh & Wilhelm, *Review of Economic Studies* 91(1), 2024. A run that is ok on less than half
    of the frames is not ranked (empty cells), or it would leave the others few frames to share.
    """

    name = "ranks"
    Row = RankRow

    def caption(self, study: Study) -> str:
        """What the numbers are."""
        return (
            "Places by average L2 on the frames that are ok in every ranked run, and the places left open with 95 %. "
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
        pairs = pairs_of(len(ranked))
        apart = [columns[:, first] - columns[:, second] for first, second in pairs]
        differences = study.intervals(np.column_stack(apart)) if apart else []
        found = places(observed, differences, study.bootstrap.drawn_means(columns))
        rows = {
            run.name: RankRow(
                run=run.name,
                rank=place.place,
                rank_low=place.low,
                rank_high=place.high,
                share_best=place.share_first,
                frames=frames,
                l2_avg=average,
                rank_low_all=place.low_together,
                rank_high_all=place.high_together,
            )
            for run, place, average in zip(ranked, found, observed.tolist(), strict=True)
        }
        return [rows.get(run.name) or _unranked(run.name) for run in study.runs]


def _unranked(run: str) -> RankRow:
    return RankRow(run, None, None, None, math.nan, 0, math.nan, None, None)
