"""Serves the pages of a folder of runs to this machine's browser, and to nobody else."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from typing import Any
from urllib.parse import unquote, urlsplit

from lightemma.comparing.view_pages import Entry, Pages
from lightemma.errors import UserError

#: The only files that are served besides pages: those next to a page, by their plain names.
_FILE = re.compile(r"report-\d+_data/[A-Za-z0-9-]+\.js")
#: No page of somebody else may read what is served here, frame it, or have it guessed what it is.
_HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def make_view_server(pages: Pages, port: int) -> ThreadingHTTPServer:
    """The server, on 127.0.0.1.

    Args:
        pages: what it serves.
        port: 0 takes a free one.

    Raises:
        UserError: if the port is taken.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if not self._is_ours():
                self._answer(403, "text/plain; charset=utf-8", b"Only this machine's browser is answered.\n")
                return
            try:
                status, kind, body, more = respond(pages, self.path)
            except UserError as error:
                status, kind, more = 200, "text/html; charset=utf-8", {}
                body = _plain_page("lightemma", f"<p>{html.escape(str(error))}</p>", again=5)
            self._answer(status, kind, body, more)

        def _is_ours(self) -> bool:
            # Another name for this address is another page's trick; browsers say which page a request comes from.
            host = self.headers.get("Host", "").lower()
            names = {f"{name}:{self.server.server_port}" for name in ("127.0.0.1", "localhost")}  # type: ignore[attr-defined]
            from_elsewhere = self.headers.get("Sec-Fetch-Site", "none") not in {"none", "same-origin"}
            is_visit = self.headers.get("Sec-Fetch-Mode") == "navigate"
            return host in names and (is_visit or not from_elsewhere)

        def _answer(self, status: int, kind: str, body: bytes, more: dict[str, str] | None = None) -> None:
            try:
                self.send_response(status)
                for name, value in {
                    "Content-Type": kind,
                    "Content-Length": str(len(body)),
                    **_HEADERS,
                    **(more or {}),
                }.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)
            except (BrokenPipeError, ConnectionResetError):
                pass  # the reader went on to another page

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    try:
        return ThreadingHTTPServer(("127.0.0.1", port), Handler)
    except OSError as error:
        raise UserError(
            f"Port {port} cannot be used ({error.strerror or error}); give another --port.", "port"
        ) from error


def respond(pages: Pages, path: str) -> tuple[int, str, bytes, dict[str, str]]:
    """The answer to a request: status, type, body and further headers.

    Args:
        pages: what is served.
        path: as requested.

    Raises:
        UserError: if the runs cannot be read.
    """
    parts = unquote(urlsplit(path).path).lstrip("/")
    if not parts:
        return 200, "text/html; charset=utf-8", _index(pages.all()), {"Content-Security-Policy": _POLICY}
    name, slash, rest = parts.partition("/")
    entry = pages.entry(name)
    if entry is None:
        return (
            404,
            "text/html; charset=utf-8",
            _plain_page("Not here", '<p>There is no such page. <a href="/">All runs</a></p>'),
            {},
        )
    if not slash:
        return 308, "text/plain", b"", {"Location": f"/{name}/"}
    state = pages.state(entry)
    if rest == "state":
        return 200, "application/json", json.dumps(state).encode(), {}
    made = pages.page(entry)
    if not rest:
        if made is None:
            return (
                200,
                "text/html; charset=utf-8",
                _waiting(entry, str(state["error"])),
                {"Content-Security-Policy": _POLICY},
            )
        return 200, "text/html; charset=utf-8", made.read_bytes(), {}
    if made is not None and _FILE.fullmatch(rest):
        file = made.parent / rest
        if file.is_file():
            return 200, "text/javascript; charset=utf-8", file.read_bytes(), {}
    return 404, "text/plain; charset=utf-8", b"There is no such file.\n", {}


def _index(entries: Sequence[Entry]) -> bytes:
    items = []
    for entry in entries:
        runs = ", ".join(html.escape(run.name) for run in entry.runs)
        far = " · ".join(html.escape(f"{run.name}: {run.reached}") for run in entry.runs if not run.finished)
        items.append(
            f'<li><a href="/{html.escape(entry.name)}/">{html.escape(entry.title)}</a>'
            f"<p>{runs}</p>{f'<p>{far}</p>' if far else ''}</li>"
        )
    going_on = any(not run.finished for entry in entries for run in entry.runs)
    body = f"<ul class='runs'>{''.join(items)}</ul>" if items else "<p>No run has anything to show yet.</p>"
    return _plain_page("Runs", body, again=5 if going_on or not items else None)


def _waiting(entry: Entry, error: str) -> bytes:
    said = (
        f"<p class='warning'>{html.escape(error)}</p>"
        if error
        else "<p>This page is being made; large runs take a minute.</p>"
    )
    return _plain_page(entry.title, f'{said}<p><a href="/">All runs</a></p>', again=5 if error else 1)


def _plain_page(title: str, body: str, again: int | None = None) -> bytes:
    """A page without a script; ``again`` asks for it again after so many seconds."""
    style = resources.files("lightemma.report").joinpath("templates", "page.css").read_text(encoding="utf-8")
    refresh = f'<meta http-equiv="refresh" content="{again}">' if again else ""
    name = html.escape(title)
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">{refresh}'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">'
        f"<title>{name}</title><style>{style}</style></head><body><header class='top'><div class='wrap bar'>"
        f"<p class='brand'>lightemma <span>view</span></p></div></header><main class='wrap'><h1>{name}</h1>{body}</main>"
        "</body></html>"
    ).encode()


def serve_until_ended(server: ThreadingHTTPServer) -> None:
    """Answers until it is interrupted."""
    try:
        server.serve_forever(poll_interval=0.2)
    except KeyboardInterrupt:
        pass
    finally:
        server.server_close()


def address_of(server: ThreadingHTTPServer) -> str:
    """Where the pages are."""
    return f"http://127.0.0.1:{server.server_port}/"
