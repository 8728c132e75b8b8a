"""Writes the page of closed-loop runs: scores by scenario, faults on a timeline, and every episode to watch."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from lightemma.closed_loop.records import EpisodeRecord
from lightemma.closed_loop.results import ClosedLoopResults, results_of
from lightemma.closed_loop.study import DrivenRun, DrivenStudy, by_world, load_driven, number
from lightemma.closed_loop.tables.closed_loop import ClosedLoop, ClosedLoopRow
from lightemma.comparing.driven_episodes import EpisodeData
from lightemma.errors import UserError
from lightemma.evaluation.statistics.multiple_testing import FEWEST_SCENES
from lightemma.files import write_whole
from lightemma.report.page.data_folder import EPISODE_CALL, clear_data, plain_name, write_data_file
from lightemma.report.page.document import DRIVES, document
from lightemma.report.page.files import ReportFiles
from lightemma.report.page.summary import manifest_facts, page_tables
from lightemma.run_folder.manifest import package_versions

#: Most pictures of a page, spread over its episodes.
MOST_PICTURES = 6_000


def write_driving_page(
    folders: Sequence[Path],
    out: Path,
    *,
    title: str | None = None,
    max_pictures: int | None = None,
    live: int | None = None,
) -> ReportFiles:
    """Writes closed-loop runs of one world as a page, with a folder of episodes next to it.

    The page has the numbers of the tables; an episode's file holds its stored replay, the pictures that the driver was
    shown, and what it said, and is loaded when the episode is watched. It works from a disk, without a server.

    Args:
        folders: the runs, at least one.
        out: the page, ``.html``; written over.
        title: of the page.
        max_pictures: how many pictures at the most; 0 for none.
        live: number of the page among those that ``lightemma view`` serves in turn; None for a page in a file.

    Returns:
        What was written; ``frames`` counts decisions.

    Raises:
        UserError: if a folder is no closed-loop run, the runs were driven in several worlds or under different rules, or the
            files cannot be written.
    """
    runs = [load_driven(folder) for folder in folders]
    worlds = by_world(runs)
    if len(worlds) > 1:
        raise UserError(
            f"These runs were driven in {len(worlds)} worlds ({', '.join(worlds)}), whose scores are never compared; write a "
            "page for the runs of each."
        )
    results = results_of(runs)
    report = _report_id(runs)
    folder = out.with_name(f"{out.stem}_data")
    decisions = sum(one.decisions for run in runs for one in run.episodes.values())
    room = MOST_PICTURES if max_pictures is None else max(0, max_pictures)
    episodes = EpisodeData(every=0 if room == 0 else max(1, -(-decisions // room)))
    files: dict[str, dict[str, str]] = {}
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        for place, (run, path) in enumerate(zip(runs, folders, strict=True)):
            files[str(place)] = its = {}
            for number_of, (name, data) in enumerate(episodes.of_run(run, path)):
                stem = f"{place + 1:02d}-{number_of + 1:04d}-{plain_name(name)}".rstrip("-")
                its[name] = write_data_file(folder, stem, EPISODE_CALL, [report, place, name, data])
        data = driving_data(results, title or "How well do they drive in the closed loop?") | {
            "report": report,
            "folder": folder.name,
            "files": files,
            "live": live,
            "templates": episodes.templates.templates,
        }
        page = document(data["title"], data, True, DRIVES, live=live is not None)
        write_whole(out, page)
        kept = {name for its in files.values() for name in its.values()}
        clear_data(folder, kept)
    except OSError as error:
        raise UserError(
            f"The report cannot be written to '{out}' ({error.strerror or error}); give another --out."
        ) from error
    written = sum(path.stat().st_size for path in folder.iterdir()) if folder.is_dir() else 0
    return ReportFiles(out, len(page), folder if kept else None, written, decisions, episodes.pictures)


def driving_data(results: ClosedLoopResults, title: str) -> dict[str, Any]:
    """What the page shows but for what is in the files of episodes."""
    study = results.study
    rows: list[ClosedLoopRow] = results.rows(ClosedLoop)
    return {
        "version": package_versions().get("lightemma", ""),
        "title": title,
        "headline": driving_headline(study, rows),
        "where": study.where,
        "two_stage": study.two_stage,
        "runs": [_run_entry(run) for run in study.runs],
        "scenarios": scenario_scores(study),
        "episodes": [
            {"run": place, **_episode_entry(one)}
            for place, run in enumerate(study.runs)
            for one in run.episodes.values()
        ],
        "tables": page_tables(results),
    }


def driving_headline(study: DrivenStudy, rows: Sequence[ClosedLoopRow]) -> str:
    """Who has the highest score, in a sentence without a verdict: intervals say how sure it is."""
    names = {run.name for run in study.competitors}
    able = [row for row in rows if row.run in names and not np.isnan(row.driving_score)]
    if not able:
        return "No episode has a driving score."
    best = max(able, key=lambda row: row.driving_score)
    low = "" if np.isnan(best.ci_low) else f" [{best.ci_low:.1f}, {best.ci_high:.1f}]"
    scenarios = len({one.scenario for run in study.runs if run.name == best.run for one in run.episodes.values()})
    over = f"over {best.episodes:,} episodes of {scenarios:,} scenarios"
    if len(able) == 1:
        return f"{best.run} has a driving score of {best.driving_score:.1f}{low} {over}."
    few = f"; {scenarios} are too few to say who drives better" if scenarios < FEWEST_SCENES else ""
    return (
        f"Of {len(able)} drivers {best.run} has the highest driving score: {best.driving_score:.1f}{low} {over}{few}."
    )


def scenario_scores(study: DrivenStudy) -> list[dict[str, Any]]:
    """One row per scenario: of each run the number of episodes, the mean score with its interval, and the ends.

    The interval is over the scenario's seeds (95 %); it is unknown where there is one.
    """
    found: dict[str, dict[str, Any]] = {}
    for place, run in enumerate(study.runs):
        groups: dict[str, list[EpisodeRecord]] = {}
        for one in run.episodes.values():
            groups.setdefault(one.scenario, []).append(one)
        for scenario, episodes in groups.items():
            scores = np.array([number(one.score.score) for one in episodes])
            interval = study.interval(episodes, scores)
            ends = Counter(one.outcome.end for one in episodes)
            found.setdefault(scenario, {})[str(place)] = {
                "episodes": len(episodes),
                "seeds": len({one.seed for one in episodes}),
                "score": interval.mean,
                # Scores end at 0 and 100.
                "low": float(np.maximum(interval.low, 0.0)),
                "high": float(np.minimum(interval.high, 100.0)),
                "success": sum(one.score.success is True for one in episodes),
                "ends": dict(ends.most_common()),
            }
    return [{"scenario": scenario, "runs": by_run} for scenario, by_run in sorted(found.items())]


def _run_entry(run: DrivenRun) -> dict[str, Any]:
    manifest = run.manifest
    return {
        "name": run.name,
        "kind": "twin" if run.is_twin else "model" if manifest.model else "formula",
        "planner": manifest.planner.name,
        "manifest": msgspec.json.format(msgspec.json.encode(manifest)).decode(),
        "facts": manifest_facts(manifest),
    }


def _episode_entry(one: EpisodeRecord) -> dict[str, Any]:
    outcome = one.outcome
    return {
        "name": one.name,
        "scenario": one.scenario,
        "seed": one.seed,
        "conditions": one.conditions,
        "decisions": one.decisions,
        "missing": one.missing,
        "end": outcome.end,
        "time": outcome.time_s,
        "expert_time": outcome.expert_time_s,
        "score": one.score.score,
        "success": one.score.success,
        "parts": {name: getattr(one.score, name) for name in one.score.known},
        "faults": [
            [fault.kind, fault.time, fault.at_fault, fault.against, fault.detail, fault.x, fault.y]
            for fault in outcome.infractions or ()
        ],
        "met": [[each.name, each.time] for each in outcome.incidents or () if each.met],
    }


def _report_id(runs: Sequence[DrivenRun]) -> str:
    """Ties a page to its files of episodes, so that files of another report are noticed."""
    what = [
        [run.name, [[one.name, one.decisions, one.outcome.time_s] for one in run.episodes.values()]] for run in runs
    ]
    return hashlib.sha256(msgspec.json.encode(what)).hexdigest()[:16]
