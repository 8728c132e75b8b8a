"""Paired differences: of whole runs, and stratum by stratum, each table corrected for its number of tests."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from lightemma.evaluation.comparison_data import Study
from lightemma.evaluation.rows import PairedRow, StratumRow
from lightemma.evaluation.scores import RunScores
from lightemma.evaluation.statistics.bootstrap import Interval
from lightemma.evaluation.statistics.multiple_testing import LEVEL, holm, verdict
from lightemma.evaluation.strata import SCENE_FAMILY, Stratum, strata
from lightemma.scene_facts import SceneFacts


@dataclass(frozen=True, slots=True)
class Pair:
    """Two runs and the interval of their difference (run minus reference) on the frames both have."""

    run: str
    reference: str
    difference: Interval


def pairs(study: Study) -> list[Pair]:
    """Every run against the baseline, then every pair of the other runs."""
    found = [
        Pair(run.name, study.baseline.name, difference)
        for run, difference in zip(study.runs, study.on_own_frames, strict=True)
        if run is not study.baseline
    ]
    others = [run.name for run in study.others]
    names = [(first, second) for index, first in enumerate(others) for second in others[index + 1 :]]
    if names:
        columns = np.column_stack([study.averages[first] - study.averages[second] for first, second in names])
        found += [Pair(*name, diff) for name, diff in zip(names, study.bootstrap.intervals(columns), strict=True)]
    return found


def paired_rows(compared: list[Pair]) -> list[PairedRow]:
    """The table of all pairs, Holm-corrected over its rows."""
    corrected = holm([pair.difference.p_value for pair in compared])
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
        for pair, p_holm in zip(compared, corrected, strict=True)
    ]


def strata_rows(study: Study, facts: Mapping[str, SceneFacts] | None) -> list[StratumRow]:
    """Every run on every stratum, Holm-corrected over all rows that have a p."""
    baseline = study.baseline
    groups = strata(baseline.history, baseline.truth, baseline.scenes, facts)
    tested = [group for group in groups if group.family != SCENE_FAMILY]
    keys = [(run, group) for run in study.others for group in tested]
    columns = [
        np.where(group.frames, study.averages[run.name] - study.averages[baseline.name], np.nan) for run, group in keys
    ]
    intervals = study.bootstrap.intervals(np.column_stack(columns)) if columns else []
    found = {(run.name, group.name): diff for (run, group), diff in zip(keys, intervals, strict=True)}
    rows = [row for run in study.runs for row in _rows_of_run(study, run, groups, found)]
    corrected = holm([row.p_value for row in rows])
    return [
        replace(row, p_holm=p_holm, significant=verdict(row.diff_vs_baseline, p_holm))
        for row, p_holm in zip(rows, corrected, strict=True)
    ]


def _rows_of_run(
    study: Study, run: RunScores, groups: list[Stratum], intervals: Mapping[tuple[str, str], Interval]
) -> list[StratumRow]:
    """One run's rows, not corrected yet."""
    ok, name = run.ok, run.name
    members = np.array([group.frames for group in groups], dtype=np.float64).T[ok]
    frames = members.sum(axis=0)
    with np.errstate(invalid="ignore"):
        mean, least = (study.averages[of][ok] @ members / frames for of in (name, study.baseline.name))
    rows = []
    for place, group in enumerate(groups):
        average, difference = float(mean[place]), float(mean[place] - least[place])
        diff = intervals.get((name, group.name))
        if run is study.baseline:
            ends = (0.0, 0.0, 0.0, math.nan)
        elif diff is None:
            ends = (difference, math.nan, math.nan, math.nan)
        else:
            ends = (diff.mean, diff.low, diff.high, diff.p_value)
        count = int(frames[place])
        share = count / max(len(members), 1)
        rows.append(StratumRow(name, group.name, count, share, average, *ends, p_holm=math.nan, significant=""))
    return rows
