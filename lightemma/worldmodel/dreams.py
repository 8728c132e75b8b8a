"""Many imagined drives at once for an agent that learns: all on one device, begun again for every update."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from lightemma.worldmodel.denoiser import Denoiser, from_bytes
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
        actions: (count, a) what each choice does.
        batch: drives at a time.
        sampler: with its number of steps.
        device: of all of it.
        last: for each clip, (n,) whether a drive may begin at that picture; None lets it begin at any.
    """

    def __init__(
        self,
        denoiser: Denoiser,
        reward_end: RewardEnd,
        clips: Sequence[Recorded],
        actions: Tensor,
        batch: int,
        sampler: Sampler,
        device: str = "cpu",
        last: Sequence[BoolArray] | None = None,
    ) -> None:
        self._reward_end = reward_end
        self._windows = Windows(clips, denoiser.shape.past, device=device, last=last)
        height, width = clips[0].pictures.shape[1:3]
        self._draw = Drawing(denoiser, sampler, batch, (width, height), device)
        self._actions, self._batch, self._device = actions.to(device), batch, device
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
        return self._past[:, -1]

    def step(self, choices: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(n,) choices to what is seen then, what it is worth, and whether it was the end."""
        acted = self._actions[choices][:, None]
        done = torch.cat([self._done, acted], dim=1)
        noise = torch.randn(self._past[:, 0].shape, generator=self._random, device=self._device)
        drawn = self._draw(self._past, done, noise)
        with torch.no_grad():
            reward, end, self._memory = self._reward_end(
                torch.stack([self._past[:, -1], drawn], dim=1), acted, self._memory
            )
        # Drawn, as the published agent does it, and not the likeliest: what is uncertain is then worth its mean.
        said = torch.multinomial(reward[:, 0].softmax(-1), 1, generator=self._random)[:, 0] - 1
        over = torch.multinomial(end[:, 0].softmax(-1), 1, generator=self._random)[:, 0]
        self._past = torch.cat([self._past[:, 1:], drawn[:, None]], dim=1)
        self._done = done[:, 1:]
        return drawn, said.float(), over.float()


def driving_choices(speed: float, curvatures: Sequence[float], dt: float) -> Tensor:
    """(n, 3) the choices of an agent that steers at a constant speed."""
    return torch.tensor([[speed, curvature, dt] for curvature in curvatures], dtype=torch.float32)


def mean_reward(values: Sequence[Tensor], last: int = 20) -> float:
    """Mean of the last values, for lines of progress; NaN without any."""
    return float(torch.stack(list(values[-last:])).mean()) if values else float("nan")
