"""Bodies of answers, bounded while they arrive: unpacked here, so that a few kilobytes cannot become gigabytes."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Iterator
from functools import cache
from importlib import import_module
from typing import Any, Protocol

#: Most bytes of an answer once it is unpacked: a million words with their reasoning have room.
MOST_ANSWER_BYTES = 8 * 2**20
#: … of the results of a batch.
MOST_BATCH_BYTES = 256 * 2**20
#: … that are read of an error; the rest is left.
MOST_ERROR_BYTES = 64 * 2**10
#: What requests say that answers may be packed with.
ACCEPTED = "gzip, deflate"

#: Ways of packing that no request asked for, under all names that servers give them.
_UNASKED = frozenset({"br", "zstd", "compress", "x-compress", "lzma", "xz", "bzip2", "x-bzip2"})
#: Most ways of packing on top of each other.
_MOST_LAYERS = 3
_PIECE = 64 * 2**10


class UnreadableBody(Exception):  # noqa: N818 -- the name says what it is
    """A body that is too long, or packed in a way that cannot be undone; the text is a clause."""


class _Stream(Protocol):
    def __aiter__(self) -> AsyncIterator[bytes]: ...
    async def aclose(self) -> None: ...


def bounded(response: Any, most_bytes: int, *, cut: bool = False) -> None:
    """Makes a response's body one that is unpacked here and ends, or fails, beyond a size.

    Args:
        response: of ``httpx`` or ``httpx2``, of which no byte of the body was read yet.
        most_bytes: of the body, and of what it is at any stage of unpacking.
        cut: whether a longer one ends there; otherwise reading it raises ``UnreadableBody``.
    """
    layers = [name.strip().lower() for name in response.headers.get("content-encoding", "").split(",") if name.strip()]
    # The client would unpack it a second time.
    response.headers.pop("content-encoding", None)
    module = type(response).__module__.partition(".")[0]
    response.stream = _stream_class(module)(response.stream, layers, most_bytes, cut)


@cache
def _stream_class(module: str) -> Any:
    """The stream as the client's own kind, which it insists on."""
    return type("BoundedStream", (_BoundedStream, import_module(module).AsyncByteStream), {})


class _BoundedStream:
    def __init__(self, stream: _Stream, layers: list[str], most_bytes: int, cut: bool) -> None:
        self._stream = stream
        self._layers = layers
        self._most_bytes = most_bytes
        self._cut = cut

    async def __aiter__(self) -> AsyncIterator[bytes]:
        unpackers, left = _unpackers(self._layers, self._most_bytes), self._most_bytes
        try:
            async for packed in self._stream:
                piece = packed[:left]
                left -= len(piece)
                if unpackers:
                    for unpacked in _through(unpackers, piece):
                        yield unpacked
                else:
                    yield piece
                if len(piece) < len(packed):
                    raise _TooLong
        except _TooLong as error:
            # What came before it was given out already.
            if not self._cut:
                raise UnreadableBody(f"has more than {self._most_bytes / 2**20:g} MiB") from error

    async def aclose(self) -> None:
        await self._stream.aclose()


class _TooLong(Exception):  # noqa: N818 -- never leaves this file
    """There is more than there may be."""


class _Unpacker(Protocol):
    def unpack(self, packed: bytes) -> Iterator[bytes]: ...


def _unpackers(layers: list[str], most_bytes: int) -> list[_Bounded]:
    """What undoes the ways of packing, the last one first."""
    known = [name for name in layers if name in {"gzip", "x-gzip", "deflate"}]
    for name in layers:
        if name in _UNASKED:
            raise UnreadableBody(f"is packed as '{name}', which was not asked for")
    if len(known) > _MOST_LAYERS:
        raise UnreadableBody(f"is packed {len(known)} times over")
    # Other names are no ways of packing: servers write `utf-8` and `identity` there.
    return [_Bounded(_Deflate() if name == "deflate" else _Zlib(31), most_bytes) for name in reversed(known)]


def _through(unpackers: list[_Bounded], packed: bytes) -> Iterator[bytes]:
    if not unpackers:
        yield packed
        return
    for piece in unpackers[0].unpack(packed):
        yield from _through(unpackers[1:], piece)


class _Bounded:
    """One stage of unpacking, with the bytes that left it counted."""

    def __init__(self, inner: _Unpacker, most_bytes: int) -> None:
        self._inner = inner
        self._left = most_bytes

    def unpack(self, packed: bytes) -> Iterator[bytes]:
        for piece in self._inner.unpack(packed):
            if len(piece) > self._left:
                yield piece[: self._left]
                raise _TooLong
            self._left -= len(piece)
            yield piece


class _Zlib:
    """Undoes gzip, zlib or plain deflate, a piece at a time."""

    def __init__(self, window: int) -> None:
        self._unpack = zlib.decompressobj(window)

    def unpack(self, packed: bytes) -> Iterator[bytes]:
        try:
            piece = self._unpack.decompress(packed, _PIECE)
            while piece:
                yield piece
                piece = self._unpack.decompress(self._unpack.unconsumed_tail, _PIECE)
        except zlib.error as error:
            raise UnreadableBody(f"cannot be unpacked ({error})") from None


class _Deflate:
    """Undoes ``deflate``: zlib as it is meant, or plain as many servers send it, to be told by the first two bytes."""

    def __init__(self) -> None:
        self._head = b""
        self._inner: _Zlib | None = None

    def unpack(self, packed: bytes) -> Iterator[bytes]:
        if self._inner is None:
            self._head += packed
            if len(self._head) < 2:
                return
            packed = self._head
            is_zlib = packed[0] & 15 == 8 and int.from_bytes(packed[:2], "big") % 31 == 0
            self._inner = _Zlib(zlib.MAX_WBITS if is_zlib else -zlib.MAX_WBITS)
        yield from self._inner.unpack(packed)
