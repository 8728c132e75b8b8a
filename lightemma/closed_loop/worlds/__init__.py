"""The registry of worlds: those shipped here, and those that other packages offer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from lightemma.closed_loop.spec import EpisodeSpec, LoopRules
from lightemma.closed_loop.world_factory import EpisodeChoice, Prepared, WorldFactory
from lightemma.errors import UserError
from lightemma.plugins import describe, error_line, find_class, offered

T = TypeVar("T")

#: Name -> where its factory is; loaded when it is needed.
WORLDS = {
    "city": "lightemma.closed_loop.worlds.city:CityFactory",
    "imagined": "lightemma.closed_loop.worlds.imagined:ImaginedFactory",
}
#: Other packages offer worlds by entry points of this group.
ENTRY_POINTS = "lightemma.worlds"
DEFAULT_WORLD = "city"


def world_names() -> list[str]:
    """Names of all worlds that are installed."""
    return list(offered(ENTRY_POINTS, WORLDS))


def open_factory(text: str = DEFAULT_WORLD) -> WorldFactory:
    """The factory that ``--world`` names.

    Args:
        text: ``NAME``, ``NAME:argument``, ``module:Class`` or ``module:Class:argument``.

    Raises:
        UserError: if there is no such world, or it cannot be made.
    """
    name, _, argument = text.partition(":")
    if argument and name not in offered(ENTRY_POINTS, WORLDS):
        attribute, _, argument = argument.partition(":")
        name = f"{name}:{attribute}"
    kind = find_class(name, ENTRY_POINTS, WORLDS, WorldFactory, "world")
    factory = _explained(kind, "cannot be made", lambda: kind(argument))
    called: Any = getattr(factory, "name", None)
    if not isinstance(called, str) or not called:
        raise UserError(f'The world ({describe(kind)}) has no name; give it one, such as name = "my-world".')
    if not isinstance(getattr(factory, "argument", None), str):
        raise UserError(f"The world ({describe(kind)}) does not call `super().__init__(argument)` in its __init__.")
    return factory


def choose_episodes(factory: WorldFactory, choice: EpisodeChoice) -> list[EpisodeSpec]:
    """The chosen episodes of a world, checked: each has its own name, which is a valid file name.

    Raises:
        UserError: if there are none, the factory fails, or a name is not valid.
    """
    specs: Any = _explained(type(factory), "failed in `episodes`", lambda: factory.episodes(choice))
    if not isinstance(specs, list) or not all(isinstance(spec, EpisodeSpec) for spec in specs):
        raise UserError(f"`episodes` of the world ({describe(type(factory))}) must give a list of EpisodeSpec.")
    if not specs:
        raise UserError(
            f"The world '{factory.place}' has no episode for what was asked; ask for other scenarios or seeds."
        )
    seen: set[str] = set()
    for spec in specs:
        if spec.name in seen or not spec.name.strip(".") or not set(spec.name).isdisjoint('/\\:*?"<>|\0\n'):
            raise UserError(
                f"The world '{factory.place}' ({describe(type(factory))}) has an episode "
                f"called '{spec.name}', which is no valid file name, or is the name of another episode."
            )
        seen.add(spec.name)
    return specs


def prepare(factory: WorldFactory, rules: LoopRules, *, pictures: bool) -> Prepared:
    """What a factory decides before the first episode, checked.

    Args:
        factory: of the worlds.
        rules: as the user wants them.
        pictures: whether any run of the command needs pictures.

    Raises:
        UserError: if the world cannot do what the rules say, or the factory fails.
    """
    prepared: Any = _explained(type(factory), "failed in `prepare`", lambda: factory.prepare(rules, pictures=pictures))
    if not isinstance(prepared, Prepared):
        raise UserError(
            f"`prepare` of the world ({describe(type(factory))}) gives {type(prepared).__name__}; it must give a Prepared."
        )
    return prepared


def _explained(kind: type, what: str, call: Callable[[], T]) -> T:
    """The result of ``call``; an exception of a plug-in's factory becomes one sentence."""
    try:
        return call()
    except UserError:
        raise
    except Exception as error:
        if kind.__module__.partition(".")[0] == "lightemma":
            raise
        raise UserError(f"The world ({describe(kind)}) {what}: {error_line(error)}; correct that class.") from error
