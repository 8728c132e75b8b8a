"""The manifest of a new run, for both loops."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from lightemma.protocol import Protocol
from lightemma.run_folder.inputs import InputsEntry
from lightemma.run_folder.manifest import (
    DataEntry,
    Manifest,
    PlannerEntry,
    PromptsEntry,
    git_revision,
    now,
    package_versions,
    python_version,
)
from lightemma.sessions.jobs import Job
from lightemma.sessions.models import model_entry
from lightemma.sessions.run import Prices


def run_manifest(
    job: Job,
    prices: Prices,
    data: DataEntry,
    protocol: Protocol,
    parser: str,
    images: dict[str, Any] | None,
    packages: Iterable[str],
    inputs: InputsEntry | None = None,
) -> Manifest:
    """Makes the manifest of a new run.

    Args:
        job: planner, models and prompts.
        prices: role -> price of its model.
        data: what is driven.
        protocol: how plans become trajectories.
        parser: name of the parser.
        images: how pictures are sent, or None without pictures.
        packages: distributions that the source or the world uses.
        inputs: what the planner is told of a frame, where that is not as over recorded frames. The temperature of samples is
            the model's own where the planner leaves it.
    """
    inputs = inputs or job.planner.inputs()
    main = job.planner.needs().main
    if inputs.samples > 1 and inputs.temperature is None and main is not None:
        inputs = msgspec.structs.replace(inputs, temperature=job.backends[main].config.temperature)
    tables = dict.fromkeys(price.table for price in prices.values() if price)
    return Manifest(
        run=job.name,
        protocol=protocol.as_dict(),
        data=data,
        planner=PlannerEntry(job.planner.kind, job.planner.settings()),
        parser=parser,
        models={role: model_entry(backend, prices[role]) for role, backend in job.backends.items()},
        price_table="; ".join(tables) or None,
        prompts=PromptsEntry(job.prompts.name, job.prompts.sha256, job.prompts.answer_form) if job.prompts else None,
        images=images,
        inputs=inputs,
        packages=package_versions((*job.packages, *packages)),
        python=python_version(),
        git_revision=git_revision(),
        started=now(),
    )
