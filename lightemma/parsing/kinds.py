"""The kinds of refusal, what a reading is, and which plans a car could drive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from lightemma.frame import FloatArray
from lightemma.protocol import LIGHTEMMA

Kind = Literal[
    "empty",  # nothing but white space
    "too_long",  # longer than any answer of a model: not searched
    "truncated",  # cut off before the list closed
    "prose",  # text or white space where only the list should be, or no list at all
    "code_fence",  # the list is in a Markdown code fence
    "missing_commas",  # six good pairs, commas left out
    "brackets",  # six good pairs, other or missing brackets
    "number_style",  # six good pairs, numbers written as no literal allows (a typographic minus, full-width digits)
    "fused_numbers",  # numbers run into each other: more than one reading
    "arithmetic",  # a sum where a number should be
    "wrong_count",  # pairs, but not six
    "wrong_shape",  # numbers, but not in pairs
    "ambiguous",  # more than one plan: two different lists, or twelve numbers that pair up in two plausible ways
    "invalid_json",  # JSON was asked for and this is not the object asked for
    "implausible",  # six pairs, but no car drives like that
    "units",  # the words name another unit: km/h, mph, degrees
    "scale",  # the words say that the numbers are multiples: x 1000, in 1e-3
    "order",  # the words say that the curvature comes first
    "other_quantity",  # the words say that the numbers are something else: waypoints, (x, y), steering angles
    "example",  # the list is quoted as an example or as the format
    "refusal",  # the model declines and only quotes numbers
]
KINDS: tuple[Kind, ...] = get_args(Kind)

#: Words that contradict a reading: refused whatever the answer's form.
CONTRADICTIONS: frozenset[Kind] = frozenset({"units", "scale", "order", "other_quantity", "example", "refusal"})

#: Beyond these a plan is not a plan (a car at 216 km/h, reversing fast, turning within a metre).
MAX_SPEED = 60.0
MIN_SPEED = -1.0
MAX_CURVATURE = 1.0

#: A longer answer is not read at all; the longest that models write is about half of this.
MAX_ANSWER_CHARACTERS = 1_000_000

PAIRS = LIGHTEMMA.plan_steps

Pairs = list[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Reading:
    """The one reading of an answer, or why there is none.

    Attributes:
        pairs: six (speed, curvature) pairs, or None.
        reason: what had to be overlooked for the pairs, or why there are none.
        start: where the pairs begin in the text that was read.
        end: where they end.
        named: True if names, not the order, said which number is which.
    """

    pairs: Pairs | None
    reason: Kind | None
    start: int = 0
    end: int = 0
    named: bool = False


def plausible(actions: FloatArray) -> npt.NDArray[np.bool_]:
    """Whether some car could be asked to drive each plan: finite, -1 to 60 m/s, |curvature| up to 1 1/m.

    Args:
        actions: (..., steps, 2) pairs.

    Returns:
        (...) one verdict per plan.
    """
    speed, curvature = actions[..., 0], actions[..., 1]
    # NaN and infinity fail the comparisons by themselves.
    good = (speed >= MIN_SPEED) & (speed <= MAX_SPEED) & (np.abs(curvature) <= MAX_CURVATURE)
    verdict: npt.NDArray[np.bool_] = np.asarray(good.all(axis=-1))
    return verdict


def plausible_pairs(pairs: Pairs) -> bool:
    """``plausible`` for one plan as plain numbers."""
    return all(MIN_SPEED <= v <= MAX_SPEED and -MAX_CURVATURE <= c <= MAX_CURVATURE for v, c in pairs)
