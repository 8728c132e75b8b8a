"""Recorded drives as a world imagines them by their own actions: pictures as an agent will meet them, with the map's truth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from lightemma.worldmodel.clips import Clip
from lightemma.worldmodel.denoiser import Denoiser, from_bytes, to_bytes
from lightemma.worldmodel.edm import Sampler

#: Pictures imagined in a row, and drives that are drawn together.
IN_A_ROW, _TOGETHER = 12, 64


def imagined_clips(
    denoiser: Denoiser, clips: Sequence[Clip], sampler: Sampler, seed: int, device: str = "cpu"
) -> list[Clip]:
    """Stretches of drives of which the first picture is recorded and the others are imagined.

    A reward model that saw recorded pictures alone is asked about softer ones in every dream.

    Args:
        denoiser: on the device, for drawing.
        clips: recorded drives.
        sampler: with its number of steps.
        seed: of the noise.
        device: of the denoiser.

    Returns:
        Clips of ``IN_A_ROW + 1`` pictures, with the labels of what was recorded.
    """
    past = denoiser.shape.past
    places = [
        (clip, place)
        for clip in clips
        for place in range(past - 1, len(clip.pictures) - IN_A_ROW, IN_A_ROW)
        if clip.off_road is not None
    ]
    random = torch.Generator(device).manual_seed(seed)
    found = []
    for first in range(0, len(places), _TOGETHER):
        some = places[first : first + _TOGETHER]
        recorded = np.stack([clip.pictures[place - past + 1 : place + 1] for clip, place in some])
        seen = from_bytes(torch.from_numpy(recorded).permute(0, 1, 4, 2, 3).contiguous().to(device))
        done = torch.tensor(
            np.stack([clip.actions[place - past + 1 : place + IN_A_ROW] for clip, place in some]),
            dtype=torch.float32,
            device=device,
        )
        drawn = [seen[:, -1]]
        for step in range(IN_A_ROW):
            noise = torch.randn(seen[:, 0].shape, generator=random, device=device)
            drawn.append(denoiser.draw(seen, done[:, step : step + past], sampler, noise))
            seen = torch.cat([seen[:, 1:], drawn[-1][:, None]], dim=1)
        pictures = to_bytes(torch.stack(drawn, dim=1)).permute(0, 1, 3, 4, 2).cpu().numpy()
        for (clip, place), shown in zip(some, pictures, strict=True):
            cut = slice(place, place + IN_A_ROW + 1)
            found.append(
                Clip(
                    clip.name,
                    shown,
                    clip.actions[place : place + IN_A_ROW],
                    clip.poses[cut],
                    None if clip.off_road is None else clip.off_road[cut],
                    None if clip.in_lane is None else clip.in_lane[cut],
                    clip.camera,
                )
            )
    return found
