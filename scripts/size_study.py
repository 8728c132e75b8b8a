"""Estimates the paper's study on all nuScenes validation frames: the tables of docs/scaling.md.

    python scripts/size_study.py [--frames 6019] [--gpu H100]

Needs neither data nor network: prompts are filled with the demo's histories, pictures are 1600 x 900.
"""

from __future__ import annotations

import argparse
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import script_input

from lightemma.backends.registry import config_of, picture_tokens
from lightemma.calls.prices import resolve_price
from lightemma.data.sources import open_source
from lightemma.planners.chain_of_thought import stage_calls
from lightemma.preflight.cost_model import CallTokens, Card, Serving, architecture_of, predict
from lightemma.preflight.estimate import DEFAULT_SIZE, RunEstimate, estimate_calls
from lightemma.preflight.gpu_estimate import card_named, estimate_gpus
from lightemma.prompts.sets import load_prompts

#: The thirteen models whose outputs LightEMMA published; the last six have open weights.
MODELS = (
    "gpt-4o", "gpt-4.1", "gpt-5", "claude-3.7-sonnet", "claude-sonnet-4", "gemini-2.5-flash", "gemini-2.5-pro",
    "qwen2.5-vl-7b", "qwen2.5-vl-72b", "llama-3.2-11b", "llama-3.2-90b", "deepseek-vl2-16b", "deepseek-vl2-28b",
)  # fmt: skip
CARDS = (1, 8, 64)

#: Recorded with transformers on H100s, one call at a time: input and output tokens, seconds a frame, cards.
RECORDED = {
    "qwen2.5-vl-7b": (6554, 318, 8.7, 1),
    "qwen2.5-vl-72b": (6634, 368, 32.0, 4),
    "llama-3.2-11b": (1039, 313, 7.4, 1),
    "deepseek-vl2-16b": (6416, 257, 10.0, 1),
    "deepseek-vl2-28b": (6398, 277, 13.9, 1),
}


def estimates(frames: int, at: datetime) -> list[RunEstimate]:
    prompts = load_prompts("three-stage")
    with tempfile.TemporaryDirectory() as folder:
        sample = list(open_source("demo", Path(folder)).frames(limit=20))
    found = []
    for name in MODELS:
        config = config_of(name)
        calls = estimate_calls(config, stage_calls(prompts, sample, 1), DEFAULT_SIZE)
        rule = picture_tokens(config.model, DEFAULT_SIZE).rule
        prices = resolve_price(config, at), resolve_price(config, at, batch=True)
        found.append(RunEstimate(name, config, frames, frames, calls, rule, *prices))
    return found


def hours(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}" if value >= 1 else f"{value:.2f}"


def row(*cells: object) -> None:
    print("| " + " | ".join(str(cell) for cell in cells) + " |")


def head(*names: str) -> None:
    row(*names)
    row(*["---"] * len(names))


def show_apis(runs: list[RunEstimate]) -> None:
    head("model", "calls", "input tokens, millions", "output tokens, millions", "$ online", "$ by batch")
    online = batch = 0.0
    for run in runs:
        if run.usd is not None:
            by_batch = run.usd_batch or run.usd
            online, batch = online + run.usd, batch + by_batch
            tokens = f"{run.input_tokens / 1e6:.1f}", f"{run.output_tokens / 1e6:.1f}"
            row(run.run, f"{run.remaining_calls:,}", *tokens, f"{run.usd:.0f}", f"{by_batch:.0f}")
    row("**all**", "", "", "", f"**{online:.0f}**", f"**{batch:.0f}**")


def show_gpus(runs: list[RunEstimate], card: Card) -> None:
    names = ("model", "cards each", "concurrent calls", "memory GB: weights + calls", "GPU s / frame", "GPU-hours")
    head(*names, *(f"hours on {count}" for count in CARDS))
    total, walls = 0.0, {count: list[float | None]() for count in CARDS}
    for run in runs:
        found = estimate_gpus(run, card)
        if found is None:
            continue
        one = found.prediction
        total += found.gpu_hours
        for count in CARDS:
            walls[count].append(found.wall_hours(count))
        memory = f"{one.weights_gb:.0f} + {one.calls_gb:.1f}"
        shown = [hours(found.wall_hours(count)) for count in CARDS]
        row(run.run, one.cards, one.concurrency, memory, f"{one.gpu_s:.2f}", hours(found.gpu_hours), *shown)
    sums = [None if None in walls[count] else sum(hour or 0.0 for hour in walls[count]) for count in CARDS]
    shown = [f"**{hours(one)}**" for one in sums]
    row("**all, one after the other**", "", "", "", "", f"**{hours(total)}**", *shown)


def show_recorded(card: Card) -> None:
    head("model", "recorded s / frame", "predicted", "predicted / recorded")
    for name, (read, written, seconds, cards) in RECORDED.items():
        architecture = architecture_of(config_of(name).model)
        assert architecture is not None
        calls = [CallTokens(read // 3, written // 3)] * 3
        found = predict(architecture, calls, Serving(card, cards, 1, engine=False))
        assert found is not None
        row(name, seconds, f"{found.latency_s:.1f}", f"{found.latency_s / seconds:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=script_input.count, default=6019)
    parser.add_argument("--gpu", default="H100")
    given = parser.parse_args()
    card, now = card_named(given.gpu), datetime.now(UTC)
    runs = estimates(given.frames, now)
    print(f"Served by others: {given.frames:,} frames, prices of {now.date()}\n")
    show_apis(runs)
    print(f"\nOn one's own {card.name}s, {given.frames:,} frames\n")
    show_gpus(runs, card)
    print("\nThe same model against the published runs: transformers on an H100, one call at a time\n")
    show_recorded(card_named("H100"))


if __name__ == "__main__":
    script_input.ends(main)
