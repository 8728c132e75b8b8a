"""lightemma run: drives planners over recorded data and records every call."""

from __future__ import annotations

import typer

from lightemma.cli import options


@options.with_session()
@options.with_benchmark("open")
def run(given: options.Given, session: options.SessionOptions, config: options.Config = None) -> None:
    """Drive planners over recorded data and record every call; the same command resumes where it stopped."""
    from lightemma.cli.running import drive_runs, exit_status, placed_backends
    from lightemma.sessions.frames_of_source import open_runs

    with placed_backends(session) as backends:
        benchmark = options.benchmark_of(config, given, "open")
        runs = open_runs(benchmark, session.out, backends=backends, by_data=True)
        outcomes = drive_runs(runs, session.style, session.spending)
    raise typer.Exit(exit_status(outcomes))
