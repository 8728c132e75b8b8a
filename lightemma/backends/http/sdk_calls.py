"""One attempt through a provider's package, whose HTTP is watched here: no redirect, no endless body, one way to fail.

The packages differ in what they make of odd answers (another exception, a retry, a text with replaced characters), so
status and bytes are taken from the HTTP client that they are given, and what the package makes of them is left.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Mapping
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from inspect import signature
from typing import Any

import msgspec

from lightemma.backends.base import CallError
from lightemma.backends.config import ModelConfig
from lightemma.backends.facts import Facts
from lightemma.backends.http import later
from lightemma.backends.http.bodies import ACCEPTED, MOST_ANSWER_BYTES, MOST_ERROR_BYTES, UnreadableBody, bounded
from lightemma.backends.http.errors import Failures, missing_package
from lightemma.backends.http.proxies import check_proxies

#: Modules whose errors are those of a connection.
_HTTP_MODULES = frozenset({"httpx", "httpx2", "httpcore", "httpcore2", "h11", "anyio"})


@dataclass
class _Exchange:
    """What came back to one attempt.

    Attributes:
        most_bytes: of the body of an answer.
        response: the client's, once its headers are there.
        refusal: the body of an answer with an error's status.
    """

    most_bytes: int
    response: Any = None
    refusal: bytes | None = None


_ENCODER = msgspec.json.Encoder()
#: Larger numbers are left to Python's own encoder.
_LARGE = 2**53

_current: ContextVar[_Exchange | None] = ContextVar("exchange", default=None)


class _Refused(Exception):  # noqa: N818 -- never leaves this file
    """An answer with an error's status; the package does not see it."""


def load_sdk(module: str, config: ModelConfig, facts: Facts) -> Any:
    """A provider's package, imported only when its backend is made.

    Args:
        module: its name in imports.
        config: the model that needs it.
        facts: say how it is installed.

    Raises:
        UserError: if it is not installed, or cannot use a proxy that the environment names.
    """
    check_proxies(os.environ, module)
    try:
        return later.package(module)
    except ImportError:
        raise missing_package(config, facts) from None


def client_settings() -> dict[str, Any]:
    """Settings of the HTTP client of any package: it follows no redirect, and what it receives is bounded."""
    return {
        "follow_redirects": False,
        "headers": {"accept-encoding": ACCEPTED},
        "event_hooks": {"response": [_watch]},
    }


def direct_client(sdk: Any, timeout_s: float) -> Any:
    """The HTTP client of an SDK: a key and pictures go to one address only, and no answer fills the memory.

    Args:
        sdk: the module ``openai`` or ``anthropic``.
        timeout_s: seconds without a byte.
    """
    return sdk.DefaultAsyncHttpxClient(timeout=timeout_s, **client_settings())


async def posted(client: Any, path: str, body: Mapping[str, Any], turns: str) -> None:
    """Asks through an SDK's client: its address, key, headers and errors, without what it does with long bodies.

    The methods for single interfaces walk through every message by the types of their arguments and write the JSON with
    Python's own encoder, which takes longer than all else for a picture. What arrives is the same.

    Args:
        client: ``AsyncOpenAI``.
        path: of the interface, such as ``/chat/completions``.
        body: of the request, plain values; pictures are in its turns only.
        turns: the name of the turns in it.
    """
    written: dict[str, Any] = {turns: body[turns]}
    for name, value in body.items():
        # Names and counts are written in one way only.
        if name != turns:
            plain = type(value) is str or (type(value) is int and abs(value) < _LARGE)
            written[name] = value if plain else msgspec.Raw(_written(value).encode())
    content = _ENCODER.encode(written)
    given = {_content_name(client.__class__): content}
    # Read from the HTTP client, see ``attempt``; this header is how the SDK is told to leave an answer alone.
    await client.post(path, cast_to=object, options={"headers": {"X-Stainless-Raw-Response": "true"}}, **given)


@cache
def _content_name(client: type) -> str:
    """What ``post`` calls bytes that are sent as they are; in older versions they are a body like others."""
    return "content" if "content" in signature(client.post).parameters else "body"  # type: ignore[attr-defined]


def _iso(value: object) -> str:
    """A moment of a YAML as the SDKs write it."""
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


_written = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=_iso).encode


async def _watch(response: Any) -> None:
    """Called by the client when the headers of an answer are there."""
    exchange = _current.get()
    refused = not 200 <= response.status_code < 300
    most_bytes = MOST_ERROR_BYTES if refused else exchange.most_bytes if exchange else MOST_ANSWER_BYTES
    bounded(response, most_bytes, cut=refused)
    if exchange is None:
        return
    exchange.response = response
    if refused:
        exchange.refusal = b""
        with suppress(Exception):  # the status says enough
            exchange.refusal = await response.aread()
        raise _Refused


async def attempt(
    call: Awaitable[Any], timeout_s: float, failures: Failures, most_bytes: int = MOST_ANSWER_BYTES
) -> bytes:
    """Awaits a call through a package's client with ``client_settings`` and returns the body of its answer.

    Args:
        call: what a method of the package returned.
        timeout_s: seconds for the whole answer, even if bytes keep arriving.
        failures: makes the errors.
        most_bytes: of the answer's body, unpacked.

    Raises:
        CallError: if no answer came.
    """
    exchange = _Exchange(most_bytes)
    before = _current.set(exchange)
    # Errors are raised without their cause: the text of the cause may hold the key.
    try:
        # The client's own timeout starts again with every chunk; this one covers the whole answer.
        async with asyncio.timeout(timeout_s):
            await call
            body: bytes = await exchange.response.aread()
            return body
    except TimeoutError:
        raise failures.timeout(timeout_s) from None
    except Exception as error:
        if exchange.refusal is not None:
            raise _refused(exchange, failures) from None
        whole = _whole(exchange)
        if whole is not None:
            return whole  # the package could not read it; perhaps the backend can
        raise _broken(error, timeout_s, failures) from None
    finally:
        _current.reset(before)


def _whole(exchange: _Exchange) -> bytes | None:
    """The body, if all of it came."""
    with suppress(Exception):
        body: bytes = exchange.response.content
        return body
    return None


def _refused(exchange: _Exchange, failures: Failures) -> CallError:
    response, body = exchange.response, exchange.refusal or b""
    content: object = None
    with suppress(CallError):
        content = failures.json(body)
    text = body.decode("utf-8", errors="replace") or str(getattr(response, "reason_phrase", ""))
    headers: Mapping[str, str] = response.headers
    return failures.status(response.status_code, content, text, headers)


def _broken(error: Exception, timeout_s: float, failures: Failures) -> CallError:
    """What an error of the package means, or of the client below it."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, UnreadableBody):
            return failures.error("invalid_response", f"the answer {seen}")
        seen = seen.__cause__
    cause = error.__cause__ or error
    if "Timeout" in type(error).__name__:
        return failures.timeout(timeout_s)
    ours = isinstance(cause, OSError) or type(cause).__module__.partition(".")[0] in _HTTP_MODULES
    if ours or type(error).__name__ == "APIConnectionError":
        return failures.connection(cause)
    return failures.error("invalid_response", f"{type(error).__name__}: {error}")
