"""Imagined drives against the simulator, from the very same starts: rankings of drivers, and exploits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import msgspec
import numpy as np

from lightemma.closed_loop.driving_score import score_of
from lightemma.closed_loop.spec import EpisodeSpec, LoopRules
from lightemma.closed_loop.world import World
from lightemma.closed_loop.worlds.city import CityFactory
from lightemma.closed_loop.worlds.city_world import CityWorld
from lightemma.closed_loop.worlds.imagined import ImaginedFactory
from lightemma.closed_loop.worlds.imagined_world import ImaginedWorld
from lightemma.frame import FloatArray
from lightemma.protocol import LIGHTEMMA
from lightemma.worldmodel.logged_line import LEAST_WAY
from lightemma.worldmodel.rivals import DRIVERS, Drive, driven, to_the_end


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores of drives from the same starts.

    Attributes:
        names: of the drivers.
        true: (drivers, starts) in the simulator.
        imagined: (drivers, starts) in the imagined world.
        line: (drivers, starts) in it without its pictures: by progress, deviation and comfort alone. What a world model adds
            to a ranking is its difference from this.
    """

    names: tuple[str, ...]
    true: FloatArray
    imagined: FloatArray
    line: FloatArray


def exact_specs(factory: ImaginedFactory) -> list[EpisodeSpec]:
    """The starts that are the first moment of an episode of the simulator."""
    return [EpisodeSpec(one.scenario, one.seed, "") for one in factory.starts if one.exact]


def compare_scores(
    factory: ImaginedFactory,
    specs: Sequence[EpisodeSpec],
    moments: Sequence[float],
    drivers: Sequence[str] = tuple(DRIVERS),
) -> dict[float, Scores]:
    """Drives every driver from every start in both worlds, and scores the same seconds of both.

    Args:
        factory: of the imagined world.
        specs: starts, of ``exact_specs``.
        moments: seconds after which a drive is scored, rising; it ends at the last.
        drivers: names of ``DRIVERS``.

    Returns:
        The scores at each moment.
    """
    city, rules = CityFactory(), LoopRules(draw=False)
    true, imagined, line = (np.zeros((len(moments), len(drivers), len(specs))) for _ in range(3))
    for column, spec in enumerate(specs):
        there = replace(spec, conditions="day")
        best = city.open(there, rules, pictures=False)
        reach = [best.referee.progress for _ in driven(best, DRIVERS["expert"](there, 0.0, 0.0), moments)]
        for row, name in enumerate(drivers):
            world = city.open(there, rules, pictures=False)
            car = world.car
            # Both cars begin with the motion of the simulator's.
            maker = DRIVERS[name]
            for number, _ in enumerate(driven(world, maker(spec, car.speed, car.curvature), moments)):
                true[number, row, column] = _true_score(world, reach[number])
            dream = factory.open(spec, rules, pictures=False)
            for number, moment in enumerate(driven(dream, maker(spec, car.speed, car.curvature), moments)):
                imagined[number, row, column] = _imagined_score(dream, moment)
                line[number, row, column] = _imagined_score(dream, moment, road=False)
    names = tuple(drivers)
    return {one: Scores(names, *three) for one, *three in zip(moments, true, imagined, line, strict=True)}


def _imagined_score(world: ImaginedWorld, seconds: float, *, road: bool = True) -> float:
    """The imagined world's score, its progress measured by how far the recorded car came in these seconds."""
    outcome = msgspec.structs.replace(world.outcome(), progress=world.progress(seconds))
    if not road:
        outcome = msgspec.structs.replace(outcome, off_road=None)
    return score_of(outcome, world.info.knows).score or 0.0


def _true_score(world: CityWorld, reach: float) -> float:
    """The simulator's score of the seconds driven: progress by what its expert made of them, and every fault."""
    outcome = world.outcome()
    progress = 1.0 if reach < LEAST_WAY else min(max(world.referee.progress / reach, 0.0), 1.0)
    end = outcome.end if world.over else "horizon"
    judged = msgspec.structs.replace(outcome, progress=progress, expert_time_s=None, end=end)
    return score_of(judged, world.info.knows - {"expert_time_s"}).score or 0.0


@dataclass(frozen=True, slots=True)
class Exploit:
    """What comes of the plan that the imagined world likes best.

    Attributes:
        imagined: (starts,) its score there.
        true: (starts,) the same plan's in the simulator.
        expert_imagined: (starts,) the recorded driver's score in the imagined world.
        expert_true: (starts,) and in the simulator.
    """

    imagined: FloatArray
    true: FloatArray
    expert_imagined: FloatArray
    expert_true: FloatArray

    @property
    def gap(self) -> float:
        """Points by which the imagined world overrates the best plan, more than it does the recorded driver."""
        return float((self.imagined - self.true).mean() - (self.expert_imagined - self.expert_true).mean())


def exploit(
    factory: ImaginedFactory, specs: Sequence[EpisodeSpec], seconds: float, tries: int = 24, seed: int = 0
) -> Exploit:
    """A planner that games the world: it tries many blind plans in it, and drives the one that scores highest.

    Args:
        factory: of the imagined world.
        specs: starts, of ``exact_specs``.
        seconds: of each drive.
        tries: plans that are tried: two stretches of constant speed and curvature each.
        seed: of the plans.
    """
    city, rules = CityFactory(), LoopRules(draw=False)
    found: list[tuple[float, float, float, float]] = []
    for number, spec in enumerate(specs):
        there = replace(spec, conditions="day")
        rng = np.random.default_rng([seed, number])
        best, liked = None, -1.0
        for _ in range(tries):
            early, late = rng.uniform((0.0, -0.03), (14.0, 0.03), (2, 2))
            plan = _two_stretches(early, late, seconds)
            dream = factory.open(spec, rules, pictures=False)
            to_the_end(dream, plan, seconds)
            score = _imagined_score(dream, seconds)
            if score > liked:
                best, liked = plan, score
        assert best is not None
        expert = city.open(there, rules, pictures=False)
        to_the_end(expert, DRIVERS["expert"](there, 0.0, 0.0), seconds)
        reach = expert.referee.progress
        world = city.open(there, rules, pictures=False)
        to_the_end(world, best, seconds)
        dream = factory.open(spec, rules, pictures=False)
        to_the_end(dream, DRIVERS["expert"](spec, 0.0, 0.0), seconds)
        own = _imagined_score(dream, seconds)
        found.append((liked, _true_score(world, reach), own, _true_score(expert, reach)))
    return Exploit(*np.array(found).T)


def _two_stretches(early: FloatArray, late: FloatArray, seconds: float) -> Drive:
    half = round(seconds / LIGHTEMMA.dt / 2)

    def plan(world: World, step: int) -> FloatArray:
        steps = step + np.arange(LIGHTEMMA.plan_steps)
        return np.where((steps < half)[:, None], early, late)

    return plan
