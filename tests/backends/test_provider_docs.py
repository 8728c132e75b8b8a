"""docs/adding-a-model.md: the provider that it shows works as shown, and its tables are those of the code."""

from __future__ import annotations

import json
import re
import runpy
from pathlib import Path

import yaml

from tests.conftest import lines_of_run

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "adding-a-model.md").read_text(encoding="utf-8")


def test_the_tables_are_those_of_the_code():
    tables = runpy.run_path(str(ROOT / "scripts" / "provider_tables.py"))
    assert tables["page"](PAGE) == PAGE, "run python scripts/provider_tables.py"
    assert len(tables["facts_table"]().splitlines()) > 10


def test_the_example_provider_is_asked_priced_and_described(cli, elsewhere, monkeypatch):
    (example,) = re.findall(r"```python provider\n(.*?)```", PAGE, re.DOTALL)
    (elsewhere / "my_provider.py").write_text(example)
    monkeypatch.syspath_prepend(str(elsewhere))
    settings = {"name": "mine", "provider": "my_provider:MyProvider", "model": "my-1", "options": {"speed": 7.5}}
    (elsewhere / "mine.yaml").write_text(yaml.safe_dump(settings))
    monkeypatch.delenv("MY_KEY", raising=False)
    assert "lacks key MY_KEY" in cli("models", "mine.yaml").out
    ended = cli("run", "--data", "demo", "--model", "mine.yaml", "--limit", 2)
    assert (ended.status, "refused the key for model 'mine'" in ended.err) == (2, True)
    monkeypatch.setenv("MY_KEY", "a-key")
    assert cli("run", "--data", "demo", "--model", "mine.yaml", "--limit", 2).status == 0
    lines = lines_of_run(Path("results/demo/mine"))
    assert all(json.loads(line)["actions"] == [[7.5, 0.0]] * 6 for line in lines)
    assert "msgspec" in json.loads(Path("results/demo/mine/manifest.json").read_text())["packages"]
    assert "28-pixel patches" in cli("estimate", "--data", "demo", "--model", "mine.yaml").out
