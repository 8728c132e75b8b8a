"""Writes one line per frame: for the questions that no table answers."""

from __future__ import annotations

import csv
import math
from pathlib import Path

from lightemma.errors import UserError
from lightemma.evaluation.displacement import CONVENTIONS, l2, misses
from lightemma.evaluation.scores import RunScores, baseline_scores

STEPS = ("error_0.5s", "error_1.0s", "error_1.5s", "error_2.0s", "error_2.5s", "error_3.0s")


def write_frame_scores(run: RunScores, folder: Path) -> Path:
    """Writes scores.csv: the six step errors, every convention's average, and the baseline's average, per frame.

    Returns:
        The file written.

    Raises:
        UserError: if it cannot be written.
    """
    path = folder / "scores.csv"
    averages = {convention: l2(run.errors, convention)[:, 3] for convention in CONVENTIONS}
    baseline = l2(baseline_scores(run).errors, "lightemma")[:, 3]
    missed = misses(run.errors)
    columns = ["scene", "frame_index", "sample_token", "outcome", *STEPS, "missed_2m"]
    columns += [*(f"l2_avg_{convention}" for convention in CONVENTIONS), "baseline_l2_avg_lightemma"]
    place: dict[str, int] = {}
    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(columns)
            for row, (scene, token, outcome) in enumerate(zip(run.scenes, run.tokens, run.outcomes, strict=True)):
                index = place[scene] = place.get(scene, -1) + 1
                numbers = [*run.errors[row].tolist(), float(missed[row])]
                numbers += [float(averages[convention][row]) for convention in CONVENTIONS]
                cells = ["" if math.isnan(number) else number for number in numbers]
                writer.writerow([scene, index, token, outcome, *cells, float(baseline[row])])
    except OSError as error:
        raise UserError(f"'{path}' cannot be written ({error.strerror}); copy the run to a folder of yours.") from error
    return path
