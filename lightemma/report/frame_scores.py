"""Writes a run's frames as CSV: scores.csv, one line per frame."""

from __future__ import annotations

import csv
from pathlib import Path

from lightemma.errors import UserError
from lightemma.evaluation.frame_scores import frame_columns
from lightemma.evaluation.scores import RunScores
from lightemma.files import draft_of
from lightemma.table_files import exact


def write_frame_scores(run: RunScores, folder: Path) -> Path:
    """Writes scores.csv, one line per frame (see ``evaluation.frame_scores``).

    Returns:
        The file written.

    Raises:
        UserError: if it cannot be written.
    """
    path = folder / "scores.csv"
    columns = frame_columns(run)
    try:
        with draft_of(path) as draft, draft.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow([exact(column) for column in columns])
            writer.writerows([exact(cell) for cell in row] for row in zip(*columns.values(), strict=True))
    except OSError as error:
        raise UserError(f"'{path}' cannot be written ({error.strerror}); copy the run to a folder of yours.") from error
    return path
