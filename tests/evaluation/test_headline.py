"""The first sentence of a report, for every kind of comparison there is."""

from __future__ import annotations

import re

import pytest

from lightemma.evaluation.comparison import compare_runs
from lightemma.evaluation.headline import Headline, headline
from tests.evaluation.made_runs import drives, made_run

#: The car brakes in half of the scenes; constant-action is off by 2 m/s there and by almost nothing elsewhere.
SCENES = {f"s-{n:02d}": [3.0 + 0.01 * n] * 2 if n % 2 else [5.0 + 0.01 * n] * 2 for n in range(20)}
FRAMES = drives(SCENES)
BRAKES = [speed < 4 for speeds in SCENES.values() for speed in speeds]


def run(name: str, steady: float, braking: float, **more):
    wobble = [0.03 * (n % 3) for n in range(40)]
    plans = [(braking if brakes else steady) + off for brakes, off in zip(BRAKES, wobble, strict=True)]
    return made_run(name, FRAMES, plans, **more)


def headline_of(*runs, **more) -> Headline:
    return headline(compare_runs(runs, resamples=999, **more))


GOOD = run("good", 5.1, 3.2)
BAD = run("bad", 8.0, 6.0)
EVEN = run("even", 6.0, 4.0)
FORMULA = run("damped-acceleration", 5.1, 3.3, planner="damped-acceleration")


def test_no_model_is_better():
    found = headline_of(BAD, EVEN)
    assert found.sentence.startswith(
        "No model drives significantly better than holding the last action: the best, even, is 0.11 m closer [-"
    )
    assert found.sentence.endswith("], 40 frames.")
    assert found.details[0] == (
        "Of 2 models, 0 are significantly better than constant-action, 1 (bad) is significantly worse, and 1 (even) is "
        "neither."
    )


def test_some_models_are_better_and_the_best_is_named():
    found = headline_of(GOOD, run("better", 5.05, 3.05), BAD)
    assert found.sentence.startswith(
        "2 of 3 models drive significantly better than holding the last action: the best, better, is 1."
    )
    assert "is 1.65 m closer [+0.88, +2.41], 40 frames." in found.sentence


@pytest.mark.parametrize(
    ("model", "start"),
    [
        (GOOD, "good drives significantly better than holding the last action: it is 1.57 m closer [+"),
        (BAD, "bad drives significantly worse than holding the last action: it is "),
        (EVEN, "even does not drive significantly better than holding the last action: it is "),
    ],
)
def test_a_single_model_has_a_sentence_of_its_own(model, start):
    assert headline_of(model).sentence.startswith(start)


def test_the_numbers_are_those_of_the_tables():
    comparison = compare_runs([GOOD, BAD], resamples=999)
    row = next(row for row in comparison.paired if (row.run, row.reference) == ("good", "constant-action"))
    sentence = headline(comparison).sentence
    assert f"{-row.diff:.2f} m closer [{-row.ci_high:+.2f}, {-row.ci_low:+.2f}], {row.frames} frames." in sentence
    braking = next(r for r in comparison.strata if (r.run, r.stratum) == ("good", "course: straight and braking"))
    details = " ".join(headline(comparison).details)
    assert f"good by {braking.l2_avg:.2f} m ({braking.diff_vs_baseline:+.2f} m [{braking.ci_low:+.2f}, " in details


def test_where_models_help_and_where_they_harm():
    details = headline_of(GOOD, BAD, EVEN).details
    (where,) = (line for line in details if "brakes on a straight road" in line)
    assert where.startswith("Where the car brakes on a straight road (50.0 % of frames), constant-action is off by ")
    assert where.endswith("significantly better.")
    assert "bad" not in where
    (worse,) = (line for line in details if line.startswith("Where the car cruises"))
    assert (
        worse == "Where the car cruises (50.0 % of frames), 2 of 3 models are significantly worse than constant-action."
    )
    alone = "Where the car cruises (50.0 % of frames), even is significantly worse than constant-action."
    assert alone in headline_of(EVEN).details


def seven_scenes(name: str, speed: float):
    frames = drives({f"s-{n}": [5.0 + 0.1 * n, 3.0] for n in range(7)})
    return made_run(name, frames, [speed] * 14)


def test_below_eight_scenes_there_is_a_number_and_no_verdict():
    found = headline_of(seven_scenes("fast", 9.0))
    assert found.sentence.startswith("fast is 6.47 m farther off than holding the last action [+")
    assert found.sentence.endswith(", 14 frames; 7 scenes are too few to say how surely.")
    many = headline_of(seven_scenes("fast", 9.0), seven_scenes("faster", 11.0), seven_scenes("rule", 8.0))
    assert many.sentence.startswith("The best of 3 models, rule, is ")
    said = [many.sentence, *many.details[:-1]]
    assert not any(word in line for line in said for word in ("significant", "In no stratum", "neither"))


def test_number_and_interval_have_one_sense():
    near = headline_of(made_run("near", FRAMES, [5.001] * 40))
    assert "is no closer and no farther off (farther off by [" in near.sentence
    farther = headline_of(BAD)
    assert re.search(r"it is \d+\.\d\d m farther off \[\+\d", farther.sentence)


def test_nowhere_better_is_said():
    assert "In no stratum is a model significantly better than the baseline." in headline_of(BAD).details


def test_formulas_are_no_models():
    alone = headline_of(FORMULA)
    assert alone.sentence.startswith(
        "No model was asked; damped-acceleration, a formula that sees no picture, is 1.49 m closer than holding the last "
    )
    assert alone.sentence.endswith(", 40 frames, significantly.")
    several = headline_of(FORMULA, run("stop", 0.0, 0.0, planner="stop"))
    assert several.sentence.startswith(
        "No model was asked; the best of 2 formulas that see no picture, damped-acceleration, is 1.49 m closer"
    )
    mixed = headline_of(BAD, FORMULA)
    assert mixed.sentence.startswith("bad drives significantly worse"), "a formula is not the best model"
    (line,) = (
        line for line in mixed.details if line.startswith("damped-acceleration, a formula that sees no picture, is")
    )
    assert line.endswith("significantly.")


def test_a_baseline_alone_has_no_one_to_beat():
    found = headline_of(made_run("constant-action", FRAMES, [5.0] * 40, planner="constant-action"))
    assert found.sentence.startswith("Only constant-action was driven: holding the last action is ")
    assert found.sentence.endswith(" m off on average over 40 frames.")
    assert found.details == ()


def test_a_baseline_of_another_name_is_named():
    still = made_run("still-here", FRAMES, [5.0] * 40, planner="constant-action")
    assert "holding the last action (still-here)" in headline_of(GOOD, still).sentence


def test_one_scene_claims_nothing():
    frames = drives({"only": [3.0, 5.0]})
    one = made_run("vlm", frames, [3.0, 5.0])
    assert (
        headline_of(one).sentence
        == "vlm is 1.75 m closer than holding the last action, 2 frames; one scene cannot say how surely."
    )
    two = headline_of(one, made_run("other", frames, [4.0, 5.0]))
    assert two.sentence.startswith(
        "The best of 2 models, vlm, is 1.75 m closer than holding the last action, 2 frames; one"
    )
    assert not any("significantly" in line for line in two.details)


def test_runs_without_any_plan_are_not_the_best():
    dead = made_run("dead", FRAMES, [None] * 40)
    assert headline_of(dead).sentence == "dead made no plan that can be scored."
    dead_too = made_run("dead-too", FRAMES, [None] * 40)
    assert headline_of(dead, dead_too).sentence == "None of the models made a plan that can be scored."
    assert headline_of(dead, BAD).sentence.startswith("No model drives significantly better")
    assert "the best, bad, is" in headline_of(dead, BAD).sentence


def test_a_run_that_mostly_failed_is_not_the_best():
    lucky = made_run("lucky", FRAMES, [3.0 if n % 10 == 2 else None for n in range(40)])
    assert "the best, even," in headline_of(lucky, EVEN).sentence


def test_the_best_mean_is_not_called_better_where_only_another_is_surely_so():
    sure = run("sure", 5.05, 4.3)
    one_scene_far_off = [(3.0 if brakes else 5.0) + (8.0 if n < 2 else 0.0) for n, brakes in enumerate(BRAKES)]
    unsure = made_run("unsure", FRAMES, one_scene_far_off)
    comparison = compare_runs([sure, unsure], resamples=999)
    rows = {row.run: row for row in comparison.paired if row.reference == "constant-action"}
    assert rows["unsure"].diff < rows["sure"].diff
    assert (rows["sure"].significant, rows["unsure"].significant) == ("better", "")
    said = headline(comparison).sentence
    assert said.startswith("1 of 2 models drives significantly better than holding the last action: sure is 0.")
    assert ". The best mean, that of unsure, is " in said
    assert said.endswith(", 40 frames, not significantly.")


def test_the_convention_and_the_frames_are_said():
    assert (
        headline_of(GOOD, convention="endpoint")
        .details[-1]
        .startswith("Average L2, convention endpoint, 40 frames of 20 scenes; in brackets 95 % intervals over scenes;")
    )
