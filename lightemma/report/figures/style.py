"""How all figures look: colours that everyone can tell apart, readable sizes, and text that cannot do harm."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.patheffects import AbstractPathEffect

#: Okabe and Ito's colours for colour-blind readers (2008), in a fixed order; without black, which is the baseline's, and
#: without yellow, which is lost on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
LINES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*")
INK = "#222222"
FAINT = "#8a8a8a"
GRID = "#e4e4e4"

#: Drawn for a character that the font lacks.
UNKNOWN_SIGN = "\u25a1"

_SETTINGS = {
    "font.family": ["DejaVu Sans"],
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.titlelocation": "left",
    "axes.labelsize": 9.0,
    "axes.edgecolor": "#555555",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "legend.handlelength": 3.2,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "lines.linewidth": 1.6,
    "lines.markersize": 5.0,
    "savefig.dpi": 160,
    "pdf.fonttype": 42,
    "svg.fonttype": "path",
    # Names of runs and texts of models are drawn as they are, dollar signs included.
    "text.parse_math": False,
    # The same figure gives the same file.
    "svg.hashsalt": "lightemma",
}


@dataclass(frozen=True, slots=True)
class RunStyle:
    """How one run is drawn everywhere: colour, line style and marker."""

    colour: str
    line: str
    marker: str


BASELINE_STYLE = RunStyle("#000000", "--", "x")


@contextmanager
def styled() -> Iterator[None]:
    """Our matplotlib settings in place of the user's own while drawing or saving; also a decorator.

    Matplotlib keeps settings per process, so figures are not to be made in several threads at the same time.
    """
    from matplotlib import style

    with style.context(_SETTINGS, after_reset=True):
        yield


def run_styles(names: Iterable[str], baseline: str = "constant-action") -> dict[str, RunStyle]:
    """Run name -> style, in the order of the names: 6 colours, then other line styles; black dashes for the baseline."""
    styles: dict[str, RunStyle] = {}
    others = 0
    for name in names:
        if name == baseline:
            styles[name] = BASELINE_STYLE
        elif name not in styles:
            line = LINES[others // len(COLOURS) % len(LINES)]
            styles[name] = RunStyle(COLOURS[others % len(COLOURS)], line, MARKERS[others % len(MARKERS)])
            others += 1
    return styles


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of a size in inches, which makes room for its legends and belongs to no window system."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def outlined(colour: str = "white", width: float = 1.2) -> list[AbstractPathEffect]:
    """A rim around lines and letters, so that they show on any ground."""
    from matplotlib import patheffects

    return [
        patheffects.Stroke(linewidth=0, foreground=colour),
        patheffects.withStroke(linewidth=width, foreground=colour),
    ]


def plain_numbers(axis_owner: Axes, axis: str) -> None:
    """Labels a logarithmic axis (``x`` or ``y``) with plain numbers such as 0.01 and 20."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    target = axis_owner.xaxis if axis == "x" else axis_owner.yaxis
    low, high = sorted(target.get_view_interval())
    few_decades = high / low < 30 if low > 0 else False
    target.set_major_locator(LogLocator(10, subs=(1.0, 2.0, 5.0) if few_decades else (1.0,)))
    target.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    target.set_minor_formatter(NullFormatter())


def shown(text: str, limit: int | None = None) -> str:
    """Untrusted text as it may be drawn: one line, no control characters, no character that the font lacks.

    Args:
        text: any text.
        limit: at most that many characters, the last being an ellipsis if some were left out.
    """
    known = _known_characters()
    kept = []
    for sign in unicodedata.normalize("NFC", text):
        if sign.isspace():
            kept.append(" ")
        # Control, format (which may turn the direction of writing), surrogates, private use, unassigned.
        elif unicodedata.category(sign)[0] != "C":
            kept.append(sign if ord(sign) in known else UNKNOWN_SIGN)
    line = " ".join("".join(kept).split())
    if limit is not None and len(line) > limit:
        line = line[: max(limit - 1, 0)].rstrip() + "…"
    return line


@cache
def _known_characters() -> frozenset[int]:
    """The code points that matplotlib's own regular font can draw."""
    import matplotlib
    from matplotlib.ft2font import FT2Font

    return frozenset(FT2Font(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf")).get_charmap())
