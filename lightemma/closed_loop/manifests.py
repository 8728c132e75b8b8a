"""What a closed-loop run's manifest says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lightemma.calls.prices import ResolvedPrice
from lightemma.closed_loop.records import SOURCE
from lightemma.closed_loop.spec import EpisodeSpec, LoopRules
from lightemma.protocol import LIGHTEMMA
from lightemma.run_folder.manifest import (
    DataEntry,
    Manifest,
    PlannerEntry,
    PromptsEntry,
    frame_set_digest,
    git_revision,
    now,
    package_versions,
    python_version,
)
from lightemma.sessions.job import Job, price_tables
from lightemma.sessions.models import model_entry

#: ``data.name`` of closed-loop runs in the city.
PLACE = "made-up city"


def closed_loop_manifest(
    job: Job,
    specs: Sequence[EpisodeSpec],
    rules: LoopRules,
    prices: Mapping[str, ResolvedPrice | None],
    *,
    parser: str,
    renderer: dict[str, Any] | None,
    place: str = PLACE,
) -> Manifest:
    """The manifest of a run that begins.

    ``data.scenes`` counts episodes; ``data.frames`` is 0 until the run is through, since nobody knows before how many
    decisions it takes; ``data.frame_set`` is a digest of the episodes' names; ``data.version`` says the rules of the loop.
    """
    images = None if renderer is None else {"size": list(rules.size), **renderer}
    return Manifest(
        run=job.name,
        protocol=LIGHTEMMA.as_dict(),
        data=DataEntry(
            source=SOURCE,
            name=place,
            version=rules.words,
            scenes=len(specs),
            frames=0,
            frame_set=frame_set_digest(spec.name for spec in specs),
        ),
        planner=PlannerEntry(job.planner.kind, job.planner.settings()),
        parser=parser,
        models={role: model_entry(backend, prices[role]) for role, backend in job.backends.items()},
        price_table=price_tables(prices),
        prompts=PromptsEntry(job.prompts.name, job.prompts.sha256, job.prompts.settings.answer)
        if job.prompts
        else None,
        images=images,
        packages=package_versions(job.packages),
        python=python_version(),
        git_revision=git_revision(),
        started=now(),
    )
