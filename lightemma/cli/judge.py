"""lightemma judge: lets a model read what runs said, beside the rules."""

from __future__ import annotations

from typing import Annotated

import typer

from lightemma.cli import options
from lightemma.cli.output import echo


def judge(
    runs: options.Runs,
    model: Annotated[str, typer.Option(help="The judge: a name in configs/models, a YAML, or package.module:Class.")],
    stride: Annotated[int, typer.Option(help="Read only every so manieth frame.", min=1)] = 1,
    max_cost: Annotated[
        float | None, typer.Option(help="Dollars that it may cost; it stops before that.", show_default=False)
    ] = None,
) -> None:
    """Let a model read the statements and descriptions of runs; `compare --judge MODEL` uses what it read.

    The readings are stored beside each run (judgments-MODEL.jsonl); texts that were judged before are not sent again.
    Exit status 1 if a call failed.
    """
    from lightemma.cli.steps_shown import showing_steps
    from lightemma.run_folder.places import find_runs
    from lightemma.sessions.judging import judge_runs
    from lightemma.sessions.models import make_backend

    backend = make_backend(model)
    with showing_steps():
        judged = judge_runs(find_runs(runs), backend, stride, max_cost)
    spent = "" if judged.dollars is None else f", ${judged.dollars:.4f}"
    echo(
        f"{backend.config.name}: {judged.asked:,} texts asked{spent}, {judged.kept:,} judged before, {judged.unread:,} answers "
        f"without the fields, {judged.failed:,} calls failed"
    )
    if judged.stopped:
        echo(f"Stopped: {judged.stopped}; give the same command again to continue.", err=True)
    if judged.failed or judged.stopped:
        raise typer.Exit(1)
