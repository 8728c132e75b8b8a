"""The answers with their right readings beside the project, where they are."""

from __future__ import annotations

import json

import pytest

from lightemma.parsing import parse_answer
from tests.parsing.plans import read
from tests.shared_data import SHARED, needs_shared

CASES = SHARED / "cases" / "parser.jsonl"
pytestmark = needs_shared(CASES)


def cases() -> list[dict]:
    return [json.loads(line) for line in CASES.read_text(encoding="utf-8").splitlines()] if CASES.exists() else []


@pytest.mark.parametrize("case", [pytest.param(case, id=f"{case['id']} {case['kind']}") for case in cases()])
def test_each_case_is_read_as_it_should_be(case):
    found = read(case["input"], case["tier"], case["answer_format"])
    if case["right"] == "refuse":
        assert isinstance(found, str)
    elif isinstance(case["right"], str):
        assert found == case["right"]
    else:
        assert found == [tuple(pair) for pair in case["right"]]
    label = case.get("right_label_in_strict")
    assert label is None or parse_answer(case["input"]).outcome == label
