"""closed_loop_paired: closed-loop runs in pairs, on the episodes that both drove."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from lightemma.closed_loop.study import DrivenRun, DrivenStudy, DrivenTable, number


@dataclass(frozen=True, slots=True)
class PairedEpisodesRow:
    """Driving score, run minus reference, over the episodes both drove.

    Attributes:
        run: name of the run
        reference: name of the run it is compared with
        episodes: number of episodes that both drove
        clusters: number of scenarios (of seeds, if all episodes are of one scenario) they come from
        diff: score, run minus reference: positive is better than the reference
        ci_low: score, lower end of its 95 % interval over scenarios
        ci_high: score, upper end
        p_value: two-sided p that the difference is 0
        better: number of episodes in which the run has the higher score
        worse: number of episodes in which it has the lower score
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


class ClosedLoopPaired(DrivenTable[PairedEpisodesRow]):
    """Every pair of runs that have episodes in common."""

    name = "closed_loop_paired"
    Row = PairedEpisodesRow

    def caption(self, study: DrivenStudy) -> str:
        """What the numbers are."""
        return f"{study.where} Driving score, run minus reference, on the same episodes; 95 % intervals over scenarios."

    def build(self, study: DrivenStudy) -> list[PairedEpisodesRow]:
        """One row per pair."""
        pairs = combinations(study.runs, 2)
        return [row for one, other in pairs if (row := _paired(study, other, one)) is not None]


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
        ci_low=interval.low,
        ci_high=interval.high,
        p_value=interval.p_value,
        better=int((diff > 0).sum()),
        worse=int((diff < 0).sum()),
    )
