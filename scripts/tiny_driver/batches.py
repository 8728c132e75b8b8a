"""Batches for the tiny driver: histories with the recordings' noise, prompts, pictures, and targets; all on one device."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from tiny_driver.frames import LEFT, MIRRORED, NUMBERS, RIGHT
from tiny_driver.motion import UNKNOWN
from tiny_driver.network import IMAGES, SCALES, constant, integrated
from tiny_driver.pool import Pool
from torch import Tensor

from lightemma.backends.tiny import vocabulary as words
from lightemma.backends.tiny.vocabulary import VOCABULARY as V
from lightemma.protocol import LIGHTEMMA

#: Metres of noise in the places of a history, such as recorded drives have; in half of the rows: a simulated car has none.
NOISE_M = 0.002
LEADER_SPEED = NUMBERS.index("leader_speed")
DT = LIGHTEMMA.dt


def histories(poses: Tensor) -> Tensor:
    """(n, 6, 2) pairs of (n, 8, 2) places half a second apart: ``kinematics.actions_from_poses`` for many at once."""
    steps = poses.diff(dim=1)
    speed = steps.norm(dim=-1) / DT
    speed = torch.where(speed < LIGHTEMMA.min_speed, 0.0, speed)[:, 1:]
    a, b, c = steps[:, :-1], steps[:, 1:], poses[:, 2:] - poses[:, :-2]
    cross = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    sides = a.norm(dim=-1) * b.norm(dim=-1) * c.norm(dim=-1)
    curve = torch.where(sides > 1e-12, 2.0 * cross / sides.clamp(min=1e-12), 0.0)
    curve = torch.where(curve.abs() > LIGHTEMMA.max_curvature, 0.0, curve)
    return torch.stack([speed, curve], -1).mul(1000).round().div(1000)


@dataclass
class Batch:
    """What the network is given and what it is to say.

    Attributes:
        pixels: (B, 6, 144, 256): the picture, and by how much it differs from the one before.
        prompt: (B, PROMPT) ids.
        past: (B, 25) the same in numbers; base: (B, 6, 2) constant action.
        plan, places, future: targets; future NaN where unknown.
        numbers, kinds: facts; the leader's speed is less the car's own.
        history: (B, 6, 2).
    """

    pixels: Tensor
    prompt: Tensor
    past: Tensor
    base: Tensor
    places: Tensor
    plan: Tensor
    future: Tensor
    numbers: Tensor
    kinds: Tensor
    history: Tensor


class Source:
    """Makes batches of a pool.

    Args:
        pool: of moments.
        seed: of all that is random.
        blind: without pictures.
    """

    def __init__(self, pool: Pool, seed: int = 0, *, blind: bool = False) -> None:
        self.pool, self.blind, device = pool, blind, pool.device
        self.random = torch.Generator(device).manual_seed(seed)
        self._changes = torch.tensor(words.CHANGES, dtype=torch.float64, device=device)
        self._curves = torch.tensor(words.CURVATURES, dtype=torch.float64, device=device)
        self._change_first = torch.tensor([block.first for block in V.changes], device=device)
        self._curve_first = torch.tensor([block.first for block in V.curvatures], device=device)
        self._scales = constant(SCALES, device)
        self._mirrored = torch.tensor(MIRRORED, device=device)

    def chance(self, count: int, share: float) -> Tensor:
        """(count,) whether, for each."""
        return torch.rand(count, generator=self.random, device=self.pool.device) < share

    def batch(
        self, rows: Tensor, *, learn: bool, blank: str = "", two: bool = True, command: bool = True, noise: bool = False
    ) -> Batch:
        """The batch of some rows.

        Args:
            rows: of the pool.
            learn: with noise, changed light, mirrored, and inputs left out now and then.
            blank: ``grey`` or ``other`` for these pictures in place of the own ones.
            two: whether the earlier picture is given.
            command: whether the command is given.
            noise: whether the places have the noise of recordings, without ``learn``.
        """
        data, count, device = {name: values[rows] for name, values in self.pool.data.items()}, len(rows), rows.device
        poses, plan, future, numbers = data["poses"], data["plan"], data["future"], data["numbers"]
        commands, metres, pair = data["command"], data["metres"], data["paired"] & two
        current = older = torch.ones(count, dtype=torch.bool, device=device)
        told = torch.full((count,), command, device=device)
        flip = torch.zeros(count, dtype=torch.bool, device=device)
        if learn:
            current = ~self.chance(count, 0.06)
            older = current & ~self.chance(count, 0.25)
            told = ~self.chance(count, 0.35)
            metres = torch.where(self.chance(count, 0.1), torch.nan, metres)
            pair = pair & ~self.chance(count, 0.15)
            flip = self.chance(count, 0.25)
            side = torch.where(flip, -1.0, 1.0)
            sides = torch.stack([torch.ones_like(side), side], -1)[:, None]
            poses, plan, future = poses * sides, plan * sides, future * sides
            numbers = torch.where(self._mirrored & flip[:, None], -numbers, numbers)
            turned = torch.where(commands == LEFT, RIGHT, torch.where(commands == RIGHT, LEFT, commands))
            commands = torch.where(flip, turned, commands)
        if learn or noise:
            shaken = torch.randn(poses.shape, generator=self.random, device=device) * NOISE_M
            poses = poses + shaken * (self.chance(count, 0.5 if learn else 1.0).float()[:, None, None])
        history = histories(poses)
        # Pictures show how much faster than the car the leader is: its own speed they do not tell.
        closing = torch.zeros_like(numbers)
        closing[:, LEADER_SPEED] = history[:, -1, 0]
        numbers = numbers - closing
        commands = torch.where(told, commands, 0)
        metres = torch.where(commands > 1, metres, torch.nan)
        known = torch.stack([older] * 5 + [current], 1)
        unknown = constant(UNKNOWN, device)
        return Batch(
            self._pixels(rows, data["now"], pair, learn, blank, flip),
            self._prompt(history, known, commands, metres),
            past_numbers(history, known, commands, metres),
            torch.where(current[:, None, None], history[:, -1:].expand(-1, 6, -1), unknown),
            integrated(plan), plan, future, numbers / self._scales, data["kinds"], history,
        )  # fmt: skip

    def _pixels(self, rows: Tensor, now: Tensor, pair: Tensor, learn: bool, blank: str, flip: Tensor) -> Tensor:
        if self.blind:
            return torch.zeros(len(rows), 1, device=rows.device)
        if blank == "other":
            count = len(self.pool)
            other = (rows + count // 3 + 17) % count
            same = self.pool.data["scene"][other] == self.pool.data["scene"][rows]
            now = self.pool.data["now"][torch.where(same, (other + count // 5 + 1) % count, other)]
        first, before = self.pool.pictures(now), self.pool.pictures((now - 1).clamp(min=0))
        if blank == "grey":
            first, before = torch.zeros_like(first), torch.zeros_like(before)
        if learn:
            shape = (len(rows), 1, 1, 1)
            gain, shift = (torch.rand(shape, generator=self.random, device=rows.device) for _ in range(2))
            gain, shift = 0.75 + 0.5 * gain, 0.3 * (shift - 0.5)
            first, before = first * gain + shift, before * gain + shift
        change = (first - before) * pair[:, None, None, None]
        pixels = torch.cat([first, change], 1)
        if learn:
            pixels = torch.where(flip[:, None, None, None], pixels.flip(3), pixels)
        return pixels.contiguous(memory_format=torch.channels_last)

    def _prompt(self, history: Tensor, known: Tensor, commands: Tensor, metres: Tensor) -> Tensor:
        """(n, PROMPT) ids."""
        exact = history.double()
        speed = (exact[:, -1, 0].clamp(0, words.FASTEST) / words.SPEED_STEP).round().long() + V.speed.first
        change = nearest(exact[..., 0].diff(dim=1), self._changes) + self._change_first
        curve = nearest(exact[..., 1], self._curves) + self._curve_first
        speed = torch.where(known[:, -1], speed, V.no_speed)
        change = torch.where(known[:, :-1] & known[:, 1:], change, V.no_change)
        curve = torch.where(known, curve, V.no_curvature)
        place = ((metres.nan_to_num(0.0).clamp(0, words.METRES[-1]).round() - 1) / 2).ceil().long() + V.metres.first
        place = torch.where(metres.isnan(), V.no_metres, place)
        begin = torch.full((len(history), 1), words.BEGIN, device=history.device)
        return torch.cat(
            [begin, torch.full_like(begin, words.IMAGE).expand(-1, IMAGES), (commands + V.command.first)[:, None],
             place[:, None], speed[:, None], change, curve, torch.full_like(begin, words.READ)], 1
        )  # fmt: skip


def nearest(values: Tensor, bins: Tensor) -> Tensor:
    """Places of the nearest bins."""
    place = torch.searchsorted(bins, values.contiguous()).clamp(1, len(bins) - 1)
    return place - (values - bins[place - 1] <= bins[place] - values).long()


def past_numbers(history: Tensor, known: Tensor, commands: Tensor, metres: Tensor) -> Tensor:
    """(n, 25) the prompt in numbers for the teacher; ``motion.past_numbers`` for many at once."""
    now = history[:, -1, 0]
    speed = torch.where(known, history[..., 0] - now[:, None], 0.0)
    speed[:, -1] = torch.where(known[:, -1], now / 5.0, 1.4)
    curve = torch.where(known, torch.asinh(history[..., 1] / 0.01) / 2.0, 0.0)
    one = torch.nn.functional.one_hot(commands, 5).float()
    far = metres.nan_to_num(0.0) / 25.0
    return torch.cat([speed, curve, known.float(), one, far[:, None], metres.isnan().float()[:, None]], 1)
