"""Answers survive the process, and two calls share an answer only if nothing that matters differs."""

import os
import signal
import sqlite3
import subprocess
import sys
from dataclasses import replace

import pytest

from lightemma.backends.base import Completion, Message, PicturePart, Request, TextPart
from lightemma.backends.config import ModelConfig
from lightemma.calls.cache import VERSION, ResponseCache, call_key
from lightemma.errors import UserError
from lightemma.frame import Picture
from lightemma.run_folder.records import Usage

CONFIG = ModelConfig(name="m", provider="openai-compatible", model="some/model", base_url="http://localhost:1/v1")
PICTURE = Picture(b"x", "image/jpeg", (1, 1), "aa")
REQUEST = Request((Message("user", (PicturePart(PICTURE), TextPart("what?"))),), "token", "scene")
ANSWER = Completion("yes", Usage(10, 2, 3, 1, "api", 4), "length", "some/model-2", 1.5)


def test_what_was_put_is_there_after_opening_again(tmp_path):
    with ResponseCache(tmp_path / "c.sqlite") as cache:
        assert cache.get("k") is None
        cache.put("k", "m", ANSWER)
    with ResponseCache(tmp_path / "c.sqlite") as cache:
        assert cache.get("k") == ANSWER
        assert len(cache) == 1


def test_an_answer_survives_a_killed_process(tmp_path):
    code = (
        "import os, signal, sys; from pathlib import Path\n"
        "from lightemma.backends.base import Completion; from lightemma.calls.cache import ResponseCache\n"
        "cache = ResponseCache(Path(sys.argv[1]))\n"
        "for i in range(50): cache.put(str(i), 'm', Completion(f'answer {i}'))\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "c.sqlite")], check=False)
    assert done.returncode == -signal.SIGKILL
    with ResponseCache(tmp_path / "c.sqlite") as cache:
        assert [cache.get(str(i)).text for i in range(50)] == [f"answer {i}" for i in range(50)]


@pytest.mark.parametrize(
    ("config", "request_"),
    [
        ({"model": "other"}, {}),
        ({"provider": "openai"}, {}),
        ({"revision": "abc"}, {}),
        ({"temperature": 0.5}, {}),
        ({"temperature": None}, {}),
        ({"max_output_tokens": 9}, {}),
        ({"seed": 1}, {}),
        ({}, {"messages": (Message("user", (PicturePart(PICTURE), TextPart("what? "))),)}),
        ({}, {"messages": (Message("user", (TextPart("what?"), PicturePart(PICTURE))),)}),
        ({}, {"messages": (Message("system", (PicturePart(PICTURE), TextPart("what?"))),)}),
        ({}, {"messages": (Message("user", (PicturePart(replace(PICTURE, sha256="bb")), TextPart("what?"))),)}),
        ({}, {"response_schema": {"type": "object"}}),
    ],
)
def test_everything_that_can_change_an_answer_changes_the_key(config, request_):
    assert call_key(CONFIG.model_copy(update=config), {}, replace(REQUEST, **request_)) != call_key(CONFIG, {}, REQUEST)


def test_options_change_the_key_and_what_cannot_matter_does_not():
    key = call_key(CONFIG, {}, REQUEST)
    assert call_key(CONFIG, {"effort": "high"}, REQUEST) != key
    assert call_key(CONFIG.model_copy(update={"base_url": "http://elsewhere/v1", "name": "n"}), {}, REQUEST) == key
    assert call_key(CONFIG, {}, replace(REQUEST, sample_token="other", stage="intent", place=2)) == key


def test_answers_stored_by_0_1_are_found():
    config = ModelConfig(name="vlm", provider="openai", model="gpt-4o", revision="r", seed=7)
    picture = PicturePart(Picture(b"x", "image/jpeg", (1, 1), "ab" * 32))
    ask = Message("user", (picture, TextPart("What is ahead?")))
    turns = tuple(
        Message(role, (TextPart(text),))
        for role, text in (("user", "What is ahead?"), ("assistant", "A road."), ("user", "So?"))
    )
    # Computed by version 0.1.0.
    assert call_key(config, {"effort": "high"}, Request((ask,), "token", "scene", None, "a+")) == (
        "cad792acc1c93d1779bb47b17325a60306227d2c402c46aac4a47c6301f9eeba"
    )
    assert call_key(config, {}, Request(turns, "token", "action", {"type": "object"})) == (
        "d8f43ce8e2f259117245c72beac3b69f3dfd5e218c278cc2f7bdc8ff54114266"
    )


def test_a_newer_file_is_refused_and_left_as_it_is(tmp_path):
    path = tmp_path / "c.sqlite"
    with sqlite3.connect(path) as database:
        database.execute(f"PRAGMA user_version = {VERSION + 1}")
    with pytest.raises(UserError, match="newer lightemma"):
        ResponseCache(path)
    with sqlite3.connect(path) as database:
        assert database.execute("SELECT name FROM sqlite_master").fetchall() == []


def test_a_file_of_another_kind_is_refused(tmp_path):
    path = tmp_path / "c.sqlite"
    path.write_bytes(b"this is no database, but long enough to be looked at" * 40)
    with pytest.raises(UserError, match="cannot be used"):
        ResponseCache(path)


def test_a_place_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "c.sqlite").mkdir()
    with pytest.raises(UserError, match="cannot be used"):
        ResponseCache(tmp_path / "c.sqlite")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write read-only files")
def test_a_read_only_file_is_refused(tmp_path):
    path = tmp_path / "c.sqlite"
    ResponseCache(path).close()
    path.chmod(0o400)
    with pytest.raises(UserError, match="cannot be used"):
        ResponseCache(path)
