"""The texts of a run, frame by frame: prompts and answers, without holding a whole run in memory."""

from __future__ import annotations

import errno
import logging
import os
import shutil
import tempfile
from collections.abc import Collection, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, TypeVar, cast

import msgspec
from msgspec import UNSET, UnsetType

from lightemma.errors import UserError
from lightemma.files import open_lines
from lightemma.run_folder.frame_lines import damaged_line, frames_file
from lightemma.run_folder.packed_prompts import PromptPacker, unpack_prompts
from lightemma.run_folder.records import CallRecord, PackedPrompts, take_old_calls
from lightemma.run_folder.store import DAMAGE, read_lines
from lightemma.run_folder.tool_records import ToolsRecord

log = logging.getLogger(__name__)

#: Names that the file with a run's frames can have, one after the other.
_NAMES = 3

_T = TypeVar("_T")


class FrameText(msgspec.Struct, frozen=True):
    """The calls of one frame.

    Attributes:
        sample_token: the key frame's token.
        calls: the calls, in order; none for a planner without a model.
        stages: the name of ``calls`` in files of 0.1; always unset once read.
        tools: which experts looked at the frame, and what they found.
        prompts: the prompts of the calls as they are in files; always unset once read.
    """

    sample_token: str
    calls: list[CallRecord] = []
    stages: list[CallRecord] | UnsetType = UNSET
    tools: ToolsRecord | UnsetType = UNSET
    prompts: PackedPrompts | UnsetType = UNSET

    def __post_init__(self) -> None:
        """Reads a line of 0.1."""
        take_old_calls(self)


class _Answer(msgspec.Struct, frozen=True, gc=False):
    response: str | None = None


class _Measured(msgspec.Struct, frozen=True, gc=False):
    sample_token: str
    calls: list[_Answer] = []
    stages: list[_Answer] | UnsetType = UNSET

    def __post_init__(self) -> None:
        take_old_calls(self)


class _Said(msgspec.Struct, frozen=True, gc=False):
    stage: str
    response: str | None = None


class _FrameSaid(msgspec.Struct, frozen=True):
    sample_token: str
    calls: list[_Said] = []
    stages: list[_Said] | UnsetType = UNSET

    def __post_init__(self) -> None:
        take_old_calls(self)


def stage_texts(folder: Path, stages: Collection[str]) -> dict[str, dict[str, str]]:
    """What a run's frames answered at some stages, without the prompts: several times faster than reading all.

    Args:
        folder: the run.
        stages: names of stages; of several calls of one name the last that was answered counts.

    Returns:
        Sample token -> stage -> answer.

    Raises:
        UserError: if the file cannot be read or a line is damaged.
    """
    return {
        frame.sample_token: {
            call.stage: call.response for call in frame.calls if call.stage in stages and call.response is not None
        }
        for frame in read_lines(folder, _FrameSaid)
    }


class FrameTexts:
    """The texts of a run's frames.jsonl, read on demand by sample token.

    A token's last line counts, as in ``run_folder.store``; a torn last line is dropped.

    Args:
        folder: the run.

    Attributes:
        answer_characters: how long all answers are together, of the lines that count.

    Raises:
        UserError: if the file cannot be read or a line is damaged.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = frames_file(folder)
        self._packer = PromptPacker(folder)
        self._unpacked: BinaryIO | None = None
        self._places: dict[str, int] = {}
        lengths: dict[str, int] = {}
        decoder = msgspec.json.Decoder(_Measured)
        place = 0
        try:
            with self._open() as file:
                for number, line in enumerate(file, start=1):
                    if not line.endswith(b"\n"):
                        log.warning(
                            "%s ends in a torn line (the run was interrupted); that frame is dropped", self._path
                        )
                        break
                    found = self._decode(decoder, line, number)
                    self._places[found.sample_token] = place
                    lengths[found.sample_token] = sum(len(call.response or "") for call in found.calls)
                    place += len(line)
        except FileNotFoundError:
            pass  # a run without frames yet has no texts
        except OSError as error:
            raise UserError(f"'{self._path}' cannot be read ({error.strerror}).") from error
        self.answer_characters = sum(lengths.values())

    def __len__(self) -> int:
        return len(self._places)

    def read(self, tokens: Iterable[str]) -> dict[str, FrameText]:
        """The texts of some frames, by token; tokens the run does not have are left out.

        Raises:
            UserError: if the file cannot be read any more.
        """
        places = sorted((self._places[token], token) for token in tokens if token in self._places)
        if not places:
            return {}
        decoder = msgspec.json.Decoder(FrameText)
        found = {}
        try:
            with self._open() as file:
                for place, token in places:
                    file.seek(place)
                    found[token] = self._decode(decoder, file.readline())
        except OSError as error:
            raise UserError(f"'{self._path}' cannot be read ({error.strerror}).") from error
        return found

    def _unpack(self) -> BinaryIO | None:
        """The lines of a packed file in one that has no name, since places in a packed one cannot be gone to."""
        self._path = frames_file(self._folder)
        if self._path.suffix != ".gz":
            return None
        unpacked = cast("BinaryIO", tempfile.TemporaryFile())  # noqa: SIM115
        with open_lines(self._path) as file:
            shutil.copyfileobj(file, unpacked, 1 << 20)
        return unpacked

    @contextmanager
    def _open(self) -> Iterator[BinaryIO]:
        with ExitStack() as stack:
            file = self._unpacked or self._opened(stack)
            file.seek(0)
            yield file

    def _opened(self, stack: ExitStack) -> BinaryIO:
        """The file with the lines, by the name that it has by now: as a run grows it takes others, and no line another place.

        Raises:
            OSError: if it cannot be read.
        """
        for _ in range(_NAMES):
            with suppress(FileNotFoundError):
                self._unpacked = self._unpack()
                return self._unpacked or stack.enter_context(open_lines(self._path))
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self._path))

    def _decode(self, decoder: msgspec.json.Decoder[_T], line: bytes, number: int | None = None) -> _T:
        try:
            found = decoder.decode(line)
            unpack_prompts(found, self._packer)
            return found
        except DAMAGE as error:
            raise damaged_line(self._path, number, error) from error
