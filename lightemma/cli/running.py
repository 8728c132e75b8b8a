"""Drives a session's runs: shows progress meanwhile, and one line per run at the end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lightemma.cli.options import SessionOptions, in_options
from lightemma.cli.output import echo

if TYPE_CHECKING:
    from lightemma.backends.config import ModelConfig
    from lightemma.cli.live import Style
    from lightemma.sessions.roles import BackendMaker
    from lightemma.sessions.run import RunOutcome, Spending
    from lightemma.sessions.session import Session


@contextmanager
def placed_backends(options: SessionOptions) -> Iterator[BackendMaker]:
    """Makes backends that run on the chosen executor, while the context lasts.

    Raises:
        UserError: if there is no such executor.
    """
    from lightemma.errors import UserError
    from lightemma.executors import LOCAL, choose_executor, placing
    from lightemma.sessions.models import make_backend

    chosen = choose_executor(options.executor, options.replicas, options.gpus_per_replica)
    if options.batch and chosen.kind != LOCAL:
        raise UserError(
            "--batch submits all calls to the provider together, so an executor has no work; leave --executor out."
        )
    with placing(chosen, make_backend) as backends:
        yield backends


def drive_runs(
    session: Session[Any], style: Style, spending: Spending | None = None, remarks: Mapping[str, str] | None = None
) -> list[RunOutcome]:
    """Drives all runs of a session concurrently, shows their progress, and prints how each ended.

    Args:
        session: the runs.
        style: how progress is shown.
        spending: how they may use their providers.
        remarks: name of a run -> what is said in place of how its frames ended, where that was meant to be so.
    """
    from lightemma.cli.live import LiveView

    session.check = check_ready
    view = LiveView(style)
    with view.showing():
        outcomes = session.run(spending, watch=view.add)
    for job, outcome in zip(session.jobs, outcomes, strict=True):
        remark = (remarks or {}).get(job.name)
        ended = f"{outcome.total} {session.work.unit}, {remark}" if remark else ending(outcome, session.work.unit)
        folder = session.folder(job)
        echo(f"{job.name}: {ended} -> {folder}")
        covered = _covered(folder)
        if covered > outcome.total:
            echo(
                f"{job.name} has {covered:,} {session.work.unit}, {outcome.total:,} of them asked for now; tables and "
                "pages show all that it has."
            )
    return outcomes


def _covered(folder: Path) -> int:
    """How many frames or episodes a run covers: more than a command asked for, if an earlier one asked for more."""
    from lightemma.run_folder.manifest import CLOSED_LOOP
    from lightemma.run_folder.store import is_run, read_manifest

    if not is_run(folder):
        return 0
    data = read_manifest(folder).data
    return data.scenes if data.source == CLOSED_LOOP else data.frames


def check_ready(config: ModelConfig) -> None:
    """Makes sure, before a model's first call, that its server on this machine is up. All else was checked when it was made.

    Raises:
        UserError: if no server is.
    """
    from lightemma.errors import UserError
    from lightemma.preflight.readiness import unserved

    lacking = unserved(config)
    if lacking is not None:
        raise UserError(
            f"The model '{config.name}' cannot be asked: {lacking.lacks} is not up; start it by {lacking.next}."
        )


def ending(outcome: RunOutcome, unit: str) -> str:
    """How a run ended, in one line."""
    reached = outcome.kept + outcome.done
    parts = [outcome.decided] if outcome.decided else []
    parts += [f"{outcome.total if reached >= outcome.total else f'{reached} of {outcome.total}'} {unit}"]
    if outcome.decided and reached < outcome.total:
        parts.append(_saved(outcome, outcome.total - reached))
    if outcome.kept:
        parts.append(f"{outcome.kept} already done")
    failed_calls = outcome.failed - outcome.planner_errors
    if failed_calls > 0:
        why = f", mostly {outcome.reason}" if outcome.reason else ""
        if not why and outcome.first_call_error:
            why = f", first by {outcome.first_call_error}"
        parts.append(f"{failed_calls} with failed calls{why} (the same command tries them again)")
    if outcome.planner_errors:
        parts.append(
            f"{outcome.planner_errors} on which the planner failed, first by {outcome.first_error} (the same command tries "
            "them again)"
        )
    if outcome.misformed:
        what = "answers" if unit == "frames" else "decisions"
        parts.append(f"{outcome.misformed} of {outcome.plans} {what} outside the format, mostly {outcome.misform}")
    if outcome.cached:
        parts.append(f"{outcome.cached} of {outcome.calls} calls answered from the cache")
    if outcome.stopped:
        parts.append(f"stopped early: {why_stopped(outcome.stopped)} (the same command resumes)")
    return ", ".join(parts)


def _saved(outcome: RunOutcome, rest: int) -> str:
    """What a run that was decided early did not have to ask."""
    calls = round(outcome.calls / outcome.done * rest) if outcome.done else 0
    return f"{rest:,} frames not driven" + (f" (about {calls:,} calls saved)" if calls else "")


def why_stopped(reason: str) -> str:
    """Why a run stopped early, with the names of command-line options."""
    return in_options(reason, ["max_cost"])


def exit_status(outcomes: Sequence[RunOutcome]) -> int:
    """0 if all is done, 1 if something failed or stopped early, 130 after Ctrl-C."""
    from lightemma.calls.cancellation import INTERRUPTED

    if any(outcome.stopped == INTERRUPTED for outcome in outcomes):
        return 130
    return 1 if any(outcome.failed or outcome.stopped for outcome in outcomes) else 0
