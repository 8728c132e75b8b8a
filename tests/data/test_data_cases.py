"""Real tables with one change each: refused, warned of or read, as the collection next to the project says."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lightemma.data.sources import open_source
from lightemma.errors import UserError
from lightemma.sessions.survey import FrameSet, survey
from tests.shared_data import SHARED, needs_shared

CASES = SHARED / "cases" / "data.jsonl"
REAL = SHARED / "real-scenes"
VERSION = "v1.0-real"
FRAMES = 43

Row = dict[str, Any]


def changed(folder: Path, *tables: str) -> Callable[[Callable[[list[Row]], object]], None]:
    """Changes the rows of tables in place."""

    def apply(change: Callable[[list[Row]], object]) -> None:
        for table in tables:
            path = folder / f"{table}.json"
            rows = json.loads(path.read_text(encoding="utf-8"))
            change(rows)
            path.write_text(json.dumps(rows), encoding="utf-8")

    return apply


def each(change: Callable[[Row], object]) -> Callable[[list[Row]], object]:
    return lambda rows: [change(row) for row in rows]


@dataclass(frozen=True)
class Case:
    """A change, and what is right: a sentence that refuses, one that warns, or how many frames are read without a word."""

    change: Callable[[Path], object]
    refused: str = ""
    warned: str = ""
    frames: int = FRAMES
    right: str = ""


def _hole(folder: Path) -> None:
    rows = json.loads((folder / "sample.json").read_text(encoding="utf-8"))
    gone = {row["token"] for row in rows[15:30]}
    (folder / "sample.json").write_text(json.dumps([row for row in rows if row["token"] not in gone]), encoding="utf-8")
    changed(folder, "sample_data")(
        lambda data: data.__setitem__(slice(None), [r for r in data if r["sample_token"] not in gone])
    )


def _empty_picture(folder: Path) -> None:
    pictures = shutil.copytree(REAL / "samples", folder.parent / "samples")
    for path in pictures.rglob("*"):
        path.chmod(0o700)
    name = json.loads((folder / "sample_data.json").read_text(encoding="utf-8"))[12]["filename"]
    (folder.parent / name).write_bytes(b"")


def _set(key: str, place: int | None, to: Callable[[Any], Any], *tables: str) -> Callable[[Path], object]:
    """Sets a column of one row, or of all."""

    def apply(rows: list[Row]) -> None:
        for row in rows if place is None else rows[place : place + 1]:
            row[key] = to(row[key])

    return lambda folder: changed(folder, *tables)(apply)


TIMED = ("sample_data", "sample", "ego_pose")
#: By what the collection calls the kind.
KINDS = {
    "tables whose time is in another unit": Case(
        _set("timestamp", None, lambda time: time // 1000, *TIMED),
        refused="does not fit the protocol: its times seem to be in milliseconds",
        right="refused, or a warning naming 2,783 m/s",
    ),
    "quaternion order": Case(
        _set("rotation", None, lambda turn: [*turn[1:], turn[0]], "ego_pose"),
        refused="its headings and its direction of travel differ by",
        right="refused or warned: heading and direction of travel disagree on moving frames",
    ),
    "key frames that are not 0.5 s apart": Case(
        _hole,
        warned="9 of 11 frames are left out, since key frames are missing around them",
        frames=FRAMES - 26 + 2,
        right="frames across the hole left out or refused",
    ),
    "pose jump": Case(
        _set("translation", 20, lambda place: [place[0] + 500, *place[1:]], "ego_pose"),
        warned="the recorded car jumps near frame",
        right="warned",
    ),
    "times as numbers with a fraction": Case(
        _set("timestamp", None, float, *TIMED), right="read (rounded) or refused with a fitting sentence"
    ),
    "width or height null, float or empty": Case(
        _set("height", None, lambda _: None, "sample_data"),
        right="read: nothing needs it (docs: 0 where the tables do not say)",
    ),
    "NaN in one pose": Case(
        _set("translation", 5, lambda place: [float("nan"), *place[1:]], "ego_pose"),
        refused=r"ego_pose.json has a position that is not finite for 1 of 71 key frames (the first is of sample",
        right='the sentence that exists for it ("position that is not finite", which sample)',
    ),
    "one empty picture among many": Case(
        _empty_picture,
        refused=f"1 of {FRAMES} pictures under real cannot be sent",
        right="found before the first call, as missing ones are",
    ),
}  # fmt: skip


def cases() -> list[Row]:
    return [json.loads(line) for line in CASES.read_text(encoding="utf-8").splitlines()] if CASES.exists() else []


@needs_shared(CASES, REAL)
def test_every_case_is_known_with_its_right_value():
    assert {case["kind"]: case["right"] for case in cases()} == {kind: case.right for kind, case in KINDS.items()}


@needs_shared(CASES, REAL)
@pytest.mark.parametrize("kind", [case["kind"] for case in cases()])
def test_real_tables_with_one_change(tmp_path, kind, caplog):
    case = KINDS[kind]
    folder = shutil.copytree(REAL / VERSION, tmp_path / "real" / VERSION)
    for path in (folder, *folder.iterdir()):
        path.chmod(0o700)
    case.change(folder)
    pictures = int((folder.parent / "samples").exists())

    def before_the_first_call() -> FrameSet:
        source = open_source(f"nuscenes:{folder.parent}@{VERSION}", tmp_path)
        return survey(source.frames(), source.info.name, pictures)

    if case.refused:
        with pytest.raises(UserError) as said:
            before_the_first_call()
        assert case.refused in str(said.value)
        return
    assert len(before_the_first_call().tokens) == case.frames
    assert (case.warned in caplog.text) if case.warned else (caplog.text == "")
