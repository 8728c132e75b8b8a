"""Replies given byte by byte, for answers that no made-up model gives: chat completions of odd servers, and broken ones."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Reply:
    """What the server sends.

    Attributes:
        status: HTTP status.
        body: the bytes of the body.
        headers: headers in addition to the length; the content type is JSON unless given.
        delay_s: seconds before the headers are sent.
        trickle_s: seconds between single bytes of the body, for servers that are slow rather than silent.
        reset_after: bytes of the body after which the connection is reset, or None.
    """

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    trickle_s: float = 0.0
    reset_after: int | None = None


def answer(text: object = "A straight road.", *, finish_reason: str | None = "stop", **changes: Any) -> Reply:
    """A chat completion with 100 tokens in and 20 out.

    Args:
        text: the message's content.
        finish_reason: as the server says it.
        changes: ``message`` (further fields of the message), and fields of the whole answer such as ``usage``;
            a field that is None is left out.
    """
    message = {"role": "assistant", "content": text} | changes.pop("message", {})
    whole = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "served-model-1",
        "choices": [{"index": 0, "message": message, "finish_reason": finish_reason}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
    } | changes
    return Reply(body=json.dumps({name: value for name, value in whole.items() if value is not None}).encode())


def failure(status: int, message: str = "no", headers: Mapping[str, str] | None = None, **fields: Any) -> Reply:
    """An error in OpenAI's format; ``fields`` are ``code``, ``type`` and the like."""
    body = json.dumps({"error": {"message": message, "type": None, "code": None} | fields})
    return Reply(status, body.encode(), headers or {})


def unused_address() -> str:
    """An address at which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/v1"


async def write(reply: Reply, response: Any, reset: Callable[[], None]) -> None:
    """Sends a reply's body through a response whose headers are out.

    Args:
        reply: what to send.
        response: an aiohttp stream.
        reset: breaks the connection.
    """
    if reply.reset_after is not None:
        await response.write(reply.body[: reply.reset_after])
        await asyncio.sleep(0.01)
        reset()
    elif reply.trickle_s:
        for byte in reply.body:
            await response.write(bytes([byte]))
            await asyncio.sleep(reply.trickle_s)
    else:
        await response.write(reply.body)
