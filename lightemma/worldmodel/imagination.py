"""Imagined drives: each has its own past and its own random numbers, and all are drawn together."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from lightemma.frame import FloatArray
from lightemma.worldmodel.denoiser import Denoiser, from_bytes, to_bytes
from lightemma.worldmodel.edm import Sampler
from lightemma.worldmodel.reward_end import Memory, RewardEnd

#: Drives that are drawn in one batch, on a processor and on a GPU. A batch always has this size, filled up where fewer are
#: due: sums of another size are rounded otherwise, and what a drive shows must not depend on which others are drawn with it.
TOGETHER = {"cpu": 1, "cuda": 16}
#: The same where many drives are imagined at once, as for a check.
MANY = 8


@dataclass
class Stream:
    """One imagined drive.

    Attributes:
        seed: of its noise.
        pictures: (past, 3, h, w) bytes, the newest last.
        actions: (past - 1, a) between them.
        drawn: pictures drawn so far.
        ends: probability of the end after each of them, where there is an end model.
        rewards: expected reward of each of them.
        memory: of the end model.
    """

    seed: int
    pictures: Tensor
    actions: Tensor
    drawn: int = 0
    ends: list[float] = field(default_factory=list)
    rewards: list[float] = field(default_factory=list)
    memory: Memory | None = None

    def noise(self) -> Tensor:
        """(3, h, w) unit noise of the next picture, from the seed and its number alone."""
        digest = hashlib.sha256(f"lightemma imagined/{self.seed}/{self.drawn}".encode()).digest()
        random = torch.Generator().manual_seed(int.from_bytes(digest[:7], "little"))
        return torch.randn(self.pictures.shape[1:], generator=random)


class Imagination:
    """Draws the next pictures of imagined drives.

    Args:
        denoiser: on its device.
        sampler: with its number of steps.
        reward_end: reads rewards and ends from the pictures; None does not.
        device: ``cpu`` or ``cuda``.
        together: drives of a batch; that of the device if left out. Where many are always drawn, more cost less.
    """

    def __init__(
        self,
        denoiser: Denoiser,
        sampler: Sampler,
        reward_end: RewardEnd | None = None,
        device: str = "cpu",
        together: int | None = None,
    ) -> None:
        self._denoiser, self._sampler, self._reward_end, self._device = denoiser, sampler, reward_end, device
        self._together = together or TOGETHER.get(device, 1)

    @property
    def reads_ends(self) -> bool:
        """Whether there is a reward and end model."""
        return self._reward_end is not None

    def advance(self, streams: Sequence[Stream], actions: FloatArray | Tensor) -> None:
        """Draws one more picture of each drive.

        Args:
            streams: different drives.
            actions: (n, a) that lead to the new pictures.
        """
        wanted = torch.as_tensor(actions, dtype=torch.float32)
        for first in range(0, len(streams), self._together):
            self._some(streams[first : first + self._together], wanted[first : first + self._together])

    def _some(self, streams: Sequence[Stream], actions: Tensor) -> None:
        fill = [*range(len(streams)), *([0] * (self._together - len(streams)))]
        past = from_bytes(torch.stack([streams[one].pictures for one in fill]).to(self._device))
        done = torch.stack([torch.cat([streams[one].actions, actions[one][None]]) for one in fill]).to(self._device)
        noise = torch.stack([streams[one].noise() for one in fill]).to(self._device)
        drawn = self._denoiser.draw(past, done, self._sampler, noise)
        self._read(streams, fill, past[:, -1], drawn, done[:, -1])
        new, acted = to_bytes(drawn).cpu(), done.cpu()
        for number, stream in enumerate(streams):
            stream.pictures = torch.cat([stream.pictures[1:], new[number][None]])
            stream.actions = acted[number, 1:]
            stream.drawn += 1

    def _read(
        self, streams: Sequence[Stream], fill: Sequence[int], before: Tensor, after: Tensor, actions: Tensor
    ) -> None:
        model = self._reward_end
        if model is None:
            return
        size = model.shape.memory
        none = torch.zeros(size, device=self._device), torch.zeros(size, device=self._device)
        known = [streams[one].memory or none for one in fill]
        memory = torch.stack([one[0] for one in known]), torch.stack([one[1] for one in known])
        with torch.no_grad():
            reward, end, (hidden, cell) = model(torch.stack([before, after], dim=1), actions[:, None], memory)
        signs = reward[:, 0].softmax(-1)
        worth, over = (signs[:, 2] - signs[:, 0]).tolist(), end[:, 0].softmax(-1)[:, 1].tolist()
        for number, stream in enumerate(streams):
            stream.memory = hidden[number], cell[number]
            stream.rewards.append(worth[number])
            stream.ends.append(over[number])
