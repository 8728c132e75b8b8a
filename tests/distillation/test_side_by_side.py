"""Teacher and student as a whole in one table."""

from __future__ import annotations

import types
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from lightemma.distillation.side_by_side import SideBySide, side_by_side
from lightemma.errors import UserError
from lightemma.evaluation.comparison import compare_runs
from lightemma.run_folder.manifest import MAIN, MemoryEntry, ModelEntry
from tests.conftest import make_frame, steady, steady_run
from tests.evaluation.made_runs import drives, made_run

FRAMES = drives({f"s-{n}": [5.0, 6.0] for n in range(10)})


def run(name: str, off: float, calls: int, memory: int | None = None, by=()):
    made = made_run(name, FRAMES, [5.0 + place % 2 + off for place in range(len(FRAMES))])
    manifest = msgspec.structs.replace(
        made.manifest,
        models={MAIN: ModelEntry(name, "scripted", name, taught_by=tuple(by))},
        memory=None if memory is None else MemoryEntry(memory),
    )
    count = len(FRAMES)
    return replace(made, manifest=manifest, calls=np.full(count, float(calls)), latency=np.full(count, calls * 2.0))


def rows_of(*runs, driven=()):
    table = SideBySide(driven)
    return {(row.measure, row.part): row for row in table.build(compare_runs(runs, resamples=200))}


def test_cost_and_error_stand_beside_each_other():
    rows = rows_of(run("big", 2.0, 3, 500_000_000), run("small", 1.0, 1, 100_000_000, by=("big",)))
    assert {(row.run, row.teacher, row.known) for row in rows.values()} == {("small", "big", "recorded")}
    calls, seconds = rows["calls per frame", "all"], rows["time per frame", "all"]
    assert (calls.value, calls.teacher_value, calls.diff) == (1.0, 3.0, -2.0)
    assert (seconds.value, seconds.teacher_value, seconds.diff_high) == (2.0, 6.0, -4.0)
    memory = rows["memory of the process", "all"]
    assert (memory.value, memory.teacher_value, memory.unit) == (100.0, 500.0, "MB")
    for convention in ("lightemma", "endpoint", "cumulative"):
        row = rows[f"L2, {convention}", "all"]
        assert row.diff == pytest.approx(row.value - row.teacher_value) != 0.0
        assert row.diff_low <= row.diff <= row.diff_high
    assert rows["L2, lightemma", "all"].diff == pytest.approx(-1.75)
    assert (rows["L2, lightemma", "all"].cases, rows["L2, lightemma", "all"].scenes) == (20, 10)


def test_strata_are_parts_of_the_whole():
    rows = rows_of(run("big", 2.0, 3), run("small", 1.0, 1, by=("big",)))
    strata = [row for (measure, part), row in rows.items() if measure == "L2" and part.startswith("speed")]
    assert sum(row.cases for row in strata) == 20
    assert all(row.diff == pytest.approx(-1.75) for row in strata)


def test_what_nobody_measured_has_no_row():
    rows = rows_of(run("big", 2.0, 3), run("small", 1.0, 1, by=("big",)))
    assert not {"memory of the process", "memory of GPUs", "plan follows the words"} & {measure for measure, _ in rows}


def driven(order):
    """Tables of two drives; the paired row is run minus reference in the given order."""
    shares = {f"{name}{end}": 0.25 for name in ("success_rate", "off_road_rate", "red_light_rate") for end in ENDS}
    shares |= {f"collision_at_fault_rate{end}": 0.0 for end in ENDS} | {f"above_twin{end}": 7.0 for end in ENDS}
    scores = {"big": (60.0, 50.0, 70.0), "small": (40.0, 30.0, 50.0)}
    rows = [
        types.SimpleNamespace(run=f"drive-{name}", driving_score=score, ci_low=low, ci_high=high, episodes=28, **shares)
        for name, (score, low, high) in scores.items()
    ]
    sign = 1.0 if order == ("small", "big") else -1.0
    ends = sorted((sign * -30.0, sign * -10.0))
    pair = types.SimpleNamespace(
        run=f"drive-{order[0]}", reference=f"drive-{order[1]}", diff=sign * -20.0, ci_low=ends[0], ci_high=ends[1],
        episodes=28, clusters=14,
    )  # fmt: skip
    tables = {"closed_loop": types.SimpleNamespace(rows=rows), "closed_loop_paired": types.SimpleNamespace(rows=[pair])}
    competitors = [
        types.SimpleNamespace(name=f"drive-{name}", manifest=made.manifest, scores=made)
        for name, made in (("big", run("big", 2.0, 3)), ("small", run("small", 1.0, 1)))
    ]
    return types.SimpleNamespace(study=types.SimpleNamespace(competitors=competitors), tables=tables)


ENDS = ("", "_ci_low", "_ci_high")


@pytest.mark.parametrize("order", [("small", "big"), ("big", "small")])
def test_drives_are_found_by_model_and_planner_and_paired_whatever_their_order(order):
    rows = rows_of(run("big", 2.0, 3), run("small", 1.0, 1, by=("big",)), driven=[driven(order)])
    score = rows["driving score", "all"]
    assert (score.value, score.teacher_value) == (40.0, 60.0)
    assert (score.diff, score.diff_low, score.diff_high) == (-20.0, -30.0, -10.0)
    assert (score.cases, score.scenes) == (28, 14)
    assert rows["driving score above its blind twin", "all"].value == 7.0
    assert rows["off the road", "all"].diff == 0.0


def test_without_a_teacher_it_says_how_to_name_one(tmp_path):
    frames = [make_frame("s", 0, history=steady(5.0), driven=steady(5.0))]
    places = [steady_run(tmp_path, name, frames, 5.0) for name in ("a", "b")]
    with pytest.raises(UserError, match="name it with --teacher"):
        side_by_side(places)
    rows = side_by_side(places, "a").tables["teacher_and_student"].rows
    assert {(row.run, row.teacher, row.known) for row in rows} == {("b", "a", "named")}
