"""A trained world in the closed loop, small enough for tests: what it draws means nothing, how it is driven does."""

import json
import shutil

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from lightemma.closed_loop.records import read_episodes  # noqa: E402
from lightemma.closed_loop.rollout import rollout  # noqa: E402
from lightemma.closed_loop.spec import LoopRules  # noqa: E402
from lightemma.closed_loop.world_factory import EpisodeChoice  # noqa: E402
from lightemma.closed_loop.worlds.imagined import ImaginedFactory, advance  # noqa: E402
from lightemma.closed_loop.worlds.imagined_world import ImaginedWorld  # noqa: E402
from lightemma.errors import UserError  # noqa: E402
from lightemma.worldmodel.checkpoint import Checkpoint, Trust, write_card  # noqa: E402
from lightemma.worldmodel.fitting import Fit  # noqa: E402
from lightemma.worldmodel.train_world import WorldTraining, train_world  # noqa: E402
from lightemma.worldmodel.weights import read_state, write_state  # noqa: E402
from tests.worldmodel.worlds import write_drives  # noqa: E402


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_drives(tmp_path_factory.mktemp("drives"))


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    out = tmp_path_factory.mktemp("worlds") / "small"
    said = []
    fit = Fit(steps=6, batch=4, rate=1e-3, every=3)
    train_world(WorldTraining((data,), out, fit, size=(32, 16), network="tiny"), said.append)
    # After six steps it would not look at the actions yet.
    weights = read_state(out / "denoiser.pt")
    random = torch.Generator().manual_seed(0)
    shaken = {name: one + 0.1 * torch.randn(one.shape, generator=random) for name, one in weights.items()}
    write_state(out / "denoiser.pt", shaken)
    write_card(out, Trust(horizon_s=4.0, weights=Checkpoint(out).weights))
    return out


def opened(trained, seed=0, pictures=True, **rules):
    factory = ImaginedFactory(str(trained))
    spec = next(one for one in factory.episodes(EpisodeChoice()) if one.seed == seed)
    return factory.open(spec, LoopRules(**rules), pictures=pictures)


def test_a_training_that_was_stopped_goes_on_as_if_it_had_not_been(data, trained, tmp_path):
    def to(steps):
        fit = Fit(steps=steps, batch=4, rate=1e-3, every=3, fall=False)
        train_world(WorldTraining((data,), tmp_path / str(steps), fit, size=(32, 16), network="tiny"), lambda _: None)

    to(6)
    to(3)
    (tmp_path / "3").rename(tmp_path / "resumed")
    fit = Fit(steps=6, batch=4, rate=1e-3, every=3, fall=False)
    said = []
    resumed = WorldTraining((data,), tmp_path / "resumed", fit, size=(32, 16), network="tiny")
    train_world(resumed, said.append)
    assert any("goes on at step 3 of 6" in one for one in said)
    one, other = Checkpoint(tmp_path / "6").denoiser(), Checkpoint(tmp_path / "resumed").denoiser()
    for name, value in one.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name


def test_a_drive_begins_with_the_recorded_picture_and_then_shows_what_the_model_draws(trained):
    world = opened(trained)
    start = Checkpoint(trained).starts()[0]
    assert world.stream is not None
    assert np.array_equal(world.stream.pictures[-1].permute(1, 2, 0).numpy(), start.pictures[-1])
    first = world.observe()
    assert first.picture is not None
    assert first.picture.size == (32, 16)
    for _ in range(10):
        world.step(5.0, 0.0)
    assert world.stream.drawn == 1
    assert world.observe().picture.sha256 != first.picture.sha256


def test_the_planners_actions_move_the_car_and_change_what_is_seen(trained):
    left, right = opened(trained), opened(trained)
    for _ in range(20):
        left.step(6.0, 0.1)
        right.step(6.0, -0.1)
    assert left.car.pose.heading > right.car.pose.heading + 0.2
    assert left.observe().picture.sha256 != right.observe().picture.sha256


def test_what_a_drive_shows_does_not_depend_on_those_that_are_drawn_with_it(trained):
    alone, others = opened(trained, 1), [opened(trained, seed) for seed in (0, 1, 0)]
    for tick in range(20):
        alone.step(4.0, 0.02)
        advance(others, np.array([9.0, 4.0, 1.0 + tick]), np.array([0.1, 0.02, -0.1]))
    assert torch.equal(alone.stream.pictures, others[1].stream.pictures)
    assert not torch.equal(others[0].stream.pictures, others[2].stream.pictures)


def test_the_recorded_driver_comes_as_far_as_was_recorded_and_stays_on_its_line(trained):
    world = opened(trained, pictures=False)
    plan = np.array(world.label().actions)
    found = rollout(world, plan)
    assert found.outcome.off_route is False
    log = Checkpoint(trained).starts()[0].log
    assert np.hypot(*(found.trace[-1, :2] - log[6, :2])) < 1.5


def test_a_car_that_stands_makes_no_progress_and_one_that_turns_off_has_left_its_way(trained):
    standing = rollout(opened(trained, pictures=False), np.zeros((6, 2)))
    turning = rollout(opened(trained, pictures=False), np.tile([8.0, 0.15], (6, 1)))
    assert standing.outcome.progress < 0.5
    assert turning.outcome.off_route is True
    assert turning.outcome.infractions[0].kind == "off-route"
    assert turning.score.route == 0.5


def driven(trained, driver, seconds):
    world = opened(trained, pictures=False)
    plan, speeds = driver.begin(None), [world.car.speed]
    for _ in range(round(2 * seconds)):
        speed, curvature = plan(world)[0]
        for _ in range(10):
            world.step(float(speed), float(curvature))
        speeds.append(world.car.speed)
    return world, speeds


def test_idm_goes_along_the_recorded_line_up_to_its_greatest_speed_and_crawl_straight_on(trained):
    world, speeds = driven(trained, ImaginedFactory.drivers["idm"](), 4.0)
    line = world.line
    assert abs(line.place(world.car.pose)[1]) < 1.0
    assert speeds[-1] > speeds[0], "nobody is in its way"
    assert max(speeds) < line.pairs(0.0, len(line.log))[:, 0].max() + 0.1
    before = opened(trained, pictures=False).car.pose
    world, speeds = driven(trained, ImaginedFactory.drivers["crawl"](), 4.0)
    assert speeds[-1] == pytest.approx(1.0, abs=0.05)
    assert world.car.pose.heading == pytest.approx(before.heading, abs=0.1)


def test_a_rollout_leaves_the_world_as_it_was(trained):
    world, twin = opened(trained), opened(trained)
    rollout(world, np.tile([5.0, 0.05], (3, 1)))
    for _ in range(10):
        world.step(5.0, 0.0)
        twin.step(5.0, 0.0)
    assert torch.equal(world.stream.pictures, twin.stream.pictures)
    assert world.car == twin.car


def episodes(folder):
    (run,) = [path.parent for path in folder.rglob("episodes.jsonl")]
    return run, {one.name: one for one in read_episodes(run)}


def test_a_drive_that_was_interrupted_ends_as_one_that_was_not(trained, cli, tmp_path):
    arguments = ("drive", "--world", f"imagined:{trained}", "--planner", "constant-action", "--draw", "--seeds", "1")
    whole = cli(*arguments, "--out", tmp_path / "whole")
    assert whole.status == 0, whole.err
    run, first = episodes(tmp_path / "whole")
    assert len(first) == 3
    assert {one.outcome.end for one in first.values()} <= {"horizon", "off-route"}
    # As an interruption leaves it: one episode is whole, the next has some decisions.
    (tmp_path / "again").mkdir()
    run.rename(tmp_path / "again" / run.name)
    again = tmp_path / "again" / run.name
    pictures = {path.name: path.read_bytes() for path in again.glob("pictures/drive-2*/*")}
    lines = (again / "episodes.jsonl").read_text().splitlines()
    (again / "episodes.jsonl").write_text(lines[0] + "\n")
    done = cli(*arguments, "--out", tmp_path / "again")
    assert done.status == 0, done.err
    _, second = episodes(tmp_path / "again")
    assert second == first
    assert {path.name: path.read_bytes() for path in again.glob("pictures/drive-2*/*")} == pictures
    assert json.loads((again / "manifest.json").read_text())["data"]["name"] == "imagined:small"


def test_an_unchecked_world_says_so_and_ends_soon(data, trained, tmp_path):
    factory = ImaginedFactory(str(trained))
    assert factory.prepare(LoopRules(), pictures=True).note == ""
    (trained / "trust.json").rename(tmp_path / "trust.json")
    try:
        unchecked = ImaginedFactory(str(trained))
        assert "never checked" in unchecked.prepare(LoopRules(), pictures=True).note
        assert unchecked.info.horizon_s == 2.0
        assert unchecked.version != factory.version
    finally:
        (tmp_path / "trust.json").rename(trained / "trust.json")


def test_starts_may_come_from_other_data(data, trained):
    factory = ImaginedFactory(f"{trained},{data}")
    specs = factory.episodes(EpisodeChoice(scenarios="drive-1", seeds="2"))
    assert [one.scenario for one in specs] == ["drive-1", "drive-1"]
    assert "starts of" in factory.place


@pytest.mark.parametrize(
    ("argument", "what"), [("", "Which trained world"), ("nowhere", "no trained world"), (".", "no trained world")]
)
def test_what_is_no_trained_world_is_refused(argument, what, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=what):
        ImaginedFactory(argument)


@pytest.mark.parametrize("name", ["denoiser.pt", "starts.npz", "world.json"])
def test_a_damaged_checkpoint_is_named(trained, name, tmp_path):
    for path in trained.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes() if path.name != name else b"\x00 not this")
    with pytest.raises(UserError, match=name):
        ImaginedFactory(str(tmp_path)).open(
            ImaginedFactory(str(trained)).episodes(EpisodeChoice())[0], LoopRules(), pictures=True
        )


class Alarmed:
    """Draws nothing, and says at each picture how probable the end is."""

    def __init__(self, *ends):
        self.ends, self.asked = iter(ends), 0

    def advance(self, streams, actions):
        self.asked += 1
        for stream in streams:
            stream.ends.append(next(self.ends))


@pytest.mark.parametrize(
    ("ends", "looked_at", "asked", "off"),
    [
        ((0.1, 0.1, 0.9, 0.9), False, 2, False),
        ((0.1, 0.1, 0.9, 0.9), True, 4, False),
        ((0.1, 0.9, 0.1, 0.1), False, 2, True),
    ],
)
def test_the_end_model_judges_no_later_moment_than_it_was_checked_for(trained, ends, looked_at, asked, off):
    factory, alarmed = ImaginedFactory(str(trained)), Alarmed(*ends)
    camera = factory.checkpoint.card.camera.camera
    world = ImaginedWorld(
        factory.info, factory.starts[0], 0, camera, alarmed, 0.5, None, 0.5, end_s=1.0, looked_at=looked_at
    )
    for _ in range(40):
        if not world.over:
            world.step(3.0, 0.0)
    assert (world.outcome().off_road, alarmed.asked) == (off, asked)


def test_for_how_long_the_road_is_judged_is_part_of_the_worlds_version(trained, tmp_path):
    shutil.copytree(trained, tmp_path / "world")
    weights = Checkpoint(trained).weights
    write_card(tmp_path / "world", Trust(10.0, weights, end_threshold=0.2, end_s=3.0))
    assert ImaginedFactory(str(tmp_path / "world")).version == f"{weights}+10s+road3s"
