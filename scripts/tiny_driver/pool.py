"""All drives there are so far as tensors on one device, growing while the network learns."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tiny_driver.frames import FIELDS, SIZE
from torch import Tensor

#: Scenarios of the public suite with somebody ahead, or a bend: their moments count more.
WEIGHTY = ("stopped-queue", "lead-car-braking", "cut-in", "bend", "green-but-blocked", "queue-moves-off")
#: How much a moment counts in which the car stands and is to stand.
STANDING = 0.35


@dataclass
class Pool:
    """Moments of drives of one part of the split.

    Args:
        folders: of ``gather``.
        part: of the split.
        device: for the tensors.
        capacity: most pictures; 0 keeps none, for a network that sees nothing.

    Attributes:
        about: what is told of each drive.
        data: ``frames.FIELDS`` as tensors of n moments; scene: (n,) place of the drive in ``about``.
        weight: (n,) how often a moment is drawn.
    """

    folders: list[Path]
    part: str
    device: torch.device
    capacity: int
    about: list[dict[str, Any]] = field(default_factory=list)
    data: dict[str, Tensor] = field(default_factory=dict)
    weight: Tensor = field(default_factory=lambda: torch.zeros(0))

    def __post_init__(self) -> None:
        self._seen: set[Path] = set()
        self._shown = 0
        self._pictures = torch.empty((self.capacity, SIZE[1], SIZE[0], 3), dtype=torch.uint8, device=self.device)

    def __len__(self) -> int:
        return len(self.weight)

    @property
    def full(self) -> bool:
        """Whether no more pictures fit."""
        return bool(self.capacity) and self._shown >= self.capacity

    def grow(self, most: int = 400) -> int:
        """Takes in drives that were not there before, at most so many; how many it took."""
        new = []
        for path in sorted(path for folder in self.folders for path in folder.glob(f"{self.part}-*.json")):
            if path not in self._seen and len(new) < most and not self.full:
                new.append(path)
                self._seen.add(path)
        drives: list[dict[str, np.ndarray]] = []
        for path in new:
            with np.load(path.with_suffix(".npz")) as held:
                arrays = {name: held[name] for name in FIELDS}
            shown = np.load(path.with_suffix(".npy"), mmap_mode="r") if self.capacity else None
            count = 0 if shown is None else len(shown)
            if self.capacity and self._shown + count > self.capacity:
                self._shown = self.capacity
                break
            arrays["now"] = arrays["now"] + self._shown
            arrays["scene"] = np.full(len(arrays["now"]), len(self.about))
            about = json.loads(path.read_text())
            stands = (arrays["plan"][:, :, 0].max(1) < 0.1) & (np.abs(arrays["poses"][:, -2:]).max((1, 2)) < 0.05)
            arrays["weight"] = np.where(stands, STANDING, 1.0) * (1.4 if about["scenario"] in WEIGHTY else 1.0)
            if shown is not None:
                self._pictures[self._shown : self._shown + count] = torch.from_numpy(np.array(shown)).to(self.device)
                self._shown += count
            self.about.append(about)
            drives.append(arrays)
        if drives:
            for name in (*FIELDS, "scene", "weight"):
                joined = np.concatenate([one[name] for one in drives])
                tensor = torch.from_numpy(joined).to(self.device)
                tensor = (
                    tensor.float()
                    if tensor.is_floating_point()
                    else tensor
                    if tensor.dtype == torch.bool
                    else tensor.long()
                )
                self.data[name] = torch.cat([self.data[name], tensor]) if name in self.data else tensor
            self.weight = self.data["weight"]
            self._sums = torch.cumsum(self.weight.double(), 0)
        return len(drives)

    def rows(self, count: int, random: torch.Generator) -> Tensor:
        """(count,) moments drawn by their weight."""
        drawn = torch.rand(count, generator=random, device=self.device, dtype=torch.float64) * self._sums[-1]
        return torch.searchsorted(self._sums, drawn).clamp(max=len(self) - 1)

    def pictures(self, places: Tensor) -> Tensor:
        """(n, 3, 144, 256) from -1 to 1."""
        return self._pictures[places].permute(0, 3, 1, 2).float() / 127.5 - 1.0
