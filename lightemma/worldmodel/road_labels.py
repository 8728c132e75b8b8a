"""What a step of a recorded drive was worth, from the map under it: the truth of the reward and end model."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from lightemma.worldmodel.clips import Clip
from lightemma.worldmodel.denoiser import from_bytes
from lightemma.worldmodel.fitting import Fit
from lightemma.worldmodel.reward_end import RewardEnd
from lightemma.worldmodel.windows import Windows

IntArray = npt.NDArray[np.int64]
#: m/s from which a car that is in its lane is paid.
PAID = 1.0
#: Steps that the model reads at a time while it is trained.
LENGTH = 8


def labels_of(clip: Clip) -> tuple[IntArray, IntArray]:
    """Rewards and ends of a clip's steps.

    Returns:
        (n - 1,) 1 where the car moves on in its lane, 0 where it stands there, -1 out of it; (n - 1,) 1 off the carriageway.
    """
    assert clip.off_road is not None
    assert clip.in_lane is not None
    moving = clip.actions[:, 0] >= PAID
    rewards = np.where(clip.in_lane[1:], moving.astype(np.int64), -1)
    return rewards, clip.off_road[1:].astype(np.int64)


class RoadLoss:
    """The loss of each step of the reward and end model's training.

    Args:
        model: that is trained.
        clips: with maps.
        plan: gives batch, seed and device.
    """

    def __init__(self, model: RewardEnd, clips: list[Clip], plan: Fit) -> None:
        self._model, self._plan = model, plan
        # Never mirrored: who keeps to the right would then be paid for the lane on the left as well.
        self._windows = Windows(clips, LENGTH + 1, device=plan.device)
        self._labels = [labels_of(clip) for clip in clips]

    def __call__(self, step: int) -> Tensor:
        """The loss of a step, by its number alone."""
        plan = self._plan
        window = self._windows.draw(plan.batch, (plan.seed, 1, step))
        rewards, ends = self.labels(window.clips, window.starts)
        pictures = from_bytes(window.pictures.to(plan.device))
        return self._model.loss(pictures, window.actions.to(plan.device), rewards.to(plan.device), ends.to(plan.device))

    def labels(self, clips: IntArray, starts: IntArray) -> tuple[Tensor, Tensor]:
        """Both labels of windows."""
        pairs = [
            [one[start : start + LENGTH] for one in self._labels[clip]]
            for clip, start in zip(clips.tolist(), starts.tolist(), strict=True)
        ]
        return torch.tensor(np.stack([one[0] for one in pairs])), torch.tensor(np.stack([one[1] for one in pairs]))
