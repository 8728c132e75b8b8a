"""Rollouts: imagined drives by recorded actions beside what was recorded, in numbers, as strips and as films."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from lightemma.errors import UserError
from lightemma.files import write_whole
from lightemma.frame import FloatArray
from lightemma.worldmodel.clips import ByteArray, Clip
from lightemma.worldmodel.imagination import Imagination, Stream


@dataclass(frozen=True, slots=True)
class Rollout:
    """One imagined drive beside the recorded one.

    Attributes:
        name: of the scene.
        start: (h, w, 3) the last recorded picture before it.
        imagined: (n, h, w, 3).
        recorded: (n, h, w, 3) at the same moments.
    """

    name: str
    start: ByteArray
    imagined: ByteArray
    recorded: ByteArray


def roll(imagination: Imagination, places: Sequence[tuple[Clip, int]], past: int, steps: int) -> list[Rollout]:
    """Imagines clips from some places on, by their recorded actions.

    Args:
        imagination: draws.
        places: clips, each with the number of its first imagined picture; ``steps`` pictures must follow from there on.
        past: pictures that the model is given.
        steps: pictures to imagine.
    """
    streams = [stream_of(clip, first, past, number) for number, (clip, first) in enumerate(places)]
    drawn: list[list[ByteArray]] = [[] for _ in places]
    for step in range(steps if places else 0):
        imagination.advance(streams, np.stack([clip.actions[first + step - 1] for clip, first in places]))
        for shown, stream in zip(drawn, streams, strict=True):
            shown.append(stream.pictures[-1].permute(1, 2, 0).numpy())
    return [
        Rollout(clip.name, clip.pictures[first - 1], np.stack(shown), clip.pictures[first : first + steps])
        for (clip, first), shown in zip(places, drawn, strict=True)
    ]


def stream_of(clip: Clip, first: int, past: int, seed: int) -> Stream:
    """A stream whose next picture is number ``first`` of a clip."""
    pictures = torch.from_numpy(np.ascontiguousarray(clip.pictures[first - past : first])).permute(0, 3, 1, 2)
    return Stream(seed, pictures.contiguous(), torch.from_numpy(clip.actions[first - past : first - 1]).float())


def psnr(one: ByteArray, other: ByteArray) -> FloatArray:
    """(...,) decibels between pictures (..., h, w, 3); equal ones have 99."""
    error = ((one.astype(np.float64) - other) ** 2).mean(axis=(-1, -2, -3))
    found: FloatArray = 10.0 * np.log10(255.0**2 / np.maximum(error, 255.0**2 * 10**-9.9))
    return found


def write_strip(path: Path, rollout: Rollout, every: int = 1, zoom: int = 2) -> None:
    """Writes a strip: above what was recorded, below what was imagined, time from left to right.

    Raises:
        UserError: if it cannot be written.
    """
    rows = [
        np.concatenate([rollout.start, *pictures[every - 1 :: every]], axis=1)
        for pictures in (rollout.recorded, rollout.imagined)
    ]
    image = Image.fromarray(np.concatenate(rows))
    image = image.resize((image.width * zoom, image.height * zoom), Image.Resampling.NEAREST)
    data = io.BytesIO()
    image.save(data, "PNG")
    _write(path, data.getvalue())


def write_film(path: Path, rollout: Rollout, dt: float, zoom: int = 4) -> None:
    """Writes a film (GIF) of the recorded drive beside the imagined one.

    Raises:
        UserError: if it cannot be written.
    """
    both = np.concatenate([rollout.recorded, rollout.imagined], axis=2)
    frames = [
        Image.fromarray(one).resize((one.shape[1] * zoom, one.shape[0] * zoom), Image.Resampling.NEAREST)
        for one in both
    ]
    data = io.BytesIO()
    frames[0].save(data, "GIF", save_all=True, append_images=frames[1:], duration=round(1000 * dt), loop=0)
    _write(path, data.getvalue())


def _write(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, data)
    except OSError as error:
        raise UserError(f"'{path}' cannot be written ({error.strerror}); make room.") from error
