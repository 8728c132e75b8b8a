"""Files that never end, explode, or are none: one sentence each, and quickly."""

from __future__ import annotations

import gzip
import os
import socket
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from lightemma.backends.config import ModelConfig
from lightemma.bounded_yaml import load_yaml
from lightemma.closed_loop.records import whole_lines
from lightemma.closed_loop.replay import read_replay
from lightemma.config_files import find_config, load_config
from lightemma.data import archive_entries
from lightemma.data.folder import FolderSource
from lightemma.data.pictures import PicturePolicy, load_picture
from lightemma.data.published import PublishedArchive
from lightemma.errors import UserError
from lightemma.files import lines_of, open_regular, read_whole, unpacked
from lightemma.prompts.sets import load_prompts
from lightemma.run_folder.store import read_frames, read_manifest

LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{new}: &{new} [{','.join(['*' + old] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)
BOMBS = {
    "billion laughs": LAUGHS,
    "laughs of mappings": "a: &a {k: 1, l: 1}\n"
    + "".join(f"a{n}: &a{n} {{k: *a{n - 1 or ''}, l: *a{n - 1 or ''}}}\n" for n in range(1, 40)),
    "itself": "a: &a [*a]\n",
    "itself, deeper": "a: &a {b: [{c: *a}]}\n",
    "deep lists": "a: " + "[" * 20_000,
    "deep mappings": "a: " + "{b: " * 20_000,
    "deep blocks": "\n".join(" " * n + "a:" for n in range(200)),
    "too long": "# " + "x" * 2_000_000,
    "no such date": "released: 2024-99-99\n",
    "a tag": "!!python/object/apply:os.system ['true']\n",
}


@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS)
def test_yaml_cannot_explode(text, tmp_path):
    with pytest.raises(yaml.YAMLError):
        load_yaml(text)
    path = tmp_path / "m.yaml"
    path.write_text(text)
    with pytest.raises(UserError) as caught:
        load_config(path, ModelConfig)
    assert len(str(caught.value)) < 1_000
    assert "\n" not in str(caught.value)


def test_anchors_of_ordinary_files_work():
    assert load_yaml("a: &x {b: 1}\nc: {<<: *x, d: 2}\ne: [*x, *x]") == {
        "a": {"b": 1},
        "c": {"b": 1, "d": 2},
        "e": [{"b": 1}] * 2,
    }


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _zero(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _folder(path: Path) -> None:
    path.mkdir()


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(path))


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(10**13)


SPECIAL = [_fifo, _zero, _folder, _socket, _sparse]


def _run(folder: Path, name: str) -> Path:
    folder.mkdir(exist_ok=True)
    return folder / name


READERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "model": ("m.yaml", lambda path: load_config(path, ModelConfig)),
    "manifest": ("manifest.json", lambda path: read_manifest(path.parent)),
    "frames": ("frames.jsonl", lambda path: read_frames(path.parent)),
    "episodes": ("episodes.jsonl", lambda path: list(whole_lines(path))),
    "picture": ("p.jpg", lambda path: load_picture(path, PicturePolicy())),
    "archive": ("a.zip", PublishedArchive),
    "scene of a folder": ("scene-0001.json", lambda path: PublishedArchive(path.parent)),
    "replay": ("replays/e.json.gz", lambda path: read_replay(path.parent.parent, "e")),
}


@pytest.mark.parametrize("make", SPECIAL)
@pytest.mark.parametrize(("name", "read"), READERS.values(), ids=READERS)
def test_special_files_are_refused_in_a_sentence(make, name, read, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # names of sockets must be short
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    make(Path(name) if make is _socket else path)
    caught: list[BaseException] = []

    def work() -> None:
        try:
            read(path)
        except BaseException as error:
            caught.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(30)
    assert not thread.is_alive(), "it waits for ever"
    assert [type(error) for error in caught] == [UserError]


@pytest.mark.parametrize("make", SPECIAL[:4])
def test_named_as_a_model_or_prompts(make, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make(Path("x.yaml"))
    with pytest.raises(UserError):
        load_config(find_config("models", "./x.yaml"), ModelConfig)
    Path("prompts").mkdir()
    make(Path("prompts/scene.txt"))
    with pytest.raises(UserError):
        load_prompts("./prompts")


def test_a_table_of_a_folder_may_not_be_a_pipe(tmp_path):
    os.mkfifo(tmp_path / "frames.csv")
    with pytest.raises(UserError):
        _ = FolderSource(tmp_path).scene_names


@pytest.mark.parametrize("depth", [1_000, 100_000])
@pytest.mark.parametrize("signs", [("[", "]"), ('{"a":', "}")])
def test_json_that_nests_deeply(depth, signs, tmp_path):
    text = signs[0] * depth + "1" + signs[1] * depth
    (tmp_path / "manifest.json").write_text(f'{{"run": {text}}}')
    (tmp_path / "frames.jsonl").write_text(f'{{"scene": "s", "more": {text}}}\n')
    for read in (read_manifest, read_frames):
        with pytest.raises(UserError):
            read(tmp_path)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "scene-1.json").write_text(f'{{"frames": {text}}}')
    with pytest.raises(UserError):
        PublishedArchive(tmp_path / "out")


def _zip(path: Path, entries: dict[str, bytes], kind: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", kind) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return path


@pytest.mark.parametrize("kind", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_an_archive_that_explodes(kind, tmp_path, monkeypatch):
    monkeypatch.setattr(archive_entries, "MAX_ENTRY_BYTES", 1_000_000)
    path = _zip(tmp_path / "a.zip", {"scene-0001.json": b'{"frames": [' + b" " * 2_000_000 + b"]}"}, kind)
    with pytest.raises(UserError, match="unpacks to more than 1 MB"):
        PublishedArchive(path)


def test_an_archive_of_too_many_entries(tmp_path, monkeypatch):
    monkeypatch.setattr(archive_entries, "MAX_ENTRIES", 100)
    path = _zip(tmp_path / "a.zip", {f"scene-{n}.json": b"{}" for n in range(101)})
    with pytest.raises(UserError, match="101 entries"):
        PublishedArchive(path)


@pytest.mark.parametrize("at", range(0, 400, 7))
def test_an_archive_with_absurd_entries(tmp_path, at):
    """Bytes of its directory are changed: sizes, methods, names, places."""
    path = _zip(tmp_path / "a.zip", {"scene-0001.json": b'{"frames": []}', "scene-0002.json": b'{"frames": []}'})
    data = bytearray(path.read_bytes())
    place = at % len(data)
    data[place : place + 3] = b"\xff\xff\xff"
    path.write_bytes(data)
    said = ""
    try:
        archive = PublishedArchive(path)
        for name in archive.scene_names:
            archive.scene(name)
    except UserError as error:
        said = str(error)
    assert "\n" not in said


def test_a_replay_that_explodes(tmp_path):
    with pytest.raises(OSError, match="unpacks to more than 1 MB"):
        unpacked(gzip.compress(b" " * 3_000_000), 1_000_000)
    assert unpacked(gzip.compress(b"abc"), 1_000_000) == b"abc"


def test_files_are_read_whole_within_their_bound(tmp_path):
    path = tmp_path / "f"
    path.write_bytes(b"12345")
    assert read_whole(path, 5) == b"12345"
    with pytest.raises(OSError, match="more than"):
        read_whole(path, 4)
    with pytest.raises(FileNotFoundError):
        read_whole(tmp_path / "none")
    with pytest.raises(OSError, match="not a file"), open_regular(Path("/dev/null")):
        pass


@pytest.mark.parametrize("ending", [".jsonl", ".jsonl.gz"])
@pytest.mark.parametrize("piece", [1, 3, 4, 1000])
def test_lines_are_whole_wherever_a_file_is_cut(tmp_path, monkeypatch, piece, ending):
    lines = [b"abc\n", b"\n", b"d\r\n", b"a longer line\n", b"\n", b"torn"]
    path = tmp_path / f"x{ending}"
    path.write_bytes(gzip.compress(b"".join(lines)) if ending.endswith("gz") else b"".join(lines))
    monkeypatch.setattr("lightemma.files._PIECE", piece)
    assert list(lines_of(path)) == lines
    path.write_bytes(gzip.compress(b"x\n") if ending.endswith("gz") else b"x\n")
    assert list(lines_of(path)) == [b"x\n"]
    path.write_bytes(gzip.compress(b"") if ending.endswith("gz") else b"")
    assert list(lines_of(path)) == []


def test_a_line_without_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("lightemma.files._PIECE", 4)
    monkeypatch.setattr("lightemma.files.LONGEST_LINE", 20)
    path = tmp_path / "x.jsonl"
    path.write_bytes(b"x" * 19 + b"\n" + b"y" * 21)
    lines = lines_of(path)
    assert next(lines) == b"x" * 19 + b"\n"
    with pytest.raises(OSError, match="a line of more than"):
        next(lines)
