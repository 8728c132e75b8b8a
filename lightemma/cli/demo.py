"""lightemma demo: run, compare and report on the embedded drives, without key, GPU or download."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lightemma.cli.output import echo

#: Where the demo's runs, tables and report are unless the command says otherwise.
OUT = Path("demo-out")


def demo(out: Annotated[Path, typer.Option(help="Folder for runs, tables and the report.")] = OUT) -> None:
    """Run the tiny driver, a scripted driver and the baselines over the embedded drives, compare, and write the report."""
    from lightemma.backends.base import Backend
    from lightemma.backends.tiny_driver import MODEL, can_run
    from lightemma.cli.live import choose_style
    from lightemma.cli.pages import show_report_files
    from lightemma.cli.running import drive_runs
    from lightemma.cli.show import show_notes, show_summary
    from lightemma.cli.study import write_all
    from lightemma.comparing.load import load_and_compare
    from lightemma.data.data_locations import remember_source
    from lightemma.data.embedded_demo import open_embedded_demo
    from lightemma.planners.registry import PLANNERS, make_planner
    from lightemma.sessions.benchmark import Benchmark, ReportSettings
    from lightemma.sessions.demo_driver import NAME, scripted_driver
    from lightemma.sessions.frames_of_source import open_runs
    from lightemma.sessions.jobs import DEFAULT_PLANNER
    from lightemma.sessions.models import make_backend
    from lightemma.sessions.session import check_writable

    check_writable(out)
    source = open_embedded_demo()
    # The scripted answers are those to three stages; every formula is driven beside them.
    formulas = [name for name in PLANNERS if not make_planner(name).needs().models]
    tiny = [MODEL] if can_run() else []

    def backend(model: str) -> Backend:
        return make_backend(model) if model in tiny else scripted_driver(source.frames())

    runs = open_runs(
        Benchmark(data="demo", planners=[DEFAULT_PLANNER, *formulas], models=[*tiny, NAME]),
        out / "results",
        source=source,
        backends=backend,
        by_data=True,
    )
    remember_source(runs.results, source.info, "demo")
    echo(
        f"The demo drives {runs.work.size} frames of {len(source.scene_names)} made-up scenes with {len(runs.jobs)} drivers; "
        "it needs no key and no GPU, and some seconds."
    )
    drive_runs(
        runs,
        choose_style(quiet=False, json_log=False),
        remarks={NAME: "with the failures and misformed answers that are written into it"},
    )
    comparison = load_and_compare([runs.folder(job) for job in runs.jobs], source=source)
    files = write_all(
        comparison, out / "report", ReportSettings(title="The embedded demo drives", figures=False), "demo"
    )
    show_summary(comparison)
    show_notes(comparison)
    if tiny:
        echo(
            f"{MODEL} is a model: it looks at the pictures, says what it sees and intends, and then plans; docs/tiny-driver.md."
        )
    else:
        echo(f"For {MODEL}, the model that comes with lightemma: pip install 'lightemma[tiny]'")
    echo(
        f"{NAME} is not a model: its answers were written in advance, with some errors, to show what a model's row looks like."
    )
    echo(f"Tables: {out / 'report' / 'tables'}")
    show_report_files(files)
