"""A headless Chromium driven over its DevTools protocol: just enough to use a page as a person does."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import aiohttp

BINARIES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-extensions", "--hide-scrollbars", "--remote-debugging-port=0",
)  # fmt: skip
START_S = 30.0
WAIT_S = 20.0
KEY_CODES = {"Tab": 9, "Enter": 13, "Escape": 27, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}


def find_chromium() -> str | None:
    """Where the browser is, if there is one."""
    return next((path for name in BINARIES if (path := shutil.which(name))), None)


class Chromium:
    """One browser with one tab. Every problem in the page, and all it asks the network for, is noted.

    Attributes:
        problems: messages on the console, exceptions and refused loads since the last ``open``.
        requests: addresses the page asked for since the last ``open``.
    """

    def __init__(self, binary: str) -> None:
        self._binary = binary
        self._runner = asyncio.Runner()
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._count = 0
        self._loaded = asyncio.Event()
        self.problems: list[str] = []
        self.requests: list[str] = []

    def __enter__(self) -> Self:
        self._profile = tempfile.TemporaryDirectory(prefix="lightemma-chromium-", ignore_cleanup_errors=True)
        self._process = subprocess.Popen(
            [self._binary, *FLAGS, f"--user-data-dir={self._profile.name}", "about:blank"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # a group of its own, so that its helpers end with it
        )
        try:
            self._runner.run(self._connect())
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._runner.run(self._disconnect())
            self._runner.close()
        finally:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(10)
            self._profile.cleanup()

    async def _connect(self) -> None:
        port_file = Path(self._profile.name) / "DevToolsActivePort"
        until = time.monotonic() + START_S
        while not (port_file.exists() and port_file.read_text().strip()):
            if self._process.poll() is not None or time.monotonic() > until:
                raise RuntimeError("Chromium did not start")
            await asyncio.sleep(0.05)
        port = port_file.read_text().split()[0]
        self._session = aiohttp.ClientSession()
        async with self._session.get(f"http://127.0.0.1:{port}/json/list") as answer:
            tab = next(target for target in await answer.json() if target["type"] == "page")
        self._socket = await self._session.ws_connect(tab["webSocketDebuggerUrl"], max_msg_size=0)
        self._reader = asyncio.create_task(self._read())
        for domain in ("Page", "Runtime", "Network", "Log"):
            await self._send(f"{domain}.enable")

    async def _disconnect(self) -> None:
        if hasattr(self, "_reader"):
            self._reader.cancel()
            await self._socket.close()
        if hasattr(self, "_session"):
            await self._session.close()

    async def _read(self) -> None:
        async for message in self._socket:
            said = json.loads(message.data)
            if "id" in said:
                waiting = self._answers.pop(said["id"], None)
                if waiting and not waiting.done():
                    waiting.set_result(said)
                continue
            self._note(said["method"], said["params"])

    def _note(self, method: str, params: dict[str, Any]) -> None:
        if method == "Page.loadEventFired":
            self._loaded.set()
        elif method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.problems.append(details.get("exception", {}).get("description", details["text"]))
        elif method == "Runtime.consoleAPICalled":
            self.problems.append(" ".join(str(arg.get("value", arg.get("description"))) for arg in params["args"]))
        elif method == "Log.entryAdded":
            self.problems.append(params["entry"]["text"])

    async def _send(self, method: str, **params: Any) -> dict[str, Any]:
        self._count += 1
        waiting = self._answers[self._count] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": self._count, "method": method, "params": params})
        said = await asyncio.wait_for(waiting, WAIT_S)
        if "error" in said:
            raise RuntimeError(f"{method}: {said['error']['message']}")
        return said["result"]

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        """One command of the DevTools protocol."""
        return self._runner.run(self._send(method, **params))

    def open(self, page: Path | str, ready: str = "document.readyState === 'complete'") -> float:
        """Opens a page and waits until ``ready`` holds; seconds from the start of navigation."""
        address = page if isinstance(page, str) else page.resolve().as_uri()
        # Past a blank page: another #… alone would not load it again.
        self._runner.run(self._go("about:blank"))
        self.problems.clear()
        self.requests.clear()
        started = time.monotonic()
        self._runner.run(self._go(address))
        self.wait(ready)
        return time.monotonic() - started

    async def _go(self, address: str) -> None:
        self._loaded.clear()
        await self._send("Page.navigate", url=address)
        await asyncio.wait_for(self._loaded.wait(), WAIT_S)

    def evaluate(self, expression: str) -> Any:
        """The value of an expression in the page."""
        result = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise AssertionError(result["exceptionDetails"].get("exception", {}).get("description", expression))
        return result["result"].get("value")

    def wait(self, expression: str) -> None:
        """Waits until an expression holds in the page.

        Raises:
            AssertionError: if it never does.
        """
        until = time.monotonic() + WAIT_S
        while not self.evaluate(f"Boolean({expression})"):
            if time.monotonic() > until:
                raise AssertionError(f"never came true: {expression}; noted: {self.problems}")
            time.sleep(0.03)

    def click(self, selector: str) -> None:
        """Clicks the middle of an element with the mouse."""
        quoted = json.dumps(selector)
        place = (
            f"(() => {{ const found = document.querySelector({quoted}); if (!found) return null;"
            "found.scrollIntoView({ block: 'center', behavior: 'instant' }); const box = found.getBoundingClientRect();"
            "return [box.x + box.width / 2, box.y + box.height / 2]; })()"
        )
        found, before, until = self.evaluate(place), None, time.monotonic() + WAIT_S
        # What loads late moves what is below it: the element is clicked once it stays where it is.
        while found != before and time.monotonic() < until:
            time.sleep(0.1)
            found, before = self.evaluate(place), found
        assert found is not None, f"nothing is {selector}"
        for kind in ("mousePressed", "mouseReleased"):
            self.send("Input.dispatchMouseEvent", type=kind, x=found[0], y=found[1], button="left", clickCount=1)

    def press(self, key: str) -> None:
        """Presses a key."""
        text = {"text": "\r"} if key == "Enter" else {}
        code = KEY_CODES[key]
        self.send("Input.dispatchKeyEvent", type="keyDown", key=key, code=key, windowsVirtualKeyCode=code, **text)
        self.send("Input.dispatchKeyEvent", type="keyUp", key=key, code=key, windowsVirtualKeyCode=code)

    def resize(self, width: int, height: int = 900) -> None:
        """Sets the window's inner size."""
        self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )

    def appearance(self, scheme: str = "light", media: str = "") -> None:
        """Says how the system likes its colours, and whether the page is being printed."""
        self.send(
            "Emulation.setEmulatedMedia",
            media=media,
            features=[
                {"name": "prefers-color-scheme", "value": scheme},
                # A page that is still scrolling moves what is clicked.
                {"name": "prefers-reduced-motion", "value": "reduce"},
            ],
        )

    def screenshot(self, path: Path, whole: bool = False) -> None:
        """Writes what is seen, or the whole page, as PNG."""
        shot = self.send("Page.captureScreenshot", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(shot["data"]))

    def waiting_for(self, value: Callable[[], Any], wanted: Any) -> None:
        """Waits until ``value()`` is what is wanted.

        Raises:
            AssertionError: if it never is.
        """
        until = time.monotonic() + WAIT_S
        while (now := value()) != wanted:
            assert time.monotonic() < until, f"{now!r} is not {wanted!r}"
            time.sleep(0.03)
