"""Learning several times from the same imagined drives, where drawing them is the dearest part.

The loss is the clipped one of Schulman et al. (Proximal Policy Optimization Algorithms, 2017, equation 7), with the
lambda-returns of ``actor_critic`` as targets of the value and, less the value, as advantages. With one pass it has the gradient
of REINFORCE.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Categorical
from torch.nn import functional

from lightemma.worldmodel.actor_critic import ActorCritic, Dream, Learning, lambda_returns
from lightemma.worldmodel.reward_end import Memory

#: Batches of drives over which progress is averaged.
_LAST = 20


@dataclass(frozen=True, slots=True)
class Passes:
    """How often imagined drives are learned from.

    Attributes:
        count: passes over each batch of drives.
        clip: by how much the probability of a choice may have changed, as a ratio, before it is left alone.
        parts: into which each batch of drives is divided; a pass learns from the next one.
        value: weight of the value's loss. Value and policy share the convolutions and the LSTM: where rewards are rare, what
            the value learns of mere chance keeps a policy at weight 1 from learning which picture asks for which action.
    """

    count: int = 3
    clip: float = 0.2
    parts: int = 1
    value: float = 1.0


@dataclass(frozen=True, slots=True)
class Dreamt:
    """A batch of imagined drives; t steps of n drives.

    Attributes:
        pictures: (t, n, 3, h, w) seen before each step.
        choices: (t, n).
        likelihoods: (t, n) logarithms of the choices' probabilities when they were made.
        returns: (t, n) lambda-returns.
        advantages: (t, n), of unit size where the learning is scaled.
        weights: (t, n) the share of a drive that was not over yet.
        unit: what values are divided by.
        reward: mean of a step.
        chosen: entropy of a choice in one picture, and of the mean policy over all pictures, nats. Where both are the same,
            the agent does the same whatever it sees.
    """

    pictures: Tensor
    choices: Tensor
    likelihoods: Tensor
    returns: Tensor
    advantages: Tensor
    weights: Tensor
    unit: Tensor
    reward: float
    chosen: tuple[float, float]


def dreamt(agent: ActorCritic, dream: Dream, seed: int, learning: Learning) -> Dreamt:
    """Drives in imagination, without learning.

    Args:
        agent: that drives.
        dream: where.
        seed: of starts and choices.
        learning: horizon, discount, trace and scale.
    """
    pictures = dream.begin(seed)
    random = torch.Generator(pictures.device).manual_seed(seed)
    memory: Memory | None = None
    alive = torch.ones(len(pictures), device=pictures.device)
    seen, choices, likelihoods, values, rewards, ends, weights, policies = [], [], [], [], [], [], [], []
    with torch.no_grad():
        for _ in range(learning.horizon):
            logits, value, memory = agent(pictures, memory)
            said = logits.float().log_softmax(-1)
            choice = torch.multinomial(said.exp(), 1, generator=random)[:, 0]
            seen.append(pictures)
            pictures, reward, end = dream.step(choice)
            choices.append(choice)
            policies.append(said)
            likelihoods.append(said.gather(1, choice[:, None])[:, 0])
            values.append(value.float())
            rewards.append(reward)
            ends.append(end)
            weights.append(alive)
            alive = alive * (1.0 - end)
        last = agent(pictures, memory)[1].float()
        known, weight = torch.stack(values), torch.stack(weights)
        returns = lambda_returns(torch.stack(rewards), torch.stack(ends), known, last, learning)
        advantage, unit = returns - known, torch.ones((), device=returns.device)
        if learning.scaled:
            unit = agent.see_worth(returns)
            advantage = advantage - (advantage * weight).sum() / weight.sum()
            advantage = advantage / ((advantage**2 * weight).sum() / weight.sum()).sqrt().clamp(min=1e-3)
        policy = torch.stack(policies).exp().flatten(0, 1)
    return Dreamt(
        torch.stack(seen),
        torch.stack(choices),
        torch.stack(likelihoods),
        returns,
        advantage,
        weight,
        unit,
        float((torch.stack(rewards) * weight).sum() / weight.sum()),
        (float(_entropy(policy).mean()), float(_entropy(policy.mean(dim=0)))),
    )


def pass_loss(agent: ActorCritic, drives: Dreamt, learning: Learning, passes: Passes, number: int = 0) -> Tensor:
    """The loss of one pass over imagined drives, or over the part whose turn it is: policy, value and entropy."""
    part = slice(number % passes.parts, None, passes.parts)
    advantages, weights = drives.advantages[:, part], drives.weights[:, part]
    logits, values = agent.along(drives.pictures[:, part])
    policy = Categorical(logits=logits.float(), validate_args=False)
    ratio = (policy.log_prob(drives.choices[:, part]) - drives.likelihoods[:, part]).exp()
    held = ratio.clamp(1.0 - passes.clip, 1.0 + passes.clip)
    gain = torch.minimum(ratio * advantages, held * advantages)
    missed = functional.mse_loss(values.float() / drives.unit, drives.returns[:, part] / drives.unit, reduction="none")
    each = passes.value * missed - gain - learning.entropy * policy.entropy()
    return (each * weights).sum() / weights.sum()


class PassLoss:
    """The loss of each step of an agent's training: every ``passes.count`` steps it dreams anew.

    Args:
        agent: that learns.
        dream: where it drives.
        seed: of the training.
        learning: how.
        passes: how often from the same drives.
        note: is told of each batch of drives.
    """

    def __init__(
        self,
        agent: ActorCritic,
        dream: Dream,
        seed: int,
        learning: Learning,
        passes: Passes,
        note: Callable[[Dreamt], None] = lambda _: None,
    ) -> None:
        self._agent, self._dream, self._seed = agent, dream, seed
        self._learning, self._passes, self._note = learning, passes, note
        self._drives: Dreamt | None = None

    def __call__(self, step: int) -> Tensor:
        """The loss of a step; a training may be resumed at multiples of the passes only."""
        if self._drives is None or step % self._passes.count == 0:
            number = self._seed * 1_000_003 + step // self._passes.count
            self._drives = dreamt(self._agent, self._dream, number, self._learning)
            self._note(self._drives)
        return pass_loss(self._agent, self._drives, self._learning, self._passes, step % self._passes.count)


def words_of_dreams(drives: list[Dreamt]) -> str:
    """What the last drives were like, for lines of progress; earlier ones are forgotten."""
    del drives[:-_LAST]
    if not drives:
        return ""
    reward = float(np.mean([one.reward for one in drives]))
    within, over = (float(np.mean([one.chosen[which] for one in drives])) / math.log(2.0) for which in (0, 1))
    return f", reward {reward:+.3f}, choices of {over:.2f} bits, {over - within:.2f} of them by what is seen"


def _entropy(policy: Tensor) -> Tensor:
    return -(policy * policy.clamp(min=1e-9).log()).sum(-1)
