"""lightemma report: finished runs as one page that opens anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lightemma.cli import options

if TYPE_CHECKING:
    from lightemma.report.page import ReportFiles


def report(
    runs: options.Runs,
    out: Annotated[Path, typer.Option(help="The page (.html); large studies get a folder of data next to it.")],
    data: options.Behind = None,
    title: Annotated[str | None, typer.Option(help="Title of the page.")] = None,
    convention: options.ConventionOption = "lightemma",
    parser: options.ReadBy = None,
    shared_frames: options.SharedFrames = False,
    thumbnails: Annotated[
        int | None, typer.Option(help="At most that many pictures; chosen for what they show if left out.", min=0)
    ] = None,
    table: options.MoreTables = None,
    resamples: options.Resamples = 10_000,
    seed: options.Seed = 20_250_501,
) -> None:
    """Write runs as one self-contained HTML page: answer, tables, charts, and a browser of frames with every word."""
    from lightemma.cli.show import show_notes
    from lightemma.comparing.load import load_and_compare
    from lightemma.errors import UserError
    from lightemma.report.page import write_report

    if out.suffix.lower() not in {".html", ".htm"}:
        raise UserError(f"--out is '{out}', which is no page; give a file that ends in .html.")
    comparison = load_and_compare(
        runs,
        data=data,
        parser=parser,
        **options.choices(convention, shared_frames=shared_frames, resamples=resamples, seed=seed, tables=table),
    )
    files = write_report(comparison, out, title=title, max_thumbnails=thumbnails)
    show_notes(comparison)
    say_written(files)


def say_written(files: ReportFiles) -> None:
    """Prints where a report is and how large."""
    folder = f" and {files.folder} ({_megabytes(files.folder_bytes)}), which belongs to it" if files.folder else ""
    typer.echo(f"Report: {files.page} ({_megabytes(files.page_bytes)}){folder}; open it in a browser")


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
