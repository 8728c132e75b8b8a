"""Chooses the frames whose pictures are worth their bytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from lightemma.evaluation.scores import RunScores
from lightemma.frame import FloatArray
from lightemma.run_folder.records import OK


def chosen_frames(runs: Sequence[RunScores], baseline: RunScores, count: int) -> list[int]:
    """Frames taken in turn from several rankings, the first of each ranking first.

    The rankings are, per run, its worst errors, its largest gains and losses against the baseline, and its failed
    frames; the middle frame of every scene; last the remaining frames, evenly spread.

    Args:
        runs: all over the same frames.
        baseline: one of them.
        count: how many at the most.

    Returns:
        Frame numbers, sorted.
    """
    total = len(baseline.tokens)
    if total <= count:
        return list(range(total))
    wishes = [iter(_middles(baseline.scenes))]
    for run in runs:
        mean = run.errors.mean(axis=1)
        apart = mean - baseline.errors.mean(axis=1)
        wishes += [_largest(mean)]
        if run is not baseline:
            wishes += [_largest(-apart), _largest(apart), _failures(run)]
    stride = max(1, total // max(1, count))
    wishes.append(iter([*range(0, total, stride), *range(total)]))
    found: dict[int, None] = {}
    while len(found) < count:
        for wish in wishes:
            frame = next((frame for frame in wish if frame not in found), None)
            if frame is not None and len(found) < count:
                found[frame] = None
    return sorted(found)


def _middles(scenes: Sequence[str]) -> list[int]:
    places: dict[str, list[int]] = {}
    for frame, scene in enumerate(scenes):
        places.setdefault(scene, []).append(frame)
    return [frames[len(frames) // 2] for frames in places.values()]


def _largest(values: FloatArray) -> Iterator[int]:
    known = np.flatnonzero(~np.isnan(values))
    return iter(known[np.argsort(-values[known], kind="stable")].tolist())


def _failures(run: RunScores) -> Iterator[int]:
    """Failed frames, one of each kind in turn."""
    kinds: dict[str, list[int]] = {}
    for frame, outcome in enumerate(run.outcomes):
        if outcome != OK:
            kinds.setdefault(outcome, []).append(frame)
    longest = max(map(len, kinds.values()), default=0)
    return iter([frames[place] for place in range(longest) for frames in kinds.values() if place < len(frames)])
