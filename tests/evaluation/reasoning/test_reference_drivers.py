"""Drivers that are told the right word: what they learn from other scenes, and that more choices help the oracle."""

from __future__ import annotations

import numpy as np
import pytest

from lightemma.evaluation.metrics.displacement import l2
from lightemma.evaluation.reasoning.reference_drivers import reference_drivers
from lightemma.evaluation.scores import baseline_scores
from lightemma.evaluation.tables.language import Language
from tests.evaluation.made_runs import made_run, steady_study
from tests.evaluation.reasoning.word_runs import Word, frames_of

#: Every scene has the same three drives.
DRIVES = [Word(recorded=2.0), Word(recorded=0.0), Word(recorded=-2.0)]


def drivers(scenes: dict[str, list[Word]]) -> dict[str, float]:
    run = made_run("vlm", [frame for frame, _ in frames_of(scenes)], [5.0] * sum(map(len, scenes.values())))
    codes = np.array([list(scenes).index(scene) for scene in run.scenes])
    found = reference_drivers(baseline_scores(run), codes, "lightemma")
    return {driver.name: float(l2(driver.errors, "lightemma")[:, 3].mean()) for driver in found}


def test_the_true_word_is_enough_where_a_word_means_one_drive():
    found = drivers({f"s-{n}": DRIVES for n in range(6)})
    assert found["true word, mean profile"] == pytest.approx(0.0, abs=1e-9)
    assert found["no word, mean profile"] > 1.0
    assert found["word for one of 3 accelerations"] == pytest.approx(0.0, abs=1e-9)


def test_what_a_scene_does_is_not_learned_from_itself():
    found = drivers({"s-0": [Word(recorded=2.0)] * 3, "s-1": [Word(recorded=-2.0)] * 3})
    # No other scene goes faster, so the word leaves the speed as it is: the baseline.
    assert found["true word, mean profile"] == pytest.approx(found["no word, mean profile"] / 2, rel=0.3)
    assert found["best of 3 accelerations"] > 1.0


def test_more_choices_are_never_worse_for_the_one_who_knows():
    rng = np.random.default_rng(5)
    scenes = {f"s-{n:02d}": [Word(recorded=float(change)) for change in rng.normal(0, 2, size=4)] for n in range(20)}
    found = drivers(scenes)
    best = [found[f"best of {count} accelerations"] for count in (3, 5, 7)]
    assert best == sorted(best, reverse=True)
    for count, error in zip((3, 5, 7), best, strict=True):
        assert error <= found[f"word for one of {count} accelerations"] + 1e-9


def test_the_table_compares_with_the_baseline():
    frames = [frame for frame, _ in frames_of({f"s-{n}": DRIVES for n in range(6)})]
    rows = {row.driver: row for row in Language().build(steady_study(made_run("vlm", frames, [5.0] * len(frames))))}
    told = rows["true word, mean profile"]
    assert (told.choices, told.frames) == (3, 18)
    assert told.of_baseline == pytest.approx(0.0, abs=1e-9)
    assert told.diff_vs_baseline < 0
