"""The best that can be had without looking: networks on the motion alone, trained on the same drives as the tiny driver."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from tiny_driver.batches import NOISE_M, histories
from tiny_driver.frames import Frames
from tiny_driver.network import apart
from torch import Tensor, nn

#: Rival -> what it is trained on: the expert's plan, what was then driven, or both as the tiny driver is.
TARGETS = ("plan", "driven", "both")


class BlindMlp(nn.Module):
    """Twelve numbers to twelve numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(12, 192),
            nn.GELU(),
            nn.Dropout(0.1),
            nn.Linear(192, 192),
            nn.GELU(),
            nn.Dropout(0.1),
            nn.Linear(192, 12),
        )
        self.layers[-1].weight.data *= 0.1

    def forward(self, history: Tensor) -> Tensor:
        """(n, 6, 2) plans of (n, 6, 2) histories."""
        speed = history[..., 0] - history[:, -1:, 0]
        now = history[:, -1:, 0] / 5.0
        seen = torch.cat([speed[:, :-1], now, torch.asinh(history[..., 1] / 0.01) / 2], 1)
        plan = history[:, -1:] + self.layers(seen).view(-1, 6, 2) * torch.tensor([3.0, 0.05])
        return torch.stack([plan[..., 0].clamp(min=0.0), plan[..., 1]], -1)


def blind_mlp(frames: Frames, target: str, epochs: int = 40, seed: int = 0) -> BlindMlp:
    """Trains one on the motion of all frames."""
    torch.manual_seed(seed)
    random, net = np.random.default_rng(seed), BlindMlp()
    known = ~np.isnan(frames.future).any((1, 2))
    rows = np.flatnonzero(known) if target == "driven" else np.arange(len(frames))
    future = torch.from_numpy(np.nan_to_num(frames.future)).float()
    from tiny_driver.batches import places_of

    planned = torch.from_numpy(places_of(frames.plan)).float()
    size, total = 256, epochs * (len(rows) // 256)
    optimizer = torch.optim.AdamW(net.parameters(), 1.5e-3, weight_decay=1e-3)
    pace = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1.5e-3, total_steps=total + 1)
    for _ in range(total):
        part = random.choice(rows, size)
        poses = frames.poses[part] + random.normal(0, NOISE_M, (size, 8, 2))
        plan = net(torch.from_numpy(histories(poses, frames.times[part])).float())
        to_plan, to_future = apart(plan, planned[part]), apart(plan, future[part])
        sure = torch.from_numpy(known[part])
        both = torch.where(sure, 0.5 * to_plan + 0.5 * to_future, to_plan)
        loss = {"plan": to_plan, "driven": to_future, "both": both}[target].mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        pace.step()
    return net.eval()


def write_rivals(frames: Frames, folder: Path) -> None:
    """Trains all and writes their weights."""
    folder.mkdir(parents=True, exist_ok=True)
    for target in TARGETS:
        torch.save(blind_mlp(frames, target).state_dict(), folder / f"blind-mlp-{target}.pt")
