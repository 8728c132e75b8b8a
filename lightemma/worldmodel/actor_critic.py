"""The agent: convolutions and an LSTM give a policy over discrete actions and a value, learned from imagined drives alone.

REINFORCE with the value as baseline, an entropy bonus, and lambda-returns as targets of the value (Sutton and Barto, 2018,
sections 12.1 and 13.4), with DIAMOND's settings (Alonso et al., 2024, table of hyper-parameters).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.distributions import Categorical
from torch.nn import functional

from lightemma.worldmodel.eyes import Eye
from lightemma.worldmodel.reward_end import Memory

#: Share of a batch in the running mean and spread of values, once there were some.
_SLOWEST = 0.05


@dataclass(frozen=True, slots=True)
class AgentShape:
    """Everything that decides an agent's weights.

    Attributes:
        size: width and height of the pictures.
        count: number of actions.
        channels: of the convolutions.
        memory: of the LSTM; 512 as published.
        patch: side of the squares of pixels that are folded into channels first; 1 keeps pixels.
    """

    size: tuple[int, int]
    count: int
    channels: tuple[int, ...] = (32, 32, 64, 64)
    memory: int = 512
    patch: int = 1


@dataclass(frozen=True, slots=True)
class Learning:
    """How it learns.

    Attributes:
        discount: gamma.
        trace: lambda.
        entropy: weight of the entropy.
        horizon: imagined steps of one update.
        scaled: whether advantages are divided by their standard deviation in a batch, and values are learned as distances from
            their running mean in units of their running spread. ``entropy`` then means the same whatever rewards are worth;
            and where every step is paid, as in driving, it is not the LSTM that has to carry the mean of 10 and more: that
            drives it to its ends, where it tells no picture from another. The published agent does not.
    """

    discount: float = 0.985
    trace: float = 0.95
    entropy: float = 0.001
    horizon: int = 15
    scaled: bool = False


class ActorCritic(nn.Module):
    """Policy and value.

    Args:
        shape: of the network.
    """

    def __init__(self, shape: AgentShape) -> None:
        super().__init__()
        self.shape = shape
        self.eye = Eye(3, shape.size, shape.channels, shape.patch)
        # What is common to all pictures would grow until the LSTM is at its ends, and the agent blind.
        self.norm = nn.LayerNorm(self.eye.features)
        self.cell = nn.LSTMCell(self.eye.features, shape.memory)
        self.policy = nn.Linear(shape.memory, shape.count)
        self.value = nn.Linear(shape.memory, 1)
        self.register_buffer(
            "worth", torch.tensor([0.0, 1.0, 0.0])
        )  # mean and spread of values, and how often they were seen
        for head in (self.policy, self.value):  # all actions alike, and no opinion on values, at first
            nn.init.zeros_(head.weight)
            nn.init.zeros_(head.bias)

    def forward(self, pictures: Tensor, memory: Memory | None) -> tuple[Tensor, Tensor, Memory]:
        """(n, 3, h, w) to logits (n, count), values (n,), and the memory after it."""
        hidden, cell = self.cell(self.norm(self.eye(pictures).float()), memory)
        logits, values = self._say(hidden)
        return logits, values, (hidden, cell)

    def along(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Whole drives at once, from an empty memory: (t, n, 3, h, w) to logits (t, n, count) and values (t, n)."""
        t, n = pictures.shape[:2]
        seen = self.norm(self.eye(pictures.flatten(0, 1)).float()).reshape(t, n, -1)
        memory: Memory | None = None
        hidden = []
        for one in seen:
            memory = self.cell(one, memory)
            hidden.append(memory[0])
        logits, values = self._say(torch.cat(hidden))
        return logits.reshape(t, n, -1), values.reshape(t, n)

    def _say(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        mean, spread, _ = self.worth.clone().unbind()
        return self.policy(hidden), mean + spread * self.value(hidden)[:, 0]

    def see_worth(self, returns: Tensor) -> Tensor:
        """Moves the mean and spread of values towards those of some returns; the spread after it."""
        with torch.no_grad():
            share = torch.clamp(1.0 / (self.worth[2] + 1.0), min=_SLOWEST)
            self.worth[0] += share * (returns.mean() - self.worth[0])
            spread = returns.std() if returns.numel() > 1 else torch.zeros_like(self.worth[1])  # of one value it is NaN
            self.worth[1] += share * (spread.clamp(min=1e-3) - self.worth[1])
            self.worth[2] += 1.0
            return self.worth[1].clone()


class Dream(Protocol):
    """A batch of imagined drives, as the agent meets them."""

    def begin(self, seed: int) -> Tensor:
        """Starts all anew, from recorded pictures: what is seen first, (n, 3, h, w)."""

    def step(self, choices: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(n,) numbers of actions to the next pictures, rewards (n,) and ends (n,) of 0 or 1."""


def lambda_returns(rewards: Tensor, ends: Tensor, values: Tensor, last: Tensor, learning: Learning) -> Tensor:
    """R_t = r_t + gamma (1 - end_t) ((1 - lambda) V_{t+1} + lambda R_{t+1}), with R_T = V_T.

    Args:
        rewards: (t, n).
        ends: (t, n) 0 or 1.
        values: (t, n) of what is seen before each step.
        last: (n,) value of what is seen after the last.
        learning: gives gamma and lambda.

    Returns:
        (t, n).
    """
    after = torch.cat([values[1:], last[None]])
    found, returns = last, []
    for reward, end, value in zip(rewards.flip(0), ends.flip(0), after.flip(0), strict=True):
        mixed = (1.0 - learning.trace) * value + learning.trace * found
        found = reward + learning.discount * (1.0 - end) * mixed
        returns.append(found)
    return torch.stack(returns[::-1])


def imagined_loss(
    agent: ActorCritic, dream: Dream, seed: int, learning: Learning, note: Callable[[Tensor], None] = lambda _: None
) -> Tensor:
    """The loss of one imagined stretch: policy, value and entropy.

    Args:
        agent: that learns.
        dream: where it drives.
        seed: of starts and choices.
        learning: how.
        note: is told the mean reward of a step.
    """
    pictures = dream.begin(seed)
    random = torch.Generator(pictures.device).manual_seed(seed)
    memory: Memory | None = None
    alive = torch.ones(len(pictures), device=pictures.device)
    rewards, ends, values, likelihoods, entropies, counted = [], [], [], [], [], []
    for _ in range(learning.horizon):
        logits, value, memory = agent(pictures, memory)
        policy = Categorical(logits=logits.float(), validate_args=False)
        choice = torch.multinomial(policy.probs.detach(), 1, generator=random)[:, 0]
        pictures, reward, end = dream.step(choice)
        likelihoods.append(policy.log_prob(choice))
        entropies.append(policy.entropy())
        values.append(value.float())
        rewards.append(reward * alive)
        ends.append(end)
        counted.append(alive)
        alive = alive * (1.0 - end)
    with torch.no_grad():
        last = agent(pictures, memory)[1].float()
    known, weight = torch.stack(values), torch.stack(counted)
    with torch.no_grad():
        returns = lambda_returns(torch.stack(rewards), torch.stack(ends), known, last, learning)
    note(torch.stack(rewards).sum() / weight.sum())
    advantage = returns - known.detach()
    unit = agent.see_worth(returns) if learning.scaled else torch.ones((), device=returns.device)
    if learning.scaled:
        spread = ((advantage**2 * weight).sum() / weight.sum()).sqrt()
        advantage = advantage / spread.clamp(min=1e-3)
    of_policy = -(torch.stack(likelihoods) * advantage + learning.entropy * torch.stack(entropies))
    of_value = functional.mse_loss(known / unit, returns / unit, reduction="none")
    return ((of_policy + of_value) * weight).sum() / weight.sum()
