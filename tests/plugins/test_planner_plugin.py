"""A planner in one file is run, compared and driven, by dotted name and by entry point; so is a prompt set."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from lightemma.errors import UserError
from lightemma.prompts.sets import load_prompts
from lightemma.run_folder.store import read_frames, read_manifest
from tests.conftest import STEADY_TEXT, run_at
from tests.plugins.installed import install

PAGE = Path(__file__).parents[2] / "docs" / "adding-a-planner.md"
PICTURED = "tests.planners.pictured_drives:PicturedDrives:pictures"


def script(name: str, **answers: str) -> str:
    path = Path(f"{name}.yaml")
    options = {"answers": {stage: [text] for stage, text in answers.items()}, "repeat": True}
    path.write_text(yaml.safe_dump({"name": name, "provider": "scripted", "model": "m", "options": options}))
    return str(path)


def test_the_example_of_the_page_runs(elsewhere, cli, monkeypatch):
    code = re.search(r"```python\n(# my_planner\.py\n.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert code is not None
    (elsewhere / "my_planner.py").write_text(code[1])
    monkeypatch.syspath_prepend(str(elsewhere))
    models = f"main={script('eyes', look='A bend.')},controller={script('hands', decide=STEADY_TEXT)}"
    arguments = ("--data", PICTURED, "--planner", "my_planner:MyPlanner", "--model", models)
    ended = cli("run", *arguments, "--planner-option", "words=20")
    assert ended.status == 0, ended.err
    frames = read_frames(run_at("results/eyes+hands+my-planner+words-20"))
    assert {frame.outcome for frame in frames} == {"ok"}
    assert [(call.stage, call.model) for call in frames[0].calls] == [("look", "eyes"), ("decide", "hands")]
    assert "at most 20 words" in frames[0].calls[0].prompt
    assert (
        cli("planners", "my_planner:MyPlanner")
        .out.splitlines()[-1]
        .strip()
        .startswith("option words  (int; default 40)")
    )


@pytest.mark.parametrize("way", ["dotted name", "entry point"])
def test_a_planner_that_looks_by_itself_drives(elsewhere, cli, monkeypatch, tmp_path, way):
    planner = "tests.plugins.picture_planner:Brightness"
    if way == "entry point":
        install(monkeypatch, tmp_path / "site", {"lightemma.planners": {"bright": planner}})
        planner = "bright"
    arguments = (
        "--scenarios",
        "red-light",
        "--seeds",
        "1",
        "--size",
        "160x90",
        "--renderer",
        "painter",
        "--replan",
        "6",
        "--no-blind-ceiling",
    )
    ended = cli("drive", "--planner", planner, *arguments)
    assert ended.status == 0, ended.err
    (folder,) = Path("results").glob("*/drive-*")
    frames = read_frames(folder)
    assert all(frame.image_sha256 and frame.latency_s is not None for frame in frames)
    assert read_manifest(folder).planner.name == "brightness"


@pytest.mark.parametrize("place", ["tests.plugins.short_prompts", "tests.plugins.test_planner_plugin:FOLDER"])
def test_an_installed_package_offers_its_prompt_set_by_name(elsewhere, cli, monkeypatch, tmp_path, place):
    install(monkeypatch, tmp_path / "site", {"lightemma.prompts": {"short": place}})
    model = script("vlm", scene="A road.", intent="Go on.", action=STEADY_TEXT)
    assert cli("run", "--data", PICTURED, "--prompts", "short", "--model", model).status == 0
    assert read_frames(run_at("results/vlm+short"))[0].calls[0].prompt == "What is ahead?"
    prompts = read_manifest(run_at("results/vlm+short")).prompts
    assert prompts is not None
    assert (prompts.name, prompts.sha256) == ("short", load_prompts("short").sha256)
    assert "short  (list, " in cli("prompts", "list").out
    assert "from made-up-package" in cli("prompts", "list").out


FOLDER = Path(__file__).parent / "short_prompts"


def test_an_entry_point_that_is_no_prompt_set_is_named(elsewhere, cli, monkeypatch, tmp_path):
    points = {"wrong": "tests.plugins.installed:install", "gone": "tests.no_such_prompts"}
    install(monkeypatch, tmp_path / "site", {"lightemma.prompts": points})
    with pytest.raises(UserError, match=r"The prompt set 'wrong' .* is a function; its entry point must name a folder"):
        load_prompts("wrong")
    with pytest.raises(UserError, match=r"The prompt set 'tests\.no_such_prompts' cannot be imported"):
        load_prompts("gone")
    with pytest.raises(
        UserError, match="There is no prompt set 'wrog', neither by name nor as a folder; did you mean wrong"
    ):
        load_prompts("wrog")
    assert cli("prompts", "list").out.count("cannot be used; from made-up-package") == 2
