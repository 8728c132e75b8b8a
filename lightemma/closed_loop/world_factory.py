"""The contract of a world factory: which episodes a world has, and how one is opened."""

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
    """The user's choice of episodes.

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
    """The decisions of a world before the first episode of a run.

    Attributes:
        rules: the rules with every open choice made (such as the renderer), so that it is the same for all episodes of a run.
        pictures: what decides the pixels, for the manifest; None where no pictures are drawn.
        note: a sentence for the user if something is not as wanted, or an empty string.
    """

    rules: LoopRules
    pictures: dict[str, Any] | None = None
    note: str = ""


class WorldFactory(ABC):
    """Makes the episodes of one kind of world.

    It is made once per command and sent (pickled) to every process with worlds; heavy things are opened there, by
    ``open``, and released by ``close``.

    Args:
        argument: what follows the name in ``--world NAME:argument``; empty without a colon.

    Attributes:
        name: the world's name on the command line.
        drivers: drivers that know this world, by name; they are offered together with the planners.
        memory_bytes: memory that one open episode with pictures needs, so that not too many are open at the same time.
    """

    name: ClassVar[str]
    drivers: ClassVar[Mapping[str, type[PrivilegedDriver]]] = {"expert": ExpertDriver, "random": RandomDriver}
    memory_bytes: ClassVar[int] = 64 * 2**20

    def __init__(self, argument: str = "") -> None:
        self.argument = argument

    @property
    def place(self) -> str:
        """The world's name in manifests and captions; only runs with the same place can be compared."""
        return f"{self.name}:{self.argument}" if self.argument else self.name

    @abstractmethod
    def episodes(self, choice: EpisodeChoice) -> list[EpisodeSpec]:
        """The chosen episodes, in the order in which they are driven.

        Raises:
            UserError: if the world has none of these.
        """

    @abstractmethod
    def open(self, spec: EpisodeSpec, rules: LoopRules, *, pictures: bool) -> World:
        """The world of one episode, at its start.

        Args:
            spec: one of ``episodes``; seeds come from it.
            rules: how the loop is closed.
            pictures: whether it draws what the camera sees.

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

    def close(self) -> None:  # noqa: B027 -- most factories have nothing to close
        """Releases what was opened for several episodes."""
