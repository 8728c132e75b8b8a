"""How often Python looks for cycles of garbage, while very much is made that has none."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

#: Objects more than before, after which one looks; Python's own number is 700 to 2,000.
_MANY = 200_000


@dataclass(slots=True)
class _Rule:
    """Python's rule while blocks run: how many, in any thread, and the rule as it was before the first of them."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    blocks: int = 0
    before: tuple[int, int, int] = (0, 0, 0)


_rule = _Rule()


@contextmanager
def rare_collections() -> Iterator[None]:
    """Lets Python look for cycles rarely; by its own rule that took 40 % of the time in which a large run is read.

    The rule is of the process; when the last of all threads has left, it is as it was. What is collected is the same, later.
    """
    with _rule.lock:
        if not _rule.blocks:
            first, second, third = _rule.before = gc.get_threshold()
            if first:  # 0: somebody has switched it off
                gc.set_threshold(max(first, _MANY), second, third)
        _rule.blocks += 1
    try:
        yield
    finally:
        with _rule.lock:
            _rule.blocks -= 1
            if not _rule.blocks:
                gc.set_threshold(*_rule.before)
