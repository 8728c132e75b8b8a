"""What probes will cost, before the first call: only the stages that a probe touches are asked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from lightemma.backends.registry import facts_of
from lightemma.data.pictures import PicturePolicy
from lightemma.frame import Frame
from lightemma.preflight.estimate import RunEstimate, asks_no_model, estimate_job, picture_size
from lightemma.preflight.readiness import local_addresses
from lightemma.probes.base import Probe
from lightemma.run_folder.records import is_call_error
from lightemma.run_folder.store import read_outcomes
from lightemma.sessions.jobs import Job
from lightemma.sessions.probing import ProbedWork
from lightemma.sessions.session import Session

#: Prompts are filled with the histories of this many frames, spread over all.
_SAMPLED_FRAMES = 20


@dataclass(frozen=True, slots=True)
class Price:
    """What some runs will cost.

    Attributes:
        runs: how many.
        calls: to be made.
        usd: dollars; None if the price of a model that costs money is unknown.
        usd_longest: dollars if every answer is as long as it may be; None if unknown.
    """

    runs: int
    calls: int
    usd: float | None
    usd_longest: float | None


def price_of(estimates: Sequence[RunEstimate], runs: int) -> Price:
    """The sum of some estimates."""
    paid = [one for one in estimates if one.remaining_calls and costs_dollars(one)]
    return Price(
        runs,
        sum(one.remaining_calls for one in estimates),
        _sum([one.usd for one in paid]),
        _sum([one.usd_longest for one in paid]),
    )


def costs_dollars(estimate: RunEstimate) -> bool:
    """Whether a run's calls are charged for: not those to recordings, scripts, and models on your own hardware."""
    config = estimate.config
    own = facts_of(config.provider).holds_weights or bool(local_addresses(config))
    return not asks_no_model(config) and not (own and estimate.price is None)


def estimate_probes(session: Session[ProbedWork], at: datetime) -> list[RunEstimate]:
    """Estimates the runs of some probes; frames that are finished are not counted.

    Args:
        session: the runs, ready to be driven.
        at: the day whose prices are used.
    """
    found = []
    for job in session.jobs:
        if not job.backends:
            continue
        changed = session.work.sets[job.name]
        finished = read_outcomes(session.folder(job))
        left = sum(is_call_error(finished.get(frame.sample_token, "call:")) for frame in changed.frames)
        found += estimate_probe(job, changed.probe, changed.frames, left, session.work.benchmark.pictures.policy(), at)
    return found


def estimate_unmade(
    job: Job, probes: Sequence[Probe], frames: Sequence[Frame], policy: PicturePolicy, at: datetime
) -> list[RunEstimate]:
    """Estimates probes of a run that is not driven yet, as if every probe had a meaning for every frame.

    Args:
        job: the untouched run.
        probes: of it.
        frames: that it covers.
        policy: how pictures are sent.
        at: the day whose prices are used.
    """
    if not job.backends or not frames:
        return []
    return [one for probe in probes for one in estimate_probe(job, probe, frames, len(frames), policy, at)]


def estimate_probe(
    job: Job, probe: Probe, frames: Sequence[Frame], left: int, policy: PicturePolicy, at: datetime
) -> list[RunEstimate]:
    """One estimate per model of a probe's run, without the stages that the probe leaves alone or answers itself."""
    sample = frames[:: math.ceil(len(frames) / _SAMPLED_FRAMES)]
    spared = {*probe.keeps, *probe.replaces}
    estimates = estimate_job(job, len(frames), left, sample, picture_size(sample[0], policy), at)
    return [replace(one, calls=tuple(call for call in one.calls if call.stage not in spared)) for one in estimates]


def _sum(amounts: Sequence[float | None]) -> float | None:
    return None if None in amounts else sum(amount for amount in amounts if amount is not None)
