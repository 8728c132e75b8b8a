"""The end model on held-out recorded drives: whether it tells on the road from off it, and whether its probability is one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from lightemma.frame import FloatArray
from lightemma.worldmodel.clips import BoolArray, Clip
from lightemma.worldmodel.denoiser import from_bytes
from lightemma.worldmodel.imagination import Imagination
from lightemma.worldmodel.reward_end import RewardEnd
from lightemma.worldmodel.road_labels import IntArray, labels_of
from lightemma.worldmodel.rollouts import stream_of

_BINS = 10
#: Steps off the road, and on it, below which nothing is said.
FEWEST = 20


@dataclass(frozen=True, slots=True)
class RoadCheck:
    """What was found.

    Attributes:
        steps: held-out steps.
        off_road: share of them off the road.
        auc: area under the curve of the end's probability; 0.5 is chance.
        error: expected calibration error, over ten bins of equal width.
        threshold: probability from which the car counts as off the road: the one with the best balanced accuracy.
        balanced: that accuracy.
    """

    steps: int
    off_road: float
    auc: float
    error: float
    threshold: float
    balanced: float


def check_road(model: RewardEnd, clips: Sequence[Clip]) -> RoadCheck | None:
    """Reads held-out clips from their beginnings; None where there is too little of either kind.

    Args:
        model: the reward and end model.
        clips: those without a map are left out.
    """
    said, true = [], []
    where = next(model.parameters()).device
    with torch.no_grad():
        for clip in clips:
            if clip.off_road is None:
                continue
            pictures = from_bytes(torch.from_numpy(clip.pictures.copy()).permute(0, 3, 1, 2).to(where))
            _, ends, _ = model(pictures[None], torch.from_numpy(clip.actions).float()[None].to(where))
            said.append(ends[0].softmax(-1)[:, 1].double().cpu().numpy())
            true.append(labels_of(clip)[1])
    return _judged(said, true)


def check_road_imagined(imagination: Imagination, clips: Sequence[Clip], past: int, steps: int) -> RoadCheck | None:
    """Reads imagined drives by recorded actions, whose truth is known; None where there is too little of either kind.

    Args:
        imagination: draws, and reads ends.
        clips: those without a map are left out.
        past: pictures that the model is given.
        steps: of each drive; in a clip one begins in the middle of the one before.
    """
    kept = [
        (clip, first)
        for clip in clips
        if clip.off_road is not None
        for first in range(past, len(clip.pictures) - steps + 1, max(1, steps // 2))
    ]
    streams = [stream_of(clip, first, past, number) for number, (clip, first) in enumerate(kept)]
    for step in range(steps if streams else 0):
        imagination.advance(streams, np.stack([clip.actions[first + step - 1] for clip, first in kept]))
    said = [np.array(stream.ends) for stream in streams]
    return _judged(said, [labels_of(clip)[1][first - 1 : first - 1 + steps] for clip, first in kept])


def _judged(said: Sequence[FloatArray], true: Sequence[IntArray]) -> RoadCheck | None:
    if not said:
        return None
    probability, off = np.concatenate(said), np.concatenate(true).astype(np.bool_)
    if min(int(off.sum()), int((~off).sum())) < FEWEST:
        return None
    threshold, balanced = _best_threshold(probability, off)
    return RoadCheck(
        len(off),
        float(off.mean()),
        area_under_curve(probability, off),
        calibration_error(probability, off),
        threshold,
        balanced,
    )


def area_under_curve(probability: FloatArray, true: BoolArray) -> float:
    """Share of pairs of one that is true and one that is not, which are in the right order; ties count half."""
    yes, no = np.sort(probability[true]), np.sort(probability[~true])
    below = np.searchsorted(no, yes, side="left") + np.searchsorted(no, yes, side="right")
    return float(below.sum() / 2.0 / (len(yes) * len(no)))


def calibration_error(probability: FloatArray, true: BoolArray) -> float:
    """Mean distance, over bins weighted by their number, of the share that is true from the mean probability."""
    bins = np.minimum((probability * _BINS).astype(int), _BINS - 1)
    total = 0.0
    for number in range(_BINS):
        there = bins == number
        if there.any():
            total += there.mean() * abs(float(true[there].mean()) - float(probability[there].mean()))
    return float(total)


def _best_threshold(probability: FloatArray, true: BoolArray) -> tuple[float, float]:
    best = (0.5, 0.0)
    for threshold in np.linspace(0.05, 0.95, 19).tolist():
        said = probability >= threshold
        balanced = (float(said[true].mean()) + float((~said)[~true].mean())) / 2.0
        if balanced > best[1]:
            best = (threshold, balanced)
    return best
