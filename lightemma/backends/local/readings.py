"""What the model read and wrote for a frame, kept so that the frame's next stage reads only what differs."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from lightemma.backends.local.rows import Pair


@dataclass(frozen=True, slots=True)
class Reading:
    """What the model read and wrote in one call about pictures: tokens, and their keys and values."""

    tokens: list[int]
    layers: list[Pair]

    def common(self, tokens: Sequence[int]) -> int:
        """With how many of these tokens it begins, at most all but the last: something must be left to be read."""
        most = min(len(self.tokens), len(tokens) - 1)
        return next((place for place in range(most) if self.tokens[place] != tokens[place]), most)

    def beginning(self, length: int) -> list[Pair]:
        """Keys and values of the first tokens."""
        return [(keys[:, :, :length], values[:, :, :length]) for keys, values in self.layers]


class Readings:
    """The newest reading of each frame, so that its next stage reads only what differs.

    Args:
        tokens: most tokens that are kept, of all frames together.

    Attributes:
        asked: input tokens of calls about pictures.
        found: those of them that were read before.
    """

    def __init__(self, tokens: int) -> None:
        self.asked = 0
        self.found = 0
        self._most = tokens
        self._held = 0
        self._kept: OrderedDict[tuple[str, ...], Reading] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def find(self, pictures: tuple[str, ...], tokens: Sequence[int], picture_end: int) -> list[Pair]:
        """Keys and values of the beginning of a prompt, or none: a part of the pictures is of no use.

        Args:
            pictures: the call's.
            tokens: of its prompt.
            picture_end: how many tokens there are up to the end of the last picture.
        """
        self.asked += len(tokens)
        reading = self._kept.get(pictures)
        length = reading.common(tokens) if reading else 0
        if reading is None or length < picture_end:
            return []
        self._kept.move_to_end(pictures)
        self.found += length
        return reading.beginning(length)

    def keep(self, pictures: tuple[str, ...], tokens: list[int], layers: list[Pair]) -> None:
        """Keeps a reading in place of the frame's last one."""
        self._drop(self._kept.pop(pictures, None))
        self._kept[pictures] = Reading(tokens, layers)
        self._held += len(tokens)
        while self._held > self._most:
            self._drop(self._kept.popitem(last=False)[1])

    def clear(self) -> None:
        """Frees their memory."""
        self._kept.clear()
        self._held = 0

    def _drop(self, reading: Reading | None) -> None:
        if reading is not None:
            self._held -= len(reading.tokens)
