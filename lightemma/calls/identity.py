"""Whose answer an answer is: what two calls must have in common to share one.

An answer belongs to a provider, an address, the YAML's name, a model id, a revision, the settings, and every word and
picture of the question. ``same_weights_as`` in a YAML sets name and address aside, for servers that serve one model on purpose.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec

from lightemma.backends.base import Backend, PicturePart, Request, TextPart
from lightemma.backends.config import ModelConfig
from lightemma.backends.registry import addresses_of, facts_of

_LOOPBACK = frozenset({"127.0.0.1", "::1", "0.0.0.0"})
_PORTS = {"http": 80, "https": 443}
#: Raised when what a key is made of changes.
_VERSION = 2
#: Kinds of requests that are remembered; they differ in what is not their words.
_MOST_FORMS = 256


@dataclass(frozen=True, slots=True)
class Asked:
    """A call, as answers are filed.

    Attributes:
        key: digest of provider, name, model id, revision, settings and question.
        addresses: of the servers that may answer it; empty for a provider's own place and for models in this process.
        shared: digest with the name under which models share answers in place of name and address.
        shares: whether this model may be given answers of others that share.
        old_key: the key of version 0.1; None where an answer of 0.1 might be another server's, since that version did not
            write down the address.
        name: of the model.
    """

    key: str
    addresses: frozenset[str]
    shared: str
    shares: bool
    old_key: str | None
    name: str

    @property
    def place(self) -> str:
        """The addresses as they are filed."""
        return _filed(self.addresses)

    @property
    def claim(self) -> str:
        """What a call in progress is claimed under."""
        return self.shared if self.shares else f"{self.key} {self.place}"


@cache
def _filed(addresses: frozenset[str]) -> str:
    return " ".join(sorted(addresses))


class Identity:
    """Files the calls of one backend.

    Args:
        backend: who is asked.
    """

    def __init__(self, backend: Backend) -> None:
        self._config = backend.config
        self._options: dict[str, Any] = backend.options.model_dump(mode="json")
        self._addresses = addresses(backend.config)
        self._forms: dict[tuple[object, ...], _Forms] = {}

    def asked(self, request: Request) -> Asked:
        """A request to the backend."""
        form = self._form(request)
        words = _written(_messages(request))
        return Asked(
            key=form.key(words),
            addresses=self._addresses,
            shared=form.shared(words),
            shares=self._config.same_weights_as is not None,
            old_key=None if self._addresses else form.old_key(words),
            name=self._config.name,
        )

    def _form(self, request: Request) -> _Forms:
        """What stands around the words of a request; the calls of a run have few of them."""
        schema = None if request.response_schema is None else _written(request.response_schema)
        # 0 and 0.0 are the same number, and written in two ways.
        what = schema, request.response_regex, request.samples, request.sample, repr(request.temperature)
        if what not in self._forms:
            if len(self._forms) >= _MOST_FORMS:
                self._forms.clear()
            config = self._config
            content = _content(config, self._options, request)
            now = content | {"version": _VERSION}
            self._forms[what] = _Forms(
                _Around(now | {"name": config.name}),
                _Around(now | {"same_weights_as": config.same_weights_as or config.name}),
                _Around(content | {"version": 1}),
            )
        return self._forms[what]


class _Around:
    """A question as it is written, without its words: digests of questions with other words need these alone."""

    def __init__(self, content: dict[str, Any]) -> None:
        # The only name before it is that of a number.
        before, name, after = _written(content | {"messages": None}).partition(b'"messages":null')
        self._before = before + name[:-4]
        self._after = after

    def __call__(self, words: bytes) -> str:
        """The digest of the question with these words."""
        return hashlib.sha256(b"%b%b%b" % (self._before, words, self._after)).hexdigest()


class _Forms(NamedTuple):
    key: _Around
    shared: _Around
    old_key: _Around


def addresses(config: ModelConfig) -> frozenset[str]:
    """Where a model's answers come from, each place written in one way.

    Args:
        config: the model.

    Returns:
        Addresses of servers; a folder of weights with a digest of its files' sizes and times; empty for the provider's own
        place.
    """
    facts = facts_of(config.provider)
    own = _normal(facts.address) if facts.address else None
    found = frozenset(_normal(address) for address in addresses_of(config) or ())
    if found:
        return found - {own} if len(found) == 1 else found
    folder = Path(config.model).expanduser()
    if (facts.in_process or facts.starts_server) and folder.is_dir():
        return frozenset({_folder(folder)})
    return frozenset()


def _normal(address: str) -> str:
    """One way of writing an address; user names and keys in it are not kept."""
    try:
        parts = urlsplit(address.strip())
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        return address.strip()
    if not host:
        return address.strip().rstrip("/")
    shown = "localhost" if host in _LOOPBACK else host
    known = "" if port is None or port == _PORTS.get(parts.scheme) else f":{port}"
    query = f"?{hashlib.sha256(parts.query.encode()).hexdigest()[:8]}" if parts.query else ""
    return f"{parts.scheme}://{shown}{known}{parts.path.rstrip('/')}{query}".replace(" ", "%20")


def _folder(folder: Path) -> str:
    """A folder of weights: other weights under the same path are another model."""
    files = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.is_file():
            state = path.stat()
            files.update(f"{path.name} {state.st_size} {int(state.st_mtime)}\n".encode())
    return f"{folder.resolve().as_uri()}#{files.hexdigest()[:12]}"


def old_call_key(config: ModelConfig, options: dict[str, Any], request: Request) -> str:
    """The key of version 0.1, of which neither name nor address were a part."""
    return _digest(_content(config, options, request) | {"version": 1})


def _content(config: ModelConfig, options: dict[str, Any], request: Request) -> dict[str, Any]:
    asked: dict[str, Any] = {
        "provider": config.provider,
        "model": config.model,
        "revision": config.revision,
        "max_output_tokens": config.max_output_tokens,
        "temperature": request.temperature_of(config),
        "seed": config.seed,
        "options": options,
        "schema": request.response_schema,
        "messages": _messages(request),
    }
    if request.response_regex is not None:  # absent otherwise, so that answers kept before there was one are found
        asked["regex"] = request.response_regex
    if request.samples > 1:
        asked["samples"] = request.samples
    if request.sample:
        asked["sample"] = request.sample
    return asked


def _messages(request: Request) -> list[list[Any]]:
    return [[message.role, [_part(part) for part in message.parts]] for message in request.messages]


def _digest(content: dict[str, Any]) -> str:
    return hashlib.sha256(_written(content)).hexdigest()


def _written(content: object) -> bytes:
    return msgspec.json.encode(content, order="deterministic")


def _part(part: TextPart | PicturePart) -> list[str | None]:
    if isinstance(part, TextPart):
        return ["text", part.text]
    return ["picture", part.picture.sha256 if part.picture else None]
