"""The words of the tiny driver: whole phrases and numbers of fixed width, each one token.

A prompt is ``<s>``, the picture's tokens, where the route goes next, the speed now, its five last changes, six curvatures,
``<read>``; then the task. Each of these numbers has tokens of its own, so that what is 0.5 s ago is never mistaken for now.
Answers are phrases of ``SCENE`` and ``INTENT``, and pairs whose commas and brackets belong to the numbers, so that a plan is 14
tokens. Speeds and curvatures are bins; curvatures are finer near zero, where a car is fast.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

#: Pairs of a history and of a plan.
PAIRS: Final = 6
#: Metres a second: of the fastest bin, and between bins.
FASTEST: Final = 25.0
SPEED_STEP: Final = 0.05
SPEEDS: Final = tuple(round(i * SPEED_STEP, 2) for i in range(round(FASTEST / SPEED_STEP) + 1))
#: Metres a second from one half second to the next.
_RISES = [*(round(0.02 * i, 2) for i in range(1, 51)), *(round(1.0 + 0.1 * i, 2) for i in range(1, 21))]
CHANGES: Final = (*(-one for one in reversed(_RISES)), 0.0, *_RISES)
_POSITIVE = [
    *(round(0.0005 * i, 4) for i in range(1, 41)),
    *(round(0.02 + 0.001 * i, 4) for i in range(1, 41)),
    *(round(0.06 + 0.004 * i, 4) for i in range(1, 36)),
]
#: 1/m, from right to left.
CURVATURES: Final = (*(-one for one in reversed(_POSITIVE)), 0.0, *_POSITIVE)
#: Where the route goes next, as prompts say it.
COMMANDS: Final = ("unknown", "follow", "left", "straight", "right")
#: Metres to there, rounded to two; the last is everything farther.
METRES: Final = tuple(range(0, 52, 2))

GAPS: Final = tuple(range(0, 62, 2))
LIGHTS: Final = {
    "none": "No traffic light is in sight.",
    "red": "The traffic light is red.",
    "amber": "The traffic light is amber.",
    "green": "The traffic light is green.",
}
SKIES: Final = {"day": "Clear weather by day.", "dusk": "Dry and dusk.", "rain": "It rains.", "fog": "There is fog."}
PERSONS: Final = ("Nobody is on foot nearby.", "A person is near.")
WORKS: Final = ("No barriers are in sight.", "There are roadworks.")
ROADS: Final = {
    "unknown": "The lane cannot be made out.",
    "hard-right": "The road bends sharply to the right.",
    "right": "The road bends to the right.",
    "straight": "The road is straight.",
    "left": "The road bends to the left.",
    "hard-left": "The road bends sharply to the left.",
}
LINES: Final = ("No line to stop at is near.", *(f"A line to stop at is {m} m away." for m in range(0, 42, 2)))
NOBODY: Final = "No car in our lane."
LEADERS: Final = tuple(f"A car is {gap} m ahead in our lane" for gap in GAPS)
OBSTACLES: Final = tuple(f"Something blocks our lane in {gap} m" for gap in GAPS)
PACES: Final = (", standing.", *(f", driving {speed} m/s." for speed in range(1, 17)))

SPEEDING: Final = {
    "accelerate": "The car should speed up",
    "keep": "The car should keep its speed",
    "decelerate": "The car should slow down",
    "stop": "The car should slow down to a stop",
    "stay": "The car should stay stopped",
}
STEERING: Final = {
    "left": " and turn left.",
    "straight": " and follow its lane.",
    "right": " and turn right.",
}

_SPECIAL = ("<pad>", "<s>", "</s>", "<image>", "<read>", "<describe>", "<judge>", "<act>", "<only>")
PAD, BEGIN, END, IMAGE, READ, DESCRIBE, JUDGE, ACT, ONLY = range(len(_SPECIAL))
#: What the special tokens that may be part of an answer are written as.
_WRITTEN = {JUDGE: " ", ACT: "\n"}


def _phrases() -> list[str]:
    return [
        *SKIES.values(), *ROADS.values(), *LIGHTS.values(), *LINES, *PERSONS, *WORKS, NOBODY, *LEADERS, *OBSTACLES, *PACES,
        *SPEEDING.values(), *STEERING.values(),
    ]  # fmt: skip


@dataclass(frozen=True)
class Block:
    """Tokens that are the values of one number.

    Attributes:
        first: id of the first.
        values: in order.
    """

    first: int
    values: tuple[float, ...]

    def of(self, value: float) -> int:
        """Id of the nearest."""
        place = bisect_left(self.values, value)
        near = [i for i in (place - 1, place) if 0 <= i < len(self.values)]
        return self.first + min(near, key=lambda i: abs(self.values[i] - value))

    @property
    def end(self) -> int:
        """One past the last id."""
        return self.first + len(self.values)


class Vocabulary:
    """All tokens; always the same."""

    def __init__(self) -> None:
        self.texts: list[str] = list(_SPECIAL)
        self.command = self._block(tuple(map(float, range(len(COMMANDS)))), COMMANDS, "<route:{}>")
        self.metres = self._block(tuple(map(float, METRES)), METRES, "<metres:{}>")
        self.no_metres = self._one("<metres:unknown>")
        self.no_speed = self._one("<speed:unknown>")
        self.no_change = self._one("<change:unknown>")
        self.no_curvature = self._one("<curvature:unknown>")
        self.speed = self._block(SPEEDS, SPEEDS, "<speed:{:.2f}>")
        ago = range(PAIRS - 1, -1, -1)
        self.changes = [self._block(CHANGES, CHANGES, f"<change -{step}:{{:.2f}}>") for step in ago[1:]]
        self.curvatures = [self._block(CURVATURES, CURVATURES, f"<curvature -{step}:{{:.4f}}>") for step in ago]
        self.opening = self._one("[(")
        self.plan_speed = self._block(SPEEDS, SPEEDS, "{:.2f}, ")
        self.plan_curvature = self._block(CURVATURES, CURVATURES, "{:.4f}), (")
        self.last_curvature = self._block(CURVATURES, CURVATURES, "{:.4f})]")
        self.phrases = {phrase: self._one(phrase) for phrase in dict.fromkeys(_phrases())}
        self._longest = sorted(self.phrases, key=len, reverse=True)

    def __len__(self) -> int:
        return len(self.texts)

    def _one(self, text: str) -> int:
        self.texts.append(text)
        return len(self.texts) - 1

    def _block(self, values: tuple[float, ...], names: tuple[object, ...], form: str) -> Block:
        first = len(self.texts)
        self.texts += [form.format(name) for name in names]
        return Block(first, values)

    def ids(self, phrases: list[str]) -> list[int]:
        """Of phrases."""
        return [self.phrases[phrase] for phrase in phrases]

    def found(self, text: str) -> list[int]:
        """The phrases in a text, in order; other words are passed over."""
        found, place = list[int](), 0
        while place < len(text):
            phrase = next((one for one in self._longest if text.startswith(one, place)), None)
            if phrase is None:
                place += 1
                continue
            found.append(self.phrases[phrase])
            place += len(phrase)
        return found

    def text(self, ids: list[int]) -> str:
        """The text of an answer: sentences with spaces between them, then the plan."""
        text = ""
        for one in ids:
            if one in (END, PAD):
                continue
            piece = _WRITTEN.get(one, self.texts[one])
            sentence = text.endswith(".") and piece[:1].isupper()
            text += f" {piece}" if sentence else piece
        return text

    def past(self, history: Sequence[tuple[float, float]]) -> list[int]:
        """The tokens of a motion.

        Args:
            history: pairs of speed and curvature, oldest first; where fewer than six are given the older ones are unknown.
        """
        pairs = list(history)[-PAIRS:]
        missing = PAIRS - len(pairs)
        ids = [self.speed.of(pairs[-1][0]) if pairs else self.no_speed]
        for place, block in enumerate(self.changes, start=1 - missing):
            ids.append(block.of(pairs[place][0] - pairs[place - 1][0]) if place > 0 else self.no_change)
        for place, block in enumerate(self.curvatures, start=-missing):
            ids.append(block.of(pairs[place][1]) if place >= 0 else self.no_curvature)
        return ids

    def plan(self, pairs: list[tuple[float, float]]) -> list[int]:
        """The tokens of six pairs."""
        ids = [self.opening]
        for place, (speed, curvature) in enumerate(pairs):
            block = self.last_curvature if place == len(pairs) - 1 else self.plan_curvature
            ids += [self.plan_speed.of(speed), block.of(curvature)]
        return ids


VOCABULARY: Final = Vocabulary()
