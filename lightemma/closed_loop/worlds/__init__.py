"""The registry of worlds: those shipped here, and those that other packages offer."""

from __future__ import annotations

from lightemma.closed_loop.spec import EpisodeSpec
from lightemma.closed_loop.world_factory import EpisodeChoice, WorldFactory
from lightemma.errors import UserError
from lightemma.plugins import describe, find_class, offered

#: Name -> where its factory is; loaded when it is needed.
WORLDS = {"city": "lightemma.closed_loop.worlds.city:CityFactory"}
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
    return find_class(name, ENTRY_POINTS, WORLDS, WorldFactory, "world")(argument)


def choose_episodes(factory: WorldFactory, choice: EpisodeChoice) -> list[EpisodeSpec]:
    """The chosen episodes of a world, checked: each has its own name, which is a valid file name.

    Raises:
        UserError: if there are none, or a name is not valid.
    """
    specs = factory.episodes(choice)
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
