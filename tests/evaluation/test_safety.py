"""Rows over runs: what is left out, what is unknown and says so, and the ground under the wheels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lightemma.agents import PEDESTRIAN, Surroundings
from lightemma.data.annotations import AnnotationIndex
from lightemma.data.drivable import DrivableArea
from lightemma.data.nuscenes import NuScenesSource
from lightemma.data.sources import open_source
from lightemma.errors import UserError
from lightemma.evaluation.metrics.collisions import CONVENTIONS
from lightemma.evaluation.metrics.plan_safety import UNTOLD, PlanSafety, SafetyJudge
from lightemma.evaluation.scene_context import NO_AGENTS, NO_MAPS, SceneContext
from lightemma.evaluation.scores import RunScores
from lightemma.evaluation.study import make_study
from lightemma.evaluation.tables.safety import RECORDED, Safety, SafetyRow
from lightemma.frame import Frame, Pose
from tests.conftest import make_frames, steady
from tests.evaluation.surroundings_kit import PERSON, Box, around, run_of

FRAMES = make_frames({"a": 3, "b": 3})
PARKED = Box(15.0, 0.0)


def known(by_token: dict[str, Surroundings], rest: Surroundings | None = None) -> SceneContext:
    return SceneContext(agents=lambda scene, token: by_token.get(token, rest))


def safety_rows(runs: list[RunScores], context: SceneContext, resamples: int = 200) -> list[SafetyRow]:
    return Safety().build(make_study(runs, context=context, resamples=resamples))


def judged(run: RunScores, context: SceneContext) -> PlanSafety:
    return SafetyJudge(run.scenes, run.tokens, context).judge_run(run)


def rows(context: SceneContext, *speeds: float, frames: list[Frame] = FRAMES) -> dict[str, SafetyRow]:
    runs = [run_of(f"at {speed}", frames, [steady(speed)] * len(frames)) for speed in speeds]
    return {row.run: row for row in safety_rows(runs, context)}


def test_rates_of_each_convention_over_frames():
    # The recorded cars are stationary, all histories drive 5 m/s, one frame in six has a parked car ahead and one a person.
    by_token = {"a/0": around(PARKED), "b/1": around(Box(10.0, 0.0, size=PERSON, kind=PEDESTRIAN))}
    found = rows(known(by_token, around()), 1.0, 5.0)
    assert list(found) == ["at 1.0", "at 5.0", "constant-action", RECORDED]
    fast = found["at 5.0"]
    assert (fast.frames, fast.scenes) == (6, 2)
    assert [row.note for row in found.values()] == [NO_MAPS, "", "", ""]  # the reason is stated once
    # Parked car: steps 4, 5, 6. Person: rasters steps 3, 4 (not for uniad); exactly 3, 4, 5.
    assert fast.collision_uniad_1s == 0.0
    assert (fast.collision_uniad_2s, fast.collision_uniad_3s) == pytest.approx((1 / 6, 1 / 6))
    assert fast.collision_vad_2s == pytest.approx((1 / 4 + 2 / 4) / 6)
    assert fast.collision_vad_3s == pytest.approx((3 / 6 + 2 / 6) / 6)
    assert fast.collision_stp3_3s == pytest.approx((2 / 6 + 2 / 6) / 6)  # it sees the parked car a step later
    assert (fast.collision_exact_1s, fast.collision_exact_3s) == pytest.approx((0.0, 2 / 6))
    assert fast.collision_exact_avg == pytest.approx((0 + 2 / 6 + 2 / 6) / 3)
    assert fast.diff_vs_baseline == 0.0  # it does what the baseline does
    assert fast.ttc_below_share == pytest.approx(2 / 6)
    assert 0.0 <= fast.collision_exact_3s_ci_low <= 2 / 6 <= fast.collision_exact_3s_ci_high <= 1.0
    slow = found["at 1.0"]
    assert slow.collision_exact_3s == slow.ttc_below_share == 0.0
    assert slow.diff_vs_baseline == pytest.approx(-2 / 6)
    assert slow.ci_low <= slow.diff_vs_baseline <= slow.ci_high
    assert found[RECORDED].collision_exact_3s == found[RECORDED].excluded_exact == 0.0
    assert np.isnan([fast.off_road_share, fast.lane_departure_share]).all()


def test_steps_in_which_the_recorded_drive_collides_are_left_out():
    both = known({}, around(PARKED, recorded=steady(5.0)))
    found = rows(both, 5.0, 6.0)
    assert found["at 5.0"].collision_exact_3s == found["at 5.0"].collision_uniad_3s == 0.0
    assert found["at 5.0"].excluded_exact == found["at 5.0"].excluded_uniad == pytest.approx(3 / 6)
    # At 6 m/s the front is at 12.4 m after 1.5 s and at 15.4 m after 2 s: the same steps but none earlier.
    assert found["at 6.0"].collision_exact_3s == 0.0
    # Who is faster hits it in a step in which the recorded car did not.
    assert rows(both, 9.0)["at 9.0"].collision_exact_3s == 1.0
    assert found[RECORDED].collision_stp3_3s == found[RECORDED].collision_vad_3s == 0.0


def test_a_rule_that_cannot_choose_whom_it_counts_says_so():
    someone = around(PARKED)
    assert someone.agents is not None
    for told in ({"seen": None}, {"has_lidar": None}):
        context = known({}, replace(someone, agents=replace(someone.agents, **told)))
        study = make_study([run_of("at 5.0", FRAMES, [steady(5.0)] * 6)], context=context, resamples=50)
        assert Safety().caption(study).endswith(f"{NO_MAPS} {UNTOLD}")
        (row, *_) = Safety().build(study)
        assert min(row.collision_stp3_3s, row.collision_vad_3s) > 0.0
    everyone = make_study([run_of("at 5.0", FRAMES, [steady(5.0)] * 6)], context=known({}, someone), resamples=50)
    assert Safety().caption(everyone).endswith(NO_MAPS)


def test_frames_without_a_plan_or_surroundings_are_not_counted():
    run = run_of("model", FRAMES, [steady(5.0), None, *[steady(5.0)] * 4])
    context = known({"a/0": around(PARKED), "a/1": around(PARKED), "b/2": around()})
    row = safety_rows([run], context, resamples=50)[0]
    assert (row.frames, row.collision_exact_3s) == (2, 0.5)
    found = judged(run, context)
    for convention in CONVENTIONS:
        assert found.hits[convention].shape == (6, 6)
        assert np.isnan(found.hits[convention]).all(axis=1).tolist() == [False, True, True, True, True, False]
    assert found.hits["exact"][0].tolist() == [0, 0, 0, 1, 1, 1]
    assert found.time_to_collision[[0, 5]].tolist() == [0.0, np.inf]


def test_where_nothing_is_known_rows_say_why_and_nothing_else():
    nothing = SceneContext(no_agents="No boxes.", no_maps="No map.")
    for context, note in ((nothing, "No boxes. No map."), (SceneContext(), f"{NO_AGENTS} {NO_MAPS}")):
        for number, row in enumerate(rows(context, 5.0).values()):
            assert row.note == ("" if number else note)
            assert (row.frames, row.scenes, row.ground_frames, row.lane_frames) == (0, 0, 0, 0)
            assert np.isnan(
                [row.collision_exact_3s, row.collision_uniad_avg, row.excluded_exact, row.ttc_below_share]
            ).all()


def test_runs_over_unlike_frames_are_refused():
    one, other = run_of("one", FRAMES, [steady(5.0)] * 6), run_of("other", FRAMES[:4], [steady(5.0)] * 4)
    with pytest.raises(UserError, match="frame"):
        safety_rows([one, other], SceneContext())


ROAD = [(-10.0, -4.0), (60.0, -4.0), (60.0, 4.0), (-10.0, 4.0)]
RIGHT_LANE, LEFT_LANE = [(-10, -2), (60, -2), (60, 2), (-10, 2)], [(-10, 2), (60, 2), (60, 6), (-10, 6)]


def on_road(pose: Pose, recorded: np.ndarray, turn: float = 0.0) -> SceneContext:
    """A straight road with two lanes under a car at ``pose``, its rings given in the car's own frame."""
    cos, sin = np.cos(pose.heading), np.sin(pose.heading)

    def world(ring: list) -> list:
        return [(pose.x + cos * x - sin * y, pose.y + sin * x + cos * y) for x, y in ring]

    ground = DrivableArea.of_rings([world(ROAD)], [world(RIGHT_LANE), world(LEFT_LANE)])
    surroundings = around(recorded=recorded, pose=pose)
    return SceneContext(agents=lambda scene, token: surroundings, maps=lambda scene: ground if scene == "a" else None)


@pytest.mark.parametrize("pose", [Pose(0.0, 0.0, 0.0), Pose(700.0, 1300.0, 2.5)])
@pytest.mark.parametrize(
    ("plan", "off_road", "departure"),
    [
        (steady(5.0), 0.0, 0.0),
        (steady(5.0, 0.04), 1.0, 1.0),  # 4.3 m to the left after 3 s
        (steady(5.0, 0.023), 1.0, 1.0),  # 2.5 m, but the corner ahead is at 4.4 m
        (steady(5.0, -0.017), 0.0, 0.0),  # 1.9 m to the right: on the road and in the lane
        (steady(25.0), 1.0, 0.0),  # past the road's end, and past all that is known about the lane
    ],
)
def test_leaving_the_road_and_the_lane(pose, plan, off_road, departure):
    frames = make_frames({"a": 1, "b": 1})
    context = on_road(pose, steady(5.0))
    found = judged(run_of("model", frames, [plan, plan]), context)
    assert found.off_road[0].max() == off_road
    assert found.lane_departure[0].max() == departure
    assert np.isnan(found.off_road[1]).all()  # no map under scene b
    row = safety_rows([run_of("model", frames, [plan, plan])], context, resamples=50)[0]
    assert (row.ground_frames, row.lane_frames, row.note) == (1, 1, "")
    assert (row.off_road_share, row.lane_departure_share) == (off_road, departure)


def test_where_the_recorded_car_leaves_the_road_no_plan_is_blamed():
    recorded = steady(5.0, -0.04)
    found = judged(run_of("model", make_frames({"a": 1}), [recorded]), on_road(Pose(5.0, 5.0, 1.0), recorded))
    assert found.off_road.max() == found.lane_departure.max() == 0.0


def test_a_lane_change_that_the_recorded_car_makes_is_no_departure():
    recorded = steady(5.0, 0.023)
    found = judged(run_of("model", make_frames({"a": 1}), [recorded]), on_road(Pose(5.0, 5.0, 1.0), recorded))
    assert found.lane_departure.max() == 0.0


def test_the_demo_drives_recorded_cars_are_safe_and_driving_on_regardless_is_not(tmp_path):
    source = open_source("demo", tmp_path)
    assert isinstance(source, NuScenesSource)
    frames = list(source.frames())
    index = AnnotationIndex.load(source.root, source.version)
    context = SceneContext(agents=index.surroundings)
    fast = run_of("regardless", frames, [steady(15.0)] * len(frames))
    found = {row.run: row for row in safety_rows([fast], context, resamples=200)}
    assert found[RECORDED].frames == found["regardless"].frames == len(frames)
    assert max(getattr(found[RECORDED], f"excluded_{name}") for name in CONVENTIONS) < 0.01
    assert found["regardless"].collision_exact_3s > found["constant-action"].collision_exact_3s
    assert found["regardless"].collision_exact_3s > 0.1
    judge = SafetyJudge(fast.scenes, fast.tokens, context)
    drive = judge.around.ego
    assert drive[:, 1:, :2] == pytest.approx(fast.truth, abs=0.3)
    assert judge.judge_run(fast).hits["exact"].max() == 1.0
