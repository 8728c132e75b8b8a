"""Batches for the tiny driver: histories with the recordings' noise, prompts, pictures, and targets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from tiny_driver.frames import Frames
from tiny_driver.network import IMAGES, SCALES
from torch import Tensor

from lightemma.backends.tiny import vocabulary as words
from lightemma.backends.tiny.vocabulary import VOCABULARY as V
from lightemma.protocol import LIGHTEMMA

NOISE_M = 0.002


def histories(poses: np.ndarray, times: np.ndarray) -> np.ndarray:
    """(n, 6, 2) pairs of (n, 8, 2) places at (n, 8) seconds: ``kinematics.actions_from_poses`` for many at once."""
    speed = np.linalg.norm(np.diff(poses, axis=1), axis=2) / np.diff(times, axis=1)
    speed = np.where(speed < LIGHTEMMA.min_speed, 0.0, speed)[:, 1:]
    before, here, after = poses[:, :-2], poses[:, 1:-1], poses[:, 2:]
    a, b, c = here - before, after - here, after - before
    cross = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    sides = np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1) * np.linalg.norm(c, axis=-1)
    curve = np.where(sides > 1e-12, 2.0 * cross / np.maximum(sides, 1e-12), 0.0)
    curve = np.where(np.abs(curve) > LIGHTEMMA.max_curvature, 0.0, curve)
    return np.round(np.stack([speed, curve], -1), 3)


@dataclass
class Batch:
    """What the network is given and what it is to say.

    Attributes:
        pixels: (B, 6, 90, 160): the picture, and by how much it differs from the one before.
        prompt: (B, PROMPT) ids.
        past: (B, 25) the same in numbers; base: (B, 6, 2) constant action.
        plan, places, future: targets; future NaN where unknown.
        numbers, kinds: facts.
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
    history: np.ndarray


class Source:
    """Makes batches of frames.

    Args:
        frames: of drives.
        seed: of all that is random.
        blind: without pictures.
    """

    def __init__(self, frames: Frames, seed: int = 0, *, blind: bool = False) -> None:
        self.blind = blind
        self.frames, self.random = frames, np.random.default_rng(seed)
        self._curves = np.array(words.CURVATURES)

    def batch(self, rows: np.ndarray, *, learn: bool, blank: str = "", two: bool = True, command: bool = True) -> Batch:
        """The batch of some rows.

        Args:
            rows: of the frames.
            learn: with noise, changed light, and inputs left out now and then.
            blank: ``grey`` or ``other`` for these pictures in place of the own ones.
            two: whether the earlier picture is given.
            command: whether the command is given.
        """
        f, random, count = self.frames, self.random, len(rows)
        poses = f.poses[rows] + random.normal(0, NOISE_M, (count, 8, 2))
        history = histories(poses, f.times[rows])
        current = np.ones(count, bool)
        older = np.ones(count, bool)
        told = np.full(count, command)
        metres = f.metres[rows].copy()
        pair = np.full(count, two)
        if learn:
            current = random.random(count) > 0.1
            older = current & (random.random(count) > 0.2)
            told = random.random(count) > 0.4
            metres[random.random(count) < 0.15] = np.nan
            pair = random.random(count) > 0.25
        commands = np.where(told, f.command[rows], 0)
        metres = np.where(commands > 1, metres, np.nan)
        known = np.zeros((count, 6), bool)
        known[:, -1], known[:, :-1] = current, older[:, None]
        return Batch(
            self._pixels(rows, pair, learn, blank),
            torch.from_numpy(prompt_ids(history, known, commands, metres, self._curves)),
            torch.from_numpy(past_numbers(history, known, commands, metres)).float(),
            torch.from_numpy(
                np.where(current[:, None, None], np.repeat(history[:, -1:], 6, 1), [[[7.0, 0.0]]])
            ).float(),
            torch.from_numpy(places_of(f.plan[rows])).float(),
            torch.from_numpy(f.plan[rows]).float(),
            torch.from_numpy(f.future[rows]).float(),
            torch.from_numpy(f.numbers[rows]).float() / SCALES,
            torch.from_numpy(f.kinds[rows]).long(),
            history,
        )

    def _pixels(self, rows: np.ndarray, pair: np.ndarray, learn: bool, blank: str) -> Tensor:
        f = self.frames
        if self.blind:
            return torch.zeros(len(rows), 1)
        now = f.now[rows]
        if blank == "other":
            now = f.now[other_rows(f, rows)]
        first = torch.from_numpy(f.pictures[now]).permute(0, 3, 1, 2).float() / 127.5 - 1.0
        before = torch.from_numpy(f.pictures[now - 1]).permute(0, 3, 1, 2).float() / 127.5 - 1.0
        if blank == "grey":
            first, before = torch.zeros_like(first), torch.zeros_like(before)
        if learn:
            shape = (len(rows), 1, 1, 1)
            gain, shift = 0.75 + 0.5 * torch.rand(shape), 0.3 * (torch.rand(shape) - 0.5)
            first, before = first * gain + shift, before * gain + shift
        change = (first - before) * torch.from_numpy(pair)[:, None, None, None]
        return torch.cat([first, change], 1).contiguous(memory_format=torch.channels_last)


def other_rows(frames: Frames, rows: np.ndarray) -> np.ndarray:
    """For each row one of another drive, always the same."""
    count = len(frames)
    other = (rows + count // 3 + 17) % count
    return np.where(frames.scene[other] == frames.scene[rows], (other + count // 5 + 1) % count, other)


def places_of(plan: np.ndarray) -> np.ndarray:
    """Where plans lead."""
    from lightemma.kinematics import integrate

    return integrate(plan)


def prompt_ids(
    history: np.ndarray, known: np.ndarray, commands: np.ndarray, metres: np.ndarray, curves: np.ndarray
) -> np.ndarray:
    """(n, PROMPT) ids."""
    count = len(history)
    speed = np.rint(np.clip(history[:, -1, 0], 0, words.FASTEST) / words.SPEED_STEP).astype(int) + V.speed.first
    change = nearest(np.diff(history[..., 0], axis=1), np.array(words.CHANGES)) + [block.first for block in V.changes]
    curve = nearest(history[..., 1], curves) + [block.first for block in V.curvatures]
    speed = np.where(known[:, -1], speed, V.no_speed)
    change = np.where(known[:, :-1] & known[:, 1:], change, V.no_change)
    curve = np.where(known, curve, V.no_curvature)
    ids = np.full((count, 1 + IMAGES + 2 + 12 + 1), words.IMAGE)
    ids[:, 0], ids[:, -1] = words.BEGIN, words.READ
    ids[:, 1 + IMAGES] = commands + V.command.first
    place = np.rint(np.nan_to_num(metres).clip(0, words.METRES[-1]) / 2).astype(int)
    ids[:, 2 + IMAGES] = np.where(np.isnan(metres), V.no_metres, place + V.metres.first)
    ids[:, 3 + IMAGES] = speed
    ids[:, 4 + IMAGES : 9 + IMAGES], ids[:, 9 + IMAGES : -1] = change, curve
    return ids


def nearest(values: np.ndarray, bins: np.ndarray) -> np.ndarray:
    """Places of the nearest bins."""
    place = np.searchsorted(bins, values).clip(1, len(bins) - 1)
    return place - (values - bins[place - 1] <= bins[place] - values)


def past_numbers(history: np.ndarray, known: np.ndarray, commands: np.ndarray, metres: np.ndarray) -> np.ndarray:
    """(n, 25) the prompt in numbers for the teacher."""
    count = len(history)
    speed = np.where(known, history[..., 0] - history[:, -1:, 0], 0.0)
    speed[:, -1] = np.where(known[:, -1], history[:, -1, 0] / 5, 1.4)
    curve = np.where(known, np.arcsinh(history[..., 1] / 0.01) / 2, 0.0)
    far = np.where(np.isnan(metres), 0.0, metres / 25.0)
    one = np.zeros((count, 5))
    one[np.arange(count), commands] = 1.0
    return np.concatenate([speed, curve, known, one, far[:, None], np.isnan(metres)[:, None]], 1)
