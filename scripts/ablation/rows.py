"""The rows of the study: collected as `lightemma distill collect` does, with pictures of the student's size in one archive."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from PIL import Image

from ablation.student import prompts
from lightemma.distillation.collect import collect
from lightemma.distillation.collect_options import CollectOptions
from lightemma.distillation.data_manifest import MANIFEST, read_manifest_of, summary
from lightemma.distillation.form import StudentForm
from lightemma.distillation.rows import DPO, SFT, DpoRow, PictureFile, SftRow, read_file, write_rows
from lightemma.distillation.sources import SIMULATED
from lightemma.files import digest_of
from lightemma.run_folder.places import find_runs
from lightemma.run_folder.store import read_frames, read_manifest

PICTURES = "pictures.tar"
#: Width and height of pictures in the archive, at least those of the student.
SIZE = (160, 96)
#: Data set -> how it differs: whose answers are learnt.
KINDS = ("expert", "teachers", "imitation")


def prepare(places: Sequence[Path], teacher: str, out: Path, form: StudentForm, quality: int) -> None:
    """Writes the three data sets with their pictures in one archive.

    Args:
        places: drives and runs.
        teacher: the model of the runs that are the teacher; only frames that it was asked about are taken.
        out: folder.
        form: of the student.
        quality: of WebP.
    """
    drives = [place for place in places if (place / SIMULATED).is_file()]
    runs = find_runs(place for place in places if place not in drives)
    own = [run for run in runs if teacher in {model.name for model in read_manifest(run).models.values()}]
    asked = {record.sample_token for run in own for record in read_frames(run)}
    sets: dict[str, tuple[list[Path], CollectOptions]] = {
        "expert": ([*drives, *runs], CollectOptions(form)),
        "teachers": ([*drives, *runs], CollectOptions(form, learn="best")),
        "imitation": ([*drives, *own], CollectOptions(form, learn="best", pairs=0)),
    }
    names: dict[str, str] = {}
    for kind, (given, options) in sets.items():
        manifest = collect(given, out / kind, options)
        print(f"{kind}: " + "; ".join(summary(manifest)), flush=True)
        _keep(out / kind, asked, names)
    with tarfile.open(out / PICTURES, "w") as archive:
        for path, name in names.items():
            small = io.BytesIO()
            with Image.open(path) as picture:
                picture.convert("RGB").resize(SIZE, Image.Resampling.BOX).save(small, "WEBP", quality=quality, method=6)
            entry = tarfile.TarInfo(name)
            entry.size = small.tell()
            small.seek(0)
            archive.addfile(entry, small)


def _keep(folder: Path, asked: set[str], names: dict[str, str]) -> None:
    """Rows of the asked frames, with the names of pictures in the archive."""

    def named(row: Any) -> Any:
        files = []
        for one in row.pictures:
            names.setdefault(one.path, f"{len(names):05d}.webp")
            files.append(PictureFile(names[one.path], "", one.grey))
        return msgspec.structs.replace(row, pictures=files)

    for name, kind in ((SFT, SftRow), (DPO, DpoRow)):
        rows = [row for row in read_file(folder / name, kind) if row.sample_token in asked]
        write_rows(folder / name, [named(row) for row in rows])


def unpack(packed: Path, out: Path) -> list[str]:
    """Writes the data sets with their pictures, and a grey twin of the expert's.

    Args:
        packed: what ``prepare`` wrote.
        out: folder.

    Returns:
        The names of the data sets.
    """
    pictures = out / "pictures"
    pictures.mkdir(parents=True, exist_ok=True)
    files: dict[str, PictureFile] = {}
    with tarfile.open(packed / PICTURES) as archive:
        for entry in archive:
            content = archive.extractfile(entry)
            assert content is not None
            place = pictures / entry.name.replace(".webp", ".png")
            with Image.open(content) as picture:
                picture.convert("RGB").save(place, compress_level=1)
            files[entry.name] = PictureFile(f"../pictures/{place.name}", digest_of(place))
    wording = str(prompts(out / "prompts").resolve())
    for kind in KINDS:
        _written(packed / kind, out / kind, files, wording, grey=False)
    _written(packed / "expert", out / "blind", files, wording, grey=True)
    return [*KINDS, "blind"]


def _written(packed: Path, out: Path, files: dict[str, PictureFile], wording: str, *, grey: bool) -> None:
    out.mkdir(parents=True, exist_ok=True)
    digests = {}
    for name, kind in ((SFT, SftRow), (DPO, DpoRow)):
        rows = [
            msgspec.structs.replace(
                row,
                pictures=[PictureFile(files[one.path].path, files[one.path].sha256, grey) for one in row.pictures],
            )
            for row in read_file(packed / name, kind)
        ]
        write_rows(out / name, rows)
        digests[name] = digest_of(out / name)
    manifest = read_manifest_of(packed)
    manifest = msgspec.structs.replace(manifest, sha256=digests, form={**manifest.form, "prompts": wording})
    (out / MANIFEST).write_bytes(msgspec.json.encode(manifest))
