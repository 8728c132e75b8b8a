"""Questions to a server from its own machine: whether it is well, what it serves, whether it answers, what it counted."""

from __future__ import annotations

import base64
import io
import json
import re
import urllib.error
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any

#: vLLM's counters -> our names. Those of other engines are not read.
_COUNTERS = {
    "vllm:prompt_tokens_total": "input_tokens",
    "vllm:generation_tokens_total": "output_tokens",
    "vllm:prefix_cache_queries_total": "prefix_cache_asked",
    "vllm:prefix_cache_hits_total": "prefix_cache_found",
    "vllm:mm_cache_queries_total": "picture_cache_asked",
    "vllm:mm_cache_hits_total": "picture_cache_found",
    "vllm:request_success_total": "requests",
}
_SAMPLE = re.compile(r"^([A-Za-z_:][\w:]*)(?:\{[^}]*\})?\s+([0-9.eE+-]+)", re.MULTILINE)


class Unanswered(Exception):  # noqa: N818 -- whether it is an error is the asker's to say
    """The server did not answer as it should; the words say how."""

    def __init__(self, words: str, status: int | None = None) -> None:
        super().__init__(words)
        self.status = status


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server answers.

    Attributes:
        root: ``http://host:port``.
        key: what it wants as a key, or None.
    """

    root: str
    key: str | None = None

    @property
    def base_url(self) -> str:
        """As OpenAI's client wants it."""
        return f"{self.root}/v1"

    def get(self, path: str, timeout_s: float) -> bytes:
        """The body at a path.

        Raises:
            Unanswered: if there is none, or not with status 200.
        """
        return self._ask(urllib.request.Request(self.root + path), timeout_s)

    def post(self, path: str, body: dict[str, Any], timeout_s: float) -> Any:
        """What the server answers to JSON, as read from JSON.

        Raises:
            Unanswered: if it does not.
        """
        request = urllib.request.Request(
            self.root + path, json.dumps(body).encode(), {"Content-Type": "application/json"}, method="POST"
        )
        answer = self._ask(request, timeout_s)
        try:
            return json.loads(answer)
        except ValueError:
            raise Unanswered(f"no JSON from {path}: {answer[:200]!r}") from None

    def _ask(self, request: urllib.request.Request, timeout_s: float) -> bytes:
        if self.key:
            request.add_header("Authorization", f"Bearer {self.key}")
        # The server is on this machine: a proxy set for the outside has nothing to do with it.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=timeout_s) as response:
                body: bytes = response.read()
                return body
        except urllib.error.HTTPError as error:
            words = error.read()[:2000].decode("utf-8", errors="replace")
            raise Unanswered(f"HTTP {error.code}: {_sentence(words)}", error.code) from None
        except (OSError, HTTPException) as error:
            raise Unanswered(f"{type(error).__name__}: {error}") from None


def is_well(address: Address, timeout_s: float) -> bool:
    """Whether ``/health`` says that the server is up."""
    try:
        address.get("/health", timeout_s)
    except Unanswered:
        return False
    return True


def served_names(address: Address, timeout_s: float) -> list[str]:
    """Names of the models that ``/v1/models`` lists.

    Raises:
        Unanswered: if it lists none.
    """
    body = address.get("/v1/models", timeout_s)
    try:
        return [str(model["id"]) for model in json.loads(body)["data"]]
    except (ValueError, KeyError, TypeError):
        raise Unanswered(f"/v1/models answers no list: {body[:200]!r}") from None


def ask_something(address: Address, model: str, timeout_s: float, *, picture: bool) -> None:
    """One short request, with a small picture if wanted; what it answers is of no interest.

    Raises:
        Unanswered: if there is no answer.
    """
    content: list[dict[str, Any]] = [{"type": "text", "text": "Say yes."}]
    if picture:
        content.insert(0, {"type": "image_url", "image_url": {"url": _small_picture()}})
    body = {"model": model, "messages": [{"role": "user", "content": content}], "max_tokens": 2, "temperature": 0}
    answer = address.post("/v1/chat/completions", body, timeout_s)
    if not (isinstance(answer, dict) and answer.get("choices")):
        raise Unanswered(f"no answer in {str(answer)[:200]}")


def counters(address: Address, timeout_s: float) -> dict[str, int] | None:
    """What the server has counted since its start, or None if it does not say."""
    try:
        text = address.get("/metrics", timeout_s).decode("utf-8", errors="replace")
    except Unanswered:
        return None
    return read_counters(text)


def read_counters(text: str) -> dict[str, int] | None:
    """Counters out of Prometheus' text format, those of several engines added up; None if there are none that are known."""
    totals: dict[str, int] = {}
    for name, value in _SAMPLE.findall(text):
        if name in _COUNTERS:
            totals[_COUNTERS[name]] = totals.get(_COUNTERS[name], 0) + int(float(value))
    return totals or None


def engine_version(address: Address, timeout_s: float) -> str | None:
    """The engine's version as ``/version`` says it, or None."""
    try:
        return str(json.loads(address.get("/version", timeout_s))["version"])
    except (Unanswered, ValueError, KeyError, TypeError):
        return None


def _small_picture() -> str:
    """A made-up road as a ``data:`` address, large enough for every model's smallest picture."""
    from PIL import Image

    encoded = io.BytesIO()
    picture = Image.new("RGB", (224, 224), (120, 150, 190))
    picture.paste((90, 90, 95), (0, 112, 224, 224))
    picture.save(encoded, "PNG")
    return "data:image/png;base64," + base64.b64encode(encoded.getvalue()).decode("ascii")


def _sentence(words: str) -> str:
    """The sentence in an error's body, where it has one."""
    try:
        body = json.loads(words)
    except ValueError:
        return " ".join(words.split())[:500]
    if isinstance(body, dict):
        inner = body["error"] if isinstance(body.get("error"), dict) else body
        for name in ("message", "detail", "error"):
            if isinstance(inner.get(name), str):
                return " ".join(str(inner[name]).split())[:500]
    return " ".join(words.split())[:500]
