"""Drivers that know the world they drive in: they plan where the world is, with more than a picture."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from lightemma.closed_loop.spec import EpisodeSpec
from lightemma.closed_loop.world import World
from lightemma.errors import UserError
from lightemma.frame import FloatArray
from lightemma.planners.base import Plan, Planner
from lightemma.protocol import LIGHTEMMA

#: Plans in a world: (6, 2) pairs of speed (m/s) and curvature (1/m).
WorldPlan = Callable[[World], FloatArray]


class PrivilegedDriver(Planner):
    """A driver that is given the world itself. It is sent to where the worlds are, so it must be picklable."""

    @abstractmethod
    def begin(self, spec: EpisodeSpec) -> WorldPlan:
        """Gets ready for an episode.

        Args:
            spec: the episode; whatever is drawn at random comes from its seed.

        Returns:
            What plans in its world, decision by decision.
        """

    async def plan(self, *_: Any) -> Plan:
        """Not to be asked: a frame says too little.

        Raises:
            ValueError: always.
        """
        raise ValueError(f"'{self.name}' plans with the world, not with a frame")


class ExpertDriver(PrivilegedDriver):
    """Does what the world's own expert would: knows the way, the rules and everybody's place and speed."""

    name: ClassVar[str] = "expert"

    def begin(self, spec: EpisodeSpec) -> WorldPlan:
        """Asks the world each time.

        Raises:
            UserError: at the first plan, if the world has no expert.
        """

        def plan(world: World) -> FloatArray:
            actions = world.expert_plan()
            if actions is None:
                raise UserError(f"The world of '{spec.name}' has no expert; let another planner drive.")
            return actions

        return plan


class RandomDriver(PrivilegedDriver):
    """Draws a speed up to 12 m/s and a curvature up to 0.05 1/m to either side for each action, from the episode's seed."""

    name: ClassVar[str] = "random"

    def begin(self, spec: EpisodeSpec) -> WorldPlan:
        """Draws anew for each plan."""
        rng = np.random.default_rng([spec.seed, *spec.scenario.encode()])
        return lambda world: rng.uniform((0.0, -0.05), (12.0, 0.05), (LIGHTEMMA.plan_steps, 2))
