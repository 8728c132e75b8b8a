"""Sentences about what a comparison cannot show."""

from __future__ import annotations

import math

import numpy as np

from lightemma.evaluation.compatibility import decided_early
from lightemma.evaluation.metrics.repeated_action import repeats_action
from lightemma.evaluation.scores import leaks_future
from lightemma.evaluation.statistics.multiple_testing import FEWEST_SCENES
from lightemma.evaluation.statistics.power import detectable
from lightemma.evaluation.statistics.runaways import CAP, typical
from lightemma.evaluation.study import Study
from lightemma.evaluation.tables.ranks import LEAST_OK
from lightemma.evaluation.until_decided import sentence

#: With fewer scenes only large differences show.
FEW_SCENES = 30
#: A run without a plan on more than this share of its frames is named.
MANY_FAILED = 0.05
#: So is one whose plans are beyond physics this often: a few of them decide its mean.
MANY_IMPLAUSIBLE = 0.01
#: And one that repeats the last action this often.
MANY_COPIES = 0.5
#: And one whose mean difference owes this share to its runaway plans.
CARRIED = 0.1


def warnings_about(study: Study) -> list[str]:
    """Warnings in the order in which they matter; none where all is well."""
    return [
        *_decided(study),
        *_other_pictures(study),
        *_leaking(study),
        *_few_scenes(study),
        *_failed(study),
        *_implausible(study),
        *_runaways(study),
        *_copies(study),
        *_cached(study),
        *_alone(study),
    ]


def _decided(study: Study) -> list[str]:
    return [
        f"{run.name} was {sentence(run.manifest.stopping)}; its other intervals do not know that it was looked at, so take "
        "its verdict from the table stopping. All runs are compared on the frames that they share."
        for run in study.runs
        if run.manifest is not None and run.manifest.stopping is not None and decided_early(run)
    ]


def _other_pictures(study: Study) -> list[str]:
    """Runs that were shown other pictures than the first run that was shown some."""
    shown = [run for run in study.runs if any(run.pictures)]
    found = []
    for run in shown[1:]:
        pairs = zip(shown[0].pictures, run.pictures, strict=True)
        other = [number for number, (mine, theirs) in enumerate(pairs) if mine and theirs and mine != theirs]
        if other:
            first = f"frame {int(run.frame_index[other[0]])} of {run.scenes[other[0]]}"
            found.append(
                f"{run.name} was shown other pictures than {shown[0].name} in {len(other):,} of {len(run.tokens):,} frames "
                f"(the first is {first}): the files changed between the two runs, so their difference is not the models' alone."
            )
    return found


def _leaking(study: Study) -> list[str]:
    names = [run.name for run in study.runs if leaks_future(run)]
    if not names:
        return []
    what, are = ("runs", "were") if len(names) > 1 else ("run", "was")
    return [
        f"{', '.join(names)}: {'these' if len(names) > 1 else 'this'} {what} {are} told where the drive goes, by the recorded "
        "future itself; what is said above about the best model leaves such runs out."
    ]


def _few_scenes(study: Study) -> list[str]:
    scenes = study.scenes
    if scenes < 2:
        return ["One scene gives no interval and no test: its numbers say nothing about other scenes."]
    if scenes >= FEW_SCENES:
        return []
    few = []
    if scenes < FEWEST_SCENES:
        few = [
            f"{scenes} scenes are too few to say whether a run is better or worse: there are intervals, and no verdict "
            f"below {FEWEST_SCENES} scenes."
        ]
    against_baseline = [pair.difference for pair in study.pairs if pair.reference == study.baseline.name]
    found = [size for size in map(detectable, against_baseline) if not math.isnan(size)]
    if not found:
        return few or [f"{scenes} scenes are few: intervals over them are wide."]
    least, most = f"{min(found):.2f}", f"{max(found):.2f}"
    above = f"{least} m" if least == most else f"{least} to {most} m, depending on the run"
    return [
        *few,
        f"{scenes} scenes can only show differences to {study.baseline.name} above {above} (80 % power, two-sided 5 %); "
        "a smaller one that is not significant here may still be real.",
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


def _runaways(study: Study) -> list[str]:
    found = []
    for run, difference in zip(study.runs, study.on_own_frames, strict=True):
        apart = typical(study.averages[run.name], study.averages[study.baseline.name])
        if run is study.baseline or not apart.runaways:
            continue
        if abs(difference.mean - apart.capped) > CARRIED * abs(difference.mean):
            found.append(
                f"{run.name} is more than {CAP:.0f} m off on {apart.runaways:,} of {difference.frames:,} frames, which carry "
                f"its mean difference of {difference.mean:+.2f} m: with {CAP:.0f} m for each of them it is "
                f"{apart.capped:+.2f} m, and the median is {apart.median:+.2f} m."
            )
    return found


def _copies(study: Study) -> list[str]:
    found = []
    for run in study.models:
        ok = int(run.ok.sum())
        share = float(np.sum(repeats_action(run.actions, run.history))) / ok if ok else 0.0
        if share > MANY_COPIES:
            found.append(
                f"{run.name} repeats the last action on {100 * share:.1f} % of its frames; there it is the baseline itself."
            )
    return found


def _cached(study: Study) -> list[str]:
    found = []
    for run in study.models:
        calls, cached = (run.manifest.calls, run.manifest.cached_calls) if run.manifest else (None, None)
        if calls and cached:
            found.append(
                f"{run.name} took {cached:,} of its {calls:,} answers ({100 * cached / calls:.1f} %) from the response cache; "
                "its seconds are those of the other frames."
            )
    return found


def _alone(study: Study) -> list[str]:
    if not study.alone:
        return []
    more = f" and {len(study.alone) - 1} more" if len(study.alone) > 1 else ""
    return [f"'{study.alone[0]}'{more}: the run of a probe is compared with its untouched run, which is not here."]
