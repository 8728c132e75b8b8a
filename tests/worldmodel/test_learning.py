"""The reward and end model and the agent, on worlds small enough to know the answers."""

import pytest

torch = pytest.importorskip("torch")

from lightemma.worldmodel.actions import ActionSpace, driving_features  # noqa: E402
from lightemma.worldmodel.actor_critic import (  # noqa: E402
    ActorCritic,
    AgentShape,
    Learning,
    imagined_loss,
    lambda_returns,
)
from lightemma.worldmodel.reward_end import UNKNOWN, RewardEnd, RewardEndShape  # noqa: E402

SIZE = (8, 8)


def test_a_lambda_of_0_looks_one_step_ahead_and_one_of_1_to_the_end():
    rewards, ends = torch.tensor([[1.0], [0.0], [2.0]]), torch.zeros(3, 1)
    values, last = torch.tensor([[10.0], [20.0], [30.0]]), torch.tensor([40.0])
    one = lambda_returns(rewards, ends, values, last, Learning(0.5, 0.0))
    assert one[:, 0].tolist() == [1 + 0.5 * 20, 0 + 0.5 * 30, 2 + 0.5 * 40]
    far = lambda_returns(rewards, ends, values, last, Learning(0.5, 1.0))
    assert far[:, 0].tolist() == [1 + 0.25 * 2 + 0.125 * 40, 0.5 * 2 + 0.25 * 40, 2 + 0.5 * 40]


def test_nothing_counts_after_an_end():
    rewards, ends = torch.tensor([[1.0], [5.0]]), torch.tensor([[1.0], [0.0]])
    found = lambda_returns(rewards, ends, torch.zeros(2, 1), torch.tensor([9.0]), Learning())
    assert found[0, 0].item() == 1.0


class Brightness:
    """The first action makes the picture bright, which is worth 1; the other two make it dark."""

    def begin(self, seed):
        return torch.zeros(16, 3, *SIZE)

    def step(self, choices):
        bright = (choices == 0).float()
        pictures = (2 * bright - 1)[:, None, None, None].expand(-1, 3, *SIZE)
        return pictures, bright, torch.zeros(len(choices))


def test_an_agent_learns_what_pays():
    torch.manual_seed(0)
    agent = ActorCritic(AgentShape(SIZE, 3, (8, 8), 16))
    optimizer = torch.optim.AdamW(agent.parameters(), 1e-2)
    means = []
    for seed in range(25):
        loss = imagined_loss(agent, Brightness(), seed, Learning(horizon=5), lambda mean: means.append(float(mean)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert sum(means[:3]) / 3 < 0.5
    assert sum(means[-3:]) / 3 > 0.9


def test_a_reward_model_learns_rewards_and_ends_and_leaves_out_what_follows_an_end():
    torch.manual_seed(0)
    model = RewardEnd(RewardEndShape(SIZE, ActionSpace(), (8, 8), 8, 16))
    random = torch.Generator().manual_seed(1)
    signs = torch.randint(-1, 2, (12, 4), generator=random)
    ends = (signs < 0).long()
    ends[:, -1] = UNKNOWN
    pictures = torch.cat([torch.zeros(12, 1), signs.float()], dim=1)[:, :, None, None, None].expand(12, 5, 3, *SIZE)
    actions = torch.zeros(12, 4, 3)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2)
    for _ in range(40):
        loss = model.loss(pictures, actions, signs, ends)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    said, end, _ = model(pictures, actions)
    assert (said.argmax(-1) - 1 == signs)[:, :3].all()
    assert (end.argmax(-1) == (signs < 0))[:, :3].all()


def test_reading_in_two_parts_gives_the_same_as_in_one():
    torch.manual_seed(0)
    model = RewardEnd(RewardEndShape(SIZE, ActionSpace(4), (8, 8), 8, 16)).eval()
    pictures, actions = torch.rand(2, 5, 3, *SIZE), torch.randint(0, 4, (2, 4, 1)).float()
    with torch.no_grad():
        whole, _, _ = model(pictures, actions)
        _, _, memory = model(pictures[:, :3], actions[:, :2])
        later, _, _ = model(pictures[:, 2:], actions[:, 2:], memory)
    assert torch.allclose(later, whole[:, 2:], atol=1e-5)


def test_a_car_that_stands_has_no_curvature():
    standing = driving_features(torch.tensor([[0.0, 0.2, 0.5], [0.0, -0.2, 0.5]]))
    assert torch.equal(standing[0].abs(), standing[1].abs())
    assert standing[0, 1] == 0.0
    moving = driving_features(torch.tensor([[5.0, 0.1, 0.5], [5.0, -0.1, 0.5]]))
    assert moving[0, 2] == -moving[1, 2] == pytest.approx(1.0)


class Paying(Brightness):
    """Every step is worth the same, whatever is done."""

    def __init__(self, worth):
        self.worth = worth

    def step(self, choices):
        pictures, _, ends = super().step(choices)
        return pictures, torch.full((len(choices),), self.worth), ends


def test_a_scaled_agent_learns_the_same_whatever_rewards_are_worth():
    losses, agents = [], []
    for worth in (1.0, 100.0):
        torch.manual_seed(0)
        agent = ActorCritic(AgentShape(SIZE, 3, (8, 8), 16))
        losses.append(imagined_loss(agent, Paying(worth), 0, Learning(horizon=5, scaled=True)).item())
        agents.append(agent)
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    plain = [imagined_loss(agent, Paying(worth), 0, Learning(horizon=5)).item() for worth in (1.0, 100.0)]
    assert plain[1] > 1000 * plain[0], "which the published one does not"
    _, value, _ = agents[1](torch.zeros(1, 3, *SIZE), None)
    assert value.item() == pytest.approx(float(agents[1].worth[0])), "it expects the mean before it has learned more"
    assert agents[1].worth[0] > 100.0
