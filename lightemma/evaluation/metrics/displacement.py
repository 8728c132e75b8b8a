"""Displacement errors and the three L2 conventions of the field, which are not the same numbers."""

from __future__ import annotations

from types import MappingProxyType
from typing import get_args

import numpy as np

from lightemma.errors import UserError, near_names
from lightemma.frame import FloatArray
from lightemma.protocol import Convention

__all__ = [
    "CONVENTIONS",
    "CONVENTION_WEIGHTS",
    "Convention",
    "check_convention",
    "final_error",
    "l2",
    "misses",
    "step_errors",
]

CONVENTIONS: tuple[Convention, ...] = get_args(Convention)

#: A plan misses if any of its points is farther off than this (LightEMMA).
MISS_DISTANCE = 2.0


def _weights() -> dict[Convention, FloatArray]:
    windowed, endpoint, cumulative = (np.zeros((6, 4)) for _ in range(3))
    for second in range(3):
        windowed[2 * second : 2 * second + 2, second] = 1 / 2
        endpoint[2 * second + 1, second] = 1
        cumulative[: 2 * second + 2, second] = 1 / (2 * second + 2)
    for matrix in (windowed, endpoint, cumulative):
        matrix[:, 3] = matrix[:, :3].mean(axis=1)
        matrix.flags.writeable = False
    return {"lightemma": windowed, "endpoint": endpoint, "cumulative": cumulative}


#: (6, 4) weights from the six step errors to L2 at 1, 2, 3 s and their average. Every convention is linear in the steps,
#: so means, differences and resampled means can be taken before or after.
#:
#: lightemma: mean of the two steps that end at t; the average is the ADE of six (LightEMMA, 2025).
#: endpoint: error at t; average of three (UniAD, CVPR 2023).
#: cumulative: mean of all steps up to t; average of three (ST-P3, ECCV 2022; VAD, ICCV 2023).
CONVENTION_WEIGHTS = MappingProxyType(_weights())


def check_convention(name: str) -> Convention:
    """``name`` as a convention.

    Raises:
        UserError: if there is none of that name.
    """
    for convention in CONVENTIONS:
        if convention == name:
            return convention
    raise UserError(f"There is no L2 convention '{name}'; {near_names(name, CONVENTIONS)}")


#: Rows of a product at a time: more are given to threads, which wait for each other ten times as long as they work.
_ROWS = 8192


def step_errors(trajectory: FloatArray, truth: FloatArray) -> FloatArray:
    """Distance between planned and recorded place at each step.

    Args:
        trajectory: (..., 6, 2) metres, ego frame.
        truth: (..., 6, 2) metres, ego frame.

    Returns:
        (..., 6) metres; NaN where the trajectory is NaN.
    """
    difference = np.asarray(trajectory) - np.asarray(truth)
    # hypot does not overflow where squaring would: one published answer is off by 1e12 m, others can be worse.
    distance: FloatArray = np.hypot(difference[..., 0], difference[..., 1])
    return distance


def l2(errors: FloatArray, convention: Convention) -> FloatArray:
    """L2 at 1, 2 and 3 s and their average, by a convention.

    Args:
        errors: (..., 6) metres.
        convention: which one.

    Returns:
        (..., 4) metres: 1 s, 2 s, 3 s, average.
    """
    weights = CONVENTION_WEIGHTS[convention]
    rows = errors.reshape(-1, len(weights))
    columns = np.empty((len(rows), weights.shape[1]))
    parts = -(-len(rows) // _ROWS)  # of about the same length: a row alone is multiplied in another way
    for part in range(parts):
        some = slice(part * len(rows) // parts, (part + 1) * len(rows) // parts)
        np.matmul(rows[some], weights, out=columns[some])
    return columns.reshape(*errors.shape[:-1], weights.shape[1])


def final_error(errors: FloatArray) -> FloatArray:
    """FDE: the error at 3 s. (..., 6) metres to (...)."""
    return errors[..., -1]


def misses(errors: FloatArray) -> FloatArray:
    """1.0 where any point is more than 2 m off, else 0.0; NaN where there is no plan. (..., 6) metres to (...)."""
    worst = errors.max(axis=-1)
    missed: FloatArray = np.where(np.isnan(worst), np.nan, worst > MISS_DISTANCE)
    return missed
