"""A reduced run of DIAMOND: play a game, learn it, learn to play in imagination, and again; then the true game."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lightemma.errors import UserError
from lightemma.frame import FloatArray
from lightemma.worldmodel.actions import ActionSpace
from lightemma.worldmodel.actor_critic import ActorCritic, AgentShape, Learning, imagined_loss
from lightemma.worldmodel.atari import (
    LONGEST,
    SIZE,
    AtariGame,
    GameClip,
    agent_player,
    collect,
    constant_player,
    random_player,
    returns,
)
from lightemma.worldmodel.denoiser import Denoiser, DenoiserShape
from lightemma.worldmodel.dreams import ImaginedDrives, mean_reward
from lightemma.worldmodel.edm import Sampler
from lightemma.worldmodel.fitting import Fit, Say, fit
from lightemma.worldmodel.game_rewards import game_loss, parted, read_rewards, words_of_rewards
from lightemma.worldmodel.reward_end import RewardEnd, RewardEndShape
from lightemma.worldmodel.train_world import NETWORKS
from lightemma.worldmodel.training import DenoiserLoss, Hardening
from lightemma.worldmodel.weights import load_into, read_state, write_state
from lightemma.worldmodel.windows import Windows

#: File of the agent's weights.
AGENT = "agent.pt"
#: Games of each constant action, by which the best one is found.
_TRIES = 2
#: Share of random actions while an agent collects.
_EPSILON = 0.05


@dataclass(frozen=True, slots=True)
class AtariPlan:
    """A reduced run of DIAMOND.

    Attributes:
        game: its name.
        epochs: most rounds of playing and learning.
        play: steps of playing in a round, the first by random actions.
        updates: steps of learning of the denoiser and of the reward and end model in a round.
        agent_updates: steps of learning of the agent in a round.
        network: size of the denoiser.
        batch: examples of a step.
        dreams: imagined games of an update of the agent.
        horizon: imagined steps of an update of the agent.
        seed: of everything.
        episodes: games of the test.
        longest: most steps of a game of the test.
        minutes: no round is begun that would end later than this, if rounds go on as long as the last one; 0 begins all.
    """

    game: str
    epochs: int = 2
    play: int = 2000
    updates: int = 400
    agent_updates: int = 400
    network: str = "small"
    batch: int = 32
    dreams: int = 32
    horizon: int = 15
    seed: int = 0
    episodes: int = 10
    longest: int = LONGEST
    minutes: float = 0.0

    @property
    def agent_shape(self) -> Callable[[int], AgentShape]:
        """Of an agent, by the number of its actions."""
        return lambda count: AgentShape(SIZE, count, (32, 32, 64), 128, patch=2)


def train_atari(plan: AtariPlan, out: Path, device: str, say: Say) -> int:
    """Plays, learns the game, learns to play in imagination, and again. The agent is written after every round.

    Returns:
        Steps played.

    Raises:
        UserError: if there is no such game.
    """
    game = AtariGame(plan.game, plan.seed)
    space = ActionSpace(game.count)
    torch.manual_seed(plan.seed)
    denoiser = Denoiser(DenoiserShape(actions=space, network=NETWORKS[plan.network]))
    denoiser = denoiser.to(device).to(memory_format=torch.channels_last)
    reward_end = RewardEnd(RewardEndShape(SIZE, space, (32, 32, 64), memory=128, patch=2)).to(device)
    agent = ActorCritic(plan.agent_shape(game.count)).to(device)
    learning = Learning(horizon=plan.horizon, entropy=0.01, scaled=True)
    choices = torch.arange(game.count, dtype=torch.float32)[:, None]
    clips: list[GameClip] = []
    begun = last = time.perf_counter()
    for epoch in range(1, plan.epochs + 1):
        here = copy.deepcopy(agent).cpu().eval()
        player = random_player(game.count, plan.seed) if epoch == 1 else agent_player(here, _EPSILON, plan.seed + epoch)
        clips += collect(game, player, plan.play)
        say(_played(epoch, clips, plan.play))

        def fitted(steps: int, batch: int, rate: float, *, half: bool, epoch: int = epoch) -> Fit:
            return Fit(
                steps * epoch, batch, rate, plan.seed, every=max(1, steps // 2), device=device, half=half, fall=False
            )

        one = fitted(plan.updates, plan.batch, 3e-4, half=True)
        windows = Windows(clips, denoiser.shape.past + 2, device=device)
        fit(denoiser, DenoiserLoss(denoiser, windows, one, Hardening()), one, out / "denoiser.training.pt", say)
        learned, held_out = parted(clips)
        fit(reward_end, game_loss(reward_end, learned, one), one, out / "reward_end.training.pt", say)
        say(words_of_rewards(*(read_rewards(reward_end, side, device) for side in (learned, held_out))))
        dream = ImaginedDrives(denoiser, reward_end.eval(), clips, choices, plan.dreams, Sampler(), device)
        rewards: list[Tensor] = []

        def loss(step: int, dream: Any = dream, note: Any = rewards.append) -> Tensor:
            return imagined_loss(agent, dream, plan.seed * 1_000_003 + step, learning, note)

        slow = fitted(plan.agent_updates, plan.dreams, 3e-4, half=False)
        fit(agent, loss, slow, out / "agent.training.pt", say)
        write_state(out / AGENT, agent.state_dict())
        now = time.perf_counter()
        say(
            f"round {epoch}: imagined reward of a step {mean_reward(rewards, 1) if rewards else 0.0:+.4f}, {now - begun:.0f} s"
        )
        if plan.minutes and now - begun + (now - last) > 60.0 * plan.minutes:
            break
        last = now
    return sum(len(one.actions) for one in clips)


def _played(epoch: int, clips: Sequence[GameClip], play: int) -> str:
    """What the last ``play`` steps brought, and all before."""
    signs = np.concatenate([one.rewards for one in clips])
    new = signs[-play:]
    return (
        f"round {epoch}: {len(signs)} steps played; of the last {len(new)}, {int((new > 0).sum())} were rewarded and "
        f"{int((new < 0).sum())} punished"
    )


def try_atari(plan: AtariPlan, out: Path) -> dict[str, FloatArray]:
    """Plays whole games of the true game.

    Returns:
        Points, by who played: agent, random, and the best constant action.

    Raises:
        UserError: if there is no agent, or no such game.
    """
    game = AtariGame(plan.game, plan.seed + 1000)
    path = out / AGENT
    if not path.exists():
        raise UserError(f"'{out}' has no trained agent; leave --only-test out.")
    agent = ActorCritic(plan.agent_shape(game.count))
    load_into(agent, read_state(path), path)
    agent = agent.float().eval()
    found = {"agent": returns(game, agent_player(agent, 0.0, plan.seed), plan.episodes, plan.longest)}
    found["random"] = returns(game, random_player(game.count, plan.seed), plan.episodes, plan.longest)
    constants = [returns(game, constant_player(one), _TRIES, plan.longest) for one in range(game.count)]
    best = int(np.argmax([one.mean() for one in constants]))
    found["constant"] = returns(game, constant_player(best), plan.episodes, plan.longest)
    return found
