"""Action fidelity: does the imagined picture show the motion that was commanded? And for how long is it better than nothing?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lightemma.frame import FloatArray
from lightemma.worldmodel.clips import ByteArray, Clip
from lightemma.worldmodel.imagination import Imagination
from lightemma.worldmodel.inverse import InverseDynamics, slope
from lightemma.worldmodel.rollouts import psnr, roll, stream_of

#: Commanded curvatures, 1/m, and changes of speed, m/s.
CURVATURES, CHANGES = (-0.03, 0.0, 0.03), (-3.0, 0.0, 3.0)
#: m/s: slower starts show no turn, and cannot become slower.
SLOWEST = 4.0
#: Draws of a bootstrap.
DRAWS = 1000


@dataclass(frozen=True, slots=True)
class Share:
    """A share or a mean with its 95 % interval over scenes (percentile bootstrap).

    Attributes:
        value: of all.
        low: lower end.
        high: upper end.
        count: starts.
    """

    value: float
    low: float
    high: float
    count: int


@dataclass(frozen=True, slots=True)
class Fidelity:
    """What the inverse-dynamics net reads from imagined pictures, one step after recorded ones.

    Attributes:
        steering: share of starts where left and right are told apart rightly.
        speeding: share of starts where faster and slower are.
        speed_slope: of the speed that is read over that which was commanded.
        speed_within: the same of differences from each start's mean: how much of a change of speed is shown. What a picture
            tells of the speed before does not help here.
        curvature_slope: of the curvature.
        own_speed_slope: the same on recorded held-out pictures: the best that can be expected.
        own_curvature_slope: the same.
        own_speed_error: mean absolute error of the net on recorded held-out pictures, m/s.
        own_turn_error: the same, radians per second.
    """

    steering: Share
    speeding: Share
    speed_slope: Share
    speed_within: Share
    curvature_slope: Share
    own_speed_slope: float
    own_curvature_slope: float
    own_speed_error: float
    own_turn_error: float


def fidelity(
    imagination: Imagination, net: InverseDynamics, clips: Sequence[Clip], past: int, per_clip: int = 4
) -> Fidelity:
    """Commands each start nine motions and reads them back.

    Args:
        imagination: draws.
        net: trained on other recorded drives.
        clips: held out.
        past: pictures that the model is given.
        per_clip: starts of each clip.
    """
    scenes: list[int] = []
    before: list[ByteArray] = []
    commanded: list[tuple[float, float, float]] = []
    streams = []
    for number, clip in enumerate(clips):
        moving = [place for place in range(past, len(clip.pictures)) if clip.actions[place - 1, 0] >= SLOWEST]
        for place in moving[:: max(1, len(moving) // per_clip)][:per_clip]:
            now = float(clip.actions[place - 1, 0])
            for change in CHANGES:
                for curvature in CURVATURES:
                    streams.append(stream_of(clip, place, past, len(scenes)))
                    commanded.append((now + change, curvature, float(clip.actions[place - 1, 2])))
            scenes.append(number)
            before.append(clip.pictures[place - 1])
    actions = np.array(commanded)
    imagination.advance(streams, actions)
    after = np.stack([one.pictures[-1].permute(1, 2, 0).numpy() for one in streams])
    read = net.read(np.repeat(np.stack(before), 9, axis=0), after)
    grid = len(scenes), len(CHANGES), len(CURVATURES)
    speed, turn = read.speed.reshape(grid), read.turn.reshape(grid)
    steering = (turn[:, 1, 2] > turn[:, 1, 0]).astype(np.float64)
    speeding = (speed[:, 2, 1] > speed[:, 0, 1]).astype(np.float64)
    told_speed, told_curvature = actions[:, 0].reshape(grid), actions[:, 1].reshape(grid)
    curvature = turn / told_speed
    of = np.array(scenes)
    own_speed, own_turn, read_speed, read_turn = _own(net, clips)
    fast = own_speed >= SLOWEST
    return Fidelity(
        steering=share(steering, of),
        speeding=share(speeding, of),
        speed_slope=slope_share(told_speed, speed, of),
        speed_within=slope_share(within(told_speed), within(speed), of),
        curvature_slope=slope_share(told_curvature, curvature, of),
        own_speed_slope=slope(own_speed, read_speed),
        own_curvature_slope=slope(
            (own_turn / np.maximum(own_speed, 0.1))[fast], (read_turn / np.maximum(own_speed, 0.1))[fast]
        ),
        own_speed_error=float(np.abs(own_speed - read_speed).mean()),
        own_turn_error=float(np.abs(own_turn - read_turn).mean()),
    )


def _own(net: InverseDynamics, clips: Sequence[Clip]) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """True and read speeds and turns of recorded pictures."""
    actions = np.concatenate([clip.actions for clip in clips])
    before = np.concatenate([clip.pictures[:-1] for clip in clips])
    after = np.concatenate([clip.pictures[1:] for clip in clips])
    read = net.read(before, after)
    return actions[:, 0], actions[:, 0] * actions[:, 1], read.speed, read.turn


def share(values: FloatArray, scenes: npt.NDArray[Any]) -> Share:
    """A mean with its interval over scenes."""
    flat = values.astype(np.float64)
    sums, weights = _of_scenes(np.stack([flat, np.ones_like(flat)]), scenes)
    drawn = (weights @ sums[0]) / (weights @ sums[1])
    low, high = np.percentile(drawn, [2.5, 97.5]).tolist()
    return Share(float(flat.mean()), low, high, len(flat))


def within(values: FloatArray) -> FloatArray:
    """Differences from the mean of each row."""
    flat = values.reshape(len(values), -1)
    found: FloatArray = flat - flat.mean(axis=1, keepdims=True)
    return found


def slope_share(given: FloatArray, found: FloatArray, scenes: npt.NDArray[Any]) -> Share:
    """A slope with its interval over scenes; ``given`` and ``found`` have one row for each start."""
    x, y = given.reshape(len(given), -1), found.reshape(len(found), -1)
    moments = np.stack([np.ones_like(x), x, y, x * x, x * y]).sum(axis=2)
    sums, weights = _of_scenes(moments, scenes)
    n, of_x, of_y, of_xx, of_xy = sums @ weights.T
    drawn = (of_xy - of_x * of_y / n) / (of_xx - of_x**2 / n)
    low, high = np.percentile(drawn, [2.5, 97.5]).tolist()
    return Share(slope(x.ravel(), y.ravel()), low, high, len(given))


def _of_scenes(rows: FloatArray, scenes: npt.NDArray[Any]) -> tuple[FloatArray, FloatArray]:
    """(k, rows) numbers summed for each scene, (k, scenes), and how often each draw has each scene, (draws, scenes)."""
    names, place = np.unique(scenes, return_inverse=True)
    sums = np.stack([np.bincount(place, one, len(names)).astype(np.float64) for one in rows])
    rng = np.random.default_rng(0)
    return sums, rng.multinomial(len(names), np.full(len(names), 1.0 / len(names)), size=DRAWS).astype(np.float64)


@dataclass(frozen=True, slots=True)
class Horizon:
    """For how long imagined pictures are nearer to the truth than the picture at the start.

    Attributes:
        seconds: (n,) since the start.
        imagined: (n,) dB, mean PSNR of imagined pictures.
        copied: (n,) dB, of the last recorded picture.
        low: (n,) dB, lower end of the interval of the difference, over scenes.
        high: (n,) dB, upper end.
        trusted_s: seconds up to which every lower end is above 0.
    """

    seconds: FloatArray
    imagined: FloatArray
    copied: FloatArray
    low: FloatArray
    high: FloatArray
    trusted_s: float


def horizon(
    imagination: Imagination, clips: Sequence[Clip], past: int, steps: int, dt: float, per_clip: int = 2
) -> Horizon:
    """Drives recorded actions in the imagination.

    Args:
        imagination: draws.
        clips: held out.
        past: pictures that the model is given.
        steps: of a drive.
        dt: seconds of a step.
        per_clip: starts of each clip.
    """
    places = [
        (number, clip, first)
        for number, clip in enumerate(clips)
        if len(clip.pictures) >= past + steps
        for first in np.unique(np.linspace(past, len(clip.pictures) - steps, per_clip).astype(int)).tolist()
    ]
    rolled = roll(imagination, [(clip, first) for _, clip, first in places], past, steps)
    imagined = np.array([psnr(one.imagined, one.recorded) for one in rolled])
    copied = np.array([psnr(one.start[None].repeat(steps, axis=0), one.recorded) for one in rolled])
    of = np.array([number for number, _, _ in places])
    ends = [share((imagined - copied)[:, step], of) for step in range(steps)]
    low = np.array([one.low for one in ends])
    better = np.cumprod(low > 0.0)
    return Horizon(
        seconds=dt * np.arange(1, steps + 1, dtype=np.float64),
        imagined=imagined.mean(axis=0),
        copied=copied.mean(axis=0),
        low=low,
        high=np.array([one.high for one in ends]),
        trusted_s=float(dt * better.sum()),
    )
