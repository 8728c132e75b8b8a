"""What every table, chart and page of a comparison is made from: runs cut once, one baseline, one source of intervals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lightemma.errors import UserError
from lightemma.evaluation.compatibility import check_comparable, decided_early, shared_frames
from lightemma.evaluation.metrics.displacement import Convention, l2
from lightemma.evaluation.metrics.plan_safety import SafetyJudge
from lightemma.evaluation.probing.probed_runs import ProbedRun, probed_runs, untouched
from lightemma.evaluation.reasoning.ledger import Ledger, ReadTexts, read_ledger
from lightemma.evaluation.reasoning.reader import Reader
from lightemma.evaluation.reasoning.rules import RuleReader
from lightemma.evaluation.scene_context import SceneContext
from lightemma.evaluation.scores import BASELINE, RunScores, baseline_scores
from lightemma.evaluation.statistics.bootstrap import RESAMPLES, SEED, SceneBootstrap
from lightemma.evaluation.statistics.cr2 import SceneIntervals
from lightemma.evaluation.statistics.interval import Interval
from lightemma.evaluation.statistics.multiple_testing import holm, significance
from lightemma.evaluation.statistics.shares import Share, shares
from lightemma.frame import FloatArray

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two runs and the interval of their difference (run minus reference) on the frames both have.

    Attributes:
        run: name of the run.
        reference: name of the run it is compared with.
        difference: metres of l2_avg.
        p_holm: its p after Holm's correction over all pairs.
        significant: ``better`` or ``worse``, see :func:`~lightemma.evaluation.statistics.multiple_testing.significance`.
    """

    run: str
    reference: str
    difference: Interval
    p_holm: float
    significant: str


@dataclass(frozen=True)
class Study:
    """Runs over the same frames in the same order, with all that numbers about them are made from.

    Attributes:
        runs: all of them, the baseline among them.
        baseline: the run that differences are taken against.
        convention: L2 convention of the errors that are compared.
        scene_names: the scenes, in the order of their codes.
        scene_codes: (n,) each frame's scene.
        averages: run name to (n,) metres, l2_avg of every frame; NaN where there is no plan.
        over_scenes: what makes intervals; tables take :meth:`intervals` and :meth:`shares`.
        bootstrap: the draws of scenes, for the columns that are made by draws.
        context: pictures, scene facts, agents around and maps, as far as the data has them.
        folders: run name to the folder it is stored in; runs that exist in memory only are missing.
        probed: the runs of probes, each beside its untouched run; never among ``runs``.
        alone: names of the runs of probes whose untouched run is not compared.
        reader: what reads the texts in those folders.
        teacher: name of the run whose students the others are; None where nobody named one.
    """

    runs: Sequence[RunScores]
    baseline: RunScores
    convention: Convention
    scene_names: Sequence[str]
    scene_codes: npt.NDArray[np.int64]
    averages: dict[str, FloatArray]
    over_scenes: SceneIntervals
    bootstrap: SceneBootstrap
    context: SceneContext = field(default_factory=SceneContext)
    folders: Mapping[str, Path] = field(default_factory=dict)
    probed: Sequence[ProbedRun] = ()
    alone: Sequence[str] = ()
    reader: Reader = field(default_factory=RuleReader)
    teacher: str | None = None

    @property
    def others(self) -> list[RunScores]:
        """All runs but the baseline."""
        return [run for run in self.runs if run is not self.baseline]

    @property
    def models(self) -> list[RunScores]:
        """The runs that asked a model."""
        return [run for run in self.runs if asks_a_model(run)]

    @property
    def frames(self) -> int:
        """How many frames every run has."""
        return len(self.baseline.tokens)

    @property
    def scenes(self) -> int:
        """How many scenes the frames come from."""
        return len(self.scene_names)

    @property
    def over(self) -> str:
        """How many frames and scenes, as a phrase for captions."""
        return f"{self.frames} frames of {self.scenes} scenes"

    def intervals(self, values: FloatArray) -> list[Interval]:
        """Means over frames with their scene-clustered 95 % intervals: the only source of intervals of a comparison.

        Args:
            values: (n, k) one column per quantity, in the order of the frames; NaN marks frames that do not take part.

        Returns:
            k intervals.
        """
        return self.over_scenes.intervals(values)

    def shares(self, values: FloatArray) -> list[Share]:
        """Shares of frames with their scene-clustered 95 % intervals: the only source of these.

        Args:
            values: (n, k) one column per share: 1 for frames with the event, 0 without; NaN for those that do not take part.

        Returns:
            k shares.
        """
        return shares(self.over_scenes, values)

    def above_baseline(self, errors: FloatArray, convention: Convention | None = None) -> FloatArray:
        """How much farther off than the baseline each frame is.

        Args:
            errors: (n, 6) metres, NaN where there is no plan.
            convention: another than the study's.

        Returns:
            (n,) metres of l2_avg, NaN where there is no plan.
        """
        chosen = convention or self.convention
        difference: FloatArray = l2(errors, chosen)[:, 3] - l2(self.baseline.errors, chosen)[:, 3]
        return difference

    def differences(self, masks: Sequence[Mask]) -> list[Interval]:
        """Each run's difference to the baseline on frames of its own, in the order of ``runs``.

        Args:
            masks: (n,) which frames take part, one per run.
        """
        reference = self.averages[self.baseline.name]
        columns = [
            np.where(mask, self.averages[run.name] - reference, np.nan)
            for run, mask in zip(self.runs, masks, strict=True)
        ]
        return self.intervals(np.column_stack(columns))

    @cached_property
    def common(self) -> Mask:
        """(n,) True where every run has a scored plan."""
        everyone: Mask = np.all([run.ok for run in self.runs], axis=0)
        return everyone

    @cached_property
    def on_own_frames(self) -> list[Interval]:
        """Each run's difference to the baseline on its ok frames, in the order of ``runs``."""
        return self.differences([run.ok for run in self.runs])

    @cached_property
    def pairs(self) -> list[Pair]:
        """Every run against the baseline, then every pair of the other runs, each on the frames both have."""
        return self.pairs_by(self.convention)

    def pairs_by(self, convention: Convention, *, common: bool = False) -> list[Pair]:
        """The same by any convention; what is significant is decided over all pairs of one convention and one set of frames.

        Args:
            convention: of the errors.
            common: on the frames that are ok in every run, instead of those that both have.
        """
        averages = {run.name: l2(run.errors, convention)[:, 3] for run in self.runs}
        others = [run.name for run in self.others]
        names = [(run, self.baseline.name) for run in others] + list(combinations(others, 2))
        if not names:
            return []
        columns = np.column_stack([averages[first] - averages[second] for first, second in names])
        differences = self.intervals(np.where(self.common[:, None], columns, np.nan) if common else columns)
        corrected = holm([difference.p_value for difference in differences])
        return [
            Pair(*name, difference, p_holm, significance(difference.mean, p_holm, difference.scenes))
            for name, difference, p_holm in zip(names, differences, corrected, strict=True)
        ]

    def against_baseline(self, convention: Convention | None = None, *, common: bool = False) -> dict[str, Pair]:
        """Run name to its pair with the baseline, of all runs but the baseline; see :meth:`pairs_by`."""
        own = not common and convention in (None, self.convention)
        pairs = self.pairs if own else self.pairs_by(convention or self.convention, common=common)
        return {pair.run: pair for pair in pairs if pair.reference == self.baseline.name}

    @cached_property
    def ledgers(self) -> dict[str, Ledger]:
        """Name of every run with a model to its words next to its plans, read once."""
        texts = ReadTexts(self.reader)
        return {run.name: read_ledger(run, self.folders.get(run.name), texts) for run in self.models}

    @cached_property
    def judge(self) -> SafetyJudge:
        """Who is around the frames and where the road is, collected once."""
        return SafetyJudge(self.baseline.scenes, self.baseline.tokens, self.context)


def make_study(
    runs: Sequence[RunScores],
    convention: Convention = "lightemma",
    *,
    shared_only: bool = False,
    resamples: int = RESAMPLES,
    seed: int = SEED,
    context: SceneContext | None = None,
    folders: Mapping[str, Path] | None = None,
    reader: Reader | None = None,
    teacher: str | None = None,
) -> Study:
    """Checks that runs can be compared, cuts them to common frames if wanted, and adds the baseline where it is missing.

    Args:
        runs: at least one; runs of probes are set beside their untouched runs.
        convention: L2 convention of the errors that are compared.
        shared_only: cut all runs to the frames they share, instead of refusing runs over different frames; always done if
            one of them ended early because it was decided.
        resamples: how many draws of scenes, for the columns that are made by draws.
        seed: of the draws.
        context: what the data says in addition to the recorded drive; nothing if None.
        folders: run name to its folder.
        reader: what reads the texts in those folders; the rules if None.
        teacher: name of the run whose students the others are.

    Raises:
        UserError: if the runs cannot be compared, two have the same name, or none is called as the teacher.
    """
    if not runs:
        raise UserError("There is no run to compare; name at least one.")
    _check_names(runs)
    given, runs = runs, untouched(runs)
    if shared_only or any(map(decided_early, runs)):
        runs = shared_frames(runs)
    else:
        check_comparable(runs)
    probed, alone = probed_runs(given, runs)
    baseline = next((run for run in runs if run.planner == BASELINE), None)
    if baseline is None:
        baseline = baseline_scores(runs[0])
        runs = [*runs, baseline]
    if teacher is not None and teacher not in {run.name for run in runs}:
        raise UserError(
            f"No run is called '{teacher}'; the teacher is one of {', '.join(run.name for run in runs)}.", "teacher"
        )
    codes = {scene: code for code, scene in enumerate(dict.fromkeys(baseline.scenes))}
    scene_codes = np.array([codes[scene] for scene in baseline.scenes], dtype=np.int64)
    return Study(
        runs=list(runs),
        baseline=baseline,
        convention=convention,
        scene_names=list(codes),
        scene_codes=scene_codes,
        averages={run.name: l2(run.errors, convention)[:, 3] for run in runs},
        over_scenes=SceneIntervals(scene_codes),
        bootstrap=SceneBootstrap(scene_codes, resamples, seed),
        context=context or SceneContext(),
        folders=folders or {},
        probed=probed,
        alone=alone,
        reader=reader or RuleReader(),
        teacher=teacher,
    )


def asks_a_model(run: RunScores) -> bool:
    """Whether a model made the plans; a formula sees no picture."""
    return run.manifest is not None and run.manifest.model is not None


def _check_names(runs: Sequence[RunScores]) -> None:
    names = Counter(run.name for run in runs)
    twice = [name for name, count in names.items() if count > 1]
    if twice:
        raise UserError(f"Two runs are called '{twice[0]}'; give one another name (`run` in its manifest.json).")
    for run in runs:
        if run.name == BASELINE and run.planner != BASELINE:
            raise UserError(f"A run of {run.planner} is called '{BASELINE}', the baseline's name; give it another one.")
