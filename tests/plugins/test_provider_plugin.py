"""A provider in one file is asked, resumed, replayed, estimated, batched, compared and described like one of ours."""

from __future__ import annotations

import csv
import importlib.metadata
import json
from pathlib import Path

import pytest
import yaml

from lightemma.backends.registry import facts_of, providers
from lightemma.preflight import readiness
from tests.conftest import lines_of_run, run_at
from tests.plugins.installed import install

PLACE = "tests.plugins.made_up_provider:MadeUpBackend"
PRICE = {"input": 2.0, "output": 8.0}
WAYS = ["dotted name", "entry point"]


@pytest.fixture(params=WAYS)
def model(request, elsewhere, monkeypatch, tmp_path) -> str:
    """The name of a model whose YAML names the provider in either way."""
    monkeypatch.setenv("MADE_UP_KEY", "a-key")
    place = PLACE
    if request.param == "entry point":
        install(monkeypatch, tmp_path / "site", {"lightemma.backends": {"made-up": PLACE}})
        (tmp_path / "site" / "made_up_package-1.0.dist-info" / "top_level.txt").write_text("tests\n")
        place = "made-up"
    return write(elsewhere, "mine", provider=place, price=PRICE)


def write(folder: Path, name: str, **settings) -> str:
    path = folder / "configs" / "models" / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump({"name": name, "provider": PLACE, "model": "made-up-1", **settings}))
    return name


def table(path: str) -> list[dict[str, str]]:
    with Path(path).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def manifest(run: str) -> dict:
    return json.loads((run_at(f"results/{run}") / "manifest.json").read_text())


def outcomes(run: str) -> list[str]:
    return [json.loads(line)["outcome"] for line in lines_of_run(run_at(f"results/{run}"))]


def test_it_runs_resumes_is_replayed_compared_and_reported(cli, model):
    run = ("run", "--data", "demo", "--model", model)
    assert cli(*run, "--limit", 4, "--no-cache").status == 0
    assert outcomes(model) == ["ok"] * 4
    # What a killed process leaves: two frames and half a line.
    frames = run_at(f"results/{model}") / "frames.jsonl"
    whole = frames.read_bytes().splitlines(keepends=True)
    frames.write_bytes(b"".join(whole[:2]) + whole[2][:40])
    assert cli(*run, "--limit", 4, "--no-cache").status == 0
    assert outcomes(model) == ["ok"] * 4
    assert (
        cli("run", "--data", "demo", "--model", f"replay:results/{model}", "--name", "again", "--limit", 4).status == 0
    )
    assert cli("compare", "results", "--out", "tables").status == 0
    rows = {row["run"]: row for row in table("tables/summary.csv")}
    assert float(rows[model]["cost_usd"]) == pytest.approx(4 * 3 * (100 * 2.0 + 10 * 8.0) / 1e6)
    assert rows["again"]["l2_avg"] == rows[model]["l2_avg"]
    assert cli("report", "results", "--out", "page.html").status == 0


def test_its_answers_are_read_again_with_another_parser(cli, elsewhere, monkeypatch):
    monkeypatch.setenv("MADE_UP_KEY", "a-key")
    lists = write(elsewhere, "lists", options={"pairs": "["})
    assert cli("run", "--data", "demo", "--model", lists, "--limit", 3).status in (0, 1)
    for parser in ("strict", "tolerant", "first-numbers"):
        assert cli("compare", "results", "--parser", parser, "--out", parser).status == 0
    shares = [table(f"{parser}/summary.csv")[0]["format_error_rate"] for parser in ("strict", "tolerant")]
    assert [float(share) for share in shares] == [1.0, 0.0]


def test_its_manifest_names_its_packages_and_its_own(cli, model, request):
    assert cli("run", "--data", "demo", "--model", model, "--limit", 1).status == 0
    packages = manifest(model)["packages"]
    assert {"numpy", "pillow", "msgspec"} <= set(packages)
    assert packages["msgspec"] == importlib.metadata.version("msgspec")
    assert packages.get("made-up-package") == ("1.0" if "entry point" in request.node.name else None)
    assert "openai" not in packages


def test_an_estimate_uses_its_facts(cli, model):
    from lightemma.backends.config import ModelConfig
    from lightemma.backends.registry import characters_per_token, config_of, picture_tokens
    from lightemma.preflight.estimate import DEFAULT_SIZE

    config: ModelConfig = config_of(model)
    assert picture_tokens(config.model, DEFAULT_SIZE, config.provider).tokens == 1440
    assert characters_per_token(config.model, config.provider) == 2.0
    done = cli("estimate", "--data", "demo", "--model", model, "--limit", 2)
    assert done.status == 0
    assert "one token per 1,000 pixels" in done.out


def test_a_batch_of_it_costs_its_share(cli, model):
    from datetime import UTC, datetime

    from lightemma.backends.registry import config_of
    from lightemma.calls.prices import resolve_price

    assert resolve_price(config_of(model), datetime.now(UTC), batch=True).output == 8.0 / 4
    done = cli("run", "--data", "demo", "--model", model, "--limit", 2, "--batch")
    assert done.status == 0, done.err
    assert outcomes(model) == ["ok"] * 2


def test_what_it_lacks_is_said_where_ours_say_it(cli, model, monkeypatch):
    assert "ready" in cli("models", model).out
    monkeypatch.delenv("MADE_UP_KEY")
    assert "lacks key MADE_UP_KEY; export MADE_UP_KEY=…" in cli("models", model).out
    found = cli("doctor", "--model", model)
    assert "lacks key MADE_UP_KEY" in found.out
    assert "key MADE_UP_KEY" in found.out
    version = importlib.metadata.version

    def without(name: str) -> str:
        if name == "msgspec":
            raise importlib.metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(importlib.metadata, "version", without)
    readiness.installed_version.cache_clear()
    try:
        assert "lacks package msgspec; pip install made-up-driving" in cli("models", model).out
    finally:
        readiness.installed_version.cache_clear()


def test_its_options_and_facts_are_shown(cli, elsewhere, monkeypatch, tmp_path):
    install(monkeypatch, tmp_path / "site", {"lightemma.backends": {"made-up": PLACE}})
    assert providers()["made-up"] == PLACE
    assert facts_of("made-up").title == "made-up models"
    assert "made-up models" in cli("models", "--providers").out
    shown = cli("models", "--provider", "made-up").out
    assert "MADE_UP_KEY" in shown
    assert "m/s of every answer" in shown
    assert cli("models", "--provider", "made-upp").status == 2


def test_it_drives_in_the_closed_loop(cli, elsewhere, monkeypatch):
    monkeypatch.setenv("MADE_UP_KEY", "a-key")
    model = write(elsewhere, "mine", options={"blind": True})
    arguments = ("--planner", "chain-of-thought", "--model", model, "--scenarios", "cruise", "--conditions", "day")
    done = cli("drive", *arguments, "--no-pictures", "--replan", 6)
    assert done.status == 0, done.err
    assert "msgspec" in next(Path("results").rglob("manifest.json")).read_text()


def test_an_exception_of_it_costs_a_frame_and_is_named(cli, elsewhere, monkeypatch):
    monkeypatch.setenv("MADE_UP_KEY", "a-key")
    broken = write(elsewhere, "broken", options={"broken": True})
    ended = cli("run", "--data", "demo", "--model", broken, "--limit", 2)
    assert ended.status == 1
    assert "2 with failed calls, mostly backend_error: KeyError: 'of the class' (made_up_provider.py" in ended.out
    lines = lines_of_run(run_at(f"results/{broken}"))
    assert outcomes(broken) == ["call:backend_error"] * 2
    assert "KeyError: 'of the class' (made_up_provider.py, line " in lines[0].decode()


BROKEN = {
    "No": "from lightemma.backends.base import Backend\nclass No(Backend):\n    pass\n",
    "Dict": "from lightemma.backends.base import Backend\nclass Dict(Backend):\n    facts = {'packages': []}\n"
    "    async def generate(self, request):\n        return 1\n",
    "Init": "from lightemma.backends.base import Backend\nclass Init(Backend):\n    def __init__(self):\n        pass\n"
    "    async def generate(self, request):\n        return 1\n",
}


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("No", "does not define generate; see docs/adding-a-model.md"),
        ("Dict", "has facts of the type dict; write `facts = Facts(...)`"),
        ("Init", "cannot be made: TypeError"),
    ],
)
def test_a_mistake_in_the_class_is_one_sentence_with_its_file(cli, elsewhere, monkeypatch, name, sentence):
    (elsewhere / f"broken_{name.lower()}.py").write_text(BROKEN[name])
    monkeypatch.syspath_prepend(str(elsewhere))
    done = cli("run", "--data", "demo", "--model", f"broken_{name.lower()}:{name}", "--limit", 1)
    assert done.status == 2
    assert sentence in done.err
    assert f"class '{name}' in " in done.err
    assert "fault in lightemma" not in done.err


def test_an_answer_that_is_none_is_named(cli, elsewhere, monkeypatch):
    code = (
        "from lightemma.backends.base import Backend\nclass Text(Backend):\n"
        "    async def generate(self, request):\n        return 'A road.'\n"
    )
    (elsewhere / "text_model.py").write_text(code)
    monkeypatch.syspath_prepend(str(elsewhere))
    assert cli("run", "--data", "demo", "--model", "text_model:Text", "--limit", 1).status == 1
    assert "returned a str, not a Completion with a text" in lines_of_run(run_at("results/Text"))[0].decode()


def test_a_usage_that_is_none_is_named_and_costs_a_frame(cli, elsewhere, monkeypatch):
    code = (
        "from lightemma.backends.base import Backend, Completion\nclass Counts(Backend):\n"
        "    async def generate(self, request):\n        return Completion('A road.', usage={'input': 3})\n"
    )
    (elsewhere / "counting_model.py").write_text(code)
    monkeypatch.syspath_prepend(str(elsewhere))
    ended = cli("run", "--data", "demo", "--model", "counting_model:Counts", "--limit", 1)
    assert (ended.status, ended.err) == (1, "")
    assert "returned a Completion whose usage is a dict, not a Usage or None" in ended.out
