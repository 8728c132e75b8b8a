"""Several runs side by side: every table, from the same arrays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lightemma.errors import UserError
from lightemma.evaluation.calibration import calibration_rows
from lightemma.evaluation.comparison_data import Study, make_study
from lightemma.evaluation.compatibility import check_comparable, shared_frames
from lightemma.evaluation.copies import copy_rows
from lightemma.evaluation.differences import paired_rows, pairs, strata_rows
from lightemma.evaluation.feasibility import FeasibilityRow, feasibility_rows
from lightemma.evaluation.horizons import horizon_rows
from lightemma.evaluation.imputation import imputed_rows
from lightemma.evaluation.influence import influence_rows
from lightemma.evaluation.metrics.displacement import Convention
from lightemma.evaluation.power import power_rows
from lightemma.evaluation.ranks import rank_rows
from lightemma.evaluation.references import reference_rows
from lightemma.evaluation.rows import (
    CalibrationRow,
    ConventionRow,
    CopyRow,
    ErrorRow,
    HorizonRow,
    ImputedRow,
    InfluenceRow,
    PairedRow,
    PowerRow,
    RankRow,
    ReferenceRow,
    RemovedRow,
    StratumRow,
    SummaryRow,
)
from lightemma.evaluation.safety import SafetyEvidence, SafetyRow, safety_rows
from lightemma.evaluation.scores import BASELINE, RunScores, baseline_scores
from lightemma.evaluation.statistics.bootstrap import RESAMPLES, SEED
from lightemma.evaluation.summaries import common_rows, convention_rows, error_rows, removed_rows, summary_rows
from lightemma.evaluation.warnings import cautions
from lightemma.scene_facts import SceneFacts


@dataclass(frozen=True)
class Comparison:
    """All tables of a comparison.

    Attributes:
        convention: the L2 convention of every table but ``conventions``.
        baseline: name of the run that differences are taken against.
        frames: frames compared.
        scenes: scenes they come from.
        warnings: sentences about what these runs cannot show.
        summary: one row per run on its own ok frames, the baseline among them.
        common: the same on the frames that are ok in every run.
        common_removed: who took how many frames out of the common set.
        conventions: every run by every convention, with its difference against the baseline.
        errors: outcomes per run.
        paired: differences against the baseline and between all runs.
        strata: differences against the baseline by manoeuvre, course, speed, known facts and scene.
        ranks: places with their spread.
        influence: the scenes that a difference hangs on most.
        power: how small a difference each pair can show.
        imputed: all frames, failed ones holding the last action.
        references: the models' median plan, and the best of them per frame.
        copies: plans that only repeat the last action.
        horizons: errors step by step.
        calibration: planned against recorded speeds and curvatures.
        feasibility: how comfortable and how drivable the plans themselves are.
        safety: collisions, time to collision and leaving the road; empty columns and a reason where nobody knows.
    """

    convention: Convention
    baseline: str
    frames: int
    scenes: int
    warnings: list[str]
    summary: list[SummaryRow]
    common: list[SummaryRow]
    common_removed: list[RemovedRow]
    conventions: list[ConventionRow]
    errors: list[ErrorRow]
    paired: list[PairedRow]
    strata: list[StratumRow]
    ranks: list[RankRow]
    influence: list[InfluenceRow]
    power: list[PowerRow]
    imputed: list[ImputedRow]
    references: list[ReferenceRow]
    copies: list[CopyRow]
    horizons: list[HorizonRow]
    calibration: list[CalibrationRow]
    feasibility: list[FeasibilityRow]
    safety: list[SafetyRow]


def compare_runs(
    runs: Sequence[RunScores],
    convention: Convention = "lightemma",
    *,
    shared_only: bool = False,
    resamples: int = RESAMPLES,
    seed: int = SEED,
    scene_facts: Mapping[str, SceneFacts] | None = None,
    safety: SafetyEvidence | None = None,
) -> Comparison:
    """Compares runs over the same frames.

    Args:
        runs: at least one; the constant-action baseline is computed and added if none of them is it.
        convention: of every table but ``conventions``, which has all three.
        shared_only: cut all runs to the frames they share, instead of refusing runs over unlike frames.
        resamples: bootstrap draws.
        seed: of the draws.
        scene_facts: scene name to place, light and weather, for strata by these; scenes may be missing.
        safety: who was around and where the road is; None where nobody knows.

    Raises:
        UserError: if the runs cannot be compared, or two have the same name.
    """
    if not runs:
        raise UserError("There is no run to compare; name at least one.")
    _check_names(runs)
    if shared_only:
        runs = shared_frames(runs)
    else:
        check_comparable(runs)
    baseline = next((run for run in runs if run.planner == BASELINE), None)
    if baseline is None:
        baseline = baseline_scores(runs[0])
        runs = [*runs, baseline]
    return _tables(make_study(runs, baseline, convention, resamples, seed), scene_facts, safety or SafetyEvidence())


def _check_names(runs: Sequence[RunScores]) -> None:
    names = Counter(run.name for run in runs)
    twice = [name for name, count in names.items() if count > 1]
    if twice:
        raise UserError(f"Two runs are called '{twice[0]}'; give one another name (`run` in its manifest.json).")
    for run in runs:
        if run.name == BASELINE and run.planner != BASELINE:
            raise UserError(f"A run of {run.planner} is called '{BASELINE}', the baseline's name; give it another one.")


def _tables(study: Study, facts: Mapping[str, SceneFacts] | None, safety: SafetyEvidence) -> Comparison:
    compared = pairs(study)
    power, copies = power_rows(compared), copy_rows(study)
    return Comparison(
        convention=study.convention,
        baseline=study.baseline.name,
        frames=study.frames,
        scenes=len(study.scene_names),
        warnings=cautions(study, power, copies),
        summary=summary_rows(study),
        common=common_rows(study),
        common_removed=removed_rows(study),
        conventions=convention_rows(study),
        errors=error_rows(study),
        paired=paired_rows(compared),
        strata=strata_rows(study, facts),
        ranks=rank_rows(study),
        influence=influence_rows(study),
        power=power,
        imputed=imputed_rows(study),
        references=reference_rows(study),
        copies=copies,
        horizons=horizon_rows(study),
        calibration=calibration_rows(study),
        feasibility=feasibility_rows(study.runs),
        safety=safety_rows(study.runs, safety),
    )
