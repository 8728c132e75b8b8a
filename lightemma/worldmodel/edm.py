"""Diffusion by the equations of EDM (Karras et al., Elucidating the Design Space of Diffusion-Based Generative Models, 2022).

A denoiser is D(x, sigma) = c_skip x + c_out F(c_in x, c_noise), where F is the network, so that what F has to give has about
unit variance at every noise level. DIAMOND (Alonso et al., Diffusion for World Modeling, 2024) uses it to draw the next
picture; from there come the noise shared by all pixels of a channel and the sampler's three steps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

#: x (n, c, h, w) and one noise level per picture (n,) to the denoised pictures.
Denoise = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True, slots=True)
class Preconditioner:
    """The scalings around the network (EDM, table 1).

    Attributes:
        data: standard deviation of the data, sigma_data.
        offset: standard deviation of the noise that all pixels of a channel share; it adds to the level that the network is
            told and scaled for. 0 gives EDM's own.
    """

    data: float = 0.5
    offset: float = 0.0

    def level(self, sigma: Tensor) -> Tensor:
        """The standard deviation of a pixel's whole noise at a noise level."""
        return torch.sqrt(sigma**2 + self.offset**2)

    def c_skip(self, sigma: Tensor) -> Tensor:
        """Share of the noisy picture that is kept: 1 without noise, 0 for noise alone."""
        level = self.level(sigma)
        return self.data**2 / (level**2 + self.data**2)

    def c_out(self, sigma: Tensor) -> Tensor:
        """Scale of the network's output: about the noise where there is little, sigma_data where there is much."""
        level = self.level(sigma)
        return level * self.data / torch.sqrt(level**2 + self.data**2)

    def c_in(self, sigma: Tensor) -> Tensor:
        """Scale of the noisy picture at the network's input: it gives unit variance."""
        return 1.0 / torch.sqrt(self.level(sigma) ** 2 + self.data**2)

    def c_noise(self, sigma: Tensor) -> Tensor:
        """The noise level as the network is told it."""
        return torch.log(self.level(sigma)) / 4.0

    def target(self, clean: Tensor, noisy: Tensor, sigma: Tensor) -> Tensor:
        """What the network should give for a noisy picture, (n, c, h, w), of variance 1 for data of variance sigma_data²."""
        level = _column(sigma)
        return (clean - self.c_skip(level) * noisy) / self.c_out(level)

    def denoised(self, output: Tensor, noisy: Tensor, sigma: Tensor) -> Tensor:
        """The denoised picture from the network's output."""
        level = _column(sigma)
        return self.c_skip(level) * noisy + self.c_out(level) * output


@dataclass(frozen=True, slots=True)
class NoiseLevels:
    """The noise levels of training: log-normal, cut at both ends (EDM, section 5; DIAMOND's numbers).

    Attributes:
        mean: of the logarithm.
        spread: its standard deviation.
        least: smallest sigma.
        most: largest sigma.
    """

    mean: float = -0.4
    spread: float = 1.2
    least: float = 2e-3
    most: float = 20.0

    def draw(self, count: int, generator: torch.Generator | None = None) -> Tensor:
        """(count,) sigmas."""
        drawn = torch.randn(count, generator=generator, device=_place(generator)) * self.spread + self.mean
        return drawn.exp().clamp(self.least, self.most)


#: Evaluations of the network for one picture at most.
MOST_EVALUATIONS = 1000


@dataclass(frozen=True, slots=True)
class Sampler:
    """Euler's method along the probability flow, from noise to a picture.

    Attributes:
        steps: network evaluations of one picture.
        least: sigma of the last step before 0.
        most: sigma of the first.
        rho: how much the steps crowd at small sigmas.
    """

    steps: int = 3
    least: float = 2e-3
    most: float = 5.0
    rho: float = 7.0

    def sigmas(self) -> Tensor:
        """(steps + 1,) falling noise levels, the last 0 (EDM, equation 5)."""
        return karras_sigmas(self.steps, self.least, self.most, self.rho)

    def draw(self, denoise: Denoise, noise: Tensor, sigmas: Tensor | None = None) -> Tensor:
        """Pictures drawn from noise.

        Args:
            denoise: of the model, with whatever it is conditioned on bound.
            noise: (n, c, h, w) of unit variance.
            sigmas: ``sigmas()`` on the noise's device, where it is there already.

        Returns:
            (n, c, h, w).
        """
        sigmas = self.sigmas().to(noise.device) if sigmas is None else sigmas
        x = noise * sigmas[0]
        for now, then in pairwise(sigmas):
            clean = denoise(x, now.expand(len(x)))
            x = x + (then - now) * (x - clean) / now
        return x


def karras_sigmas(steps: int, least: float, most: float, rho: float) -> Tensor:
    """(steps + 1,) sigma_i = (most^(1/rho) + i / (steps - 1) (least^(1/rho) - most^(1/rho)))^rho, and 0 at the end."""
    share = torch.linspace(0.0, 1.0, steps) if steps > 1 else torch.zeros(1)
    first, last = most ** (1.0 / rho), least ** (1.0 / rho)
    return torch.cat([(first + share * (last - first)) ** rho, torch.zeros(1)])


def noise_like(pictures: Tensor, offset: float, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
    """Unit noise of every pixel, and noise of the standard deviation ``offset`` that all pixels of a channel share.

    Args:
        pictures: (n, c, h, w), whose shape and device are taken.
        offset: see ``Preconditioner``.
        generator: of random numbers, on the processor or on the pictures' device; None takes the processor's global one.
    """
    n, c, h, w = pictures.shape
    own = torch.randn((n, c, h, w), generator=generator, device=_place(generator)).to(pictures.device)
    shared = torch.randn((n, c, 1, 1), generator=generator, device=_place(generator)).to(pictures.device) * offset
    return own, shared


def _place(generator: torch.Generator | None) -> torch.device | None:
    return None if generator is None else generator.device


def _column(sigma: Tensor) -> Tensor:
    return sigma.reshape(-1, 1, 1, 1)
