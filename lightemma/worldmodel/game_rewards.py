"""Learns a game's rewards and ends on most of what was played, and says what that is worth on the rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from lightemma.worldmodel.atari import GameClip
from lightemma.worldmodel.denoiser import from_bytes
from lightemma.worldmodel.fitting import Fit
from lightemma.worldmodel.reward_end import UNKNOWN, RewardEnd
from lightemma.worldmodel.windows import Windows

#: Steps of a stretch, and every how-many-th of them is held out.
STRETCH, HELD_OUT = 60, 5
#: Steps of an example.
_LENGTH = 8


def parted(clips: Sequence[GameClip]) -> tuple[list[GameClip], list[GameClip]]:
    """Stretches to learn from, and every fifth one, which is held out.

    A stretch stays on its side when more is played later. A game is seldom played often enough to hold out whole games.
    """
    sides: tuple[list[GameClip], list[GameClip]] = ([], [])
    number = 0
    for clip in clips:
        for first in range(0, len(clip.actions), STRETCH):
            last = min(first + STRETCH, len(clip.actions))
            piece = replace(
                clip,
                pictures=clip.pictures[first : last + 1],
                actions=clip.actions[first:last],
                rewards=clip.rewards[first:last],
                ends=clip.ends[first:last],
            )
            number += 1
            sides[number % HELD_OUT == 0].append(piece)
    return sides


def game_loss(model: RewardEnd, clips: Sequence[GameClip], plan: Fit) -> Callable[[int], Tensor]:
    """The loss of a step, by its number alone."""
    long = [one for one in clips if len(one.pictures) > _LENGTH]
    windows = Windows(long, _LENGTH + 1, device=plan.device)

    def loss(step: int) -> Tensor:
        window = windows.draw(plan.batch, (plan.seed, 1, step))
        pairs = list(zip(window.clips.tolist(), window.starts.tolist(), strict=True))
        rewards = np.stack([long[clip].rewards[start : start + _LENGTH] for clip, start in pairs])
        ends = np.stack([long[clip].ends[start : start + _LENGTH] for clip, start in pairs])
        assert not (ends == UNKNOWN).any()
        pictures = from_bytes(window.pictures.to(plan.device))
        targets = torch.from_numpy(rewards).to(plan.device), torch.from_numpy(ends).to(plan.device)
        return model.loss(pictures, window.actions.to(plan.device), *targets)

    return loss


@dataclass(frozen=True, slots=True)
class RewardsRead:
    """What a model reads of the rewards of some stretches.

    Attributes:
        steps: number of them.
        paid: steps with a reward or a punishment.
        found: those of them whose sign is the likeliest.
        false: steps without either, for which the model finds one likeliest.
    """

    steps: int
    paid: int
    found: int
    false: int


def read_rewards(model: RewardEnd, clips: Sequence[GameClip], device: str) -> RewardsRead:
    """Reads every stretch from its beginning on, and compares."""
    steps = paid = found = false = 0
    with torch.no_grad():
        for clip in clips:
            pictures = from_bytes(torch.from_numpy(clip.pictures).to(device)).permute(0, 3, 1, 2)[None]
            actions = torch.from_numpy(clip.actions).float().to(device)[None]
            said = model(pictures, actions)[0][0].argmax(dim=1).cpu().numpy() - 1
            pays = clip.rewards != 0
            steps += len(pays)
            paid += int(pays.sum())
            found += int((pays & (said == clip.rewards)).sum())
            false += int((~pays & (said != 0)).sum())
    return RewardsRead(steps, paid, found, false)


def words_of_rewards(learned: RewardsRead, held_out: RewardsRead) -> str:
    """One line: learned by heart, or understood?"""
    parts = [
        f"{name}: {one.found} of {one.paid} rewarded or punished steps found, {one.false} false ones in {one.steps - one.paid}"
        for name, one in (("learned from", learned), ("held out", held_out))
    ]
    return "reward model, " + "; ".join(parts)
