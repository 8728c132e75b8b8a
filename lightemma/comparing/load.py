"""From run folders to one comparison, with all that the data behind them adds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Unpack

from lightemma.closed_loop.records import SOURCE as CLOSED_LOOP
from lightemma.comparing.context import context_for
from lightemma.data.base import FrameSource
from lightemma.errors import UserError
from lightemma.evaluation.comparison import Choices, Comparison, compare_runs
from lightemma.evaluation.scores import RunScores, load_scores
from lightemma.run_folder.places import find_runs
from lightemma.steps import counted


def load_and_compare(
    paths: Iterable[Path],
    *,
    source: FrameSource | None = None,
    data: str | None = None,
    parser: str | None = None,
    **choices: Unpack[Choices],
) -> Comparison:
    """Compares the runs found under ``paths``.

    Args:
        paths: run folders, or folders of runs.
        source: the data behind the runs, if it is open already.
        data: the data behind the runs, as ``--data``; as noted when they were driven if None.
        parser: reads the stored answers by another parser than the runs did.
        choices: how they are compared.

    Raises:
        UserError: if there is no run, or runs cannot be compared, or the data cannot be opened.
    """
    folders = find_runs(paths)
    runs = [(folder, load_scores(folder, parser)) for folder in counted(folders, "reading", "runs")]
    return compare_loaded(runs, source=source, data=data, **choices)


def compare_loaded(
    runs: Sequence[tuple[Path, RunScores]],
    *,
    source: FrameSource | None = None,
    data: str | None = None,
    **choices: Unpack[Choices],
) -> Comparison:
    """Compares runs that are loaded already, with the data behind them.

    Args:
        runs: folder and scores of each, in the order of the tables.
        source: the data behind the runs, if it is open already.
        data: the data behind the runs, as ``--data``; as noted when they were driven if None.
        choices: how they are compared.

    Raises:
        UserError: if runs cannot be compared, or the data cannot be opened.
    """
    scores = [run for _, run in runs]
    _check_open_loop(scores)
    context = context_for(scores, runs[0][0].parent, source=source, data=data) if runs else None
    folders = {run.name: folder for folder, run in runs}
    return compare_runs(scores, context=context, folders=folders, **choices)


def _check_open_loop(runs: Sequence[RunScores]) -> None:
    drove = [run.name for run in runs if run.manifest and run.manifest.data.source == CLOSED_LOOP]
    if drove:
        raise UserError(
            f"'{drove[0]}' is a closed-loop run: its car went where it drove, so that no two such runs have the same frames; "
            "compare closed-loop runs among themselves with `lightemma compare`, and watch them with `lightemma report`."
        )
