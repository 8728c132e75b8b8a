"""Imagined drives of an agent that learns: their cars, their rewards, and learning from them more than once."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from lightemma.frame import Pose  # noqa: E402
from lightemma.simulation.ego import EgoCar, Limits  # noqa: E402
from lightemma.worldmodel.actions import ActionSpace  # noqa: E402
from lightemma.worldmodel.actor_critic import ActorCritic, AgentShape, Learning, imagined_loss  # noqa: E402
from lightemma.worldmodel.agents import new_agent, warm_start  # noqa: E402
from lightemma.worldmodel.clips import Clip  # noqa: E402
from lightemma.worldmodel.denoiser import Denoiser, DenoiserShape  # noqa: E402
from lightemma.worldmodel.dream_cars import Cars  # noqa: E402
from lightemma.worldmodel.dreams import Blindfold, ImaginedDrives, driving_choices  # noqa: E402
from lightemma.worldmodel.edm import Sampler  # noqa: E402
from lightemma.worldmodel.fitting import Fit, fit  # noqa: E402
from lightemma.worldmodel.imagined_clips import IN_A_ROW, imagined_clips, reckoned  # noqa: E402
from lightemma.worldmodel.passes import Passes, PassLoss, dreamt, pass_loss  # noqa: E402
from lightemma.worldmodel.reward_end import RewardEnd, RewardEndShape  # noqa: E402
from lightemma.worldmodel.train_world import NETWORKS  # noqa: E402

SIZE = (16, 16)


@pytest.mark.parametrize(("speed", "curvature"), [(5.0, 0.0), (12.0, 0.05), (2.0, -0.2), (0.0, 0.1), (14.0, 0.2)])
def test_the_cars_of_dreams_move_as_the_simulators_do(speed, curvature):
    wanted = [(5.0, 0.08), (5.0, -0.08), (0.0, 0.04)]
    cars = Cars(torch.tensor([[*one, 0.5] for one in wanted]))
    cars.begin(torch.tensor([[[speed, curvature, 0.5]]]))
    car = EgoCar(Pose(0.0, 0.0, 0.0), speed, curvature, Limits())
    for choice in (0, 1, 1, 2, 0):
        said = cars.act(torch.tensor([choice]))[0]
        before, way = car.pose, 0.0
        for tick in range(10):
            speeds = [car.speed]
            car.step(*wanted[choice], 0.05, 0.5 - 0.05 * tick)
            way += 0.05 * (speeds[0] + car.speed) / 2.0
        turned = car.pose.heading - before.heading
        assert float(said[0]) == pytest.approx(way / 0.5, abs=1e-4)
        assert float(said[1] * said[0]) * 0.5 == pytest.approx(turned if way > 0.05 else 0.0, abs=2e-4)
        assert float(said[2]) == 0.5


def small_world():
    torch.manual_seed(0)
    denoiser = Denoiser(DenoiserShape(network=NETWORKS["tiny"])).eval().requires_grad_(False)
    model = RewardEnd(RewardEndShape(SIZE, ActionSpace(), (8, 8), 8, 16, patch=2)).eval().requires_grad_(False)
    rng = np.random.default_rng(0)
    count = IN_A_ROW + 18
    clip = Clip(
        "drive",
        rng.integers(256, size=(count, *SIZE, 3)).astype(np.uint8),
        np.tile([5.0, 0.0, 0.5], (count - 1, 1)),
        np.zeros((count, 3)),
        rng.random(count) < 0.3,
        rng.random(count) < 0.5,
    )
    return denoiser, model, clip


def dreams(batch=4, **more):
    denoiser, model, clip = small_world()
    choices = Cars(driving_choices(5.0, (-0.08, 0.0, 0.08), 0.5))
    return ImaginedDrives(denoiser, model, [clip], choices, batch, Sampler(1), **more)


def test_expected_rewards_are_the_mean_of_drawn_ones():
    drawn, expected = dreams(), dreams(expected=True)
    choices = torch.tensor([0, 1, 2, 1])
    drawn.begin(5)
    expected.begin(5)
    pictures, wanted, over = expected.step(choices)
    same, _, _ = drawn.step(choices)
    assert torch.equal(pictures, same)
    found = []
    for seed in range(60):
        drawn.begin(seed)
        found.append(drawn.step(choices)[1:])
    assert torch.stack([one[0] for one in found]).mean() == pytest.approx(float(wanted.mean()), abs=0.15)
    assert torch.stack([one[1] for one in found]).mean() == pytest.approx(float(over.mean()), abs=0.15)
    raised = dreams(expected=True, least=1.0)
    raised.begin(5)
    assert torch.allclose(raised.step(choices)[1], wanted + 1.0)
    assert float(raised.step(choices)[1].min()) >= 0.0, "nothing is worse than what comes after an end"


def test_who_is_blindfolded_is_paid_as_who_sees():
    open_eyes, blind = dreams(expected=True), Blindfold(dreams(expected=True))
    choices = torch.tensor([0, 1, 2, 1])
    assert open_eyes.begin(1).abs().sum() > 0.0
    assert blind.begin(1).abs().sum() == 0.0
    seen, rewards, ends = open_eyes.step(choices)
    grey, same, alike = blind.step(choices)
    assert seen.abs().sum() > 0.0
    assert grey.abs().sum() == 0.0
    assert torch.equal(rewards, same)
    assert torch.equal(ends, alike)


def agent_of(seed=0):
    torch.manual_seed(seed)
    agent = ActorCritic(AgentShape(SIZE, 3, (8, 8), 16, patch=2))
    torch.nn.init.normal_(agent.policy.weight)
    return agent


def test_the_first_pass_has_the_gradient_of_reinforce():
    learning = Learning(horizon=4)
    one, other = agent_of(), agent_of()
    imagined_loss(one, dreams(), 7, learning).backward()
    drives = dreamt(other, dreams(), 7, learning)
    pass_loss(other, drives, learning, Passes()).backward()
    for ours, theirs in zip(one.parameters(), other.parameters(), strict=True):
        assert torch.allclose(ours.grad, theirs.grad, atol=1e-5)


def test_a_choice_that_became_likely_enough_is_left_alone():
    learning, agent = Learning(horizon=3, entropy=0.0), agent_of()
    drives = dreamt(agent, dreams(), 3, learning)
    better = (drives.advantages > 0).float()
    # As if every good choice had been half as likely when it was made, and every bad one twice as likely.
    far = replace(drives, likelihoods=drives.likelihoods + (1.0 - 2.0 * better) * np.log(2.0), unit=torch.tensor(1e9))
    pass_loss(agent, far, learning, Passes()).backward()
    assert float(agent.policy.weight.grad.abs().max()) < 1e-6


def test_whole_drives_are_read_as_step_by_step():
    agent, pictures = agent_of(), torch.rand(5, 2, 3, *SIZE)
    memory, said = None, []
    for one in pictures:
        logits, value, memory = agent(one, memory)
        said.append((logits, value))
    logits, values = agent.along(pictures)
    assert torch.allclose(logits, torch.stack([one[0] for one in said]), atol=1e-5)
    assert torch.allclose(values, torch.stack([one[1] for one in said]), atol=1e-5)


def test_a_training_that_goes_on_dreams_what_it_would_have_dreamt(tmp_path):
    def trained(folder, *stops):
        for stop in stops:
            agent = agent_of(1)
            loss = PassLoss(agent, dreams(), 2, Learning(horizon=3, scaled=True), Passes(2))
            plan = Fit(stop, 4, 1e-3, 2, every=2, half=False, fall=False)
            fit(agent, loss, plan, folder / "agent.pt", lambda _: None)
        return agent

    (tmp_path / "two").mkdir()
    whole, parts = trained(tmp_path, 4), trained(tmp_path / "two", 2, 4)
    for ours, theirs in zip(whole.state_dict().values(), parts.state_dict().values(), strict=True):
        assert torch.equal(ours, theirs)


def test_a_warm_agent_sees_what_the_reward_model_sees_in_a_picture_that_stays():
    size = (32, 16)
    agent, model = new_agent(size), RewardEnd(RewardEndShape(size, channels=(32, 32, 64), memory=128, patch=2))
    picture = torch.rand(2, 3, size[1], size[0])
    before = agent.eye(picture)
    warm_start(agent, model)
    wanted = model.eye(torch.cat([picture, picture], dim=1))
    assert torch.allclose(agent.eye(picture), wanted, atol=1e-5)
    assert not torch.allclose(before, wanted, atol=1e-2)
    with pytest.raises(ValueError, match="other networks"):
        warm_start(agent, RewardEnd(RewardEndShape((16, 16), channels=(32, 32, 64), patch=2)))


def test_drives_are_imagined_by_recorded_and_by_free_actions_and_the_map_says_what_they_are_worth():
    pytest.importorskip("shapely")
    from lightemma.data.drivable import DrivableArea

    denoiser, _, clip = small_world()
    road = [(-9.0, -4.0), (99.0, -4.0), (99.0, 4.0), (-9.0, 4.0)]
    ground = DrivableArea.of_rings([road], [[(-9.0, 2.0), (99.0, 2.0), (99.0, -2.0), (-9.0, -2.0)]])
    count = len(clip.pictures)
    poses = np.column_stack([2.5 * np.arange(count), np.zeros((count, 2))])
    mapped = replace(clip, poses=poses, off_road=np.zeros(count, dtype=bool), ground=ground, directed=True)
    assert imagined_clips(denoiser, [clip], Sampler(1), 0, driving_choices(5.0, (-0.08, 0.08), 0.5)) == []
    found = imagined_clips(denoiser, [mapped], Sampler(1), 0, driving_choices(5.0, (-0.08, 0.08), 0.5))
    by_record = [one for one in found if np.array_equal(one.actions[:, 1], np.zeros(IN_A_ROW))]
    free = [one for one in found if one.actions[:, 1].any()]
    assert [len(by_record), len(free)] == [2, 2]
    for number, one in enumerate(by_record):
        assert one.pictures.shape == (IN_A_ROW + 1, *SIZE, 3)
        assert np.array_equal(one.pictures[0], mapped.pictures[3 + 12 * number]), "the first picture is recorded"
        assert not np.array_equal(one.pictures[1], mapped.pictures[4 + 12 * number])
        assert one.in_lane.all()
    assert all(one.in_lane[0] for one in free)
    assert not all(one.in_lane.all() for one in free), "who steers as chance will have it leaves its lane"
    again = imagined_clips(denoiser, [mapped], Sampler(1), 0, driving_choices(5.0, (-0.08, 0.08), 0.5))
    assert all(np.array_equal(one.pictures, other.pictures) for one, other in zip(found, again, strict=True))


def test_actions_lead_where_an_arc_does():
    quarter = np.tile([np.pi / 2.0, 0.1, 1.0], (10, 1))  # a quarter of a circle of 10 m
    assert reckoned(np.zeros(3), quarter)[-1] == pytest.approx([10.0, 10.0, np.pi / 2.0])
    assert reckoned(np.array([1.0, 2.0, np.pi]), np.array([[4.0, 0.0, 0.5]]))[-1] == pytest.approx([-1.0, 2.0, np.pi])
