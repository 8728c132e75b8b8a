"""The manifest of a new run, for both loops."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lightemma.protocol import Protocol
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
from lightemma.sessions.session import Prices


def run_manifest(
    job: Job,
    prices: Prices,
    data: DataEntry,
    protocol: Protocol,
    parser: str,
    images: dict[str, Any] | None,
    packages: Iterable[str],
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
    """
    tables = dict.fromkeys(price.table for price in prices.values() if price)
    return Manifest(
        run=job.name,
        protocol=protocol.as_dict(),
        data=data,
        planner=PlannerEntry(job.planner.kind, job.planner.settings()),
        parser=parser,
        models={role: model_entry(backend, prices[role]) for role, backend in job.backends.items()},
        price_table="; ".join(tables) or None,
        prompts=PromptsEntry(job.prompts.name, job.prompts.sha256, job.prompts.settings.answer)
        if job.prompts
        else None,
        images=images,
        packages=package_versions((*job.packages, *packages)),
        python=python_version(),
        git_revision=git_revision(),
        started=now(),
    )
