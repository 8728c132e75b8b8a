"""The score of a two-stage drive, from its rolls: NAVSIM v2's form (Cao et al., CoRL 2025) with the driving score of each plan.

    score of an episode = 100 x mean over points of  first x sum over starts of weight x second
    weight of a start   = exp(-d^2 / (2 sigma^2)), in sum 1 over the starts of a point

``first`` and ``second`` are driving scores of single plans, 0 ... 1, with the share of the expert's way in the same time as the
progress; d is the distance from where the first plan led to the start. NAVSIM v2 has sigma^2 = 0.1 m^2 and a dozen starts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from lightemma.closed_loop.driving_score import score_of
from lightemma.closed_loop.records import End, EpisodeOutcome, Roll, ScoreParts
from lightemma.closed_loop.starts import has_fault
from lightemma.frame import FloatArray

#: Share of the expert's way, in the mean, from which on an episode without a fault is a success.
KEEPS_UP = 0.9
N = TypeVar("N", int, float)
T = TypeVar("T")


def weights(ends: tuple[float, float], starts: FloatArray, sigma: float) -> FloatArray:
    """The weight of each start.

    Args:
        ends: x, y in metres, where the first plan led.
        starts: (n, 2) metres.
        sigma: metres.

    Returns:
        (n,) numbers whose sum is 1; far from all starts the nearest has nearly all of it.
    """
    square = ((starts - np.array(ends)) ** 2).sum(axis=1)
    raw: FloatArray = np.exp(-(square - square.min()) / (2.0 * sigma**2))
    return np.asarray(raw / raw.sum(), dtype=np.float64)


def score_of_rolls(rolls: Sequence[Roll], sigma: float) -> ScoreParts:
    """The score of an episode, 0 … 100, and the factors in the mean over its rolls, those of the second stage by their weight.

    Args:
        rolls: of one episode, at least one.
        sigma: metres, of the weights.
    """
    parts = [score_of(roll.outcome) for roll in rolls]
    values = np.array([np.nan if one.score is None else one.score / 100.0 for one in parts])
    share = np.zeros(len(rolls))
    worth = []
    points = sorted({roll.point for roll in rolls})
    for point in points:
        first = next(i for i, roll in enumerate(rolls) if roll.point == point and roll.stage == 1)
        second = [i for i, roll in enumerate(rolls) if roll.point == point and roll.stage == 2]
        share[first] = 1.0
        worth.append(values[first])
        if second:
            weight = weights(rolls[first].end, np.array([rolls[i].start for i in second]), sigma)
            share[first], share[second] = 0.5, weight / 2.0
            worth[-1] *= float(weight @ values[second])
    share /= len(points)
    score = float(np.mean(worth))
    progress = _mean([one.progress for one in parts], share)
    return ScoreParts(
        progress=progress,
        collision=_mean([one.collision for one in parts], share),
        red_light=_mean([one.red_light for one in parts], share),
        off_road=_mean([one.off_road for one in parts], share),
        side=_mean([one.side for one in parts], share),
        ttc=float(share @ np.array([one.ttc for one in parts])),
        comfort=_mean([one.comfort for one in parts], share),
        score=None if np.isnan(score) else 100.0 * score,
        success=not any(has_fault(roll.outcome) for roll in rolls) and (progress or 0.0) >= KEEPS_UP,
        route=_mean([one.route for one in parts], share),
        priority=_mean([one.priority for one in parts], share),
    )


def merged(rolls: Sequence[Roll]) -> EpisodeOutcome:
    """An episode's rolls as one outcome: counts and seconds in sum, the smallest time to collision, the first bad end."""
    outcomes = [roll.outcome for roll in rolls]
    ends: list[End] = [one.end for one in outcomes if one.end not in ("horizon", "goal")]
    progress = [one.progress for one in outcomes if one.progress is not None]
    ttc = [one.min_ttc_s for one in outcomes if one.min_ttc_s is not None]
    return EpisodeOutcome(
        end=ends[0] if ends else "horizon",
        time_s=round(sum(one.time_s for one in outcomes), 3),
        progress=sum(progress) / len(progress) if len(progress) == len(outcomes) else None,
        crashes=_joined([one.crashes for one in outcomes]),
        red_lights=_sum([one.red_lights for one in outcomes]),
        off_road=_any([one.off_road for one in outcomes]),
        wrong_side=_sum([one.wrong_side for one in outcomes]),
        min_ttc_s=min(ttc, default=None),
        harsh_s=_sum([one.harsh_s for one in outcomes]),
        standing_s=_sum([one.standing_s for one in outcomes]),
        off_route=_any([one.off_route for one in outcomes]),
        infractions=_joined([one.infractions for one in outcomes]),
        hindered=_sum([one.hindered for one in outcomes]),
        speeding_s=_sum([one.speeding_s for one in outcomes]),
    )


def _mean(values: Sequence[float | None], share: FloatArray) -> float | None:
    known = [value for value in values if value is not None]
    return float(share @ np.array(known)) if len(known) == len(values) else None


def _sum(values: Sequence[N | None]) -> N | None:
    known = [value for value in values if value is not None]
    return sum(known[1:], known[0]) if known and len(known) == len(values) else None


def _any(values: Sequence[bool | None]) -> bool | None:
    return None if any(value is None for value in values) else any(values)


def _joined(lists: Sequence[list[T] | None]) -> list[T] | None:
    known = [one for one in lists if one is not None]
    return [item for one in known for item in one] if len(known) == len(lists) else None
