"""The server in a thread, for tests."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Self

from aiohttp import web

from tests.fake_providers.faults import Fault
from tests.fake_providers.replies import Reply, failure
from tests.fake_providers.server import FakeServer
from tests.fake_providers.state import Counts, Received, Settings


async def serve(server: FakeServer, host: str = "127.0.0.1", port: int = 0) -> tuple[web.AppRunner, int]:
    """Starts serving.

    Args:
        server: what to serve.
        host: address to listen at.
        port: port to listen at, 0 for any that is free.

    Returns:
        What stops it (``await runner.cleanup()``), and the port.
    """
    runner = web.AppRunner(server.app(), access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, host, port, backlog=1024)
    await site.start()
    return runner, runner.addresses[0][1]


class FakeProviders:
    """Made-up providers on 127.0.0.1 while a ``with`` block lasts.

    Args:
        settings: as for ``Settings``.
    """

    def __init__(self, **settings: Any) -> None:
        self.server = FakeServer(Settings(**settings))
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._port = 0
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def address(self) -> str:
        """Where Anthropic's and Google's formats are spoken."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def openai_address(self) -> str:
        """Where OpenAI's formats are spoken: ends in /v1."""
        return f"{self.address}/v1"

    @property
    def requests(self) -> list[Received]:
        """What came since the last reset, in order."""
        return list(self.server.memory.log)

    @property
    def counts(self) -> Counts:
        """What happened since the last reset."""
        return self.server.memory.counts

    def next(self, *faults: Fault | str | None) -> None:
        """Faults of the next requests, in order; None for a request without a fault."""
        self.server.schedule.add(Fault(fault) if isinstance(fault, str) else fault for fault in faults)

    def reset(self) -> None:
        """Forgets what happened and all faults."""
        self.server.control({"reset": True})

    def __enter__(self) -> Self:
        self._thread.start()
        self._started.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        runner, self._port = self._loop.run_until_complete(serve(self.server))
        self._started.set()
        self._loop.run_forever()
        self._loop.run_until_complete(runner.cleanup())
        self._loop.close()


class ReplyServer(FakeProviders):
    """The server of made-up providers, with given replies in place of made-up models.

    Args:
        replies: one for each request, in order; a request too many gets a 500.
        respond: makes the reply from the request instead, for tests that ask in no fixed order.
    """

    def __init__(self, *replies: Reply, respond: Callable[[Received], Reply] | None = None) -> None:
        super().__init__()
        waiting = deque(replies)
        none_left = failure(500, "one request more than replies")
        self.server.respond = respond or (lambda _: waiting.popleft() if waiting else none_left)

    @property
    def base_url(self) -> str:
        """The address to configure, ending in /v1."""
        return self.openai_address
