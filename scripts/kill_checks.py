"""What a killed and resumed command left, against what an undisturbed one wrote."""

from __future__ import annotations

import csv
import gzip
import io
import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from PIL import Image

from lightemma.files import GROWING, lines_of
from lightemma.run_folder.frame_lines import FRAMES, GROWING_FRAMES, PACKED_FRAMES
from lightemma.run_folder.records import FrameRecord
from lightemma.run_folder.store import read_lines

#: What differs between any two runs.
_TIMES = ("started", "ended", "cached_calls", "gpu_seconds", "concurrency", "git_revision")
_OF_A_CALL = ("latency_s", "attempts", "cached")


def faults(whole: Path, killed: Path, *, exact: bool) -> Iterator[str]:
    """Everything in which a folder differs from what an undisturbed command wrote.

    Args:
        whole: the undisturbed one's.
        killed: the other.
        exact: whether all files are to be the same to the byte.
    """
    mine, theirs = _files(killed), _files(whole)
    for name in sorted(set(theirs) - set(mine)):
        yield f"{name} is missing"
    for name in sorted(set(mine) - set(theirs)):
        yield f"{name} was left over"
    for name in sorted(set(mine) & set(theirs)):
        if mine[name].stat().st_mode != theirs[name].stat().st_mode:
            yield f"{name} may be read by others than before"
        try:
            yield from _differences(name, theirs[name], mine[name], exact)
        except Exception as error:
            yield f"{name} cannot be read whole ({type(error).__name__}: {error})"


def _files(folder: Path) -> dict[str, Path]:
    return {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}


def torn(folder: Path) -> Iterator[str]:
    """The files of a folder that are not whole, while the work is not finished. Drafts, and last lines of logs, may be torn."""
    for name, path in sorted(_files(folder).items()):
        if path.name.startswith(".") or path.name.endswith(("-wal", "-shm", "-journal", ".part")):
            continue
        read = _READERS.get(path.suffix)
        try:
            if read is not None:
                read(path)
        except Exception as error:
            yield f"{name} cannot be read whole ({type(error).__name__}: {error})"


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]


def _ends(*endings: bytes) -> Callable[[Path], None]:
    def read(path: Path) -> None:
        if not path.read_bytes().rstrip().endswith(endings):
            raise ValueError("its end is missing")

    return read


def _picture(path: Path) -> None:
    with Image.open(path) as picture:
        picture.load()


def _read_columns(path: Path) -> dict[str, Any]:
    with np.load(path) as columns:
        return dict(columns)


def _read_rows(path: Path) -> list[dict[str, str]]:
    text = path.read_text(encoding="utf-8")
    rows = list(csv.DictReader(io.StringIO(text)))
    if not text.endswith("\n") or any(None in row or None in row.values() for row in rows):
        raise ValueError("a row is cut")
    return rows


#: What reads a file whole, by suffix.
_READERS: dict[str, Callable[[Path], object]] = {
    ".json": lambda path: json.loads(path.read_bytes()),
    ".jsonl": _lines,
    ".npz": _read_columns,
    ".gz": lambda path: list(lines_of(path)) if path.name.endswith(GROWING) else gzip.decompress(path.read_bytes()),
    ".csv": _read_rows,
    ".md": _ends(b"|", b"."),  # a table, or the sentences that explain the marks of a paper's
    ".tex": _ends(b"\\end{tabular}", b"\\end{table}"),
    ".html": _ends(b"</html>"),
    ".js": _ends(b");"),
    ".pdf": _ends(b"%%EOF"),
    ".svg": _ends(b"</svg>"),
    ".png": _picture,
    ".jpg": _picture,
}


def _differences(name: str, whole: Path, killed: Path, exact: bool) -> Iterator[str]:
    compared = _COMPARED.get(killed.name) or _COMPARED.get(killed.suffix)
    if compared is not None:
        yield from (f"{name}: {fault}" for fault in compared(whole, killed))
    elif exact or killed.suffix not in (".csv", ".md", ".tex", ".html", ".js"):
        if whole.read_bytes() != killed.read_bytes():
            yield f"{name} differs"
    elif killed.suffix == ".csv":
        if _rows(whole) != _rows(killed):
            yield f"{name}: the rows differ"
    else:  # with seconds in them
        one, other = whole.read_text(encoding="utf-8"), killed.read_text(encoding="utf-8")
        if len(one.splitlines()) != len(other.splitlines()):
            yield f"{name} is not whole"


def _frames(whole: Path, killed: Path) -> Iterator[str]:
    tokens = Counter(json.loads(line)["sample_token"] for line in lines_of(killed))
    twice = sum(count > 1 for count in tokens.values())
    if twice:
        yield f"{twice} frames are written more than once"
    if _records(whole) != _records(killed):
        yield "the frames differ"


def _episodes(whole: Path, killed: Path) -> Iterator[str]:
    one, other = (sorted(json.dumps(line) for line in _lines(path)) for path in (whole, killed))
    if one != other:
        yield "the episodes differ"


def _manifests(whole: Path, killed: Path) -> Iterator[str]:
    one, other = (_without(json.loads(path.read_bytes()), _TIMES) for path in (whole, killed))
    differing = [key for key in {*one, *other} if one.get(key) != other.get(key)]
    if differing:
        yield f"{', '.join(sorted(differing))} differ"
    if not json.loads(killed.read_bytes()).get("ended"):
        yield "the run is not marked as finished"


def _caches(whole: Path, killed: Path) -> Iterator[str]:
    if _answers(whole) != _answers(killed):
        yield "the answers differ"
    if _claims(killed):
        yield f"{_claims(killed)} claims were left over"


def _columns(whole: Path, killed: Path) -> Iterator[str]:
    one, other = _read_columns(whole), _read_columns(killed)
    if set(one) != set(other) or any(not np.array_equal(one[key], other[key]) for key in one):
        yield "the columns differ"


#: What compares a file with the undisturbed one, by name or suffix.
_COMPARED: dict[str, Callable[[Path, Path], Iterator[str]]] = {
    **dict.fromkeys((FRAMES, GROWING_FRAMES, PACKED_FRAMES), _frames),
    # Which frames are samples depends on which were finished first; the frames show whether all are there.
    "prompts.json": lambda whole, killed: iter(()),
    "episodes.jsonl": _episodes,
    "manifest.json": _manifests,
    ".sqlite": _caches,
    ".npz": _columns,
}


def _without(value: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {key: one for key, one in value.items() if key not in names}


def _records(path: Path) -> dict[str, Any]:
    """The record of every frame, without what differs between any two runs."""
    found = {}
    for record in read_lines(path.parent, FrameRecord):
        frame = msgspec.to_builtins(record)
        frame["calls"] = [_without(call, _OF_A_CALL) for call in frame["calls"]]
        found[frame["sample_token"]] = _without(frame, ("latency_s",))
    return found


def _answers(path: Path) -> list[tuple[str, ...]]:
    database = sqlite3.connect(path)
    (found,) = database.execute("PRAGMA quick_check").fetchone()
    rows = database.execute("SELECT key, address, model, answer FROM answers ORDER BY key, address").fetchall()
    database.close()
    return [(found,), *((*row[:3], json.dumps(_without(json.loads(row[3]), ("latency_s",)))) for row in rows)]


def _claims(path: Path) -> int:
    database = sqlite3.connect(path)
    (count,) = database.execute("SELECT COUNT(*) FROM claims").fetchone()
    database.close()
    return int(count)


def _rows(path: Path) -> list[dict[str, str]]:
    return [{key: value for key, value in row.items() if "latency" not in key} for row in _read_rows(path)]
