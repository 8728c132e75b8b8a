"""What the pages show works as shown."""

import csv
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from lightemma.data.source_kinds import SOURCES
from lightemma.parsing import KINDS
from lightemma.planners.registry import PLANNERS
from tests.conftest import make_frames, steady_run

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)


def lightemma(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    code = "from lightemma.cli import main; main()"
    environment = {**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}", "COLUMNS": "200"}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_example_model_drives_as_class_and_as_yaml(tmp_path):
    (example,) = blocks("adding-a-model.md", "python")
    (settings,) = blocks("adding-a-model.md", "yaml")
    assert len([line for line in example.splitlines() if line.strip()]) <= 25
    (tmp_path / "my_model.py").write_text(example)
    (tmp_path / "my-model.yaml").write_text(settings)
    for model, folder, speed in (("my_model:MyModel", "MyModel", 5.0), ("my-model.yaml", "my-model", 7.5)):
        done = lightemma(tmp_path, "run", "--data", "demo", "--model", model, "--limit", "3")
        assert done.returncode == 0, done.stderr
        lines = (tmp_path / "results" / folder / "frames.jsonl").read_text().splitlines()
        assert len(lines) == 3
        assert all(f'"actions":[[{speed},0.0]' in line and '"outcome":"ok"' in line for line in lines)


def test_the_example_source_is_driven_and_fills_every_table(tmp_path):
    (example,) = blocks("data.md", "python")
    (tmp_path / "my_drives.py").write_text(example)
    for arguments in (
        ("run", "--data", "my_drives:MyDrives", "--planner", "constant-action"),
        ("compare", "results", "--out", "tables"),
    ):
        done = lightemma(tmp_path, *arguments)
        assert done.returncode == 0, done.stderr
    with (tmp_path / "tables" / "safety.csv").open(encoding="utf-8", newline="") as file:
        row = next(csv.DictReader(file))
    assert [row[key] for key in ("frames", "ground_frames", "lane_frames", "note")] == ["12", "12", "12", ""]
    assert "location: test track" in (tmp_path / "tables" / "strata.csv").read_text()


def test_every_source_is_on_the_data_page():
    page = (DOCS / "data.md").read_text(encoding="utf-8")
    assert all(f"`{kind.form}`" in page for kind in SOURCES)


def test_the_notebook_page_runs(tmp_path):
    done = lightemma(tmp_path, "run", "--data", "demo", "--planner", "constant-action,damped-acceleration")
    assert done.returncode == 0, done.stderr
    (code,) = blocks("notebooks.md", "python")
    shown = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert shown.returncode == 0, shown.stderr
    assert "damped-acceleration" in shown.stdout
    assert (tmp_path / "tables" / "summary.csv").is_file()


def test_pages_name_everything_there_is():
    parsing, protocol = ((DOCS / f"{name}.md").read_text(encoding="utf-8") for name in ("parsing", "protocol"))
    assert all(f"| `{kind}` |" in parsing for kind in KINDS)
    assert all(f"`{name}`" in protocol for name in PLANNERS if name != "chain-of-thought")


def table_docs(*arguments: str) -> subprocess.CompletedProcess[str]:
    script = ROOT / "scripts" / "write_table_docs.py"
    return subprocess.run([sys.executable, script, *arguments], capture_output=True, text=True, check=False)


def test_pages_about_tables_are_what_the_tables_say():
    done = table_docs("--check")
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


def test_the_example_table_is_written_as_shown(tmp_path):
    (example,) = blocks("metrics.md", "python")
    (tmp_path / "my_tables.py").write_text(example)
    steady_run(tmp_path / "results", "vlm", make_frames(), 1.0)
    done = lightemma(tmp_path, "compare", "results", "--out", "tables", "--table", "my_tables:Braking")
    assert done.returncode == 0, done.stderr
    rows = (tmp_path / "tables" / "braking.csv").read_text().splitlines()
    assert rows[0] == "run,share,ci_low,ci_high"
    assert rows[1].startswith("vlm,1.0,")


@pytest.mark.parametrize(
    "page", [*DOCS.glob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"], ids=lambda p: p.name
)
def test_links_and_paths_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    prose = re.sub(r"```.*?```|`[^`\n]*`|^    .*?$", "", text, flags=re.DOTALL | re.MULTILINE)
    targets = [t for t in re.findall(r"\]\(([^)#]+)", prose) if "://" not in t]
    assert all((page.parent / target).exists() for target in targets)
    named = re.findall(r"`((?:docs|configs|scripts|tests)/[\w./-]+\.\w+)`", text)
    assert all((ROOT / name).exists() for name in named)
