"""influence: whether a result depends on one scene."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lightemma.evaluation.scores import RunScores
from lightemma.evaluation.statistics.interval import Interval
from lightemma.evaluation.statistics.leave_one_scene_out import most_influential
from lightemma.evaluation.statistics.multiple_testing import LEVEL
from lightemma.evaluation.study import Study
from lightemma.evaluation.tables.base import Table
from lightemma.frame import FloatArray

#: How many scenes per run the table shows, those whose absence shifts the difference most.
SHOWN = 5


@dataclass(frozen=True, slots=True)
class InfluenceRow:
    """What leaving one scene out does to a run's difference to the baseline.

    Attributes:
        run: name of the run
        scene: name of the scene left out
        frames: number of its frames that are ok in the run
        diff_without: metres of l2_avg, the difference over all other scenes
        shift: metres, `diff_without` minus the difference over all scenes
        flips: "yes" if the difference changes its sign without the scene, or its p crosses 0.05
    """

    run: str
    scene: str
    frames: int
    diff_without: float
    shift: float
    flips: str


class Influence(Table[InfluenceRow]):
    """The five scenes per run whose absence shifts its difference to the baseline most (jackknife over scenes)."""

    name = "influence"
    Row = InfluenceRow

    def caption(self, study: Study) -> str:
        """What the numbers are."""
        return (
            f"The scenes whose absence shifts a run's difference to {study.baseline.name} most. "
            f"L2 convention: {study.convention}."
        )

    def build(self, study: Study) -> list[InfluenceRow]:
        """Up to five scenes per run, the most influential first."""
        left_out = [(run, whole, scene) for run, whole in _compared(study) for scene in _scenes(study, run)]
        if not left_out:
            return []
        columns = [np.where(study.scene_codes == scene, np.nan, _difference(study, run)) for run, _, scene in left_out]
        intervals = study.intervals(np.column_stack(columns))
        return [
            InfluenceRow(
                run=run.name,
                scene=study.scene_names[scene],
                frames=whole.frames - without.frames,
                diff_without=without.mean,
                shift=without.mean - whole.mean,
                flips="yes" if _flips(whole, without) else "",
            )
            for (run, whole, scene), without in zip(left_out, intervals, strict=True)
        ]


def _compared(study: Study) -> list[tuple[RunScores, Interval]]:
    """Runs with frames in two scenes or more, with their differences."""
    pairs = zip(study.runs, study.on_own_frames, strict=True)
    return [(run, diff) for run, diff in pairs if run is not study.baseline and diff.scenes > 1]


def _scenes(study: Study, run: RunScores) -> list[int]:
    """Codes of the scenes that the table shows for a run."""
    totals = study.over_scenes.totals(_difference(study, run)[:, None])
    return most_influential(totals.sums[:, 0], totals.counts[:, 0], SHOWN)


def _difference(study: Study, run: RunScores) -> FloatArray:
    """(n,) metres."""
    apart: FloatArray = study.averages[run.name] - study.averages[study.baseline.name]
    return apart


def _flips(whole: Interval, without: Interval) -> bool:
    if whole.mean * without.mean < 0:
        return True
    if math.isnan(whole.p_value) or math.isnan(without.p_value):
        return False
    return (whole.p_value < LEVEL) != (without.p_value < LEVEL)
