"""A redirect of a call is a failure: key, prompt and pictures go to one address only."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from lightemma.data.picture_url import fetch_picture
from lightemma.data.pictures import PicturePolicy
from lightemma.errors import UserError
from lightemma.serving.probe import Address, Unanswered
from tests.backends.kit import HOSTED, KEY, ONE, assert_hidden, each, request, turn, using
from tests.fake_providers.replies import Reply

pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class:DeprecationWarning")


class Elsewhere:
    """A server that nothing may reach; keeps what did."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        seen = self.seen

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                seen.append(f"{self.command} {self.path} {dict(self.headers)}")
                self.send_response(200)
                self.end_headers()

            do_GET = do_POST = do_PUT = do_HEAD = _answer  # noqa: N815 -- names of http.server

            def log_message(self, *_: Any) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Elsewhere:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    with Elsewhere() as running:
        yield running


class Redirecting:
    """A server whose every answer is one redirect."""

    def __init__(self, status: int, location: str) -> None:
        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                self.rfile.read(int(self.headers.get("content-length") or 0))
                self.send_response(status)
                self.send_header("location", location)
                self.send_header("content-length", "0")
                self.end_headers()

            do_GET = do_POST = _answer  # noqa: N815 -- names of http.server

            def log_message(self, *_: Any) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Redirecting:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@each
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("body", [b"", b'{"moved": true}', b"<html>moved</html>"])
def test_a_call_follows_no_redirect(server, elsewhere, provider, status, body):
    headers = {"location": f"{elsewhere.address}/v1/chat/completions"}
    if body.startswith(b"<"):
        headers["content-type"] = "text/html"
    server.server.respond = lambda _: Reply(status, body, headers)
    try:
        error = provider.fail(server, request(turn(ONE, "How far?")))
    finally:
        server.server.respond = None
    assert elsewhere.seen == []
    assert error.kind in {"bad_request", "invalid_response"}
    if body:
        assert f"HTTP {status}" in error.message
        assert "redirects are not followed" in error.message


@each
def test_neither_to_another_path_of_the_same_server(server, provider):
    server.server.respond = lambda asked: Reply(307, b"{}", {"location": asked.path + "/"})
    try:
        error = provider.fail(server)
    finally:
        server.server.respond = None
    assert "redirects are not followed" in error.message


@pytest.mark.parametrize("provider", HOSTED, ids=lambda provider: provider.name)
@pytest.mark.parametrize("status", [302, 307])
@pytest.mark.parametrize("step", ["submit", "status", "fetch"])
def test_neither_does_a_step_of_a_batch(server, elsewhere, provider, status, step):
    import asyncio

    from lightemma.backends.base import CallError

    with Redirecting(status, elsewhere.address) as redirecting:
        address = f"{redirecting.address}/v1" if provider.versioned else redirecting.address
        backend = provider.make(address)
        steps = {
            "submit": lambda b: b.submit_batch({"k": request(turn("a"))}),
            "status": lambda b: b.batch_status("batches/b1"),
            "fetch": lambda b: b.fetch_batch("batches/b1"),
        }
        with pytest.raises(CallError) as caught:
            asyncio.run(using(backend, steps[step]))
    assert elsewhere.seen == []
    assert_hidden(caught.value, KEY)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_picture_is_not_fetched_from_another_place(elsewhere, status):
    with (
        Redirecting(status, f"{elsewhere.address}/p.jpg?token=hidden") as redirecting,
        pytest.raises(UserError, match=f"HTTP {status} redirects to 127.0.0.1:.*not followed") as caught,
    ):
        fetch_picture(f"{redirecting.address}/a.jpg", PicturePolicy())
    assert elsewhere.seen == []
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("status", [302, 307])
def test_the_key_of_a_started_server_goes_nowhere_else(elsewhere, status):
    with Redirecting(status, elsewhere.address) as redirecting, pytest.raises(Unanswered, match=f"HTTP {status}"):
        Address(redirecting.address, KEY).get("/v1/models", 5.0)
    assert elsewhere.seen == []
