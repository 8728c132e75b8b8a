"""The manifest of a distillation data set: where its rows come from, and what was left out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from lightemma.distillation.ranking import UNPARSABLE
from lightemma.errors import UserError
from lightemma.files import read_whole

MANIFEST: Final = "distillation.json"
FORMAT: Final = 1


class PartCount(msgspec.Struct, frozen=True):
    """Rows and scenes of one part."""

    scenes: int
    sft: int
    dpo: int


class DataManifest(msgspec.Struct, frozen=True):
    """distillation.json: where the rows come from.

    Attributes:
        form: of the student, as ``StudentForm``.
        options: all others.
        sources: name, kind and digest of every run and data set.
        parts: what is in each part.
        reasons: reason of a pair -> how many.
        ties: pairs left out because nothing tells them apart.
        left_out: why -> how many frames or answers were left out.
        rejected: kind of the critic's objection -> how many answers.
        privileged: share of the ``sft`` rows whose answer is of an expert that knows what no camera shows.
        sha256: file -> digest.
        version: of this program.
        format: of the files.
    """

    form: dict[str, Any]
    options: dict[str, Any]
    sources: list[dict[str, str]]
    parts: dict[str, PartCount]
    reasons: dict[str, int]
    ties: int
    left_out: dict[str, int]
    rejected: dict[str, int]
    privileged: float
    sha256: dict[str, str]
    version: str = ""
    format: int = FORMAT


def read_manifest_of(folder: Path) -> DataManifest:
    """The manifest of a data set.

    Raises:
        UserError: if it is none, is damaged, or its rows are not those that were written.
    """
    path = folder / MANIFEST
    try:
        manifest = msgspec.json.decode(read_whole(path, 10_000_000), type=DataManifest)
    except OSError as error:
        raise UserError(
            f"'{folder}' is no data set for training ({error.strerror or error}: {MANIFEST}); make one with `lightemma distill "
            "collect`."
        ) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UserError(f"'{path}' is damaged ({error}); collect the data again.") from error
    if manifest.format > FORMAT:
        raise UserError(f"'{path}' is of a newer version of lightemma ({manifest.version}); install that.")
    return manifest


def summary(manifest: DataManifest) -> Iterator[str]:
    """The lines that say what a data set holds."""
    for part, count in manifest.parts.items():
        yield f"{part}: {count.scenes} scenes, {count.sft} sft rows, {count.dpo} dpo rows"
    total = sum(manifest.reasons.values())
    if total:
        shares = ", ".join(f"{reason} {count / total:.0%}" for reason, count in manifest.reasons.items())
        yield f"pairs by reason: {shares}; {manifest.ties} ties left out"
        if manifest.reasons.get(UNPARSABLE, 0) > total / 2:
            yield "More than half of the pairs only teach the form of an answer; more samples of a teacher give better ones."
    if manifest.left_out:
        yield "left out: " + ", ".join(f"{count} ({why})" for why, count in manifest.left_out.items())
    if manifest.rejected:
        yield "rejected by the critic: " + ", ".join(f"{count} {kind}" for kind, count in manifest.rejected.items())
    yield f"answers of an expert that knows what no camera shows: {manifest.privileged:.0%} of the sft rows"
