"""samples, inputs and choices: against numbers computed by hand."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from lightemma.evaluation.comparison import compare_runs
from lightemma.evaluation.headline import headline
from lightemma.evaluation.metrics.displacement import step_errors
from lightemma.evaluation.scores import RunScores
from lightemma.evaluation.several_plans import SeveralPlans
from lightemma.evaluation.tables.base import build
from lightemma.evaluation.tables.choices import Choices
from lightemma.evaluation.tables.inputs import Inputs
from lightemma.evaluation.tables.samples import Samples
from lightemma.evaluation.tables.summary import Summary
from lightemma.kinematics import integrate
from lightemma.run_folder.inputs import RECORDED_FUTURE, ROUTE, InputsEntry
from lightemma.run_folder.manifest import PlannerEntry
from tests.conftest import steady
from tests.evaluation.made_runs import AVERAGE, drives, made_run, steady_study

FRAMES = drives({f"s-{n:02d}": [5.0] for n in range(12)})


def several(run: RunScores, speeds: list[float | None], chosen: int = -1) -> SeveralPlans:
    """The same straight plans for every frame; the recorded car drives at 5 m/s."""
    one = np.stack([np.full((6, 2), np.nan) if v is None else integrate(steady(v)) for v in speeds])
    trajectory = np.broadcast_to(one, (len(run.tokens), *one.shape)).copy()
    errors = np.stack([step_errors(trajectory[:, place], run.truth) for place in range(len(speeds))], axis=1)
    malformed = np.broadcast_to([float(v is None) for v in speeds], errors.shape[:2])
    return SeveralPlans(trajectory, errors, malformed, np.full(len(run.tokens), chosen))


def entry(run: RunScores, suffix: str, inputs: InputsEntry, **settings: object) -> RunScores:
    assert run.manifest is not None
    planner = PlannerEntry("-".join(filter(None, (run.planner, suffix))), settings)
    return replace(run, manifest=msgspec.structs.replace(run.manifest, planner=planner, inputs=inputs))


def test_samples_by_hand():
    run = made_run("m", FRAMES, [6.0] * 12)
    run = entry(run, "3-samples", InputsEntry(pictures=1, cameras="front", samples=4, temperature=0.7))
    study = steady_study(replace(run, samples=several(run, [6.0, 7.0, 4.0, None])))
    (row,) = build(Samples(), study).rows
    # Plans 1, 2 and 1 m/s off; the middle one of 4, 6, 7 m/s is 6; their mean is 17 / 3.
    assert (row.samples, row.temperature, row.frames, row.scenes) == (4, 0.7, 12, 12)
    assert row.format_error_rate == 0.25
    assert row.single == pytest.approx(AVERAGE * 4 / 3)
    assert row.medoid == pytest.approx(AVERAGE)
    assert row.mean_plan == pytest.approx(AVERAGE * 2 / 3)
    assert row.min_of_k == pytest.approx(AVERAGE)
    assert row.medoid_gain == pytest.approx(-AVERAGE / 3)
    assert row.significant == "better"
    # ADE of plans dv apart is 1.75 dv: 1, 2 and 3 m/s apart.
    assert row.spread == pytest.approx(1.75 * 2)
    assert row.overconfidence == pytest.approx(1.75 * (4 / 3 - 2))
    assert np.isnan(row.spread_slope), "every frame has the same spread"


def test_a_spread_that_is_the_error_has_slope_one():
    rng = np.random.default_rng(5)
    widths = rng.uniform(0.2, 3.0, 12)
    run = made_run("m", FRAMES, [6.0] * 12)
    plans = np.stack([integrate(np.stack([steady(5.0 + w), steady(5.0 + 2 * w)])) for w in widths])
    errors = np.stack([step_errors(plans[:, place], run.truth) for place in range(2)], axis=1)
    run = replace(run, samples=SeveralPlans(plans, errors, np.zeros((12, 2)), np.full(12, -1)))
    (row,) = build(Samples(), steady_study(run)).rows
    assert row.spread_slope == pytest.approx(1.0)
    assert row.spread_slope_low == pytest.approx(1.0)
    assert row.error_low_spread < row.error_high_spread


def test_frames_with_fewer_than_two_plans_do_not_count():
    run = made_run("m", FRAMES, [6.0] * 12)
    plans = several(run, [6.0, 7.0])
    plans.trajectory[:3, 1] = np.nan
    plans.errors[:3, 1] = np.nan
    (row,) = build(Samples(), steady_study(replace(run, samples=plans))).rows
    assert (row.frames, row.scenes) == (9, 9)


def test_choices_by_hand():
    run = made_run("m", FRAMES, [6.0] * 12)
    study = steady_study(replace(run, candidates=several(run, [6.0, 4.5, 8.0], chosen=0)))
    (row,) = build(Choices(), study).rows
    assert (row.candidates, row.frames) == (3, 12)
    assert row.chosen == pytest.approx(AVERAGE)
    assert row.oracle == pytest.approx(AVERAGE / 2)
    assert row.by_chance == pytest.approx(AVERAGE * (1 + 0.5 + 3) / 3)
    assert row.regret == pytest.approx(AVERAGE / 2)
    assert row.hold == pytest.approx(0.0)
    assert row.against_hold == pytest.approx(AVERAGE)
    assert row.significant == "worse"
    assert (row.oracle_rate, row.commonest) == (0.0, 1.0)


def test_every_run_is_paired_with_the_plain_run_of_its_planner_and_models():
    plain = entry(made_run("m", FRAMES, [6.0] * 12), "", InputsEntry(pictures=1, cameras="front"))
    told = InputsEntry(history_s=1, pictures=1, cameras="front", command=RECORDED_FUTURE)
    other = entry(made_run("m", FRAMES, [5.5] * 12), "history-1-command", told, history_s=1, command=True)
    other = replace(other, name="m+told")
    guided = entry(made_run("m", FRAMES, [5.5] * 12), "guided", told, answer="guided")
    stranger = entry(made_run("n", FRAMES, [5.5] * 12), "history-1", told, history_s=1)
    study = steady_study(plain, other, replace(guided, name="m+guided"), stranger)
    (row,) = build(Inputs(), study).rows
    assert (row.run, row.plain) == ("m+told", "m")
    assert row.differs == "1 s instead of 3 s; command (leaks the future) instead of no command"
    assert row.leaks_future == "yes"
    assert row.diff == pytest.approx(-AVERAGE / 2)
    assert row.significant == "better"
    inputs = {one.run: one.inputs for one in build(Summary(), study).rows}
    assert inputs["m"] == "front, 3 s"
    assert inputs["m+told"] == "front, 1 s, command (leaks the future)"
    assert inputs["constant-action"] == "no picture, 3 s"


def test_a_run_that_was_told_the_future_is_not_called_the_best_model():
    frames = drives({f"s-{n:02d}": [5.0 + n / 10] for n in range(12)})
    plain = entry(made_run("m", frames, [6.0] * 12), "", InputsEntry(pictures=1))
    told = entry(
        made_run("told", frames, [5.0 + n / 10 for n in range(12)]), "command", InputsEntry(command=RECORDED_FUTURE)
    )
    comparison = compare_runs([plain, told], resamples=200)
    assert "told" not in headline(comparison).sentence
    assert any(sentence.startswith("told: this run was told where the drive goes") for sentence in comparison.warnings)
    alone = compare_runs([told], resamples=200)
    assert headline(alone).sentence.startswith("told ")


def test_a_cut_of_frames_cuts_samples_and_candidates():
    run = made_run("m", FRAMES, [6.0] * 12)
    run = replace(run, samples=several(run, [6.0, 7.0]), candidates=several(run, [6.0, 7.0, 8.0], 1))
    cut = run.take(np.array([3, 1]))
    assert cut.samples.errors.shape == (2, 2, 6)
    assert cut.candidates.chosen.tolist() == [1, 1]


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        (InputsEntry(), "no picture, 3 s"),
        (InputsEntry(history_s=0, pictures=4, cameras="front3"), "front3 x 4, no motion"),
        (InputsEntry(pictures=1, cameras="all6", command=ROUTE), "all6, 3 s, command (route)"),
        (InputsEntry(pictures=1, cameras="front", few_shot=1, samples=6), "front, 3 s, 1 example, 6 samples"),
    ],
)
def test_inputs_in_words(inputs, words):
    assert inputs.words == words
    assert inputs.differences(inputs) == ""


def test_inputs_of_old_manifests_follow_from_the_planner():
    run = made_run("m", FRAMES, [6.0] * 12)
    assert run.manifest.inputs is None
    assert run.manifest.known_inputs == InputsEntry(pictures=1, cameras="front")
    old = msgspec.structs.replace(run.manifest, planner=PlannerEntry("chain-of-thought", {"frames": 4}))
    assert old.known_inputs.words == "front x 4, 3 s"
    assert made_run("f", FRAMES, [6.0] * 12, planner="formula").manifest.known_inputs.words == "no picture, 3 s"
    new = msgspec.structs.replace(run.manifest, inputs=InputsEntry(pictures=1, cameras="front"))
    assert run.manifest.differences(new) == []
    assert new.differences(msgspec.structs.replace(new, inputs=InputsEntry(command=ROUTE))) == ["inputs"]
