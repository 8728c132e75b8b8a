"""What commands that only list something import: nothing that computes, draws or calls."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_imports import HEAVY

#: What is light enough for commands that compute, and modules of ours that stand for whole commands.
_TOO_MUCH = (
    *("numpy", "PIL", "httpx2", "shapely", "onnxruntime", "pandas"),
    *(
        "lightemma.sessions.session",
        "lightemma.report.page",
        "lightemma.simulation.world",
        "lightemma.evaluation.study",
    ),
)
_LOOK = """
import json, sys
from lightemma.cli import main
sys.argv = ["lightemma", *sys.argv[1:]]
try:
    main()
except SystemExit:
    pass
print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""


@pytest.mark.parametrize("command", [["--help"], ["models"], ["runs"]])
def test_commands_that_list_import_nothing_heavy(command, tmp_path):
    here = Path(__file__).resolve().parents[2]
    (tmp_path / "configs").symlink_to(here / "configs")
    done = subprocess.run(
        [sys.executable, "-c", _LOOK, *command], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert {"--help": "compare", "models": "gpt-4o", "runs": ""}[command[0]] in done.stdout
    loaded = set(json.loads(done.stderr.splitlines()[-1]))
    assert loaded & {*HEAVY, *_TOO_MUCH} == set()
    if command == ["models"]:
        assert "genai_prices.data" in loaded, "prices are in the list"
        assert loaded & {"lightemma.sessions.benchmark", "lightemma.backends.base", "rich.table", "openai"} == set()
