"""Keys that a server sends back are starred wherever they could be seen: answers, failures, records, cache, log, terminal."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import sqlite3
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest
import yaml

from lightemma import redaction
from lightemma.backends.base import CallError, Completion
from lightemma.calls.cache import ResponseCache
from lightemma.calls.identity import Asked
from lightemma.cli.output import SafeFormatter, harmless
from lightemma.redaction import STARS, remember, remember_environment, starred
from tests.fake_providers.replies import Reply, answer
from tests.fake_providers.running import ReplyServer

KEY = "sk-proj-Zq8vN2xW7rT4yB1mK9cD5fGh"


@pytest.fixture(autouse=True)
def _known():
    before = dict(redaction._secrets)
    remember(KEY)
    yield
    redaction._secrets.clear()
    redaction._secrets.update(before)


def _coded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


ECHOES = {
    "plain": KEY,
    "bearer": f"Bearer {KEY}",
    "base64": _coded(KEY),
    "base64 of a login": _coded(f"user:{KEY}"),
    "base64 of a header": _coded(f"Authorization: Bearer {KEY}\r\n"),
    "base64 for addresses": base64.urlsafe_b64encode(f"x{KEY}".encode()).decode(),
    "hex": KEY.encode().hex(),
    "address": quote(f"https://x/?key={KEY}&a=1"),
    "two halves": f'["{KEY[:16]}", "{KEY[16:]}"]',
    "two fields": f'{{"begin": "{KEY[:14]}", "then": 1, "end": "{KEY[14:]}"}}',
    "lines": "\n".join(KEY),
    "pieces of two": ", ".join(f'"{KEY[at : at + 2]}"' for at in range(0, len(KEY), 2)),
    "escaped": "".join(f"\\u00{ord(letter):02x}" for letter in KEY),
    "entities": "".join(f"&#{ord(letter)};" for letter in KEY),
    "repeated": f"{KEY} {KEY}{KEY}",
    "cut": f"Incorrect API key: {KEY[:20]}...",
}


def pieces(text: str) -> list[str]:
    """What is left of the key, or of a form of it, in a text: any ten characters in a row."""
    forms = [KEY, KEY.encode().hex(), _coded(KEY).rstrip("="), _coded("x" + KEY)[2:-3], _coded("xx" + KEY)[3:-3]]
    return [form[at : at + 10] for form in forms for at in range(len(form) - 9) if form[at : at + 10] in text]


@pytest.mark.parametrize("echo", ECHOES.values(), ids=ECHOES)
def test_no_form_of_a_key_is_left(echo):
    said = starred(f"before {echo} after")
    assert STARS in said
    assert pieces(said) == []
    assert said.startswith("before ")
    assert said.endswith(" after")


@pytest.mark.parametrize("echo", ECHOES.values(), ids=ECHOES)
def test_nor_in_an_answer_a_failure_or_a_log(echo):
    for text in (
        Completion(echo, model=echo).text,
        Completion("x", model=echo).model or "",
        CallError("auth", echo).message,
        str(CallError("auth", echo)),
        SafeFormatter("%(message)s").format(logging.LogRecord("x", 10, "f", 1, "%s", (echo,), None)),
        harmless(f"ValueError: {echo}"),
    ):
        assert pieces(text) == []
        assert STARS in text


@pytest.mark.parametrize(
    "text",
    [
        "[(5.0, 0.001), (5.0, 0.001), (12.345678, -0.0123456789)]",
        "The car drives straight on; sk is the country code of Slovakia.",
        "A project key, a proj, Zq8v and 2xW7.",
        "",
    ],
)
def test_ordinary_answers_stay(text):
    assert starred(text) == text


@pytest.mark.parametrize("word", ["", "EMPTY", "none", "test", None])
def test_words_that_serve_as_keys_are_left(word):
    remember(word)
    assert starred(f"It is {word}, none of the test, EMPTY.") == f"It is {word}, none of the test, EMPTY."


def test_keys_of_digits_spoil_no_numbers():
    remember("123456789012345678901234567890")
    assert starred("(1.1234567890123, 0.5)") == "(1.1234567890123, 0.5)"
    assert starred("key 123456789012345678901234567890!") == f"key {STARS}!"


def test_keys_of_the_environment():
    remember_environment({"SOME_API_KEY": "abcd-efgh-1234-5678 ", "OTHER": "visible-visible-1"})
    assert starred("abcd-efgh-1234-5678 visible-visible-1") == f"{STARS} visible-visible-1"


def test_an_answer_in_several_parts_is_starred_as_a_whole(monkeypatch):
    parts = [{"type": "text", "text": KEY[at : at + 3]} for at in range(0, len(KEY), 3)]
    monkeypatch.setenv("ECHO_KEY", KEY)
    from lightemma.backends.config import ModelConfig
    from lightemma.backends.openai_compatible import OpenAICompatibleBackend
    from tests.backends.kit import request, turn, using

    with ReplyServer(answer(parts)) as server:
        config = ModelConfig(
            name="m", provider="openai-compatible", model="m", base_url=server.base_url, api_key_env="ECHO_KEY"
        )
        backend = OpenAICompatibleBackend(config)
        assert asyncio.run(using(backend, lambda b: b.generate(request(turn("a"))))).text == STARS


def test_the_cache_gives_none_back(tmp_path):
    cache = ResponseCache(tmp_path / "responses.sqlite")
    asked = Asked("k", frozenset(), "s", False, None, "m")
    cache.put(asked, Completion(f"it is {KEY}"))
    assert cache.get(asked) == Completion(f"it is {STARS}")
    cache.close()
    with sqlite3.connect(tmp_path / "responses.sqlite") as database:
        assert KEY not in str(database.execute("SELECT * FROM answers").fetchall())


def command(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    root = str(Path(__file__).parents[1])
    return subprocess.run(
        [sys.executable, "-m", "lightemma", *words],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": root, "ECHO_KEY": KEY, "HOME": str(folder), "NO_PROXY": "*"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("echo", ["plain", "base64 of a login", "two halves"])
def test_a_command_shows_neither_key_nor_picture(tmp_path, echo):
    """Asked with ``--debug`` and a picture: once answered with the key, once refused with it."""
    from PIL import Image

    Image.effect_noise((320, 200), 90).convert("RGB").save(tmp_path / "p.jpg")
    picture = base64.b64encode((tmp_path / "p.jpg").read_bytes()).decode()
    error = json.dumps({"error": {"message": f"you sent {ECHOES[echo]} and {picture[:3000]}", "code": "bad"}}).encode()
    with ReplyServer(answer(f"\x1b[2Jyou sent {ECHOES[echo]}\u202e"), Reply(400, error)) as server:
        model = {
            "name": "m", "provider": "openai-compatible", "model": "m", "base_url": server.base_url, "api_key_env": "ECHO_KEY",
        }  # fmt: skip
        (tmp_path / "m.yaml").write_text(yaml.safe_dump(model))
        for status in (0, 1):
            done = command(tmp_path, "ask", "./m.yaml", "What is this?", "--image", "p.jpg", "--debug")
            said = done.stdout + done.stderr
            assert len(server.requests) == status + 1, said
            assert pieces(said) == []
            assert STARS in said
            assert picture[100:160] not in said
            assert "\x1b" not in said
            assert "\u202e" not in said
            assert (done.returncode == 0) == (status == 0)


def test_a_traceback_is_for_debug_only_and_ends_in_the_sentence(tmp_path):
    plain = command(tmp_path, "ask", "./none.yaml", "hi")
    deep = command(tmp_path, "ask", "./none.yaml", "hi", "--debug")
    assert plain.returncode == deep.returncode == 2
    assert "Traceback" not in plain.stderr
    assert "Traceback" in deep.stderr
    assert deep.stderr.splitlines()[-1] == plain.stderr.splitlines()[-1]


def test_a_text_is_starred_by_the_keys_that_are_known_now():
    key, text = "sk-ant-0aB9cD8eF7gH6iJ5kL4mN3oP2q", "said sk-ant-0aB9cD8eF7gH6iJ5kL4mN3oP2q twice"
    assert starred(text) == text
    remember(key)
    assert starred(text) == starred(text) == f"said {STARS} twice"


def test_a_key_with_blanks_is_found_in_any_place():
    remember("open the door 1234")
    assert "the door 1234" not in starred("he says: open the door 1234, and goes")
