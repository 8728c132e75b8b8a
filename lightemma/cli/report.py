"""lightemma report: writes finished runs as one page that any browser opens."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lightemma.cli import options
from lightemma.cli.output import echo
from lightemma.outside_text import one_line


def report(
    runs: options.Runs,
    out: Annotated[Path, typer.Option(help="The page (.html); large reports get a folder of data next to it.")],
    group: options.GroupOption = None,
    data: options.DataOption = None,
    title: Annotated[str | None, typer.Option(help="Title of the page.")] = None,
    convention: options.ConventionOption = "lightemma",
    parser: options.ParserOption = None,
    shared_frames: options.SharedFrames = False,
    thumbnails: Annotated[
        int | None,
        typer.Option(help="Maximum number of pictures; a selection of interesting frames if left out.", min=0),
    ] = None,
    table: options.MoreTables = None,
    reader: options.ReaderOption = "rules",
    judge: options.JudgeOption = None,
    resamples: options.Resamples = 10_000,
    seed: options.Seed = 20_250_501,
) -> None:
    """Write runs as one self-contained HTML page: result, tables, charts, and a browser of frames with prompts and answers.

    Of the runs in a folder, those that can be compared are shown: the largest group, or --group. Closed-loop runs have their
    own page next to it, with every episode to watch.
    """
    from lightemma.cli.pages import show_report_files, write_driving_pages
    from lightemma.cli.show import show_notes
    from lightemma.cli.steps_shown import showing_steps
    from lightemma.comparing.groups import choose_group
    from lightemma.comparing.load import load_and_compare
    from lightemma.errors import UserError
    from lightemma.report.page import write_report

    if out.suffix.lower() not in {".html", ".htm"}:
        raise UserError(f"--out is '{out}', which is not a page; give a file that ends in .html.")
    chosen = choose_group(runs, group, shared_frames=shared_frames)
    for note in chosen.notes:
        echo(one_line(note), err=True)
    if chosen.group.closed:
        write_driving_pages(chosen.driven, out, title=title, max_pictures=thumbnails)
        return
    with showing_steps():
        comparison = load_and_compare(
            chosen.group.folders,
            data=data,
            parser=parser,
            **options.choices(
                convention,
                shared_frames=shared_frames,
                resamples=resamples,
                seed=seed,
                tables=table,
                reader=reader,
                judge=judge,
            ),
        )
        files = write_report(comparison, out, title=title, max_thumbnails=thumbnails)
    show_notes(comparison)
    show_report_files(files)
    if chosen.closed:
        page = out.with_name(f"{out.stem}-closed-loop{out.suffix}")
        write_driving_pages(chosen.driven, page, max_pictures=thumbnails)
