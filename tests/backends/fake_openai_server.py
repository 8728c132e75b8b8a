"""A chat-completions server on this machine: gives scripted replies, faults among them, and keeps what it was sent."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

PATH = "/v1/chat/completions"


@dataclass(frozen=True)
class Reply:
    """What the server sends.

    Attributes:
        status: HTTP status.
        body: the bytes of the body.
        headers: headers besides the length; the content type is JSON unless given.
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


@dataclass(frozen=True)
class Received:
    """One request as it came: header names in lower case, the body as JSON."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]


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


class _Server(ThreadingHTTPServer):
    request_queue_size = 128  # the default of 5 resets connections when many come at once
    daemon_threads = True


class FakeOpenAIServer:
    """Serves replies on 127.0.0.1 while its ``with`` block lasts.

    Args:
        replies: one for each request, in order; a request too many gets a 500.
        respond: makes the reply from the request instead, for tests that ask in no fixed order.

    Attributes:
        requests: what came, in order.
    """

    def __init__(self, *replies: Reply, respond: Callable[[Received], Reply] | None = None) -> None:
        self.requests: list[Received] = []
        self._replies = deque(replies)
        self._respond = respond
        self._lock = threading.Lock()
        self.closing = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    @property
    def base_url(self) -> str:
        """The address to configure, ending in /v1."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def reply_to(self, received: Received) -> Reply:
        """Keep the request and say what it gets."""
        with self._lock:
            self.requests.append(received)
            if received.path.partition("?")[0] != PATH:
                return Reply(404, b'{"detail": "Not Found"}')
            if self._respond is not None:
                return self._respond(received)
            return self._replies.popleft() if self._replies else failure(500, "one request more than replies")


def unused_address() -> str:
    """An address at which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/v1"


def _handler(fake: FakeOpenAIServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            headers = {name.lower(): value for name, value in self.headers.items()}
            reply = fake.reply_to(Received(self.path, headers, body))
            fake.closing.wait(reply.delay_s)
            try:
                self._send(reply)
            except OSError:
                self.close_connection = True  # the client went away, as clients do after a timeout

        def _send(self, reply: Reply) -> None:
            self.send_response(reply.status)
            for name, value in ({"content-type": "application/json"} | dict(reply.headers)).items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(reply.body)))
            self.end_headers()
            if reply.reset_after is not None:
                self.wfile.write(reply.body[: reply.reset_after])
                self.wfile.flush()
                # Lingering for zero seconds makes closing a reset instead of an orderly end.
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.close_connection = True
                self.connection.close()
            elif reply.trickle_s:
                for byte in reply.body:
                    self.wfile.write(bytes([byte]))
                    self.wfile.flush()
                    fake.closing.wait(reply.trickle_s)
            else:
                self.wfile.write(reply.body)

        def log_message(self, format: str, *args: Any) -> None:
            """Keep quiet."""

    return Handler
