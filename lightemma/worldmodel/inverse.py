"""An inverse-dynamics net: reads from two pictures how the car moved between them. It is trained on recorded pictures only.

It is the instrument by which imagined pictures are judged: what was commanded must be what it reads back. How well it reads
recorded pictures is always said beside, since no world can do better by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from lightemma.frame import FloatArray
from lightemma.worldmodel.clips import ByteArray, Clip
from lightemma.worldmodel.denoiser import from_bytes
from lightemma.worldmodel.eyes import Eye
from lightemma.worldmodel.fitting import Fit, Say, fit, same_settings
from lightemma.worldmodel.weights import read_state
from lightemma.worldmodel.windows import TEMPO, Windows

#: m/s and rad/s that are 1 at the output.
_SPEED, _TURN = 10.0, 0.5


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read from pairs of pictures.

    Attributes:
        speed: (n,) m/s.
        turn: (n,) radians per second, positive = left.
    """

    speed: FloatArray
    turn: FloatArray


class InverseDynamics(nn.Module):
    """The net.

    Args:
        size: width and height of the pictures.
        channels: of the convolutions.
    """

    def __init__(self, size: tuple[int, int], channels: tuple[int, ...] = (32, 64, 64, 64)) -> None:
        super().__init__()
        self.eye = Eye(6, size, channels)
        self.head = nn.Sequential(nn.Linear(self.eye.features, 128), nn.SiLU(), nn.Linear(128, 2))

    def forward(self, before: Tensor, after: Tensor) -> Tensor:
        """Pairs (n, 3, h, w), -1 … 1, to (n, 2) speed and turn per second in units of about 1."""
        out: Tensor = self.head(self.eye(torch.cat([before, after], dim=1))).float()
        return out

    def read(self, before: ByteArray, after: ByteArray) -> Reading:
        """Reads pairs of pictures (n, h, w, 3) in bytes."""
        with torch.no_grad():
            pairs = (from_bytes(torch.from_numpy(one.copy()).permute(0, 3, 1, 2)) for one in (before, after))
            found = self(*pairs).double().numpy()
        return Reading(found[:, 0] * _SPEED, found[:, 1] * _TURN)


def train_inverse(clips: list[Clip], size: tuple[int, int], plan: Fit, path: Path, say: Say) -> InverseDynamics:
    """Trains the net on recorded pictures, or continues it.

    Args:
        clips: to learn from.
        size: of their pictures.
        plan: how.
        path: file of the training.
        say: is told of the progress.

    Returns:
        The net, on the processor.
    """
    torch.manual_seed(plan.seed)
    net = InverseDynamics(size).to(plan.device)
    windows = Windows(clips, 2, mirror=True, tempo=TEMPO, device=plan.device)

    def loss(step: int) -> Tensor:
        window = windows.draw(plan.batch, (plan.seed, 3, step))
        pictures = from_bytes(window.pictures.to(plan.device))
        # A little noise, so that no trace of how a picture was made is what it reads by.
        pictures = pictures + 0.05 * torch.randn(pictures.shape, generator=plan.generator(step), device=plan.device)
        speed, curvature, _ = window.actions[:, 0].to(plan.device).unbind(-1)
        truth = torch.stack([speed / _SPEED, speed * curvature / _TURN], dim=1)
        return functional.huber_loss(net(pictures[:, 0], pictures[:, 1]), truth, delta=0.2)

    # A net that other drives taught may have seen those that are held out now.
    settings = {"learn": ", ".join(sorted(f"{one.name}/{len(one.pictures)}" for one in clips)), "size": f"{size}"}
    if path.exists() and same_settings(path, read_state(path, plan.device), settings | {"steps": plan.steps}):
        say(f"{path.stem}: begins anew, as it has learned from other drives or for another number of steps")
        path.unlink()
    fit(net, loss, plan, path, say, settings | {"steps": plan.steps})
    return net.cpu().eval().requires_grad_(False)


def slope(given: FloatArray, found: FloatArray) -> float:
    """Slope of the least-squares line of what was found over what was given; NaN where that does not vary."""
    middle = given - given.mean()
    return float((middle * (found - found.mean())).sum() / (middle**2).sum()) if np.any(middle) else float("nan")
