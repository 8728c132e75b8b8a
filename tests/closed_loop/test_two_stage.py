"""Two-stage drives: where plans start, what they are worth, how they are recorded and kept apart from closed loops."""

from __future__ import annotations

import copy
import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from msgspec import UNSET

from lightemma.closed_loop.blind import BlindTimer
from lightemma.closed_loop.hosts import InProcessHost
from lightemma.closed_loop.records import Crash, EpisodeOutcome, Roll, read_episodes
from lightemma.closed_loop.replay import read_replay
from lightemma.closed_loop.results import results_of
from lightemma.closed_loop.set_up import open_drives
from lightemma.closed_loop.spec import EpisodeSpec, LoopRules, TwoStageRules
from lightemma.closed_loop.starts import departures, find_starts, has_fault
from lightemma.closed_loop.study import DrivenStudy, load_driven
from lightemma.closed_loop.two_stage import RollOut, TwoStageEpisode
from lightemma.closed_loop.two_stage_score import merged, score_of_rolls, weights
from lightemma.closed_loop.worlds.city import CityFactory
from lightemma.errors import UserError
from lightemma.run_folder.store import read_frames, read_manifest
from lightemma.sessions.benchmark import Benchmark
from lightemma.simulation.perturb import Perturbation
from tests.closed_loop.fake_world import FakeFactory, FakeWorld
from tests.closed_loop.test_episodes_of_world import scripted, tour

RULES = LoopRules(two_stage=TwoStageRules())
CLEAN = EpisodeOutcome("horizon", 3.0, 1.0, crashes=[], red_lights=0, off_road=False, wrong_side=0, harsh_s=0.0)


class PlacedWorld(FakeWorld):
    """The straight road, which can put the car elsewhere."""

    def history(self):
        return np.array([(self.x + 5.0 * t, self.y, self.heading) for t in np.arange(-3.5, 0.0, 0.5)])

    def placed(self, perturbation, decision=0):
        other = copy.copy(self)
        other.crashes, other.red_lights, other.decisions = list(self.crashes), 0, decision
        other.y += perturbation.sideways
        other.heading += perturbation.turned
        other.speed += perturbation.faster
        return other


class PlacedFactory(FakeFactory):
    def open(self, spec, rules, *, pictures):
        return PlacedWorld(spec, rules, pictures)


def roll(point=0, stage=1, start=(0.0, 0.0), end=(15.0, 0.0), **faults) -> Roll:
    outcome = EpisodeOutcome(**{field: getattr(CLEAN, field) for field in CLEAN.__struct_fields__} | faults)
    return Roll(0, point, stage, 1.0, 0.0, 0.0, 0.0, start, end, 15.0, outcome)


def staged(out: Path, planners=("stop",), **more):
    return tour(out, planners, rules=RULES, make_host=lambda: InProcessHost(PlacedFactory()), **more)


def test_points_are_where_a_drive_departs_from_going_on_as_before():
    # 5 m/s for 6 s, then a full stop within half a second, and 6 s of standing.
    moving = np.arange(-7, 13) * 2.5
    track = np.concatenate([moving, np.full(12, moving[-1])])
    poses = np.column_stack([track, np.zeros(len(track)), np.zeros(len(track))])
    assert departures(poses, 7, 1) == [12]
    several = departures(poses, 7, 3)
    assert 12 in several
    assert all(late - early >= 6 for early, late in pairwise(several))
    assert max(several) <= len(poses) - 7 - 8
    assert departures(poses[:10], 7, 2) == [0]


def test_weights_are_a_gaussian_of_the_distance_and_hold_far_away():
    starts = np.array([(0.0, 0.0), (0.0, 1.0)])
    near, far = weights((0.0, 0.0), starts, 1.0)
    assert near / far == pytest.approx(math.exp(0.5))
    assert near + far == pytest.approx(1.0)
    assert weights((900.0, -700.0), starts, 0.3) == pytest.approx([1.0, 0.0])


def test_the_score_is_the_first_plan_times_the_weighted_second_ones():
    first = roll(red_lights=1)
    hit = roll(stage=2, start=(15.0, 1.0), crashes=[Crash(1.0, "vehicle", True)])
    rolls = [first, roll(stage=2, start=(15.0, -1.0)), hit]
    parts = score_of_rolls(rolls, 1.0)
    assert parts.score == pytest.approx(100 * 0.5 * 0.5)
    assert parts.red_light == pytest.approx(0.75)
    assert parts.collision == pytest.approx(0.75)
    assert not parts.success
    whole = [*rolls, roll(point=1), roll(point=1, stage=2)]
    assert score_of_rolls(whole, 1.0).score == pytest.approx(100 * (0.25 + 1.0) / 2)
    assert score_of_rolls(whole[3:], 1.0).success
    assert score_of_rolls([roll(progress=None)], 1.0).score is None


def test_rolls_are_merged_into_one_outcome_and_unknown_stays_unknown():
    outcome = merged([roll(min_ttc_s=2.0), roll(stage=2, end=(1.0, 0.0), red_lights=2, min_ttc_s=1.0, off_road=None)])
    assert (outcome.red_lights, outcome.min_ttc_s, outcome.off_road, outcome.time_s) == (2, 1.0, None, 6.0)
    assert outcome.end == "horizon"


def test_progress_is_the_share_of_the_experts_way():
    spec = EpisodeSpec("open", 0)
    starts = find_starts(spec, RULES, TwoStageRules(), PlacedWorld(spec, RULES))
    half = RollOut(starts[0], spec, RULES, 0, Path())
    half.look()
    found = half.drive(np.tile([2.5, 0.0], (6, 1)))
    assert found.expert_m == pytest.approx(15.0)
    assert found.end[0] - found.start[0] == pytest.approx(7.5)
    # The fake world counts from the road's beginning, wherever the car was put.
    assert found.outcome.progress == pytest.approx((found.start[0] + 7.5) / (found.start[0] + 15.0))
    assert found.outcome.end == "horizon"


def test_a_run_asks_for_every_start_once_and_resumes(tmp_path):
    backend = scripted()
    session = staged(tmp_path, ["chain-of-thought"], backend=backend, scenarios=["open"], seeds=[0, 1])
    session.run()
    (job,) = session.jobs
    folder = tmp_path / job.name
    assert job.name.endswith("+two-stage")
    records = read_episodes(folder)
    assert [one.decisions for one in records] == [6, 6]
    frames = read_frames(folder)
    assert len({frame.sample_token for frame in frames}) == 12
    assert all(one.score == score_of_rolls(one.rolls, RULES.two_stage.sigma) for one in records)
    assert read_manifest(folder).data.version.startswith("two-stage 1")
    replay = read_replay(folder, records[0].name)
    times = [step.time for step in replay.steps]
    assert times == sorted(times)
    before = (folder / "episodes.jsonl").read_bytes()
    (outcome,) = staged(tmp_path, ["chain-of-thought"], scenarios=["open"], seeds=[0, 1]).run()
    assert (outcome.kept, outcome.done) == (2, 0)
    assert (folder / "episodes.jsonl").read_bytes() == before


def test_without_a_plan_the_car_brakes_to_the_end_of_the_horizon(tmp_path):
    nonsense = {"scene": ["x"], "intent": ["x"], "action": ["no numbers"]}
    session = staged(tmp_path, ["chain-of-thought"], backend=scripted(nonsense), scenarios=["open"], seeds=[0])
    session.run()
    (record,) = read_episodes(tmp_path / session.jobs[0].name)
    assert record.missing == record.decisions == 6
    # 5 m/s for half a second, then 1.5 m/s less in each half second.
    assert record.rolls[0].end[0] - record.rolls[0].start[0] == pytest.approx(0.5 * (5.0 + 3.5 + 2.0 + 0.5), abs=0.01)


def test_drivers_plan_for_the_moment_of_the_start(tmp_path):
    session = staged(tmp_path, ["random"], scenarios=["open"], seeds=[0])
    session.run()
    (folder,) = (tmp_path / job.name for job in session.jobs)
    (record,) = read_episodes(folder)
    plans = [tuple(map(tuple, frame.actions)) for frame in read_frames(folder)]
    assert len(set(plans)) == len({roll.time for roll in record.rolls}) > 2
    spec, timer = EpisodeSpec("open", 0), BlindTimer()
    assert timer.begin_later(spec, 23)(None)[:2, 0].tolist() == [1.5, 9.0]
    assert timer.begin_later(spec, 0)(None).tolist() == timer.begin(spec)(None).tolist()


def test_it_is_never_compared_with_a_closed_loop(tmp_path):
    one, other = staged(tmp_path / "a"), tour(tmp_path / "b", ["stop"])
    for session in (one, other):
        session.run()
    runs = [load_driven(session.results / session.jobs[0].name) for session in (one, other)]
    assert [run.two_stage for run in runs] == [True, False]
    assert all(episode.rolls is UNSET for episode in runs[1].episodes.values())
    for pair in (runs, runs[::-1]):
        with pytest.raises(UserError, match="is a two-stage drive and 'drive-stop' a closed loop"):
            DrivenStudy(pair)
    results = results_of(runs[:1])
    assert len(results.two_stage) == 1
    assert not results.closed_loop_forms
    assert "no closed loop" in results.tables["closed_loop"].caption
    assert not results_of(runs[1:]).two_stage


@pytest.mark.parametrize(
    ("rules", "why"),
    [({"real_time": True}, "drives every plan to its end"), ({"replan": 2}, "drives every plan to its end")],
)
def test_rules_that_mean_nothing_are_refused(rules, why):
    with pytest.raises(UserError, match=why):
        LoopRules(two_stage=TwoStageRules(), **rules)


def test_earlier_pictures_are_refused(tmp_path):
    world = {"scenarios": ["cruise"], "seeds": [1], "two_stage": True}
    given = {"world": world, "planners": ["chain-of-thought"], "models": ["m"], "pictures": 3}
    with pytest.raises(UserError, match="a start of a two-stage drive has only its own"):
        open_drives(Benchmark.model_validate(given), tmp_path, lambda _: scripted(), workers=0)


def test_a_world_that_cannot_put_the_car_elsewhere_says_so():
    spec = EpisodeSpec("open", 0)
    with pytest.raises(UserError, match=r"FakeWorld.* cannot put the car elsewhere; leave `two_stage` out"):
        TwoStageEpisode(spec, RULES, TwoStageRules(), FakeWorld(spec, RULES), Path())


def test_starts_in_the_city_are_fair_and_the_same_every_time():
    spec = EpisodeSpec("lead-car-braking", 4)
    once, twice = (
        find_starts(spec, RULES, TwoStageRules(1, 2), CityFactory().open(spec, RULES, pictures=False)) for _ in range(2)
    )
    assert [one.stage for one in once] == [1, 2, 2]
    for one, other in zip(once, twice, strict=True):
        assert one.world.car == other.world.car
        assert one.perturbation == other.perturbation
    assert once[1].perturbation != Perturbation()
    for start in once:
        rolled = RollOut(start, spec, RULES, 0, Path(), lambda world: world.label().actions)
        found = rolled.drive(rolled.look().driver_plan)
        assert not has_fault(found.outcome)
        assert found.outcome.progress > 0.9
        standing = RollOut(start, spec, RULES, 0, Path())
        standing.look()
        stood = standing.drive(np.zeros((6, 2))).outcome.progress
        assert stood == 1.0 if start.expert_m < 2.0 else stood < 0.6
