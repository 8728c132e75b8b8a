"""Rows as a trainer wants them: chat messages with pictures, which are opened only when their turn comes."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np

from lightemma.backends.base import Message, PicturePart, Request, TextPart
from lightemma.data.pictures import PicturePolicy, load_picture
from lightemma.distillation.data_manifest import read_manifest_of
from lightemma.distillation.form import StudentForm, student_form
from lightemma.distillation.partition import check_apart
from lightemma.distillation.rows import DPO, SFT, DpoRow, PictureFile, SftRow, read_file
from lightemma.errors import UserError
from lightemma.files import digest_of
from lightemma.frame import Picture, PixelArray
from lightemma.probes.grey import LEVEL
from lightemma.simulation.dataset.split import Part

R = TypeVar("R", SftRow, DpoRow)


@dataclass(frozen=True)
class StudentData:
    """One or several data sets of the same form.

    Attributes:
        folders: their folders.
        form: of the student.
        sft: rows of all parts.
        dpo: rows of all parts.
    """

    folders: tuple[Path, ...]
    form: StudentForm
    sft: list[SftRow]
    dpo: list[DpoRow]

    @classmethod
    def read(cls, folders: Sequence[Path]) -> StudentData:
        """Reads data sets.

        Raises:
            UserError: if one is missing or damaged, was changed since it was collected, or has another form; or if two parts
                share a scene, or a picture is missing.
        """
        forms: list[StudentForm] = []
        sft: list[SftRow] = []
        dpo: list[DpoRow] = []
        for folder in folders:
            manifest = read_manifest_of(folder)
            for name in (SFT, DPO):
                if not (folder / name).is_file() or digest_of(folder / name) != manifest.sha256.get(name):
                    raise UserError(
                        f"'{folder / name}' is missing or is not what was collected; collect the data again with `lightemma "
                        "distill collect`."
                    )
            forms.append(student_form(**manifest.form))
            sft += [_placed(row, folder) for row in read_file(folder / SFT, SftRow)]
            dpo += [_placed(row, folder) for row in read_file(folder / DPO, DpoRow)]
        if any(form != forms[0] for form in forms):
            raise UserError("The data sets are for students of different forms; collect them with the same options.")
        check_apart([*sft, *dpo])
        data = cls(tuple(folders), forms[0], sft, dpo)
        data.check_pictures()
        return data

    @property
    def teachers(self) -> list[str]:
        """Whose answers are learnt in the train part, the commonest first: names of runs, and ``expert``."""
        return [name for name, _ in Counter(row.teacher for row in self.sft if row.part == "train").most_common()]

    def check_pictures(self) -> None:
        """Makes sure that every picture is there.

        Raises:
            UserError: if one is not.
        """
        rows: list[SftRow | DpoRow] = [*self.sft, *self.dpo]
        known = {picture.path for row in rows for picture in row.pictures}
        missing = sorted(path for path in known if not Path(path).is_file())
        if missing:
            raise UserError(
                f"{len(missing)} of {len(known)} pictures are not on this machine, first '{missing[0]}'; bring them back, or "
                "collect the data again where they are now."
            )

    def sft_of(self, part: Part) -> list[SftRow]:
        """The rows of a part.

        Raises:
            UserError: if there are none.
        """
        return _some([row for row in self.sft if row.part == part], part, SFT, self.folders)

    def dpo_of(self, part: Part) -> list[DpoRow]:
        """The pairs of a part.

        Raises:
            UserError: if there are none.
        """
        return _some([row for row in self.dpo if row.part == part], part, DPO, self.folders)


def _some(rows: list[R], part: Part, name: str, folders: Sequence[Path]) -> list[R]:
    if not rows:
        places = ", ".join(f"'{folder}'" for folder in folders)
        raise UserError(
            f"{places} has no {part} rows in {name}; collect from more scenes: of simulated ones, seeds that end in 8 are for "
            "validation, and those in 9 for the test."
        )
    return rows


def _placed(row: R, folder: Path) -> R:
    pictures = [PictureFile(str(folder / one.path), one.sha256, one.grey) for one in row.pictures]
    placed: R = msgspec.structs.replace(row, pictures=pictures)
    return placed


def picture_of(file: PictureFile) -> Picture:
    """A row's picture, as the planner would send it.

    Raises:
        UserError: if it is missing, or is not the one that was collected.
    """
    picture = load_picture(Path(file.path), PicturePolicy(), greyed if file.grey else None)
    if picture.file_sha256 != file.sha256:
        raise UserError(f"The picture '{file.path}' is not the one that was collected; collect the data again.")
    return picture


def greyed(pixels: PixelArray) -> PixelArray:
    """The grey of blind twins and of the probe ``grey``."""
    return np.full_like(pixels, LEVEL)


def messages_of(row: SftRow | DpoRow) -> list[dict[str, Any]]:
    """The question as a chat message, a place for each picture."""
    content = [{"type": "image"} if part is None else {"type": "text", "text": part} for part in row.parts]
    return [{"role": "user", "content": content}]


def request_of(row: SftRow | DpoRow) -> Request:
    """The question as the harness asks it."""
    pictures = iter(row.pictures)
    parts = [PicturePart(picture_of(next(pictures))) if part is None else TextPart(part) for part in row.parts]
    return Request((Message("user", tuple(parts)),), row.sample_token, "action")


def _said(text: str) -> list[dict[str, Any]]:
    return [{"role": "assistant", "content": [{"type": "text", "text": text}]}]


def sft_example(row: SftRow) -> dict[str, Any]:
    """A row for supervised training."""
    return {**prompt_example(row), "completion": _said(row.completion)}


def dpo_example(row: DpoRow) -> dict[str, Any]:
    """A row for preference training."""
    return {**prompt_example(row), "chosen": _said(row.chosen), "rejected": _said(row.rejected)}


def prompt_example(row: SftRow | DpoRow) -> dict[str, Any]:
    """A row for training on the student's own answers; truth and history are for the reward only."""
    return {"prompt": messages_of(row), "images": [opened(one) for one in row.pictures]}


def rewarded_example(row: SftRow) -> dict[str, Any]:
    """A row for training by a reward."""
    return {**prompt_example(row), "truth": row.truth, "history": row.history}


def opened(file: PictureFile) -> Any:
    """A picture as Pillow opens it."""
    from PIL import Image

    return Image.open(io.BytesIO(picture_of(file).data), formats=("JPEG", "PNG")).convert("RGB")


def dataset(rows: Sequence[R], example: Callable[[R], dict[str, Any]]) -> Any:
    """A ``datasets.Dataset`` that makes each example when it is asked for it.

    Args:
        rows: of one part.
        example: makes one.
    """
    import datasets

    def made(batch: dict[str, list[int]]) -> dict[str, list[Any]]:
        examples = [example(rows[place]) for place in batch["row"]]
        return {name: [one[name] for one in examples] for name in examples[0]}

    return datasets.Dataset.from_dict({"row": list(range(len(rows)))}).with_transform(made)
