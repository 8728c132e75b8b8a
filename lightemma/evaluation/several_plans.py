"""Several plans for each frame: the samples of a model, or the candidates that it chose from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from msgspec import UNSET

from lightemma.evaluation.metrics.displacement import step_errors
from lightemma.frame import FloatArray
from lightemma.kinematics import integrate
from lightemma.protocol import Protocol
from lightemma.run_folder.records import FrameNumbers, FrameRecord, SampleNumbers, SampleRecord, is_format_error

Records = Sequence[FrameNumbers | FrameRecord]


@dataclass(frozen=True, slots=True)
class SeveralPlans:
    """As many plans for each frame as there are; every array has one row per frame.

    Attributes:
        trajectory: (n, k, 6, 2) metres; NaN where there is no plan.
        errors: (n, k, 6) metres.
        malformed: (n, k) 1 where an answer was outside the format, 0 where it was not; NaN where there is none.
        chosen: (n,) place of the plan that was chosen; -1 where it is unknown.
    """

    trajectory: FloatArray
    errors: FloatArray
    malformed: FloatArray
    chosen: npt.NDArray[np.int64]

    def take(self, rows: npt.NDArray[np.int64]) -> SeveralPlans:
        """The plans of some of the frames."""
        return SeveralPlans(self.trajectory[rows], self.errors[rows], self.malformed[rows], self.chosen[rows])


def samples_of(records: Records, truth: FloatArray) -> SeveralPlans | None:
    """The samples of a run; None where its model gave one answer to each question.

    Args:
        records: of the frames.
        truth: (n, 6, 2) metres.
    """
    found: list[Sequence[SampleNumbers | SampleRecord]] = [record.samples or () for record in records]
    most = max((len(samples) for samples in found), default=0)
    if not most:
        return None
    trajectory = np.full((len(found), most, 6, 2), np.nan)
    malformed = np.full((len(found), most), np.nan)
    for row, samples in enumerate(found):
        for place, sample in enumerate(samples):
            malformed[row, place] = float(is_format_error(sample.outcome))
            if sample.trajectory is not None:
                trajectory[row, place] = sample.trajectory
    return _several(trajectory, truth, malformed, np.full(len(found), -1))


def candidates_of(records: Records, truth: FloatArray, protocol: Protocol) -> SeveralPlans | None:
    """The candidates of a run; None where there were none.

    Args:
        records: of the frames.
        truth: (n, 6, 2) metres.
        protocol: how they become trajectories.
    """
    found = [record.candidates or [] for record in records]
    most = max((len(candidates) for candidates in found), default=0)
    if not most:
        return None
    actions = np.full((len(found), most, 6, 2), np.nan)
    for row, candidates in enumerate(found):
        if candidates:
            actions[row, : len(candidates)] = candidates
    chosen = np.array([-1 if one.chosen is UNSET or one.chosen is None else one.chosen for one in records])
    return _several(integrate(actions, protocol), truth, np.full(actions.shape[:2], np.nan), chosen)


def join_plans(parts: Sequence[SeveralPlans | None], frames: Sequence[int]) -> SeveralPlans | None:
    """The plans of consecutive blocks of frames; None where no block has any.

    Args:
        parts: of each block; None for one without.
        frames: in each block.
    """
    most = max((part.malformed.shape[1] for part in parts if part is not None), default=0)
    if not most:
        return None
    total = sum(frames)
    whole = SeveralPlans(
        np.full((total, most, 6, 2), np.nan),
        np.full((total, most, 6), np.nan),
        np.full((total, most), np.nan),
        np.full(total, -1),
    )
    start = 0
    for part, count in zip(parts, frames, strict=True):
        if part is not None:
            rows, columns = slice(start, start + count), slice(0, part.malformed.shape[1])
            whole.trajectory[rows, columns] = part.trajectory
            whole.errors[rows, columns] = part.errors
            whole.malformed[rows, columns] = part.malformed
            whole.chosen[rows] = part.chosen
        start += count
    return whole


def _several(
    trajectory: FloatArray, truth: FloatArray, malformed: FloatArray, chosen: npt.NDArray[np.int64]
) -> SeveralPlans:
    count = trajectory.shape[1]
    errors = np.stack([step_errors(trajectory[:, place], truth) for place in range(count)], axis=1)
    return SeveralPlans(trajectory, errors, malformed, chosen)
