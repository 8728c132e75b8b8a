"""Whether a result hangs on one scene."""

from __future__ import annotations

import math

import numpy as np

from lightemma.evaluation.comparison_data import Study
from lightemma.evaluation.rows import InfluenceRow
from lightemma.evaluation.scores import RunScores
from lightemma.evaluation.statistics.bootstrap import Interval
from lightemma.evaluation.statistics.multiple_testing import LEVEL

#: How many scenes per run the table shows, those whose absence shifts the difference most.
SHOWN = 5


def influence_rows(study: Study) -> list[InfluenceRow]:
    """The most influential scenes of every run, by leaving each scene out once (jackknife over scenes)."""
    left_out = [(run, whole, scene) for run, whole in _compared(study) for scene in _most_influential(study, run)]
    if not left_out:
        return []
    columns = [
        np.where(study.scene_codes == scene, np.nan, study.averages[run.name] - study.averages[study.baseline.name])
        for run, _, scene in left_out
    ]
    intervals = study.bootstrap.intervals(np.column_stack(columns))
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


def _most_influential(study: Study, run: RunScores) -> list[int]:
    """Codes of the scenes whose absence shifts the run's difference most, the most influential first."""
    difference = (study.averages[run.name] - study.averages[study.baseline.name])[:, None]
    sums, counts = (totals[:, 0] for totals in study.bootstrap.scene_totals(difference))
    present = np.flatnonzero(counts)
    without = (sums.sum() - sums[present]) / (counts.sum() - counts[present])
    shift = np.abs(without - sums.sum() / counts.sum())
    chosen: list[int] = present[np.argsort(-shift, kind="stable")[:SHOWN]].tolist()
    return chosen


def _flips(whole: Interval, without: Interval) -> bool:
    if whole.mean * without.mean < 0:
        return True
    if math.isnan(whole.p_value) or math.isnan(without.p_value):
        return False
    return (whole.p_value < LEVEL) != (without.p_value < LEVEL)
