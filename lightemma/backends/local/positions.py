"""Where the tokens of a continuous batch stand, as the model counts: in one dimension, or in several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lightemma.backends.local.rows import Row

if TYPE_CHECKING:
    import torch


def collated_positions(
    positions: Sequence[torch.Tensor], lengths: Sequence[int], width: int, device: Any
) -> torch.Tensor:
    """The last positions of each call, (…, calls, width), zeros before them."""
    import torch

    rows = []
    for own, length in zip(positions, lengths, strict=True):
        last = own[..., -length:].to(device)
        rows.append(torch.cat([last.new_zeros((*last.shape[:-1], width - length)), last], dim=-1))
    return torch.cat(rows, dim=-2)


def next_positions(rows: Sequence[Row], device: Any) -> torch.Tensor:
    """Positions of each row's newest token: (rows, 1), or (dimensions, rows, 1) where the model counts in several."""
    import torch

    numbers = [
        [[row.start[dimension] + len(row.written) - 1] for row in rows] for dimension in range(len(rows[0].start))
    ]
    found = torch.tensor(numbers, device=device)
    return found if len(numbers) > 1 else found[0]
