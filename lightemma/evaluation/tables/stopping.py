"""stopping: the looks at runs that end once they are decided."""

from __future__ import annotations

from dataclasses import dataclass

from lightemma.evaluation.study import Study
from lightemma.evaluation.tables.base import Table


@dataclass(frozen=True, slots=True)
class StoppingRow:
    """One look at a run.

    Attributes:
        run: name of the run
        reference: what it is compared with
        scenes: number of scenes that were complete at this look
        planned_scenes: number of scenes of the whole run
        margin_m: metres of l2_avg that count as no difference
        level: share of studies without a difference in which this look may err; 0 where it was too early
        difference: metres of l2_avg, run minus reference
        ci_low: metres, lower end of the repeated confidence interval, which holds together with those of all other looks
        ci_high: metres, upper end
        decided: better, worse, or equal (no more than the margin apart); empty while nothing was
    """

    run: str
    reference: str
    scenes: int
    planned_scenes: int
    margin_m: float
    level: float
    difference: float | None
    ci_low: float | None
    ci_high: float | None
    decided: str


class Stopping(Table[StoppingRow]):
    """Looks at runs that end once they are decided (`--until-decided`).

    After equal numbers of scenes, driven in a random order, the difference to the baseline gets a repeated confidence interval
    at the level that alpha spending leaves for this look (Lan & DeMets, *Biometrika* 70(3), 1983, of O'Brien and Fleming's
    kind); a run ends once it leaves 0 out, or lies within the margin.
    """

    name = "stopping"
    Row = StoppingRow
    ALWAYS = False

    def caption(self, study: Study) -> str:
        """What the numbers are."""
        return "Looks at the runs that end once they are decided. L2 convention: lightemma."

    def build(self, study: Study) -> list[StoppingRow]:
        """One row per look; none for runs that drive all their frames."""
        rows = []
        for run in study.runs:
            stopping = run.manifest.stopping if run.manifest else None
            for place, look in enumerate(stopping.looks if stopping else (), start=1):
                assert stopping is not None
                rows.append(
                    StoppingRow(
                        run=run.name,
                        reference=stopping.reference,
                        scenes=look.scenes,
                        planned_scenes=stopping.planned_scenes,
                        margin_m=stopping.margin_m,
                        level=look.level,
                        difference=look.mean,
                        ci_low=look.low,
                        ci_high=look.high,
                        decided=(stopping.decided or "") if place == len(stopping.looks) else "",
                    )
                )
        return rows
