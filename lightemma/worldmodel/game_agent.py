"""How an agent learns a game in imagination where dreams are dear: each dreamt stretch is learned from several times.

The clipped objective of Schulman et al. (Proximal Policy Optimization Algorithms, 2017, equation 7) keeps the policy near the
one that dreamt the stretch. Returns, values and the entropy are those of ``actor_critic``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Categorical
from torch.nn import functional

from lightemma.worldmodel.actor_critic import ActorCritic, AgentShape, Dream, Learning, lambda_returns
from lightemma.worldmodel.clips import ByteArray
from lightemma.worldmodel.eyes import Eye
from lightemma.worldmodel.reward_end import Memory

#: Least spread of a pixel, and the furthest from usual that it is taken to be, in spreads.
_LEAST, _FURTHEST = 0.02, 5.0


class UsualEye(Eye):
    """Looks at how far each pixel is from what it usually is. Nearly all of a game's picture is its scenery: without this, how
    a small figure holds its arms makes too little difference to what the network sees."""

    def __init__(self, shape: AgentShape) -> None:
        super().__init__(3, shape.size, shape.channels, shape.patch)
        size = (3, shape.size[1], shape.size[0])
        self.register_buffer("usual", torch.zeros(size))
        self.register_buffer("spread", torch.ones(size))

    def see_usual(self, pictures: ByteArray) -> None:
        """Takes the mean and spread of each pixel from (n, h, w, 3)."""
        seen = pictures.astype(np.float32) / 127.5 - 1.0
        for buffer, of_pixels in ((self.usual, seen.mean(axis=0)), (self.spread, seen.std(axis=0).clip(_LEAST))):
            buffer.copy_(torch.from_numpy(of_pixels).permute(2, 0, 1))

    def forward(self, pictures: Tensor) -> Tensor:
        """(n, 3, h, w) to (n, features)."""
        return super().forward(((pictures - self.usual) / self.spread).clamp(-_FURTHEST, _FURTHEST))


def game_agent(shape: AgentShape) -> ActorCritic:
    """An agent with such an eye that has learned nothing."""
    agent = ActorCritic(shape)
    agent.eye = UsualEye(shape)
    return agent


@dataclass(frozen=True, slots=True)
class Stretch:
    """A batch of dreamt stretches.

    Attributes:
        pictures: (t + 1, n, 3, h, w).
        choices: (t, n) numbers of actions.
        likelihoods: (t, n) logarithms of the choices' probabilities when they were made.
        weight: (t, n) 1 before the end, 0 after it.
        returns: (t, n).
        advantages: (t, n) of unit size.
        unit: in which values are learned.
        reward: mean of a step.
    """

    pictures: Tensor
    choices: Tensor
    likelihoods: Tensor
    weight: Tensor
    returns: Tensor
    advantages: Tensor
    unit: Tensor
    reward: Tensor


def dreamt(agent: ActorCritic, dream: Dream, seed: int, learning: Learning) -> Stretch:
    """Lets an agent dream, without learning."""
    with torch.no_grad():
        pictures = [dream.begin(seed)]
        random = torch.Generator(pictures[0].device).manual_seed(seed)
        memory: Memory | None = None
        alive = torch.ones(len(pictures[0]), device=pictures[0].device)
        choices: list[Tensor] = []
        likelihoods: list[Tensor] = []
        values: list[Tensor] = []
        rewards: list[Tensor] = []
        ends: list[Tensor] = []
        counted: list[Tensor] = []
        for _ in range(learning.horizon):
            logits, value, memory = agent(pictures[-1], memory)
            policy = Categorical(logits=logits.float(), validate_args=False)
            choice = torch.multinomial(policy.probs, 1, generator=random)[:, 0]
            picture, reward, end = dream.step(choice)
            for kept, new in (
                (pictures, picture),
                (choices, choice),
                (likelihoods, policy.log_prob(choice)),
                (values, value.float()),
                (rewards, reward * alive),
                (ends, end),
                (counted, alive),
            ):
                kept.append(new)
            alive = alive * (1.0 - end)
        last = agent(pictures[-1], memory)[1].float()
        known, weight, paid = torch.stack(values), torch.stack(counted), torch.stack(rewards)
        returns = lambda_returns(paid, torch.stack(ends), known, last, learning)
        advantages = returns - known
        mean = (advantages * weight).sum() / weight.sum()
        spread = (((advantages - mean) ** 2 * weight).sum() / weight.sum()).sqrt()
        return Stretch(
            torch.stack(pictures),
            torch.stack(choices),
            torch.stack(likelihoods),
            weight,
            returns,
            (advantages - mean) / spread.clamp(min=1e-3),
            agent.see_worth(returns),
            paid.sum() / weight.sum(),
        )


class ClippedDreams:
    """The loss of each step of an agent that learns from every dreamt stretch several times.

    A training that is to go on as if it had not stopped must stop where a stretch ends: after a multiple of ``passes`` steps.

    Args:
        agent: that learns.
        dream: where it plays.
        seed: of starts and choices.
        learning: discount, trace, entropy and horizon.
        passes: steps of learning from one stretch.
        parts: into which its dreams are divided; each step learns from the next part.
        clip: how far the probability of a choice may move from what it was, as a share of it.
        value: weight of the value's loss. Value and policy share the convolutions and the LSTM, and at weight 1 what the value
            learns of mere chance keeps a policy from learning which of two pictures asks for which action.
        note: is told the mean reward of a step of each stretch.
    """

    def __init__(
        self,
        agent: ActorCritic,
        dream: Dream,
        seed: int,
        learning: Learning,
        passes: int = 4,
        parts: int = 1,
        clip: float = 0.2,
        value: float = 0.1,
        note: Callable[[Tensor], None] = lambda _: None,
    ) -> None:
        self._agent, self._dream, self._seed, self._learning = agent, dream, seed, learning
        self._passes, self._parts, self._clip, self._value, self._note = passes, parts, clip, value, note
        self._stretch: tuple[int, Stretch] | None = None

    def __call__(self, step: int) -> Tensor:
        """The loss of a step: policy, value and entropy."""
        number = step // self._passes
        if self._stretch is None or self._stretch[0] != number:
            self._stretch = number, dreamt(self._agent, self._dream, self._seed * 1_000_003 + number, self._learning)
            self._note(self._stretch[1].reward)
        stretch = self._stretch[1]
        part = slice(step % self._passes % self._parts, None, self._parts)
        logits, values = self._agent.along(stretch.pictures[:-1, part])
        policy = Categorical(logits=logits, validate_args=False)
        ratio = (policy.log_prob(stretch.choices[:, part]) - stretch.likelihoods[:, part]).exp()
        held = ratio.clamp(1.0 - self._clip, 1.0 + self._clip)
        gain = torch.minimum(ratio * stretch.advantages[:, part], held * stretch.advantages[:, part])
        of_value = functional.mse_loss(values / stretch.unit, stretch.returns[:, part] / stretch.unit, reduction="none")
        loss = self._value * of_value - gain - self._learning.entropy * policy.entropy()
        weight = stretch.weight[:, part]
        return (loss * weight).sum() / weight.sum()
