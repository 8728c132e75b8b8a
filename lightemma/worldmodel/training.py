"""Trains the denoiser of a world model on clips."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from lightemma.worldmodel.denoiser import Denoiser, from_bytes
from lightemma.worldmodel.edm import Sampler
from lightemma.worldmodel.fitting import Fit
from lightemma.worldmodel.windows import Windows

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Hardening:
    """What makes a model bear its own mistakes in a long drive.

    Attributes:
        noise: largest standard deviation of the noise that half of all past pictures get.
        recovery: share of batches in which the newest past picture is one that the model drew itself, so that it learns to
            come back to what is real (the idea of HorizonDrive's rollout recovery, 2026, in its simplest form).
    """

    noise: float = 0.1
    recovery: float = 0.15


class DenoiserLoss:
    """The loss of each step.

    Args:
        denoiser: that is trained.
        windows: of ``past + 2`` pictures.
        plan: gives batch, seed and device.
        hardening: what is done to past pictures.
    """

    def __init__(self, denoiser: Denoiser, windows: Windows, plan: Fit, hardening: Hardening) -> None:
        self._denoiser, self._windows, self._plan, self._hardening = denoiser, windows, plan, hardening
        if windows.length != denoiser.shape.past + 2:
            raise ValueError(f"windows of {windows.length} pictures for a model with {denoiser.shape.past} past ones")

    def __call__(self, step: int) -> Tensor:
        """The loss of a step, by its number alone."""
        plan, count = self._plan, self._denoiser.shape.past
        window = self._windows.draw(plan.batch, (plan.seed, step))
        random = plan.generator(step)
        pictures = from_bytes(window.pictures.to(plan.device))
        actions = window.actions.to(plan.device)
        past = self._noisy(pictures[:, :count], random)
        if np.random.default_rng((plan.seed, step, 1)).random() >= self._hardening.recovery:
            return self._denoiser.loss(pictures[:, count], past, actions[:, :count], random)
        noise = torch.randn(pictures[:, 0].shape, generator=random, device=plan.device)
        own = self._denoiser.draw(past, actions[:, :count], Sampler(steps=1), noise)
        later = torch.cat([past[:, 1:], own[:, None]], dim=1)
        return self._denoiser.loss(pictures[:, count + 1], later, actions[:, 1 : count + 1], random)

    def _noisy(self, past: Tensor, random: torch.Generator) -> Tensor:
        """Past pictures, half of the examples with noise that the model is not told of."""
        size, where = (len(past), 1, 1, 1, 1), random.device
        half = torch.rand(size, generator=random, device=where) < 0.5
        much = torch.rand(size, generator=random, device=where) * self._hardening.noise * half
        noise = torch.randn(past.shape, generator=random, device=where)
        return past + (noise * much).to(past.device)
