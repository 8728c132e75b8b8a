"""Kinds of server faults with the real packages of three families: `scripts/fault_matrix.py` runs all of them."""

from __future__ import annotations

import asyncio
import ssl

import pytest

from tests.fake_providers.dialects import OPENAI
from tests.fake_providers.fault_kinds import ENDS, Kind, kinds
from tests.fake_providers.matrix import Row, matrix
from tests.fake_providers.raw import plain

#: What is quick; statuses, waits and slow servers are left to the script.
GROUPS = {"half characters", "too much", "packed", "model", "counts", "JSON", "list of answers", "error body"}
#: What three seconds of compressing would show no better than one of them does.
LEFT_OUT = {
    "deflate of 3.7 GB",
    "plain deflate of 3.7 GB",
    "X-GZip of 3.7 GB",
    "spaces for ever",
    "a body without an end",
}


@pytest.fixture(autouse=True)
def local(monkeypatch: pytest.MonkeyPatch) -> None:
    """No certificates are read."""
    for package in ("openai", "anthropic", "google.genai"):
        pytest.importorskip(package)
    monkeypatch.setattr(ssl, "create_default_context", lambda *_, **__: ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))


def tried(tmp_path, *some: Kind) -> list[Row]:
    return asyncio.run(matrix(some, tmp_path))


def test_what_is_no_answer_fails_one_call_and_is_kept_nowhere(tmp_path):
    some = [kind for kind in kinds() if kind.group in GROUPS and kind.name not in LEFT_OUT]
    rows = tried(tmp_path, *some)
    assert {row.kind.group for row in rows} == GROUPS
    wrong = [
        (row.kind.group, row.kind.name, name, str(one)) for row in rows for name, one in row.ended.items() if one.wrong
    ]
    assert wrong == []


def test_connections_end_in_connection(tmp_path):
    some = [kind for kind in kinds() if kind.group == "connection" and not kind.impatient]
    assert [row.kind.name for row in tried(tmp_path, *some) if not row.right] == []


def test_the_table_finds_what_is_wrong(tmp_path):
    rows = tried(
        tmp_path,
        Kind("an answer", "test", lambda d: [plain(d.answer())], "call:timeout"),
        Kind("an answer", "test", lambda d: [plain(d.answer())], "ok", requests=2),
        Kind("an answer", "test", lambda d: [plain(d.answer())], "ok", waits=(1.0, 2.0)),
        Kind("an answer", "test", lambda d: [plain(d.answer())], "ok", most_sent=10),
        Kind("an answer", "test", lambda d: [plain(d.answer())], "ok"),
    )
    assert [row.right for row in rows] == [False, False, False, False, True]
    assert "expected call:timeout" in str(rows[0].ended[OPENAI.name])


def test_names_of_kinds_are_different():
    names = [(kind.group, kind.name) for kind in kinds()]
    assert len(set(names)) == len(names) > 300
    assert any(kind.right == ENDS for kind in kinds())
