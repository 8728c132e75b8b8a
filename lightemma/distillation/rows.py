"""The rows of a distillation data set: lines of ``sft.jsonl`` and ``dpo.jsonl``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from lightemma.errors import UserError
from lightemma.files import lines_of, write_whole
from lightemma.label_rows import Pair
from lightemma.simulation.dataset.split import Part

SFT, DPO, CORRECTIONS = "sft.jsonl", "dpo.jsonl", "corrections.jsonl"

_ENCODER = msgspec.json.Encoder()


class PictureFile(msgspec.Struct, frozen=True):
    """A picture that a student is shown.

    Attributes:
        path: of the file, absolute, or relative to the data set's folder.
        sha256: hex digest of the file.
        grey: whether it is shown as a grey picture of its size, to a student that is to learn without eyes.
    """

    path: str
    sha256: str
    grey: bool = False


class _Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a student is asked about one frame.

    Attributes:
        part: train, validation or test.
        scene: name of the scene or episode.
        sample_token: of the frame.
        group: what must never be in two parts: scenario, seed and so town of a simulated scene, or a recorded scene.
        parts: of the question, in order: a text, or None where a picture is.
        pictures: for these places, in order.
    """

    part: Part
    scene: str
    sample_token: str
    group: str
    parts: list[str | None]
    pictures: list[PictureFile]


class SftRow(_Asked, frozen=True, kw_only=True):
    """What a student is asked about one frame, and the answer that it should give.

    Attributes:
        completion: the answer.
        teacher: whose answer it is.
        history: 6 pairs (m/s, 1/m), oldest first, the last one now.
        truth: 6 points (metres, ego frame).
    """

    completion: str
    teacher: str
    history: list[Pair]
    truth: list[Pair]


class DpoRow(_Asked, frozen=True, kw_only=True):
    """Two answers to the same question, the first of which is better.

    Attributes:
        chosen: the better answer.
        rejected: the worse answer.
        reason: why: ``l2``, ``rollout``, ``unparsable``, or ``contradicts:<kind>``.
        margin: by how much, in the unit of the ranking; None where the worse one has no plan.
        teachers: whose answers these are.
        history: 6 pairs (m/s, 1/m).
        truth: 6 points (metres, ego frame).
    """

    chosen: str
    rejected: str
    reason: str
    margin: float | None
    teachers: tuple[str, str]
    history: list[Pair]
    truth: list[Pair]


class CorrectionRow(msgspec.Struct, frozen=True, kw_only=True):
    """A plan that the critic rejected: a line of ``corrections.jsonl``, the memory of what teachers did wrong.

    Attributes:
        part: train, validation or test.
        scene: name of the scene or episode.
        sample_token: of the frame.
        teacher: whose plan it was.
        kind: of the contradiction.
        sentence: what contradicts what.
    """

    part: Part
    scene: str
    sample_token: str
    teacher: str
    kind: str
    sentence: str


Row = TypeVar("Row", SftRow, DpoRow, CorrectionRow)


def write_rows(path: Path, rows: Iterable[SftRow | DpoRow | CorrectionRow]) -> None:
    """Writes a file of rows, whole or not at all.

    Raises:
        OSError: if it cannot be written.
    """
    write_whole(path, b"".join(_ENCODER.encode(row) + b"\n" for row in rows), private=True)


def read_file(path: Path, kind: type[Row]) -> Iterator[Row]:
    """The rows of a file.

    Raises:
        UserError: if it is missing or damaged.
    """
    decoder = msgspec.json.Decoder(kind)
    try:
        for number, line in enumerate(lines_of(path), start=1):
            try:
                yield decoder.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                raise UserError(
                    f"Line {number} of '{path}' is damaged ({error}); collect the data again with `lightemma distill collect`."
                ) from error
    except OSError as error:
        raise UserError(
            f"'{path}' cannot be read ({error.strerror or error}); give a folder that `lightemma distill collect` wrote."
        ) from error
