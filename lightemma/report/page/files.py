"""Writes the report: one page, and beside it a folder of scenes where all words would make the page too large."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from lightemma import __version__
from lightemma.errors import UserError
from lightemma.evaluation.comparison import Comparison
from lightemma.evaluation.compatibility import shared_frames
from lightemma.evaluation.headline import headline
from lightemma.evaluation.scores import BASELINE, RunScores, baseline_scores
from lightemma.evaluation.statistics.bootstrap import SceneBootstrap
from lightemma.frame import Frame
from lightemma.report.page.chosen import chosen_frames
from lightemma.report.page.columns import frame_columns
from lightemma.report.page.document import document
from lightemma.report.page.escape import page_json
from lightemma.report.page.scenes import SceneData
from lightemma.report.page.summary import data_line, is_synthetic, page_tables, run_entries
from lightemma.report.page.views import horizon_rows, view_rows
from lightemma.run_folder.texts import FrameTexts
from lightemma.scene_facts import SceneFacts

#: Bytes of frames' data that a page holds; more goes into a folder beside it.
SINGLE_FILE = 2_500_000
#: Bytes that a frame of a run takes besides its answers.
FRAME_BYTES = 450
#: Pictures in a page, and in a folder beside it, unless the caller says otherwise.
PAGE_PICTURES = 60
FOLDER_PICTURES = 240

#: How a scene file begins; only such files are removed when a report is written over an older one.
CALL = b"lightemmaScene("

FrameLookup = Callable[[str, str], Frame | None]


@dataclass(frozen=True, slots=True)
class ReportFiles:
    """What was written.

    Attributes:
        page: the HTML file.
        page_bytes: its size.
        folder: the folder of scenes beside it; None when the page holds everything.
        folder_bytes: the size of all files in it.
        frames: frames of each run.
        pictures: camera pictures in the report.
    """

    page: Path
    page_bytes: int
    folder: Path | None
    folder_bytes: int
    frames: int
    pictures: int


def write_report(
    comparison: Comparison,
    runs: Sequence[RunScores],
    texts: Mapping[str, Path],
    out: Path,
    *,
    frame_lookup: FrameLookup | None = None,
    title: str | None = None,
    max_thumbnails: int | None = None,
    scene_facts: Mapping[str, SceneFacts] | None = None,
) -> ReportFiles:
    """Writes a comparison as one self-contained HTML page.

    Small runs are wholly inside the page. Where all answers would take more than some megabytes, plans, words and pictures
    go into ``<name of the page>_data/`` beside it, one script per scene that the page loads when a frame is opened; that
    works from a disk, without a server.

    Args:
        comparison: of these runs.
        runs: the runs compared; cut to the frames they share if they differ.
        texts: run name -> its folder, for the words; runs that are not named show none.
        out: the page, ``.html``; written over.
        frame_lookup: scene name and sample token to a frame with camera and picture, for pictures with paths; None where
            there is none.
        title: of the page.
        max_thumbnails: how many pictures at the most; 60 inside a page, 240 in a folder if left out.
        scene_facts: scene name to place, light and weather, for filters by these.

    Returns:
        What was written.

    Raises:
        UserError: if a run's words cannot be read or the files cannot be written.
    """
    same = all(list(run.tokens) == list(runs[0].tokens) for run in runs)
    runs = list(runs) if same else shared_frames(runs)
    baseline = next((run for run in runs if run.planner == BASELINE), None)
    if baseline is None:
        baseline = baseline_scores(runs[0])
        runs = [*runs, baseline]
    words = {run.name: FrameTexts(texts[run.name]) for run in runs if run.name in texts}
    size = sum(text.answer_characters for text in words.values()) + FRAME_BYTES * len(runs) * len(baseline.tokens)
    in_folder = size > SINGLE_FILE
    limit = (FOLDER_PICTURES if in_folder else PAGE_PICTURES) if max_thumbnails is None else max(0, max_thumbnails)
    scenes = SceneData(runs, words, _pictures(runs, baseline, frame_lookup, limit))
    report = _report_id(runs)
    folder = out.with_name(f"{out.stem}_data")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        _clear(folder)
        files, inside, pictures = _scene_files(scenes, folder if in_folder else None, report)
        codes = {scene: code for code, scene in enumerate(dict.fromkeys(baseline.scenes))}
        bootstrap = SceneBootstrap(np.array([codes[scene] for scene in baseline.scenes]))
        title = title or "How well do they drive?"
        first = headline(comparison)
        data = {
            "report": report,
            "version": __version__,
            "title": title,
            "headline": first.sentence,
            "details": first.details,
            "warnings": comparison.warnings,
            "synthetic": is_synthetic(runs),
            "line": data_line(comparison, runs),
            "convention": comparison.convention,
            "frames": frame_columns(runs, scene_facts),
            "runs": run_entries(runs, baseline),
            "views": view_rows(comparison, runs, baseline, bootstrap),
            "horizons": horizon_rows(runs, bootstrap),
            "tables": page_tables(comparison),
            "folder": folder.name if in_folder else None,
            "files": files,
            "scenes": inside,
            "templates": scenes.templates.templates,
            "prompts_left_out": scenes.templates.left_out,
            "examples": scenes.examples,
            "prompts": scenes.prompts,
            "pictures": pictures,
        }
        page = document(title, data, in_folder)
        _write(out, page)
    except OSError as error:
        raise UserError(
            f"The report cannot be written to '{out}' ({error.strerror or error}); give another --out."
        ) from error
    written = sum(path.stat().st_size for path in folder.iterdir()) if in_folder else 0
    return ReportFiles(out, len(page), folder if in_folder else None, written, len(baseline.tokens), pictures)


def _pictures(
    runs: Sequence[RunScores], baseline: RunScores, lookup: FrameLookup | None, count: int
) -> dict[int, Frame]:
    if lookup is None or count == 0:
        return {}
    found = {}
    for number in chosen_frames(runs, baseline, count):
        frame = lookup(baseline.scenes[number], baseline.tokens[number])
        if frame is not None and frame.image_path is not None:
            found[number] = frame
    return found


def _report_id(runs: Sequence[RunScores]) -> str:
    """Ties a page to its scene files, so that files of another report are noticed."""
    what = [[run.name for run in runs], list(runs[0].tokens), [list(run.outcomes) for run in runs]]
    return hashlib.sha256(msgspec.json.encode(what)).hexdigest()[:16]


def _scene_files(scenes: SceneData, folder: Path | None, report: str) -> tuple[list[str], list[Any], int]:
    """Names of the files written, or the scenes themselves where there is no folder; and how many pictures are in them."""
    names: list[str] = []
    inside: list[Any] = []
    pictures = 0
    for number, (scene, data) in enumerate(scenes):
        pictures += sum(frame["picture"] is not None for frame in data["frames"].values())
        if folder is None:
            inside.append(msgspec.Raw(msgspec.json.encode(data)))
            continue
        folder.mkdir(exist_ok=True)
        # A scene's name comes from the data and may be anything.
        plain = re.sub(r"[^A-Za-z0-9-]+", "-", scene).strip("-")[:40]
        name = f"{number + 1:04d}-{plain}.js" if plain else f"{number + 1:04d}.js"
        start = CALL + page_json(report) + b"," + str(number).encode() + b","
        (folder / name).write_bytes(start + page_json(data) + b");\n")
        names.append(name)
    return names, inside, pictures


def _clear(folder: Path) -> None:
    """Removes the scene files of an older report under the same name, and nothing else."""
    if not folder.is_dir():
        return
    for path in folder.glob("*.js"):
        with path.open("rb") as file:
            ours = file.read(len(CALL)) == CALL
        if ours:
            path.unlink()
    if not any(folder.iterdir()):
        folder.rmdir()


def _write(path: Path, page: bytes) -> None:
    """Whole or not at all."""
    temporary = path.with_name(f".{path.name}.part")
    temporary.write_bytes(page)
    temporary.replace(path)
