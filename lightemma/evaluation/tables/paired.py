"""paired: every run against the baseline, and every pair of runs."""

from __future__ import annotations

from dataclasses import dataclass

from lightemma.evaluation.statistics.multiple_testing import LEVEL, holm
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
        tie: "tie" where p_holm is 0.05 or more
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


class Paired(Table[PairedRow]):
    """Every run against constant-action, then every pair of runs, on the frames that are ok in both."""

    name = "paired"
    Row = PairedRow

    def caption(self, study: Study) -> str:
        """What the numbers are."""
        return (
            "Average L2, run minus reference; 95 % intervals over scenes, p by Holm over all rows. "
            f"L2 convention: {study.convention}."
        )

    def build(self, study: Study) -> list[PairedRow]:
        """Runs against the baseline first, then the pairs."""
        corrected = holm([pair.difference.p_value for pair in study.pairs])
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
                p_holm=p_holm,
                tie="tie" if p_holm >= LEVEL else "",
            )
            for pair, p_holm in zip(study.pairs, corrected, strict=True)
        ]
