"""What other actions than the recorded ones show: in the imagined world, and in the simulator, from the very same starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from io import BytesIO

import numpy as np
from PIL import Image

from lightemma.closed_loop.spec import EpisodeSpec, LoopRules
from lightemma.closed_loop.worlds.city import CityFactory
from lightemma.closed_loop.worlds.imagined import ImaginedFactory
from lightemma.frame import FloatArray
from lightemma.protocol import LIGHTEMMA
from lightemma.worldmodel.clips import ByteArray
from lightemma.worldmodel.fidelity import CHANGES, CURVATURES, Share, slope_share, within
from lightemma.worldmodel.inverse import InverseDynamics
from lightemma.worldmodel.rivals import DRIVERS, constant, to_the_end


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
                drive = constant(*action.tolist())(spec, 0.0, 0.0)
                world = city.open(replace(spec, conditions="day"), rules, pictures=True)
                to_the_end(world, drive, decisions * LIGHTEMMA.dt)
                picture = world.observe().picture
                assert picture is not None
                true.append(pixels_of(picture.data, factory.checkpoint.card.size))
                world.close()
                dream = factory.open(spec, rules, pictures=True)
                to_the_end(dream, drive, decisions * LIGHTEMMA.dt)
                assert dream.stream is not None
                dreamt.append(dream.stream.pictures[-1].permute(1, 2, 0).numpy())
            start = next(one for one in factory.starts if (one.scenario, one.seed) == (spec.scenario, spec.seed))
            errors.append([[_error(one, other) for other in true] for one in dreamt])
            copies.append([_error(start.pictures[-1], other) for other in true])
    finally:
        city.close()
    return Counterfactuals(COUNTERFACTUALS, np.array(errors), np.array(copies))


@dataclass(frozen=True, slots=True)
class Ceiling:
    """What the instrument reads from the simulator's own pictures after sudden changes of motion: no world can do better by it.

    Attributes:
        speed_slope: of the speed that is read over that which was driven.
        speed_within: the same of differences from each start's mean, see ``Fidelity``.
        curvature_slope: of the curvature.
    """

    speed_slope: Share
    speed_within: Share
    curvature_slope: Share


def instrument_ceiling(
    net: InverseDynamics,
    specs: Sequence[EpisodeSpec],
    picture_size: tuple[int, int],
    after: float = 1.0,
    size: tuple[int, int] = (160, 90),
) -> Ceiling:
    """Lets a car without limits do at once what ``fidelity`` commands, and reads it back from the simulator's pictures.

    Args:
        net: the instrument.
        specs: episodes of the simulator.
        picture_size: of the pictures that it reads.
        after: seconds that the expert drives before.
        size: at which the simulator draws.
    """
    city, rules = CityFactory(), LoopRules(size=size, renderer="painter", car_limits=False)
    told, read_speed, read_curvature = [], [], []
    try:
        for spec in specs:
            for change in CHANGES:
                for curvature in CURVATURES:
                    world = city.open(replace(spec, conditions="day"), rules, pictures=True)
                    to_the_end(world, DRIVERS["expert"](spec, 0.0, 0.0), after)
                    pictures, speed = [], max(world.car.speed + change, 0.5)
                    for wait in (0, world.info.steps_per_action):
                        for _ in range(wait):
                            world.step(speed, curvature)
                        picture = world.observe().picture
                        assert picture is not None
                        pictures.append(pixels_of(picture.data, picture_size)[None])
                    world.close()
                    found = net.read(*pictures)
                    told.append((speed, curvature))
                    read_speed.append(float(found.speed[0]))
                    read_curvature.append(float(found.turn[0]) / speed)
    finally:
        city.close()
    grid = len(specs), len(CHANGES) * len(CURVATURES)
    given = np.array(told).reshape(*grid, 2)
    speeds, curvatures = np.array(read_speed).reshape(grid), np.array(read_curvature).reshape(grid)
    of = np.arange(len(specs))
    return Ceiling(
        slope_share(given[..., 0], speeds, of),
        slope_share(within(given[..., 0]), within(speeds), of),
        slope_share(given[..., 1], curvatures, of),
    )


def pixels_of(data: bytes, size: tuple[int, int]) -> ByteArray:
    """(h, w, 3) an encoded picture at a size."""
    with Image.open(BytesIO(data)) as picture:
        return np.asarray(picture.convert("RGB").resize(size, Image.Resampling.BOX))


def _error(one: ByteArray, other: ByteArray) -> float:
    return float(((one.astype(np.float64) - other) ** 2).mean())
