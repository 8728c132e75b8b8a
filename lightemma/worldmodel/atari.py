"""DIAMOND's own task at a reduced size: a world model and an agent for one Atari game, through ale-py.

ale-py is under GPL-2.0 and therefore an extra of its own; it is imported here only. Settings as published (Alonso et al., 2024,
table of hyper-parameters): four frames are skipped and the last two merged by their maximum, 64 x 64 pixels, rewards by their
sign, a lost life ends an episode of the training and the whole game one of the test.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from lightemma.errors import UserError, near_names
from lightemma.frame import FloatArray
from lightemma.worldmodel.actions import ActionSpace
from lightemma.worldmodel.actor_critic import ActorCritic, AgentShape, Learning, imagined_loss
from lightemma.worldmodel.clips import ByteArray
from lightemma.worldmodel.denoiser import Denoiser, DenoiserShape, from_bytes
from lightemma.worldmodel.dreams import ImaginedDrives, mean_reward
from lightemma.worldmodel.edm import Sampler
from lightemma.worldmodel.fitting import Fit, Say, fit
from lightemma.worldmodel.reward_end import UNKNOWN, Memory, RewardEnd, RewardEndShape
from lightemma.worldmodel.train_world import NETWORKS
from lightemma.worldmodel.training import DenoiserLoss, Hardening
from lightemma.worldmodel.windows import Windows

IntArray = npt.NDArray[np.int64]
SIZE = (64, 64)
#: Frames of one action, and most actions of an episode (108,000 frames).
SKIP, LONGEST = 4, 27_000
#: Actions for which nothing is done at most at an episode's start.
_NOOPS = 30


class AtariGame:
    """One game.

    Args:
        name: such as ``Breakout``.
        seed: of the game and of its beginnings.

    Raises:
        UserError: if ale-py is not installed, or has no such game.
    """

    def __init__(self, name: str, seed: int = 0) -> None:
        try:
            from ale_py import ALEInterface, LoggerMode, roms
        except ImportError as error:
            raise UserError("Atari games need ale-py, which is under GPL-2.0; install lightemma[atari].") from error
        ALEInterface.setLoggerMode(LoggerMode.Error)
        known = {_camel(one): one for one in roms.get_all_rom_ids()}
        if name not in known:
            raise UserError(f"There is no game '{name}'; {near_names(name, known)}")
        self._game: Any = ALEInterface()
        self._game.setInt("random_seed", seed)
        self._game.setFloat("repeat_action_probability", 0.0)
        self._game.loadROM(roms.get_rom_path(known[name]))
        self._actions = list(self._game.getMinimalActionSet())
        self._rng = np.random.default_rng(seed)

    @property
    def count(self) -> int:
        """Number of actions."""
        return len(self._actions)

    @property
    def over(self) -> bool:
        """Whether the whole game is over."""
        return bool(self._game.game_over())

    @property
    def lives(self) -> int:
        """Lives left."""
        return int(self._game.lives())

    def begin(self) -> ByteArray:
        """A new game: what is seen first, (64, 64, 3)."""
        self._game.reset_game()
        for _ in range(int(self._rng.integers(_NOOPS + 1))):
            self._game.act(0)
            if self.over:
                self._game.reset_game()
        return _small(self._game.getScreenRGB())

    def step(self, action: int) -> tuple[ByteArray, float]:
        """Does an action for four frames: what is seen then, and the points won."""
        points, screens = 0.0, []
        for frame in range(SKIP):
            points += float(self._game.act(self._actions[action]))
            if frame >= SKIP - 2:
                screens.append(self._game.getScreenRGB())
            if self.over:
                screens = screens or [self._game.getScreenRGB()]
                break
        return _small(np.max(screens, axis=0)), points


@dataclass(frozen=True, slots=True)
class GameClip:
    """A stretch of a game up to a lost life.

    Attributes:
        pictures: (n, 64, 64, 3) bytes.
        actions: (n - 1, 1) numbers.
        rewards: (n - 1,) signs.
        ends: (n - 1,) 1 where a life was lost.
    """

    pictures: ByteArray
    actions: FloatArray
    rewards: IntArray
    ends: IntArray


#: Chooses an action by what is seen; begun anew for each life.
Player = Callable[[ByteArray], int]


def collect(game: AtariGame, begin: Callable[[], Player], steps: int) -> list[GameClip]:
    """Plays some steps."""
    clips: list[GameClip] = []
    seen, player = [game.begin()], begin()
    actions: list[int] = []
    rewards: list[int] = []
    ends: list[int] = []
    for step in range(steps):
        lives = game.lives
        action = player(seen[-1])
        picture, points = game.step(action)
        lost = game.over or game.lives < lives
        seen.append(picture)
        actions.append(action)
        rewards.append(int(np.sign(points)))
        ends.append(int(lost))
        if lost or step == steps - 1:
            clips.append(
                GameClip(
                    np.stack(seen), np.array(actions, dtype=np.float64)[:, None], np.array(rewards), np.array(ends)
                )
            )
            seen = [game.begin() if game.over else seen[-1]]
            actions, rewards, ends = [], [], []
            player = begin()
    return clips


def returns(game: AtariGame, begin: Callable[[], Player], episodes: int, longest: int = LONGEST) -> FloatArray:
    """Points of whole games."""
    found = []
    for _ in range(episodes):
        picture, player, total = game.begin(), begin(), 0.0
        for _ in range(longest):
            picture, points = game.step(player(picture))
            total += points
            if game.over:
                break
        found.append(total)
    return np.array(found)


def random_player(count: int, seed: int) -> Callable[[], Player]:
    """Any action."""
    rng = np.random.default_rng(seed)
    return lambda: lambda _: int(rng.integers(count))


def constant_player(action: int) -> Callable[[], Player]:
    """Always the same action."""
    return lambda: lambda _: action


def agent_player(agent: ActorCritic, epsilon: float, seed: int, greedy: bool = False) -> Callable[[], Player]:
    """The agent by its policy; any action with the probability ``epsilon``."""
    rng = np.random.default_rng(seed)

    def begin() -> Player:
        memory: Memory | None = None

        def play(picture: ByteArray) -> int:
            nonlocal memory
            with torch.no_grad():
                seen = from_bytes(torch.from_numpy(picture.copy()).permute(2, 0, 1))[None]
                logits, _, memory = agent(seen, memory)
            if rng.random() < epsilon:
                return int(rng.integers(agent.shape.count))
            share = logits[0].softmax(-1).double().numpy()
            return int(share.argmax()) if greedy else int(rng.choice(len(share), p=share / share.sum()))

        return play

    return begin


@dataclass(frozen=True, slots=True)
class AtariPlan:
    """A reduced run of DIAMOND.

    Attributes:
        game: its name.
        epochs: rounds of playing and learning.
        play: steps of playing in a round, the first by random actions.
        updates: steps of learning of each model in a round.
        network: size of the denoiser.
        batch: examples of a step.
        horizon: imagined steps of an update of the agent.
        seed: of everything.
        episodes: games of the test.
        longest: most steps of a game of the test.
    """

    game: str
    epochs: int = 2
    play: int = 2000
    updates: int = 400
    network: str = "small"
    batch: int = 32
    horizon: int = 15
    seed: int = 0
    episodes: int = 10
    longest: int = LONGEST


def run_atari(plan: AtariPlan, out: Path, device: str, say: Say) -> dict[str, FloatArray]:
    """Plays, learns the game, learns to play in imagination, and again; then tests the agent in the true game.

    Returns:
        Points of whole games, by who played: agent, random, and the best constant action.

    Raises:
        UserError: if there is no such game.
    """
    game = AtariGame(plan.game, plan.seed)
    space = ActionSpace(game.count)
    torch.manual_seed(plan.seed)
    denoiser = Denoiser(DenoiserShape(actions=space, network=NETWORKS[plan.network]))
    denoiser = denoiser.to(device).to(memory_format=torch.channels_last)
    reward_end = RewardEnd(RewardEndShape(SIZE, space, (32, 32, 64), memory=128, patch=2)).to(device)
    agent = ActorCritic(AgentShape(SIZE, game.count, (32, 32, 64), 128, patch=2)).to(device)
    clips: list[GameClip] = []
    for epoch in range(1, plan.epochs + 1):
        player = random_player(game.count, plan.seed) if epoch == 1 else agent_player(agent, 0.05, plan.seed + epoch)
        clips += collect(game, player, plan.play)
        points = sum(int((one.rewards > 0).sum()) for one in clips)
        say(f"round {epoch}: {sum(len(one.actions) for one in clips)} steps played, {points} of them rewarded")
        steps = plan.updates * epoch
        past = denoiser.shape.past
        one = Fit(steps, plan.batch, 3e-4, plan.seed, every=max(1, plan.updates // 2), device=device, fall=False)
        windows = Windows(clips, past + 2)
        fit(denoiser, DenoiserLoss(denoiser, windows, one, Hardening()), one, out / "denoiser.training.pt", say)
        fit(reward_end, _game_loss(reward_end, clips, one), one, out / "reward_end.training.pt", say)
        choices = torch.arange(game.count, dtype=torch.float32)[:, None]
        dream = ImaginedDrives(denoiser, reward_end, clips, choices, plan.batch, Sampler(), device)
        learning = Learning(horizon=plan.horizon)
        rewards: list[Tensor] = []
        slow = Fit(steps, plan.batch, 1e-4, plan.seed, every=max(1, plan.updates // 2), device=device, fall=False)

        def loss(step: int, dream: Any = dream, learning: Learning = learning, note: Any = rewards.append) -> Tensor:
            return imagined_loss(agent, dream, plan.seed * 1_000_003 + step, learning, note)

        fit(agent, loss, slow, out / "agent.training.pt", say)
        say(f"round {epoch}: imagined reward of a step {mean_reward(rewards):+.4f}")
    agent.cpu().eval()
    test = AtariGame(plan.game, plan.seed + 1000)
    found = {"agent": returns(test, agent_player(agent, 0.0, plan.seed), plan.episodes, plan.longest)}
    found["random"] = returns(test, random_player(test.count, plan.seed), plan.episodes, plan.longest)
    constants = [returns(test, constant_player(action), 2, plan.longest) for action in range(test.count)]
    best = int(np.argmax([one.mean() for one in constants]))
    found["constant"] = returns(test, constant_player(best), plan.episodes, plan.longest)
    return found


def _game_loss(model: RewardEnd, clips: Sequence[GameClip], plan: Fit) -> Callable[[int], Tensor]:
    length = 8
    long = [one for one in clips if len(one.pictures) > length]
    windows = Windows(long, length + 1)

    def loss(step: int) -> Tensor:
        window = windows.draw(plan.batch, (plan.seed, 1, step))
        pairs = list(zip(window.clips.tolist(), window.starts.tolist(), strict=True))
        rewards = np.stack([long[clip].rewards[start : start + length] for clip, start in pairs])
        ends = np.stack([long[clip].ends[start : start + length] for clip, start in pairs])
        assert not (ends == UNKNOWN).any()
        pictures = from_bytes(window.pictures.to(plan.device))
        targets = torch.from_numpy(rewards).to(plan.device), torch.from_numpy(ends).to(plan.device)
        return model.loss(pictures, window.actions.to(plan.device), *targets)

    return loss


def _small(screen: ByteArray) -> ByteArray:
    return np.asarray(Image.fromarray(screen).resize(SIZE, Image.Resampling.BOX))


def _camel(rom: str) -> str:
    return "".join(part.capitalize() for part in rom.split("_"))
