"""Figures: each function takes scores or tables and returns a matplotlib figure; ``write_figures`` writes them all."""

from lightemma.report.figures.accuracy import cost_figure, latency_figure
from lightemma.report.figures.calibration import calibration_figure
from lightemma.report.figures.differences import difference_figure
from lightemma.report.figures.ecdf import ecdf_figure
from lightemma.report.figures.heat_map import strata_figure
from lightemma.report.figures.horizons import horizon_figure
from lightemma.report.figures.outcomes import outcome_figure
from lightemma.report.figures.writing import FORMATS, save_figure, write_figures

__all__ = [
    "FORMATS",
    "calibration_figure",
    "cost_figure",
    "difference_figure",
    "ecdf_figure",
    "horizon_figure",
    "latency_figure",
    "outcome_figure",
    "save_figure",
    "strata_figure",
    "write_figures",
]
