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
    clips: npt.NDArray[np.int64]
    starts: npt.NDArray[np.int64]
    mirrored: npt.NDArray[np.bool_]


class Windows:
    """Windows of several pictures in a row.

    Args:
        clips: where they are cut from.
        length: pictures of one.
        mirror: whether half of them are mirrored, their curvature with them (driving only).

    Raises:
        UserError: if no clip is long enough.
    """

    def __init__(self, clips: Sequence[Recorded], length: int, *, mirror: bool = False) -> None:
        self.clips, self.length, self.mirror = list(clips), length, mirror
        counts = np.array([max(0, len(clip.pictures) - length + 1) for clip in clips], dtype=np.int64)
        self._ends = np.cumsum(counts)
        if not len(counts) or not self._ends[-1]:
            raise UserError(f"No drive has {length} pictures in a row; give longer ones.")

    def __len__(self) -> int:
        """Number of windows."""
        return int(self._ends[-1])

    def draw(self, batch: int, seed: Sequence[int]) -> Window:
        """A batch that depends on the seed alone, so that a resumed training sees the same.

        Args:
            batch: number of windows.
            seed: of this batch, such as that of the training and the number of the step.
        """
        rng = np.random.default_rng(seed)
        numbers = rng.integers(len(self), size=batch)
        mirrored = (rng.random(batch) < 0.5) & self.mirror
        return self.at(numbers, mirrored)

    def at(self, numbers: npt.NDArray[np.int64], mirrored: npt.NDArray[np.bool_] | None = None) -> Window:
        """Windows by their numbers."""
        if mirrored is None:
            mirrored = np.zeros(len(numbers), dtype=np.bool_)
        clips = np.searchsorted(self._ends, numbers, side="right")
        starts = numbers - np.where(clips > 0, self._ends[clips - 1], 0)
        pictures, actions = [], []
        for clip, start, turn in zip(clips.tolist(), starts.tolist(), mirrored.tolist(), strict=True):
            one = self.clips[clip]
            shown = one.pictures[start : start + self.length]
            done = one.actions[start : start + self.length - 1]
            pictures.append(shown[:, :, ::-1] if turn else shown)
            actions.append(done * np.array([1.0, -1.0, 1.0]) if turn else done)
        stacked = torch.from_numpy(np.ascontiguousarray(np.stack(pictures))).permute(0, 1, 4, 2, 3)
        return Window(stacked, torch.from_numpy(np.stack(actions)).float(), clips, starts, mirrored)
