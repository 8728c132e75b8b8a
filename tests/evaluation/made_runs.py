"""Runs in memory, of straight plans and others, over a few made-up scenes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from lightemma.evaluation.scores import RunScores, score
from lightemma.evaluation.study import Study, make_study
from lightemma.frame import FloatArray, Frame
from tests.conftest import make_frame, make_manifest, make_record, steady

AVERAGE = 1.75  # lightemma's average L2 of a straight plan 1 m/s too fast or too slow

Plan = FloatArray | float | None


def drives(scenes: Mapping[str, Sequence[float]], now: float = 5.0) -> list[Frame]:
    """Frames of a car that drives ``now`` m/s and then, frame by frame, straight on at the speeds given for a scene."""
    return [
        make_frame(scene, index, history=steady(now), driven=steady(speed))
        for scene, speeds in scenes.items()
        for index, speed in enumerate(speeds)
    ]


def made_run(
    name: str, frames: Sequence[Frame], plans: Sequence[Plan], outcome: str = "format:prose", **more: object
) -> RunScores:
    """A run with one plan per frame: (6, 2) actions, a speed to hold straight on, or None for a failed frame."""
    records = [
        make_record(
            frame,
            None if plan is None else steady(plan) if isinstance(plan, float) else plan,
            outcome if plan is None else "ok",
        )
        for frame, plan in zip(frames, plans, strict=True)
    ]
    return score(name, make_manifest(name, frames, **more), records)


def steady_study(*runs: RunScores, convention: str = "lightemma", resamples: int = 400) -> Study:
    """A study of these runs and the computed baseline."""
    return make_study(runs, convention, resamples=resamples, seed=1)


def random_runs(count: int, scenes: int, seed: int, failed: float = 0.0) -> list[RunScores]:
    """Runs over ``scenes`` scenes of one to four frames, off by random speeds."""
    rng = np.random.default_rng(seed)
    frames = drives({f"s-{n:02d}": rng.uniform(3.0, 8.0, size=rng.integers(1, 5)).tolist() for n in range(scenes)})
    return [
        made_run(
            f"r-{number}",
            frames,
            [None if rng.random() < failed else float(rng.uniform(3.0, 8.0)) for _ in frames],
        )
        for number in range(count)
    ]
