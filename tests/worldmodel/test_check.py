"""The check of a world, on worlds whose faults are known."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from lightemma.camera import CameraEntry  # noqa: E402
from lightemma.closed_loop.spec import EpisodeSpec, LoopRules  # noqa: E402
from lightemma.closed_loop.worlds.city import CityFactory  # noqa: E402
from lightemma.closed_loop.worlds.imagined import ImaginedFactory  # noqa: E402
from lightemma.evaluation.statistics.rank_correlation import rank_violation  # noqa: E402
from lightemma.worldmodel.against_city import compare_scores, exact_specs, exploit  # noqa: E402
from lightemma.worldmodel.agreement import ranking  # noqa: E402
from lightemma.worldmodel.checkpoint import (  # noqa: E402
    DENOISER,
    FORMAT,
    STARTS,
    Checkpoint,
    Trust,
    WorldCard,
    write_card,
)
from lightemma.worldmodel.clips import Clip  # noqa: E402
from lightemma.worldmodel.counterfactuals import instrument_ceiling  # noqa: E402
from lightemma.worldmodel.denoiser import Denoiser, DenoiserShape  # noqa: E402
from lightemma.worldmodel.fidelity import CHANGES, CURVATURES, fidelity, horizon  # noqa: E402
from lightemma.worldmodel.inverse import Reading, slope  # noqa: E402
from lightemma.worldmodel.rivals import DRIVERS  # noqa: E402
from lightemma.worldmodel.road_check import area_under_curve, calibration_error, check_road_imagined  # noqa: E402
from lightemma.worldmodel.rollouts import psnr  # noqa: E402
from lightemma.worldmodel.starts import starts_of, write_starts  # noqa: E402
from lightemma.worldmodel.train_world import NETWORKS  # noqa: E402
from lightemma.worldmodel.weights import write_state  # noqa: E402

SIZE = 8, 8


def painted(speed, curvature):
    """A picture that says how the car moved: red by its speed, green by its turn."""
    picture = np.zeros((SIZE[1], SIZE[0], 3), dtype=np.uint8)
    picture[..., 0] = np.clip(np.asarray(speed) * 10.0, 0, 255).round()
    picture[..., 1] = np.clip(128.0 + np.asarray(speed) * np.asarray(curvature) * 200.0, 0, 255).round()
    return picture


def clip(seed, frames=12):
    rng = np.random.default_rng(seed)
    actions = np.column_stack(
        [rng.uniform(5, 9, frames - 1), rng.uniform(-0.05, 0.05, frames - 1), np.full(frames - 1, 0.5)]
    )
    pictures = np.stack([painted(0, 0), *(painted(speed, curvature) for speed, curvature, _ in actions)])
    return Clip(f"clip-{seed}", pictures, actions, np.zeros((frames, 3)))


class Painter:
    """An imagination that paints what it is told, with a sign of its own for the turn."""

    def __init__(self, turn=1.0, speed=1.0):
        self.turn, self.speed = turn, speed

    def advance(self, streams, actions):
        for stream, (speed, curvature, _) in zip(streams, actions, strict=True):
            new = torch.from_numpy(painted(self.speed * speed, self.turn * curvature)).permute(2, 0, 1)
            stream.pictures = torch.cat([stream.pictures[1:], new[None]])
            stream.drawn += 1


class Copier:
    """An imagination in which nothing moves."""

    def advance(self, streams, actions):
        for stream in streams:
            stream.pictures = torch.cat([stream.pictures[1:], stream.pictures[-1:]])


class Reader:
    """An inverse-dynamics net that knows how the painter paints."""

    def read(self, before, after):
        return Reading(after[:, 0, 0, 0] / 10.0, (after[:, 0, 0, 1] - 128.0) / 200.0)


CLIPS = [clip(seed) for seed in range(4)]


def test_a_world_that_shows_what_was_commanded_has_slopes_of_1():
    found = fidelity(Painter(), Reader(), CLIPS, past=2)
    assert found.steering.value == found.speeding.value == 1.0
    assert found.speed_slope.value == pytest.approx(1.0, abs=0.02)
    assert found.curvature_slope.value == pytest.approx(1.0, abs=0.05)
    assert found.own_speed_slope == pytest.approx(1.0, abs=0.02)
    assert found.steering.low == found.steering.high == 1.0


def test_a_world_that_steers_the_wrong_way_is_found_out():
    found = fidelity(Painter(turn=-1.0), Reader(), CLIPS, past=2)
    assert found.steering.value == 0.0
    assert found.curvature_slope.value == pytest.approx(-1.0, abs=0.05)
    assert found.own_curvature_slope == pytest.approx(1.0, abs=0.05), "the instrument itself is sound"


def test_a_world_that_moves_too_little_has_a_small_slope():
    found = fidelity(Painter(speed=0.5), Reader(), CLIPS, past=2)
    assert found.speed_slope.value == pytest.approx(0.5, abs=0.05)


def test_a_world_that_nothing_moves_in_is_trusted_for_no_time_and_a_right_one_to_the_end():
    wrong = horizon(Copier(), CLIPS, past=2, steps=6, dt=0.5)
    assert wrong.trusted_s == 0.0
    right = horizon(Painter(), CLIPS, past=2, steps=6, dt=0.5)
    assert right.trusted_s == 3.0
    assert (right.imagined > right.copied).all()
    assert right.seconds.tolist() == [0.5, 1.0, 1.5, 2.0, 2.5, 3.0]


def test_a_slope_and_a_psnr_are_what_they_are_called():
    assert slope(np.array([0.0, 1.0, 2.0]), np.array([5.0, 7.0, 9.0])) == pytest.approx(2.0)
    black, grey = np.zeros((4, 4, 3), np.uint8), np.full((4, 4, 3), 51, np.uint8)
    assert psnr(black, grey).item() == pytest.approx(20 * np.log10(255 / 51))
    assert psnr(black, black).item() == pytest.approx(99.0)


def test_a_rank_violation_is_the_true_difference_of_what_is_ranked_wrongly():
    true = np.array([10.0, 20.0, 50.0])
    assert rank_violation(true, np.array([1.0, 2.0, 3.0])) == 0.0
    # The first two are exchanged: 10 points for each of them, none for the third.
    assert rank_violation(true, np.array([2.0, 1.0, 3.0])) == pytest.approx(20 / 3)
    assert rank_violation(true, -true) == pytest.approx((40 + 30 + 40) / 3)


def test_rankings_that_agree_have_1_and_reversed_ones_have_minus_1():
    rng = np.random.default_rng(0)
    true = np.arange(10.0)[:, None] * 5 + rng.normal(size=(10, 6))
    same, reverse = ranking(true, true), ranking(true, -true)
    assert same.spearman.value == pytest.approx(1.0)
    assert same.violation.value == 0.0
    assert reverse.spearman.value == pytest.approx(-1.0)
    assert reverse.pearson.value == pytest.approx(-1.0)
    assert (same.drivers, same.starts) == (10, 6)
    noise = ranking(true, rng.normal(size=(10, 6)))
    assert noise.spearman.low < noise.spearman.value < noise.spearman.high


def test_the_area_under_a_curve_and_the_calibration_of_probabilities():
    true = np.array([True, True, False, False])
    assert area_under_curve(np.array([0.9, 0.8, 0.1, 0.2]), true) == 1.0
    assert area_under_curve(np.array([0.1, 0.2, 0.9, 0.8]), true) == 0.0
    assert area_under_curve(np.full(4, 0.5), true) == 0.5
    assert calibration_error(np.array([1.0, 1.0, 0.0, 0.0]), true) == 0.0
    assert calibration_error(np.array([0.95, 0.95, 0.95, 0.95]), true) == pytest.approx(0.45)


class Announcer(Painter):
    """A painter whose end model knows, or knows the opposite: a turn to the left leads off the road."""

    def __init__(self, sign):
        super().__init__()
        self.sign = sign

    def advance(self, streams, actions):
        super().advance(streams, actions)
        for stream, action in zip(streams, actions, strict=True):
            stream.ends.append(0.5 + self.sign * action[1])


@pytest.mark.parametrize(("sign", "auc"), [(1.0, 1.0), (-1.0, 0.0)])
def test_an_end_model_is_judged_on_imagined_pictures_whose_truth_is_known(sign, auc):
    clips = []
    for seed in range(4):
        one = clip(seed, 26)
        off = np.concatenate([[False], one.actions[:, 1] > 0])
        clips.append(replace(one, off_road=off, in_lane=~off))
    found = check_road_imagined(Announcer(sign), clips, past=2, steps=4)
    assert found.auc == auc
    assert found.steps == 4 * 4 * 11, "four clips, four steps, a drive from every second picture on"
    assert check_road_imagined(Announcer(sign), CLIPS, past=2, steps=4) is None, "no map"


@pytest.fixture(scope="module")
def beside_city(tmp_path_factory):
    """An untrained world whose one start is the first moment of an episode of the city, where its expert drove on."""
    world = CityFactory().open(EpisodeSpec("cruise", 9), LoopRules(), pictures=False)
    poses = [*world.history().tolist()]
    for _ in range(16):
        pose = world.car.pose
        poses.append([pose.x, pose.y, pose.heading])
        speed, curvature = world.expert_plan()[0]
        for _ in range(10):
            world.step(float(speed), float(curvature))
    track = np.array(poses)
    way = np.hypot(*np.diff(track[:, :2], axis=0).T)
    actions = np.column_stack([way / 0.5, np.zeros(len(way)), np.full(len(way), 0.5)])
    pictures = np.zeros((len(track), 8, 16, 3), dtype=np.uint8)
    folder = tmp_path_factory.mktemp("worlds") / "beside"
    shape = DenoiserShape(network=NETWORKS["tiny"])
    write_state(folder / DENOISER, Denoiser(shape).state_dict())
    write_starts(folder / STARTS, starts_of([Clip("sim-cruise-009", pictures, actions, track)], 4, 4.0, 1))
    camera = CameraEntry(np.eye(3).tolist(), [0.5, -0.5, 0.5, -0.5], [1.7, 0.0, 1.5], (16, 8))
    write_card(folder, WorldCard(FORMAT, (16, 8), 0.5, shape, camera, ["made up"], 0))
    write_card(folder, Trust(4.0, Checkpoint(folder).weights))
    return ImaginedFactory(str(folder))


def test_drivers_are_scored_alike_in_both_worlds_where_nothing_but_the_line_matters(beside_city):
    specs = exact_specs(beside_city)
    assert [(one.scenario, one.seed) for one in specs] == [("cruise", 9)]
    names = ("stop", "crawl", "expert")
    found = compare_scores(beside_city, specs, [1.0, 4.0], names)[4.0]
    assert found.true[2, 0] > 90.0
    assert found.imagined[2, 0] > 90.0
    early = compare_scores(beside_city, specs, [1.0], names)[1.0]
    assert early.imagined[2, 0] > 90.0, "measured by what the recorded car did in the same second"
    assert (np.diff(found.true[:, 0]) > 0).all()
    assert (np.diff(found.imagined[:, 0]) > 0).all()
    assert np.array_equal(found.line, found.imagined), "nothing of the pictures is judged here"


def test_more_than_ten_drivers_can_drive_in_both_worlds(beside_city):
    assert len(DRIVERS) >= 10
    found = compare_scores(beside_city, exact_specs(beside_city), [1.0])[1.0]
    assert np.isfinite(found.true).all()
    assert np.isfinite(found.imagined).all()


def test_the_plan_that_games_the_world_is_driven_in_the_simulator_too(beside_city):
    found = exploit(beside_city, exact_specs(beside_city), 2.0, tries=4)
    assert found.imagined[0] >= 0.0
    assert found.expert_true[0] > 90.0
    assert found.gap == pytest.approx(
        float(found.imagined[0] - found.true[0] - found.expert_imagined[0] + found.expert_true[0])
    )


class Script:
    """An instrument that reads changes twice as large as they are, and speeds without turns."""

    def __init__(self):
        self.changes = iter(np.repeat(CHANGES, len(CURVATURES)).tolist())
        self.pairs = []

    def read(self, before, after):
        self.pairs.append((before, after))
        return Reading(np.array([10.0 + 2.0 * next(self.changes)]), np.array([0.0]))


@pytest.mark.pictures
def test_the_instrument_is_tried_on_the_simulators_own_pictures():
    script = Script()
    found = instrument_ceiling(script, [EpisodeSpec("cruise", 9)], (32, 18), after=0.5, size=(64, 36))
    assert found.speed_within.value == pytest.approx(2.0)
    assert found.curvature_slope.value == pytest.approx(0.0)
    befores = [before for before, _ in script.pairs]
    assert all(np.array_equal(one, befores[0]) for one in befores), "all from the same moment"
    afters = [after for _, after in script.pairs]
    assert not np.array_equal(afters[1], afters[7]), "3 m/s slower is not 3 m/s faster"
    assert not np.array_equal(afters[3], afters[5]), "right is not left"
