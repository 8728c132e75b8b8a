"""The world as the closed loop sees it, and how one is opened."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from lightemma.closed_loop.records import Verdict
from lightemma.closed_loop.spec import EpisodeSpec, LoopRules
from lightemma.frame import FloatArray
from lightemma.simulation.state import City, EgoState, WorldState


class World(Protocol):
    """What a world offers to the loop and to drivers that know it."""

    @property
    def city(self) -> City:
        """Everything that stands still."""

    @property
    def past(self) -> FloatArray:
        """(7, 3) x, y, heading at -3.5 … -0.5 s."""

    @property
    def over(self) -> bool:
        """Whether the episode has ended."""

    def state(self) -> WorldState:
        """Everything that moves, now."""

    def ego_state(self) -> EgoState:
        """The ego car, now: quicker than all."""

    def step(self, speed: float, curvature: float) -> None:
        """Goes on by 0.05 s."""

    def expert_plan(self) -> FloatArray:
        """(6, 2) what somebody who knows the world would do."""

    def verdict(self) -> Verdict:
        """How it went so far."""


#: Makes the world of an episode.
WorldMaker = Callable[[EpisodeSpec, LoopRules], World]
