"""Prompts without what they have in common: a run's prompts are the same text with other values, over and over.

What a frame's prompts look like is kept once, in a file of samples; a line of frames.jsonl has only what its own prompts add to
a sample and to its own answers (deflate with a preset dictionary, RFC 1950). Every line can be read without the others.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import zlib
from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import UNSET, UnsetType

from lightemma.files import read_whole, write_whole
from lightemma.run_folder.records import CallRecord, FrameRecord, PackedPrompts

#: Fewer characters are written as they are.
_WORTH_IT = 400
#: Bytes that a dictionary of deflate can have, and those of them that are left for a frame's answers.
_WINDOW, _ANSWERS = 32_000, 12_000
#: A sample is of no use to a frame whose prompts still need more than this share of their length.
_POOR = 0.25
#: Samples that a run keeps at most.
_MOST_SAMPLES = 8
#: Bytes that the prompts of one frame may have.
_LONGEST = 256_000_000

#: The file of samples: digest -> prompts of one frame as JSON. Samples are added, and never change.
SAMPLES = "prompts.json"
_DECODER = msgspec.json.Decoder(list[str])
_FILE = msgspec.json.Decoder(dict[str, str])


class PromptsDamagedError(ValueError):
    """Packed prompts cannot be read; the message is a part of a sentence that says why."""


class SamplesDamagedError(PromptsDamagedError):
    """The file of samples is missing or damaged: no line that needs it can be read."""


class PromptPacker:
    """Packs and unpacks the prompts of one run.

    Args:
        folder: the run's folder, which has the samples.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / SAMPLES
        self._samples: dict[str, bytes] = {}
        self._last: str | None = None
        self._looked = False

    def packed(self, record: FrameRecord) -> FrameRecord:
        """The record as it is written: the same, or with its prompts packed.

        Raises:
            OSError: if a sample cannot be written.
            PromptsDamagedError: if the samples of earlier sessions cannot be read.
        """
        if sum(len(call.prompt) for call in record.calls) < _WORTH_IT:
            return record
        text = msgspec.json.encode([call.prompt for call in record.calls])
        answers = _answers(record.calls)
        if not self._looked:
            self._look()
        best = self._tried(text, answers)
        if best is None:
            return record
        name, data = best
        self._last = name
        packed = PackedPrompts(name, base64.b64encode(data).decode("ascii"))
        return msgspec.structs.replace(
            record, calls=[msgspec.structs.replace(call, prompt="") for call in record.calls], prompts=packed
        )

    def unpack(self, calls: Sequence[CallRecord], packed: PackedPrompts) -> None:
        """Puts the prompts back into the calls of a frame.

        Raises:
            PromptsDamagedError: if that is not possible.
        """
        sample = self._sample(packed.sample)
        try:
            data = base64.b64decode(packed.data, validate=True)
            inflater = zlib.decompressobj(-zlib.MAX_WBITS, zdict=_dictionary(sample, _answers(calls)))
            text = inflater.decompress(data, _LONGEST)
            if not inflater.eof:
                raise PromptsDamagedError("its prompts do not end")
            prompts = _DECODER.decode(text)
        except (binascii.Error, zlib.error, msgspec.DecodeError, UnicodeDecodeError) as error:
            raise PromptsDamagedError(f"its prompts cannot be unpacked: {error}") from error
        if len(prompts) != len(calls):
            raise PromptsDamagedError(f"it has {len(prompts)} prompts for {len(calls)} calls")
        for call, prompt in zip(calls, prompts, strict=True):
            msgspec.structs.force_setattr(call, "prompt", prompt)

    def _tried(self, text: bytes, answers: bytes) -> tuple[str, bytes] | None:
        """The name of a sample and what is left of the prompts by it; None where they are better written as they are."""
        names = ([self._last] if self._last else []) + [name for name in self._samples if name != self._last]
        best: tuple[str, bytes] | None = None
        for name in names:
            data = _deflated(text, self._samples[name], answers)
            if best is None or len(data) < len(best[1]):
                best = name, data
            if len(data) < _POOR * len(text):
                return best
        if len(self._samples) >= _MOST_SAMPLES or len(text) > _WINDOW:
            return best if best and len(best[1]) * 4 / 3 < len(text) else None
        name = hashlib.sha256(text).hexdigest()[:16]
        samples = {**self._samples, name: text}
        # Before the first line that needs it, and whole or not at all.
        data = msgspec.json.encode({key: value.decode() for key, value in samples.items()})
        write_whole(self._path, data + b"\n", private=True)
        self._samples = samples
        return name, _deflated(text, text, answers)

    def _sample(self, name: str) -> bytes:
        if name not in self._samples:
            self._look()  # another process may have added it
        if name not in self._samples:
            raise SamplesDamagedError(f"'{SAMPLES}' does not have a sample that its prompts need")
        return self._samples[name]

    def _look(self) -> None:
        """Reads the samples."""
        self._looked = True
        try:
            found = _FILE.decode(read_whole(self._path, _MOST_SAMPLES * 8 * _WINDOW))
        except FileNotFoundError:
            return
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            raise SamplesDamagedError(f"'{SAMPLES}', which its prompts need, cannot be read: {error}") from error
        self._samples = {name: text.encode() for name, text in found.items()}


def _answers(calls: Sequence[CallRecord]) -> bytes:
    """The answers of a frame as they are in later prompts, escaped as those are."""
    return b"".join(msgspec.json.encode(call.response)[1:-1] for call in calls if call.response)


def _dictionary(sample: bytes, answers: bytes) -> bytes:
    return (sample + answers[:_ANSWERS])[-_WINDOW:]


def _deflated(text: bytes, sample: bytes, answers: bytes) -> bytes:
    deflater = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS, 9, zdict=_dictionary(sample, answers))
    return deflater.compress(text) + deflater.flush()


def unpack_prompts(record: object, packer: PromptPacker) -> None:
    """Puts the prompts back into a record of a frame, if it has room for them and they were packed.

    Raises:
        PromptsDamagedError: if that is not possible.
    """
    packed: PackedPrompts | UnsetType = getattr(record, "prompts", UNSET)
    if isinstance(record, msgspec.Struct) and isinstance(packed, PackedPrompts):
        packer.unpack(record.calls, packed)  # type: ignore[attr-defined]
        msgspec.structs.force_setattr(record, "prompts", UNSET)
