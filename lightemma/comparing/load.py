"""From run folders to one comparison, with all that the data behind them adds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lightemma.closed_loop.records import SOURCE as CLOSED_LOOP
from lightemma.comparing.context import SceneContext, context_for
from lightemma.data.base import FrameSource
from lightemma.errors import UserError
from lightemma.evaluation.comparison import Comparison, compare_runs
from lightemma.evaluation.compatibility import shared_frames
from lightemma.evaluation.scores import RunScores, load_scores
from lightemma.evaluation.statistics.bootstrap import RESAMPLES, SEED
from lightemma.protocol import Convention
from lightemma.run_folder.store import find_runs


@dataclass(frozen=True)
class Compared:
    """Runs, their comparison, and what lies behind them.

    Attributes:
        comparison: every table.
        runs: the scores, in the order of the folders.
        folders: run name -> folder.
        evidence: pictures, annotations and maps, as far as they are there.
    """

    comparison: Comparison
    runs: Sequence[RunScores]
    folders: Mapping[str, Path]
    evidence: SceneContext


def load_and_compare(
    paths: Iterable[Path],
    convention: Convention = "lightemma",
    *,
    data: str | None = None,
    parser: str | None = None,
    shared_only: bool = False,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Compared:
    """Compares the runs found under ``paths``.

    Args:
        paths: run folders, or folders of runs.
        convention: of the summary, the differences and the strata.
        data: the data behind the runs, as ``--data``; as noted when they were driven if None.
        parser: reads the stored answers by another tier than the runs did.
        shared_only: cuts all runs to the frames they share.
        resamples: bootstrap draws.
        seed: of the draws.

    Raises:
        UserError: if there is no run, or runs cannot be compared, or the data cannot be opened.
    """
    folders = find_runs(paths)
    return compare_folders(
        folders, convention, data=data, parser=parser, shared_only=shared_only, resamples=resamples, seed=seed
    )


def compare_folders(
    folders: Sequence[Path],
    convention: Convention = "lightemma",
    *,
    source: FrameSource | None = None,
    data: str | None = None,
    parser: str | None = None,
    shared_only: bool = False,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Compared:
    """As :func:`load_and_compare`, for known run folders and, where it is open already, their source."""
    runs = [load_scores(folder, parser) for folder in folders]
    _check_open_loop(runs)
    if shared_only and len(runs) > 1:
        runs = shared_frames(runs)
    evidence = context_for(runs, folders[0].parent, source=source, data=data)
    comparison = compare_runs(
        runs,
        convention,
        shared_only=shared_only,
        resamples=resamples,
        seed=seed,
        scene_facts=evidence.scene_facts,
        safety=evidence.safety,
    )
    return Compared(comparison, runs, {run.name: folder for run, folder in zip(runs, folders, strict=True)}, evidence)


def _check_open_loop(runs: Sequence[RunScores]) -> None:
    drove = [run.name for run in runs if run.manifest and run.manifest.data.source == CLOSED_LOOP]
    if drove:
        raise UserError(
            f"'{drove[0]}' is a closed-loop run: its car went where it drove, so that no two such runs have the same frames; "
            "compare closed-loop runs among themselves with `lightemma compare`, and watch one with `lightemma video`."
        )
