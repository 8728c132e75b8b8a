"""A denoiser of a game that is drawn with one evaluation by a small network: it draws what changes.

Between two pictures of a game most pixels stay. A network with few channels blurs what it has to hand through, and a small
figure's arms with it; here the newest picture is added to what the network draws. And with one evaluation a picture is drawn
from nearly pure noise, so the noise levels of training lie there, not where many steps would need them.
"""

from __future__ import annotations

import torch
from torch import Tensor

from lightemma.worldmodel.actions import ActionSpace
from lightemma.worldmodel.denoiser import Denoiser, DenoiserShape, in_levels
from lightemma.worldmodel.edm import NoiseLevels, Preconditioner, Sampler
from lightemma.worldmodel.training import Hardening
from lightemma.worldmodel.unet import NetworkShape

#: How a picture is drawn.
SAMPLER = Sampler(1)
#: What makes it bear its own mistakes: less noise on past pictures than for driving, as a change is smaller than a picture.
HARDENING = Hardening(noise=0.02, recovery=0.3)


def change_shape(space: ActionSpace, network: NetworkShape, past: int) -> DenoiserShape:
    """Of a ``ChangeDenoiser``: changes have a smaller spread than pictures."""
    return DenoiserShape(
        past=past,
        actions=space,
        network=network,
        precondition=Preconditioner(data=0.2, offset=0.3),
        levels=NoiseLevels(mean=1.4, spread=0.4),
    )


class ChangeDenoiser(Denoiser):
    """Diffuses the difference of the next picture from the newest."""

    def loss(self, clean: Tensor, past: Tensor, actions: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """As for a ``Denoiser``, of the difference."""
        return super().loss(clean - past[:, -1], past, actions, generator)

    def draw(
        self, past: Tensor, actions: Tensor, sampler: Sampler, noise: Tensor, sigmas: Tensor | None = None
    ) -> Tensor:
        """As for a ``Denoiser``."""
        with torch.no_grad():
            change = sampler.draw(lambda x, sigma: self.denoise(x, sigma, past, actions), noise, sigmas)
            return in_levels(past[:, -1] + change)
