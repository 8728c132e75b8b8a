"""Is an imagined game worth learning from? Held-out stretches of the true game are dreamt by the same actions, and counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lightemma.frame import FloatArray
from lightemma.worldmodel.atari import GameClip
from lightemma.worldmodel.denoiser import Denoiser, from_bytes
from lightemma.worldmodel.edm import Sampler
from lightemma.worldmodel.game_world import SAMPLER
from lightemma.worldmodel.reward_end import Memory, RewardEnd
from lightemma.worldmodel.windows import Windows


@dataclass(frozen=True, slots=True)
class Payments:
    """What stretches of a game pay, dreamt and truly.

    Attributes:
        dreamt: (n,) sums of the expected rewards of the imagined pictures.
        true: (n,) sums of the signs of the points.
        ends: ends expected in the imagined pictures, of all stretches together.
        lost: lives that were lost.
    """

    dreamt: FloatArray
    true: FloatArray
    ends: float
    lost: int

    @property
    def correlation(self) -> float:
        """Pearson's; NaN where all stretches pay the same."""
        if self.dreamt.std() == 0.0 or self.true.std() == 0.0:
            return float("nan")
        return float(np.corrcoef(self.dreamt, self.true)[0, 1])


def payments(
    denoiser: Denoiser,
    reward_end: RewardEnd,
    clips: Sequence[GameClip],
    device: str,
    horizon: int = 15,
    count: int = 200,
    sampler: Sampler | None = None,
) -> Payments | None:
    """Dreams stretches by the actions that were done in them; None where no clip is long enough.

    A stretch is one that ends with its clip at the latest: what follows a lost life is not in it.
    """
    past = denoiser.shape.past
    long = [one for one in clips if len(one.pictures) >= past + horizon]
    if not long:
        return None
    windows = Windows(long, past + horizon, device=device)
    window = windows.draw(count, (0, 5))
    pairs = list(zip(window.clips.tolist(), window.starts.tolist(), strict=True))
    of_true = [long[clip].rewards[start + past - 1 : start + past - 1 + horizon] for clip, start in pairs]
    of_ends = [long[clip].ends[start + past - 1 : start + past - 1 + horizon] for clip, start in pairs]
    random = torch.Generator(device).manual_seed(0)
    seen = from_bytes(window.pictures[:, :past].to(device))
    acted = window.actions.to(device)
    memory: Memory | None = None
    worth, over = torch.zeros(count, device=device), torch.zeros(count, device=device)
    for step in range(horizon):
        done = acted[:, step : step + past]
        noise = torch.randn(seen[:, 0].shape, generator=random, device=device)
        drawn = denoiser.draw(seen, done, sampler or SAMPLER, noise)
        with torch.no_grad():
            reward, end, memory = reward_end(torch.stack([seen[:, -1], drawn], dim=1), done[:, -1:], memory)
        worth += _expected(reward)
        over += end[:, 0].softmax(-1)[:, 1]
        seen = torch.cat([seen[:, 1:], drawn[:, None]], dim=1)
    return Payments(
        worth.double().cpu().numpy(),
        np.array([one.sum() for one in of_true], dtype=np.float64),
        float(over.sum()),
        int(np.sum(of_ends)),
    )


def _expected(reward: Tensor) -> Tensor:
    signs = reward[:, 0].softmax(-1)
    return signs[:, 2] - signs[:, 0]


def words_of_payments(found: Payments | None) -> str:
    """One line."""
    if found is None:
        return "imagined game: no held-out stretch is long enough to be dreamt"
    return (
        f"imagined game: {len(found.true)} held-out stretches dreamt by their true actions pay {found.dreamt.mean():+.2f} "
        f"on average (truly {found.true.mean():+.2f}), correlation {found.correlation:+.2f}; "
        f"{found.ends:.1f} ends expected, {found.lost} true"
    )
