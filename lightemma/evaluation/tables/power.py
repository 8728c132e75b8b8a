"""power: how small a difference these scenes can show."""

from __future__ import annotations

from dataclasses import dataclass

from lightemma.evaluation.statistics.power import detectable, scenes_needed
from lightemma.evaluation.study import Study
from lightemma.evaluation.tables.base import Table


@dataclass(frozen=True, slots=True)
class PowerRow:
    """What a paired difference can show.

    Attributes:
        run: name of the run
        reference: name of the run it is compared with
        frames: number of frames that are ok in both
        scenes: number of scenes they come from
        standard_error: metres, cluster-robust standard error of the difference (CR2)
        mdd_80: metres, the true difference that is found significant (two-sided 5 %) in 80 of 100 such studies
        scenes_for_0_05: number of such scenes it takes to find a difference of 0.05 m; empty where unknown
    """

    run: str
    reference: str
    frames: int
    scenes: int
    standard_error: float
    mdd_80: float
    scenes_for_0_05: int | None


class Power(Table[PowerRow]):
    """The true difference that such a study finds significant four times in five.

    (t_0.975 + t_0.80) x standard error, with the interval's degrees of freedom (Bloom, *Evaluation Review* 19(5), 1995), and
    how many such scenes it takes to find 0.05 m.
    """

    name = "power"
    Row = PowerRow

    def caption(self, study: Study) -> str:
        """What the numbers are."""
        return (
            f"Differences of average L2 that these scenes can show with 80 % power. L2 convention: {study.convention}."
        )

    def build(self, study: Study) -> list[PowerRow]:
        """One row per pair."""
        return [
            PowerRow(
                run=pair.run,
                reference=pair.reference,
                frames=pair.difference.frames,
                scenes=pair.difference.scenes,
                standard_error=pair.difference.standard_error,
                mdd_80=detectable(pair.difference),
                scenes_for_0_05=scenes_needed(pair.difference),
            )
            for pair in study.pairs
        ]
