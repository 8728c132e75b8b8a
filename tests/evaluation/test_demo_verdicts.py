"""What the demo's comparison says does not depend on the seed of its draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest

from lightemma.data.embedded_demo import open_embedded_demo
from lightemma.evaluation.comparison import Comparison, compare_runs
from lightemma.evaluation.headline import headline
from lightemma.evaluation.statistics.bootstrap import SceneBootstrap
from lightemma.evaluation.tables import TABLES
from lightemma.evaluation.tables.base import build
from lightemma.planners.base import PlannerSettings
from lightemma.planners.baselines import ConstantAcceleration, ConstantSpeedStraight, DampedAcceleration, Stop
from lightemma.sessions.demo_driver import CALL_FAILS_EVERY, COMMAS_MISSING_EVERY, NAME, _plan
from tests.evaluation.made_runs import made_run

#: Columns that are made by draws; each is a second opinion, and none has a verdict.
DRAWN = {"boot_low", "boot_high", "share_best"}
#: Tables that say who is better; the words of the others are taken from the same pairs.
JUDGING = ("paired", "strata", "ranks")
DRAWS = 40


@pytest.fixture(scope="module")
def demo() -> Comparison:
    """The demo's formulas and its scripted driver with its failures, compared."""
    frames = list(open_embedded_demo().frames())
    runs = []
    for kind in (ConstantAcceleration, DampedAcceleration, ConstantSpeedStraight, Stop):
        planner = kind(PlannerSettings())
        plans: Sequence[Any] = [planner.actions(frame.history.actions) for frame in frames]
        runs.append(made_run(kind.name, frames, plans, planner=kind.name))
    answers = [
        None if number % CALL_FAILS_EVERY == 0 or number % COMMAS_MISSING_EVERY == 0 else _plan(frame.history.actions)
        for number, frame in enumerate(frames, start=1)
    ]
    return compare_runs([*runs, made_run(NAME, frames, answers)], resamples=DRAWS, seed=0)


def drawn_again(comparison: Comparison, seed: int, tables: Sequence[str]) -> Comparison:
    """The same comparison with other draws; only some of its tables are made again."""
    study = replace(comparison.study, bootstrap=SceneBootstrap(comparison.study.scene_codes, DRAWS, seed))
    made = {table.name: build(table, study) for table in TABLES if table.name in tables}
    return replace(comparison, study=study, tables={**comparison.tables, **made})


def said(comparison: Comparison, tables: Sequence[str]) -> list[object]:
    """The headline, and every cell that no draw makes."""
    cells = [
        (name, place, column, repr(value))
        for name in tables
        for place, row in enumerate(comparison.tables[name].rows)
        for column, value in asdict(row).items()
        if column not in DRAWN
    ]
    return [headline(comparison), *cells]


def test_verdicts_of_the_demo_are_the_same_for_thirty_seeds(demo):
    words = {row.significant for row in demo.paired} | {row.significant for row in demo.strata}
    assert {"better", "worse", ""} <= words, "there is something to say"
    first = said(demo, JUDGING)
    for seed in range(1, 31):
        assert said(drawn_again(demo, seed, JUDGING), JUDGING) == first, seed


def test_no_other_cell_of_any_table_depends_on_the_seed(demo):
    names = [table.name for table in TABLES]
    assert said(drawn_again(demo, 1, names), names) == said(demo, names)


def test_the_draws_do_differ(demo):
    column = demo.study.averages[NAME][:, None]
    one, other = (c.study.bootstrap.drawn_means(column) for c in (demo, drawn_again(demo, 1, ())))
    assert one.shape == other.shape
    assert not np.array_equal(one, other)
