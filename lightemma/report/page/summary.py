"""Who drove, on what, under which rules, and the tables: what the page shows as it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from lightemma.evaluation.expert_fellows import mode_of
from lightemma.evaluation.scores import RunScores, leaks_future
from lightemma.evaluation.study import Study, asks_a_model
from lightemma.evaluation.tables.base import TableSet, explanations
from lightemma.run_folder.manifest import Manifest

#: Data that were not recorded on a road.
SYNTHETIC = ("demo",)


def run_entries(study: Study) -> list[dict[str, Any]]:
    """One entry per run: its name, what kind of driver it is, and its whole manifest."""
    found = []
    for run in study.runs:
        manifest = run.manifest
        found.append(
            {
                "name": run.name,
                "kind": "baseline" if run is study.baseline else "model" if asks_a_model(run) else "formula",
                "told": told_of(run),
                "planner": run.planner,
                "manifest": None if manifest is None else msgspec.json.format(msgspec.json.encode(manifest)).decode(),
                "facts": _facts(run),
            }
        )
    return found


def told_of(run: RunScores) -> str:
    """What a run was told that its rivals were not: the truth by oracles, or something of the future; empty for none."""
    if mode_of(run) == "oracle":
        return "oracle"
    return "told the future" if leaks_future(run) else ""


def page_tables(comparison: TableSet[Any]) -> dict[str, dict[str, Any]]:
    """Every table that has rows: its caption, its columns with what each means, and its rows, a list each."""
    found = {}
    for name, built in comparison.tables.items():
        if built.rows:
            columns = built.columns
            meaning = explanations(built.table.Row)
            found[name] = {
                "caption": built.caption,
                "columns": columns,
                "about": [meaning.get(column, "") for column in columns],
                "rows": [[row[column] for column in columns] for row in built.cells()],
            }
    return found


def data_line(study: Study) -> list[str]:
    """What the numbers are over, a clause each."""
    runs = study.runs
    manifests = [run.manifest for run in runs if run.manifest is not None]
    sources = list(dict.fromkeys(_source(manifest.data) for manifest in manifests))
    parsers = list(dict.fromkeys(manifest.parser for manifest in manifests if manifest.model))
    protocol = runs[0].protocol
    clauses = [
        f"{study.frames:,} frames of {study.scenes:,} scenes",
        f"data {', '.join(sources[:3])}{' …' if len(sources) > 3 else ''}" if sources else "",
        f"protocol {protocol.name} ({protocol.plan_steps * protocol.dt:g} s ahead in {protocol.plan_steps} steps, "
        f"{protocol.integration})",
        f"answers read by the {' and '.join(parsers)} parser" if parsers else "",
        "95 % intervals over scenes",
    ]
    return [clause for clause in clauses if clause]


def is_synthetic(runs: Sequence[RunScores]) -> bool:
    """Whether the data is drawn by the program and not recorded on a road."""
    return any(
        run.manifest is not None
        and (run.manifest.data.source in SYNTHETIC or run.manifest.data.version.endswith("-demo"))
        for run in runs
    )


def _source(data: Any) -> str:
    # Published archives are one source per model over the same frames; naming each would say nothing.
    if data.source == "published":
        return "published answers"
    return f"{data.source}:{data.name}" + (f"@{data.version}" if data.version else "")


def _facts(run: RunScores) -> list[tuple[str, str]]:
    """The lines of a manifest that decide a run's numbers."""
    if run.manifest is None:
        return [("planner", run.planner), ("source", "computed from the other runs' recorded motion")]
    return manifest_facts(run.manifest)


def manifest_facts(manifest: Manifest) -> list[tuple[str, str]]:
    """The lines of a manifest that decide a run's numbers: name and text of each."""
    data, model, prompts = manifest.data, manifest.model, manifest.prompts
    pairs = []
    for role, one in manifest.models.items():
        of = f" ({role})" if len(manifest.models) > 1 else ""
        pairs += [
            (f"model{of}", f"{one.model} ({one.provider})"),
            (f"revision{of}", one.revision or one.answered_as or ""),
            (f"parameters{of}", ", ".join(f"{key} {value}" for key, value in one.parameters.items())),
        ]
    pairs += [
        ("planner", manifest.planner.name),
        ("prompts", f"{prompts.name} ({prompts.sha256[:12]})" if prompts else ""),
        ("parser", manifest.parser if model else ""),
        ("data", _source(data)),
        ("frames", f"{data.frames:,} of {data.scenes:,} scenes, frame set {data.frame_set}"),
        ("pictures", ", ".join(f"{key} {value}" for key, value in manifest.images.items()) if manifest.images else ""),
        ("prices", manifest.price_table or ""),
        ("driven", f"{manifest.started} to {manifest.ended}" if manifest.ended else manifest.started),
    ]
    return [(key, value) for key, value in pairs if value]
