"""Privileged drivers: they plan in the process of the world, with its full state."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Self

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
    """A driver that is given the world itself. It is sent to the processes of the worlds, so it must be picklable.

    Attributes:
        takes: what may follow its name and a colon, such as ``SIGMA``, and is given to ``made``; empty where nothing may.
    """

    takes: ClassVar[str] = ""

    @classmethod
    def made(cls, argument: str) -> Self:
        """The driver with what follows its name and a colon.

        Raises:
            UserError: if it cannot be that.
        """
        return cls()

    @abstractmethod
    def begin(self, spec: EpisodeSpec) -> WorldPlan:
        """Prepares an episode.

        Args:
            spec: the episode; everything random comes from its seed.

        Returns:
            A function of the world that gives the plan of each decision.
        """

    def begin_later(self, spec: EpisodeSpec, step: int) -> WorldPlan:
        """Prepares a single plan at a later moment, for two-stage drives; as `begin` where the moment changes nothing.

        Args:
            spec: the episode.
            step: half seconds since its start.
        """
        return self.begin(spec)

    async def plan(self, *_: Any) -> Plan:
        """Not supported: these drivers need the world.

        Raises:
            ValueError: always.
        """
        raise ValueError(f"'{self.name}' plans with the world, not with a frame")


class ExpertDriver(PrivilegedDriver):
    """Drives as the world's own expert: knows the route, the rules and the position and speed of all road users."""

    name: ClassVar[str] = "expert"

    def begin(self, spec: EpisodeSpec) -> WorldPlan:
        """Plans with the world's expert.

        Raises:
            UserError: at the first plan, if the world has no expert.
        """

        def plan(world: World) -> FloatArray:
            actions = world.expert_plan()
            if actions is None:
                raise UserError(f"The world of '{spec.name}' has no expert; let another planner drive.")
            return actions

        return plan


class IdmDriver(PrivilegedDriver):
    """Follows the world's way and keeps its distance to whom the world knows ahead; ignores lights, signs and people."""

    name: ClassVar[str] = "idm"

    def begin(self, spec: EpisodeSpec) -> WorldPlan:
        """Plans by the intelligent driver model, as the world applies it.

        Raises:
            UserError: at the first plan, if the world knows no way to follow.
        """

        def plan(world: World) -> FloatArray:
            actions = world.idm_plan()
            if actions is None:
                raise UserError(
                    f"The world of '{spec.name}' knows no way for 'idm' to follow; let another planner drive."
                )
            return actions

        return plan


class RandomDriver(PrivilegedDriver):
    """Draws a speed up to 12 m/s and a curvature up to 0.05 1/m to either side for each action, from the episode's seed."""

    name: ClassVar[str] = "random"

    def begin(self, spec: EpisodeSpec) -> WorldPlan:
        """Draws new actions for each plan."""
        return self.begin_later(spec, 0)

    def begin_later(self, spec: EpisodeSpec, step: int) -> WorldPlan:
        """Draws other actions at every moment."""
        rng = np.random.default_rng([spec.seed, *spec.scenario.encode(), *([step] if step else [])])
        return lambda world: rng.uniform((0.0, -0.05), (12.0, 0.05), (LIGHTEMMA.plan_steps, 2))


def named_driver(drivers: Mapping[str, type[PrivilegedDriver]], text: str) -> PrivilegedDriver | None:
    """A driver of a world by its name, or by ``NAME:ARGUMENT`` where it takes one; None if there is none of that name.

    Raises:
        UserError: if it takes no argument, or not this one.
    """
    name, colon, argument = text.partition(":")
    if name not in drivers:
        return None
    if colon and not drivers[name].takes:
        raise UserError(f"The driver '{name}' takes nothing after its name; leave ':{argument}' out.")
    return drivers[name].made(argument) if argument else drivers[name]()
