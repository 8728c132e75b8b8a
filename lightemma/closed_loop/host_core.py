"""The open episodes of one process: they are opened, driven from decision to decision, many at once, and closed."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import msgspec
import numpy as np

from lightemma.closed_loop.episode import DecisionPoint, Episode
from lightemma.closed_loop.privileged import PrivilegedDriver
from lightemma.closed_loop.spec import EpisodeSpec, LoopRules
from lightemma.closed_loop.two_stage import TwoStageEpisode
from lightemma.closed_loop.world import World
from lightemma.closed_loop.world_checks import WorldFault, info_of
from lightemma.closed_loop.world_factory import WorldFactory
from lightemma.errors import UserError
from lightemma.frame import FloatArray
from lightemma.plugins import describe, error_line

log = logging.getLogger(__name__)

#: Driving score and success of drivers that see nothing, by their names; None in a world that has none.
BlindScores = dict[str, tuple[float, bool]] | None


@dataclass(frozen=True, slots=True)
class EpisodeTask:
    """One episode of one run.

    Attributes:
        run: folder of the run.
        spec: the episode.
        rules: how the loop is closed.
        driver: a privileged driver, or None where a planner plans.
        pictures: whether pictures are drawn.
    """

    run: Path
    spec: EpisodeSpec
    rules: LoopRules
    driver: PrivilegedDriver | None
    pictures: bool

    @property
    def key(self) -> tuple[str, str]:
        """Identifies the task: its run and its episode."""
        return str(self.run), self.spec.name


@dataclass(frozen=True, slots=True)
class Due:
    """An episode that is to be opened, or driven on to its next decision.

    Attributes:
        task: the episode.
        plan: (6, 2) the actions, or None without a plan, and the seconds it took; None: open it.
    """

    task: EpisodeTask
    plan: tuple[FloatArray | None, float] | None = None


class Driven(Protocol):
    """What answers as an ``Episode`` does. Only episodes themselves are stepped and observed together."""

    def look(self) -> DecisionPoint:
        """The next decision, or the end."""

    def advance(self, actions: FloatArray | None, latency_s: float = 0.0) -> DecisionPoint:
        """Drives on to the next decision."""


#: An episode on its way to the next decision: its place among what is due, itself, its world, and its further commands.
_Moving = tuple[int, Episode, World, Iterator[tuple[float, float]]]


def _opened(task: EpisodeTask, world: World) -> Driven:
    two = task.rules.two_stage
    if two is not None:
        return TwoStageEpisode(task.spec, task.rules, two, world, task.run, task.driver)
    driver = task.driver.begin(task.spec) if task.driver else None
    return Episode(task.spec, task.rules, world, task.run, driver)


class WorldHostCore:
    """The open episodes of one process and the factory of their worlds.

    Args:
        factory: opens the worlds.
    """

    def __init__(self, factory: WorldFactory) -> None:
        self._factory = factory
        self._episodes: dict[tuple[str, str], tuple[Driven, World]] = {}

    def begin(self, task: EpisodeTask) -> DecisionPoint:
        """Opens an episode, up to its first decision."""
        return self._one(Due(task))

    def advance(self, task: EpisodeTask, actions: FloatArray | None, latency_s: float) -> DecisionPoint:
        """Drives on to the next decision; an episode that ends is closed."""
        return self._one(Due(task, (actions, latency_s)))

    def _one(self, due: Due) -> DecisionPoint:
        (point,) = self.drive([due])
        if isinstance(point, Exception):
            raise point
        return point

    def drive(self, due: Sequence[Due]) -> list[DecisionPoint | Exception]:
        """Drives several episodes to their next decisions together, step by step.

        Args:
            due: different episodes, in any order: that of the worlds is by the names of runs and episodes.

        Returns:
            One for each: its next decision, or the error that ended it, which is no matter to the others.
        """
        answers: list[DecisionPoint | Exception | None] = [None] * len(due)
        moving: list[_Moving] = []
        for place in sorted(range(len(due)), key=lambda number: due[number].task.key):
            task, plan = due[place].task, due[place].plan
            try:
                if plan is None:
                    self._open(task)
                episode, world = self._episodes[task.key]
                if not isinstance(episode, Episode):
                    answers[place] = episode.look() if plan is None else episode.advance(*plan)
                    continue
                commands = iter(()) if plan is None else episode.commands(*plan)
                moving.append((place, episode, world, commands))
            except (Exception, SystemExit) as error:
                answers[place] = self._explained(task, error)
        arrived: list[_Moving] = []
        while moving:
            moving = self._step(moving, due, answers, arrived)
        self._look(sorted(arrived, key=lambda one: due[one[0]].task.key), due, answers)
        for one, answer in zip(due, answers, strict=True):
            if isinstance(answer, DecisionPoint) and answer.finished is not None:
                self.leave(one.task)
        return [answer for answer in answers if answer is not None]

    def _open(self, task: EpisodeTask) -> None:
        factory = self._factory
        world: Any = factory.open(task.spec, task.rules, pictures=task.pictures)
        whose = f"The world '{factory.place}' ({describe(type(factory))})"
        if not isinstance(world, World):
            raise WorldFault(f"{whose} opens {type(world).__name__}, which is no World; correct that class.")
        try:
            episode = _opened(task, world)
            info = info_of(world)
            for what, own, its in (("name", factory.name, info.name), ("version", factory.version, info.version)):
                if own != its:
                    raise WorldFault(
                        f"{whose} has the {what} '{own}', but the info of an episode '{its}'; make them equal."
                    )
        except BaseException:
            self._close(world)
            raise
        self._episodes[task.key] = episode, world

    def _step(
        self,
        moving: Sequence[_Moving],
        due: Sequence[Due],
        answers: list[DecisionPoint | Exception | None],
        arrived: list[_Moving],
    ) -> list[_Moving]:
        """One step of all that have not arrived; those that are left."""
        stepped: list[_Moving] = []
        speeds, curvatures = [], []
        for one in moving:
            try:
                command = next(one[3], None)
            except (Exception, SystemExit) as error:
                answers[one[0]] = self._explained(due[one[0]].task, error)
                continue
            if command is None:
                arrived.append(one)
                continue
            stepped.append(one)
            speeds.append(command[0])
            curvatures.append(command[1])
        if not stepped:
            return []
        worlds = [world for _, _, world, _ in stepped]
        errors = self._together("step_many", worlds, np.array(speeds), np.array(curvatures))
        left = []
        for one, failure in zip(stepped, errors, strict=True):
            if failure is None:
                left.append(one)
            else:
                answers[one[0]] = self._explained(due[one[0]].task, self._error(failure, "step_many"))
        return left

    def _look(
        self, arrived: Sequence[_Moving], due: Sequence[Due], answers: list[DecisionPoint | Exception | None]
    ) -> None:
        """The next decisions of episodes that have arrived there."""
        looking: list[_Moving] = []
        for one in arrived:
            place, episode, *_ = one
            try:
                if episode.over:
                    answers[place] = episode.look()
                else:
                    looking.append(one)
            except (Exception, SystemExit) as error:
                answers[place] = self._explained(due[place].task, error)
        if not looking:
            return
        observations = self._together("observe_many", [world for _, _, world, _ in looking])
        for (place, episode, *_), seen in zip(looking, observations, strict=True):
            try:
                if isinstance(seen, Exception):
                    raise seen
                answers[place] = episode.look(seen)
            except (Exception, SystemExit) as error:
                answers[place] = self._explained(due[place].task, error)

    def _together(self, what: str, worlds: Sequence[World], *more: FloatArray) -> Sequence[Any]:
        """What the factory's method gives for each world; an exception that it raises itself, for all of them."""
        try:
            found: Any = getattr(self._factory, what)(worlds, *more)
        except (Exception, SystemExit) as error:
            return [_caught(error)] * len(worlds)
        if not isinstance(found, list | tuple) or len(found) != len(worlds):
            given = f"{len(found)} results" if isinstance(found, list | tuple) else type(found).__name__
            said = f"`{what}` gives {given} for {len(worlds)} worlds; it must give a list of one each"
            return [WorldFault(self._sentence(said))] * len(worlds)
        return found

    def _error(self, error: object, what: str) -> Exception:
        if isinstance(error, Exception):
            return error
        said = f"`{what}` gives {type(error).__name__} for a world; it must give None or an exception"
        return WorldFault(self._sentence(said))

    def _sentence(self, what: str) -> str:
        return f"The world '{self._factory.place}' ({describe(type(self._factory))}) breaks its contract: {what}."

    def blind_scores(self, task: EpisodeTask) -> BlindScores:
        """What drivers that see nothing are worth in an episode; see ``WorldFactory.blind_scores``."""
        try:
            found: Any = self._factory.blind_scores(task.spec, task.rules)
        except (Exception, SystemExit) as error:
            raise self._explained(task, error) from error
        try:
            scores: BlindScores = msgspec.convert(found, BlindScores)
            fit = all(0.0 <= score <= 100.0 for score, _ in (scores or {}).values())
        except msgspec.ValidationError:
            fit = False
        if not fit:
            raise WorldFault(
                self._sentence(
                    "`blind_scores` must give a score, 0 to 100, and True or False for each driver's name, or None"
                )
            )
        return scores

    def leave(self, task: EpisodeTask) -> None:
        """Closes an episode."""
        if task.key in self._episodes:
            self._close(self._episodes.pop(task.key)[1])

    def close(self) -> None:
        """Closes all episodes, and what the factory opened for them."""
        while self._episodes:
            self._close(self._episodes.popitem()[1][1])
        self._factory.close()

    def _close(self, world: World) -> None:
        """Closes a world; what it has already shown is not lost by an error of its end."""
        try:
            world.close()
        except (Exception, SystemExit) as error:
            log.warning("The world (%s) failed in close(): %s", describe(type(world)), error_line(error))

    def _explained(self, task: EpisodeTask, exception: BaseException) -> Exception:
        """An exception of a plug-in's world as one sentence."""
        error = _caught(exception)
        cls = type(self._factory)
        if isinstance(error, UserError) or cls.__module__.split(".")[0] == __name__.split(".")[0]:
            return error
        fault = WorldFault(
            f"The world '{self._factory.place}' ({describe(cls)}) failed in the episode '{task.spec.name}': "
            f"{error_line(error)}; correct it, and give the same command again."
        )
        fault.__cause__ = error
        return fault


def _caught(error: BaseException) -> Exception:
    """An exit, by which a plug-in would end the whole command, as an error of its own."""
    return error if isinstance(error, Exception) else RuntimeError(f"it raised {error_line(error)}")
