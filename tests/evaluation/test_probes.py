"""The table of the probes, with planted drivers whose numbers can be computed by hand."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import msgspec
import numpy as np
import pytest

from lightemma.errors import UserError
from lightemma.evaluation.comparison import compare_runs
from lightemma.evaluation.scene_context import SceneContext
from lightemma.evaluation.scores import RunScores, score
from lightemma.evaluation.study import make_study
from lightemma.evaluation.tables.probes import ProbeRow, Probes
from lightemma.frame import FloatArray, Frame
from lightemma.run_folder.probe_entry import Law, Measure, ProbeEntry
from lightemma.scene_facts import SceneFacts
from tests.conftest import make_frame, make_manifest, make_record, steady

SCENES = 12
FRAMES = [
    make_frame(f"s-{scene:02d}", index, history=steady(5.0, 0.01), driven=steady(5.0, 0.01))
    for scene in range(SCENES)
    for index in range(2)
]
TOLERANCE: dict[Measure, float] = {"moves": 0.5, "stays": 0.05, "mirrors": 0.05, "follows-words": 0.5}

Plan = Callable[[Frame], FloatArray | None]


def untouched(plan: Plan, frames: Sequence[Frame] = FRAMES, name: str = "vlm") -> RunScores:
    records = [
        make_record(frame, actions := plan(frame), "ok" if actions is not None else "format:prose") for frame in frames
    ]
    return score(name, make_manifest(name, frames), records)


def probed(
    plan: Plan,
    measure: Measure,
    amount: float | None = None,
    *,
    probe: str = "probe",
    family: str = "",
    frames: Sequence[Frame] = FRAMES,
    of: str = "vlm",
) -> RunScores:
    law = Law("A law.", measure, TOLERANCE.get(measure, 0.5))
    manifest = msgspec.structs.replace(
        make_manifest(f"{of}+{probe}", frames), probe=ProbeEntry(probe, family or probe, of, law)
    )
    records = [
        make_record(frame, actions := plan(frame), "ok" if actions is not None else "format:prose") for frame in frames
    ]
    if amount is not None:
        records = [msgspec.structs.replace(record, probe_amount=amount) for record in records]
    return score(manifest.run, manifest, records)


def rows(*runs: RunScores, **more: object) -> list[ProbeRow]:
    return Probes().build(make_study(runs, resamples=200, **more))


def always(speed: float, curvature: float = 0.01) -> Plan:
    return lambda frame: steady(speed, curvature)


def turning(radians: float) -> Plan:
    """Six actions at 5 m/s that turn by an angle."""
    return always(5.0, radians / 15.0)


def test_a_plan_that_does_not_change_breaks_the_law_that_it_moves():
    (row,) = rows(untouched(always(5.0)), probed(always(5.0), "moves"))
    assert (row.effect, row.violation, row.unchanged, row.moved) == (0.0, 1.0, 1.0, 0.0)
    assert row.verdict == "breaks"
    assert 0.5 < row.violation_low < row.violation_high == 1.0


def test_a_plan_that_changes_obeys_it_and_the_distance_is_in_metres():
    (row,) = rows(untouched(always(5.0, 0.0)), probed(always(6.0, 0.0), "moves"))
    assert row.effect == row.moved == pytest.approx(1.75), "0.5, 1.0 … 3.0 m apart"
    assert (row.violation, row.unchanged, row.verdict) == (0.0, 0.0, "obeys")


def test_a_blind_driver_that_is_restless_is_not_taken_for_one_that_sees():
    rng = np.random.default_rng(3)

    def restless(frame: Frame) -> FloatArray:
        return steady(5.0 + float(rng.normal()))

    grey, recoded = probed(restless, "moves", probe="grey"), probed(restless, "stays", probe="recoded")
    found = {row.probe: row for row in rows(untouched(restless), recoded, grey)}
    assert 0.25 < found["grey"].violation < 0.75
    assert found["grey"].verdict == ""
    assert found["grey"].unrest == pytest.approx(found["recoded"].moved)
    assert found["recoded"].verdict == "breaks", "its answers vary by themselves"


@pytest.mark.parametrize(
    ("after", "error", "verdict"), [(always(5.0, -0.01), 0.0, "obeys"), (always(5.0, 0.01), None, "breaks")]
)
def test_the_mirrored_plan_must_be_the_mirror_image(after, error, verdict):
    context = SceneContext(facts={"s-00": SceneFacts(traffic="left")})
    straight = [make_frame(frame.scene, frame.frame_index) for frame in FRAMES]
    plain, other = untouched(always(5.0), straight), probed(after, "mirrors", frames=straight)
    every, road, side = rows(plain, other, context=context)
    assert [row.part for row in (every, road, side)] == ["all", "straight road", "left-hand traffic"]
    assert (road.frames, side.frames) == (len(FRAMES), 2)
    if error is None:  # leans to the left, mirrored or not: twice its own distance from the middle
        assert every.effect == pytest.approx(np.abs(2 * plain.trajectory[0, :, 1]).mean())
    else:
        assert every.effect == every.violation == every.moved == error
    assert every.verdict == verdict
    assert side.verdict == road.verdict == ""
    assert math.isnan(side.p_holm), "parts are not judged"


@pytest.mark.parametrize(
    ("gain", "verdict"), [(-1.0, "obeys"), (-0.8, "obeys"), (0.0, "breaks"), (1.0, "breaks"), (-2.0, "breaks")]
)
def test_the_gain_of_the_heading_is_that_which_was_planted(gain, verdict):
    turns = {f"yaw-{degrees}": math.radians(degrees) for degrees in (-6, -3, 3, 6)}
    lean = 0.02  # what the cropping does to it, in the same way for every turn
    runs = [
        probed(turning(0.1 + lean + gain * turn), "turns", turn, probe=name, family="yaw")
        for name, turn in turns.items()
    ]
    together, *single = rows(untouched(turning(0.1)), *runs)
    assert (together.probe, together.probed_run, together.expected) == ("yaw", "", -1.0)
    assert together.effect == pytest.approx(gain, abs=1e-9), "the lean falls out"
    assert together.violation == pytest.approx(gain + 1, abs=1e-9)
    assert together.verdict == verdict
    assert [row.probe for row in single] == list(turns)
    assert single[3].effect == pytest.approx(gain + lean / turns["yaw-6"])


def test_a_formula_has_a_gain_of_exactly_nothing_and_a_standing_car_takes_no_part():
    standing = [make_frame("s-99", index, history=steady(0.5)) for index in range(3)]
    frames = [*FRAMES, *standing]

    def formula(frame: Frame) -> FloatArray:
        return frame.history.actions

    runs = [
        probed(formula, "turns", turn, probe=f"yaw-{number}", family="yaw", frames=frames)
        for number, turn in enumerate((-0.1, 0.1))
    ]
    together = rows(untouched(formula, frames), *runs)[0]
    assert together.effect == 0.0
    assert (together.frames, together.scenes) == (len(FRAMES), SCENES)


@pytest.mark.filterwarnings("error")
def test_a_gain_without_amounts_says_nothing():
    runs = [probed(turning(0.2), "turns", probe=f"yaw-{number}", family="yaw") for number in range(2)]
    found = rows(untouched(turning(0.1)), *runs)
    assert [(row.frames, row.verdict) for row in found] == [(0, "")] * 2
    assert all(math.isnan(row.effect) and row.unchanged == 0.0 for row in found)


def test_runaway_plans_do_not_decide_a_gain():
    def mad(frame: Frame) -> FloatArray:
        return steady(5.0, 1e9 if frame is FRAMES[0] else 0.0)

    (row,) = rows(untouched(always(5.0, 0.0)), probed(mad, "turns", 0.1))
    assert row.effect == pytest.approx(math.pi / 2 / 0.1 / len(FRAMES))


def test_the_told_speed_and_the_told_words_are_followed_by_a_gain_and_a_direction():
    half = probed(always(2.5), "follows-speed", -2.5, probe="half-history")
    opposite = probed(always(6.5), "follows-words", 1.0, probe="opposite-words")
    deaf = probed(always(5.0), "follows-words", 1.0, probe="deaf")
    found = {row.probe: row for row in rows(untouched(always(5.0)), half, opposite, deaf)}
    assert found["half-history"].effect == pytest.approx(1.0)
    assert found["opposite-words"].effect == pytest.approx(1.5)
    assert (found["opposite-words"].violation, found["opposite-words"].verdict) == (0.0, "obeys")
    assert (found["deaf"].violation, found["deaf"].verdict) == (1.0, "breaks")


def test_only_frames_with_both_plans_take_part_and_lost_plans_are_counted():
    def some(frame: Frame) -> FloatArray | None:
        return None if frame.frame_index else steady(6.0, 0.0)

    first = FRAMES[:6]
    (row,) = rows(untouched(always(5.0, 0.0)), probed(some, "moves", frames=first))
    assert (row.frames, row.scenes, row.no_plan) == (3, 3, 0.5)
    assert row.l2_change == pytest.approx(row.l2_change_low + (row.l2_change_high - row.l2_change_low) / 2)
    assert row.verdict == "", "three scenes prove nothing"


def test_the_change_of_the_error_is_that_of_the_untouched_frames():
    (row,) = rows(untouched(always(5.0, 0.01)), probed(always(6.0, 0.01), "moves"))
    assert row.l2_change == pytest.approx(1.75, abs=0.05), "the untouched plan is the recorded drive itself"


def test_probed_runs_are_never_compared_as_if_untouched():
    other = untouched(always(4.0), name="other")
    comparison = compare_runs([untouched(always(5.0)), probed(always(6.0), "moves"), other], resamples=200)
    assert {row.run for row in comparison.summary} == {"vlm", "other", "constant-action"}
    assert not any("probe" in pair.run + pair.reference for pair in comparison.study.pairs)
    assert [row.run for row in comparison.probes] == ["vlm"]


def test_a_probed_run_without_its_untouched_run_is_named_and_not_compared():
    lonely = probed(always(6.0), "moves", of="someone")
    comparison = compare_runs([untouched(always(5.0)), lonely], resamples=200)
    assert comparison.probes == []
    assert any("'someone+probe': the run of a probe" in sentence for sentence in comparison.warnings)
    with pytest.raises(UserError, match=r"is the run of a probe.*name that too: 'someone'"):
        make_study([lonely])


def test_unfinished_probes_are_refused():
    whole = probed(always(6.0), "moves")
    with pytest.raises(UserError, match="has 4 of 24 frames"):
        make_study([untouched(always(5.0)), whole.take(np.arange(4))])
