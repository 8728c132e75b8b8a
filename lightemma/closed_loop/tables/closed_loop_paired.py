"""closed_loop_paired: closed-loop runs in pairs, on the episodes that both drove."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from lightemma.closed_loop.study import DrivenRun, DrivenStudy, DrivenTable, number
from lightemma.evaluation.statistics.multiple_testing import holm, significance


@dataclass(frozen=True, slots=True)
class PairedEpisodesRow:
    """Driving score, run minus reference, over the episodes both drove.

    Attributes:
        run: name of the run
        reference: name of the run it is compared with
        episodes: number of episodes that both drove
        clusters: number of scenarios they come from, a scenario and its twins counted as one (of seeds, if there is one only)
        diff: score, run minus reference: positive is better than the reference
        ci_low: score, lower end of its 95 % interval over scenarios
        ci_high: score, upper end
        p_value: two-sided p that the difference is 0
        better: number of episodes in which the run has the higher score
        worse: number of episodes in which it has the lower score
        p_holm: the same p after Holm's correction over all rows of the table
        significant: "better" or "worse" where p_holm is below 0.05 over 8 clusters or more
    """

    run: str
    reference: str
    episodes: int
    clusters: int
    diff: float
    ci_low: float
    ci_high: float
    p_value: float
    better: int
    worse: int
    p_holm: float
    significant: str


class ClosedLoopPaired(DrivenTable[PairedEpisodesRow]):
    """Every pair of runs that have episodes in common; blind twins, which the table closed_loop has, are left out."""

    name = "closed_loop_paired"
    Row = PairedEpisodesRow

    def caption(self, study: DrivenStudy) -> str:
        """What the numbers are."""
        return (
            f"{study.where} Driving score, run minus reference, on the same episodes; 95 % intervals over scenarios, twins as "
            "one."
        )

    def build(self, study: DrivenStudy) -> list[PairedEpisodesRow]:
        """One row per pair."""
        pairs = combinations(study.competitors, 2)
        rows = [row for one, other in pairs if (row := _paired(study, other, one)) is not None]
        corrected = holm([row.p_value for row in rows])
        # Of scores, unlike errors, more is better.
        return [
            replace(row, p_holm=p_holm, significant=significance(-row.diff, p_holm, row.clusters))
            for row, p_holm in zip(rows, corrected, strict=True)
        ]


def _paired(study: DrivenStudy, run: DrivenRun, reference: DrivenRun) -> PairedEpisodesRow | None:
    shared = [name for name in run.episodes if name in reference.episodes]
    if not shared:
        return None
    mine = [run.episodes[name] for name in shared]
    diff = np.array([number(one.score.score) - number(reference.episodes[one.name].score.score) for one in mine])
    interval = study.interval(mine, diff)
    return PairedEpisodesRow(
        run=run.name,
        reference=reference.name,
        episodes=len(shared),
        clusters=interval.scenes,
        diff=interval.mean,
        # Student's t with few scenarios reaches beyond what a difference of scores can be.
        ci_low=float(np.clip(interval.low, -100.0, 100.0)),
        ci_high=float(np.clip(interval.high, -100.0, 100.0)),
        p_value=interval.p_value,
        better=int((diff > 0).sum()),
        worse=int((diff < 0).sum()),
        p_holm=math.nan,
        significant="",
    )
