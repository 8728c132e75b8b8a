"""lightemma probe: changes what a planner is given, one thing at a time, and compares its plans with the untouched run's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lightemma.cli import options
from lightemma.cli.output import echo

if TYPE_CHECKING:
    from lightemma.preflight.probe_price import Price
    from lightemma.probes.base import Probe
    from lightemma.sessions.benchmark import Benchmark
    from lightemma.sessions.probe_target import Target
    from lightemma.sessions.roles import BackendMaker

#: Columns that fit on a terminal; the CSV has all.
_COLUMNS = (
    "probe",
    "part",
    "frames",
    "unit",
    "effect",
    "expected",
    "violation",
    "tolerance",
    "verdict",
    "unchanged",
    "no_plan",
)


@options.with_session("batch")
@options.with_benchmark("open")
def probe(
    given: options.Given,
    session: options.SessionOptions,
    target: Annotated[
        str | None,
        typer.Argument(
            help="The folder of a finished run, or a model or planner that is driven first.", show_default=False
        ),
    ] = None,
    probes: Annotated[
        str,
        typer.Option(
            help="Probes, variants or groups (picture, geometry, history, words, prompts, corruptions), or all; separate "
            "several by commas."
        ),
    ] = "all",
    tables: Annotated[
        Path | None,
        typer.Option(help="Folder for the tables; <out>/reports/<run>-probes if left out.", show_default=False),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Spend what the estimate says without asking.")] = False,
    list_: Annotated[bool, typer.Option("--list", help="List the probes with their laws, and exit.")] = False,
) -> None:
    """Probe a run: grey, mirrored, turned pictures, no history, other words; each is a run of its own, compared in probes.csv.

    The price is said first. A frame's stages that a probe leaves alone are not asked again. The same command resumes.
    """
    from lightemma.errors import UserError
    from lightemma.probes.registry import chosen_probes

    if list_:
        _list()
        return
    if target is None:
        raise UserError("Nothing says what to probe; give the folder of a run, or a model (and --data).")
    chosen = chosen_probes([name.strip() for name in probes.split(",") if name.strip()])
    raise typer.Exit(_probe(target, given, session, chosen, tables, yes=yes))


def _probe(
    target: str,
    given: options.Given,
    session: options.SessionOptions,
    chosen: Sequence[Probe],
    tables: Path | None,
    *,
    yes: bool,
) -> int:
    from dataclasses import replace
    from datetime import UTC, datetime

    from lightemma.cli.running import drive_runs, exit_status, placed_backends
    from lightemma.errors import UserError
    from lightemma.evaluation.reasoning.reader_choice import speed_reader
    from lightemma.preflight.probe_price import estimate_probes, price_of
    from lightemma.run_folder.places import find_run
    from lightemma.sessions.probing import open_probes

    spent = 0.0
    with placed_backends(session) as backends:
        run = find_run(Path(target))
        if run is None and "data" not in options.with_given({}, given):  # a name alone, as pages say it
            run = find_run(session.out / target)
            if run is None:
                raise UserError(
                    f"Nothing says what to drive: there is no run '{target}' (`lightemma runs` lists them). To drive "
                    "a model or planner of that name first, give --data (try `--data demo`)."
                )
        if run is not None:
            found, benchmark, stride = _of_run(run, given)
            agreed = yes
        else:
            benchmark, stride = _of_model(target, given), 1
            outcomes = _drive_untouched(benchmark, session, chosen, backends, yes=yes)
            if outcomes is None:
                return 0
            status, found, spent = outcomes
            if status:
                return status
            agreed = True  # for all of it
        probing = open_probes(
            found,
            benchmark,
            chosen,
            session.out,
            stride=stride,
            backends=backends,
            speed_word=speed_reader(),
            by_data=True,
        )
        for sentence in probing.left_out:
            echo(sentence)
        if not probing.session.jobs:
            return 0
        price = price_of(estimate_probes(probing.session, datetime.now(UTC)), len(probing.session.jobs))
        if not _agreed(price, session, yes=agreed):
            return 0
        spending = session.spending
        if spending.max_cost is not None:
            spending = replace(spending, max_cost=max(spending.max_cost - spent, 0.0))
        ended = drive_runs(probing.session, session.style, spending)
    folders = [found.folder, *map(probing.session.folder, probing.session.jobs)]
    if not any(one.stopped for one in ended):
        _show(folders, tables or session.out / "reports" / f"{found.manifest.run}-probes", benchmark)
    return exit_status(ended)


def _of_run(folder: Path, given: options.Given) -> tuple[Target, Benchmark, int]:
    """A finished run and how it was driven."""
    from lightemma.sessions.probe_target import read_target, settings_of

    keys = options.with_given({}, given)
    stride = keys.get("stride", 1)
    found = read_target(folder, stride, keys.get("limit"), keys.get("scenes"))
    values = options.with_given(settings_of(found, keys), given)
    return found, options.checked_benchmark(values), stride


def _of_model(target: str, given: options.Given) -> Benchmark:
    """The untouched run of a model or a planner."""
    from lightemma.planners.registry import planners

    keys = options.with_given({}, given)
    keys["planners" if target in planners() or (":" in target and _is_planner(target)) else "models"] = [target]
    return options.checked_benchmark(keys)


def _is_planner(place: str) -> bool:
    from lightemma.errors import UserError
    from lightemma.planners.registry import planner_class

    try:
        planner_class(place)
    except UserError:
        return False
    return True


def _drive_untouched(
    benchmark: Benchmark,
    session: options.SessionOptions,
    chosen: Sequence[Probe],
    backends: BackendMaker,
    *,
    yes: bool,
) -> tuple[int, Target, float] | None:
    """Drives the untouched run, after the price of it and of its probes is agreed to; None if it is not."""
    from datetime import UTC, datetime

    from lightemma.cli.running import drive_runs, exit_status
    from lightemma.errors import UserError
    from lightemma.preflight.estimate import estimate_runs, offline_backend
    from lightemma.preflight.probe_price import estimate_unmade, price_of
    from lightemma.sessions.frames_of_source import open_runs
    from lightemma.sessions.probe_target import read_target

    # The price needs neither a key nor a server.
    priced = open_runs(benchmark, session.out, backends=offline_backend, by_data=True)
    if len(priced.jobs) != 1:
        raise UserError(
            f"Probes are made of one run, but this makes {len(priced.jobs)}; name one planner and one model."
        )
    job, now, policy = priced.jobs[0], datetime.now(UTC), benchmark.pictures.policy()
    estimates = [*estimate_runs(priced, now), *estimate_unmade(job, chosen, list(priced.work.frames()), policy, now)]
    if not _agreed(price_of(estimates, 1 + len(chosen)), session, yes=yes):
        return None
    runs = open_runs(benchmark, session.out, source=priced.work.source, backends=backends, by_data=True)
    outcomes = drive_runs(runs, session.style, session.spending)
    status = exit_status([one for one in outcomes if one.stopped])
    return status, read_target(runs.folder(job)), outcomes[0].dollars or 0.0


def _agreed(price: Price, session: options.SessionOptions, *, yes: bool) -> bool:
    """Says the price, and asks where it is not nothing.

    Raises:
        UserError: if there is no model to ask.
    """
    import sys

    from lightemma.errors import UserError

    runs = "1 run" if price.runs == 1 else f"{price.runs} runs"
    if price.usd == 0:
        echo(f"Price: {runs}, {price.calls:,} calls, no dollars.")
        return True
    if price.usd is None:
        amount = "dollars unknown (give `price` in the model's YAML)"
    else:
        longest = "" if price.usd_longest is None else f", at most ${price.usd_longest:,.2f}"
        amount = f"about ${price.usd:,.2f}{longest}"
    echo(f"Price: {runs}, {price.calls:,} calls, {amount}. An estimate; `lightemma estimate` says what it assumes.")
    if yes or session.max_cost is not None:
        return True
    if not sys.stdin.isatty():
        raise UserError("Nothing was asked yet; give --yes to spend that, or --max-cost to spend no more than so much.")
    return typer.confirm("Continue?")


def _show(folders: Sequence[Path], tables: Path, benchmark: Benchmark) -> None:
    """Writes the tables, and prints the one of the probes."""
    from lightemma.cli.show import show
    from lightemma.comparing.load import load_and_compare
    from lightemma.evaluation.tables.files import write_tables

    comparison = load_and_compare(folders, data=benchmark.data, shared_only=False)
    write_tables(comparison, tables)
    built = comparison.tables["probes"]
    rows = [_on_terminal(row) for row in built.cells()]
    if rows:
        show(
            rows,
            built.caption,
            ("probe", "part", "unit", "verdict"),
            ("no_plan", "unchanged", "tolerance", "unit", "frames", "expected", "effect", "part"),
        )
    echo(f"Tables: {tables}")


def _on_terminal(row: dict[str, Any]) -> dict[str, Any]:
    shown = {name: row[name] for name in _COLUMNS}
    low, high = row["violation_low"], row["violation_high"]
    if not row["frames"]:
        shown["violation"] = "no pair of plans"
    elif math.isnan(low):
        shown["violation"] = f"{row['violation']:+.3f} [one scene]"
    else:
        shown["violation"] = f"{row['violation']:+.3f} [{low:+.3f}, {high:+.3f}]"
    return shown


def _list() -> None:
    from lightemma.errors import UserError
    from lightemma.probes.registry import chosen_probes
    from lightemma.probes.registry import probes as every_probe

    for name, offered in every_probe().items():
        of = "" if offered.package == "lightemma" else f"  (from {offered.package})"
        try:
            made = chosen_probes([name])
        except UserError as error:
            echo(f"{name}{of}\n    cannot be used: {error}")
            continue
        variants = ", ".join(one.variant for one in made if one.variant)
        summary = (type(made[0]).__doc__ or "").strip().partition("\n")[0]
        echo(f"{name}{of}  ({made[0].group}{f'; {variants}' if variants else ''})\n    {summary}")
        echo(f"    law: {made[0].law.statement}")
