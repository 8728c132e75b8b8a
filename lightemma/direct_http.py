"""HTTP that goes to the address it was given and nowhere else, and reads no more than it should."""

from __future__ import annotations

import time
import urllib.request
from typing import Any


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_asked: Any, **_more: Any) -> None:
        """Refuses: urllib then raises ``HTTPError`` with the redirect's status."""


def direct_opener(*handlers: urllib.request.BaseHandler) -> urllib.request.OpenerDirector:
    """An opener that follows no redirect.

    Args:
        handlers: further ones, such as for proxies.
    """
    return urllib.request.build_opener(_NoRedirects(), *handlers)


def read_body(answer: Any, most_bytes: int, most_s: float) -> bytes:
    """The body of an answer.

    Args:
        answer: an open response.
        most_bytes: of a body; one byte more is read, so that the caller sees that it was too long.
        most_s: seconds for the whole body, even if bytes keep arriving.

    Raises:
        TimeoutError: if it takes longer.
        OSError: if the connection breaks.
    """
    deadline = time.monotonic() + most_s
    parts: list[bytes] = []
    left = most_bytes + 1
    while left > 0:
        if time.monotonic() > deadline:
            raise TimeoutError(f"not whole within {most_s:g} s")
        part = answer.read1(min(left, 65_536))
        if not part:
            break
        parts.append(part)
        left -= len(part)
    return b"".join(parts)
