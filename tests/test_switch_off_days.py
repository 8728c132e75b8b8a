"""The script that compares days of switch-off with the SDKs finds tables anywhere in them, and says when there is none."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import NamedTuple

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / "scripts" / "check_switch_off_days.py"
ANTHROPIC = 'DEPRECATED_MODELS: Dict[str, str] = {"claude-a": "June 3rd, 2026"}\nKNOWN = ["claude-a"]\n'
OPENAI = '''Model = ["gpt-a", "gpt-b", "gpt-c"]
"""
- "gpt-a", "gpt-b": Announced shutdown
  date: 2027-01-14. See the page.
- "gpt-c": Retained for compatibility.
"""
'''


class Said(NamedTuple):
    status: int
    out: str
    err: str


@pytest.fixture
def check(tmp_path, capsys):
    """Runs the script over SDKs and models that are made up; the models' days can be given."""
    for name, text in {"anthropic/_data/moved.py": ANTHROPIC, "openai/types/chat.py": OPENAI}.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True)
        path.write_text(text, encoding="utf-8")
    (tmp_path / "models").mkdir()

    def run(**days: str):
        for model in ("claude-a", "gpt-b", "gpt-c"):
            provider = "anthropic" if model.startswith("claude") else "openai"
            day = days.get(model.replace("-", "_"))
            text = f"name: {model}\nprovider: {provider}\nmodel: {model}\n" + (f"retires: {day}\n" if day else "")
            (tmp_path / "models" / f"{model}.yaml").write_text(text, encoding="utf-8")
        folders = [f"--{name}={tmp_path / name}" for name in ("models", "anthropic", "openai")]
        status = runpy.run_path(str(SCRIPT))["main"](folders)
        return Said(status, *capsys.readouterr())

    run.folder = tmp_path
    return run


def test_days_that_agree(check):
    done = check(claude_a="2026-06-03", gpt_b="2027-01-14", gpt_c="2020-01-01")
    assert (done.status, done.err) == (0, "")
    assert done.out.splitlines() == [
        "anthropic: states 1 days; 1 of 1 models here agree with one, 0 differ",
        "openai: states 2 days; 1 of 2 models here agree with one, 0 differ",
        "  gpt-c (gpt-c): 2020-01-01 in its YAML, not stated by the SDK",
    ]


def test_a_day_that_differs_and_one_that_is_missing(check):
    done = check(claude_a="2026-06-04")
    assert done.status == 1
    assert "claude-a (claude-a): 2026-06-04 in its YAML, 2026-06-03 in the SDK" in done.out
    assert "gpt-b (gpt-b): no day in its YAML, 2027-01-14 in the SDK" in done.out


def test_an_id_that_the_sdk_does_not_name(check):
    (check.folder / "openai" / "types" / "chat.py").write_text(OPENAI.replace("gpt-c", "gpt-d"), encoding="utf-8")
    done = check(claude_a="2026-06-03", gpt_b="2027-01-14")
    assert done.status == 1
    assert "gpt-c (gpt-c): the SDK does not name this id" in done.out


@pytest.mark.parametrize("text", ["", "DEPRECATED_MODELS = load()\n", 'DEPRECATED_MODELS = {"claude-a": "soon"}\n'])
def test_no_table_is_a_failure_of_its_own(check, text):
    (check.folder / "anthropic" / "_data" / "moved.py").write_text(text, encoding="utf-8")
    done = check(claude_a="2026-06-03", gpt_b="2027-01-14")
    assert done.status == 2
    assert done.err.startswith("anthropic: ")
    assert "openai: states 2 days" in done.out, "the other one is compared all the same"
