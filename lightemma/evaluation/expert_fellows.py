"""Which runs are alike but for their experts: what a run with experts is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lightemma.evaluation.scores import RunScores
from lightemma.evaluation.study import Study

#: Settings of the planner that say which experts there are, and who decides.
_OF_EXPERTS = frozenset(
    {"experts", "tools", "replan", "keep", "context_chars", "card_chars", "lie_rate", "lie_seed", "tools_sha256"}
)
#: The order of tables: the ceiling first.
_ORDER = ("oracle", "chosen", "all", "lying")


def in_order(runs: Sequence[RunScores]) -> list[RunScores]:
    """Those with experts, those with oracles first."""
    made = [run for run in runs if run.tools is not None]
    return sorted(made, key=lambda one: _ORDER.index(mode_of(one)) if mode_of(one) in _ORDER else len(_ORDER))


def mode_of(run: RunScores) -> str:
    """Whose findings a run was told: oracle, chosen, all or lying; empty for none."""
    return run.manifest.known_inputs.experts if run.manifest is not None else ""


def fellow_of(run: RunScores, study: Study, mode: str) -> RunScores | None:
    """The run that differs from this one in its experts alone, and has those of a mode; none of them for an empty one."""
    same = _else(run)
    return next((one for one in study.models if one is not run and mode_of(one) == mode and _else(one) == same), None)


def _else(run: RunScores) -> tuple[object, ...]:
    """What must be the same in both: how it asks, models, wording, parser, and all other settings and inputs."""
    manifest = run.manifest
    if manifest is None or manifest.planner.name.partition("-")[0] not in ("chain", "expert"):
        return (run.name,)
    settings: dict[str, Any] = dict(manifest.planner.settings)
    inputs = manifest.known_inputs
    return (
        [(role, one.name, one.provider, one.model, one.revision) for role, one in manifest.models.items()],
        (manifest.prompts.name, manifest.prompts.sha256) if manifest.prompts else "",
        manifest.parser,
        {name: value for name, value in settings.items() if name not in _OF_EXPERTS},
        {name: value for name, value in inputs.parts.items() if name != "experts"},
    )
