"""The messages between the panda3d renderer and its worker process: length-prefixed MessagePack, no pickles."""

from __future__ import annotations

import struct
from typing import Any, BinaryIO

import msgspec
import numpy as np

from lightemma.frame import Camera
from lightemma.simulation.state import City, WorldState

_LENGTH = struct.Struct("<I")
#: MessagePack's extension type for arrays.
_ARRAY = 1


class Load(msgspec.Struct, tag="load"):
    """Request: load this city."""

    city: City


class Draw(msgspec.Struct, tag="draw"):
    """Request: draw this moment into the shared memory: colours, or depths and then ids, four bytes each."""

    state: WorldState
    camera: Camera
    layers: bool = False


class Share(msgspec.Struct, tag="share"):
    """Request: use this file as the memory for pixels."""

    path: str


class Ready(msgspec.Struct, tag="ready"):
    """Reply: the graphics are ready."""

    details: dict[str, str]


class Done(msgspec.Struct, tag="done"):
    """Reply: the request is done."""


class Failed(msgspec.Struct, tag="failed"):
    """Reply: the request failed."""

    reason: str


Request = Load | Draw | Share
Reply = Ready | Done | Failed


def _encode_array(value: Any) -> Any:
    # Of a type of its own, so that reading needs no annotations: those of arrays are there for type checkers only.
    if isinstance(value, np.ndarray):
        numbers = np.ascontiguousarray(value, dtype=np.float64).tobytes()
        return msgspec.msgpack.Ext(_ARRAY, msgspec.msgpack.encode([list(value.shape), numbers]))
    if isinstance(value, np.generic):
        return value.item()
    raise NotImplementedError(f"a {type(value).__name__} cannot be sent to the renderer")


def _decode_array(code: int, data: memoryview) -> Any:
    if code != _ARRAY:
        raise ValueError(f"the renderer's messages have no extension {code}")
    shape, numbers = msgspec.msgpack.decode(data, type=tuple[list[int], bytes])
    return np.frombuffer(numbers, dtype=np.float64).reshape(shape)


def encode(message: Request | Reply) -> bytes:
    """A message with its length before it."""
    data = msgspec.msgpack.encode(message, enc_hook=_encode_array)
    return _LENGTH.pack(len(data)) + data


def read_request(stream: BinaryIO) -> Request | None:
    """The next request, or None at the stream's end."""
    data = _read_frame(stream)
    if data is None:
        return None
    request: Request = msgspec.msgpack.decode(data, type=Request, ext_hook=_decode_array)
    return request


def decode_reply(data: bytes) -> Reply:
    """A reply from its bytes, without the length."""
    reply: Reply = msgspec.msgpack.decode(data, type=Reply)
    return reply


def frame_length(head: bytes) -> int:
    """The length that four bytes announce."""
    length: int = _LENGTH.unpack(head)[0]
    return length


def _read_frame(stream: BinaryIO) -> bytes | None:
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    data = stream.read(frame_length(head))
    return data if len(data) == frame_length(head) else None
