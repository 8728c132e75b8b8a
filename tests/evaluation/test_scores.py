"""A stored run as arrays: what is scored, what is not, and what it cost."""

from __future__ import annotations

import numpy as np
import pytest

from lightemma.errors import UserError
from lightemma.evaluation.frame_scores import frame_columns
from lightemma.evaluation.metrics.displacement import l2
from lightemma.evaluation.scores import baseline_scores, load_scores
from lightemma.kinematics import integrate
from lightemma.protocol import protocol_named
from lightemma.run_folder.manifest import ModelEntry, PromptsEntry
from lightemma.run_folder.records import CallRecord, Usage
from tests.conftest import (
    STEADY_TEXT,
    make_frame,
    make_frames,
    make_manifest,
    make_record,
    plan_text,
    steady,
    steady_run,
    write_run,
)

FRAMES = make_frames()
NO_COMMAS = STEADY_TEXT.replace("), (", ") (")


def action(text: str | None, outcome: str = "ok", **more) -> CallRecord:
    return CallRecord("action", "?", text, outcome, **more)


def test_errors_are_distances_to_where_the_car_went(tmp_path):
    run = load_scores(steady_run(tmp_path, "vlm", FRAMES, 6.0))
    np.testing.assert_allclose(run.errors, np.tile(0.5 * np.arange(1, 7), (5, 1)))
    assert (run.name, run.planner, list(run.scenes)) == ("vlm", "chain-of-thought", [frame.scene for frame in FRAMES])
    assert run.frame_index.tolist() == [0, 1, 2, 0, 1]


def test_frames_are_sorted_whatever_order_they_were_finished_in(tmp_path):
    records = [make_record(frame, steady(5.0 + place)) for place, frame in enumerate(FRAMES)]
    shuffled = [records[place] for place in (4, 0, 3, 2, 1)]
    run = load_scores(write_run(tmp_path, make_manifest("vlm", FRAMES), shuffled))
    assert list(run.tokens) == [frame.sample_token for frame in FRAMES]
    np.testing.assert_allclose(run.errors[:, 0], 0.5 * np.arange(5))


def test_frames_without_plan_are_unknown_and_not_zero(tmp_path):
    failed = {FRAMES[1].sample_token: "call:timeout", FRAMES[3].sample_token: "format:prose"}
    run = load_scores(steady_run(tmp_path, "vlm", FRAMES, 6.0, failed))
    assert run.ok.tolist() == [True, False, True, False, True]
    assert np.isnan(run.errors[~run.ok]).all()
    assert np.isnan(run.actions[~run.ok]).all()
    assert list(run.outcomes) == ["ok", "call:timeout", "ok", "format:prose", "ok"]


def test_a_failed_call_with_a_stray_plan_is_not_scored(tmp_path):
    record = make_record(FRAMES[0], steady(5.0), "call:server_error")
    assert record.trajectory is not None
    run = load_scores(write_run(tmp_path, make_manifest("vlm", FRAMES[:1]), [record]))
    assert run.ok.tolist() == [False]


def test_a_run_where_nothing_worked_can_still_be_read(tmp_path):
    run = load_scores(steady_run(tmp_path, "vlm", FRAMES, 5.0, {f.sample_token: "call:timeout" for f in FRAMES}))
    assert not run.ok.any()
    assert np.isnan(run.errors).all()


def test_an_empty_run_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"The run '.*vlm' has no frames yet; resume it"):
        load_scores(steady_run(tmp_path, "vlm", [], 5.0))


def test_seconds_calls_and_tokens_are_summed_over_the_stages(tmp_path):
    stages = [
        CallRecord("scene", "?", "a", "ok", Usage(1000, 400, 100, 30), 1.5),
        CallRecord("intent", "?", "b", "ok", None, None),
        CallRecord("action", "?", "c", "ok", Usage(2000, 0, 50, 20), 2.25),
    ]
    silent = [CallRecord("scene", "?", None, "call:timeout")]
    records = [make_record(FRAMES[0], steady(5.0), "ok", stages), make_record(FRAMES[1], None, "call:timeout", silent)]
    run = load_scores(write_run(tmp_path, make_manifest("vlm", FRAMES[:2]), records))
    assert run.latency[0] == 3.75
    assert run.calls.tolist() == [3.0, 1.0]
    assert run.usage[0].tolist() == [3000.0, 400.0, 150.0, 50.0, 0.0]
    assert np.isnan(run.usage[1]).all(), "unknown is not zero tokens"
    assert np.isnan(run.latency[1])


@pytest.mark.parametrize(
    ("price", "dollars"),
    [
        ({"input": 2.0, "output": 10.0, "cached_input": 0.5}, 600 * 2e-6 + 400 * 0.5e-6 + 100 * 10e-6),
        ({"input": 2.0, "output": 10.0, "cached_input": None}, 1000 * 2e-6 + 100 * 10e-6),
        ({"input": 2.0, "output": 10.0, "cached_input": 0.0}, 600 * 2e-6 + 100 * 10e-6),
        (None, float("nan")),
    ],
)
def test_cost_follows_the_price_in_the_manifest(tmp_path, price, dollars):
    stage = CallRecord("scene", "?", "a", "ok", Usage(1000, 400, 100, 30), 1.0)
    manifest = make_manifest("vlm", FRAMES[:1], models={"main": ModelEntry("vlm", "scripted", "m", price=price)})
    run = load_scores(write_run(tmp_path, manifest, [make_record(FRAMES[0], steady(5.0), "ok", [stage])]))
    assert run.cost()[0] == pytest.approx(dollars, rel=1e-12, nan_ok=True)


def test_beyond_physics_is_scored_and_marked(tmp_path):
    records = [
        make_record(FRAMES[0], steady(500.0)),
        make_record(FRAMES[1], steady(5.0)),
        make_record(FRAMES[2], None, "call:timeout"),
    ]
    run = load_scores(write_run(tmp_path, make_manifest("vlm", FRAMES[:3]), records))
    assert run.implausible.tolist() == [True, False, False]
    assert run.ok.tolist() == [True, True, False]


def texts_run(tmp_path, records, **more):
    return write_run(tmp_path, make_manifest("vlm", FRAMES[: len(records)], **more), records)


def test_stored_answers_are_read_again_by_another_parser(tmp_path):
    folder = texts_run(
        tmp_path,
        [
            make_record(FRAMES[0], None, "format:missing_commas", [action(NO_COMMAS, "format:missing_commas")]),
            make_record(FRAMES[1], steady(5.0), "ok", [action(STEADY_TEXT)]),
            make_record(FRAMES[2], None, "call:timeout", [action(None, "call:timeout")]),
        ],
    )
    strict, tolerant = load_scores(folder), load_scores(folder, "tolerant")
    assert strict.ok.tolist() == [False, True, False]
    assert tolerant.ok.tolist() == [True, True, False]
    assert list(tolerant.outcomes) == ["ok", "ok", "call:timeout"]
    np.testing.assert_array_equal(tolerant.actions[0], steady(5.0))
    assert tolerant.manifest is not None
    assert tolerant.manifest.parser == "tolerant"


def test_reading_by_the_runs_own_parser_takes_what_is_stored(tmp_path):
    folder = texts_run(tmp_path, [make_record(FRAMES[0], steady(9.0), "ok", [action(STEADY_TEXT)])])
    np.testing.assert_array_equal(load_scores(folder, "strict").actions[0], steady(9.0))


def test_a_failure_whose_text_holds_numbers_is_not_read_as_an_answer(tmp_path):
    text = "Error 500: 1 2 3 4 5 6 7 8 9 10 11 12"
    folder = texts_run(
        tmp_path, [make_record(FRAMES[0], None, "call:server_error", [action(text, "call:server_error")])]
    )
    assert load_scores(folder, "first-numbers").ok.tolist() == [False]


def test_an_answer_that_was_cut_stays_cut(tmp_path):
    folder = texts_run(
        tmp_path, [make_record(FRAMES[0], None, "format:truncated", [action("[(1.0, 0.0), (1", "format:truncated")])]
    )
    assert list(load_scores(folder, "tolerant").outcomes) == ["format:truncated"]


def test_plans_without_texts_are_left_alone_by_another_parser(tmp_path):
    folder = steady_run(tmp_path, "stop", FRAMES, 0.0, planner="stop")
    np.testing.assert_array_equal(load_scores(folder, "tolerant").errors, load_scores(folder).errors)


def test_json_answers_are_read_again_as_json(tmp_path):
    text = '```json\n{"actions": [' + ", ".join(['{"speed": 5.0, "curvature": 0.0}'] * 6) + "]}\n```"
    records = [make_record(FRAMES[0], None, "format:code_fence", [action(text, "format:code_fence")])]
    folder = texts_run(tmp_path, records, prompts=PromptsEntry("three-stage-json", "0" * 64, "json"))
    np.testing.assert_array_equal(load_scores(folder, "tolerant").actions[0], steady(5.0))


def test_reading_again_integrates_by_the_runs_protocol(tmp_path):
    bend = steady(5.0, 0.1)
    arc = protocol_named("arc")
    records = [make_record(FRAMES[0], None, "format:prose", [action("Here: " + plan_text(bend), "format:prose")])]
    run = load_scores(texts_run(tmp_path, records, protocol=arc.as_dict()), "tolerant")
    expected = np.linalg.norm(integrate(bend, arc) - FRAMES[0].future, axis=1)
    np.testing.assert_allclose(run.errors[0], expected)


def test_an_unknown_parser_offers_near_ones(tmp_path):
    with pytest.raises(UserError, match=r"no parser 'first_numbers'; did you mean first-numbers\?"):
        load_scores(steady_run(tmp_path, "vlm", FRAMES, 5.0), "first_numbers")


def test_the_baseline_repeats_the_current_action(tmp_path):
    frames = [make_frame(history=steady(4.0), driven=steady(6.0)), make_frame(index=1, history=steady(4.0))]
    run = load_scores(steady_run(tmp_path, "vlm", frames, 6.0, {frames[1].sample_token: "call:timeout"}))
    baseline = baseline_scores(run)
    assert (baseline.name, baseline.planner, baseline.manifest) == ("constant-action", "constant-action", None)
    np.testing.assert_allclose(l2(baseline.errors, "lightemma")[:, 3], [3.5, 0.0])
    assert baseline.ok.all(), "it drives the frames on which the model failed too"
    assert baseline.calls.tolist() == [0.0, 0.0]
    assert np.isnan(baseline.usage).all()


def test_taking_frames_keeps_every_array_in_step(tmp_path):
    records = [make_record(frame, steady(5.0 + place)) for place, frame in enumerate(FRAMES)]
    run = load_scores(write_run(tmp_path, make_manifest("vlm", FRAMES), records))
    cut = run.take(np.array([3, 1]))
    assert list(cut.tokens) == [FRAMES[3].sample_token, FRAMES[1].sample_token]
    assert (list(cut.scenes), cut.frame_index.tolist()) == (["scene-0002", "scene-0001"], [0, 1])
    np.testing.assert_allclose(cut.errors[:, 0], [1.5, 0.5])
    assert {
        len(getattr(cut, name)) for name in ("outcomes", "history", "truth", "actions", "latency", "calls", "usage")
    } == {2}


def test_one_line_per_frame_says_what_happened(tmp_path):
    frames = [
        make_frame(history=steady(4.0, 0.01), driven=steady(6.0)),
        make_frame(index=1, history=steady(12.0), driven=steady(12.0)),
    ]
    run = load_scores(steady_run(tmp_path, "vlm", frames, 6.5, {frames[1].sample_token: "format:prose"}))
    columns = frame_columns(run)
    assert {len(values) for values in columns.values()} == {2}
    assert (columns["speed"], columns["curvature"]) == ([4.0, 12.0], [0.01, 0.0])
    assert columns["manoeuvre"] == ["accelerating", "cruising"]
    assert columns["outcome"] == ["ok", "format:prose"]
    assert columns["error_3.0s"] == pytest.approx([1.5, float("nan")], nan_ok=True)
    assert columns["l2_avg_endpoint"][0] == pytest.approx((0.5 + 1.0 + 1.5) / 3)
    assert columns["missed_2m"] == pytest.approx([0.0, float("nan")], nan_ok=True)
    assert columns["baseline_l2_avg"][1] == pytest.approx(0.0)
