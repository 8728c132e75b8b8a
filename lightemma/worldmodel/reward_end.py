"""What a step is worth, and whether the episode ends with it, read from pictures and actions: convolutions and an LSTM.

As in DIAMOND the reward is one of three signs and the end is yes or no, both learned by cross-entropy (Alonso et al., 2024,
section 3.2); the network sees the picture before and after the action.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional

from lightemma.worldmodel.actions import ActionEmbedding, ActionSpace
from lightemma.worldmodel.eyes import Eye

#: Hidden and cell state of an LSTM, each (n, size).
Memory = tuple[Tensor, Tensor]
#: Where a target is unknown.
UNKNOWN = -1


@dataclass(frozen=True, slots=True)
class RewardEndShape:
    """Everything that decides the weights.

    Attributes:
        size: width and height of the pictures.
        actions: which there are.
        channels: of the convolutions.
        condition: size of the action's vector.
        memory: of the LSTM; 512 as published.
        patch: side of the squares of pixels that are folded into channels first; 1 keeps pixels.
    """

    size: tuple[int, int] = (64, 64)
    actions: ActionSpace = field(default_factory=ActionSpace)
    channels: tuple[int, ...] = (32, 32, 32, 32)
    condition: int = 128
    memory: int = 512
    patch: int = 1


class RewardEnd(nn.Module):
    """The model.

    Args:
        shape: of it.
    """

    def __init__(self, shape: RewardEndShape) -> None:
        super().__init__()
        self.shape = shape
        self.eye = Eye(6, shape.size, shape.channels, shape.patch)
        self.actions = ActionEmbedding(shape.actions, 1, shape.condition)
        self.lstm = nn.LSTM(self.eye.features + shape.condition, shape.memory, batch_first=True)
        self.head = nn.Sequential(nn.Linear(shape.memory, shape.memory), nn.SiLU(), nn.Linear(shape.memory, 5))

    def forward(self, pictures: Tensor, actions: Tensor, memory: Memory | None = None) -> tuple[Tensor, Tensor, Memory]:
        """Reads a stretch of a drive.

        Args:
            pictures: (n, t + 1, 3, h, w), -1 … 1.
            actions: (n, t, a) between them.
            memory: of what came before; None at the start.

        Returns:
            (n, t, 3) logits of the rewards -1, 0 and 1; (n, t, 2) logits of going on and of the end; the memory after it.
        """
        n, t = actions.shape[:2]
        pairs = torch.cat([pictures[:, :-1], pictures[:, 1:]], dim=2).flatten(0, 1)
        seen = self.eye(pairs).reshape(n, t, -1)
        told = self.actions(actions.flatten(0, 1)[:, None]).reshape(n, t, -1)
        if memory is not None:
            memory = (memory[0][None], memory[1][None])
        out, (hidden, cell) = self.lstm(torch.cat([seen, told], dim=2), memory)
        logits = self.head(out).float()
        return logits[..., :3], logits[..., 3:], (hidden[0], cell[0])

    def loss(self, pictures: Tensor, actions: Tensor, rewards: Tensor, ends: Tensor) -> Tensor:
        """Cross-entropy of both.

        Args:
            pictures: as for ``forward``.
            actions: as for ``forward``.
            rewards: (n, t) signs -1, 0, 1, as integers.
            ends: (n, t) 0 or 1; ``UNKNOWN`` after an end, which also leaves the reward out.
        """
        said_reward, said_end, _ = self(pictures, actions)
        known = ends != UNKNOWN
        signs = torch.where(known, rewards + 1, torch.full_like(rewards, UNKNOWN))
        of_reward = functional.cross_entropy(said_reward.flatten(0, 1), signs.flatten(), ignore_index=UNKNOWN)
        of_end = functional.cross_entropy(said_end.flatten(0, 1), ends.flatten(), ignore_index=UNKNOWN)
        return of_reward + of_end
