"""The planners by name: those of lightemma, those of installed packages, and classes by dotted name."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from lightemma.errors import UserError
from lightemma.planners.base import Needs, Planner, PlannerSettings
from lightemma.planners.prompt_style import PromptStyle
from lightemma.plugins import Offered, describe, error_line, find_class, offered

#: Installed packages offer planners under this group of entry points.
ENTRY_POINTS = "lightemma.planners"

#: name -> "module:Class", imported when needed.
PLANNERS = {
    "chain-of-thought": "lightemma.planners.chain_of_thought:ChainOfThought",
    "single-call": "lightemma.planners.single_call:SingleCall",
    "waypoints": "lightemma.planners.waypoints:Waypoints",
    "choose": "lightemma.planners.choose:Choose",
    "expert-tools": "lightemma.planners.expert_tools:ExpertTools",
    "constant-action": "lightemma.planners.baselines:ConstantAction",
    "constant-acceleration": "lightemma.planners.baselines:ConstantAcceleration",
    "damped-acceleration": "lightemma.planners.baselines:DampedAcceleration",
    "constant-speed-straight": "lightemma.planners.baselines:ConstantSpeedStraight",
    "stop": "lightemma.planners.baselines:Stop",
}


def planners() -> dict[str, Offered]:
    """Every planner by name: lightemma's own, and those that installed packages offer as ``lightemma.planners``."""
    return offered(ENTRY_POINTS, PLANNERS)


def planner_class(name: str) -> type[Planner]:
    """The class behind a planner's name, or behind ``package.module:Class``.

    Raises:
        UserError: if there is no such class, or it does not follow the contract of planners.
    """
    cls = find_class(name, ENTRY_POINTS, PLANNERS, Planner, "planner")
    wrong = _contract_fault(cls)
    if wrong:
        raise UserError(f"The planner '{name}' ({describe(cls)}) {wrong}; see docs/adding-a-planner.md.")
    return cls


def make_planner(name: str, settings: PlannerSettings = PlannerSettings()) -> Planner:  # noqa: B008 -- frozen
    """Creates a planner.

    Args:
        name: a key of PLANNERS, a name that an installed package offers, or ``package.module:Class``.
        settings: passed to the planner.

    Raises:
        UserError: if there is no planner of that name, it cannot be created, an option is wrong, or it does not take the style.
    """
    cls = planner_class(name)
    try:
        planner = cls(settings)
        needs: object = planner.needs()
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            f"The planner '{name}' ({describe(cls)}) cannot be made: {error_line(error)}; see docs/adding-a-planner.md."
        ) from error
    if not hasattr(planner, "options"):
        wrong = "does not call super().__init__(settings) in its __init__"
    elif not isinstance(needs, Needs):
        wrong = f"returns {type(needs).__name__} from needs(), not Needs"
    else:
        _check_style(name, planner, settings.style)
        return planner
    raise UserError(f"The planner '{name}' ({describe(cls)}) {wrong}; see docs/adding-a-planner.md.")


def options_known(cls: type[Planner], options: Mapping[str, Any]) -> dict[str, Any]:
    """The ``options`` that a planner has: where several planners run, each takes its own."""
    return {key: value for key, value in options.items() if key in cls.Options.model_fields}


def check_options(names: list[str], options: Mapping[str, Any]) -> None:
    """Checks that every option belongs to at least one of the planners.

    Raises:
        UserError: if not; it lists the options there are.
    """
    known = {name: list(planner_class(name).Options.model_fields) for name in names}
    for key in options:
        if not any(key in fields for fields in known.values()):
            there_are = "; ".join(f"{name}: {', '.join(fields) or 'none'}" for name, fields in known.items())
            raise UserError(f"No planner here has an option '{key}'; the options are {there_are}.")


def _check_style(name: str, planner: Planner, style: PromptStyle) -> None:
    if planner.needs().models and style != PromptStyle() and not planner.takes_style:
        raise UserError(
            f"The planner '{name}' decides itself how it asks its model; leave out {_listed(style)} (for planners that take a "
            "style, such as chain-of-thought).",
            *_STYLED.values(),
        )


#: Setting of a style -> parameter of the library.
_STYLED = {
    "dialogue": "dialogue",
    "frames": "pictures",
    "answer": "answer",
    "history_s": "history",
    "command": "command",
    "cameras": "cameras",
    "few_shot": "few_shot",
    "few_shot_seed": "few_shot_seed",
    "samples": "samples",
    "temperature": "temperature",
}


def _listed(style: PromptStyle) -> str:
    given = [f"`{_STYLED[name]}`" for name in style.settings()]
    return given[0] if len(given) == 1 else f"{', '.join(given[:-1])} and {given[-1]}"


def _contract_fault(cls: type[Planner]) -> str:
    """Why a class cannot be a planner, as a clause; empty if it can."""
    if not isinstance(getattr(cls, "name", None), str) or not cls.name:
        return 'has no name; give it one, such as name = "my-planner"'
    missing = sorted(getattr(cls, "__abstractmethods__", ()))
    if missing:
        return f"does not write {', '.join(missing)}"
    if hasattr(cls, "asks_model"):
        return "has 'asks_model', as planners of lightemma 0.1 had; write needs() instead"
    if not inspect.iscoroutinefunction(inspect.unwrap(cls.plan)):
        return "has a plan() that is not `async def`"
    if not _takes(cls.plan, 4):
        return "has a plan() that does not take (self, frame, view, calls)"
    if not _takes(cls.__init__, 2):
        return "has an __init__ that does not take (self, settings)"
    if not (isinstance(cls.Options, type) and issubclass(cls.Options, Planner.Options)):
        return "has an Options class that does not subclass Planner.Options"
    return ""


def _takes(function: Any, count: int) -> bool:
    """Whether a function can be called with ``count`` positional arguments."""
    try:
        inspect.signature(function).bind(*range(count))
    except TypeError:
        return False
    except ValueError:  # not written in Python
        return True
    return True
