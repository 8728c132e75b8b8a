"""Who is best, and how sure that order is."""

from __future__ import annotations

import math

import numpy as np

from lightemma.evaluation.comparison_data import Study
from lightemma.evaluation.rows import RankRow
from lightemma.evaluation.statistics.bootstrap import CONFIDENCE
from lightemma.frame import FloatArray

#: A run with a plan on less than this share of its frames is not ranked: it would leave the others few frames to share.
LEAST_OK = 0.5
_SAME = 1e-9  # metres: less is rounding


def rank_rows(study: Study) -> list[RankRow]:
    """Every run's place by l2_avg over the frames that are ok in all ranked runs, with its spread over the scene draws.

    The interval spans the 2.5 to 97.5 percentile of the places in the draws and always holds the place itself (percentile
    bootstrap of ranks, Goldstein & Spiegelhalter, Journal of the Royal Statistical Society A 159, 1996).
    """
    ranked = [run for run in study.runs if run.ok.mean() >= LEAST_OK]
    shared = np.all([run.ok for run in ranked], axis=0)
    frames = int(shared.sum())
    if not frames:
        return [_unranked(run.name) for run in study.runs]
    columns = np.column_stack([np.where(shared, study.averages[run.name], np.nan) for run in ranked])
    observed = columns[shared].mean(axis=0)
    places = _places(observed[:, None])[:, 0]
    drawn = study.bootstrap.drawn_means(columns)
    drawn_places = _places(drawn[:, ~np.isnan(drawn[0])])
    tail = (1 - CONFIDENCE) / 2
    low = np.quantile(drawn_places, tail, axis=1, method="inverted_cdf")
    high = np.quantile(drawn_places, 1 - tail, axis=1, method="inverted_cdf")
    rows = {
        run.name: RankRow(
            run=run.name,
            rank=int(places[k]),
            rank_low=int(min(low[k], places[k])),
            rank_high=int(max(high[k], places[k])),
            share_best=float((drawn_places[k] == 1).mean()),
            frames=frames,
            l2_avg=float(observed[k]),
        )
        for k, run in enumerate(ranked)
    }
    return [rows.get(run.name) or _unranked(run.name) for run in study.runs]


def _unranked(run: str) -> RankRow:
    return RankRow(run, None, None, None, math.nan, 0, math.nan)


def _places(means: FloatArray) -> FloatArray:
    """1 + how many are better, column by column: (k, draws) metres to (k, draws) places."""
    places = np.ones_like(means)
    for row in means:
        places += row < means - _SAME
    return places
