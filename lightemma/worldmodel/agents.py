"""An agent that learns to drive in imagination alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from lightemma.errors import UserError
from lightemma.worldmodel.actor_critic import ActorCritic, AgentShape, Dream, Learning
from lightemma.worldmodel.checkpoint import Checkpoint
from lightemma.worldmodel.clips import Clip
from lightemma.worldmodel.dream_cars import Cars
from lightemma.worldmodel.dreams import Blindfold, ImaginedDrives, driving_choices
from lightemma.worldmodel.edm import Sampler
from lightemma.worldmodel.fitting import Fit, Say, Settings, fit
from lightemma.worldmodel.lane_test import SPEED, STEERING
from lightemma.worldmodel.passes import Dreamt, Passes, PassLoss, words_of_dreams
from lightemma.worldmodel.reward_end import RewardEnd

#: How an agent of the driving world learns: as published, but for values and advantages of about 1 and more entropy. With
#: rewards of 1 in every step, the published entropy lets an agent settle on one action before it has tried the others.
LEARNING = Learning(entropy=0.01, scaled=True)


@dataclass(frozen=True, slots=True)
class AgentTraining:
    """How an agent is trained.

    Attributes:
        fit: batch, rate, seed and device; its steps are passes over batches of drives.
        learning: discount, trace, entropy and horizon.
        passes: over each batch.
        sampler_steps: network evaluations of a picture; those of the world if left out.
        warm: whether the agent's convolutions begin as those of the reward and end model, which has learned from recorded
            pictures where the lane is, and from nobody how to drive.
        blind: whether it sees grey pictures alone.
    """

    fit: Fit
    learning: Learning = LEARNING
    passes: Passes = field(default_factory=Passes)
    sampler_steps: int | None = None
    warm: bool = True
    blind: bool = False


def agent_file(folder: Path, seed: int, *, blind: bool = False) -> Path:
    """File of an agent's training in a world's folder."""
    return folder / f"{'blind-' if blind else ''}agent-{seed}.training.pt"


def new_agent(size: tuple[int, int], seed: int = 0) -> ActorCritic:
    """An agent that has learned nothing."""
    torch.manual_seed(seed)
    return ActorCritic(AgentShape(size, len(STEERING), (32, 32, 64), 128, patch=2))


def warm_start(agent: ActorCritic, reward_end: RewardEnd) -> None:
    """Gives an agent the convolutions of a reward and end model of the same sizes.

    That one sees two pictures, the agent one: its first layer takes it for both.

    Raises:
        ValueError: if the sizes differ.
    """
    ours, theirs = agent.eye, reward_end.eye
    shape = reward_end.shape
    if (shape.size, shape.channels, shape.patch) != (agent.shape.size, agent.shape.channels, agent.shape.patch):
        raise ValueError("the agent and the reward model look at pictures with other networks")
    with torch.no_grad():
        before, after = theirs.first.weight.chunk(2, dim=1)
        ours.first.weight.copy_(before + after)
        assert ours.first.bias is not None
        assert theirs.first.bias is not None
        ours.first.bias.copy_(theirs.first.bias)
        ours.levels.load_state_dict(theirs.levels.state_dict())


def train_agent(checkpoint: Checkpoint, clips: Sequence[Clip], training: AgentTraining, say: Say) -> ActorCritic:
    """Lets an agent learn to keep its lane in a trained world, or continues it.

    Args:
        checkpoint: the world; it must have a reward and end model.
        clips: where imagined drives begin.
        training: how.
        say: is told of the progress.

    Raises:
        UserError: if the world has no reward model.
    """
    plan, learning = training.fit, training.learning
    reward_end = checkpoint.reward_end(plan.device)
    if reward_end is None:
        raise UserError(f"'{checkpoint.folder}' has no reward model; train the world with --road-steps.")
    card = checkpoint.card
    agent = new_agent(card.size, plan.seed).to(plan.device)
    if training.warm:
        warm_start(agent, reward_end)
    dream: Dream = ImaginedDrives(
        checkpoint.denoiser(plan.device),
        reward_end,
        clips,
        Cars(driving_choices(SPEED, STEERING, card.dt).to(plan.device)),
        plan.batch,
        Sampler(training.sampler_steps or card.sampler_steps),
        plan.device,
        # Who begins off the road cannot learn to stay on it.
        [np.ones(len(one.pictures), dtype=np.bool_) if one.off_road is None else ~one.off_road for one in clips],
        expected=True,
        least=1.0,
    )
    if training.blind:
        dream = Blindfold(dream)
    drives: list[Dreamt] = []
    loss = PassLoss(agent, dream, plan.seed, learning, training.passes, drives.append)
    path = agent_file(checkpoint.folder, plan.seed, blind=training.blind)
    settings: Settings = {
        "world": checkpoint.weights,
        "horizon": learning.horizon,
        "entropy": learning.entropy,
        "passes": training.passes.count,
        "sampler_steps": training.sampler_steps or card.sampler_steps,
        "warm": training.warm,
    }
    fit(agent, loss, plan, path, lambda text: say(text + words_of_dreams(drives)), settings)
    return agent.eval().requires_grad_(False)
