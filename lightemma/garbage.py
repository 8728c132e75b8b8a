"""How often Python looks for cycles of garbage, while very much is made that has none."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

#: Objects more than before, after which one looks; Python's own number is 700 to 2,000.
_MANY = 200_000


@contextmanager
def rare_collections() -> Iterator[None]:
    """Lets Python look for cycles rarely; by its own rule that took 40 % of the time in which a large run is read.

    The rule is of the process; it is as it was on leaving. What is collected is the same, later.
    """
    first, second, third = gc.get_threshold()
    if first:  # 0: somebody has switched it off
        gc.set_threshold(max(first, _MANY), second, third)
    try:
        yield
    finally:
        gc.set_threshold(first, second, third)
