"""What holds for every table: documented columns, one file each, and intervals from the study alone."""

from __future__ import annotations

import math
import re
from dataclasses import fields, is_dataclass, replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from lightemma.closed_loop.tables import TABLES as DRIVEN_TABLES
from lightemma.closed_loop.tables import WORLDS
from lightemma.evaluation.comparison import Comparison, compare_runs
from lightemma.evaluation.headline import headline
from lightemma.evaluation.metrics.displacement import step_errors
from lightemma.evaluation.scene_context import SceneContext
from lightemma.evaluation.scores import RunScores
from lightemma.evaluation.several_plans import SeveralPlans
from lightemma.evaluation.tables import TABLES
from lightemma.evaluation.tables.base import TableOf, columns_of, description, explanations
from lightemma.report.page.files import page_data
from lightemma.run_folder.inputs import InputsEntry
from lightemma.run_folder.manifest import MAIN, LookEntry, ModelEntry, PlannerEntry, StoppingEntry
from lightemma.run_folder.probe_entry import Law, ProbeEntry
from lightemma.scene_facts import SceneFacts
from tests.evaluation.made_runs import drives, made_run
from tests.evaluation.surroundings_kit import Box, around
from tests.evaluation.tooled_runs import made_run_with_tools, record_of

EVERY_TABLE = [*TABLES, *DRIVEN_TABLES]
#: What a number is counted or measured in.
UNIT = re.compile(
    r"\b(metres|m/s|1/m|seconds|dollars|tokens|number|shares?|score|factor|term|rad/s|place|two-sided p|same p)\b"
    r"|m/s\^|1/\("
)
#: The columns that resampling decides.
DRAWN = re.compile(r"boot_(low|high)|share_best")
#: Enough for columns that are made by draws.
SCENES = 104


def names(table: TableOf) -> str:
    return table.name


@pytest.mark.parametrize("table", EVERY_TABLE, ids=names)
def test_a_table_is_one_documented_file(table):
    assert type(table).__module__.rsplit(".", 1)[1] == table.name, "the file is named after the table"
    assert is_dataclass(table.Row)
    assert table.Row.__dataclass_params__.frozen
    columns, meaning = columns_of(table.Row), explanations(table.Row)
    assert list(meaning) == columns, "every column is explained"
    assert set(table.PAGE or ()) <= set(columns)
    assert len(description(table)) > 20


@pytest.mark.parametrize("table", EVERY_TABLE, ids=names)
def test_every_number_says_its_unit(table):
    meaning = explanations(table.Row)
    numbers = [field.name for field in fields(table.Row) if re.search(r"\b(int|float)\b", str(field.type))]
    assert [name for name in numbers if not UNIT.search(meaning[name])] == []


def test_names_and_files_are_listed_once():
    assert len({table.name for table in EVERY_TABLE}) == len(EVERY_TABLE)
    # The table about several worlds is none of a study, which is about one.
    for tables in (TABLES, (*DRIVEN_TABLES, WORLDS)):
        folder = Path(__import__(type(tables[0]).__module__, fromlist=["x"]).__file__).parent
        files = {path.stem for path in folder.glob("*.py")} - {"__init__", "base", "files", "plugin_tables"}
        assert files == {table.name for table in tables}


def runs() -> list[RunScores]:
    """Three models and a formula that are off by random speeds, over many scenes; few frames fail. One model is probed."""
    rng = np.random.default_rng(47)
    frames = drives({f"s-{n:03d}": rng.uniform(3.0, 8.0, size=2).tolist() for n in range(SCENES)})

    def plans() -> list[float | None]:
        return [None if rng.random() < 1 / 200 else float(rng.uniform(3.0, 8.0)) for _ in frames]

    models = [made_run(f"model-{n}", frames, plans()) for n in range(3)]
    looks = (LookEntry(11, 0.2, None, None, 0.0), LookEntry(SCENES, 0.1, -0.1, 0.3, 0.05))
    stopping = StoppingEntry(0.05, "constant-action", "lightemma", 0, SCENES, looks)
    formula = made_run("formula", frames, plans(), planner="formula", stopping=stopping)
    probe = ProbeEntry("grey", "grey", "model-0", Law("The plan changes.", "moves", 0.5))
    grey = made_run("model-0+probe-grey", frames, plans(), probe=probe)
    learnt = {MAIN: ModelEntry("student", "scripted", "student-model", taught_by=("model-0",))}
    student = replace(made_run("student", frames, plans(), models=learnt), calls=np.full(len(frames), 1.0))
    return [
        *models,
        student,
        sampled(made_run("model-0", frames, plans()), rng),
        formula,
        grey,
        *tooled(frames, plans(), rng),
    ]


def tooled(frames: list, plans: list[float | None], rng: np.random.Generator) -> list[RunScores]:
    """A planner without experts, and with lying ones."""
    return [
        made_run_with_tools("told-nothing", frames, plans, [None] * len(frames), ""),
        made_run_with_tools("lied-to", frames, plans[::-1], [record_of(rng.random() < 0.3) for _ in frames], "lying"),
    ]


def sampled(run: RunScores, rng: np.random.Generator) -> RunScores:
    """A run of the same model that gave several answers to each question, and chose among candidates."""
    plans = run.trajectory[:, None] + rng.normal(0.0, 1.0, size=(len(run.tokens), 3, 1, 2))
    errors = np.stack([step_errors(plans[:, place], run.truth) for place in range(3)], axis=1)
    several = SeveralPlans(plans, errors, np.zeros(plans.shape[:2]), rng.integers(0, 3, len(run.tokens)))
    assert run.manifest is not None
    entry = PlannerEntry(f"{run.planner}-3-samples", {"samples": 3})
    manifest = msgspec.structs.replace(run.manifest, planner=entry, inputs=InputsEntry(samples=3, temperature=0.7))
    return replace(run, name="sampled", manifest=manifest, samples=several, candidates=several)


def context() -> SceneContext:
    """A car parked ahead in every other scene, and facts about the scenes."""
    return SceneContext(
        facts={
            f"s-{n:03d}": SceneFacts("hill", "night" if n % 3 else "day", "rain" if n % 2 else "dry")
            for n in range(SCENES)
        },
        agents=lambda scene, token: around(*[Box(14.0 + int(scene[2:]) % 12 / 4, 0.0)] * (int(scene[2:]) % 2)),
    )


@pytest.fixture(scope="module")
def compared() -> dict[int, Comparison]:
    """Seed -> the same runs compared by it."""
    made, known = runs(), context()
    return {seed: compare_runs(made, resamples=300, seed=seed, context=known) for seed in (1, 2)}


def changed(one: list, other: list) -> set[str]:
    """The columns of two tables whose cells differ anywhere; texts aside, which follow from numbers."""
    assert len(one) == len(other) > 0
    return {
        field.name
        for first, second in zip(one, other, strict=True)
        for field in fields(first)
        if not isinstance(getattr(first, field.name), str)
        and not same(getattr(first, field.name), getattr(second, field.name))
    }


def same(one: float | None, other: float | None) -> bool:
    return one == other or (one is not None and other is not None and math.isnan(one) and math.isnan(other))


@pytest.mark.parametrize("table", TABLES, ids=names)
def test_two_seeds_change_the_columns_that_are_made_by_draws_and_no_other_number(table, compared):
    one, other = (compared[seed].tables[table.name].rows for seed in (1, 2))
    drawn = {name for name in columns_of(table.Row) if DRAWN.fullmatch(name)}
    assert changed(one, other) == drawn


def test_no_verdict_or_warning_depends_on_the_seed(compared):
    assert headline(compared[1]) == headline(compared[2])
    assert compared[1].warnings == compared[2].warnings
    assert [row.significant for row in compared[1].paired] == [row.significant for row in compared[2].paired]


def test_one_seed_gives_the_same_tables_again(compared):
    again = compare_runs(runs(), resamples=300, seed=1, context=context())
    assert list(again.tables) == [table.name for table in TABLES]
    for name, built in again.tables.items():
        assert str(built.rows) == str(compared[1].tables[name].rows), name


def test_two_seeds_change_nothing_of_the_page_but_the_tables(compared):
    one, other = (page_data(compared[seed], "title") for seed in (1, 2))
    for part in ("views", "horizons", "frames", "runs", "line"):
        assert str(one[part]) == str(other[part])


@pytest.mark.parametrize("seed", [1, 2])
def test_a_page_prints_one_interval_for_one_number(compared, seed):
    comparison, data = compared[seed], page_data(compared[seed], "title")
    for row in comparison.horizons:
        point = data["horizons"]["endpoint"]["own"][row.run][round(2 * row.horizon_s) - 1]
        np.testing.assert_allclose(point, [row.horizon_s, row.error, row.ci_low, row.ci_high], rtol=1e-12)
    views = {row.run: row for row in data["views"]["lightemma"]["own"]}
    for row in comparison.summary:
        view = views[row.run]
        assert (view.diff, view.ci_low, view.ci_high) == (row.diff_vs_baseline, row.ci_low, row.ci_high)
    for name, built in comparison.tables.items():
        assert str(data["tables"][name]["rows"]) == str([list(row.values()) for row in built.cells()])
