"""paired: every run against the baseline, and every pair of runs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lightemma.evaluation.statistics.multiple_testing import FEWEST_SCENES, LEVEL
from lightemma.evaluation.statistics.runaways import typical
from lightemma.evaluation.study import Study
from lightemma.evaluation.tables.base import Table


@dataclass(frozen=True, slots=True)
class PairedRow:
    """Difference of l2_avg (run minus reference) on the frames both have.

    Attributes:
        run: name of the run
        reference: name of the run it is compared with
        frames: number of frames that are ok in both
        scenes: number of scenes they come from
        diff: metres of l2_avg, run minus reference: negative is better than the reference
        ci_low: metres, lower end of its scene-clustered 95 % interval
        ci_high: metres, upper end
        p_value: two-sided p that the difference is 0
        p_holm: the same p after Holm's correction over all rows of the table
        tie: "tie" where p_holm is 0.05 or more over 8 scenes or more
        significant: "better" or "worse" where p_holm is below 0.05 over 8 scenes or more
        boot_low: metres, lower end of the interval by draws of scenes (bootstrap-t), a second opinion; empty below 100 scenes
        boot_high: metres, upper end
        diff_median: metres, median over frames of the difference of l2_avg
        diff_capped: metres, mean difference with every l2_avg above 20 m counted as 20 m
        runaway_frames: number of frames where one of the two is more than 20 m off on average
        carrying_frames: number of frames, the fewest that hold half of the sum of the sizes of all differences
    """

    run: str
    reference: str
    frames: int
    scenes: int
    diff: float
    ci_low: float
    ci_high: float
    p_value: float
    p_holm: float
    tie: str
    significant: str
    boot_low: float
    boot_high: float
    diff_median: float
    diff_capped: float
    runaway_frames: int
    carrying_frames: int


class Paired(Table[PairedRow]):
    """Every run against constant-action, then every pair of runs, on the frames that are ok in both."""

    name = "paired"
    Row = PairedRow

    def caption(self, study: Study) -> str:
        """What the numbers are."""
        return (
            "Average L2, run minus reference; 95 % intervals over scenes, significant by Holm over all rows. "
            f"L2 convention: {study.convention}."
        )

    def build(self, study: Study) -> list[PairedRow]:
        """Runs against the baseline first, then the pairs."""
        apart = [study.averages[pair.run] - study.averages[pair.reference] for pair in study.pairs]
        found = [typical(study.averages[pair.run], study.averages[pair.reference]) for pair in study.pairs]
        ends = study.bootstrap.ends(np.column_stack(apart)) if apart else []
        return [
            PairedRow(
                run=pair.run,
                reference=pair.reference,
                frames=pair.difference.frames,
                scenes=pair.difference.scenes,
                diff=pair.difference.mean,
                ci_low=pair.difference.low,
                ci_high=pair.difference.high,
                p_value=pair.difference.p_value,
                p_holm=pair.p_holm,
                tie="tie" if pair.p_holm >= LEVEL and pair.difference.scenes >= FEWEST_SCENES else "",
                significant=pair.significant,
                boot_low=low,
                boot_high=high,
                diff_median=few.median,
                diff_capped=few.capped,
                runaway_frames=few.runaways,
                carrying_frames=few.carrying,
            )
            for pair, (low, high), few in zip(study.pairs, ends, found, strict=True)
        ]
