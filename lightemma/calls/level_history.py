"""How many concurrent calls were allowed over time, short enough for a manifest."""

from __future__ import annotations

from collections.abc import Callable

#: A level is noted when it has changed by this share.
CHANGED = 0.10
#: With more entries, every second one is dropped.
MOST = 128


class LevelHistory:
    """Notes a level when it has changed by 10 % or more.

    Args:
        clock: seconds.
        level: at the beginning.
    """

    def __init__(self, clock: Callable[[], float], level: float) -> None:
        self._clock = clock
        self._noted: list[tuple[float, int]] = [(float("-inf"), int(level))]

    def now(self) -> float:
        """The present moment on the pool's clock."""
        return self._clock()

    def note(self, level: float) -> None:
        """Notes the present level, if it has changed enough."""
        last = self._noted[-1][1]
        if abs(int(level) - last) < max(1.0, CHANGED * last):
            return
        self._noted.append((self._clock(), int(level)))
        if len(self._noted) > MOST:
            del self._noted[1::2]

    def since(self, begin: float) -> tuple[tuple[float, int], ...]:
        """Pairs of seconds after ``begin`` and the level from then on; the first is the level at ``begin``.

        Args:
            begin: of the pool's clock.
        """
        first = next((level for at, level in reversed(self._noted) if at <= begin), self._noted[0][1])
        return ((0.0, first), *((round(at - begin, 1), level) for at, level in self._noted if at > begin))
