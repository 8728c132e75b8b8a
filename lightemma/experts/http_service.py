"""Any HTTP service as an expert: a YAML with its card and its address; it gets JSON and answers with JSON."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import Any

from pydantic import Field

from lightemma.direct_http import direct_opener, read_body
from lightemma.experts.base import Box, Card, Expert, Found, Question
from lightemma.experts.card_file import CardFile, check_address, not_valid, read_card_file
from lightemma.experts.found_check import Rubbish

#: Bytes of a service's answer.
_MOST_BYTES = 1_000_000
_FIELDS = ("label", "score", "left", "top", "right", "bottom")


class ServiceFile(CardFile):
    """What a service's YAML may say: a card, and where the service is."""

    url: str = Field(description="http or https address that takes a POST of JSON")
    inputs: list[str] = Field(default=["picture"])
    outputs: list[str] = Field(default=["words"])
    usual: dict[str, str] = Field(default={"picture": "picture"})


class HttpService(Expert):
    """An expert behind an HTTP address.

    It is sent ``{"task": …, "pictures": {name: {"media_type": …, "base64": …}}, "boxes": {name: [{…}]}, "numbers": {name: {…}},
    "words": {name: …}}`` and answers ``{"words": …, "boxes": [{"label", "score", "left", "top", "right", "bottom"}], "numbers":
    {…}}``; only the words are required. It is told nothing of the frame but that.

    Args:
        card: of the service.
        url: its address.
    """

    def __init__(self, card: Card, url: str) -> None:
        self.card = card
        self._url = url

    @classmethod
    def from_file(cls, path: str) -> HttpService:
        """The service that a YAML describes.

        Raises:
            UserError: if the file cannot be read, or describes none.
        """
        read = read_card_file(path, ServiceFile)
        outputs: Any = tuple(read.outputs)
        try:
            card = read.card("http", inputs=tuple(read.inputs), outputs=outputs, usual=read.usual)
            check_address(read.url)
        except ValueError as error:
            raise not_valid(path, error) from error
        return cls(card, read.url)

    def look(self, question: Question) -> Found:
        """Sends the question and reads the answer.

        Raises:
            Rubbish: if the answer is not of that form.
            OSError: if the service cannot be reached, or answers with an error.
        """
        body = json.dumps(_sent(self.card.task, question)).encode()
        request = urllib.request.Request(self._url, body, {"Content-Type": "application/json"})
        # In this process's time-out, so that a thread is not left waiting for a service that says nothing.
        try:
            with direct_opener().open(request, timeout=self.card.timeout_s) as answer:
                data = read_body(answer, _MOST_BYTES, self.card.timeout_s)
        except urllib.error.HTTPError as error:
            raise OSError(f"the service answered with status {error.code}") from error
        if len(data) > _MOST_BYTES:
            raise Rubbish(f"it answered with more than {_MOST_BYTES:,} bytes")
        return _read(data)


def _sent(task: str, question: Question) -> dict[str, Any]:
    return {
        "task": task,
        "pictures": {
            name: {"media_type": one.media_type, "base64": one.base64} for name, one in question.pictures.items()
        },
        "boxes": {name: sent_boxes(boxes) for name, boxes in question.boxes.items()},
        "numbers": {name: dict(values) for name, values in question.numbers.items()},
        "words": dict(question.words),
    }


def _read(data: bytes) -> Found:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Rubbish("it did not answer with JSON") from error
    return found_in(value)


def sent_boxes(boxes: Sequence[Box]) -> list[dict[str, Any]]:
    """Boxes as JSON."""
    return [{key: getattr(box, key) for key in _FIELDS} for box in boxes]


def found_in(value: object) -> Found:
    """A finding from JSON that others wrote.

    Raises:
        Rubbish: if it is not of that form.
    """
    if not isinstance(value, dict) or not {"words"} <= set(value) <= {"words", "boxes", "numbers"}:
        raise Rubbish("its JSON is not an object with words, and perhaps boxes and numbers")
    boxes = value.get("boxes", [])
    if not isinstance(boxes, list) or not all(isinstance(box, dict) and set(box) == set(_FIELDS) for box in boxes):
        raise Rubbish("its boxes are not objects with label, score, left, top, right and bottom")
    return Found(value["words"], tuple(Box(**box) for box in boxes), value.get("numbers", {}))
