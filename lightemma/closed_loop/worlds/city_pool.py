"""Simulations as they are when an episode begins: the next driver of the same episode gets a copy of what was made before."""

from __future__ import annotations

from collections import OrderedDict
from copy import deepcopy
from typing import Any

from lightemma.closed_loop.spec import EpisodeSpec, LoopRules
from lightemma.simulation.conditions import conditions_named
from lightemma.simulation.ego import Limits
from lightemma.simulation.scenarios import make_world, scenario_named
from lightemma.simulation.world import CitySimulation

MOST = 128
"""Simulations that are kept, of about 0.2 MB each."""


class SimulationPool:
    """The simulations that were asked for last, none of which has been driven.

    Args:
        most: how many are kept.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._kept: OrderedDict[tuple[Any, ...], CitySimulation] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def at_start(self, spec: EpisodeSpec, rules: LoopRules) -> CitySimulation:
        """The simulation of an episode at time 0, the caller's own; what never changes in it is shared with others.

        Raises:
            UserError: if there is no such scenario, or it builds no setup.
        """
        name = str(spec.options.get("scenario", spec.scenario))
        conditions, limits = conditions_named(spec.conditions), Limits() if rules.car_limits else None
        # The scenario itself and not only its name, in case another one has been given that name.
        key = scenario_named(name), spec.seed, conditions, spec.left_hand, limits
        made = self._kept.get(key)
        if made is None:
            made = make_world(name, spec.seed, conditions, left_hand=spec.left_hand, limits=limits)
            self._kept[key] = made
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return deepcopy(made, {id(one): one for one in made.fixed})

    def clear(self) -> None:
        """Forgets all."""
        self._kept.clear()
