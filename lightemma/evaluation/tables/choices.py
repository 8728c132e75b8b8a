"""choices: how good a model chooses among plans that the harness drew, and how good the best choice would be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lightemma.evaluation.metrics.displacement import l2
from lightemma.evaluation.scores import RunScores
from lightemma.evaluation.several_plans import SeveralPlans
from lightemma.evaluation.statistics.means import mean
from lightemma.evaluation.statistics.multiple_testing import holm, significance
from lightemma.evaluation.study import Study
from lightemma.evaluation.tables.base import Table
from lightemma.frame import FloatArray


@dataclass(frozen=True, slots=True)
class ChoicesRow:
    """One run that chose among candidates, on the frames where it named one.

    Attributes:
        run: name of the run
        inputs: what the planner was told of each frame
        candidates: number of plans to choose from
        frames: number of frames where one was chosen
        scenes: number of scenes they come from
        convention: the L2 convention of the columns of metres
        chosen: metres of l2_avg of the plans that were chosen
        oracle: metres of l2_avg of the best candidate of each frame, which only the future can tell
        by_chance: metres of l2_avg, mean over all candidates: what choosing blindly would have
        hold: metres of l2_avg of the constant-action baseline, which is the rival: a choice that looks at nothing
        regret: metres, chosen minus oracle
        regret_low: metres, lower end of its scene-clustered 95 % interval
        regret_high: metres, upper end
        against_hold: metres, chosen minus constant-action: negative is closer
        against_hold_low: metres, lower end of its scene-clustered 95 % interval
        against_hold_high: metres, upper end
        significant: "better" or "worse" than constant-action where p by Holm over the rows is below 0.05, over 8 scenes or
            more
        oracle_rate: share of frames where the best candidate was chosen
        oracle_rate_ci_low: share, lower end of its scene-clustered 95 % interval (Korn & Graubard)
        oracle_rate_ci_high: share, upper end
        commonest: share of frames with the number that was named most: near 1 / candidates where numbers are dealt anew for
            each frame and the model favours none
    """

    run: str
    inputs: str
    candidates: int
    frames: int
    scenes: int
    convention: str
    chosen: float
    oracle: float
    by_chance: float
    hold: float
    regret: float
    regret_low: float
    regret_high: float
    against_hold: float
    against_hold_low: float
    against_hold_high: float
    significant: str
    oracle_rate: float
    oracle_rate_ci_low: float
    oracle_rate_ci_high: float
    commonest: float


class Choices(Table[ChoicesRow]):
    """Runs that chose among candidates: what they chose, the best and the mean of what there was, and constant action."""

    name = "choices"
    Row = ChoicesRow
    ALWAYS = False

    def caption(self, study: Study) -> str:
        """What the numbers are."""
        return (
            "Plans chosen among candidates. The oracle takes the candidate nearest to the recorded drive, so it is no result "
            f"of a model. L2 convention: {study.convention}."
        )

    def build(self, study: Study) -> list[ChoicesRow]:
        """One row per run with candidates."""
        made = [(run, run.candidates) for run in study.runs if run.candidates is not None]
        apart = [_columns(study, run, several) for run, several in made]
        found = [study.intervals(np.column_stack([one.regret, one.against])) for one in apart]
        corrected = holm([against.p_value for _, against in found])
        rows = []
        for (run, several), one, (regret, against), p_holm in zip(made, apart, found, corrected, strict=True):
            (rate,) = study.shares(one.best_chosen[:, None])
            named = several.chosen[~np.isnan(one.chosen)]
            rows.append(
                ChoicesRow(
                    run=run.name,
                    inputs=run.manifest.known_inputs.words if run.manifest else "",
                    candidates=several.errors.shape[1],
                    frames=against.frames,
                    scenes=against.scenes,
                    convention=study.convention,
                    chosen=mean(one.chosen),
                    oracle=mean(one.oracle),
                    by_chance=mean(one.by_chance),
                    hold=mean(one.chosen - one.against),
                    regret=regret.mean,
                    regret_low=regret.low,
                    regret_high=regret.high,
                    against_hold=against.mean,
                    against_hold_low=against.low,
                    against_hold_high=against.high,
                    significant=significance(against.mean, p_holm, against.scenes),
                    oracle_rate=rate.share,
                    oracle_rate_ci_low=rate.low,
                    oracle_rate_ci_high=rate.high,
                    commonest=float(np.bincount(named).max() / named.size) if named.size else float("nan"),
                )
            )
        return rows


@dataclass(frozen=True, slots=True)
class _Columns:
    """(n,) metres each, NaN where nothing was chosen; ``best_chosen`` is 1, 0 or NaN."""

    chosen: FloatArray
    oracle: FloatArray
    by_chance: FloatArray
    regret: FloatArray
    against: FloatArray
    best_chosen: FloatArray


def _columns(study: Study, run: RunScores, several: SeveralPlans) -> _Columns:
    n, k = several.errors.shape[:2]
    each = l2(several.errors.reshape(n * k, 6), study.convention)[:, 3].reshape(n, k)
    known = (several.chosen >= 0) & run.ok & ~np.isnan(each).all(axis=1)
    rows = np.arange(n)
    picked = np.where(known, each[rows, np.maximum(several.chosen, 0)], np.nan)
    filled = np.where(np.isnan(each), np.inf, each)
    oracle = np.where(known, filled.min(axis=1), np.nan)
    count = np.maximum((~np.isnan(each)).sum(axis=1), 1)
    return _Columns(
        picked,
        oracle,
        np.where(known, np.nansum(each, axis=1) / count, np.nan),
        picked - oracle,
        picked - study.averages[study.baseline.name],
        np.where(known, (picked <= oracle + 1e-9).astype(np.float64), np.nan),
    )
