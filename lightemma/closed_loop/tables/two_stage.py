"""two_stage: what the two stages of a two-stage drive are worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from msgspec import UNSET

from lightemma.closed_loop.driving_score import score_of
from lightemma.closed_loop.records import EpisodeRecord, Roll
from lightemma.closed_loop.starts import has_fault
from lightemma.closed_loop.study import DrivenRun, DrivenStudy, DrivenTable, number, share_of
from lightemma.evaluation.statistics.interval import Interval


@dataclass(frozen=True, slots=True)
class TwoStageRow:
    """One run of single plans.

    Attributes:
        run: name of the run
        episodes: number of episodes
        plans: number of plans asked for in an episode, mean over episodes
        score: score 0 … 100 of the two stages together, mean over episodes; it is no driving score of a closed loop
        ci_low: score, lower end of its 95 % interval over scenarios
        ci_high: score, upper end
        first: score 0 … 100 of plans from where the expert was, mean over plans, then over episodes
        first_ci_low: score, lower end of its 95 % interval over scenarios
        first_ci_high: score, upper end
        second: score 0 … 100 of plans from perturbed starts, all of the same weight
        second_ci_low: score, lower end of its 95 % interval over scenarios
        second_ci_high: score, upper end
        lost: score, first minus second: what it costs to be beside one's place
        lost_ci_low: score, lower end of its 95 % interval over scenarios
        lost_ci_high: score, upper end
        first_fault_rate: share of the plans from where the expert was that led to a fault
        second_fault_rate: share of the plans from perturbed starts that led to a fault
    """

    run: str
    episodes: int
    plans: float
    score: float
    ci_low: float
    ci_high: float
    first: float
    first_ci_low: float
    first_ci_high: float
    second: float
    second_ci_low: float
    second_ci_high: float
    lost: float
    lost_ci_low: float
    lost_ci_high: float
    first_fault_rate: float
    second_fault_rate: float


class TwoStage(DrivenTable[TwoStageRow]):
    """One row per run of `--two-stage`; empty of closed loops."""

    name = "two_stage"
    Row = TwoStageRow

    def caption(self, study: DrivenStudy) -> str:
        """What the numbers are."""
        return f"{study.where} Scores 0 … 100 of single plans; 95 % intervals over scenarios."

    def build(self, study: DrivenStudy) -> list[TwoStageRow]:
        """One row per run."""
        return [_row(study, run) for run in study.runs] if study.two_stage else []


def _row(study: DrivenStudy, run: DrivenRun) -> TwoStageRow:
    episodes = list(run.episodes.values())
    first, second = ([_stage(one, stage) for one in episodes] for stage in (1, 2))
    score, of_first, of_second, lost = (
        study.interval(episodes, np.array(values, dtype=np.float64))
        for values in (
            [number(one.score.score) for one in episodes],
            first,
            second,
            [one - other for one, other in zip(first, second, strict=True)],
        )
    )
    return TwoStageRow(
        run=run.name,
        episodes=len(episodes),
        plans=share_of(one.decisions for one in episodes),
        score=score.mean,
        ci_low=_within(score)[0],
        ci_high=_within(score)[1],
        first=of_first.mean,
        first_ci_low=_within(of_first)[0],
        first_ci_high=_within(of_first)[1],
        second=of_second.mean,
        second_ci_low=_within(of_second)[0],
        second_ci_high=_within(of_second)[1],
        lost=lost.mean,
        lost_ci_low=lost.low,
        lost_ci_high=lost.high,
        first_fault_rate=_faults(episodes, 1),
        second_fault_rate=_faults(episodes, 2),
    )


def _within(interval: Interval) -> tuple[float, float]:
    """The ends within 0 … 100, which Student's t can leave where there are few scenarios."""
    return float(np.clip(interval.low, 0.0, 100.0)), float(np.clip(interval.high, 0.0, 100.0))


def _rolls(episode: EpisodeRecord, stage: int) -> list[Roll]:
    return [] if episode.rolls is UNSET else [roll for roll in episode.rolls if roll.stage == stage]


def _stage(episode: EpisodeRecord, stage: int) -> float:
    return share_of(score_of(roll.outcome).score for roll in _rolls(episode, stage))


def _faults(episodes: Sequence[EpisodeRecord], stage: int) -> float:
    return share_of(has_fault(roll.outcome) for one in episodes for roll in _rolls(one, stage))
