"""How providers count pictures and text as tokens: the shapes of their rules, and the rules of open weights.

A provider's own rules are in its file and named in its ``Facts``; see docs/costs.md for where each comes from.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

#: Width and height in pixels.
Size = tuple[int, int]

#: Characters of English text with some decimals that make one token; the published GPT-4o run has 4.1.
CHARACTERS_PER_TOKEN = 4.0


@dataclass(frozen=True, slots=True)
class PictureTokens:
    """How many tokens one picture counts as.

    Attributes:
        tokens: input tokens.
        rule: how they are counted, as text.
    """

    tokens: int
    rule: str


#: Model id (without the part before the last slash, lower case) and size of a picture as sent -> its tokens, or None where the
#: rule does not cover the model.
PictureRule = Callable[[str, Size], PictureTokens | None]

#: Model id in the same form -> characters of text per token, or None where the rule does not cover the model.
TextRule = Callable[[str], float | None]

#: Pattern of a model's id, the rule as text, and the count by width and height.
Row = tuple[str, str, Callable[[int, int], int]]


def picture_rule(*rows: Row) -> PictureRule:
    """A rule from rows; the first whose pattern matches the beginning of the model's id is used."""

    def count(model: str, size: Size) -> PictureTokens | None:
        for pattern, rule, tokens in rows:
            if re.match(pattern, model):
                return PictureTokens(tokens(*size), rule)
        return None

    return count


def guess(size: Size) -> PictureTokens:
    """The count where no rule covers the model."""
    return PictureTokens(min(1600, math.ceil(size[0] * size[1] / 750)), "a guess: 750 pixels a token, 1,600 at most")


def short_name(model: str) -> str:
    """A model's id in the form that rules expect: ``Qwen/Qwen2.5-VL-7B`` as ``qwen2.5-vl-7b``."""
    return model.lower().rpartition("/")[2]


def tiles(base: int, tile: int) -> Callable[[int, int], int]:
    """OpenAI's tiles: fit into 2048 x 2048, shortest side to 768, then 512-pixel tiles."""

    def count(width: int, height: int) -> int:
        wide, high = _fit(width, height, 2048)
        scale = min(1.0, 768 / min(wide, high))
        return base + tile * grid(wide * scale, high * scale, 512)

    return count


def patches(cell: int, most: int, factor: float = 1.0, longest: int | None = None) -> Callable[[int, int], int]:
    """Square patches, ``most`` at most, each worth ``factor`` tokens, after the longest side was cut down."""

    def count(width: int, height: int) -> int:
        wide, high = _fit(width, height, longest) if longest else (float(width), float(height))
        return round(factor * min(most, grid(wide, high, cell)))

    return count


def grid(width: float, height: float, cell: int) -> int:
    """Cells that cover a picture."""
    # A tiny difference from a whole cell is rounding, not another cell.
    return math.ceil(round(width / cell, 6)) * math.ceil(round(height / cell, 6))


def _fit(width: float, height: float, longest: float) -> tuple[float, float]:
    scale = min(1.0, longest / max(width, height))
    return width * scale, height * scale


def _qwen(cell: int) -> Callable[[int, int], int]:
    """Qwen-VL: each side to the nearest multiple of a cell."""

    def count(width: int, height: int) -> int:
        return max(1, round(width / cell)) * max(1, round(height / cell))

    return count


def _deepseek(width: int, height: int) -> int:
    """DeepSeek-VL2: a 384-pixel overview and up to nine 384-pixel tiles of 14 x 14 tokens, one more at each row's end.

    Of all grids, the one that keeps the most pixels of the picture is used; of equal ones, the one that wastes the least.
    """
    tile, side = 384, 14
    grids = [(across, down) for across in range(1, 10) for down in range(1, 10) if across * down <= 9]

    def kept(cells: tuple[int, int]) -> tuple[float, float]:
        room_wide, room_high = cells[0] * tile, cells[1] * tile
        scale = min(room_wide / width, room_high / height)
        pixels = min(int(width * scale) * int(height * scale), width * height)
        return pixels, pixels - room_wide * room_high

    across, down = max(grids, key=kept)
    return side * (side + 1) + 1 + down * side * (across * side + 1)


#: Models with open weights, at any provider.
OPEN_WEIGHTS: PictureRule = picture_rule(
    (r"qwen2(\.5)?-vl", "(width / 28) x (height / 28)", _qwen(28)),
    (r"qwen3", "(width / 32) x (height / 32)", _qwen(32)),
    (r"deepseek-vl2", "DeepSeek-VL2's 384-pixel tiles of 14 x 15 tokens and an overview", _deepseek),
    (r"llama-3\.2", "one token: its content comes in by cross-attention", lambda _w, _h: 1),
)
