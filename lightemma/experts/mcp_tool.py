"""A tool of an MCP server (Model Context Protocol) as an expert: a YAML with a card says which server and which tool.

The package `mcp` is the client. It is no dependency of an extra, since it brings a web server and a dozen packages more.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import threading
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from lightemma.experts.base import Card, Expert, Found, Question
from lightemma.experts.card_file import CardFile, check_address, not_valid, read_card_file
from lightemma.experts.found_check import Rubbish
from lightemma.experts.http_service import found_in, sent_boxes

#: Characters of a tool's answer.
_MOST = 1_000_000
#: Tools of a server that are named when ours is not among them.
_NAMED = 10


class McpServer(BaseModel):
    """Which server: a program that is started, or an address."""

    model_config = ConfigDict(extra="forbid")

    command: str = ""
    args: list[str] = Field(default=[])
    url: str = ""


class McpFile(CardFile):
    """What the YAML of such a tool may say."""

    mcp: McpServer = Field(description="command and args of the server's program, or the url of a server")
    tool: str = Field(description="name of the tool on the server")
    arguments: dict[str, str] = Field(default={}, description="argument of the tool -> input of the card")
    inputs: list[str] = Field(default=["picture"])
    outputs: list[str] = Field(default=["words"])
    usual: dict[str, str] = Field(default={"picture": "picture"})
    timeout_s: float = Field(default=20.0, gt=0, le=60)


class McpTool(Expert):
    """A tool of an MCP server; the first question connects to it, and the connection is kept.

    Pictures are sent as base64, boxes and numbers as JSON values, words as they are. A structured answer is read like that of
    an HTTP service (``words``, ``boxes``, ``numbers``); of any other the text is taken for the words.

    Args:
        card: of the expert.
        settings: its YAML.
    """

    def __init__(self, card: Card, settings: McpFile) -> None:
        self.card = card
        self.settings = settings
        self._connection = _Connection(self)

    @classmethod
    def from_file(cls, path: str) -> McpTool:
        """The tool that a YAML describes.

        Raises:
            UserError: if the file cannot be read, or describes none.
        """
        read = read_card_file(path, McpFile)
        outputs: Any = tuple(read.outputs)
        try:
            if bool(read.mcp.command) == bool(read.mcp.url):
                raise ValueError("mcp must have a command, or a url")
            if read.mcp.url:
                check_address(read.mcp.url)
            card = read.card("http", inputs=tuple(read.inputs), outputs=outputs, usual=read.usual)
            unknown = sorted(set(read.arguments.values()) - set(card.arguments))
            if unknown:
                raise ValueError(f"arguments name {unknown[0]!r}, which is no input")
        except ValueError as error:
            raise not_valid(path, error) from error
        return cls(card, read)

    def absent(self) -> str:
        """The client and the server's program."""
        if find_spec("mcp") is None:
            return "the client of MCP is not installed; pip install 'mcp>=2'"
        command = self.settings.mcp.command
        if command and shutil.which(command) is None:
            return f"the program {command} is not found; install the server, or give its path"
        return ""

    def look(self, question: Question) -> Found:
        """Calls the tool.

        Raises:
            Rubbish: if it answers with what is no finding.
            OSError: if the server cannot be reached, has no such tool, or says that the tool failed.
        """
        answer = self._connection.call(self.settings.tool, self._sent(question), self.card.timeout_s)
        text = "\n".join(str(part.text) for part in answer.content if getattr(part, "type", "") == "text")
        if len(text) > _MOST:
            raise Rubbish(f"it answered with more than {_MOST:,} characters")
        if answer.is_error:
            raise OSError(f"the tool failed: {text[:300]}")
        structured = answer.structured_content
        if isinstance(structured, dict) and "words" in structured:
            return found_in(structured)
        try:
            value = json.loads(text) if text.lstrip().startswith("{") else None
        except (ValueError, RecursionError):
            value = None
        return found_in(value) if isinstance(value, dict) and "words" in value else Found(text)

    def server(self) -> Any:
        """What the client connects to."""
        import mcp

        settings = self.settings.mcp
        if settings.url:
            return settings.url
        # The client passes on a few harmless variables, such as PATH; keys of providers are not among them.
        return mcp.StdioServerParameters(command=settings.command, args=settings.args)

    def _sent(self, question: Question) -> dict[str, Any]:
        given: dict[str, Any] = {
            **{name: one.base64 for name, one in question.pictures.items()},
            **{name: sent_boxes(boxes) for name, boxes in question.boxes.items()},
            **{name: dict(values) for name, values in question.numbers.items()},
            **question.words,
        }
        names: Mapping[str, str] = self.settings.arguments or {name: name for name in given}
        return {argument: given[name] for argument, name in names.items() if name in given}


class _Connection:
    """A client in an event loop of its own, in a thread that does not keep the program from ending."""

    def __init__(self, tool: McpTool) -> None:
        self._tool = tool
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._calls: asyncio.Queue[tuple[str, dict[str, Any], float, asyncio.Future[Any]]] | None = None

    def call(self, name: str, arguments: dict[str, Any], seconds: float) -> Any:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, name=f"mcp {name}", daemon=True).start()
        future = asyncio.run_coroutine_threadsafe(self._asked(name, arguments, seconds), self._loop)
        try:
            return future.result(seconds)
        except TimeoutError as error:
            future.cancel()
            raise TimeoutError(f"the server did not answer within {seconds:g} s") from error

    async def _asked(self, name: str, arguments: dict[str, Any], seconds: float) -> Any:
        if self._calls is None:
            self._calls = asyncio.Queue()
            self._serving = asyncio.create_task(self._serve(self._calls))
        answer = asyncio.get_running_loop().create_future()
        self._calls.put_nowait((name, arguments, seconds, answer))
        return await answer

    async def _serve(self, calls: asyncio.Queue[tuple[str, dict[str, Any], float, asyncio.Future[Any]]]) -> None:
        """Connects and calls for whoever asks until something fails: then all who wait fail, and the next connects anew."""
        import mcp

        failed: Exception = OSError("the server has ended the connection")
        answer: asyncio.Future[Any] | None = None
        try:
            async with mcp.Client(self._server()) as client:
                there = {tool.name for tool in (await client.list_tools()).tools}
                while True:
                    name, arguments, seconds, answer = await calls.get()
                    if name not in there:
                        known = ", ".join(sorted(there)[:_NAMED]) or "none"
                        raise LookupError(f"it has no tool {name}; its tools are {known}")
                    made = await client.call_tool(name, arguments, read_timeout_seconds=seconds)
                    if not answer.done():
                        answer.set_result(made)
        except Exception as error:
            failed = OSError(f"the server cannot be used ({_innermost(error)})")
        finally:
            self._calls = None
            waiting = [answer] if answer is not None else []
            while not calls.empty():
                waiting.append(calls.get_nowait()[3])
            for one in waiting:
                if not one.done():
                    one.set_exception(failed)

    def _server(self) -> Any:
        from mcp.client.stdio import stdio_client

        server = self._tool.server()
        if type(server).__name__ != "StdioServerParameters":
            return server
        # What the program writes as errors is not ours to show.
        return stdio_client(server, errlog=open(os.devnull, "w"))  # noqa: PTH123


def _innermost(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup) and error.exceptions:
        error = error.exceptions[0]
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]
