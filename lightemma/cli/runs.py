"""lightemma runs: lists the runs of a results folder, by what can be compared."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lightemma.cli import options
from lightemma.cli.output import echo
from lightemma.outside_text import one_line

if TYPE_CHECKING:
    from lightemma.comparing.groups import Group, StoredRun

#: What a narrow terminal leaves out, the first first; never the run's name.
_DROPPED = ("calls", "planner", "in", "model", "last session")


def runs(
    folders: Annotated[
        list[Path] | None, typer.Argument(help="Folders of runs; results if left out.", show_default=False)
    ] = None,
    shared_frames: options.SharedFrames = False,
) -> None:
    """List the runs that are there, in the groups that can be compared; --group of compare and report takes these names."""
    from lightemma.cli.show import show
    from lightemma.comparing.groups import group_runs
    from lightemma.run_folder.places import find_runs

    groups = group_runs(find_runs(folders or [Path("results")]), shared_frames=shared_frames)
    unfinished = {run.folder for run in groups.unfinished}
    shown = [
        (group.phrase, [_row(run, group) for run in group.runs if run.folder not in unfinished]) for group in groups.all
    ]
    if unfinished:
        shown.append(
            ("Not finished; the same command that began a run resumes it", [_row(run) for run in groups.unfinished])
        )
    for title, rows in shown:
        show(rows, title, text_columns=("run", "planner", "model", "last session", "in"), dropped=_DROPPED)
    for sentence in groups.unreadable:
        echo(one_line(sentence), err=True)
    if len(groups.all) > 1:
        echo(f"compare, report and plot show {groups.largest.name}; --group NAME shows another.")


def _row(run: StoredRun, group: Group | None = None) -> dict[str, Any]:
    manifest = run.manifest
    if run.closed:
        # Frames are the decisions, and scenes the episodes.
        covered = {"episodes" if group else "reached": f"{manifest.data.scenes:,}" if group else run.reached}
    else:
        covered = {"frames" if group else "reached": f"{manifest.data.frames:,}" if group else run.reached}
    return {
        "run": run.name,
        **covered,
        "planner": manifest.planner.name,
        "model": manifest.model_name,
        "calls": "" if manifest.calls is None else f"{manifest.calls:,}",
        "last session": (manifest.ended or manifest.started)[:16].replace("T", " "),
        "in": _place(run),
    }


def _place(run: StoredRun) -> str:
    """The folder that holds a run's folder, as seen from here; the run's own folder where that has another name."""
    here = Path.cwd().resolve()
    folder = run.folder.parent if run.folder.name == run.name else run.folder
    return str(folder.relative_to(here)) if folder.is_relative_to(here) else str(folder)
