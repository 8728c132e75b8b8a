"""lightemma compare: writes tables that compare runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lightemma.cli import options
from lightemma.cli.output import echo
from lightemma.outside_text import one_line


def compare(
    runs: options.Runs,
    out: Annotated[Path, typer.Option(help="Folder for the tables (.csv, .md, .tex).")],
    group: options.GroupOption = None,
    data: options.DataOption = None,
    convention: options.ConventionOption = "lightemma",
    parser: options.ParserOption = None,
    shared_frames: options.SharedFrames = False,
    figures: Annotated[
        bool, typer.Option("--figures", help="Also draw the figures (.pdf, .svg, .png), into figures/ of the folder.")
    ] = False,
    table: options.MoreTables = None,
    reader: options.ReaderOption = "rules",
    judge: options.JudgeOption = None,
    teacher: options.TeacherOption = None,
    resamples: options.Resamples = 10_000,
    seed: options.Seed = 20_250_501,
) -> None:
    """Compare runs over the same frames: scores, differences with scene-clustered intervals, errors, strata.

    Of the runs in a folder, those that can be compared are: the largest group, or --group. Closed-loop runs are compared with
    each other only, over their episodes, and have their own tables.
    """
    from lightemma.cli.drive import write_driving_tables
    from lightemma.comparing.groups import choose_group

    chosen = choose_group(runs, group, shared_frames=shared_frames)
    for note in chosen.notes:
        echo(one_line(note), err=True)
    if chosen.group.closed:
        given = {
            "--data": data,
            "--convention": convention != "lightemma",
            "--parser": parser,
            "--shared-frames": shared_frames,
            "--figures": figures,
            "--table": table,
            "--reader": reader != "rules",
            "--judge": judge,
            "--teacher": teacher,
            "--resamples": resamples != 10_000,
            "--seed": seed != 20_250_501,
        }
        without_effect = ", ".join(option for option, value in given.items() if value)
        if without_effect:
            echo(f"Closed-loop runs are compared over their episodes; {without_effect} has no effect.", err=True)
        write_driving_tables(chosen.driven, out)
        return
    from lightemma.cli.show import show_notes, show_summary
    from lightemma.cli.steps_shown import showing_steps
    from lightemma.comparing.load import load_and_compare
    from lightemma.evaluation.tables.files import write_tables

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
                teacher=teacher,
            ),
        )
    write_tables(comparison, out)
    show_summary(comparison)
    show_notes(comparison)
    echo(f"Tables: {out}")
    if chosen.closed:
        write_driving_tables(chosen.driven, out / "closed-loop")
    if figures:
        from lightemma.report.figures import write_figures

        write_figures(comparison, out / "figures")
        echo(f"Figures: {out / 'figures'}")
