"""Many imagined drives at once for an agent that learns: all on one device, begun again for every update."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from lightemma.worldmodel.actor_critic import Dream
from lightemma.worldmodel.denoiser import Denoiser, from_bytes
from lightemma.worldmodel.dream_cars import Acting, Listed
from lightemma.worldmodel.edm import Sampler
from lightemma.worldmodel.graphs import Drawing
from lightemma.worldmodel.reward_end import Memory, RewardEnd
from lightemma.worldmodel.windows import BoolArray, Recorded, Windows


class ImaginedDrives:
    """A ``Dream`` of the actor-critic: it begins in recorded pictures, and draws the rest.

    Args:
        denoiser: draws.
        reward_end: says what a step is worth, and whether it is the last.
        clips: where drives begin.
        actions: what each choice does: (count, a) the same whatever came before, or ``Cars``.
        batch: drives at a time.
        sampler: with its number of steps.
        device: of all of it.
        last: for each clip, (n,) whether a drive may begin at that picture; None lets it begin at any.
        expected: whether rewards and ends are the model's expectations instead of being drawn: the same mean with less noise,
            so that fewer imagined drives do. Ends are then shares of the drives.
        least: what is added to every reward. With 1 the worst is worth 0, as is everything after an end; where being beside
            the lane costs, an agent learns to end that by leaving the road.
    """

    def __init__(
        self,
        denoiser: Denoiser,
        reward_end: RewardEnd,
        clips: Sequence[Recorded],
        actions: Tensor | Acting,
        batch: int,
        sampler: Sampler,
        device: str = "cpu",
        last: Sequence[BoolArray] | None = None,
        *,
        expected: bool = False,
        least: float = 0.0,
    ) -> None:
        self._reward_end, self._expected, self._least = reward_end, expected, least
        self._windows = Windows(clips, denoiser.shape.past, device=device, last=last)
        height, width = clips[0].pictures.shape[1:3]
        self._draw = Drawing(denoiser, sampler, batch, (width, height), device)
        self._acting = Listed(actions.to(device)) if isinstance(actions, Tensor) else actions
        self._batch, self._device = batch, device
        self._random = torch.Generator(device)
        self._past: Tensor = torch.empty(0)
        self._done: Tensor = torch.empty(0)
        self._memory: Memory | None = None

    def begin(self, seed: int) -> Tensor:
        """Starts all drives anew; (n, 3, h, w) what is seen first."""
        window = self._windows.draw(self._batch, (seed, 4))
        self._random.manual_seed(seed)
        self._past = from_bytes(window.pictures.to(self._device))
        self._done = window.actions.to(self._device)
        self._memory = None
        self._acting.begin(self._done)
        return self._past[:, -1]

    def step(self, choices: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(n,) choices to what is seen then, what it is worth, and whether it was the end."""
        acted = self._acting.act(choices)[:, None]
        done = torch.cat([self._done, acted], dim=1)
        noise = torch.randn(self._past[:, 0].shape, generator=self._random, device=self._device)
        drawn = self._draw(self._past, done, noise)
        with torch.no_grad():
            reward, end, self._memory = self._reward_end(
                torch.stack([self._past[:, -1], drawn], dim=1), acted, self._memory
            )
        self._past = torch.cat([self._past[:, 1:], drawn[:, None]], dim=1)
        self._done = done[:, 1:]
        signs, ends = reward[:, 0].softmax(-1), end[:, 0].softmax(-1)
        if self._expected:
            return drawn, signs[:, 2] - signs[:, 0] + self._least, ends[:, 1]
        # Drawn, as the published agent does it, and not the likeliest: what is uncertain is then worth its mean.
        said = torch.multinomial(signs, 1, generator=self._random)[:, 0] - 1
        over = torch.multinomial(ends, 1, generator=self._random)[:, 0]
        return drawn, said.float() + self._least, over.float()


class Blindfold:
    """The same drives, of which nothing is seen: the strongest rival of an agent that looks is one that had as much to learn.

    Args:
        dream: that is driven.
    """

    def __init__(self, dream: Dream) -> None:
        self._dream = dream

    def begin(self, seed: int) -> Tensor:
        """Grey pictures."""
        return torch.zeros_like(self._dream.begin(seed))

    def step(self, choices: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Grey pictures, and what the drive is worth."""
        pictures, rewards, ends = self._dream.step(choices)
        return torch.zeros_like(pictures), rewards, ends


def driving_choices(speed: float, curvatures: Sequence[float], dt: float) -> Tensor:
    """(n, 3) the choices of an agent that steers at a constant speed."""
    return torch.tensor([[speed, curvature, dt] for curvature in curvatures], dtype=torch.float32)
