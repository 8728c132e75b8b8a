"""Every hosted backend against made-up providers: one table, and how to ask through any line of it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import pytest

from lightemma.backends.base import Backend, CallError, Completion, Message, PicturePart, Request, TextPart
from lightemma.backends.config import ModelConfig
from lightemma.frame import Picture
from tests.fake_providers import FakeProviders
from tests.fake_providers.asked import Text
from tests.fake_providers.state import Received

KEY = "sk-secret-0123456789abcdef"
#: Everything that the SDKs would take from the environment, so that a test sees none of it.
AMBIENT = (
    "OPENAI_BASE_URL",
    "ANTHROPIC_BASE_URL",
    "ANTHROPIC_AUTH_TOKEN",
    "GOOGLE_API_KEY",
    "GOOGLE_GEMINI_BASE_URL",
    "GOOGLE_GENAI_USE_VERTEXAI",
    "HTTP_PROXY",
    "http_proxy",
    "ALL_PROXY",
    "all_proxy",
)


@dataclass(frozen=True)
class Provider:
    """One line of the table.

    Attributes:
        name: in test ids.
        place: module and class.
        package: what the backend needs.
        key_variable: where its key is looked for.
        versioned: whether its base_url ends in /v1.
        options: that make the line differ from others with the same class.
        thinking: changes of the configuration that make the model think.
    """

    name: str
    place: str
    package: str
    key_variable: str
    versioned: bool = True
    options: dict[str, Any] = field(default_factory=dict)
    thinking: dict[str, Any] = field(default_factory=dict)

    @property
    def backend(self) -> type[Backend]:
        pytest.importorskip(self.package)
        module, _, name = self.place.partition(":")
        loaded: type[Backend] = getattr(import_module(module), name)
        return loaded

    def config(self, server: FakeProviders | str, **changes: Any) -> ModelConfig:
        """A configuration that points to the server."""
        address = server if isinstance(server, str) else server.openai_address if self.versioned else server.address
        settings = {"name": "m", "provider": self.name, "model": "model-1", "base_url": address}
        settings |= {"options": self.options | changes.pop("options", {}), "temperature": None}
        if self.name == "openai-compatible":
            settings["api_key_env"] = self.key_variable
        return ModelConfig(**(settings | changes))

    def make(self, server: FakeProviders | str, **changes: Any) -> Backend:
        return self.backend(self.config(server, **changes))

    def ask(self, server: FakeProviders | str, asked: Request | None = None, **changes: Any) -> Completion:
        """One call, in an event loop of its own."""
        return asyncio.run(
            using(self.make(server, **changes), lambda b: b.generate(asked or request(turn("How far?"))))
        )

    def exchange(
        self, server: FakeProviders, asked: Request | None = None, **changes: Any
    ) -> tuple[Completion, Received]:
        """One call, and how it came to the server."""
        completion = self.ask(server, asked, **changes)
        assert server.counts.requests == 1
        return completion, server.requests[0]

    def fail(self, server: FakeProviders, asked: Request | None = None, **changes: Any) -> CallError:
        """One call that must fail, with one attempt and without the key in anything that could be shown."""
        with pytest.raises(CallError) as caught:
            self.ask(server, asked, **changes)
        assert server.counts.requests == 1, "more than one attempt"
        assert_hidden(caught.value)
        assert caught.value.message
        assert "\n" not in caught.value.message
        return caught.value


_OPENAI = ("lightemma.backends.openai:OpenAIBackend", "openai", "OPENAI_API_KEY")
CHAT = Provider("openai-chat", *_OPENAI, thinking={"options": {"reasoning_effort": "low"}})
RESPONSES = Provider(
    "openai-responses",
    *_OPENAI,
    options={"api": "responses"},
    thinking={"options": {"reasoning_effort": "low"}},
)
ANTHROPIC = Provider(
    "anthropic",
    "lightemma.backends.anthropic:AnthropicBackend",
    "anthropic",
    "ANTHROPIC_API_KEY",
    versioned=False,
    thinking={"options": {"thinking_budget": 1024}, "max_output_tokens": 2048},
)
GOOGLE = Provider(
    "google",
    "lightemma.backends.google:GoogleBackend",
    "google.genai",
    "GEMINI_API_KEY",
    versioned=False,
    thinking={"options": {"thinking_budget": 128}},
)
COMPATIBLE = Provider(
    "openai-compatible",
    "lightemma.backends.openai_compatible:OpenAICompatibleBackend",
    "openai",
    "LIGHTEMMA_TEST_KEY",
    thinking={"options": {"extra_body": {"reasoning_effort": "low"}}},
)
HOSTED = [CHAT, RESPONSES, ANTHROPIC, GOOGLE]
ALL = [*HOSTED, COMPATIBLE]

each = pytest.mark.parametrize("provider", ALL, ids=lambda provider: provider.name)
each_hosted = pytest.mark.parametrize("provider", HOSTED, ids=lambda provider: provider.name)


async def using(backend: Backend, use: Callable[[Any], Any]) -> Any:
    """Awaits what ``use`` makes of a backend, and closes it."""
    try:
        return await use(backend)
    finally:
        await backend.aclose()


def picture(data: bytes = b"\xff\xd8\xff\xe0 one \xfb\xff\xfe", media_type: str = "image/jpeg") -> Picture:
    """A picture that is none, whose base64 holds the two letters that alphabets differ in."""
    return Picture(data=data, media_type=media_type, size=(4, 3), sha256=hashlib.sha256(data).hexdigest())


ONE, TWO = picture(), picture(b"\x89PNG two", "image/png")


def turn(*parts: str | Picture | TextPart | PicturePart, role: Any = "user") -> Message:
    """A message from texts and pictures."""
    wrapped = (TextPart(p) if isinstance(p, str) else PicturePart(p) if isinstance(p, Picture) else p for p in parts)
    return Message(role, tuple(wrapped))


def request(*messages: Message, schema: dict[str, Any] | None = None, stage: str = "scene") -> Request:
    return Request(messages, sample_token="t0", stage=stage, response_schema=schema)


def arrived(received: Received) -> list[tuple[str, list[str | bytes]]]:
    """The conversation as the server read it: roles, and parts as text or the pictures' bytes."""
    assert received.asked is not None
    return [
        (
            turn.role,
            [part.text if isinstance(part, Text) else base64.b64decode(part.base64) for part in turn.parts],
        )
        for turn in received.asked.turns
    ]


def assert_hidden(error: BaseException, key: str = KEY) -> None:
    """The key is in nothing that a person or a file could see of an error."""
    shown = "".join(traceback.format_exception(error)) + str(error) + repr(error) + repr(vars(error))
    assert key not in shown
