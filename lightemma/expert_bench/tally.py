"""What was compared with the truth, and how it is printed: counts with intervals, errors with quantiles, seconds."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

#: Standard deviations of a normal distribution within which 95 % of it lie.
_NORMAL_95 = 1.959964


@dataclass(frozen=True, slots=True)
class Promise:
    """What is promised of an expert.

    Attributes:
        name: of a comparison or an error in the tally.
        bound: the least share that is right, or the greatest median error.
        share: whether it is a share.
    """

    name: str
    bound: float
    share: bool


@dataclass
class Tally:
    """Comparisons with the truth.

    Attributes:
        right: name -> whether each comparison was right.
        errors: name with unit -> errors, zero or more.
        seconds: expert -> processor seconds of each question.
        pictures: that were looked at.
        drives: that they are of.
    """

    right: dict[str, list[bool]] = field(default_factory=lambda: defaultdict(list))
    errors: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    pictures: int = 0
    drives: int = 0

    @contextmanager
    def timed(self, expert: str) -> Iterator[None]:
        """Counts the seconds that this process computes within."""
        started = time.process_time()
        yield
        self.seconds[expert].append(time.process_time() - started)

    def lines(self) -> list[str]:
        """Everything in words, by name."""
        said = [f"{self.pictures} pictures of {self.drives} drives"]
        for name, right in sorted(self.right.items()):
            low, high = share_interval(sum(right), len(right))
            said.append(f"{name}: {sum(right)} of {len(right)} ({low:.0%} to {high:.0%})")
        for name, errors in sorted(self.errors.items()):
            half, most = np.quantile(np.array(errors), [0.5, 0.9]).tolist()
            said.append(f"{name}: median error {half:.4g}, 90 % below {most:.4g}, of {len(errors)}")
        for name, seconds in sorted(self.seconds.items()):
            said.append(f"{name}: {np.median(np.array(seconds)):.3f} s of one core for a question, of {len(seconds)}")
        return said

    def keeps(self, promise: Promise) -> bool | None:
        """Whether a promise is kept; None where nothing was compared."""
        if promise.share:
            right = self.right.get(promise.name, [])
            return sum(right) / len(right) >= promise.bound if right else None
        errors = self.errors.get(promise.name, [])
        return float(np.median(np.array(errors))) <= promise.bound if errors else None


def share_interval(count: int, of: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share (Wilson 1927), for independent comparisons.

    Pictures of one drive are alike, so the true interval is wider.
    """
    if of == 0:
        return 0.0, 1.0
    share, z2 = count / of, _NORMAL_95**2
    middle = (share + z2 / (2 * of)) / (1 + z2 / of)
    half = _NORMAL_95 / (1 + z2 / of) * math.sqrt(share * (1 - share) / of + z2 / (4 * of * of))
    return max(0.0, middle - half), min(1.0, middle + half)
