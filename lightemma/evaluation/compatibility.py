"""Refuses to compare runs that do not fit together, and says what differs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import msgspec
import numpy as np

from lightemma.errors import UserError
from lightemma.evaluation.scores import RunScores

#: Two sources of the same key frame may differ by rounding, not by more.
TRUTH_TOLERANCE = 1e-3  # metres


def check_comparable(runs: Sequence[RunScores]) -> None:
    """Makes sure that all runs drove the same frames under the same protocol, and finished.

    Raises:
        UserError: naming the first two runs that differ, and in what.
    """
    for run in runs:
        check_complete(run)
    first = runs[0]
    for other in runs[1:]:
        check_protocol(first, other)
        _check_split(first, other)
        _check_frames(first, other)
        _check_truth(first, other)


def check_complete(run: RunScores) -> None:
    """Makes sure that a run has every frame it was started for, or ended because it was decided.

    Raises:
        UserError: if frames are missing.
    """
    planned = run.manifest.data.frames if run.manifest else len(run.tokens)
    if len(run.tokens) < planned and not decided_early(run):
        raise UserError(
            f"Run '{run.name}' has {len(run.tokens)} of {planned} frames; finish it by the same `lightemma run` command, or "
            "compare on the frames that all runs have with --shared-frames."
        )


def decided_early(run: RunScores) -> bool:
    """Whether a run ended before its last scene because it was known well enough how it compares."""
    stopping = run.manifest.stopping if run.manifest else None
    return stopping is not None and stopping.decided is not None


def shared_frames(runs: Sequence[RunScores]) -> list[RunScores]:
    """The runs cut to the frames that all of them have.

    Raises:
        UserError: if protocols or splits differ, or no frame is shared.
    """
    first = runs[0]
    for other in runs[1:]:
        check_protocol(first, other)
        _check_split(first, other)
    shared = set(first.tokens).intersection(*(run.tokens for run in runs[1:]))
    if not shared:
        raise UserError("The runs have no frame in common; compare runs over the same scenes.")
    cut = [run.take(np.array([i for i, token in enumerate(run.tokens) if token in shared])) for run in runs]
    for other in cut[1:]:
        _check_truth(cut[0], other)
    return cut


def cut_to(run: RunScores, tokens: Collection[str]) -> RunScores:
    """A run cut to some frames, of which it may have more, as a run over these only.

    Args:
        run: any run.
        tokens: sample tokens of the frames.

    Returns:
        The run itself if it has no others.
    """
    wanted = set(tokens)
    rows = [row for row, token in enumerate(run.tokens) if token in wanted]
    if len(rows) == len(run.tokens) or run.manifest is None:
        return run
    data = msgspec.structs.replace(run.manifest.data, frames=len(wanted))
    return replace(run.take(np.array(rows, dtype=np.int64)), manifest=msgspec.structs.replace(run.manifest, data=data))


def check_protocol(first: RunScores, other: RunScores) -> None:
    """Makes sure that two runs were driven under one protocol.

    Raises:
        UserError: saying what differs.
    """
    mine, theirs = first.protocol.as_dict(), other.protocol.as_dict()
    differing = [key for key in mine if mine[key] != theirs[key]]
    if differing:
        what = ", ".join(f"{key} {mine[key]} against {theirs[key]}" for key in differing)
        raise UserError(
            f"'{first.name}' and '{other.name}' were run under different protocols ({what}); such numbers do not compare."
        )


def _check_split(first: RunScores, other: RunScores) -> None:
    mine = first.manifest.data.version if first.manifest else ""
    theirs = other.manifest.data.version if other.manifest else ""
    if mine and theirs and mine != theirs:
        raise UserError(
            f"'{first.name}' was run on {mine} and '{other.name}' on {theirs}; compare runs over the same split."
        )


def _check_frames(first: RunScores, other: RunScores) -> None:
    mine, theirs = set(first.tokens), set(other.tokens)
    if mine != theirs:
        raise UserError(
            f"'{first.name}' and '{other.name}' were run on different frames ({len(mine - theirs)} only in the first, "
            f"{len(theirs - mine)} only in the second); run both on the same frames, or compare those that all have with "
            "--shared-frames."
        )


def _check_truth(first: RunScores, other: RunScores) -> None:
    if list(first.tokens) != list(other.tokens):
        raise UserError(
            f"'{first.name}' and '{other.name}' name scenes or frames differently; run both on the same data."
        )
    apart = np.abs(first.truth - other.truth).max(axis=(1, 2))
    if apart.max() > TRUTH_TOLERANCE:
        row = int(apart.argmax())
        raise UserError(
            f"'{first.name}' and '{other.name}' disagree on where the car went (frame {first.tokens[row]} of "
            f"{first.scenes[row]}, by {apart[row]:.3g} m); their data are not the same."
        )
