"""Answers survive the process, and two calls share an answer only if nothing that matters differs."""

import hashlib
import json
import logging
import os
import signal
import sqlite3
import subprocess
import sys
from dataclasses import replace

import pytest
from pydantic import Field

from lightemma.backends.base import Backend, Completion, Message, PicturePart, Request, TextPart
from lightemma.backends.config import ModelConfig
from lightemma.calls.cache import FOREIGN_CLAIM_S, LONGEST_NOTED_S, VERSION, ResponseCache
from lightemma.calls.identity import Asked, Identity, old_call_key
from lightemma.errors import UserError
from lightemma.frame import Picture
from lightemma.run_folder.records import Usage

CONFIG = ModelConfig(name="m", provider="openai-compatible", model="some/model", base_url="http://localhost:1/v1")
OWN_PLACE = ModelConfig(name="m", provider="openai", model="some-model")
PICTURE = Picture(b"x", "image/jpeg", (1, 1), "aa")
REQUEST = Request((Message("user", (PicturePart(PICTURE), TextPart("what?"))),), "token", "scene")
ANSWER = Completion("yes", Usage(10, 2, 3, 1, "api", 4), "length", "some/model-2", 1.5)


class Asking(Backend):
    """Has a configuration, and options that change the answer."""

    class Options(Backend.Options):
        effort: str = "low"

    async def generate(self, request: Request) -> Completion:
        raise NotImplementedError


def asked(config: ModelConfig = CONFIG, request: Request = REQUEST, **changes) -> Asked:
    return Identity(Asking(config.model_copy(update=changes))).asked(request)


def question(text: str, config: ModelConfig = CONFIG) -> Asked:
    return asked(config, replace(REQUEST, messages=(Message("user", (TextPart(text),)),)))


@pytest.fixture
def cache(tmp_path):
    with ResponseCache(tmp_path / "c.sqlite") as opened:
        yield opened


def test_a_question_is_filed_under_all_that_it_says_and_the_same_in_every_version():
    said = asked()
    whole = {
        "provider": "openai-compatible", "model": "some/model", "revision": None, "max_output_tokens": 512,
        "temperature": 0.0, "seed": None, "options": {"effort": "low"}, "schema": None, "version": 2,
        "messages": [["user", [["picture", "aa"], ["text", "what?"]]]],
    }  # fmt: skip
    assert said.key == digest(whole | {"name": "m"})
    assert said.shared == digest(whole | {"same_weights_as": "m"})
    # The second call of a kind is written by the first.
    backend = Identity(Asking(CONFIG))
    for request in (
        REQUEST,
        replace(REQUEST, sample=1),
        replace(REQUEST, temperature=0),
        replace(REQUEST, response_schema={"messages": None}),
    ):
        other = replace(request, messages=(Message("user", (TextPart('"messages":null'),)),))
        for one in (request, other, request):
            assert backend.asked(one) == Identity(Asking(CONFIG)).asked(one)
    assert backend.asked(replace(REQUEST, temperature=0)) != backend.asked(replace(REQUEST, temperature=0.0))


def digest(content: dict[str, object]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def test_what_was_put_is_there_after_opening_again(tmp_path):
    with ResponseCache(tmp_path / "c.sqlite") as cache:
        assert cache.get(asked()) is None
        cache.put(asked(), ANSWER)
    with ResponseCache(tmp_path / "c.sqlite") as cache:
        assert cache.get(asked()) == ANSWER
        assert len(cache) == 1


def test_an_answer_survives_a_killed_process(tmp_path):
    code = (
        "import os, signal, sys; from pathlib import Path\n"
        "from lightemma.backends.base import Completion; from lightemma.calls.cache import ResponseCache\n"
        "from tests.calls.test_cache import question\n"
        "cache = ResponseCache(Path(sys.argv[1]))\n"
        "for i in range(50): cache.put(question(str(i)), Completion(f'answer {i}'))\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "c.sqlite")], check=False)
    assert done.returncode == -signal.SIGKILL
    with ResponseCache(tmp_path / "c.sqlite") as cache:
        assert [cache.get(question(str(i))).text for i in range(50)] == [f"answer {i}" for i in range(50)]


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
        ({"name": "n"}, {}),
        ({"base_url": "http://localhost:2/v1"}, {}),
        ({"base_url": "http://elsewhere:1/v1"}, {}),
        ({"base_url": "https://localhost:1/v1"}, {}),
        ({"base_url": "http://localhost:1/other/v1"}, {}),
        ({"base_url": "http://localhost:1/v1?deployment=b"}, {}),
        ({}, {"messages": (Message("user", (PicturePart(PICTURE), TextPart("what? "))),)}),
        ({}, {"messages": (Message("user", (TextPart("what?"), PicturePart(PICTURE))),)}),
        ({}, {"messages": (Message("system", (PicturePart(PICTURE), TextPart("what?"))),)}),
        ({}, {"messages": (Message("user", (PicturePart(replace(PICTURE, sha256="bb")), TextPart("what?"))),)}),
        ({}, {"response_schema": {"type": "object"}}),
    ],
)
def test_whatever_can_change_an_answer_keeps_it_from_being_used(cache, config, request_):
    cache.put(asked(), ANSWER)
    other = asked(CONFIG.model_copy(update=config), replace(REQUEST, **request_))
    assert cache.get(other) is None
    assert cache.get(asked()) == ANSWER


def test_options_change_the_answer_and_what_cannot_matter_does_not(cache):
    cache.put(asked(), ANSWER)
    assert cache.get(asked(options={"effort": "high"})) is None
    assert cache.get(asked(request=replace(REQUEST, sample_token="other", stage="intent", place=2))) == ANSWER
    for same in ("http://127.0.0.1:1/v1/", "HTTP://LocalHost:1/v1", "http://user:secret@localhost:1/v1"):
        assert cache.get(asked(base_url=same)) == ANSWER


def test_a_provider_s_own_place_may_be_written_out(cache):
    cache.put(asked(OWN_PLACE), ANSWER)
    assert cache.get(asked(OWN_PLACE, base_url="https://api.openai.com/v1/")) == ANSWER
    assert cache.get(asked(OWN_PLACE, base_url="https://gateway.example/v1")) is None


def several(*urls: str, **changes) -> ModelConfig:
    return ModelConfig(name="m", provider="endpoints", model="some/model", options={"urls": list(urls)}).model_copy(
        update=changes
    )


class Several(Backend):
    """Keeps addresses out of its options' dump, as the backend of several servers."""

    class Options(Backend.Options):
        urls: list[str] = Field(exclude=True)

    async def generate(self, request: Request) -> Completion:
        raise NotImplementedError


def test_servers_named_as_one_model_share_and_no_others(cache):
    def of(config: ModelConfig) -> Asked:
        return Identity(Several(config)).asked(REQUEST)

    one, two, three = "http://a:1/v1", "http://b:1/v1", "http://c:1/v1"
    cache.put(of(several(one, two)), ANSWER)
    assert cache.get(of(several(two, one))) == ANSWER
    assert cache.get(of(several(one, two, three))) == ANSWER, "a server was added"
    assert cache.get(of(several(one))) is None, "the other server may have answered"
    assert cache.get(of(several(one, three))) is None


def test_servers_share_on_purpose(cache):
    first = CONFIG
    second = CONFIG.model_copy(update={"name": "n", "base_url": "http://b:1/v1", "same_weights_as": "m"})
    third = CONFIG.model_copy(update={"name": "o", "base_url": "http://c:1/v1", "same_weights_as": "m"})
    cache.put(asked(first), ANSWER)
    assert cache.get(asked(second)) == cache.get(asked(third)) == ANSWER
    cache.put(question("else?", third), ANSWER)
    assert cache.get(question("else?", second)) == ANSWER
    assert cache.get(question("else?", first)) is None, "it does not say so itself"
    assert cache.get(asked(second, same_weights_as="p")) is None
    assert cache.get(asked(second, model="another")) is None


def test_other_weights_under_the_same_path_are_another_model(cache, tmp_path):
    weights = tmp_path / "weights"
    weights.mkdir()
    (weights / "model.safetensors").write_bytes(b"1")
    config = ModelConfig(name="m", provider="transformers", model=str(weights))
    cache.put(asked(config), ANSWER)
    assert cache.get(asked(config)) == ANSWER
    (weights / "model.safetensors").write_bytes(b"22")
    assert cache.get(asked(config)) is None


def keep_as_0_1(path, config: ModelConfig, text: str = "old") -> None:
    with sqlite3.connect(path) as database:
        database.execute(
            "CREATE TABLE IF NOT EXISTS responses (key TEXT PRIMARY KEY, model TEXT NOT NULL, answer BLOB NOT NULL, "
            "saved TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP) WITHOUT ROWID"
        )
        row = (old_call_key(config, {"effort": "low"}, REQUEST), config.name, f'{{"text":"{text}"}}'.encode())
        database.execute("INSERT INTO responses (key, model, answer) VALUES (?, ?, ?)", row)
        database.execute("PRAGMA user_version = 1")


def test_an_answer_of_0_1_is_used_where_it_can_be_no_other_server_s(tmp_path):
    keep_as_0_1(tmp_path / "c", OWN_PLACE)
    with ResponseCache(tmp_path / "c") as cache:
        assert cache.get(asked(OWN_PLACE)).text == "old"
        assert cache.get(asked(OWN_PLACE, name="n")) is None
        assert cache.get(asked(OWN_PLACE, base_url="https://gateway.example/v1")) is None
        assert cache.holds_old_answers("m")
        assert not cache.holds_old_answers("n")


def test_an_answer_of_0_1_from_an_address_is_not_used(tmp_path):
    keep_as_0_1(tmp_path / "c", CONFIG)
    with ResponseCache(tmp_path / "c") as cache:
        assert cache.get(asked()) is None


def test_answers_stored_by_0_1_are_found():
    config = ModelConfig(name="vlm", provider="openai", model="gpt-4o", revision="r", seed=7)
    picture = PicturePart(Picture(b"x", "image/jpeg", (1, 1), "ab" * 32))
    ask = Message("user", (picture, TextPart("What is ahead?")))
    turns = tuple(
        Message(role, (TextPart(text),))
        for role, text in (("user", "What is ahead?"), ("assistant", "A road."), ("user", "So?"))
    )
    # Computed by version 0.1.0.
    assert old_call_key(config, {"effort": "high"}, Request((ask,), "token", "scene", None, "a+")) == (
        "cad792acc1c93d1779bb47b17325a60306227d2c402c46aac4a47c6301f9eeba"
    )
    assert old_call_key(config, {}, Request(turns, "token", "action", {"type": "object"})) == (
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


def filled(path, count: int = 60) -> None:
    with ResponseCache(path) as cache:
        for n in range(count):
            cache.put(question(f"{n}"), Completion(f"answer {n} " + "x" * 400))


def another_program(path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE notes (words TEXT)")


def same_table_other_columns(path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE responses (id INTEGER, body TEXT)")


def flipped(path, place: float) -> None:
    filled(path)
    data = bytearray(path.read_bytes())
    data[int(place * (len(data) - 1))] ^= 0xFF
    path.write_bytes(data)


DAMAGES = {
    "text": lambda path: path.write_bytes(b"this is no database, but long enough to be looked at" * 40),
    "a picture": lambda path: path.write_bytes(b"\xff\xd8\xff\xe0" + bytes(5000)),
    "short": lambda path: path.write_bytes(b"SQLite"),
    "another program's": another_program,
    "another program's table": same_table_other_columns,
    "cut": lambda path: (filled(path), os.truncate(path, path.stat().st_size * 2 // 3)),
    "its first byte flipped": lambda path: flipped(path, 0.0),
    "its page size flipped": lambda path: (filled(path), path.write_bytes(overwritten(path, 16, b"\x13\x37"))),
    "its version flipped": lambda path: (filled(path), path.write_bytes(overwritten(path, 60, b"\xff\xff"))),
    "a page of zeros": lambda path: (filled(path), path.write_bytes(overwritten(path, 4096, bytes(4096)))),
}


def overwritten(path, place: int, data: bytes) -> bytes:
    before = path.read_bytes()
    return before[:place] + data + before[place + len(data) :]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_file_that_is_no_cache_is_moved_aside_and_the_run_continues(tmp_path, damage, caplog):
    path = tmp_path / "c.sqlite"
    DAMAGES[damage](path)
    before = path.read_bytes()
    with ResponseCache(path) as cache:
        cache.put(question("new"), ANSWER)
        assert cache.get(question("new")) == ANSWER
        for n in range(60):
            kept = cache.get(question(f"{n}"))
            assert kept is None or kept.text.startswith(f"answer {n} ")
    assert (tmp_path / "c.sqlite.damaged-1").read_bytes() == before
    assert "c.sqlite.damaged-1" in caplog.text
    with ResponseCache(path) as cache:
        assert cache.get(question("new")) == ANSWER
    assert not (tmp_path / "c.sqlite.damaged-2").exists()


def test_what_a_damaged_file_still_gives_is_saved(tmp_path):
    path = tmp_path / "c.sqlite"
    filled(path, 200)
    os.truncate(path, path.stat().st_size - 8192)
    with ResponseCache(path) as cache:
        saved = sum(cache.get(question(f"{n}")) is not None for n in range(200))
    assert saved >= 100


@pytest.mark.parametrize("place", [n / 23 for n in range(24)])
def test_no_flipped_answer_is_ever_given(tmp_path, place):
    path = tmp_path / "c.sqlite"
    flipped(path, place)
    with ResponseCache(path) as cache:
        for n in range(60):
            kept = cache.get(question(f"{n}"))
            assert kept is None or kept.text == f"answer {n} " + "x" * 400


def test_a_file_that_is_damaged_while_it_is_used_is_moved_aside(tmp_path):
    path = tmp_path / "c.sqlite"
    filled(path, 300)
    with ResponseCache(path) as cache:
        cache._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        cache._database.execute("PRAGMA cache_size = 0")
        with path.open("r+b") as file:
            file.seek(4096)
            file.write(os.urandom(path.stat().st_size - 4096))
        for n in range(300):
            kept = cache.get(question(f"{n}"))
            assert kept is None or kept.text.startswith(f"answer {n} ")
        cache.put(question("new"), ANSWER)
        assert cache.get(question("new")) == ANSWER


def test_a_locked_file_costs_no_answer(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("lightemma.calls.cache_file._BUSY_S", 0.0)
    path = tmp_path / "c.sqlite"
    with ResponseCache(path) as cache:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        cache.put(asked(), ANSWER)
        cache.put(question("two"), ANSWER)
        assert cache.get(asked()) == ANSWER, "from memory"
        other.execute("ROLLBACK")
        other.close()
    assert [record.getMessage().partition(";")[0] for record in caplog.records] == [
        f"The response cache '{path}' is locked by another program"
    ]
    with ResponseCache(path) as cache:
        assert cache.get(asked()) == cache.get(question("two")) == ANSWER


def test_a_full_disk_is_a_sentence_and_the_answer_is_written_once_there_is_room(tmp_path):
    path = tmp_path / "c.sqlite"
    long = Completion("long " * 100_000)
    with ResponseCache(path) as cache:
        (pages,) = cache._database.execute("PRAGMA page_count").fetchone()
        cache._database.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(UserError, match=r"full.*Make room"):
            cache.put(asked(), long)
        assert cache.get(asked()) == long
        cache._database.execute("PRAGMA max_page_count = 1000000")
    with ResponseCache(path) as cache:
        assert cache.get(asked()) == long


def test_a_call_in_progress_is_claimed_by_one(tmp_path):
    with ResponseCache(tmp_path / "c") as first, ResponseCache(tmp_path / "c") as second:
        assert first.claim(asked()) is None
        assert second.claim(asked()).pid == os.getpid()
        assert first.claim(asked()) is not None, "two frames that ask the same share an answer as well"
        assert second.claim(question("else?")) is None
        second.release(asked())  # not its own
        assert second.claim(asked()) is not None
        first.release(asked())
        assert second.claim(asked()) is None


def test_claims_end_with_their_process(tmp_path):
    code = (
        "import os, signal, sys; from pathlib import Path\n"
        "from lightemma.calls.cache import ResponseCache\n"
        "from tests.calls.test_cache import asked\n"
        "assert ResponseCache(Path(sys.argv[1])).claim(asked()) is None\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    with ResponseCache(tmp_path / "c") as cache:
        done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "c")], check=False)
        assert done.returncode == -signal.SIGKILL
        assert claims(cache) == 1
        with ResponseCache(tmp_path / "c"):
            assert claims(cache) == 0, "what a dead process left is not there for ever"
        assert cache.claim(asked()) is None


def claims(cache: ResponseCache) -> int:
    return cache._database.execute("SELECT COUNT(*) FROM claims").fetchone()[0]


def test_a_claim_that_is_noted_outlives_its_process_as_long_as_the_note(tmp_path):
    note, calls = tmp_path / "run" / "batches.json", [question("a"), question("b")]
    note.parent.mkdir()
    note.write_text('["label-1"]')
    with ResponseCache(tmp_path / "c") as cache:
        assert [cache.claim(one) for one in calls] == [None, None]
        cache.note(calls, note, "label-1")
    with ResponseCache(tmp_path / "c") as cache:
        holders = [cache.claim(one) for one in calls]
        assert all("a batch of the run" in cache.words(holder) for holder in holders)
        assert not cache.is_mine(holders[0])
        cache.release(calls[0])
        assert cache.claim(calls[0]) is not None, "it is not this caller's to end"
        cache.release(calls[0], "label-1")
        assert cache.claim(calls[0]) is None
        note.write_text("[]")
        assert cache.claim(calls[1]) is None


def test_a_noted_claim_expires(tmp_path):
    seconds = [1000.0]
    (tmp_path / "note").write_text("label")
    with ResponseCache(tmp_path / "c", clock=lambda: seconds[0]) as cache:
        cache.claim(asked())
        cache.note([asked()], tmp_path / "note", "label")
        assert cache.claim(asked()) is not None
        seconds[0] += LONGEST_NOTED_S
        assert cache.claim(asked()) is None


def test_claims_of_another_machine_expire_unless_they_are_renewed(tmp_path):
    seconds = [1000.0]
    with ResponseCache(tmp_path / "c", clock=lambda: seconds[0]) as cache:
        assert cache.claim(asked()) is None
        cache._database.execute("UPDATE claims SET host = 'elsewhere', token = 't'")
        cache._claims.clear()
        seconds[0] += FOREIGN_CLAIM_S - 1.0
        assert cache.claim(asked()).words.startswith(f"process {os.getpid()} on elsewhere")
        seconds[0] += 2.0
        assert cache.claim(asked()) is None


def test_a_claim_that_cannot_be_made_is_done_without(tmp_path, monkeypatch):
    monkeypatch.setattr("lightemma.calls.cache_file._BUSY_S", 0.0)
    with ResponseCache(tmp_path / "c") as cache:
        other = sqlite3.connect(tmp_path / "c", isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        assert cache.claim(asked()) is None
        other.close()


def test_a_file_system_without_locks_is_said_and_used(tmp_path, monkeypatch, caplog):
    from lightemma.calls import cache_file

    whole, tried = cache_file._prepare, []

    def prepare(path, database, journal="WAL"):
        tried.append(journal)
        if journal == "WAL":
            raise sqlite3.OperationalError("locking protocol")
        whole(path, database, journal)

    monkeypatch.setattr(cache_file, "_prepare", prepare)
    with caplog.at_level(logging.WARNING), ResponseCache(tmp_path / "c") as cache:
        cache.put(asked(), ANSWER)
        assert cache.get(asked()) == ANSWER
    assert tried == ["WAL", "DELETE"]
    assert "Locks do not work" in caplog.text


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


@pytest.mark.parametrize("change", [{}, {"same_weights_as": "both"}], ids=["alone", "shared"])
def test_an_answer_that_comes_between_the_look_and_the_claim_is_taken(tmp_path, monkeypatch, change):
    mine = asked(**change)
    with ResponseCache(tmp_path / "c") as first, ResponseCache(tmp_path / "c") as second:
        look = first._found

        def late(one):
            monkeypatch.setattr(first, "_found", look)
            assert second.kept_or_claimed(mine) is None
            second.put(mine, ANSWER)

        monkeypatch.setattr(first, "_found", late)
        assert first.kept_or_claimed(mine) == ANSWER


def test_a_call_that_another_makes_is_that_ones(tmp_path):
    with ResponseCache(tmp_path / "c") as first, ResponseCache(tmp_path / "c") as second:
        assert first.kept_or_claimed(asked()) is None
        assert second.kept_or_claimed(asked()).pid == os.getpid()
        assert second.kept_or_claimed(question("else?")) is None
        first.put(asked(), ANSWER)
        assert second.kept_or_claimed(asked()) == ANSWER


@pytest.mark.parametrize("change", [{}, {"same_weights_as": "both"}], ids=["alone", "shared"])
def test_answers_are_found_after_calls_that_were_new(tmp_path, change):
    kept = question("kept?", CONFIG.model_copy(update=change))
    with ResponseCache(tmp_path / "c") as first, ResponseCache(tmp_path / "c") as second:
        second.put(kept, ANSWER)
        for text in ("new?", "newer?"):
            assert first.kept_or_claimed(question(text)) is None
            assert first.kept_or_claimed(kept) == ANSWER
            # Found is not claimed: another one may ask for it anew.
            assert second.claim(kept) is None
            second.release(kept)
        assert second.kept_or_claimed(question("new?")).pid == os.getpid()


def test_an_answer_that_waits_to_be_written_is_found_after_calls_that_were_new(tmp_path):
    locked = sqlite3.connect(tmp_path / "c", isolation_level=None)
    with ResponseCache(tmp_path / "c") as cache:
        cache._database.execute("PRAGMA busy_timeout = 0")
        assert cache.kept_or_claimed(question("new?")) is None
        locked.execute("BEGIN IMMEDIATE")
        cache.put(asked(), ANSWER)
        assert cache.kept_or_claimed(asked()) == ANSWER
        assert cache.kept_or_claimed(question("other?")) is None  # nobody can claim it, so it is asked
        locked.execute("ROLLBACK")
        assert cache.kept_or_claimed(asked()) == ANSWER
    locked.close()
