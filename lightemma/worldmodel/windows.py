"""Draws training examples from clips: past pictures and actions, and the pictures that followed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from lightemma.errors import UserError

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
#: m/s above which a drive is not replayed in another tempo, and metres of a step below which a curvature says nothing.
FASTEST, _SHORTEST = 16.0, 0.05
#: Share of the examples in another tempo, for what has to know how fast a car is.
TEMPO = 0.5


class Recorded(Protocol):
    """What windows are cut from: a drive's clip, or a game's."""

    @property
    def pictures(self) -> npt.NDArray[np.uint8]:
        """(n, h, w, 3) bytes."""

    @property
    def actions(self) -> npt.NDArray[np.float64]:
        """(n - 1, a), each from one picture to the next."""


@dataclass(frozen=True, slots=True)
class Window:
    """Examples of one batch.

    Attributes:
        pictures: (b, length, 3, h, w) bytes.
        actions: (b, length - 1, a).
        clips: (b,) numbers of the clips that they are from.
        starts: (b,) place of their first picture in its clip.
        mirrored: (b,) whether left and right were exchanged.
    """

    pictures: Tensor
    actions: Tensor
    clips: IntArray
    starts: IntArray
    mirrored: BoolArray


class Windows:
    """Windows of several pictures in a row. All pictures lie on one device, so that a batch costs one look-up.

    Args:
        clips: where they are cut from.
        length: pictures of one.
        mirror: whether half of them are mirrored, their curvature with them (driving only).
        tempo: share of the examples that are replayed in another tempo (driving only): each of their steps is none, one or
            two steps of the recording. Recorded cars gain little speed in half a second, so that the past pictures alone
            tell how fast the car is; here they do not, and a model has to look at the action.
        device: of the pictures.
        last: for each clip, (n,) whether a window may end at that picture; None lets it end anywhere.

    Raises:
        UserError: if no clip is long enough.
    """

    def __init__(
        self,
        clips: Sequence[Recorded],
        length: int,
        *,
        mirror: bool = False,
        tempo: float = 0.0,
        device: str = "cpu",
        last: Sequence[BoolArray] | None = None,
    ) -> None:
        self.length, self.mirror, self.tempo, self.device = length, mirror, tempo, device
        sizes = np.array([len(clip.pictures) for clip in clips], dtype=np.int64)
        self._first = np.concatenate([[0], np.cumsum(sizes)])
        places = [np.arange(max(0, size - length + 1)) for size in sizes.tolist()]
        if last is not None:
            places = [place[ends[place + length - 1]] for place, ends in zip(places, last, strict=True)]
        self._clip = np.repeat(np.arange(len(clips)), [len(place) for place in places])
        self._start = np.concatenate([np.zeros(0, dtype=np.int64), *places])
        if not len(self._clip):
            raise UserError(f"No drive has {length} pictures in a row; give longer ones.")
        # One more row after each clip, which is never shown, so that actions have the numbers of their first pictures.
        self._actions = np.concatenate([np.concatenate([clip.actions, clip.actions[-1:]]) for clip in clips])
        stacked = np.concatenate([clip.pictures for clip in clips])
        self._pictures = torch.from_numpy(stacked).permute(0, 3, 1, 2).contiguous().to(device)

    def __len__(self) -> int:
        """Number of windows."""
        return len(self._clip)

    def draw(self, batch: int, seed: Sequence[int]) -> Window:
        """A batch that depends on the seed alone, so that a resumed training sees the same.

        Args:
            batch: number of windows.
            seed: of this batch, such as that of the training and the number of the step.
        """
        rng = np.random.default_rng(seed)
        numbers = rng.integers(len(self), size=batch)
        mirrored = (rng.random(batch) < 0.5) & self.mirror
        if not self.tempo:
            return self.at(numbers, mirrored)
        other = rng.random(batch) < self.tempo
        strides = np.where(other[:, None], rng.integers(3, size=(batch, self.length - 1)), 1)
        return self.at(numbers, mirrored, strides)

    def at(self, numbers: IntArray, mirrored: BoolArray | None = None, strides: IntArray | None = None) -> Window:
        """Windows by their numbers.

        Args:
            numbers: (b,).
            mirrored: (b,) which are mirrored; None mirrors none.
            strides: (b, length - 1) recorded steps of each step; a window that would reach beyond its clip, or become faster
                than ``FASTEST``, keeps its own tempo.
        """
        clips, starts = self._clip[numbers], self._start[numbers]
        first = self._first[clips] + starts
        rows = first[:, None] + np.arange(self.length)
        actions = self._actions[rows[:, :-1]]
        if strides is not None:
            rows, actions = self._in_tempo(rows, actions, strides, self._first[clips + 1])
        turned = np.zeros(len(numbers), dtype=np.bool_) if mirrored is None else mirrored
        if turned.any():
            actions = actions * np.where(turned[:, None, None], [1.0, -1.0, 1.0], 1.0)
        pictures = self._pictures[torch.from_numpy(rows).to(self.device)]
        if turned.any():
            flip = torch.from_numpy(turned).to(self.device)[:, None, None, None, None]
            pictures = torch.where(flip, pictures.flip(-1), pictures)
        told = torch.from_numpy(actions).float().to(self.device)
        return Window(pictures, told, clips, starts, turned)

    def _in_tempo(
        self, rows: IntArray, actions: npt.NDArray[np.float64], strides: IntArray, ends: IntArray
    ) -> tuple[IntArray, npt.NDArray[np.float64]]:
        """Rows and actions of windows whose steps are none, one or two recorded ones."""
        moved = rows[:, :1] + np.concatenate([np.zeros((len(rows), 1), dtype=np.int64), strides.cumsum(axis=1)], axis=1)
        safe = np.minimum(moved, len(self._actions) - 2)
        one, two = self._actions[safe[:, :-1]], self._actions[safe[:, :-1] + 1]
        seconds = actions[:, :, 2]
        way = (strides > 0) * one[:, :, 0] * one[:, :, 2] + (strides > 1) * two[:, :, 0] * two[:, :, 2]
        turn = (strides > 0) * one[:, :, 0] * one[:, :, 1] * one[:, :, 2]
        turn = turn + (strides > 1) * two[:, :, 0] * two[:, :, 1] * two[:, :, 2]
        curvature = np.where(way > _SHORTEST, turn / np.maximum(way, _SHORTEST), 0.0)
        other = np.stack([way / seconds, curvature, seconds], axis=-1)
        fits = (moved[:, -1] < ends) & (other[:, :, 0].max(axis=1) <= FASTEST) & (strides != 1).any(axis=1)
        return np.where(fits[:, None], moved, rows), np.where(fits[:, None, None], other, actions)
