"""Odd server answers that others collected: each ends in a failure with its name, or in an answer, as is right."""

from __future__ import annotations

import asyncio
import json
import ssl

import pytest

from tests.fake_providers.dialects import OPENAI
from tests.fake_providers.fault_kinds import ENDS, Kind
from tests.fake_providers.matrix import Ended, matrix
from tests.fake_providers.raw import plain
from tests.shared_data import SHARED, needs_shared

CASES = SHARED / "cases" / "http.jsonl"

#: Words of a case's kind -> the ends that are right; the first that fits.
RIGHT: tuple[tuple[str, frozenset[str]], ...] = (
    ("moderation", frozenset({"call:content_filter"})),
    ("finish reason", frozenset({"call:content_filter", "call:refused"})),
    ("error inside", frozenset({"call:server_error", "call:timeout", "call:overloaded"})),
    ("reasoning", frozenset({"call:reasoning_only"})),
    ("too large", frozenset({"call:bad_request"})),
    ("token counts", frozenset({"ok"})),
    ("same 4", frozenset({ENDS})),
    ("thinking", frozenset({"ok"})),
)


def cases() -> list[dict]:
    return [json.loads(line) for line in CASES.read_text(encoding="utf-8").splitlines()] if CASES.exists() else []


def right(case: dict) -> frozenset[str]:
    """The ends that are right; those that the case itself names, where it does."""
    for words, ends in RIGHT:
        if words in case["kind"]:
            return ends
    pytest.fail(f"the table has no line for the kind '{case['kind']}'")


def ended(tmp_path, case: dict) -> Ended:
    """What the last question ended in."""
    answer = case["response"]
    asks = 20 if right(case) == {ENDS} else 1
    kind = Kind(case["kind"], "shared", lambda _: [plain(answer["body"], answer["status"])], "ok", asks=asks)
    (row,) = asyncio.run(matrix([kind], tmp_path, [OPENAI]))
    return row.ended[OPENAI.name]


@needs_shared(CASES)
@pytest.mark.parametrize("case", cases(), ids=lambda case: case["kind"])
def test_a_case_ends_as_is_right(tmp_path, monkeypatch, case):
    pytest.importorskip("openai")
    monkeypatch.setattr(ssl, "create_default_context", lambda *_, **__: ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    one = ended(tmp_path, case)
    assert one.outcome in right(case), one
    assert one.kept == (one.outcome == "ok")
    if "token counts" in case["kind"]:
        assert one.usage is None or one.usage.source == "estimate"
    if one.outcome == ENDS:
        assert case["response"]["body"]["error"]["message"] in one.message
        assert "temperature: null" in one.message
