"""Sentences about what a comparison cannot show."""

from __future__ import annotations

import math
from collections.abc import Sequence

from lightemma.evaluation.comparison_data import Study
from lightemma.evaluation.ranks import LEAST_OK
from lightemma.evaluation.rows import CopyRow, PowerRow

#: With fewer scenes only large differences show.
FEW_SCENES = 30
#: A run without a plan on more than this share of its frames is named.
MANY_FAILED = 0.05
#: So is one whose plans lie beyond physics this often: a few of them decide its mean.
MANY_IMPLAUSIBLE = 0.01
#: And one that repeats the last action this often.
MANY_COPIES = 0.5


def cautions(study: Study, power: Sequence[PowerRow], copies: Sequence[CopyRow]) -> list[str]:
    """Warnings in the order in which they matter; none where all is well."""
    return [*_few_scenes(study, power), *_failed(study), *_implausible(study), *_copies(study, copies)]


def _few_scenes(study: Study, power: Sequence[PowerRow]) -> list[str]:
    scenes = len(study.scene_names)
    if scenes < 2:
        return ["One scene gives no interval and no test: its numbers say nothing about other scenes."]
    if scenes >= FEW_SCENES:
        return []
    found = [row.mdd_80 for row in power if row.reference == study.baseline.name and not math.isnan(row.mdd_80)]
    if not found:
        return [f"{scenes} scenes are few: intervals over them are wide."]
    least, most = f"{min(found):.2f}", f"{max(found):.2f}"
    above = f"{least} m" if least == most else f"{least} to {most} m, depending on the run"
    return [
        f"{scenes} scenes can only show differences to {study.baseline.name} above {above} (80 % power, two-sided 5 %); "
        "a smaller one that is not significant here may still be real."
    ]


def _failed(study: Study) -> list[str]:
    found = []
    for run in study.runs:
        failed, frames = int((~run.ok).sum()), len(run.tokens)
        if failed <= MANY_FAILED * frames:
            continue
        rank = "" if failed <= (1 - LEAST_OK) * frames else ", and it is not ranked"
        share = 100 * failed / frames
        found.append(
            f"{run.name} has no plan on {failed:,} of {frames:,} frames ({share:.1f} %): its own mean leaves them out{rank}; "
            "compare it by the tables common and imputed."
        )
    return found


def _implausible(study: Study) -> list[str]:
    return [
        f"{run.name} has {int(run.implausible.sum()):,} scored plans beyond physics, which can decide its mean."
        for run in study.runs
        if run.implausible.sum() > MANY_IMPLAUSIBLE * max(int(run.ok.sum()), 1)
    ]


def _copies(study: Study, copies: Sequence[CopyRow]) -> list[str]:
    models = {run.name for run in study.models}
    return [
        f"{row.run} repeats the last action on {100 * row.share:.1f} % of its frames; there it is the baseline itself."
        for row in copies
        if row.run in models and row.share > MANY_COPIES
    ]
