"""Readings that are kept beside a run save reading, and change nothing."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from lightemma.evaluation.reasoning import kept_readings
from lightemma.evaluation.reasoning.kept_readings import FILE
from lightemma.evaluation.reasoning.ledger import ReadTexts
from lightemma.evaluation.reasoning.rules import RuleReader

INTENTS = ["The ego car should slow down and stop.", None, "It should keep its speed.", "Turn left at 3 m/s.", " "]
SCENES = ["A red light is ahead. A person crosses.", "No traffic lights.", None, "It rains.", "Smörgåsbord \ud800"]


class Counting(RuleReader):
    """The rules, with a count of the texts that were read."""

    read = 0

    def read_intent(self, text):
        self.read += 1
        return super().read_intent(text)

    def read_scene(self, text):
        self.read += 1
        return super().read_scene(text)


@pytest.fixture(autouse=True)
def _few(monkeypatch):
    monkeypatch.setattr(kept_readings, "FEWEST", 1)


def _read(folder: Path | None, version: str | None = "1") -> tuple[int, object]:
    reader = Counting()
    reader.version = version
    found = ReadTexts(reader).read(INTENTS, SCENES, folder)
    return reader.read, found


def test_a_second_time_nothing_is_read_and_everything_is_the_same(tmp_path):
    plain = _read(None)[1]
    assert _read(tmp_path) == (7, plain)
    assert _read(tmp_path) == (0, plain)
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600


def test_another_version_and_another_text_are_read_anew(tmp_path):
    _read(tmp_path)
    count, found = _read(tmp_path, "2")
    assert (count, found) == (7, _read(None)[1])
    assert _read(tmp_path, "1")[0] == 7, "the file belongs to the last reader"
    assert ReadTexts(RuleReader()).read(["It should speed up."], [None], tmp_path) == (
        ReadTexts(RuleReader()).read(["It should speed up."], [None])
    )


def _forged(**changes: object) -> bytes:
    text = kept_readings.digest(INTENTS[0])
    intent = ["accelerate", "left", None, [], [], [0, 5]]
    for place, value in changes.items():
        intent[int(place[1:])] = value
    return msgspec.msgpack.encode({"version": "rules 1", "intents": {text: intent}, "scenes": {}})


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xc1" * 9,
        b"\x91" * 5000,
        msgspec.msgpack.encode({"version": "rules 1"}),
        _forged(_0="fly"),
        _forged(_2="fast"),
        _forged(_2=float("nan")),
        _forged(_3=["ghost"]),
        _forged(_5=[0, 10**6]),
        _forged(_5=[-3, 2]),
    ],
)
def test_what_is_damaged_or_cannot_be_is_read_anew(tmp_path, content):
    plain = _read(None)[1]
    (tmp_path / FILE).write_bytes(content)
    assert _read(tmp_path) == (7, plain)
    assert _read(tmp_path) == (0, plain), "and written anew"


def test_a_folder_that_cannot_be_written_to_is_no_matter(tmp_path):
    assert _read(tmp_path / "missing") == (7, _read(None)[1])


def test_readers_without_a_version_and_few_texts_keep_nothing(tmp_path, monkeypatch):
    _read(tmp_path, None)
    monkeypatch.setattr(kept_readings, "FEWEST", 400)
    _read(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_version_of_the_rules_is_of_their_files():
    assert RuleReader().version == RuleReader().version is not None
