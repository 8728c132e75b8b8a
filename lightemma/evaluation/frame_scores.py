"""One line per frame: for the questions that no table answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lightemma.evaluation.metrics.displacement import CONVENTIONS, l2, misses
from lightemma.evaluation.metrics.manoeuvres import MANOEUVRES, manoeuvres
from lightemma.evaluation.metrics.recorded_path import pose_turns
from lightemma.evaluation.scores import RunScores, baseline_scores

STEPS = ("error_0.5s", "error_1.0s", "error_1.5s", "error_2.0s", "error_2.5s", "error_3.0s")


def frame_columns(run: RunScores) -> dict[str, Sequence[Any]]:
    """Every frame of a run, column by column; NaN where there is no plan or the number is unknown.

    scene, frame_index, sample_token, outcome; manoeuvre (of the recorded car); speed and curvature (the current action);
    error_0.5s … error_3.0s (metres); missed_2m (1.0 or 0.0); l2_avg_<convention>; baseline_l2_avg (constant-action,
    convention lightemma); latency_s, input_tokens, output_tokens, reasoning_tokens, cost_usd (all stages).
    """
    turned = pose_turns(run.scenes, run.frame_index, run.truth)
    baseline = l2(baseline_scores(run).errors, "lightemma")[:, 3]
    columns: dict[str, Sequence[Any]] = {
        "scene": run.scenes,
        "frame_index": run.frame_index.tolist(),
        "sample_token": run.tokens,
        "outcome": run.outcomes,
        "manoeuvre": [MANOEUVRES[index] for index in manoeuvres(run.history, run.truth, turned)],
        "speed": run.history[:, -1, 0].tolist(),
        "curvature": run.history[:, -1, 1].tolist(),
        **{name: run.errors[:, step].tolist() for step, name in enumerate(STEPS)},
        "missed_2m": misses(run.errors).tolist(),
        **{f"l2_avg_{convention}": l2(run.errors, convention)[:, 3].tolist() for convention in CONVENTIONS},
        "baseline_l2_avg": baseline.tolist(),
        "latency_s": run.latency.tolist(),
        "input_tokens": run.usage[:, 0].tolist(),
        "output_tokens": run.usage[:, 2].tolist(),
        "reasoning_tokens": run.usage[:, 3].tolist(),
        "cost_usd": run.cost().tolist(),
    }
    return columns
