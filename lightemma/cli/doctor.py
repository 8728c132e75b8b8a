"""lightemma doctor: what is installed, what is missing, and how to get it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lightemma.cli.demo import OUT as DEMO_OUT
from lightemma.cli.output import echo
from lightemma.data.source_kinds import data_help

_MARKS = {"ok": "ok     ", "missing": "MISSING", "warning": "note   "}


def doctor(
    data: Annotated[str | None, typer.Option(help=data_help("Also check this source"))] = None,
    model: Annotated[str | None, typer.Option(help="Also check this model, named as for `lightemma run`.")] = None,
    out: Annotated[Path, typer.Option(help="Folder of runs.")] = Path("results"),
) -> None:
    """Check what is installed, what is missing and how to get it; exit status 0 if the demo can run. Keys are never shown."""
    from datetime import UTC, datetime

    from lightemma.preflight import doctor as look
    from lightemma.preflight.readiness import readiness
    from lightemma.run_folder.places import runs_under

    today = datetime.now(UTC).date()
    configs, wrong = look.known_configs()
    findings = [
        look.check_python(),
        *look.check_packages(),
        look.check_folder("this folder", Path(), demo=True),
        look.check_folder("results", out),
        look.check_cache(out),
        look.check_runs(out),
        look.check_gpu(),
        *look.check_keys(configs.values()),
        *wrong,
        look.check_models(configs.values(), lambda config: readiness(config, today)),
    ]
    if model is not None:
        findings.append(look.check_model(model, today))
    if data is not None:
        findings.extend(look.check_data(data, out))

    width = max(len(finding.what) for finding in findings)
    for finding in findings:
        echo(f"{_MARKS[finding.state]}  {finding.what:<{width}}  {finding.detail}")
        if finding.next:
            echo(f"{'':7}  {'':<{width}}  -> {finding.next}")
    echo(f"\nNext: {look.next_step(findings, data, model, demo_done=bool(runs_under(DEMO_OUT / 'results')))}")
    raise typer.Exit(0 if look.demo_runs(findings) else 1)
