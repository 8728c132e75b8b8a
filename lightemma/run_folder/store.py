"""A run's folder: manifest.json and frames.jsonl. Lines are appended and flushed, and never change."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import msgspec

from lightemma.errors import UserError
from lightemma.files import lines_of, private_folder, read_whole, write_whole
from lightemma.run_folder.frame_lines import FRAMES, FrameAppender, damaged_line, frames_file, pack_frames
from lightemma.run_folder.growth import grown
from lightemma.run_folder.manifest import FORMAT, FRAME_SET, Manifest
from lightemma.run_folder.packed_prompts import PromptPacker, PromptsDamagedError, unpack_prompts
from lightemma.run_folder.records import FrameNumbers, FrameRecord

MANIFEST = "manifest.json"
#: Most bytes of a manifest.
_LARGEST_MANIFEST = 100_000_000

log = logging.getLogger(__name__)

_T = TypeVar("_T")
_R = TypeVar("_R", FrameRecord, FrameNumbers)
_ENCODER = msgspec.json.Encoder()
#: What decoding a damaged file raises; bytes that are no UTF-8 inside a string get Python's own error.
DAMAGE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, PromptsDamagedError)


def is_run(folder: Path) -> bool:
    """Whether a folder holds a run."""
    return (folder / MANIFEST).is_file()


def check_run_name(name: str) -> None:
    """Makes sure that a run's name is one folder inside the results folder, and no hidden one.

    Raises:
        UserError: if not.
    """
    if not name or name.startswith(".") or not name.isprintable() or any(sign in name for sign in "/\\"):
        raise UserError(
            f"A run cannot be called {name!r}, since its folder is; give a `name` without slashes that starts with no dot.",
            "name",
        )


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a run.

    Raises:
        UserError: if there is none, or it is broken, or a newer program wrote it.
    """
    path = folder / MANIFEST
    try:
        data = read_whole(path, _LARGEST_MANIFEST)
    except OSError as error:
        raise UserError(f"'{folder}' is no run: its {MANIFEST} cannot be read ({error.strerror}).") from error
    try:
        version = msgspec.json.decode(data, type=dict[str, object]).get("format")
        if isinstance(version, int) and version > FORMAT:
            raise UserError(f"'{path}' has format {version}, this program knows {FORMAT}; install a newer lightemma.")
        return msgspec.json.decode(data, type=Manifest)
    except DAMAGE as error:
        raise UserError(
            f"'{path}' is not a run's manifest ({error}); restore it or run again under another name."
        ) from error


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Writes the manifest whole or not at all."""
    manifest = msgspec.structs.replace(manifest, format=FORMAT)
    write_whole(folder / MANIFEST, msgspec.json.format(_ENCODER.encode(manifest), indent=2) + b"\n", private=True)


def read_frames(folder: Path) -> list[FrameRecord]:
    """All frames of a run, with their texts."""
    return _latest(read_lines(folder, FrameRecord))


def read_numbers(folder: Path) -> list[FrameNumbers]:
    """All frames of a run, without their texts: several times faster."""
    return _latest(read_lines(folder, FrameNumbers))


class _Outcome(msgspec.Struct, frozen=True, gc=False):
    sample_token: str
    outcome: str


def read_outcomes(folder: Path) -> dict[str, str]:
    """Sample token -> outcome of every frame a run has; as it last ended."""
    return {record.sample_token: record.outcome for record in read_lines(folder, _Outcome)}


class _Called(msgspec.Struct, frozen=True, gc=False):
    cached: bool = False


class _Calls(msgspec.Struct, frozen=True, gc=False):
    sample_token: str
    calls: list[_Called] = []


def count_calls(folder: Path) -> tuple[int, int]:
    """How many calls a run's frames record, and how many of them were answered from the response cache."""
    frames = {record.sample_token: record.calls for record in read_lines(folder, _Calls)}
    return sum(map(len, frames.values())), sum(call.cached for calls in frames.values() for call in calls)


def _latest(records: Iterable[_R]) -> list[_R]:
    """One record per key frame: a frame that was tried again counts as it last ended, at its first place."""
    return list({record.sample_token: record for record in records}.values())


def read_lines(folder: Path, kind: type[_T]) -> Iterator[_T]:
    """The frames of a run as structs that hold as much of a line as is wanted; a torn last line is dropped.

    A frame that was tried again has several lines, of which the last counts.

    Raises:
        UserError: if the file cannot be read or a line is damaged.
    """
    decoder = msgspec.json.Decoder(kind)
    packer = PromptPacker(folder) if "prompts" in getattr(kind, "__struct_fields__", ()) else None
    for number, (path, line) in enumerate(_lines(folder), start=1):
        try:
            record = decoder.decode(line)
            if packer is not None:
                unpack_prompts(record, packer)
        except DAMAGE as error:
            raise damaged_line(path, number, error) from error
        yield record


def _lines(folder: Path) -> Iterator[tuple[Path, bytes]]:
    """The lines of a run's frames and the file that has them, which takes another name as it grows."""
    for _ in range(3):
        path = frames_file(folder)
        lines = whole_lines(path)
        first = next(lines, None)
        if first is not None:
            yield path, first
            yield from ((path, line) for line in lines)
            return
        if frames_file(folder) == path:
            return


def whole_lines(path: Path) -> Iterator[bytes]:
    """The lines of a results file, one at a time; none if there is no such file. A torn last line is dropped.

    Raises:
        UserError: if the file cannot be read.
    """
    try:
        for line in lines_of(path):
            if not line.endswith(b"\n"):
                log.warning("%s ends in a torn line (the run was interrupted); it is dropped", path)
                return
            yield line[:-1]
    except FileNotFoundError:
        return
    except OSError as error:
        raise UserError(f"'{path}' cannot be read ({error.strerror}).") from error


class RunWriter:
    """Appends frames to a run, one whole line each, flushed before the next.

    Args:
        folder: the run's folder; made if missing.
        manifest: what the run is. An existing run is resumed if its manifest says the same, and is refused otherwise.
        names: sample tokens, or names of episodes, that the run is to cover; with them, an existing run over fewer of them
            grows, and one over more stays as it is. None refuses an existing run over others.
        recorded: what the run has of these; its frames if None.
        packs: whether the frames of a run that has ended are packed on leaving, where that is worth it.

    Raises:
        UserError: if the folder cannot be written or holds another run.
    """

    def __init__(
        self,
        folder: Path,
        manifest: Manifest,
        names: Collection[str] | None = None,
        recorded: Collection[str] | None = None,
        *,
        packs: bool = False,
    ) -> None:
        self.folder = folder
        self._packs = packs
        self._file: FrameAppender | None = None
        try:
            private_folder(folder)
            if is_run(folder):
                manifest = self._go_on(manifest, names, recorded)
            write_manifest(folder, manifest)
            if frames_file(folder).name == FRAMES:
                self._file = FrameAppender(folder, packs=packs)
        except OSError as error:
            raise UserError(
                f"The run folder '{folder}' cannot be written ({error.strerror}); give another place with `results`.",
                "results",
            ) from error
        self.manifest = manifest
        self._packer = PromptPacker(folder)

    def _go_on(self, manifest: Manifest, names: Collection[str] | None, recorded: Collection[str] | None) -> Manifest:
        existing = read_manifest(self.folder)
        differs = existing.differences(manifest)
        if differs == [FRAME_SET] and names is not None and existing.stopping is None:
            have = read_outcomes(self.folder) if recorded is None else recorded
            covered = grown(existing.data, manifest.data, have, names)
            if covered is None:
                among = len(set(have) & set(names))
                raise UserError(
                    f"'{self.folder}' holds a run with other frames ({among} of its {len(have)} are among the "
                    f"{len(names)} of this command); give this run its own name with `name`, or remove that folder.",
                    "name",
                )
            manifest, differs = msgspec.structs.replace(manifest, data=covered), []
        if differs:
            raise UserError(
                f"'{self.folder}' holds a run with other {' and '.join(differs)}; give this run its own name with `name`, or "
                "remove that folder.",
                "name",
            )
        # A session without calls must keep the names of the models that answered before.
        before = {role: entry.answered_as for role, entry in existing.models.items()}
        now = {role: entry.answered_as or before.get(role) for role, entry in manifest.models.items()}
        manifest = manifest.answered_by(now)
        return msgspec.structs.replace(
            manifest,
            started=existing.started,
            gpu_seconds=existing.gpu_seconds,
            memory=existing.memory,
            concurrency=existing.concurrency,
        )

    def append(self, record: FrameRecord) -> None:
        """Adds one frame; on return the line is with the operating system.

        Raises:
            UserError: if it cannot be written (a full disk); the torn line is cut off when the run is resumed.
        """
        try:
            line = _ENCODER.encode(self._packer.packed(record)) + b"\n"
            # A packed run is made ready only if something is added.
            self._file = self._file or FrameAppender(self.folder, packs=self._packs)
            self._file.append(line)
        except OSError as error:
            raise self._not_written(frames_file(self.folder).name, error) from error
        except PromptsDamagedError as error:
            raise UserError(
                f"'{self.folder}' cannot be continued: {error}; restore that file or remove the folder."
            ) from error

    def finish(self, manifest: Manifest) -> None:
        """Writes the final manifest.

        Raises:
            UserError: if it cannot be written.
        """
        self.manifest = manifest
        try:
            write_manifest(self.folder, manifest)
        except OSError as error:
            raise self._not_written(MANIFEST, error) from error

    def _not_written(self, name: str, error: OSError) -> UserError:
        return UserError(
            f"'{self.folder / name}' cannot be written ({error.strerror}); make room and give the same command again."
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._file is not None:
            try:
                self._file.close()
            except OSError as error:
                log.warning("%s", self._not_written(frames_file(self.folder).name, error))
        # Also where nothing was added: an earlier session may have been killed between its last frame and its end.
        if self._packs and kind is None and self.manifest.ended:
            pack_frames(self.folder)
