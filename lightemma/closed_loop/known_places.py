"""Which of several processes an episode is opened in: where it has been before, as long as none has much less to do."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

#: Episodes by which a process may have more than the one with the fewest and still gets one that it has opened before, for
#: another driver: most of what it takes to open it is there ready made.
MORE_WHERE_KNOWN = 1
#: Names of episodes that are remembered.
MOST = 10_000


class KnownPlaces:
    """Where episodes were opened last."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, int] = OrderedDict()

    def choose(self, name: str, loads: Sequence[int]) -> int:
        """The number of the process for an episode.

        Args:
            name: of the episode, the same for all drivers.
            loads: open episodes of each process.
        """
        fewest = min(range(len(loads)), key=loads.__getitem__)
        place = self._known.pop(name, fewest)
        if loads[place] > loads[fewest] + MORE_WHERE_KNOWN:
            place = fewest
        self._known[name] = place
        if len(self._known) > MOST:
            self._known.popitem(last=False)
        return place
