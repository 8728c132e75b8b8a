"""A reduced run of DIAMOND: play a game, learn it, learn to play in imagination, and again; then the true game."""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lightemma.errors import UserError
from lightemma.sessions.session import check_writable
from lightemma.worldmodel.actions import ActionSpace
from lightemma.worldmodel.actor_critic import ActorCritic, AgentShape, Learning
from lightemma.worldmodel.atari import LONGEST, AtariGame, GameClip, agent_player, collect, random_player
from lightemma.worldmodel.denoiser import Denoiser
from lightemma.worldmodel.dreams import ImaginedDrives
from lightemma.worldmodel.fitting import Fit, Say, Settings, fit
from lightemma.worldmodel.game_agent import UsualEye, game_agent
from lightemma.worldmodel.game_checks import payments, words_of_payments
from lightemma.worldmodel.game_cut import Cut
from lightemma.worldmodel.game_rewards import game_loss, parted, read_rewards, words_of_rewards
from lightemma.worldmodel.game_world import HARDENING, SAMPLER, ChangeDenoiser, change_shape
from lightemma.worldmodel.passes import Dreamt, Passes, PassLoss, words_of_dreams
from lightemma.worldmodel.reward_end import RewardEnd, RewardEndShape
from lightemma.worldmodel.train_world import NETWORKS
from lightemma.worldmodel.training import DenoiserLoss
from lightemma.worldmodel.unet import NetworkShape
from lightemma.worldmodel.weights import read_state, write_state
from lightemma.worldmodel.windows import Windows

#: File of the agent's weights.
AGENT = "agent.pt"
#: Networks of a game: those of driving, and one that draws some 1,700 pictures of 32 x 32 a second on one processor core.
GAME_NETWORKS = {**NETWORKS, "fast": NetworkShape((64,), 1, 64, patch=4, attention=False)}
#: Channels of the agent's convolutions, and of those that read rewards.
_CHANNELS = (32, 64)
#: Weight of the entropy: where nothing pays, an agent should try everything.
_ENTROPY = 0.05
#: Weight of the value's loss.
_VALUE = 0.1
#: Share of random actions while an agent collects.
EPSILON = 0.1


@dataclass(frozen=True, slots=True)
class AtariPlan:
    """A reduced run of DIAMOND.

    Attributes:
        game: its name.
        cut: what is left of it.
        epochs: most rounds of playing and learning.
        play: steps of playing in a round, the first by random actions.
        updates: steps of learning of the denoiser in a round; the reward and end model has half as many.
        agent_updates: steps of learning of the agent in a round.
        network: size of the denoiser, of ``GAME_NETWORKS``.
        past: past pictures that the denoiser sees.
        batch: examples of a step.
        dreams: imagined games of an update of the agent.
        passes: updates of the agent from the same dreams.
        parts: into which the dreams are divided, one for each update in turn.
        horizon: imagined steps of an update of the agent.
        rate: of the agent.
        seed: of everything.
        episodes: games of the test.
        epsilon: share of random actions of the agent in the test.
        longest: most frames of a game of the test.
        minutes: no round is begun that would end later than this, if rounds go on as long as the last one; 0 begins all.
    """

    game: str
    cut: Cut = field(default_factory=Cut)
    epochs: int = 3
    play: int = 6000
    updates: int = 700
    agent_updates: int = 480
    network: str = "fast"
    past: int = 2
    batch: int = 32
    dreams: int = 64
    passes: int = 8
    parts: int = 2
    horizon: int = 15
    rate: float = 2e-3
    seed: int = 0
    episodes: int = 20
    epsilon: float = 0.0
    longest: int = LONGEST
    minutes: float = 0.0

    def agent_shape(self, count: int) -> AgentShape:
        """Of an agent with so many actions."""
        return AgentShape(self.cut.size, count, _CHANNELS, 128, patch=4)


def train_atari(plan: AtariPlan, out: Path, device: str, say: Say) -> int:
    """Plays, learns the game, learns to play in imagination, and again. The agent of every round is written.

    The one to keep is the one that was paid most in its own play: a later one may have learned what its world only imagines.
    The last one plays a third of a round for that.

    What was played is kept, so that a run that was stopped goes on as if it had not.

    Returns:
        Steps played.

    Raises:
        UserError: if there is no such game, or the folder is of another run.
    """
    count = AtariGame(plan.game, plan.seed, plan.cut).count
    check_writable(out)
    torch.manual_seed(plan.seed)
    parts = _Parts.new(plan, count, device)
    clips: list[GameClip] = []
    pays: list[float] = []
    begun = last = time.perf_counter()
    for epoch in range(1, plan.epochs + 1):
        new = _played(plan, epoch, parts.agent, out)
        clips += new
        if epoch > 1:
            pays.append(_pay(new))
        say(_words_of_play(epoch, clips, plan.play))
        if epoch == 1 and isinstance(parts.agent.eye, UsualEye):
            parts.agent.eye.see_usual(np.concatenate([one.pictures for one in clips]))
        paid = _learn(plan, epoch, parts, clips, out, device, say)
        if not _of_round(out, epoch).exists():
            card = {"game": plan.game, **card_of(plan.cut)}
            write_state(_of_round(out, epoch), {**card, "weights": parts.agent.state_dict()})
        now = time.perf_counter()
        say(f"round {epoch}: {now - begun:.0f} s{paid}")
        if plan.minutes and now - begun + (now - last) > 60.0 * plan.minutes:
            break
        last = now
    trial = _play(plan, len(pays) + 2, parts.agent, max(1, plan.play // 3))
    pays.append(_pay(trial))
    best = int(np.argmax(pays)) + 1
    words = ", ".join(f"{pay:+.3f} by the agent of round {number}" for number, pay in enumerate(pays, 1))
    say(f"true reward of a step: {words}; that of round {best} is kept")
    write_state(out / AGENT, read_state(_of_round(out, best)))
    return sum(len(one.actions) for one in [*clips, *trial])


def _of_round(out: Path, epoch: int) -> Path:
    """File of the agent as it was after a round."""
    return out / f"agent-{epoch}.pt"


def _pay(clips: Sequence[GameClip]) -> float:
    """Mean reward of a step."""
    return float(np.concatenate([one.rewards for one in clips]).mean())


@dataclass(frozen=True, slots=True)
class _Parts:
    """The three networks."""

    denoiser: Denoiser
    reward_end: RewardEnd
    agent: ActorCritic

    @classmethod
    def new(cls, plan: AtariPlan, count: int, device: str) -> _Parts:
        space = ActionSpace(count)
        shape = change_shape(space, GAME_NETWORKS[plan.network], plan.past)
        return cls(
            ChangeDenoiser(shape).to(device).to(memory_format=torch.channels_last),
            RewardEnd(RewardEndShape(plan.cut.size, space, _CHANNELS, memory=128, patch=4)).to(device),
            game_agent(plan.agent_shape(count)).to(device),
        )


def _learn(
    plan: AtariPlan, epoch: int, parts: _Parts, clips: Sequence[GameClip], out: Path, device: str, say: Say
) -> str:
    """A round's learning, with what its parts are worth on held-out play; words of what dreams paid at its end."""

    def fitted(steps: int, batch: int, rate: float, every: int) -> Fit:
        return Fit(steps * epoch, batch, rate, plan.seed, every=every, device=device, fall=False)

    learned, held_out = parted(clips)
    half = max(1, plan.updates // 2)
    one = fitted(plan.updates, plan.batch, 1e-3, half)
    other = fitted(half, plan.batch, 1e-3, half)
    windows = Windows(long_enough(learned, plan.past + 2), plan.past + 2, device=device)
    loss = DenoiserLoss(parts.denoiser, windows, one, HARDENING)
    settings: Settings = {
        "game": plan.game,
        "size": f"{plan.cut.size[0]}x{plan.cut.size[1]}",
        "play": plan.play,
        "updates": plan.updates,
        "network": plan.network,
        "past": plan.past,
    }
    # A run that goes on walks through the rounds again, whose files may be of a later one.
    fit(parts.denoiser, loss, one, out / "denoiser.training.pt", say, settings, may_be_ahead=True)
    signs = game_loss(parts.reward_end, learned, other)
    fit(parts.reward_end, signs, other, out / "reward_end.training.pt", say, settings, may_be_ahead=True)
    say(words_of_rewards(*(read_rewards(parts.reward_end, side, device) for side in (learned, held_out))))
    say(words_of_payments(payments(parts.denoiser, parts.reward_end, held_out, device, plan.horizon)))
    choices = torch.arange(parts.agent.shape.count, dtype=torch.float32)[:, None]
    starts = long_enough(clips, plan.past)
    dream = ImaginedDrives(parts.denoiser, parts.reward_end, starts, choices, plan.dreams, SAMPLER, device)
    drives: list[Dreamt] = []
    learning = Learning(horizon=plan.horizon, entropy=_ENTROPY, scaled=True)
    passes = Passes(plan.passes, parts=plan.parts, value=_VALUE)
    loss_of = PassLoss(parts.agent, dream, plan.seed, learning, passes, drives.append)
    # Checkpoints where new dreams are due, so that the same training goes on.
    slow = fitted(
        plan.agent_updates, plan.dreams, plan.rate, plan.passes * max(1, plan.agent_updates // plan.passes // 4)
    )
    path = out / "agent.training.pt"
    settings = {
        **settings,
        "agent_updates": plan.agent_updates,
        "passes": plan.passes,
        "parts": plan.parts,
        "horizon": plan.horizon,
    }
    fit(parts.agent, loss_of, slow, path, lambda text: say(text + words_of_dreams(drives)), settings, may_be_ahead=True)
    return words_of_dreams(drives)


def long_enough(clips: Sequence[GameClip], pictures: int) -> list[GameClip]:
    """Those with so many pictures."""
    return [one for one in clips if len(one.pictures) >= pictures]


def _played(plan: AtariPlan, epoch: int, agent: ActorCritic, out: Path) -> list[GameClip]:
    """What is played in a round, or was before the run was stopped."""
    path = out / f"play-{epoch}.pt"
    about = {"game": plan.game, "seed": plan.seed, "steps": plan.play, **card_of(plan.cut)}
    if path.exists():
        state = read_state(path)
        if {one: state.get(one) for one in about} != about:
            raise UserError(f"'{path}' is of another game, seed or cut; give those, or another folder to train anew.")
        return [
            GameClip(*(one[name].numpy() for name in ("pictures", "actions", "rewards", "ends")))
            for one in state["clips"]
        ]
    clips = _play(plan, epoch, agent, plan.play)
    names = ("pictures", "actions", "rewards", "ends")
    kept = [{name: torch.from_numpy(np.array(getattr(one, name))) for name in names} for one in clips]
    write_state(path, {**about, "clips": kept})
    return clips


def _play(plan: AtariPlan, epoch: int, agent: ActorCritic, steps: int) -> list[GameClip]:
    """Some steps of a round's play: at random in the first, then by the agent."""
    seed = plan.seed * 1000 + epoch
    game = AtariGame(plan.game, seed, plan.cut)
    here = copy.deepcopy(agent).cpu().float().eval()
    player = random_player(game.count, seed) if epoch == 1 else agent_player(here, EPSILON, seed)
    return collect(game, player, steps)


def card_of(cut: Cut) -> dict[str, Any]:
    """A cut as plain values, for files of weights."""
    return {"size": list(cut.size), "skip": cut.skip, "actions": list(cut.actions), "box": list(cut.box or ())}


def _words_of_play(epoch: int, clips: Sequence[GameClip], play: int) -> str:
    """What the last ``play`` steps brought, and all before."""
    signs = np.concatenate([one.rewards for one in clips])
    new = signs[-play:]
    lost = np.concatenate([one.ends for one in clips])[-play:].sum()
    return (
        f"round {epoch}: {len(signs)} steps played; of the last {len(new)}, {int((new > 0).sum())} were rewarded and "
        f"{int((new < 0).sum())} punished, {int(lost)} lives lost"
    )
