"""What the pages show works as shown."""

import csv
import json
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import typer.main
import yaml

from lightemma.cli.app import made
from lightemma.closed_loop.records import read_episodes
from lightemma.data.source_kinds import SOURCES
from lightemma.experts.hf_model import HfFile
from lightemma.experts.http_service import ServiceFile
from lightemma.experts.mcp_tool import McpFile
from lightemma.experts.registry import EXPERTS
from lightemma.failures import FAILURES
from lightemma.parsing import KINDS
from lightemma.planners.expert_tools import ExpertTools
from lightemma.planners.registry import PLANNERS
from lightemma.run_folder.places import find_run
from lightemma.run_folder.store import read_frames
from scripts.run_doc_commands import run_page
from scripts.write_notebook import CELLS, executed
from tests.conftest import STEADY_TEXT, lines_of_run, make_frames, run_at, steady_run, write_archive
from tests.fake_providers.running import FakeProviders

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder as a user's own: commands run in it, and modules in it are found."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


def test_the_example_model_drives_as_class_and_as_yaml(cli, here):
    (example,) = blocks("adding-a-model.md", "python")
    (settings,) = blocks("adding-a-model.md", "yaml")
    assert len([line for line in example.splitlines() if line.strip()]) <= 25
    (here / "my_model.py").write_text(example)
    (here / "my-model.yaml").write_text(settings)
    for model, folder, speed in (("my_model:MyModel", "MyModel", 5.0), ("my-model.yaml", "my-model", 7.5)):
        done = cli("run", "--data", "demo", "--model", model, "--limit", "3")
        assert done.status == 0, done.err
        lines = [line.decode() for line in lines_of_run(run_at(f"results/{folder}"))]
        assert len(lines) == 3
        assert all(f'"actions":[[{speed},0.0]' in line and '"outcome":"ok"' in line for line in lines)


def test_the_model_of_the_readme_drives(cli, here):
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert len([line for line in example.splitlines() if line.strip() and not line.startswith("#")]) <= 5
    (here / "my_model.py").write_text(example)
    done = cli("run", "--data", "demo", "--model", "my_model:MyModel", "--limit", "2")
    assert done.status == 0, done.err
    frames = read_frames(find_run(here / "results" / "MyModel"))
    assert [frame.outcome for frame in frames] == ["ok", "ok"]


def test_the_example_source_is_driven_and_fills_every_table(cli, here):
    (example,) = blocks("data.md", "python")
    (here / "my_drives.py").write_text(example)
    for arguments in (
        ("run", "--data", "my_drives:MyDrives", "--planner", "constant-action"),
        ("compare", "results", "--out", "tables"),
    ):
        done = cli(*arguments)
        assert done.status == 0, done.err
    with (here / "tables" / "safety.csv").open(encoding="utf-8", newline="") as file:
        row = next(csv.DictReader(file))
    assert [row[key] for key in ("frames", "ground_frames", "lane_frames", "note")] == ["12", "12", "12", ""]
    assert "location: test track" in (here / "tables" / "strata.csv").read_text()


def test_the_example_expert_looks_before_the_model_drives(cli, here):
    (example,) = blocks("experts.md", "python")
    assert len([line for line in example.splitlines() if line.strip()]) <= 20
    (here / "my_expert.py").write_text(example)
    answers = {
        "tools-plan": ['[{"task": "light-level", "id": 1, "args": {"picture": "<resource-picture>"}}]'],
        **{"scene": ["A road."], "intent": ["Go on."], "action": [STEADY_TEXT]},
    }
    model = {"name": "m", "provider": "scripted", "model": "m", "options": {"answers": answers, "repeat": True}}
    (here / "m.yaml").write_text(json.dumps(model))
    data = f"tests.planners.pictured_drives:PicturedDrives:{here / 'pictures'}"
    option = ("--planner-option", 'experts=["my_expert:Darkness"]')
    done = cli("run", "--data", data, "--model", "m.yaml", "--planner", "expert-tools", *option, "--limit", "2")
    assert done.status == 0, done.err
    (folder,) = (here / "results").glob("*/m+expert-tools*")
    for frame in read_frames(folder):
        (task,) = frame.tools.tasks
        assert (frame.outcome, task.outcome, task.expert) == ("ok", "ok", "darkness")
        assert f"- {task.words}" in frame.calls[1].prompt


def test_every_expert_and_option_is_on_its_page():
    page = (DOCS / "experts.md").read_text(encoding="utf-8")
    assert all(f"| `{name}` |" in page for name in EXPERTS)
    assert all(f"`{name}=" in page for name in ExpertTools.Options.model_fields)
    model, tool, service = blocks("experts.md", "yaml")
    assert HfFile.model_validate(yaml.safe_load(model)).does == "detection"
    assert McpFile.model_validate(yaml.safe_load(tool)).arguments == {"image": "picture"}
    assert ServiceFile.model_validate(yaml.safe_load(service)).timeout_s == 5


def test_every_source_is_on_the_data_page():
    page = (DOCS / "data.md").read_text(encoding="utf-8")
    assert all(f"`{kind.form}`" in page for kind in SOURCES)


def test_the_notebook_page_runs(cli, here):
    done = cli("run", "--data", "demo", "--planner", "constant-action,damped-acceleration")
    assert done.status == 0, done.err
    (code,) = blocks("notebooks.md", "python")
    shown = subprocess.run([sys.executable, "-c", code], cwd=here, capture_output=True, text=True, check=False)
    assert shown.returncode == 0, shown.stderr
    assert "damped-acceleration" in shown.stdout
    assert (here / "tables" / "summary.csv").is_file()


def test_the_example_notebook_runs_and_is_what_is_shown(cli, here):
    pytest.importorskip("onnxruntime", reason="the tiny driver needs its extra")
    for who in ("--planner=constant-action,damped-acceleration", "--model=tiny-driver"):
        done = cli("run", "--data", "demo", "--stride", "16", who)
        assert done.status == 0, done.err
    shown = json.loads((DOCS / "example.ipynb").read_text(encoding="utf-8"))
    made = executed(CELLS)
    assert [cell["source"] for cell in shown["cells"]] == [cell["source"] for cell in made["cells"]]
    assert [[sorted(one) for one in cell.get("outputs", [])] for cell in shown["cells"]] == [
        [sorted(one) for one in cell.get("outputs", [])] for cell in made["cells"]
    ]
    assert "<table>" in json.dumps(made)
    assert (here / "tables" / "paper.tex").is_file()
    assert (here / "report.html").is_file()


def test_pages_name_everything_there_is():
    parsing, protocol = ((DOCS / f"{name}.md").read_text(encoding="utf-8") for name in ("parsing", "protocol"))
    assert all(f"| `{kind}` |" in parsing for kind in KINDS)
    assert all(f"`{name}`" in protocol for name in PLANNERS if name != "chain-of-thought")


def test_pages_about_tables_are_what_the_tables_say(monkeypatch, capsys):
    script = str(ROOT / "scripts" / "write_table_docs.py")
    monkeypatch.setattr(sys, "argv", [script, "--check"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(script, run_name="__main__")
    assert (ended.value.code, capsys.readouterr().out) == (0, "")


def test_the_example_table_is_written_as_shown(cli, here):
    (example,) = blocks("metrics.md", "python")
    (here / "my_tables.py").write_text(example)
    steady_run(here / "results", "vlm", make_frames(), 1.0)
    done = cli("compare", "results", "--out", "tables", "--table", "my_tables:Braking")
    assert done.status == 0, done.err
    rows = (here / "tables" / "braking.csv").read_text().splitlines()
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


NAV = re.findall(r'= "([\w/-]+\.md)"', (ROOT / "zensical.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def reference(tmp_path_factory) -> Path:
    """The pages that are written from the code."""
    folder = tmp_path_factory.mktemp("site") / "reference"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["write_reference.py", str(folder)])
        runpy.run_path(str(ROOT / "scripts" / "write_reference.py"), run_name="__main__")
    return folder


def test_every_page_is_in_the_site_once(reference):
    written = {f"reference/{path.name}" for path in reference.iterdir()}
    assert sorted(NAV) == sorted({path.name for path in DOCS.glob("*.md")} | written)


def test_the_reference_has_every_command_key_table_and_class(reference):
    text = {path.stem: path.read_text(encoding="utf-8") for path in reference.iterdir()}
    commands = [line for line in text["commands"].splitlines() if line.startswith("## ")]
    assert {"## lightemma run", "## lightemma simulate data", "## lightemma worldmodel train"} <= set(commands)
    assert "| `same_weights_as` |" in text["yaml"]
    assert "| [summary](../metrics.md#summary) | One row per run on its own ok frames. |" in text["tables"]
    assert "from lightemma import load_run" in text["python"]
    assert text["errors"].count("\n- ") > 400
    for link, anchor in re.findall(r"\]\(\.\./([\w-]+\.md)(?:#(\w+))?\)", "\n".join(text.values())):
        page = (DOCS / link).read_text(encoding="utf-8")
        assert f"### {anchor}\n" in page or not anchor


def test_explained_sentences_are_those_of_the_code(reference):
    """A sentence that the program no longer says is not explained any more."""
    page = (DOCS / "troubleshooting.md").read_text(encoding="utf-8")
    explained = [line.strip("*") for line in page.splitlines() if re.fullmatch(r"\*\*.+\*\*", line)]
    said = (reference / "errors.md").read_text(encoding="utf-8").replace("\\", "")
    assert len(explained) > 20
    assert [sentence for sentence in explained if f"- {sentence}\n" not in said] == []
    outcomes = set(re.findall(r"`call:(\w+)`", page))
    assert outcomes <= set(FAILURES)


def test_the_first_hour_is_walked(cli, here):
    pytest.importorskip("onnxruntime", reason="the tiny driver needs its extra")
    pytest.importorskip("openai", reason="a server is asked by its extra")
    page = (DOCS / "first-hour.md").read_text(encoding="utf-8")
    walked = []

    def run(arguments: list[str]) -> str:
        if arguments[1] == "show":
            frame = read_frames(find_run(here / "results" / "tiny-driver"))[0].sample_token
            arguments = [*arguments[:-1], frame]
        done = cli(*arguments[1:])
        assert done.status == 0, (arguments, done.err)
        walked.append(arguments[1])
        return done.out

    with FakeProviders() as server:
        page = page.replace("http://localhost:8000/v1", server.openai_address)
        text = run_page(page.replace("--stride 4", "--stride 16"), run, here)
    assert walked == ["run", "run", "ask", "estimate", "run", "compare", "report", "show"]
    assert (here / "tables" / "paper.tex").is_file()
    assert (here / "report.html").stat().st_size > 100_000
    assert text.count("$ lightemma") == len(walked)


def test_the_recipe_of_a_scenario_is_driven(cli, here):
    (example,) = blocks("recipes.md", "python")
    (here / "my_scenario.py").write_text(example)
    done = cli("drive", "--scenarios", "my_scenario:SCENARIO", "--seeds", "1", "--planner", "constant-action")
    assert done.status == 0, done.err
    (manifest,) = (here / "results").rglob("manifest.json")
    (episode,) = read_episodes(manifest.parent)
    assert episode.scenario == "hay-bale"


@pytest.mark.slow  # drives, draws and asks for a minute
def test_the_readme_is_walked(cli, here):
    """Every command of the README in its order, with drives of the city for nuScenes, and a made-up server for every model."""
    pytest.importorskip("onnxruntime", reason="the tiny driver needs its extra")
    pytest.importorskip("openai", reason="a server is asked by its extra")
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    lines = re.findall(r"^ {4}(lightemma .*)$", text, re.MULTILINE)
    made = cli(
        "simulate", "data", "--out", "n", "--version", "v1.0-mini", "--scenarios", "red-light,bend", "--size=320x180"
    )
    assert made.status == 0, made.err
    for name in ("gpt-4o", "claude-3.7-sonnet"):
        write_archive(here / name, model=name)
        with zipfile.ZipFile(here / f"{name}.zip", "w") as archive:
            for path in sorted((here / name).rglob("*.json")):
                archive.write(path, path.relative_to(here))
        shutil.rmtree(here / name)
    (here / "configs" / "models").mkdir(parents=True)
    with FakeProviders() as server:
        for name in ("vllm-local", "paid"):
            model = {"name": name, "provider": "openai-compatible", "model": name, "base_url": server.openai_address}
            price = {"price": {"input": 1.0, "output": 1.0}} if name == "paid" else {}
            (here / "configs" / "models" / f"{name}.yaml").write_text(json.dumps(model | price))
        walked = []
        for line in lines:
            words = shlex.split(line, comments=True)[1:]
            if words[0] == "import":
                (here / "results").mkdir(exist_ok=True)
            words = [word.replace("/data/nuscenes@", f"{here}/n@") for word in words]
            words = ["paid" if word == "gpt-4o" else word for word in words]
            if words[0] == "probe":
                words += ["--yes"]  # there is no terminal to ask
            if words[0] == "drive":
                words += ["--seeds", "1", "--size", "320x180", "--renderer", "painter"]
            done = cli(*words)
            assert done.status == 0, (line, done.err)
            walked.append(words[0])
    assert {"run", "compare", "report", "estimate", "probe", "study", "drive", "import"} <= set(walked)


def shown_commands() -> list[tuple[str, str]]:
    """Every command that a page shows: page and command, without what stands for something else."""
    found = []
    for page in [*DOCS.glob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]:
        text = page.read_text(encoding="utf-8").replace("\\\n", " ")
        for line in re.findall(r"^(?: {4,}|\$ )(?:PYTHONPATH=\S+ )?(lightemma .*)$", text, re.MULTILINE):
            found.append((page.name, re.sub(r"\s{2,}\S.*$| #.*$", "", line) if "  " in line else line))
    return found


@pytest.mark.parametrize(("page", "line"), shown_commands(), ids=lambda value: value[:60])
def test_a_shown_command_is_one(page, line):
    """It is parsed as typed, with its options, their kinds and choices; nothing is run."""
    words = shlex.split(line, comments=True)[1:]
    command = typer.main.get_command(made())
    context = command.make_context("lightemma", words, resilient_parsing=False)
    while hasattr(command, "commands"):
        name, command, rest = command.resolve_command(context, context._protected_args + context.args)
        context = command.make_context(name, rest, parent=context)
    assert context.command_path.startswith("lightemma ")


LISTS = re.compile(
    r"lightemma (models|planners|prompts|experts list|simulate scenarios|probe --list)( [a-z-]+| --\w+)*$"
)


@pytest.mark.parametrize("line", sorted({line for _, line in shown_commands() if LISTS.match(line)}))
def test_a_shown_list_is_printed(cli, here, line):
    done = cli(*shlex.split(line)[1:])
    assert done.status == 0, done.err
    assert len(done.out.splitlines()) > 2
