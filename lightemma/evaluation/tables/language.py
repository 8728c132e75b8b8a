"""language: drivers that are told the right word by an oracle, as marks on the models' scale."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lightemma.evaluation.metrics.displacement import l2
from lightemma.evaluation.reasoning.reference_drivers import reference_drivers
from lightemma.evaluation.statistics.means import column_means
from lightemma.evaluation.study import Study
from lightemma.evaluation.tables.base import Table


@dataclass(frozen=True, slots=True)
class LanguageRow:
    """One driver with words.

    Attributes:
        driver: what it is told, and what it does with it
        choices: number of words that it is told one of
        frames: number of frames with a recorded drive
        l2_1s: metres, L2 at 1 s
        l2_2s: metres, L2 at 2 s
        l2_3s: metres, L2 at 3 s
        l2_avg: metres, the convention's average L2
        diff_vs_baseline: metres of l2_avg above (+) or below (-) the baseline on the same frames
        ci_low: metres, lower end of the difference's scene-clustered 95 % interval (CR2)
        ci_high: metres, upper end
        of_baseline: factor, l2_avg over the baseline's on the same frames
    """

    driver: str
    choices: int
    frames: int
    l2_1s: float
    l2_2s: float
    l2_3s: float
    l2_avg: float
    diff_vs_baseline: float
    ci_low: float
    ci_high: float
    of_baseline: float


class Language(Table[LanguageRow]):
    """How far words could lead: drivers that are formulas but for one word, which an oracle takes from the recorded future.

    They are no rivals, since they know the future: a model whose words were always right, and that drove the mean of what such
    words mean, would have the L2 of `true word, mean profile`. What they learn they learn from other scenes (five folds).
    """

    name = "language"
    Row = LanguageRow

    def caption(self, study: Study) -> str:
        """What the numbers are."""
        return f"Drivers that are told the right word (they know the future), {study.over}. L2 convention: {study.convention}."

    def build(self, study: Study) -> list[LanguageRow]:
        """One row per driver."""
        drivers = reference_drivers(study.baseline, study.scene_codes, study.convention)
        above = np.column_stack([study.above_baseline(driver.errors) for driver in drivers])
        baseline = study.averages[study.baseline.name]
        rows = []
        for driver, found in zip(drivers, study.intervals(above), strict=True):
            errors = l2(driver.errors, study.convention)
            one, two, three, average = column_means(errors)
            (reference,) = column_means(np.where(np.isnan(errors[:, :1]), np.nan, baseline[:, None]))
            rows.append(
                LanguageRow(
                    driver=driver.name,
                    choices=driver.choices,
                    frames=found.frames,
                    l2_1s=one,
                    l2_2s=two,
                    l2_3s=three,
                    l2_avg=average,
                    diff_vs_baseline=found.mean,
                    ci_low=found.low,
                    ci_high=found.high,
                    of_baseline=average / reference if reference else float("nan"),
                )
            )
        return rows
