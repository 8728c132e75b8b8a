"""Writes pages for commands, and says where they are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lightemma.cli.output import echo

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lightemma.report.page import ReportFiles


def write_driving_pages(
    folders: Sequence[Path], page: Path, *, title: str | None = None, max_pictures: int | None = None
) -> None:
    """Writes the page of closed-loop runs, and prints where it is; runs of other worlds and rules have pages next to it."""
    from lightemma.cli.steps_shown import showing_steps
    from lightemma.comparing.driving_page import write_driving_page
    from lightemma.comparing.groups import group_runs

    for number, group in enumerate(group_runs(folders).closed):
        place = page if number == 0 else page.with_name(f"{page.stem}-{group.name}{page.suffix}")
        with showing_steps():
            files = write_driving_page(group.folders, place, title=title, max_pictures=max_pictures)
        show_report_files(files)


def show_report_files(files: ReportFiles) -> None:
    """Prints a report's path and size."""
    folder = f" and {files.folder} ({_megabytes(files.folder_bytes)}), which belongs to it" if files.folder else ""
    echo(f"Report: {files.page} ({_megabytes(files.page_bytes)}){folder}; open it in a browser")


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
