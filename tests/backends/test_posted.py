"""Bodies are sent as they are: the JSON that the SDK itself would have written."""

from __future__ import annotations

import asyncio
import json
import math
from datetime import date, datetime

import pytest

from lightemma.backends.http.openai_wire import data_url, written_url
from lightemma.backends.http.sdk_calls import posted
from lightemma.frame import Picture


class Client:
    async def post(self, path, *, cast_to, content=None, options=None):
        self.sent = path, content, options


class OldClient:
    async def post(self, path, *, cast_to, body=None, options=None):
        self.sent = path, body, options


def sent(body, client=None):
    client = client or Client()
    asyncio.run(posted(client, "/chat/completions", body, "messages"))
    return client.sent


@pytest.mark.parametrize("kind", [Client, OldClient])
def test_the_body_arrives_with_every_value(kind):
    turns = [{"role": "user", "content": [{"type": "text", "text": 'é "quoted" \\ \x07 \N{AUTOMOBILE}'}]}]
    body = {"model": "m", "messages": turns, "temperature": 0.1, "n": None, "extra": {"é": [True, 10**20]}}
    path, content, options = sent(body, kind())
    assert path == "/chat/completions"
    assert json.loads(content) == body
    assert list(options["headers"].values()) == ["true"]


def test_values_of_a_yaml_are_written_as_the_sdk_writes_them():
    _, content, _ = sent({"messages": [], "since": datetime(2026, 1, 2, 3)})
    assert json.loads(content) == {"messages": [], "since": "2026-01-02T03:00:00"}
    with pytest.raises(ValueError, match="JSON compliant"):
        sent({"messages": [], "top_p": math.nan})
    with pytest.raises(TypeError, match="not JSON serializable"):
        sent({"messages": [], "day": date(2026, 1, 2)})
    with pytest.raises(UnicodeEncodeError):
        sent({"messages": [{"role": "user", "content": "\ud800"}]})


@pytest.mark.parametrize(
    "picture",
    [
        Picture(bytes(range(256)), "image/jpeg", (1, 1), "aa"),
        Picture(b"x", 'image/"odd', (1, 1), "aa"),
        Picture(b"", "image/png", (0, 0), "aa", url='https://x/"a"'),
    ],
    ids=["usual", "odd type", "address"],
)
def test_a_picture_that_is_copied_arrives_as_one_that_is_written(picture):
    _, copied, _ = sent({"messages": [{"url": written_url(picture)}, {"url": written_url(picture)}]})
    _, written, _ = sent({"messages": [{"url": data_url(picture)}] * 2})
    assert copied == written
