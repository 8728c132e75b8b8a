"""The denoiser of a world model: the next picture from noise, past pictures and actions; and its DDPM twin, for comparison."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from lightemma.worldmodel.actions import ActionEmbedding, ActionSpace
from lightemma.worldmodel.edm import NoiseLevels, Preconditioner, Sampler, noise_like
from lightemma.worldmodel.unet import FourierFeatures, NetworkShape, UNet

Kind = Literal["edm", "ddpm"]
#: Channels of a picture.
COLOURS = 3


@dataclass(frozen=True, slots=True)
class DenoiserShape:
    """Everything that decides a denoiser's weights.

    Attributes:
        kind: ``edm``, or ``ddpm`` for the twin.
        past: past pictures, and actions.
        actions: which there are.
        network: size of the U-Net.
        precondition: the scalings (EDM only).
        levels: noise levels of training (EDM only).
        times: noise levels of the twin.
    """

    kind: Kind = "edm"
    past: int = 4
    actions: ActionSpace = field(default_factory=ActionSpace)
    network: NetworkShape = field(default_factory=NetworkShape)
    precondition: Preconditioner = field(default_factory=lambda: Preconditioner(offset=0.3))
    levels: NoiseLevels = field(default_factory=NoiseLevels)
    times: int = 1000


class Denoiser(nn.Module):
    """Draws the picture after an action. Pictures are (n, 3, h, w) from -1 to 1.

    Args:
        shape: of the model.
    """

    def __init__(self, shape: DenoiserShape) -> None:
        super().__init__()
        self.shape = shape
        size = shape.network.condition
        self.noise = FourierFeatures(size)
        self.actions = ActionEmbedding(shape.actions, shape.past, size)
        self.to_condition = nn.Sequential(nn.Linear(size, size), nn.SiLU(), nn.Linear(size, size))
        self.network = UNet(COLOURS * (shape.past + 1), COLOURS, shape.network)
        # The twin's noise (Ho et al., Denoising Diffusion Probabilistic Models, 2020): linear betas.
        betas = torch.linspace(1e-4, 0.02, shape.times)
        self.register_buffer("kept", torch.cumprod(1.0 - betas, dim=0), persistent=False)

    def run(self, scaled: Tensor, told: Tensor, past: Tensor, actions: Tensor) -> Tensor:
        """The network alone.

        Args:
            scaled: (n, 3, h, w) the noisy picture, scaled to unit variance.
            told: (n,) the noise level as the network is told it.
            past: (n, past, 3, h, w), oldest first.
            actions: (n, past, a), the last leads to the picture.
        """
        condition = self.to_condition(self.noise(told) + self.actions(actions))
        scale = self.shape.precondition.data
        return self.network(torch.cat([scaled, past.flatten(1, 2) / scale], dim=1), condition)

    def denoise(self, noisy: Tensor, sigma: Tensor, past: Tensor, actions: Tensor) -> Tensor:
        """D(x, sigma) of EDM: the clean picture as far as it can be told, (n, 3, h, w)."""
        scalings = self.shape.precondition
        output = self.run(scalings.c_in(sigma).reshape(-1, 1, 1, 1) * noisy, scalings.c_noise(sigma), past, actions)
        return scalings.denoised(output.float(), noisy, sigma)

    def loss(self, clean: Tensor, past: Tensor, actions: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """The mean squared error of the network's output at noise levels drawn for each picture."""
        if self.shape.kind == "ddpm":
            return self._twin_loss(clean, past, actions, generator)
        scalings = self.shape.precondition
        sigma = self.shape.levels.draw(len(clean), generator).to(clean.device)
        own, shared = noise_like(clean, scalings.offset, generator)
        noisy = clean + own * sigma.reshape(-1, 1, 1, 1) + shared
        output = self.run(scalings.c_in(sigma).reshape(-1, 1, 1, 1) * noisy, scalings.c_noise(sigma), past, actions)
        return functional.mse_loss(output.float(), scalings.target(clean, noisy, sigma))

    def draw(
        self, past: Tensor, actions: Tensor, sampler: Sampler, noise: Tensor, sigmas: Tensor | None = None
    ) -> Tensor:
        """The picture after the last action, one of 256 levels per colour (as recorded pictures are), without gradients.

        Args:
            past: (n, past, 3, h, w), oldest first.
            actions: (n, past, a).
            sampler: with its number of steps.
            noise: (n, 3, h, w) of unit variance.
            sigmas: of the sampler, where they are on the device already.

        Returns:
            (n, 3, h, w).
        """
        with torch.no_grad():
            if self.shape.kind == "ddpm":
                drawn = self._twin_draw(past, actions, sampler.steps, noise)
            else:
                drawn = sampler.draw(lambda x, sigma: self.denoise(x, sigma, past, actions), noise, sigmas)
            return in_levels(drawn)

    def _twin_loss(self, clean: Tensor, past: Tensor, actions: Tensor, generator: torch.Generator | None) -> Tensor:
        """The twin learns the noise itself (Ho et al., 2020, equation 14)."""
        where = None if generator is None else generator.device
        time = torch.randint(0, self.shape.times, (len(clean),), generator=generator, device=where).to(clean.device)
        noise, _ = noise_like(clean, 0.0, generator)
        kept = self.kept[time].reshape(-1, 1, 1, 1)
        noisy = kept.sqrt() * clean + (1.0 - kept).sqrt() * noise
        return functional.mse_loss(self.run(noisy, time / self.shape.times, past, actions).float(), noise)

    def _twin_draw(self, past: Tensor, actions: Tensor, steps: int, noise: Tensor) -> Tensor:
        """Deterministic sampling of the twin (Song et al., Denoising Diffusion Implicit Models, 2021, equation 12)."""
        # From the most noise down; a single step starts there, too.
        times = torch.linspace(self.shape.times - 1, 0, steps + 1)[:-1].round().long().tolist()
        x, ones = noise, torch.ones(len(noise), device=noise.device)
        for now, then in zip(times, [*times[1:], None], strict=True):
            kept = self.kept[now]
            wrong = self.run(x, ones * (now / self.shape.times), past, actions).float()
            clean = ((x - (1.0 - kept).sqrt() * wrong) / kept.sqrt()).clamp(-1.0, 1.0)
            left = torch.ones(()) if then is None else self.kept[then]
            wrong = (x - kept.sqrt() * clean) / (1.0 - kept).sqrt()
            x = left.sqrt() * clean + (1.0 - left).sqrt() * wrong
        return x


def in_levels(pictures: Tensor) -> Tensor:
    """Pictures from -1 to 1 in the 256 levels of a byte, as -1 … 1 again."""
    return from_bytes(to_bytes(pictures))


def to_bytes(pictures: Tensor) -> Tensor:
    """-1 … 1 to bytes."""
    return ((pictures.clamp(-1.0, 1.0) + 1.0) * 127.5).round().to(torch.uint8)


def from_bytes(pixels: Tensor) -> Tensor:
    """Bytes to -1 … 1."""
    return pixels.float() / 127.5 - 1.0
