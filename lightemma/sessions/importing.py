"""Imports published archives as runs."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np

from lightemma.data.archive_frames import ArchiveFrame
from lightemma.data.published import PublishedArchive, PublishedSource, frame_record
from lightemma.errors import UserError
from lightemma.parsing import Tier
from lightemma.prompts.extract import RecordedPrompts, extract_prompts
from lightemma.prompts.sets import PromptSet, history_values
from lightemma.prompts.template import fold
from lightemma.protocol import LIGHTEMMA
from lightemma.run_folder.frame_lines import pack_frames
from lightemma.run_folder.lock import RunLock
from lightemma.run_folder.manifest import (
    DataEntry,
    Manifest,
    ModelEntry,
    PlannerEntry,
    PromptsEntry,
    frame_set_digest,
    now,
    package_versions,
    python_version,
)
from lightemma.run_folder.places import data_folder, run_place
from lightemma.run_folder.records import MAIN, STAGES, FrameRecord, is_call_error
from lightemma.run_folder.store import RunWriter, check_run_name, is_run, read_manifest, read_outcomes
from lightemma.sessions.archive_prices import archive_price
from lightemma.steps import counted


def import_archive(
    path: Path, results: Path, tier: Tier = "strict", name: str | None = None, *, by_data: bool = False
) -> Path:
    """Writes one published archive as a run.

    Args:
        path: the archive's folder or .zip.
        results: folder of runs.
        tier: how the recorded answers are read.
        name: the run's name; the archive's by default.
        by_data: puts the run into the folder ``published`` inside ``results``.

    Returns:
        The run's folder. If it already holds this import, nothing is done; an interrupted import is completed.

    Raises:
        UserError: if the archive is broken or contradicts the protocol, or the folder holds another run.
    """
    archive = PublishedArchive(path)
    run = archive.name if name is None else name
    check_run_name(run)
    frames = list(counted(_checked(archive), f"reading {archive.name}", "frames"))
    records = [frame_record(scene, frame, tier) for scene, frame in frames]
    if not records:
        raise UserError(f"'{path}' has scenes but no frames; there is nothing to import.")
    upstream = sum(any(is_call_error(call.outcome) for call in record.calls[:-1]) for record in records)
    digest = hashlib.sha256()
    for record in records:
        digest.update((record.sample_token + "\0" + (record.calls[-1].response or "")).encode())
    cost = archive_price(archive.model, datetime.now(UTC))
    manifest = Manifest(
        run=run,
        protocol=LIGHTEMMA.as_dict(),
        data=DataEntry(
            source="published",
            name=archive.name,
            version="",
            scenes=len(archive.scene_names),
            frames=len(records),
            frame_set=frame_set_digest(record.sample_token for record in records),
        ),
        planner=PlannerEntry("chain-of-thought", {"parser": tier}),
        parser=tier,
        models={
            MAIN: ModelEntry(
                name=run, provider="published", model=archive.model, price=cost.price.as_dict() if cost.price else None
            )
        },
        price_table=cost.source,
        prompts=_prompts_entry(archive, frames),
        imported={
            "archive": archive.name,
            "answers": digest.hexdigest()[:16],
            "frames_with_failed_earlier_stage": upstream,
            **_stored_predictions([frame for _, frame in frames], records),
        },
        packages=package_versions(),
        python=python_version(),
        started=now(),
    )
    folder = run_place(results, data_folder("published", archive.name) if by_data else "", run)
    if not _missing(folder, manifest, records) and _is_finished(folder):
        return folder
    with RunLock(folder):
        missing = _missing(folder, manifest, records)  # another process may have written meanwhile
        with RunWriter(folder, manifest) as writer:
            for record in counted(missing, f"writing {run}", "frames"):
                writer.append(record)
            # Last: an import that was interrupted must not pass for a whole one.
            writer.finish(msgspec.structs.replace(writer.manifest, ended=now()))
        pack_frames(folder)
    return folder


def _checked(archive: PublishedArchive) -> Iterator[tuple[str, ArchiveFrame]]:
    """The frames of an archive, each scene checked against the protocol as those of every source are.

    Raises:
        UserError: if a scene is broken, or contradicts the protocol (speeds in another unit than the positions, for example).
    """
    source, checked = PublishedSource(archive), ""
    for scene, frame in archive.frames():
        if scene != checked:
            source.checked_frames(scene)
            checked = scene
        yield scene, frame


def _is_finished(folder: Path) -> bool:
    """Whether nothing of an import is left to be done, and no session that was killed left its lock or a draft."""
    return read_manifest(folder).ended is not None and not any(path.name.startswith(".") for path in folder.iterdir())


def _missing(folder: Path, manifest: Manifest, records: Sequence[FrameRecord]) -> Sequence[FrameRecord]:
    """The records that a folder does not have yet.

    Raises:
        UserError: if it holds another run.
    """
    if not is_run(folder):
        return records
    existing = read_manifest(folder)
    if existing.imported != manifest.imported or existing.parser != manifest.parser:
        raise UserError(
            f"'{folder}' already holds another run; import under another name with `name`, or remove that folder.",
            "name",
        )
    written = set(read_outcomes(folder))
    return [record for record in records if record.sample_token not in written]


def _stored_predictions(frames: Sequence[ArchiveFrame], records: Sequence[FrameRecord]) -> dict[str, int]:
    """Compares the predictions stored in v1 archives with our parser's; empty for v2, which stores none.

    v1 accepted any non-empty list as a plan, so some of its plans have fewer than six actions.
    """
    counts = Counter[str]()
    for frame, record in zip(frames, records, strict=True):
        stored = frame.predictions
        if stored is None:
            continue
        if stored.trajectory is None:
            counts["stored_none"] += 1
        elif record.trajectory is None:
            counts["stored_but_refused"] += 1
        else:
            same = np.shape(stored.trajectory) == np.shape(record.trajectory) and np.allclose(
                stored.trajectory, record.trajectory, atol=1e-6
            )
            counts["stored_alike" if same else "stored_otherwise"] += 1
    return dict(counts)


def recorded_prompts(
    archive: PublishedArchive, frames: Iterable[tuple[str, ArchiveFrame]] | None = None
) -> list[RecordedPrompts]:
    """The recorded prompts of every frame with the values that were filled in; white space is normalised.

    Args:
        archive: holds the prompts.
        frames: of the archive, if already read.
    """
    return [
        RecordedPrompts(
            where=f"{scene}, frame {frame.frame_index}",
            prompts={stage: fold(frame.prompt(stage)) for stage in STAGES},
            values={
                "scene": fold(frame.answer("scene")),
                "intent": fold(frame.answer("intent")),
                **history_values(np.array(frame.ego_info.obs_actions, dtype=np.float64)),
            },
        )
        for scene, frame in (archive.frames() if frames is None else frames)
    ]


def archive_prompts(archive: PublishedArchive, recorded: Sequence[RecordedPrompts] | None = None) -> PromptSet:
    """The prompt set an archive was recorded with. Pass ``recorded`` to avoid reading the prompts twice.

    Raises:
        UserError: if its prompts do not come from one template.
    """
    return extract_prompts(archive.name, recorded_prompts(archive) if recorded is None else recorded)


def _prompts_entry(archive: PublishedArchive, frames: Iterable[tuple[str, ArchiveFrame]]) -> PromptsEntry | None:
    try:
        prompts = archive_prompts(archive, recorded_prompts(archive, frames))
    except UserError:
        return None  # several templates: the prompts are in the records
    return PromptsEntry("recorded", prompts.sha256, prompts.settings.answer)
