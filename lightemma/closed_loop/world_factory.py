"""The contract of a world factory: which episodes a world has, and how one is opened."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from lightemma.closed_loop.privileged import ExpertDriver, PrivilegedDriver, RandomDriver
from lightemma.closed_loop.spec import EpisodeSpec, LoopRules
from lightemma.closed_loop.world import Observation, World
from lightemma.errors import UserError
from lightemma.frame import FloatArray

T = TypeVar("T")


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
        pictures: what decides the pixels, for the manifest, with their ``size`` where it is not that of the rules; None where
            no pictures are drawn.
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
        suite: version of the set of its episodes, such as ``suite 1``; part of the rules that tables show. Empty without one.
        public_seeds: number of seeds that anybody may drive, from 0 on; those from there on are reserved for hidden suites
            (see ``hidden_suite``). None in a world without hidden suites.
        memory_bytes: memory that one open episode with pictures needs, so that not too many are open at the same time.
    """

    name: ClassVar[str]
    drivers: ClassVar[Mapping[str, type[PrivilegedDriver]]] = {"expert": ExpertDriver, "random": RandomDriver}
    suite: ClassVar[str] = ""
    public_seeds: ClassVar[int | None] = None
    memory_bytes: ClassVar[int] = 64 * 2**20

    def __init__(self, argument: str = "") -> None:
        self.argument = argument

    @property
    def place(self) -> str:
        """The world's name in manifests and captions; only runs with the same place can be compared."""
        return f"{self.name}:{self.argument}" if self.argument else self.name

    @property
    def version(self) -> str:
        """Of the world itself, such as a digest of its weights, as its ``info`` has it; runs with another are another world."""
        return ""

    @property
    def batched(self) -> bool:
        """Whether it observes or steps many worlds at once; their episodes are then driven together, in this process."""
        kind = type(self)
        return kind.observe_many is not WorldFactory.observe_many or kind.step_many is not WorldFactory.step_many

    def beginning_in(self, data: str) -> WorldFactory:
        """The same world with episodes that begin in recorded drives.

        Args:
            data: as ``--data`` has it.

        Raises:
            UserError: if episodes of this world begin in no recorded drives.
        """
        raise UserError(
            f"Episodes of the world '{self.place}' do not begin in recorded drives; leave `data` out, or drive in a learned "
            "world (imagined:CHECKPOINT).",
            "data",
        )

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

    def observe_many(self, worlds: Sequence[World]) -> Sequence[Observation | Exception]:
        """What each of several worlds shows; for a world that computes many at once.

        What a world shows must not depend on which others are asked with it.

        Args:
            worlds: opened here, at a decision, in the order of their runs' and episodes' names.

        Returns:
            One for each: its observation, or the exception by which it failed, which then costs that episode only. What this
            method raises itself costs all of them.
        """
        return [_tried(world.observe) for world in worlds]

    def step_many(
        self, worlds: Sequence[World], speeds: FloatArray, curvatures: FloatArray
    ) -> Sequence[Exception | None]:
        """Advances several worlds by one step each; for a world that computes many at once.

        Args:
            worlds: opened here; where a world will be must not depend on which others are stepped with it.
            speeds: (n,) m/s, what ``World.step`` of each would be given.
            curvatures: (n,) 1/m.

        Returns:
            One for each: None, or the exception by which it failed.
        """
        results: list[Exception | None] = []
        for world, speed, curvature in zip(worlds, speeds.tolist(), curvatures.tolist(), strict=True):
            try:
                world.step(speed, curvature)
                results.append(None)
            except Exception as error:
                results.append(error)
        return results

    def prepare(self, rules: LoopRules, *, pictures: bool) -> Prepared:
        """Checks the rules and makes open choices, before anything is driven.

        Args:
            rules: as the user wants them.
            pictures: whether any run of the command needs pictures.

        Raises:
            UserError: if the world cannot do what the rules say.
        """
        return Prepared(rules, {} if pictures else None)

    def blind_scores(self, spec: EpisodeSpec, rules: LoopRules) -> dict[str, tuple[float, bool]] | None:
        """Driving score (0 … 100) and success of many drivers that see nothing, by their names: the blind ceiling's source.

        Args:
            spec: one of ``episodes``.
            rules: how the loop is closed.

        Returns:
            None in a world where these drives would cost too much, or mean nothing.
        """
        return None

    def close(self) -> None:  # noqa: B027 -- most factories have nothing to close
        """Releases what was opened for several episodes."""


def _tried(act: Callable[[], T]) -> T | Exception:
    try:
        return act()
    except Exception as error:
        return error
