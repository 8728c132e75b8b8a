"""experts_paired: what a run with experts does and costs in a frame, beside the run of the same models without."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lightemma.evaluation.expert_fellows import fellow_of, in_order, mode_of
from lightemma.evaluation.scores import RunScores
from lightemma.evaluation.statistics.means import mean
from lightemma.evaluation.study import Study
from lightemma.evaluation.tables.base import Table
from lightemma.frame import FloatArray


@dataclass(frozen=True, slots=True)
class ExpertsPairedRow:
    """One quantity of one run with experts, paired with the run of the same models and settings without.

    Attributes:
        run: name of the run
        experts: whose findings it was told: oracle, chosen, all or lying
        without: name of the run without experts
        quantity: what is compared, per frame: l2_avg in metres; format_errors and call_errors, share of the frames; calls,
            tokens_in, tokens_out and dollars, of all calls; call_seconds, of all calls together; expert_seconds, of all
            experts together
        frames: number of frames of which both are known
        scenes: number of scenes they come from
        mine: metres, seconds, tokens, dollars or number, as the quantity is: mean of the run with experts on these frames
        theirs: metres, seconds, tokens, dollars or number: mean of the run without experts on these frames
        diff: metres, seconds, tokens, dollars or number: mine minus theirs
        diff_low: metres, seconds, tokens, dollars or number: lower end of the difference's scene-clustered 95 % interval
        diff_high: metres, seconds, tokens, dollars or number: upper end
    """

    run: str
    experts: str
    without: str
    quantity: str
    frames: int
    scenes: int
    mine: float
    theirs: float
    diff: float
    diff_low: float
    diff_high: float


class ExpertsPaired(Table[ExpertsPairedRow]):
    """What experts bring and cost in a frame: plans, failures, calls, tokens, seconds and dollars, paired frame by frame."""

    name = "experts_paired"
    Row = ExpertsPairedRow
    ALWAYS = False

    def caption(self, study: Study) -> str:
        """What the numbers are."""
        return (
            "Runs with experts beside the runs of the same models without, per frame; 95 % intervals over scenes. "
            f"L2 convention: {study.convention}."
        )

    def build(self, study: Study) -> list[ExpertsPairedRow]:
        """One row per run with experts and quantity; none where there is no run without experts."""
        rows = []
        for run in in_order(study.runs):
            without = fellow_of(run, study, "")
            if without is None:
                continue
            values = [(name, of(study, run), of(study, without)) for name, of in _QUANTITIES.items()]
            found = study.intervals(np.column_stack([mine - theirs for _, mine, theirs in values]))
            for (name, mine, theirs), one in zip(values, found, strict=True):
                both = ~np.isnan(mine) & ~np.isnan(theirs)
                if not both.any():
                    continue
                rows.append(
                    ExpertsPairedRow(
                        run=run.name,
                        experts=mode_of(run),
                        without=without.name,
                        quantity=name,
                        frames=one.frames,
                        scenes=one.scenes,
                        mine=mean(mine[both]),
                        theirs=mean(theirs[both]),
                        diff=one.mean,
                        diff_low=one.low,
                        diff_high=one.high,
                    )
                )
        return rows


def _outcomes(kind: str) -> Callable[[Study, RunScores], FloatArray]:
    return lambda study, run: np.array([float(one.startswith(kind)) for one in run.outcomes])


def _expert_seconds(study: Study, run: RunScores) -> FloatArray:
    return np.zeros(len(run.tokens)) if run.tools is None else run.tools.seconds


_QUANTITIES: dict[str, Callable[[Study, RunScores], FloatArray]] = {
    "l2_avg": lambda study, run: study.averages[run.name],
    "format_errors": _outcomes("format:"),
    "call_errors": _outcomes("call:"),
    "calls": lambda study, run: run.calls,
    "tokens_in": lambda study, run: run.usage[:, 0],
    "tokens_out": lambda study, run: run.usage[:, 2],
    "call_seconds": lambda study, run: run.latency,
    "expert_seconds": _expert_seconds,
    "dollars": lambda study, run: run.dollars,
}
