"""What experts bring and cost, from runs whose numbers are known by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace

import msgspec
import numpy as np
import pytest

from lightemma.evaluation.scores import load_scores
from lightemma.evaluation.tables.experts import Experts
from lightemma.evaluation.tables.experts_paired import ExpertsPaired
from lightemma.evaluation.tools_used import must_stop, stopping_distance
from tests.conftest import make_manifest, make_record, steady, write_run
from tests.evaluation.made_runs import AVERAGE, drives, steady_study
from tests.evaluation.tooled_runs import RED, made_run_with_tools, record_of

SCENES = 10


@pytest.fixture
def frames():
    """Two frames of each scene: the car goes on, and it slows down from 5 to 3 m/s."""
    return drives({f"s-{n}": [5.0, 3.0] for n in range(SCENES)})


def rows_of(*runs):
    study = steady_study(*runs)
    return {row.run: row for row in Experts().build(study)}, Experts().caption(study)


def test_the_gain_is_paired_and_the_ceiling_is_said_first(frames):
    nothing = made_run_with_tools("plain", frames, [5.0] * 20, [None] * 20, "")
    chosen = made_run_with_tools("tools", frames, [5.0, 4.0] * SCENES, [record_of()] * 20, "chosen")
    oracle = made_run_with_tools("oracles", frames, [5.0, 3.0] * SCENES, [record_of()] * 20, "oracle")
    rows, caption = rows_of(nothing, chosen, oracle)
    assert list(rows) == ["oracles", "tools"], "the run without experts is what they are compared with"
    assert (rows["tools"].without, rows["oracles"].without) == ("plain", "plain")
    assert rows["tools"].diff == pytest.approx(-AVERAGE / 2)
    assert rows["oracles"].diff == pytest.approx(-AVERAGE)
    assert rows["tools"].ceiling == rows["oracles"].ceiling == "the oracles bring the model closer, so experts can"
    assert "The oracles bring" in caption


def test_oracles_that_bring_nothing_are_a_sentence_and_none_below_eight_scenes(frames):
    nothing = made_run_with_tools("plain", frames, [5.0] * 20, [None] * 20, "")
    oracle = made_run_with_tools("oracles", frames, [5.0, 5.1] * SCENES, [record_of()] * 20, "oracle")
    _, caption = rows_of(nothing, oracle)
    assert "no gain can be expected of experts" in caption
    few = drives({f"s-{n}": [5.0, 3.0] for n in range(4)})
    rows, caption = rows_of(
        made_run_with_tools("plain", few, [5.0] * 8, [None] * 8, ""),
        made_run_with_tools("oracles", few, [5.0, 3.0] * 4, [record_of()] * 8, "oracle"),
    )
    assert rows["oracles"].ceiling == ""
    assert "racles" not in caption


def test_whether_plans_follow_is_told_beside_the_run_that_was_told_nothing(frames):
    tools = [record_of(), record_of(numbers=RED)] * SCENES
    nothing = made_run_with_tools("plain", frames, [5.0, 5.0, 5.0, 3.0] * 5, [None] * 20, "")
    chosen = made_run_with_tools("tools", frames, [5.0, 3.0] * 9 + [4.0, None], tools, "chosen")
    row = rows_of(nothing, chosen)[0]["tools"]
    assert (row.told, row.slowed) == (9, 1.0), "a frame without a plan follows nothing"
    assert row.slowed_without == pytest.approx(4 / 9)
    assert row.follows == pytest.approx(5 / 9)
    assert row.follows_low < row.follows < row.follows_high
    assert row.slowed_untold == pytest.approx(0.1)


def test_whether_the_words_follow_is_told_beside_the_plan(frames):
    tools = [record_of(), record_of(numbers=RED)] * SCENES
    nothing = made_run_with_tools("plain", frames, [5.0] * 20, [None] * 20, "")
    chosen = made_run_with_tools("tools", frames, [5.0] * 20, tools, "chosen")
    study = steady_study(nothing, chosen)
    says = {"tools": [1.0, -1.0] * 8 + [1.0, 0.0, 1.0, math.nan], "plain": [-1.0, 0.0] * 9 + [-1.0, -1.0]}
    study.__dict__["ledgers"] = {name: SimpleNamespace(said=np.array(said)) for name, said in says.items()}
    (row,) = Experts().build(study)
    assert (row.told, row.slowed) == (10, 0.0), "all plans hold the speed, whatever is said"
    assert row.said == pytest.approx(8 / 9), "what is not clear does not count"
    assert row.said_low < row.said < row.said_high
    assert row.said_without == 0.0


def test_what_experts_cost_is_paired_frame_by_frame(frames):
    nothing = made_run_with_tools("plain", frames, [5.0] * 19 + [None], [None] * 20, "")
    tools = [record_of(asked=1), record_of(asked=3)] * SCENES
    chosen = made_run_with_tools("tools", frames, [5.0, 3.0] * SCENES, tools, "chosen")
    count, usage = np.array([4.0, 6.0] * SCENES), np.zeros((20, 5))
    usage[:, 0] = np.arange(20.0)
    chosen = replace(chosen, calls=count, usage=usage + 10.0, latency=count / 2, dollars=np.full(20, 0.02))
    nothing = replace(
        nothing, calls=np.full(20, 3.0), usage=usage, latency=np.full(20, 1.0), dollars=np.full(20, np.nan)
    )
    study = steady_study(nothing, chosen)
    rows = {row.quantity: row for row in ExpertsPaired().build(study)}
    assert {(row.run, row.without, row.experts) for row in rows.values()} == {("tools", "plain", "chosen")}
    assert "dollars" not in rows, "a price that is not known is not compared"
    assert (rows["calls"].mine, rows["calls"].theirs, rows["calls"].diff) == (5.0, 3.0, 2.0)
    assert rows["tokens_in"].diff == rows["tokens_out"].diff == 10.0
    assert rows["call_seconds"].diff == pytest.approx(1.5)
    assert rows["expert_seconds"].diff == pytest.approx(0.2)
    assert rows["format_errors"].diff == pytest.approx(-1 / 20)
    assert rows["l2_avg"].frames == 19
    assert rows["l2_avg"].diff == pytest.approx(-2 * AVERAGE * 9 / 19)
    assert rows["calls"].diff_low <= rows["calls"].diff <= rows["calls"].diff_high
    assert Experts().build(study)[0].calls_most == 3
    assert ExpertsPaired().build(steady_study(chosen)) == []


def test_a_false_alarm_is_compared_with_all_experts_on_the_same_frames(frames):
    tools = [record_of(), record_of(planted=True)] * SCENES
    nothing = made_run_with_tools("plain", frames, [5.0, 0.0] * SCENES, [None] * 20, "")
    every = made_run_with_tools("all", frames, [5.0, 3.0] * SCENES, [record_of()] * 20, "all")
    lying = made_run_with_tools("lies", frames, [5.0, 2.0] * 5 + [5.0, 3.0] * 5, tools, "lying")
    row = rows_of(nothing, every, lying)[0]["lies"]
    assert (row.alarms, row.alarm_against) == (10, "all")
    assert (row.harmed, row.harmed_else) == (0.5, 0.0)
    assert row.alarm_cost == pytest.approx(AVERAGE / 2)
    assert row.told == 0, "a planted alarm is no finding"
    assert rows_of(nothing, lying)[0]["lies"].alarm_against == "plain"


def test_plans_of_tasks_calls_and_how_tasks_ended(frames):
    tools = [
        *[record_of(plan="valid", asked=1)] * 12,
        *[record_of(plan="repaired", asked=2)] * 4,
        *[record_of(plan="default", asked=2)] * 2,
        None,
        None,
    ]
    row = rows_of(made_run_with_tools("tools", frames, [5.0] * 20, tools, "chosen"))[0]["tools"]
    assert (row.frames, row.without) == (18, "")
    assert math.isnan(row.diff)
    assert [row.valid, row.repaired, row.default] == pytest.approx([12 / 18, 4 / 18, 2 / 18])
    assert row.calls == pytest.approx(24 / 18)
    assert (row.tasks, row.skipped, row.failed, row.kinds) == (2.0, 0.5, 0.0, "lead-speed 1.00, light-state 1.00")
    assert row.expert_seconds == pytest.approx(0.2)


def test_another_model_or_other_inputs_are_no_reference(frames):
    nothing = made_run_with_tools("plain", frames, [5.0] * 20, [None] * 20, "")
    chosen = made_run_with_tools("tools", frames, [5.0] * 20, [record_of()] * 20, "chosen")
    shorter = msgspec.structs.replace(nothing.manifest.inputs, history_s=1.0)
    assert rows_of(nothing, chosen)[0]["tools"].without == "plain"
    for change in ({"parser": "first-numbers"}, {"inputs": shorter}):
        other = replace(nothing, manifest=msgspec.structs.replace(nothing.manifest, **change))
        assert rows_of(other, chosen)[0]["tools"].without == ""


@pytest.mark.parametrize(
    ("numbers", "stops"),
    [
        ({"red_light": 1.0}, True),
        ({"red_light": 0.0, "stop_line_m": 5.0}, False),
        ({"red_light": 1.0, "stop_line_m": 34.0}, True),
        ({"red_light": 1.0, "light_distance_m": 36.0}, False),
        ({"lead_distance_m": 20.0, "lead_speed_mps": 0.1}, True),
        ({"lead_distance_m": 20.0, "lead_speed_mps": 6.0}, False),
        ({"lead_distance_m": 20.0}, False),
        ({"lead_distance_m": 50.0, "lead_speed_mps": 0.0}, False),
    ],
)
def test_a_reason_to_stop_is_within_stopping_distance(numbers, stops):
    assert stopping_distance(10.0) == 35.0
    assert must_stop([{}, numbers], 10.0) is stops


def test_files_say_the_same_as_memory_and_runs_without_tools_have_none(frames, tmp_path):
    tools = [record_of(numbers=RED), record_of(planted=True)] * SCENES
    records = [
        msgspec.structs.replace(make_record(frame, steady(5.0)), tools=one)
        for frame, one in zip(frames, tools, strict=True)
    ]
    folder = write_run(tmp_path, make_manifest("tools", frames), records)
    used = load_scores(folder).tools
    assert used.told[0] == 1
    assert math.isnan(used.told[1])
    assert used.planted.sum() == SCENES
    assert used.kinds[0] == {"light-state": 1, "lead-speed": 1}
    plain = write_run(tmp_path, make_manifest("none", frames), [make_record(frames[0], steady(5.0))])
    assert load_scores(plain).tools is None
