"""lightemma estimate: calls, tokens and dollars of runs, before anything is spent."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lightemma.cli import options
from lightemma.cli.output import echo

if TYPE_CHECKING:
    from lightemma.preflight.cost_model import Card
    from lightemma.preflight.estimate import RunEstimate


@options.with_benchmark("open")
def estimate(
    given: options.Given,
    config: options.Config = None,
    out: Annotated[Path, typer.Option(help="Folder of runs; frames that are already there are not counted.")] = Path(
        "results"
    ),
    max_cost: Annotated[
        float | None, typer.Option(help="Dollars to spend; shows which share of the runs they pay for.")
    ] = None,
    gpu: Annotated[str, typer.Option(help="GPU that open models would run on, such as H100, A100 or L4.")] = "H100",
    gpus: Annotated[int, typer.Option(help="Number of these GPUs.", min=1)] = 1,
) -> None:
    """Estimate calls, tokens, dollars and GPU-hours of `lightemma run` with the same options. No model is called."""
    from datetime import UTC, datetime

    from lightemma.preflight.estimate import estimate_runs, offline_backend
    from lightemma.preflight.gpu_estimate import card_named
    from lightemma.sessions.frames_of_source import open_runs

    card = card_named(gpu)
    session = open_runs(options.benchmark_of(config, given, "open"), out, backends=offline_backend, by_data=True)
    now = datetime.now(UTC)
    runs = estimate_runs(session, now)
    frames = session.work.size
    if not runs:
        echo(f"{frames:,} frames, and no planner with a model: no calls, no cost.")
        return
    name = session.work.source.info.name
    _show(runs, f"{name}: {frames:,} frames. An estimate, at prices of {now.date()}.", max_cost, card, gpus)


def _show(runs: Sequence[RunEstimate], title: str, max_cost: float | None, card: Card, gpus: int) -> None:
    from lightemma.cli.show import show

    rows = [
        {
            "run": run.run,
            "frames left": f"{run.remaining_frames:,}",
            "calls": f"{run.remaining_calls:,}",
            "in / call": " ".join(f"{call.input:,}" for call in run.calls),
            "out / call": " ".join(f"{call.output:,}" for call in run.calls),
            "input tokens": f"{run.input_tokens:,}",
            "output tokens": f"{run.output_tokens:,}",
            "$ online": _dollars(run.usd),
            "$ by batch": _dollars(run.usd_batch),
            "$ ceiling": _dollars(run.usd_longest),
        }
        for run in runs
    ]
    show(
        rows,
        title,
        dropped=("in / call", "out / call", "output tokens", "input tokens", "frames left", "$ by batch", "calls"),
    )
    known = [run for run in runs if run.usd is not None]
    if known:
        online = sum(run.usd or 0.0 for run in known)
        batched = sum((run.usd if run.usd_batch is None else run.usd_batch) or 0.0 for run in known)
        echo(
            f"Total: ${online:,.2f} online, ${batched:,.2f} with batches where they are offered"
            + (
                "."
                if len(known) == len(runs)
                else f"; {len(runs) - len(known)} of {len(runs)} runs have no known price."
            )
        )
        if max_cost is not None:
            reach = 1.0 if online <= max_cost else max_cost / online
            echo(f"${max_cost:g} pays for about {reach:.0%} of it, online.")
    _show_gpus(runs, card, gpus)
    echo("Assumptions:")
    for line in assumptions(runs):
        echo(f"  {line}")


def _show_gpus(runs: Sequence[RunEstimate], card: Card, gpus: int) -> None:
    """A second table, of the runs whose model would run on your own GPUs."""
    from lightemma.cli.show import show
    from lightemma.preflight.cost_model import FACTOR
    from lightemma.preflight.gpu_estimate import estimate_gpus

    found = [one for run in runs if (one := estimate_gpus(run, card)) is not None]
    if not found:
        return
    rows = [
        {
            "run": one.run,
            "cards each": str(one.prediction.cards),
            "concurrent calls": str(one.prediction.concurrency),
            "weights GB": f"{one.prediction.weights_gb:.0f}",
            "calls GB": f"{one.prediction.calls_gb:.1f}",
            "GPU s / frame": f"{one.prediction.gpu_s:.2f}",
            "s / frame": f"{one.prediction.latency_s:.1f}",
            "GPU-hours": _hours(one.gpu_hours),
            f"hours on {gpus}": "too few" if (hours := one.wall_hours(gpus)) is None else _hours(hours),
        }
        for one in found
    ]
    show(
        rows,
        f"On your own {card.name}s, {gpus} of them. Accurate within a factor of {FACTOR:g}, see docs/scaling.md.",
    )
    total = sum(one.gpu_hours for one in found)
    echo(f"Total: {_hours(total)} GPU-hours, {_hours(total / gpus)} hours with all {gpus} busy; loading not included.")


def assumptions(runs: Sequence[RunEstimate]) -> list[str]:
    """The estimate's assumptions, one sentence each."""
    from lightemma.backends.registry import characters_per_token
    from lightemma.planners.chain_of_thought import TYPICAL_ANSWERS
    from lightemma.preflight.estimate import asks_no_model

    rates = sorted({characters_per_token(run.config.model, run.config.provider) for run in runs}, reverse=True)
    answers = ", ".join(f"{stage} {tokens}" for stage, tokens in TYPICAL_ANSWERS.items())
    lines = [
        f"Text: the prompts themselves, {' or '.join(f'{rate:g}' for rate in rates)} characters a token, by model.",
        f"Answers: {answers} tokens, as in the published runs; of one question 160 with reasoning, 60 for pairs or points "
        "alone, 3 for a choice; times the samples. Thinking is unknown and adds to the output; the last "
        "column is the ceiling: every answer as long as max_output_tokens.",
    ]
    for run in runs:
        notes = (
            [f"a picture is {run.picture_rule}"] if not asks_no_model(run.config) else ["asks no model, costs nothing"]
        )
        if run.price:
            notes.append(f"prices of {run.price.table}")
        elif not asks_no_model(run.config):
            notes.append(no_price(run))
        if run.remark:
            notes.append(run.remark)
        kept = run.frames - run.remaining_frames
        if kept:
            notes.append(f"{kept:,} frames are already there")
        lines.append(f"{run.run}: {'; '.join(notes)}.")
    lines.append(
        "Not included: repeated calls, caching by the provider (cheaper), stored answers of an interrupted run."
    )
    return lines


def no_price(run: RunEstimate) -> str:
    """Why a run has no price, as a short clause."""
    from lightemma.backends.registry import facts_of
    from lightemma.preflight.readiness import local_addresses

    if facts_of(run.config.provider).holds_weights or local_addresses(run.config):
        return "no price, since it runs on your own hardware"
    return "its price is unknown; give `price` in its YAML"


def _hours(hours: float) -> str:
    return f"{hours:,.0f}" if hours >= 100 else f"{hours:.1f}" if hours >= 1 else f"{hours:.2g}"


def _dollars(amount: float | None) -> str:
    return "?" if amount is None else f"{amount:,.2f}"
