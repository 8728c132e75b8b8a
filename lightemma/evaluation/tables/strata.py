"""strata: every run against the baseline by manoeuvre, course, speed, known facts and scene."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np
import numpy.typing as npt

from lightemma.evaluation.scores import RunScores
from lightemma.evaluation.statistics.interval import Interval
from lightemma.evaluation.statistics.multiple_testing import holm, significance
from lightemma.evaluation.strata import SCENE_FAMILY, Stratum, strata
from lightemma.evaluation.study import Study
from lightemma.evaluation.tables.base import Table
from lightemma.frame import FloatArray

#: Columns of one call of the statistics: memory for frames times strata times runs is never taken at once.
COLUMNS = 16


@dataclass(frozen=True, slots=True)
class StratumRow:
    """One run on one stratum of its own ok frames, against the baseline on the same frames.

    Attributes:
        run: name of the run
        stratum: family and class, such as `course: turning`
        frames: number of the run's ok frames in the stratum
        share: share of the run's ok frames
        l2_avg: metres, on these frames
        diff_vs_baseline: metres of l2_avg above (+) or below (-) the baseline on the same frames
        ci_low: metres, lower end of the difference's scene-clustered 95 % interval; unknown for single scenes
        ci_high: metres, upper end
        p_value: two-sided p that the difference is 0; unknown for single scenes
        p_holm: the same p after Holm's correction over all rows of the table that have a p
        significant: "better" or "worse" where p_holm is below 0.05 over 8 scenes or more
        scenes: number of scenes the frames come from
    """

    run: str
    stratum: str
    frames: int
    share: float
    l2_avg: float
    diff_vs_baseline: float
    ci_low: float
    ci_high: float
    p_value: float
    p_holm: float
    significant: str
    scenes: int


class Strata(Table[StratumRow]):
    """Every run on every stratum. The .md and .tex leave out single scenes, which are not tested."""

    name = "strata"
    Row = StratumRow

    def caption(self, study: Study) -> str:
        """What the numbers are."""
        return (
            f"Average L2 by stratum, against {study.baseline.name} on the same frames, p by Holm over all rows; "
            f"single scenes are in the CSV. L2 convention: {study.convention}."
        )

    def on_page(self, row: StratumRow) -> bool:
        """All but single scenes."""
        return not row.stratum.startswith(f"{SCENE_FAMILY}: ")

    def build(self, study: Study) -> list[StratumRow]:
        """Every run on every stratum."""
        baseline = study.baseline
        groups = strata(baseline.history, baseline.truth, baseline.scenes, study.context.facts, baseline.frame_index)
        tested = [group for group in groups if group.family != SCENE_FAMILY]
        keys = [(run, group) for run in study.others for group in tested]
        intervals: list[Interval] = []
        for start in range(0, len(keys), COLUMNS):
            columns = [
                np.where(group.frames, study.averages[run.name] - study.averages[baseline.name], np.nan)
                for run, group in keys[start : start + COLUMNS]
            ]
            intervals += study.intervals(np.column_stack(columns))
        found = {(run.name, group.name): diff for (run, group), diff in zip(keys, intervals, strict=True)}
        rows = [row for run in study.runs for row in _rows_of_run(study, run, groups, found)]
        corrected = holm([row.p_value for row in rows])
        return [
            replace(row, p_holm=p_holm, significant=significance(row.diff_vs_baseline, p_holm, row.scenes))
            for row, p_holm in zip(rows, corrected, strict=True)
        ]


def _rows_of_run(
    study: Study, run: RunScores, groups: list[Stratum], intervals: Mapping[tuple[str, str], Interval]
) -> list[StratumRow]:
    """One run's rows, not corrected yet."""
    ok, name = run.ok, run.name
    own, least = study.averages[name][ok], study.averages[study.baseline.name][ok]
    scene_codes, all_frames = study.scene_codes[ok], int(ok.sum())
    rows: list[StratumRow] = []
    for family, members in groupby(groups, key=lambda group: group.family):
        strata_of_family = list(members)
        sums = _sums(strata_of_family[0].codes[ok], own, least, scene_codes)
        for group in strata_of_family:
            count, mean, other, scenes = sums.get(group.code, (0, math.nan, math.nan, 0))
            diff = intervals.get((name, group.name))
            if run is study.baseline:
                ends = (0.0, 0.0, 0.0, math.nan)
            elif family == SCENE_FAMILY or diff is None:
                ends = (mean - other, math.nan, math.nan, math.nan)
            else:
                ends = (diff.mean, diff.low, diff.high, diff.p_value)
            share = count / max(all_frames, 1)
            rows.append(StratumRow(name, group.name, count, share, mean, *ends, math.nan, "", scenes))
    return rows


def _sums(
    codes: npt.NDArray[np.int64], own: FloatArray, least: FloatArray, scenes: npt.NDArray[np.int64]
) -> dict[int, tuple[int, float, float, int]]:
    """Class -> its frames, the two means over them, and its scenes; of one family's classes that have frames."""
    inside = codes >= 0
    codes, own, least, scenes = codes[inside], own[inside], least[inside], scenes[inside]
    counts = np.bincount(codes)
    means = [np.bincount(codes, values) / np.maximum(counts, 1) for values in (own, least)]
    most = int(scenes.max(initial=0)) + 1
    met = np.unique(codes * most + scenes) // most
    of_scenes = np.bincount(met, minlength=len(counts))
    return {
        code: (int(counts[code]), float(means[0][code]), float(means[1][code]), int(of_scenes[code]))
        for code in np.flatnonzero(counts).tolist()
    }
