"""Drives as a world imagines them, with the map's truth: what a reward model has to judge when an agent dreams.

A reward model that saw recorded pictures alone is lost in dreams, whose pictures are softer.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from lightemma.frame import FloatArray
from lightemma.worldmodel.clips import Clip, judged
from lightemma.worldmodel.denoiser import Denoiser, from_bytes, to_bytes
from lightemma.worldmodel.dream_cars import Cars
from lightemma.worldmodel.edm import Sampler

#: Pictures imagined in a row, drives that are drawn together, and pictures of a recording from one start to the next.
IN_A_ROW, _TOGETHER, _APART = 15, 64, 6
#: Probability that a driver keeps the choice that it made before.
_KEEPS = 0.6


def imagined_clips(
    denoiser: Denoiser, clips: Sequence[Clip], sampler: Sampler, seed: int, choices: Tensor, device: str = "cpu"
) -> list[Clip]:
    """Stretches of drives of which the first picture is recorded and the others are imagined.

    Half of them are imagined by the recorded actions. In the other half cars with limits do what is chosen at random, mostly
    what was chosen before; the map under the place where that leads them says what it is worth.

    Args:
        denoiser: on the device, for drawing.
        clips: recorded drives with maps; others are left out.
        sampler: with its number of steps.
        seed: of the noise and the choices.
        choices: (count, 3) speed (m/s), curvature (1/m) and seconds of each choice.
        device: of the denoiser.

    Returns:
        Clips of ``IN_A_ROW + 1`` pictures.
    """
    past, rng = denoiser.shape.past, np.random.default_rng(seed)
    random = torch.Generator(device).manual_seed(seed)
    recorded = [
        (clip, place)
        for clip in clips
        for place in range(past - 1, len(clip.pictures) - IN_A_ROW, 2 * _APART)
        if clip.ground is not None
    ]
    free = [
        (clip, place)
        for clip in clips
        for place in range(past - 1 + _APART, len(clip.pictures), 2 * _APART)
        if clip.off_road is not None and not clip.off_road[place] and clip.ground is not None
    ]
    found = []
    for starts, chosen in ((recorded, False), (free, True)):
        for first in range(0, len(starts), _TOGETHER):
            some = starts[first : first + _TOGETHER]
            before = np.stack([clip.actions[place - past + 1 : place] for clip, place in some])
            done = torch.tensor(before, dtype=torch.float32, device=device)
            if chosen:
                then = _by_chance(done, Cars(choices.to(device)), len(choices), rng)
            else:
                after = np.stack([clip.actions[place : place + IN_A_ROW] for clip, place in some])
                then = torch.tensor(after, dtype=torch.float32, device=device)
            pictures = _drawn(denoiser, sampler, some, done, then, random)
            for (clip, place), shown, actions in zip(
                some, pictures, then.cpu().numpy().astype(np.float64), strict=True
            ):
                poses = reckoned(clip.poses[place], actions) if chosen else clip.poses[place : place + IN_A_ROW + 1]
                off_road, in_lane = judged(poses, clip.ground, directed=clip.directed)
                found.append(
                    Clip(clip.name, shown, actions, poses, off_road, in_lane, clip.camera, clip.ground, clip.directed)
                )
    return found


def reckoned(start: FloatArray, actions: FloatArray) -> FloatArray:
    """Where actions lead a car.

    Args:
        start: (3,) x, y (metres), heading (radians) of the rear axle.
        actions: (n, 3) mean speed (m/s), curvature (1/m) and seconds.

    Returns:
        (n + 1, 3).
    """
    way = actions[:, 0] * actions[:, 2]
    turn = way * actions[:, 1]
    heading = start[2] + np.concatenate([[0.0], np.cumsum(turn)])
    chord = way * np.sinc(turn / (2.0 * np.pi))
    middle = heading[:-1] + turn / 2.0
    steps = np.column_stack([chord * np.cos(middle), chord * np.sin(middle)])
    places = start[:2] + np.concatenate([np.zeros((1, 2)), np.cumsum(steps, axis=0)])
    return np.column_stack([places, heading])


def _by_chance(done: Tensor, cars: Cars, count: int, rng: np.random.Generator) -> Tensor:
    cars.begin(done)
    choice = rng.integers(count, size=len(done))
    actions = []
    for _ in range(IN_A_ROW):
        choice = np.where(rng.random(len(done)) < _KEEPS, choice, rng.integers(count, size=len(done)))
        actions.append(cars.act(torch.from_numpy(choice).to(done.device)))
    return torch.stack(actions, dim=1)


def _drawn(
    denoiser: Denoiser,
    sampler: Sampler,
    starts: Sequence[tuple[Clip, int]],
    done: Tensor,
    then: Tensor,
    random: torch.Generator,
) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    past = denoiser.shape.past
    recorded = np.stack([clip.pictures[place - past + 1 : place + 1] for clip, place in starts])
    seen = from_bytes(torch.from_numpy(recorded).permute(0, 1, 4, 2, 3).contiguous().to(done.device))
    actions, drawn = torch.cat([done, then], dim=1), [seen[:, -1]]
    for step in range(IN_A_ROW):
        noise = torch.randn(seen[:, 0].shape, generator=random, device=done.device)
        drawn.append(denoiser.draw(seen, actions[:, step : step + past], sampler, noise))
        seen = torch.cat([seen[:, 1:], drawn[-1][:, None]], dim=1)
    return to_bytes(torch.stack(drawn, dim=1)).permute(0, 1, 3, 4, 2).cpu().numpy()
