"""What a model is told about an action: a number for discrete actions; speed, curvature, turn and time step for driving."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

#: m/s, 1/m, rad/s and s that become about 1 at the network's input.
_SPEED, _CURVATURE, _TURN, _TIME = 10.0, 0.1, 0.5, 0.5


@dataclass(frozen=True, slots=True)
class ActionSpace:
    """The actions of a world.

    Attributes:
        count: number of discrete actions; 0 for driving, whose action is (speed, curvature, seconds).
    """

    count: int = 0

    @property
    def size(self) -> int:
        """Numbers in one action."""
        return 1 if self.count else 3


class ActionEmbedding(nn.Module):
    """The last actions as one vector.

    DIAMOND's actions are discrete (a table of vectors). Driving has continuous ones, which that article names as future work:
    here each is a linear map of speed, curvature, their product (the turn per second, which stays finite in a car that
    stands) and the time step.

    Args:
        space: which actions.
        steps: number of actions.
        size: of the vector; a multiple of ``steps``.
    """

    def __init__(self, space: ActionSpace, steps: int, size: int) -> None:
        super().__init__()
        if size % steps:
            raise ValueError(f"{size} numbers cannot be shared by {steps} actions")
        self.space = space
        self.embed = nn.Embedding(space.count, size // steps) if space.count else nn.Linear(4, size // steps)

    def forward(self, actions: Tensor) -> Tensor:
        """(n, steps, space.size) to (n, size)."""
        if self.space.count:
            return self.embed(actions[..., 0].long()).flatten(1)
        return self.embed(driving_features(actions)).flatten(1)


def driving_features(actions: Tensor) -> Tensor:
    """(…, 3) speed (m/s), curvature (1/m) and seconds to (…, 4) numbers of about unit size."""
    speed, curvature, seconds = actions.unbind(-1)
    moving = (speed / 2.0).clamp(0.0, 1.0)  # a car that stands has no curvature that one could see
    return torch.stack(
        [speed / _SPEED, moving * curvature / _CURVATURE, speed * curvature / _TURN, seconds / _TIME], dim=-1
    )
