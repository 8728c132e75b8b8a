"""Untrusted text broken into lines that fit, measured with the font that draws it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from lightemma.report.figures.style import shown

_UNITS = 1000.0  # the advances' unit: a thousandth of the type size


def wrap(text: str, width: float, lines: int) -> list[str]:
    """Breaks text into lines, at spaces where it has them.

    Args:
        text: any text; see :func:`lightemma.report.figures.style.shown` for how unusual characters are drawn.
        width: of a line, in type sizes (a width of 400 pixels in a type of 10 pixels is 40).
        lines: how many at most; the last ends in an ellipsis if there is more.
    """
    found: list[str] = []
    line = ""
    # No line holds more characters than this, so a text of megabytes is not measured to its end.
    words = shown(text[: 20 * int(width + 1) * lines]).split(" ") if text else []
    more = len(text) > 20 * int(width + 1) * lines
    for word in words:
        joined = f"{line} {word}" if line else word
        if measured(joined) <= width:
            line = joined
            continue
        if line:
            found.append(line)
        line = word
        while measured(line) > width:
            fits = _prefix(line, width)
            found.append(line[:fits])
            line = line[fits:]
        if len(found) > lines:
            break
    if line:
        found.append(line)
    if len(found) <= lines and not more:
        return found
    kept = found[:lines]
    if kept:
        last = kept[-1]
        while last and measured(last + "…") > width:
            last = last[:-1]
        kept[-1] = last.rstrip() + "…"
    return kept


def measured(text: str) -> float:
    """How wide a text is in DejaVu Sans, in type sizes."""
    return sum(_advance(sign) for sign in text) / _UNITS


def _prefix(text: str, width: float) -> int:
    """How many characters fit; at least one."""
    total = 0.0
    for index, sign in enumerate(text):
        total += _advance(sign) / _UNITS
        if total > width:
            return max(index, 1)
    return len(text)


@cache
def _advance(sign: str) -> float:
    import matplotlib
    from matplotlib.ft2font import FT2Font, LoadFlags

    font = FT2Font(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"))
    font.set_size(_UNITS, 72)
    return font.load_char(ord(sign), flags=LoadFlags.NO_HINTING).linearHoriAdvance / 65536.0
