"""Checks, before anything is asked, that finished runs can be compared with runs that are still to be driven."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import numpy as np

from lightemma.errors import UserError
from lightemma.evaluation.compatibility import TRUTH_TOLERANCE, cut_to, decided_early
from lightemma.evaluation.scores import RunScores
from lightemma.frame import FloatArray, Frame
from lightemma.protocol import Protocol
from lightemma.run_folder.manifest import CLOSED_LOOP, DataEntry


def check_joining(
    runs: Sequence[RunScores],
    data: DataEntry,
    protocol: Protocol,
    frames: Iterable[Frame],
    tokens: Collection[str],
    names: Collection[str],
    *,
    shared_frames: bool = False,
) -> list[RunScores]:
    """Makes sure that finished runs can be compared with runs over some frames.

    Args:
        runs: finished ones.
        data: what will be driven.
        protocol: under which it will be.
        frames: that will be driven.
        tokens: theirs.
        names: of the runs that will be driven.
        shared_frames: the comparison is over the frames that all runs have.

    Returns:
        The runs, cut to these frames if they have more.

    Raises:
        UserError: naming the first run that does not fit, and why.
    """
    if not runs:
        return []
    truths = {frame.sample_token: frame.future for frame in frames}
    joined: list[RunScores] = []
    for run in runs:
        _check_kind(run, data, protocol, [*names, *(one.name for one in joined)])
        whole = decided_early(run) or (run.manifest is not None and run.manifest.probe is not None)
        cut = run if whole else cut_to(run, tokens)
        missing = set() if whole else set(tokens) - set(cut.tokens)
        if not cut.tokens or (missing and not shared_frames):
            have = f"has {len(cut.tokens)} of the {len(tokens)} frames of this study"
            raise _unfit(run, have, shared=bool(cut.tokens))
        _check_truth(cut, truths)
        joined.append(cut)
    return joined


def _check_kind(run: RunScores, data: DataEntry, protocol: Protocol, names: Collection[str]) -> None:
    if run.name in names:
        raise UserError(f"Two runs of this study are called '{run.name}'; give one of them another name.")
    if run.manifest is None:
        return
    if run.manifest.data.source == CLOSED_LOOP:
        raise _unfit(run, "is a closed-loop run, which is compared over its own episodes only")
    mine, theirs = protocol.as_dict(), run.protocol.as_dict()
    differing = [f"{key} {theirs[key]} against {mine[key]}" for key in mine if mine[key] != theirs[key]]
    if differing:
        raise _unfit(run, f"was run under another protocol ({', '.join(differing)})")
    version = run.manifest.data.version
    if version and data.version and version != data.version:
        raise _unfit(run, f"was run on {version} and not on {data.version}")


def _check_truth(run: RunScores, truths: dict[str, FloatArray | None]) -> None:
    for row, token in enumerate(run.tokens):
        future = truths.get(token)
        if future is not None and np.abs(run.truth[row] - future).max() > TRUTH_TOLERANCE:
            raise _unfit(run, f"disagrees with the data on where the car went (frame {token} of {run.scenes[row]})")


def _unfit(run: RunScores, what: str, *, shared: bool = False) -> UserError:
    more = ", or compare over the frames that all have with --shared-frames" if shared else ""
    return UserError(
        f"'{run.name}', which the study compares too, {what}; nothing was driven yet. Leave it out of `also`{more}."
    )
