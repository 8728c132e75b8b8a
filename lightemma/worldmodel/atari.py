"""DIAMOND's own task at a reduced size: a world model and an agent for one Atari game, through ale-py.

ale-py is under GPL-2.0 and therefore an extra of its own; it is imported here only. Settings as published (Alonso et al., 2024,
table of hyper-parameters): the last two of the frames of an action are merged by their maximum, rewards are learned by their
sign, a lost life ends an episode of the training and the whole game one of the test. How much of a game is shown, and what may
be done in it, is its ``Cut``; the published one has four frames of an action, 64 x 64 pixels and all actions.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from lightemma.errors import UserError, near_names
from lightemma.frame import FloatArray
from lightemma.worldmodel.actor_critic import ActorCritic
from lightemma.worldmodel.clips import ByteArray
from lightemma.worldmodel.denoiser import from_bytes
from lightemma.worldmodel.game_cut import Cut
from lightemma.worldmodel.reward_end import Memory

IntArray = npt.NDArray[np.int64]
#: Most frames of a game of the test.
LONGEST = 108_000
#: Actions for which nothing is done at most at an episode's start.
_NOOPS = 30


class AtariGame:
    """One game.

    Args:
        name: such as ``Breakout``.
        seed: of the game and of its beginnings.
        cut: what is left of it.

    Raises:
        UserError: if ale-py is not installed, has no such game, or the game no such action.
    """

    def __init__(self, name: str, seed: int = 0, cut: Cut | None = None) -> None:
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
        self.cut = cut or Cut()
        able = {one.name: one for one in self._game.getMinimalActionSet()}
        for wanted in self.cut.actions:
            if wanted not in able:
                raise UserError(f"{name} has no action '{wanted}'; {near_names(wanted, able)}", "actions")
        self.names = self.cut.actions or tuple(able)
        self._actions = [able[one] for one in self.names]
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
        """A new game: what is seen first, (h, w, 3)."""
        self._game.reset_game()
        for _ in range(int(self._rng.integers(_NOOPS + 1))):
            self._game.act(0)
            if self.over:
                self._game.reset_game()
        return self._small(self._game.getScreenRGB())

    def step(self, action: int) -> tuple[ByteArray, float]:
        """Does an action for its frames: what is seen then, and the points won."""
        points, screens = 0.0, []
        for frame in range(self.cut.skip):
            points += float(self._game.act(self._actions[action]))
            if frame >= self.cut.skip - 2:
                screens.append(self._game.getScreenRGB())
            if self.over:
                screens = screens or [self._game.getScreenRGB()]
                break
        return self._small(np.max(screens, axis=0)), points

    def _small(self, screen: ByteArray) -> ByteArray:
        return np.asarray(Image.fromarray(screen).resize(self.cut.size, Image.Resampling.BOX, box=self.cut.box))


@dataclass(frozen=True, slots=True)
class GameClip:
    """A stretch of a game up to a lost life.

    Attributes:
        pictures: (n, h, w, 3) bytes.
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
    """Points of whole games, or of their first ``longest`` frames."""
    found = []
    for _ in range(episodes):
        picture, player, total = game.begin(), begin(), 0.0
        for _ in range(longest // game.cut.skip):
            lives = game.lives
            picture, points = game.step(player(picture))
            total += points
            if game.over:
                break
            if game.lives < lives:
                player = begin()
        found.append(total)
    return np.array(found)


def pattern_player(actions: Sequence[int], count: int, epsilon: float, seed: int) -> Callable[[], Player]:
    """Repeats some actions, blind; any action with the probability ``epsilon``."""
    rng = np.random.default_rng(seed)

    def begin() -> Player:
        steps = itertools.count()

        def play(_: ByteArray) -> int:
            step = next(steps)
            return int(rng.integers(count)) if rng.random() < epsilon else actions[step % len(actions)]

        return play

    return begin


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


def _camel(rom: str) -> str:
    return "".join(part.capitalize() for part in rom.split("_"))
