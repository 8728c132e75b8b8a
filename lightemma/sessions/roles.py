"""The models of a planner by role: turns the values of ``--model`` into backends."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from lightemma.backends.base import Backend
from lightemma.errors import UserError
from lightemma.planners.base import Planner, PlannerSettings
from lightemma.planners.registry import make_planner, options_known, planner_class

#: Makes a backend from a model's name.
BackendMaker = Callable[[str], Backend]

_ROLE = re.compile(r"([a-z][a-z0-9_-]*)=(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """The models of one run, as the user named them.

    Attributes:
        plain: a value without a role, for a planner with one model; None if roles are named.
        roles: role -> value.
    """

    plain: str | None = None
    roles: Mapping[str, str] | None = None


def model_choices(values: Sequence[str]) -> list[ModelChoice]:
    """The choices of models: one per value without a role, or a single one of all values with roles.

    Raises:
        UserError: if both are mixed, or a role is named twice.
    """
    named = [(match[1], match[2]) for value in values if (match := _ROLE.fullmatch(value))]
    if not named:
        return [ModelChoice(plain=value) for value in values]
    if len(named) < len(values):
        plain = next(value for value in values if not _ROLE.fullmatch(value))
        raise UserError(
            f"`models` names '{plain}' without a role next to '{named[0][0]}={named[0][1]}'; give every model its "
            "role, or give models without roles for one run each.",
            "models",
        )
    roles = dict(named)
    if len(roles) < len(named):
        twice = next(role for role in roles if [name for name, _ in named].count(role) > 1)
        raise UserError(
            f"`models` names the role '{twice}' twice; roles make one run, so give one command for each set of models.",
            "models",
        )
    return [ModelChoice(roles=roles)]


def models_for(name: str, roles: Sequence[str], choice: ModelChoice) -> dict[str, str]:
    """A planner's models by role, in the planner's order.

    Args:
        name: of the planner.
        roles: of the planner.
        choice: as the user named the models.

    Raises:
        UserError: if a role has no model, or a model names a role that the planner does not have.
    """
    there_are = f"the planner '{name}' has {'the role' if len(roles) == 1 else 'the roles'} {', '.join(roles)}"
    if choice.roles is None:
        plain = choice.plain or ""
        if len(roles) == 1:
            return {roles[0]: plain}
        if plain.startswith("replay:"):  # each role replays its own recorded answers
            return {role: f"{plain}#{role}" for role in roles}
        example = ",".join(f"{role}=MODEL" for role in roles)
        raise UserError(f"`models` names '{plain}' for one role, but {there_are}; give `models` {example}.", "models")
    unknown = [role for role in choice.roles if role not in roles]
    if unknown:
        raise UserError(
            f"`models` names the role '{unknown[0]}', but {there_are}; leave it out, or correct its name.", "models"
        )
    missing = [role for role in roles if role not in choice.roles]
    if missing:
        raise UserError(
            f"`models` names no model for '{missing[0]}', but {there_are}; add {missing[0]}=MODEL.", "models"
        )
    return {role: choice.roles[role] for role in roles}


@dataclass(frozen=True, slots=True)
class Equipped:
    """A planner with its models.

    Attributes:
        planner: made with its settings.
        backends: its models by role, in the planner's order; two roles with the same value share one.
    """

    planner: Planner
    backends: Mapping[str, Backend]

    @property
    def model_name(self) -> str:
        """Names of the models, for the run's name; an empty string without models."""
        return "+".join(backend.config.name for backend in self.backends.values())


def equip(
    name: str, settings: PlannerSettings, choices: Sequence[ModelChoice], backends: BackendMaker
) -> list[Equipped]:
    """Makes a planner once for every choice of models; a planner without models once.

    Args:
        name: of the planner.
        settings: of the command; a planner takes those of the options that it has.
        choices: of models.
        backends: makes a backend from a model's name.

    Raises:
        UserError: if there is no such planner, a setting is wrong, or a model is missing.
    """
    settings = replace(settings, options=options_known(planner_class(name), settings.options))
    # The planner's needs are known only from a planner, so one is made before its models.
    unequipped = make_planner(name, settings)
    roles = unequipped.needs().models
    if not roles:
        return [Equipped(unequipped, {})]
    if not choices:
        raise UserError(
            f"The planner '{name}' asks a model; name one with `models` (`lightemma models` lists them).", "models"
        )
    made = []
    for choice in choices:
        values = models_for(name, roles, choice)
        by_value = {value: backends(value) for value in dict.fromkeys(values.values())}
        chosen = {role: by_value[value] for role, value in values.items()}
        configs = {role: backend.config for role, backend in chosen.items()}
        made.append(Equipped(make_planner(name, replace(settings, models=configs)), chosen))
    return made
