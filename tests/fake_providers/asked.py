"""A request in one form for all four wire formats, so that the same question gets the same answer through each."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any


class RejectedError(Exception):
    """A request that the provider does not take: an HTTP status and a sentence."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass(frozen=True)
class Text:
    """A piece of text."""

    text: str


@dataclass(frozen=True)
class Sent:
    """A picture as it came: its type and its base64 text, in the plain alphabet; or type ``url`` and its address."""

    media_type: str
    base64: str


@dataclass(frozen=True)
class Turn:
    """Who speaks (``system``, ``user`` or ``assistant``), and the parts in order."""

    role: str
    parts: tuple[Text | Sent, ...]


@dataclass(frozen=True)
class Asked:
    """What a request asks, in any format.

    Attributes:
        model: the model's name.
        turns: the conversation, the system's message first.
        max_tokens: longest answer, thinking included.
        schema: JSON schema of the answer, if one is asked for.
        regex: regular expression of the answer, if one is asked for.
        thinks: whether the model is to think first.
        cache: whether the picture's place is marked for caching.
        samples: how many answers are wanted.
    """

    model: str
    turns: tuple[Turn, ...]
    max_tokens: int
    schema: dict[str, Any] | None = None
    regex: str | None = None
    thinks: bool = False
    cache: bool = False
    samples: int = 1

    @cached_property
    def digest(self) -> str:
        """Of the model, the texts and the pictures, in order."""
        digest = hashlib.sha256(self.model.encode())
        for turn in self.turns:
            digest.update(b"\0" + turn.role.encode())
            for part in turn.parts:
                said = f"\1{part.text}" if isinstance(part, Text) else f"\2{part.base64}"
                digest.update(said.encode("utf-8", errors="surrogatepass"))
        return digest.hexdigest()

    @cached_property
    def text(self) -> str:
        """The last turn's text."""
        return "\n".join(part.text for part in self.turns[-1].parts if isinstance(part, Text))

    @cached_property
    def pictures(self) -> tuple[Sent, ...]:
        """All pictures, in order."""
        return tuple(part for turn in self.turns for part in turn.parts if isinstance(part, Sent))

    @cached_property
    def input_tokens(self) -> int:
        """A quarter of the letters, and 1,000 for each picture."""
        letters = sum(len(part.text) for turn in self.turns for part in turn.parts if isinstance(part, Text))
        return max(1, letters // 4) + 1000 * len(self.pictures)


def only(body: dict[str, Any], known: frozenset[str], what: str = "the request") -> None:
    """Refuses fields that the provider does not know, as providers do.

    Raises:
        RejectedError: 400 if there is one.
    """
    unknown = sorted(set(body) - known)
    if unknown:
        raise RejectedError(400, f"Unknown field {unknown[0]!r} in {what}")


def need(body: dict[str, Any], *names: str) -> None:
    """Refuses a request without a field that the provider must have.

    Raises:
        RejectedError: 400 if one is missing.
    """
    for name in names:
        if body.get(name) is None:
            raise RejectedError(400, f"Missing required field {name!r}")


def picture_of(url: object) -> Sent:
    """A picture given as a ``data:`` address, or as one that the provider would fetch.

    Raises:
        RejectedError: 400 if it is another.
    """
    if isinstance(url, str) and url.startswith(("http://", "https://")):
        return Sent("url", url)
    if not isinstance(url, str) or not url.startswith("data:") or ";base64," not in url[:100]:
        raise RejectedError(400, "Pictures must be data: addresses here")
    head, _, data = url.partition(";base64,")
    return Sent(head.removeprefix("data:"), data)
