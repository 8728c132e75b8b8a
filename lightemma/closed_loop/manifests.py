"""What a closed-loop run's manifest says."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from lightemma.backends.base import Backend
from lightemma.calls.prices import ResolvedPrice, resolve_price
from lightemma.closed_loop.records import SOURCE
from lightemma.closed_loop.spec import EpisodeSpec, LoopRules
from lightemma.errors import UserError
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
from lightemma.sessions.job import Job
from lightemma.sessions.models import model_entry

#: ``data.name`` of closed-loop runs in the city.
PLACE = "made-up city"


def closed_loop_manifest(
    job: Job,
    specs: Sequence[EpisodeSpec],
    rules: LoopRules,
    price: ResolvedPrice | None,
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
        planner=PlannerEntry(job.planner.name, job.planner.settings()),
        parser=parser,
        model=model_entry(job.backend, price) if job.backend else None,
        price_table=price.table if price else None,
        prompts=PromptsEntry(job.prompts.name, job.prompts.sha256, job.prompts.settings.answer)
        if job.prompts
        else None,
        images=images,
        packages=package_versions(job.backend.packages if job.backend else ()),
        python=python_version(),
        git_revision=git_revision(),
        started=now(),
    )


def current_price(backend: Backend | None, max_cost: float | None) -> ResolvedPrice | None:
    """What the model costs now.

    Raises:
        UserError: if a cap is set and nobody knows the price.
    """
    if backend is None:
        return None
    price = resolve_price(backend.config, datetime.now(UTC))
    if price is None and max_cost is not None and backend.cacheable:
        raise UserError(
            f"Nobody knows the price of '{backend.config.name}', so --max-cost cannot hold; add `price` to its YAML, or "
            "leave --max-cost out."
        )
    return price
