"""The contract of a kind of world: which episodes it has, and how one is opened."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from lightemma.closed_loop.privileged import ExpertDriver, PrivilegedDriver, RandomDriver
from lightemma.closed_loop.spec import EpisodeSpec, LoopRules
from lightemma.closed_loop.world import World


@dataclass(frozen=True, slots=True)
class EpisodeChoice:
    """Which episodes of a world are wanted, as the user writes it.

    Attributes:
        scenarios: names with commas, or ``all``.
        seeds: how many, such as ``3``, or which, such as ``1,5,9``.
        conditions: names with commas, or ``all``.
        left_hand: whether traffic keeps to the left.
    """

    scenarios: str = "all"
    seeds: str = "3"
    conditions: str = "day"
    left_hand: bool = False


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a world decides once, before the first episode of a run.

    Attributes:
        rules: the rules with every open choice made (such as who draws), so that all episodes of a run are alike.
        pictures: what decides the pixels, for the manifest; None where no pictures are drawn.
        note: a sentence for the user if something is not as hoped for, or an empty string.
    """

    rules: LoopRules
    pictures: dict[str, Any] | None = None
    note: str = ""


class WorldFactory(ABC):
    """Makes the episodes of one kind of world.

    It is made once per command and sent (pickled) to every process that holds worlds; whatever is heavy is opened there, by
    ``open``, and given back by ``close``.

    Args:
        argument: what follows the name in ``--world NAME:argument``; empty without a colon.

    Attributes:
        name: what the world is called on the command line.
        drivers: drivers that know this world, by name; they are offered beside the planners.
        memory_bytes: memory that one open episode with pictures needs, so that not too many are open at once.
    """

    name: ClassVar[str]
    drivers: ClassVar[Mapping[str, type[PrivilegedDriver]]] = {"expert": ExpertDriver, "random": RandomDriver}
    memory_bytes: ClassVar[int] = 64 * 2**20

    def __init__(self, argument: str = "") -> None:
        self.argument = argument

    @property
    def place(self) -> str:
        """What manifests and captions call the world: runs of worlds with other places do not compare."""
        return f"{self.name}:{self.argument}" if self.argument else self.name

    @abstractmethod
    def episodes(self, choice: EpisodeChoice) -> list[EpisodeSpec]:
        """The episodes that are wanted, in the order in which they are driven.

        Raises:
            UserError: if the world has none of these.
        """

    @abstractmethod
    def open(self, spec: EpisodeSpec, rules: LoopRules, *, pictures: bool) -> World:
        """The world of one episode, at its start.

        Args:
            spec: one of ``episodes``; seeds come from it.
            rules: how the loop is closed.
            pictures: whether it is to draw what the camera sees.

        Raises:
            UserError: if it cannot be opened.
        """

    def prepare(self, rules: LoopRules, *, pictures: bool) -> Prepared:
        """Checks the rules and makes open choices, before anything is driven.

        Args:
            rules: as the user wants them.
            pictures: whether any run of the command needs pictures.

        Raises:
            UserError: if the world cannot do what the rules say.
        """
        return Prepared(rules, {} if pictures else None)

    def close(self) -> None:  # noqa: B027 -- most factories hold nothing
        """Gives back what was opened for several episodes."""
