"""Imagined drives against the simulator, from the very same starts: rankings of drivers, exploits, and what pictures show."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from io import BytesIO

import msgspec
import numpy as np
from PIL import Image

from lightemma.closed_loop.driving_score import score_of
from lightemma.closed_loop.noisy_expert import NoisyExpertDriver
from lightemma.closed_loop.plan_follower import PlanFollower
from lightemma.closed_loop.privileged import RandomDriver
from lightemma.closed_loop.spec import EpisodeSpec, LoopRules
from lightemma.closed_loop.world import World
from lightemma.closed_loop.worlds.city import CityFactory, CityWorld
from lightemma.closed_loop.worlds.imagined import ImaginedFactory, ImaginedWorld
from lightemma.frame import FloatArray
from lightemma.protocol import LIGHTEMMA
from lightemma.worldmodel.clips import ByteArray
from lightemma.worldmodel.logged_line import LEAST_WAY

#: A driver of both worlds: from a world and the number of the decision to (6, 2) pairs.
Drive = Callable[[World, int], FloatArray]
#: Makes a driver's drive of an episode, given the car's first speed and curvature.
Maker = Callable[[EpisodeSpec, float, float], Drive]


def _constant(speed: float, curvature: float = 0.0) -> Maker:
    return lambda spec, v, c: lambda world, step: np.tile([speed, curvature], (LIGHTEMMA.plan_steps, 1))


def _held(spec: EpisodeSpec, speed: float, curvature: float) -> Drive:
    return lambda world, step: np.tile([speed, curvature], (LIGHTEMMA.plan_steps, 1))


def _timer(spec: EpisodeSpec, speed: float, curvature: float) -> Drive:
    def plan(world: World, step: int) -> FloatArray:
        times = (step + np.arange(LIGHTEMMA.plan_steps)) * LIGHTEMMA.dt
        return np.column_stack([np.where(times < 4.0, 1.5, 9.0), np.zeros(len(times))])

    return plan


def _expert(most: float = 99.0, faster: float = 1.0, beside: float = 0.0) -> Maker:
    """The expert with a speed that it does not exceed, a factor of its speeds, and a curvature in addition."""

    def drive(world: World, step: int) -> FloatArray:
        label = world.label()
        assert label is not None
        speeds, curvatures = label.actions.T
        return np.column_stack([np.minimum(faster * speeds, most), curvatures + beside])

    return lambda spec, v, c: drive


def _noisy(sigma: float) -> Maker:
    def make(spec: EpisodeSpec, speed: float, curvature: float) -> Drive:
        plan = NoisyExpertDriver(sigma).begin(spec)
        return lambda world, step: plan(world)

    return make


def _random(spec: EpisodeSpec, speed: float, curvature: float) -> Drive:
    plan = RandomDriver().begin(spec)
    return lambda world, step: plan(world)


#: Drivers that can drive in both worlds, blind ones first.
DRIVERS: dict[str, Maker] = {
    "stop": _constant(0.0),
    "crawl": _constant(1.0),
    "constant-3": _constant(3.0),
    "constant-6": _constant(6.0),
    "constant-9": _constant(9.0),
    "constant-action": _held,
    "blind-timer": _timer,
    "random": _random,
    "expert": _expert(),
    "expert-at-most-4": _expert(most=4.0),
    "expert-hurried": _expert(faster=1.2),
    "expert-pulls-left": _expert(beside=0.02),
    "noisy-expert:1": _noisy(1.0),
    "noisy-expert:3": _noisy(3.0),
}


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
        reach = [best.referee.progress for _ in _driven(best, DRIVERS["expert"](there, 0.0, 0.0), moments)]
        for row, name in enumerate(drivers):
            world = city.open(there, rules, pictures=False)
            car = world.car
            # Both cars begin with the motion of the simulator's.
            maker = DRIVERS[name]
            for number, _ in enumerate(_driven(world, maker(spec, car.speed, car.curvature), moments)):
                true[number, row, column] = _true_score(world, reach[number])
            dream = factory.open(spec, rules, pictures=False)
            for number, moment in enumerate(_driven(dream, maker(spec, car.speed, car.curvature), moments)):
                imagined[number, row, column] = _imagined_score(dream, moment)
                line[number, row, column] = _imagined_score(dream, moment, road=False)
    names = tuple(drivers)
    return {one: Scores(names, *three) for one, *three in zip(moments, true, imagined, line, strict=True)}


def _to_the_end(world: World, drive: Drive, seconds: float) -> None:
    for _ in _driven(world, drive, [seconds]):
        pass


def _driven(world: World, drive: Drive, moments: Sequence[float]) -> Iterator[float]:
    """Drives to each moment in turn, and gives it; a drive that is over stays where it ended."""
    per_action = world.info.steps_per_action
    follower, tick = PlanFollower(drive(world, 0), per_action, world.limits), 0
    for moment in moments:
        while not world.over and tick < round(moment / world.info.action_dt):
            if tick % per_action == 0 and tick:
                follower.take(drive(world, tick // per_action), tick)
            world.step(*follower.command(tick))
            tick += 1
        yield moment


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
            _to_the_end(dream, plan, seconds)
            score = _imagined_score(dream, seconds)
            if score > liked:
                best, liked = plan, score
        assert best is not None
        expert = city.open(there, rules, pictures=False)
        _to_the_end(expert, DRIVERS["expert"](there, 0.0, 0.0), seconds)
        reach = expert.referee.progress
        world = city.open(there, rules, pictures=False)
        _to_the_end(world, best, seconds)
        dream = factory.open(spec, rules, pictures=False)
        _to_the_end(dream, DRIVERS["expert"](spec, 0.0, 0.0), seconds)
        own = _imagined_score(dream, seconds)
        found.append((liked, _true_score(world, reach), own, _true_score(expert, reach)))
    return Exploit(*np.array(found).T)


def _two_stretches(early: FloatArray, late: FloatArray, seconds: float) -> Drive:
    half = round(seconds / LIGHTEMMA.dt / 2)

    def plan(world: World, step: int) -> FloatArray:
        steps = step + np.arange(LIGHTEMMA.plan_steps)
        return np.where((steps < half)[:, None], early, late)

    return plan


@dataclass(frozen=True, slots=True)
class Counterfactuals:
    """What other actions than the recorded ones show, in the simulator and in the imagined world.

    Attributes:
        actions: (a, 2) speed (m/s) and curvature (1/m) of each.
        error: (starts, a, a) mean squared error, in squared levels of 255, between what is imagined for the first action and
            what the simulator shows for the second.
        copied: (starts, a) the same for the picture at the start.
    """

    actions: FloatArray
    error: FloatArray
    copied: FloatArray

    @property
    def told_apart(self) -> FloatArray:
        """(starts,) share of the imagined pictures that are nearest to the truth of their own action."""
        right = self.error.argmin(axis=2) == np.arange(len(self.actions))
        found: FloatArray = right.mean(axis=1)
        return found

    @property
    def better_than_copy(self) -> FloatArray:
        """(starts,) share of them that are nearer to their truth than the picture at the start is."""
        own = np.diagonal(self.error, axis1=1, axis2=2)
        found: FloatArray = (own < self.copied).mean(axis=1)
        return found


#: What every start is commanded: left, straight on, right; and slower, faster.
COUNTERFACTUALS = np.array([[6.0, 0.04], [6.0, 0.0], [6.0, -0.04], [1.0, 0.0], [11.0, 0.0]])


def counterfactuals(
    factory: ImaginedFactory, specs: Sequence[EpisodeSpec], decisions: int = 2, size: tuple[int, int] = (160, 90)
) -> Counterfactuals:
    """Drives each start by five actions in both worlds, and compares what is seen.

    Args:
        factory: of the imagined world.
        specs: starts, of ``exact_specs``.
        decisions: half seconds for which an action is held.
        size: at which the simulator draws.
    """
    city, rules = CityFactory(), LoopRules(size=size, renderer="painter")
    errors, copies = [], []
    try:
        for spec in specs:
            true, dreamt = [], []
            for action in COUNTERFACTUALS:
                drive = _constant(*action.tolist())(spec, 0.0, 0.0)
                world = city.open(replace(spec, conditions="day"), rules, pictures=True)
                _to_the_end(world, drive, decisions * LIGHTEMMA.dt)
                picture = world.observe().picture
                assert picture is not None
                true.append(pixels_of(picture.data, factory.checkpoint.card.size))
                world.close()
                dream = factory.open(spec, rules, pictures=True)
                _to_the_end(dream, drive, decisions * LIGHTEMMA.dt)
                assert dream.stream is not None
                dreamt.append(dream.stream.pictures[-1].permute(1, 2, 0).numpy())
            start = next(one for one in factory.starts if (one.scenario, one.seed) == (spec.scenario, spec.seed))
            errors.append([[_error(one, other) for other in true] for one in dreamt])
            copies.append([_error(start.pictures[-1], other) for other in true])
    finally:
        city.close()
    return Counterfactuals(COUNTERFACTUALS, np.array(errors), np.array(copies))


def pixels_of(data: bytes, size: tuple[int, int]) -> ByteArray:
    """(h, w, 3) an encoded picture at a size."""
    with Image.open(BytesIO(data)) as picture:
        return np.asarray(picture.convert("RGB").resize(size, Image.Resampling.BOX))


def _error(one: ByteArray, other: ByteArray) -> float:
    return float(((one.astype(np.float64) - other) ** 2).mean())
