"""A server that sends given bytes: for whatever no proper HTTP server can be brought to send."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal, Self

#: Most bytes that are sent to a client that takes whatever comes.
_MOST_SENT = 64 * 2**20


@dataclass(frozen=True)
class Sent:
    """One answer on the wire.

    Attributes:
        pieces: makes the bytes; a number is a pause in seconds.
        end: what follows: the connection is kept, closed, or reset.
    """

    pieces: Callable[[], Iterable[bytes | float]]
    end: Literal["keep", "close", "reset"] = "keep"


def head(status: int, headers: Mapping[str, str]) -> bytes:
    """Status line and headers."""
    lines = [f"HTTP/1.1 {status} Said"] + [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def whole(body: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> Sent:
    """An answer with its length."""
    given = {"content-type": "application/json", **(headers or {}), "content-length": str(len(body))}
    return Sent(lambda: [head(status, given), body])


def plain(content: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Sent:
    """An answer in JSON."""
    return whole(json.dumps(content).encode(), status, headers)


def streamed(
    pieces: Callable[[], Iterable[bytes | float]], status: int = 200, headers: Mapping[str, str] | None = None
) -> Sent:
    """An answer without a length, which ends with its connection."""
    given = {"content-type": "application/json", **(headers or {}), "connection": "close"}
    return Sent(lambda: _after(head(status, given), pieces()), "close")


def _after(first: bytes, pieces: Iterable[bytes | float]) -> Iterator[bytes | float]:
    yield first
    yield from pieces


def endless(piece: bytes = b" " * 65536, pause_s: float = 0.0) -> Iterator[bytes | float]:
    """The same bytes for ever."""
    while True:
        yield piece
        if pause_s:
            yield pause_s


def bomb(start: bytes, size: int, *windows: int) -> Iterator[bytes]:
    """``start`` and then so many blanks, packed while they are sent; once for each of zlib's window sizes."""
    packers = [zlib.compressobj(9, zlib.DEFLATED, window) for window in windows]
    blanks = b" " * 2**20
    for piece in [start, *(blanks for _ in range(size // len(blanks)))]:
        yield _packed(packers, piece, last=False)
    yield _packed(packers, b"", last=True)


def _packed(packers: list[Any], piece: bytes, *, last: bool) -> bytes:
    for packer in packers:
        piece = packer.compress(piece) + packer.flush(zlib.Z_FINISH if last else zlib.Z_SYNC_FLUSH)
    return piece


class RawServer:
    """Answers every request with what ``next_answer`` gives, in the running event loop, while a block lasts.

    Args:
        next_answer: is given the path.

    Attributes:
        requests: how many came.
        sent: bytes of the bodies and heads that were sent.
        address: with the port.
    """

    def __init__(self, next_answer: Callable[[str], Sent] | None = None) -> None:
        self.next_answer = next_answer
        self.requests = 0
        self.sent = 0
        self.address = ""
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.address = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            # Streams of Python 3.11 report the cancellation of what serves them as an error.
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while await self._one(reader, writer):
                    pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Reads a request and answers it; False once the connection is over."""
        asked = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        for line in asked.lower().splitlines():
            if line.startswith("content-length:"):
                await reader.readexactly(int(line.partition(":")[2]))
        self.requests += 1
        assert self.next_answer is not None
        answer = self.next_answer(asked.split(" ")[1])
        sent = 0
        for piece in answer.pieces():
            if isinstance(piece, float):
                await asyncio.sleep(piece)
                continue
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)  # the client must come to read, however little was written
            sent += len(piece)
            self.sent += len(piece)
            if sent > _MOST_SENT:
                return False
        if answer.end == "reset":
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        return answer.end == "keep"
