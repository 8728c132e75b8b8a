"""Figures as files: vector and PNG, the same bytes for the same numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lightemma.errors import UserError
from lightemma.evaluation.comparison import Comparison
from lightemma.evaluation.tables.summary import Summary
from lightemma.files import draft_of
from lightemma.report.figures.accuracy import cost_figure, latency_figure, spent
from lightemma.report.figures.calibration import calibration_figure
from lightemma.report.figures.differences import difference_figure
from lightemma.report.figures.ecdf import ecdf_figure
from lightemma.report.figures.heat_map import strata_figure
from lightemma.report.figures.horizons import horizon_figure
from lightemma.report.figures.outcomes import outcome_figure
from lightemma.report.figures.style import styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = ("pdf", "svg", "png")

#: Left out of the files, so that the same figure gives the same bytes.
_METADATA: dict[str, dict[str, Any]] = {
    "pdf": {"Creator": "lightemma", "Producer": None, "CreationDate": None},
    "svg": {"Creator": "lightemma", "Date": None},
    "png": {"Software": None},
}


def write_figures(comparison: Comparison, folder: Path, formats: Sequence[str] = FORMATS) -> list[Path]:
    """Writes every figure of a comparison: differences, horizons, ecdf, calibration, strata, outcomes, and
    accuracy_latency and accuracy_cost where seconds and dollars are known.

    Args:
        comparison: with its study.
        folder: made if missing.
        formats: of ``pdf``, ``svg`` and ``png``.

    Returns:
        The files written.

    Raises:
        UserError: if a format is unknown or the folder cannot be written.
    """
    # One figure at a time: each is closed before the next is drawn.
    figures: dict[str, Callable[[], Figure]] = {
        "differences": lambda: difference_figure(comparison),
        "horizons": lambda: horizon_figure(comparison),
        "ecdf": lambda: ecdf_figure(comparison),
        "calibration": lambda: calibration_figure(comparison),
        "strata": lambda: strata_figure(comparison),
        "outcomes": lambda: outcome_figure(comparison),
    }
    if spent(comparison.rows(Summary), "latency_mean_s"):
        figures["accuracy_latency"] = lambda: latency_figure(comparison)
    if spent(comparison.rows(Summary), "cost_usd_per_frame"):
        figures["accuracy_cost"] = lambda: cost_figure(comparison)
    written = []
    for name, draw in figures.items():
        figure = draw()
        written += [save_figure(figure, folder / f"{name}.{kind}") for kind in formats]
    return written


@styled()
def save_figure(figure: Figure, path: Path) -> Path:
    """Writes a figure; the format is the file's suffix.

    Raises:
        UserError: if the format is unknown or the file cannot be written.
    """
    kind = check_format(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        engine = figure.get_layout_engine()
        if engine is not None:
            engine.execute(figure)  # once; every further format would do it again
            figure.set_layout_engine("none")
        with draft_of(path) as draft:
            figure.savefig(draft, format=kind, metadata=_METADATA[kind])
    except OSError as error:
        raise UserError(f"'{path}' cannot be written ({error.strerror or error}); give another --out.") from error
    return path


def check_format(path: Path) -> str:
    """The format that a file's suffix asks for.

    Raises:
        UserError: if it is none of ``FORMATS``.
    """
    kind = path.suffix.lower().removeprefix(".")
    if kind not in FORMATS:
        raise UserError(f"'{path.name}' is no figure's name; let it end in {', '.join('.' + one for one in FORMATS)}.")
    return kind


def file_name(text: str) -> str:
    """A name of anything as the name of a file in this folder."""
    return "".join(sign if sign.isalnum() or sign in "-_." else "_" for sign in text).lstrip(".") or "frame"
