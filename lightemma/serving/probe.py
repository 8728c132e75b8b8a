"""Requests to a server on this machine: its health, its models, a short answer, its counters."""

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

from lightemma.direct_http import direct_opener, read_body

#: A server on this machine answers with less, its counters included.
_LARGEST_BODY = 16_000_000
#: vLLM's counters -> names in lightemma. Those of other engines are not read.
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


class Unanswered(Exception):  # noqa: N818 -- the caller decides whether it is an error
    """The server did not answer as expected; the message says how."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server answers.

    Attributes:
        root: ``http://host:port``.
        key: the key that it needs, or None.
    """

    root: str
    key: str | None = None

    @property
    def base_url(self) -> str:
        """The address for OpenAI's client."""
        return f"{self.root}/v1"

    def get(self, path: str, timeout_s: float) -> bytes:
        """The body at a path.

        Raises:
            Unanswered: if there is no answer, or one with another status than 200.
        """
        return self._ask(urllib.request.Request(self.root + path), timeout_s)

    def post(self, path: str, body: dict[str, Any], timeout_s: float) -> Any:
        """The server's answer to a JSON body, as read from JSON.

        Raises:
            Unanswered: if there is no answer, or one that is not JSON.
        """
        request = urllib.request.Request(
            self.root + path, json.dumps(body).encode(), {"Content-Type": "application/json"}, method="POST"
        )
        answer = self._ask(request, timeout_s)
        try:
            return json.loads(answer)
        except (ValueError, RecursionError):
            raise Unanswered(f"no JSON from {path}: {answer[:200]!r}") from None

    def _ask(self, request: urllib.request.Request, timeout_s: float) -> bytes:
        if self.key:
            request.add_header("Authorization", f"Bearer {self.key}")
        # The server is on this machine: a proxy for other machines must not be used.
        opener = direct_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=timeout_s) as response:
                body = read_body(response, _LARGEST_BODY, timeout_s)
        except urllib.error.HTTPError as error:
            text = error.read(2000).decode("utf-8", errors="replace")
            raise Unanswered(f"HTTP {error.code}: {_sentence(text)}", error.code) from None
        except (OSError, HTTPException) as error:
            raise Unanswered(f"{type(error).__name__}: {error}") from None
        if len(body) > _LARGEST_BODY:
            raise Unanswered(f"more than {_LARGEST_BODY // 1_000_000} megabytes")
        return body


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
    """Sends one short request, with a small picture if ``picture``; the answer's text is not used.

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
    """The server's counters since its start, or None if it has none."""
    try:
        text = address.get("/metrics", timeout_s).decode("utf-8", errors="replace")
    except Unanswered:
        return None
    return read_counters(text)


def read_counters(text: str) -> dict[str, int] | None:
    """Counters from Prometheus' text format, added over several engines; None if no known counter is there."""
    totals: dict[str, int] = {}
    for name, value in _SAMPLE.findall(text):
        if name in _COUNTERS:
            totals[_COUNTERS[name]] = totals.get(_COUNTERS[name], 0) + int(float(value))
    return totals or None


def engine_version(address: Address, timeout_s: float) -> str | None:
    """The engine's version by ``/version``, or None."""
    try:
        return str(json.loads(address.get("/version", timeout_s))["version"])
    except (Unanswered, ValueError, RecursionError, KeyError, TypeError):
        return None


def _small_picture() -> str:
    """A made-up road as a ``data:`` address, large enough for every model's smallest picture."""
    from PIL import Image

    encoded = io.BytesIO()
    picture = Image.new("RGB", (224, 224), (120, 150, 190))
    picture.paste((90, 90, 95), (0, 112, 224, 224))
    picture.save(encoded, "PNG")
    return "data:image/png;base64," + base64.b64encode(encoded.getvalue()).decode("ascii")


def _sentence(text: str) -> str:
    """The message in an error's body, if it has one."""
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return " ".join(text.split())[:500]
    if isinstance(body, dict):
        inner = body["error"] if isinstance(body.get("error"), dict) else body
        for name in ("message", "detail", "error"):
            if isinstance(inner.get(name), str):
                return " ".join(str(inner[name]).split())[:500]
    return " ".join(text.split())[:500]
