"""An agent of a game: the actor-critic, with an eye for what is not as usual."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from lightemma.worldmodel.actor_critic import ActorCritic, AgentShape
from lightemma.worldmodel.clips import ByteArray
from lightemma.worldmodel.eyes import Eye

#: Least spread of a pixel: what a small world draws amiss must stay small to the eye. Where nothing but scenery is, pixels
#: hardly vary, and in units of that its mistakes are as large as what is to be seen; true pictures are without them.
_LEAST = 0.2
#: The furthest from usual that a pixel is taken to be, in spreads.
_FURTHEST = 5.0


class UsualEye(Eye):
    """Looks at how far each pixel is from what it usually is. Nearly all of a game's picture is its scenery: without this, how
    a small figure holds its arms makes too little difference to what the network sees."""

    def __init__(self, shape: AgentShape) -> None:
        super().__init__(3, shape.size, shape.channels, shape.patch)
        size = (3, shape.size[1], shape.size[0])
        self.register_buffer("usual", torch.zeros(size))
        self.register_buffer("spread", torch.ones(size))

    def see_usual(self, pictures: ByteArray) -> None:
        """Takes the mean and spread of each pixel from (n, h, w, 3)."""
        seen = pictures.astype(np.float32) / 127.5 - 1.0
        for buffer, of_pixels in ((self.usual, seen.mean(axis=0)), (self.spread, seen.std(axis=0).clip(_LEAST))):
            buffer.copy_(torch.from_numpy(of_pixels).permute(2, 0, 1))

    def forward(self, pictures: Tensor) -> Tensor:
        """(n, 3, h, w) to (n, features)."""
        return super().forward(((pictures - self.usual) / self.spread).clamp(-_FURTHEST, _FURTHEST))


def game_agent(shape: AgentShape) -> ActorCritic:
    """An agent with such an eye that has learned nothing."""
    agent = ActorCritic(shape)
    agent.eye = UsualEye(shape)
    return agent
