"""Writes the report: one page, and a folder of scenes next to it where all texts would make the page too large."""

from __future__ import annotations

import base64
import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from lightemma.errors import UserError
from lightemma.evaluation.comparison import Comparison
from lightemma.evaluation.headline import headline
from lightemma.evaluation.study import Study
from lightemma.files import write_whole
from lightemma.frame import Frame
from lightemma.garbage import rare_collections
from lightemma.report.page.chosen import chosen_frames
from lightemma.report.page.columns import frame_columns
from lightemma.report.page.data_folder import CALL, SEARCH_CALL, clear_data, plain_name, write_data_file
from lightemma.report.page.document import document
from lightemma.report.page.questions import question_rows
from lightemma.report.page.scenes import SceneData
from lightemma.report.page.search import SearchTexts
from lightemma.report.page.summary import data_line, is_synthetic, page_tables, run_entries
from lightemma.report.page.views import horizon_curves, view_rows
from lightemma.run_folder.manifest import package_versions
from lightemma.run_folder.texts import FrameTexts
from lightemma.steps import counted

log = logging.getLogger(__name__)

#: Bytes of frames' data that a page holds; more goes into a folder next to it.
SINGLE_FILE = 2_500_000
#: Bytes that a frame of a run takes in addition to its answers.
FRAME_BYTES = 450
#: Pictures in a page, and in the folder next to it, unless the caller says otherwise.
PAGE_PICTURES = 240
FOLDER_PICTURES = 600

#: Width of a picture in a folder; there is more room than in a page.
FOLDER_WIDTH = 800


@dataclass(frozen=True, slots=True)
class ReportFiles:
    """What was written.

    Attributes:
        page: the HTML file.
        page_bytes: its size.
        folder: the folder of scenes next to it; None when the page holds everything.
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


@rare_collections()
def write_report(
    comparison: Comparison,
    out: Path,
    *,
    title: str | None = None,
    max_thumbnails: int | None = None,
    live: int | None = None,
) -> ReportFiles:
    """Writes a comparison as one self-contained HTML page.

    Small runs are wholly inside the page. Where all answers would take more than some megabytes, plans, texts and
    pictures go into ``<name of the page>_data/`` next to it, one script per scene that the page loads when a frame is
    opened; that works from a disk, without a server.

    What models wrote is read from the study's ``folders``, pictures and cameras come from its ``context``; without them
    the page has the numbers only.

    Args:
        comparison: with its study.
        out: the page, ``.html``; written over.
        title: of the page.
        max_thumbnails: how many pictures at the most; 240 inside a page, 600 in a folder if left out.
        live: number of the page among those that ``lightemma view`` serves in turn; None for a page in a file.

    Returns:
        What was written.

    Raises:
        UserError: if a run's texts cannot be read or the files cannot be written.
    """
    study = comparison.study
    texts = {run.name: FrameTexts(study.folders[run.name]) for run in study.runs if run.name in study.folders}
    size = sum(text.answer_characters for text in texts.values()) + FRAME_BYTES * len(study.runs) * study.frames
    in_folder = size > SINGLE_FILE
    limit = (FOLDER_PICTURES if in_folder else PAGE_PICTURES) if max_thumbnails is None else max(0, max_thumbnails)
    scenes = SceneData(study.runs, texts, _pictures(study, limit), study.ledgers)
    report = _report_id(study)
    folder = out.with_name(f"{out.stem}_data")
    if in_folder:
        scenes.picture_width = FOLDER_WIDTH
        scenes.search = SearchTexts(
            lambda number, packed: write_data_file(
                folder, f"search-{number + 1:04d}", SEARCH_CALL, [report, number, base64.b64encode(packed).decode()]
            )
        )
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        files, inside, pictures = _scene_files(scenes, folder if in_folder else None, report)
        search = scenes.search.finish() if scenes.search else None
        if scenes.changed:
            run, number = study.runs[0], scenes.changed[0]
            log.warning(
                "%d of the pictures changed since the runs were shown them (the first is of frame %d of %s); they are left out "
                "of the report.",
                len(scenes.changed),
                run.frame_index[number],
                run.scenes[number],
            )
        data = page_data(comparison, title or "How well do they drive?") | {
            "report": report,
            "folder": folder.name if in_folder else None,
            "files": files,
            "scenes": inside,
            "templates": scenes.templates.templates,
            "prompts_left_out": scenes.templates.left_out,
            "examples": scenes.examples,
            "prompts": scenes.prompts,
            "pictures": pictures,
            "search": search,
            "live": live,
        }
        page = document(data["title"], data, in_folder, live=live is not None)
        write_whole(out, page)
        # Last, so that the older page has its files until it is replaced.
        clear_data(folder, {*files, *(part["file"] for part in search["parts"])} if search else set())
    except OSError as error:
        raise UserError(
            f"The report cannot be written to '{out}' ({error.strerror or error}); give another --out."
        ) from error
    written = sum(path.stat().st_size for path in folder.iterdir()) if in_folder else 0
    return ReportFiles(out, len(page), folder if in_folder else None, written, study.frames, pictures)


def page_data(comparison: Comparison, title: str) -> dict[str, Any]:
    """What the page shows but for frames' texts and pictures."""
    study = comparison.study
    first = headline(comparison)
    return {
        "version": package_versions().get("lightemma", ""),
        "title": title,
        "headline": first.sentence,
        "details": first.details,
        "warnings": comparison.warnings,
        "synthetic": is_synthetic(study.runs),
        "line": data_line(study),
        "convention": study.convention,
        "frames": frame_columns(study),
        "runs": run_entries(study),
        "questions": question_rows(comparison),
        "views": view_rows(comparison),
        "horizons": horizon_curves(study),
        "tables": page_tables(comparison),
    }


def _pictures(study: Study, count: int) -> dict[int, Frame]:
    lookup, baseline = study.context.frames, study.baseline
    if lookup is None or count == 0:
        return {}
    found = {}
    for number in chosen_frames(study.runs, baseline, count):
        frame = lookup(baseline.scenes[number], baseline.tokens[number])
        if frame is not None and frame.image_path is not None:
            found[number] = frame
    return found


def _report_id(study: Study) -> str:
    """Ties a page to its scene files, so that files of another report are noticed."""
    runs = study.runs
    what = [[run.name for run in runs], list(runs[0].tokens), [list(run.outcomes) for run in runs]]
    return hashlib.sha256(msgspec.json.encode(what)).hexdigest()[:16]


def _scene_files(scenes: SceneData, folder: Path | None, report: str) -> tuple[list[str], list[Any], int]:
    """Names of the files written, or the scenes themselves where there is no folder; and how many pictures are in them."""
    names: list[str] = []
    inside: list[Any] = []
    pictures = 0
    for number, (scene, data) in enumerate(counted(scenes, "writing", "scenes")):
        pictures += sum(frame["picture"] is not None for frame in data["frames"].values())
        if folder is None:
            inside.append(msgspec.Raw(msgspec.json.encode(data)))
            continue
        stem = f"{number + 1:04d}-{plain_name(scene)}".rstrip("-")
        names.append(write_data_file(folder, stem, CALL, [report, number, data]))
    return names, inside, pictures
