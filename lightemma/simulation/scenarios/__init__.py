"""The scenarios: situations with a known right answer, varied by the seed; other packages may add theirs."""

from __future__ import annotations

import inspect
import sys
import zlib
from functools import cache

import numpy as np

from lightemma.errors import UserError, near_names
from lightemma.plugins import error_line, load_object, offered
from lightemma.protocol import LIGHTEMMA, Protocol
from lightemma.simulation.conditions import CONDITIONS
from lightemma.simulation.ego import Limits
from lightemma.simulation.scenarios import (
    cyclists,
    following,
    hidden,
    junctions,
    limits,
    obstacles,
    open_road,
    roundabouts,
    t_junctions,
)
from lightemma.simulation.scenarios.base import Scenario, ScenarioBuilder
from lightemma.simulation.setup import Setup
from lightemma.simulation.state import Conditions
from lightemma.simulation.world import CitySimulation

#: The scenarios shipped here, by name.
SCENARIOS: dict[str, Scenario] = {
    scenario.name: scenario
    for module in (open_road, following, junctions, obstacles, t_junctions, limits, hidden, cyclists, roundabouts)
    for scenario in module.SCENARIOS
}
#: Other packages offer scenarios by entry points of this group.
ENTRY_POINTS = "lightemma.scenarios"


def scenario_names() -> list[str]:
    """Names of all scenarios that are installed, those shipped here first."""
    return [*SCENARIOS, *(name for name in offered(ENTRY_POINTS, {}) if name not in SCENARIOS)]


def scenario_named(text: str) -> Scenario:
    """A scenario by its name, or by ``module:NAME`` of the user's own.

    Args:
        text: a name in ``scenario_names``, or the place of a ``Scenario``, or of a function or class that gives one.

    Raises:
        UserError: if there is none.
    """
    if text in SCENARIOS:
        return SCENARIOS[text]
    if ":" in text:
        return _loaded(text)
    found = offered(ENTRY_POINTS, {}).get(text)
    if found is None:
        raise UserError(f"There is no scenario '{text}'; {near_names(text, scenario_names())}")
    return _loaded(found.place)


def choose_scenarios(text: str) -> dict[str, Scenario]:
    """Scenarios of a list with commas, each under the text that names it; ``all`` means all that are installed.

    Raises:
        UserError: if one is unknown, two have one name, or none is named.
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    if names == ["all"]:
        names = scenario_names()
    if not names:
        raise UserError(f"No scenario is named; give one or more of {', '.join(scenario_names())}, or all.")
    chosen = {name: scenario_named(name) for name in names}
    called = [scenario.name for scenario in chosen.values()]
    twice = next((name for name in called if called.count(name) > 1), None)
    if twice:
        raise UserError(f"Two of the scenarios are called '{twice}'; name one of them.")
    return chosen


def make_world(
    name: str,
    seed: int,
    conditions: Conditions = Conditions(),  # noqa: B008 - frozen
    left_hand: bool = False,
    limits: Limits | None = Limits(),  # noqa: B008 - frozen
    protocol: Protocol = LIGHTEMMA,
) -> CitySimulation:
    """A world at time 0 of an episode.

    Args:
        name: of a scenario, or ``module:NAME``.
        seed: of speeds, distances, times, traffic and surroundings.
        conditions: light and weather.
        left_hand: whether traffic keeps to the left.
        limits: of the ego car; None for one that reaches every command immediately.
        protocol: see `CitySimulation`.

    Raises:
        UserError: if there is no such scenario, or it builds no setup.
    """
    scenario = scenario_named(name)
    key = zlib.crc32((scenario.family or scenario.name).encode())
    builder = ScenarioBuilder(
        scenario,
        np.random.default_rng([seed, key, 0]),
        np.random.default_rng([seed, key, 1]),
        conditions,
        left_hand,
    )
    return CitySimulation(_built(scenario, builder), seed, conditions, limits, protocol)


def _built(scenario: Scenario, builder: ScenarioBuilder) -> Setup:
    """The setup that a scenario builds; an exception of a plug-in's scenario becomes one sentence."""
    build = scenario.build
    try:
        setup = build(builder)
        if not isinstance(setup, Setup):
            raise TypeError(f"it gives {type(setup).__name__} in place of a Setup (`return builder.finish(…)`)")
    except UserError:
        raise
    except Exception as error:
        module = getattr(build, "__module__", "")
        if scenario.name in SCENARIOS:
            raise
        file = getattr(sys.modules.get(module), "__file__", None) or module
        raise UserError(
            f"The scenario '{scenario.name}' (function '{getattr(build, '__qualname__', build)}' in {file}) cannot be "
            f"built: {error_line(error)}; correct that function."
        ) from error
    return setup


@cache
def _loaded(place: str) -> Scenario:
    found = load_object(place, "scenario")
    if callable(found) and not isinstance(found, Scenario):
        try:
            inspect.signature(found).bind()
        except TypeError as error:
            raise UserError(
                f"The scenario '{place}' needs arguments ({error}); give a Scenario, or a function without arguments that "
                "gives one."
            ) from error
        try:
            found = found()
        except UserError:
            raise
        except Exception as error:
            raise UserError(
                f"The scenario '{place}' cannot be made: {error_line(error)}; correct that function."
            ) from error
    if not isinstance(found, Scenario):
        raise UserError(
            f"'{place}' is no scenario but {type(found).__name__}; give a lightemma.simulation.scenarios:Scenario."
        )
    if found.name in SCENARIOS and found is not SCENARIOS[found.name]:
        # Episodes are named after their scenario, so the two would be taken for the same in resuming and comparing.
        raise UserError(
            f"The scenario '{place}' is called '{found.name}', a name that lightemma uses itself; rename it."
        )
    return found


__all__ = [
    "CONDITIONS",
    "SCENARIOS",
    "Scenario",
    "ScenarioBuilder",
    "choose_scenarios",
    "make_world",
    "scenario_named",
    "scenario_names",
]
