"""For notebooks: runs and comparisons as pandas DataFrames.

>>> import lightemma
>>> run = lightemma.load_run("results/gpt-4o")  # doctest: +SKIP
>>> run.frames.groupby("manoeuvre").l2_avg_lightemma.mean()  # doctest: +SKIP
>>> lightemma.compare(["results/gpt-4o", "results/gpt-4.1"]).summary  # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd

from lightemma.comparing.load import compare_loaded
from lightemma.evaluation.comparison import Comparison
from lightemma.evaluation.frame_scores import frame_columns
from lightemma.evaluation.metrics.displacement import check_convention
from lightemma.evaluation.scores import RunScores, load_scores
from lightemma.evaluation.statistics.bootstrap import RESAMPLES, SEED
from lightemma.evaluation.tables.files import write_tables
from lightemma.notebook_html import comparison_html, run_html
from lightemma.outside_text import one_line
from lightemma.report.page import ReportFiles, write_report
from lightemma.run_folder.places import find_run
from lightemma.run_folder.store import read_frames

#: Columns of ``Run.texts``.
TEXT_COLUMNS = ("scene", "frame_index", "sample_token", "stage", "prompt", "response", "outcome", "error")


@dataclass(frozen=True, repr=False)
class Run:
    """A stored run.

    Attributes:
        folder: where it is stored.
        scores: its arrays (see ``lightemma.evaluation.scores.RunScores``).
    """

    folder: Path
    scores: RunScores

    @property
    def name(self) -> str:
        """What the run is called."""
        return self.scores.name

    def __repr__(self) -> str:
        return f"<Run {one_line(self.name)}: {len(self.scores.tokens)} frames, {int(self.scores.ok.sum())} with a plan>"

    def _repr_html_(self) -> str:
        """What a notebook shows of it."""
        return run_html(self.scores)

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """manifest.json: what decided the numbers."""
        manifest: dict[str, Any] = msgspec.to_builtins(self.scores.manifest)
        return manifest

    @cached_property
    def frames(self) -> pd.DataFrame:
        """One row per frame; the columns are those of ``lightemma.evaluation.frame_scores.frame_columns``."""
        return pd.DataFrame(frame_columns(self.scores))

    @cached_property
    def texts(self) -> pd.DataFrame:
        """One row per call: scene, frame_index, sample_token, stage, prompt, response, outcome, error."""
        rows = [
            (
                frame.scene,
                frame.frame_index,
                frame.sample_token,
                call.stage,
                call.prompt,
                call.response,
                call.outcome,
                call.error,
            )
            for frame in read_frames(self.folder)
            for call in frame.calls
        ]
        return pd.DataFrame(rows, columns=list(TEXT_COLUMNS))


class Tables:
    """A comparison as DataFrames, one attribute per table, such as ``summary``.

    The columns are those of the CSV files (docs/metrics.md).

    Attributes:
        comparison: what the tables are of.
    """

    def __init__(self, comparison: Comparison) -> None:
        self.comparison = comparison
        self._frames: dict[str, pd.DataFrame] = {}

    def __getattr__(self, name: str) -> pd.DataFrame:
        if name.startswith("_") or name == "comparison":
            raise AttributeError(name)
        built = self.comparison.tables.get(name)
        if built is None:
            raise AttributeError(f"a comparison has no table '{name}'; it has {', '.join(self.comparison.tables)}")
        if name not in self._frames:
            self._frames[name] = pd.DataFrame(built.cells(), columns=built.columns)
        return self._frames[name]

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self.comparison.tables]

    def __repr__(self) -> str:
        runs = ", ".join(run.name for run in self.comparison.study.runs)
        return f"<Tables of {self.comparison.frames} frames of {self.comparison.scenes} scenes: {one_line(runs)}>"

    def _repr_html_(self) -> str:
        """What a notebook shows of it."""
        return comparison_html(self.comparison)

    def write(self, folder: str | PathLike[str]) -> list[Path]:
        """Writes every table as .csv, .md and .tex.

        Raises:
            UserError: if the folder cannot be written.
        """
        return write_tables(self.comparison, Path(folder))

    def report(self, page: str | PathLike[str], title: str | None = None) -> ReportFiles:
        """Writes the comparison as one HTML page.

        Args:
            page: the file, ``.html``.
            title: of the page.

        Raises:
            UserError: if it cannot be written.
        """
        return write_report(self.comparison, Path(page), title=title)


def load_run(path: str | PathLike[str], parser: str | None = None) -> Run:
    """Loads a stored run.

    Args:
        path: its folder; ``results/<run>`` also finds the run at ``results/<data>/<run>``.
        parser: read the stored answers by another parser than the run did.

    Raises:
        UserError: if there is no such run, or it is broken or empty.
    """
    folder = find_run(Path(path)) or Path(path)
    return Run(folder, load_scores(folder, parser))


def compare(
    runs: Sequence[Run | str | PathLike[str]],
    convention: str = "lightemma",
    *,
    shared_frames: bool = False,
    data: str | None = None,
    resamples: int = RESAMPLES,
    seed: int = SEED,
    tables: Sequence[str] = (),
    reader: str = "rules",
    judge: str | None = None,
) -> Tables:
    """Compares runs over the same frames.

    Args:
        runs: loaded runs or their folders.
        convention: L2 convention of the summary, the differences and the strata.
        shared_frames: cut all runs to the frames they share, instead of refusing runs over different frames.
        data: the data behind the runs, for safety and strata by place, light and weather; as noted when they were driven
            if None.
        resamples: how many draws of scenes.
        seed: of the draws.
        tables: further tables, as ``package.module:Class``.
        reader: what reads the models' words: ``rules``, or ``package.module:Class``.
        judge: name of the model whose stored judgments are read instead; None for the reader.

    Raises:
        UserError: if they cannot be compared, ``data`` cannot be opened, or one of ``tables`` cannot be used.
    """
    loaded = [run if isinstance(run, Run) else load_run(run) for run in runs]
    return Tables(
        compare_loaded(
            [(run.folder, run.scores) for run in loaded],
            data=data,
            convention=check_convention(convention),
            shared_only=shared_frames,
            resamples=resamples,
            seed=seed,
            tables=tables,
            reader=reader,
            judge=judge,
        )
    )
