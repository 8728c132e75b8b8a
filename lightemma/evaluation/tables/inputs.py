"""inputs: every run over other inputs than the plain ones, paired with the plain run of the same planner and models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from lightemma.evaluation.scores import RunScores
from lightemma.evaluation.statistics.multiple_testing import holm, significance
from lightemma.evaluation.study import Study
from lightemma.evaluation.tables.base import Table
from lightemma.run_folder.manifest import Manifest

#: Settings of a planner that say what is shown, and how often it is asked.
_SHOWN = frozenset({"frames", "history_s", "command", "cameras", "few_shot", "few_shot_seed", "samples", "temperature"})


@dataclass(frozen=True, slots=True)
class InputsRow:
    """Difference of l2_avg between two runs of one planner and model that differ in their inputs alone.

    Attributes:
        run: name of the run
        plain: name of the run that it is compared with: the same planner and models over plain inputs
        differs: what it was told, instead of what the plain run was told
        leaks_future: "yes" where an input was made from the recorded future, which is to be predicted
        frames: number of frames that are ok in both
        scenes: number of scenes they come from
        diff: metres of l2_avg, run minus plain: negative is closer
        ci_low: metres, lower end of its scene-clustered 95 % interval
        ci_high: metres, upper end
        p_holm: two-sided p that the difference is 0, after Holm's correction over the rows of the table
        significant: "better" or "worse" where p_holm is below 0.05 over 8 scenes or more
        tokens_factor: factor, tokens of the run over those of the plain run, input and output together
        dollars_factor: factor, dollars of the run over those of the plain run; empty where a price is unknown
    """

    run: str
    plain: str
    differs: str
    leaks_future: str
    frames: int
    scenes: int
    diff: float
    ci_low: float
    ci_high: float
    p_holm: float
    significant: str
    tokens_factor: float
    dollars_factor: float


class Inputs(Table[InputsRow]):
    """What other inputs are worth: each run paired with the run of the same planner and models over the plain inputs."""

    name = "inputs"
    Row = InputsRow
    ALWAYS = False

    def caption(self, study: Study) -> str:
        """What the numbers are."""
        return (
            "Average L2 by inputs, run minus plain run; 95 % intervals over scenes, significant by Holm over the rows. "
            f"L2 convention: {study.convention}."
        )

    def build(self, study: Study) -> list[InputsRow]:
        """One row per run for which there is a plain run."""
        pairs = [(run, plain) for run in study.models if (plain := _plain_of(run, study.models)) is not None]
        if not pairs:
            return []
        columns = [study.averages[run.name] - study.averages[plain.name] for run, plain in pairs]
        found = study.intervals(np.column_stack(columns))
        corrected = holm([one.p_value for one in found])
        rows = []
        for (run, plain), one, p_holm in zip(pairs, found, corrected, strict=True):
            assert run.manifest is not None, "models have one"
            assert plain.manifest is not None, "models have one"
            told, usual = run.manifest.known_inputs, plain.manifest.known_inputs
            rows.append(
                InputsRow(
                    run=run.name,
                    plain=plain.name,
                    differs=told.differences(usual),
                    leaks_future="yes" if told.leaks_future and not usual.leaks_future else "",
                    frames=one.frames,
                    scenes=one.scenes,
                    diff=one.mean,
                    ci_low=one.low,
                    ci_high=one.high,
                    p_holm=p_holm,
                    significant=significance(one.mean, p_holm, one.scenes),
                    tokens_factor=_factor(run.usage[:, 0] + run.usage[:, 2], plain.usage[:, 0] + plain.usage[:, 2]),
                    dollars_factor=_factor(run.dollars, plain.dollars),
                )
            )
        return rows


def _plain_of(run: RunScores, others: list[RunScores]) -> RunScores | None:
    """The run that differs from this one in its inputs alone, and is over the plainer ones."""
    mine = run.manifest
    assert mine is not None, "models have one"
    fitting = [
        other
        for other in others
        if other.manifest is not None
        and other is not run
        and mine.planner.name.startswith(f"{other.manifest.planner.name}-")
        and _else(mine) == _else(other.manifest)
        and mine.known_inputs != other.manifest.known_inputs
    ]
    return min(fitting, key=lambda other: len(other.manifest.planner.name if other.manifest else ""), default=None)


def _else(manifest: Manifest) -> tuple[object, ...]:
    """What must be the same in both: models, wording, parser, and the planner's other settings."""
    models = [(role, one.name, one.provider, one.model, one.revision) for role, one in manifest.models.items()]
    settings: Mapping[str, Any] = manifest.planner.settings
    return (
        models,
        manifest.prompts.name if manifest.prompts else "",
        manifest.parser,
        {name: value for name, value in settings.items() if name not in _SHOWN},
    )


def _factor(mine: np.ndarray[Any, Any], theirs: np.ndarray[Any, Any]) -> float:
    known = ~np.isnan(mine) & ~np.isnan(theirs)
    below = float(theirs[known].sum())
    return float(mine[known].sum()) / below if known.any() and below > 0 else float("nan")
