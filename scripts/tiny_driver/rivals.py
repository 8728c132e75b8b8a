"""The best that can be had without looking: networks on the motion alone, trained on the same drives as the tiny driver."""

from __future__ import annotations

from pathlib import Path

import torch
from tiny_driver.batches import NOISE_M, histories
from tiny_driver.network import apart, integrated
from tiny_driver.pool import Pool
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
        plan = history[:, -1:] + self.layers(seen).view(-1, 6, 2) * torch.tensor([3.0, 0.05], device=history.device)
        return torch.stack([plan[..., 0].clamp(min=0.0), plan[..., 1]], -1)


def blind_mlp(pool: Pool, target: str, steps: int = 8_000, seed: int = 0) -> BlindMlp:
    """Trains one on the motion of all moments."""
    torch.manual_seed(seed)
    device, size = pool.device, 1024
    net, random = BlindMlp().to(device), torch.Generator(device).manual_seed(seed)
    data = pool.data
    known = ~torch.isnan(data["future"]).any(-1).any(-1)
    rows = torch.nonzero(known)[:, 0] if target == "driven" else torch.arange(len(pool), device=device)
    future, planned = torch.nan_to_num(data["future"]), integrated(data["plan"])
    optimizer = torch.optim.AdamW(net.parameters(), 1.5e-3, weight_decay=1e-3)
    pace = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1.5e-3, total_steps=steps + 1)
    for _ in range(steps):
        part = rows[torch.randint(len(rows), (size,), generator=random, device=device)]
        poses = data["poses"][part]
        poses = poses + torch.randn(poses.shape, generator=random, device=device) * NOISE_M
        plan = net(histories(poses))
        to_plan, to_future = apart(plan, planned[part]), apart(plan, future[part])
        both = torch.where(known[part], 0.5 * to_plan + 0.5 * to_future, to_plan)
        loss = {"plan": to_plan, "driven": to_future, "both": both}[target].mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        pace.step()
    return net.eval().cpu()


def write_rivals(pool: Pool, folder: Path, steps: int = 8_000) -> None:
    """Trains all and writes their weights."""
    folder.mkdir(parents=True, exist_ok=True)
    for target in TARGETS:
        torch.save(blind_mlp(pool, target, steps).state_dict(), folder / f"blind-mlp-{target}.pt")
