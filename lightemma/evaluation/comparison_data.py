"""What every table of a comparison is made from: the runs, their baseline, and one set of scene draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from lightemma.evaluation.metrics.displacement import Convention, l2
from lightemma.evaluation.scores import RunScores
from lightemma.evaluation.statistics.bootstrap import Interval, SceneBootstrap
from lightemma.frame import FloatArray

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Study:
    """Runs over the same frames in the same order.

    Attributes:
        runs: all of them, the baseline among them.
        baseline: the run that differences are taken against.
        convention: of the errors that are compared.
        scene_names: the scenes, in the order of their codes.
        scene_codes: (n,) each frame's scene.
        bootstrap: the draws that all intervals share.
        averages: run name to (n,) metres, l2_avg of every frame; NaN where there is no plan.
    """

    runs: Sequence[RunScores]
    baseline: RunScores
    convention: Convention
    scene_names: Sequence[str]
    scene_codes: npt.NDArray[np.int64]
    bootstrap: SceneBootstrap
    averages: dict[str, FloatArray]

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
        return self.bootstrap.intervals(np.column_stack(columns))

    @cached_property
    def on_own_frames(self) -> list[Interval]:
        """Each run's difference to the baseline on its ok frames, in the order of ``runs``."""
        return self.differences([run.ok for run in self.runs])


def make_study(
    runs: Sequence[RunScores], baseline: RunScores, convention: Convention, resamples: int, seed: int
) -> Study:
    """Draws the scenes and computes every frame's average error."""
    codes = {scene: code for code, scene in enumerate(dict.fromkeys(baseline.scenes))}
    scene_codes = np.array([codes[scene] for scene in baseline.scenes], dtype=np.int64)
    return Study(
        runs=list(runs),
        baseline=baseline,
        convention=convention,
        scene_names=list(codes),
        scene_codes=scene_codes,
        bootstrap=SceneBootstrap(scene_codes, resamples, seed),
        averages={run.name: l2(run.errors, convention)[:, 3] for run in runs},
    )


def asks_a_model(run: RunScores) -> bool:
    """Whether a model made the plans; a formula sees no picture."""
    return run.manifest is not None and run.manifest.model is not None


def column_means(values: FloatArray) -> list[float]:
    """Means over the known values of each column; NaN where none is known. (n, k) to k numbers."""
    known = ~np.isnan(values)
    counts = known.sum(axis=0)
    sums = np.where(known, values, 0.0).sum(axis=0)
    means: list[float] = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan).tolist()
    return means
