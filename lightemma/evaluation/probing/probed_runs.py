"""Which runs are those of probes, and their frames in the order of the untouched run's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import msgspec
import numpy as np
import numpy.typing as npt

from lightemma.errors import UserError
from lightemma.evaluation.compatibility import check_complete, check_protocol
from lightemma.evaluation.scores import RunScores
from lightemma.frame import FloatArray
from lightemma.run_folder.probe_entry import ProbeEntry


@dataclass(frozen=True)
class ProbedRun:
    """A probe's run beside the untouched one; all arrays in the order of the untouched run's n frames.

    Attributes:
        name: of the probe's run.
        entry: the probe.
        plain: the untouched run.
        driven: (n,) True for frames that the probe was made for.
        actions: (n, 6, 2), NaN where there is no plan.
        trajectory: (n, 6, 2) metres, in the ego frame that the planner was shown; NaN where there is no plan.
        errors: (n, 6) metres, to the recorded drive as seen from that ego frame.
        amounts: (n,) by how much each frame was changed, NaN where the probe does not say.
    """

    name: str
    entry: ProbeEntry
    plain: RunScores
    driven: npt.NDArray[np.bool_]
    actions: FloatArray
    trajectory: FloatArray
    errors: FloatArray
    amounts: FloatArray


def untouched(runs: Sequence[RunScores]) -> list[RunScores]:
    """The runs whose frames were left as recorded: only these are compared with each other.

    Raises:
        UserError: if there is none.
    """
    found = [run for run in runs if probe_of(run) is None]
    if not found and runs:
        entry = probe_of(runs[0])
        raise UserError(
            f"'{runs[0].name}' is the run of a probe, which is compared with its untouched run only; name that too"
            + (f": '{entry.of}'." if entry else ".")
        )
    return found


def probed_runs(runs: Sequence[RunScores], plain: Sequence[RunScores]) -> tuple[list[ProbedRun], list[str]]:
    """The probes' runs among some runs, each beside its untouched run.

    Args:
        runs: all that are compared.
        plain: the untouched ones, cut to the frames that are compared.

    Returns:
        The probes' runs, and the names of those whose untouched run, or all of whose frames, are missing.

    Raises:
        UserError: if one is not finished, or was driven under another protocol than its untouched run.
    """
    by_name = {run.name: run for run in plain}
    found, alone = list[ProbedRun](), list[str]()
    for run in runs:
        entry = probe_of(run)
        if entry is None:
            continue
        partner = by_name.get(entry.of)
        if partner is None or not set(run.tokens) & set(partner.tokens):
            alone.append(run.name)
            continue
        check_complete(run)
        check_protocol(partner, run)
        found.append(_beside(run, entry, partner))
    return found, alone


def probe_of(run: RunScores) -> ProbeEntry | None:
    """The probe of a run; None for untouched frames."""
    return run.manifest.probe if run.manifest is not None else None


def on_its_own(run: RunScores) -> RunScores:
    """A probe's run as any other run, to be scored against the recorded drive as its pictures show it, and not compared."""
    if run.manifest is None or run.manifest.probe is None:
        return run
    return replace(run, manifest=msgspec.structs.replace(run.manifest, probe=None))


def _beside(run: RunScores, entry: ProbeEntry, plain: RunScores) -> ProbedRun:
    places = {token: place for place, token in enumerate(run.tokens)}
    rows = np.array([places.get(token, -1) for token in plain.tokens], dtype=np.int64)
    driven = rows >= 0

    def placed(values: FloatArray) -> FloatArray:
        moved: FloatArray = np.where(driven.reshape(-1, *[1] * (values.ndim - 1)), values[rows], np.nan)
        return moved

    return ProbedRun(
        run.name, entry, plain, driven, placed(run.actions), placed(run.trajectory), placed(run.errors),
        placed(run.amounts),
    )  # fmt: skip
