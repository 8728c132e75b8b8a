"""Options of a benchmark are declared by its fields: every command has them, with the meaning of the file's keys."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
import yaml

import lightemma
from lightemma.cli import options
from lightemma.cli.benchmark_keys import benchmark_keys
from lightemma.config_files import load_config
from lightemma.errors import UserError
from lightemma.sessions.benchmark import Benchmark
from tests.conftest import Cli

#: Every key that has an option: the option as it is given, and the key as in a file.
GIVEN: dict[str, tuple[list[str], dict[str, Any]]] = {
    "name": (["--name", "mine"], {"name": "mine"}),
    "data": (["--data", "demo"], {"data": "demo"}),
    "reader": (["--reader", "devkit"], {"reader": "devkit"}),
    "scenes": (["--scenes", "a, b"], {"scenes": ["a", "b"]}),
    "stride": (["--stride", "3"], {"stride": 3}),
    "limit": (["--limit", "4"], {"limit": 4}),
    "world": (["--world", "my.module:World"], {"world": {"name": "my.module:World"}}),
    "scenarios": (["--scenarios", "cruise,bend"], {"world": {"scenarios": ["cruise", "bend"]}}),
    "hidden-suite": (["--hidden-suite", "key"], {"world": {"hidden_suite": "key"}}),
    "blind-twin": (["--blind-twin"], {"world": {"blind_twin": True}}),
    "blind-ceiling": (["--no-blind-ceiling"], {"world": {"blind_ceiling": False}}),
    "seeds": (["--seeds", "1,5"], {"world": {"seeds": "1,5"}}),
    "conditions": (["--conditions", "day,dusk-rain"], {"world": {"conditions": ["day", "dusk-rain"]}}),
    "left-hand": (["--left-hand"], {"world": {"left_hand": True}}),
    "replan": (["--replan", "2"], {"world": {"replan": 2}}),
    "real-time": (["--real-time"], {"world": {"real_time": True}}),
    "two-stage": (["--two-stage"], {"world": {"two_stage": True}}),
    "car-limits": (["--no-car-limits"], {"world": {"car_limits": False}}),
    "renderer": (["--renderer", "painter"], {"world": {"renderer": "painter"}}),
    "size": (["--size", "320x180"], {"world": {"size": "320x180"}}),
    "draw": (["--draw"], {"world": {"draw": True}}),
    "driver": (["--driver", "mixture:0.5"], {"world": {"driver": "mixture:0.5"}}),
    "disturb": (["--disturb"], {"world": {"disturb": True}}),
    "early-end": (["--no-early-end"], {"world": {"early_end": False}}),
    "record-facts": (["--record-facts"], {"world": {"record_facts": True}}),
    "planner": (["--planner", "stop,constant-action"], {"planners": ["stop", "constant-action"]}),
    "planner-option": (
        ["--planner-option", "depth=2", "--planner-option", "note=a=b"],
        {"planner_options": {"depth": "2", "note": "a=b"}},
    ),
    "model": (["--model", "a, b"], {"models": ["a", "b"]}),
    "prompts": (["--prompts", "three-stage-json"], {"prompts": "three-stage-json"}),
    "dialogue": (["--dialogue"], {"dialogue": True}),
    "answer": (["--answer", "guided"], {"answer": "guided"}),
    "parser": (["--parser", "tolerant"], {"parser": "tolerant"}),
    "pictures": (["--pictures", "4"], {"pictures": {"count": 4}}),
    "history": (["--history", "1"], {"inputs": {"history": 1}}),
    "command": (["--command"], {"inputs": {"command": True}}),
    "cameras": (["--cameras", "all6"], {"inputs": {"cameras": "all6"}}),
    "few-shot": (["--few-shot", "2"], {"inputs": {"few_shot": 2}}),
    "few-shot-seed": (["--few-shot-seed", "3"], {"inputs": {"few_shot_seed": 3}}),
    "samples": (["--samples", "6"], {"inputs": {"samples": 6}}),
    "temperature": (["--samples", "6", "--temperature", "0.7"], {"inputs": {"samples": 6, "temperature": 0.7}}),
    "max-side": (["--max-side", "640"], {"pictures": {"max_side": 640}}),
    "jpeg-quality": (["--jpeg-quality", "70"], {"pictures": {"jpeg_quality": 70}}),
    "integration": (["--integration", "arc"], {"integration": "arc"}),
    "until-decided": (["--until-decided", "0.05"], {"until_decided": 0.05}),
    "concurrency": (["--concurrency", "2"], {"concurrency": 2}),
}
#: Older names of options, and their present names.
OLDER = {
    "--frames 4": "--pictures 4",
    "--no-limits": "--no-car-limits",
    "--limits": "--car-limits",
    "--no-pictures": "--no-draw",
    "--record-label": "--record-facts",
}
#: Options of a command that share their name with a key of another loop: where a learned world's drives begin.
OWN = {("drive", "data")}
COMMANDS = {"run": {"open"}, "estimate": {"open"}, "drive": {"closed"}, "study": {"open", "closed"}}


def loops_of(name: str) -> set[str]:
    (key,) = [key for key in benchmark_keys() if key.name == name]
    return set(key.option.loops)


def benchmark(cli: Cli, monkeypatch: pytest.MonkeyPatch, command: str, arguments: list[str]) -> Benchmark:
    """The benchmark that a command makes from its command line."""
    made: list[Benchmark] = []
    read = options.benchmark_of

    def remembered(*given: Any) -> Benchmark:
        made.append(read(*given))
        raise UserError("the benchmark is known")

    monkeypatch.setattr(options, "benchmark_of", remembered)
    ended = cli(command, *arguments)
    assert ended.err == "Error: the benchmark is known\n"
    return made[0]


def test_every_key_with_an_option_is_tested_here():
    assert {key.name for key in benchmark_keys()} == set(GIVEN)


@pytest.mark.parametrize("name", GIVEN)
def test_an_option_means_what_the_key_of_a_file_means(name, elsewhere, cli, monkeypatch):
    arguments, values = GIVEN[name]
    loop = "open" if "open" in loops_of(name) else "closed"
    whole = ({"data": "demo"} if loop == "open" else {"world": {}}) | values
    Path("file.yaml").write_text(yaml.safe_dump(whole))
    needed = ["--data", "demo"] if loop == "open" and name != "data" else []
    made = benchmark(cli, monkeypatch, "run" if loop == "open" else "drive", [*needed, *arguments])
    assert made == load_config(Path("file.yaml"), Benchmark)
    assert made != Benchmark(**({"data": "x"} if loop == "open" else {"world": {}})), "the option has no effect"


@pytest.mark.parametrize("name", GIVEN)
def test_an_option_overrides_the_file(name, elsewhere, cli, monkeypatch):
    arguments, values = GIVEN[name]
    world = "open" not in loops_of(name)
    Path("file.yaml").write_text(yaml.safe_dump({"world": {"seeds": 9}} if world else {"data": "published:x"}))
    made = benchmark(cli, monkeypatch, "study", ["file.yaml", *arguments]).model_dump(exclude_unset=True)
    for key, value in values.items():
        assert made[key] == ({"seeds": 9} | value if key == "world" else value)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_lists_the_options_of_its_loops(command, cli):
    listed = cli(command, "--help").out
    for name in GIVEN:
        own = (command, name) in OWN
        assert (f"  --{name} " in listed) is (own or bool(loops_of(name) & COMMANDS[command])), name
    for heading in ("What is driven:", "Who drives:", "How models are asked:", "How it runs:"):
        assert listed.count(heading) == 1
    assert "--frames" not in listed
    assert "--limits" not in listed.replace("--car-limits", "").replace("--no-car-limits", "")


@pytest.mark.parametrize("older", OLDER)
def test_an_older_name_is_accepted(older, elsewhere, cli, monkeypatch):
    command = ["drive"] if "frames" not in older else ["run"]
    data = ["--data", "demo"] if command == ["run"] else []
    was = benchmark(cli, monkeypatch, command[0], [*data, *older.split()])
    monkeypatch.undo()
    assert was == benchmark(cli, monkeypatch, command[0], [*data, *OLDER[older].split()])


def test_a_file_of_0_1_says_how_many_pictures_by_frames(tmp_path):
    (tmp_path / "old.yaml").write_text("data: demo\nframes: 3\npictures: {max_side: 640}\n")
    (tmp_path / "new.yaml").write_text("data: demo\npictures: {count: 3, max_side: 640}\n")
    old, new = (load_config(tmp_path / f"{name}.yaml", Benchmark) for name in ("old", "new"))
    assert old == new
    assert Benchmark(data="demo", pictures=3).pictures.count == 3
    assert Benchmark(world="city").world == Benchmark(world={}).world


@pytest.mark.parametrize("hidden", ["--batch", "--no-cache", "--quiet", "--json-log", "--executor ray", "--replicas 2"])
def test_estimate_has_no_option_without_effect(hidden, cli):
    ended = cli("estimate", "--data", "demo", *hidden.split())
    assert ended.status == 2
    assert ended.err.startswith("Error: No such option")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["run"], "Nothing says what to drive; give a benchmark YAML, or --data (try `--data demo`)."),
        (["run", "--data", "demo", "--model", "main=a,b"], "--model names 'b' without a role"),
        (["run", "--data", "demo", "--model", "main=a,main=b"], "names the role 'main' twice"),
        (["run", "--data", "demo", "--model", "main=a,eye=b"], "names the role 'eye', but the planner"),
        (["run", "--data", "demo", "--planner-option", "x"], "--planner-option is 'x'; give KEY=VALUE, such as"),
        (["run", "--data", "demo", "--stride", "0"], "--stride is wrong: input should be greater than or equal to 1"),
        (["run", "world.yaml"], "This benchmark drives in a world; give it to `lightemma drive`"),
        (["drive", "data.yaml"], "'data.yaml' drives recorded data; give it to `lightemma run`."),
        (["study", "data.yaml", "--seeds", "2"], "it names recorded data and a world; remove one of them"),
        (["study", "both.yaml"], "'both.yaml': it names recorded data and a world; remove one of them."),
        (["study", "world.yaml", "--batch", "--model", "scripted-example"], "--batch is for recorded frames"),
        (["drive", "--pictures", "0"], "--pictures is wrong: input should be greater than or equal to 1"),
        (["drive", "--world", "moon"], "There is no world 'moon'"),
        (["drive", "--planner", "stop", "--out", "data.yaml"], "cannot be written"),
    ],
)
def test_wrong_use_is_one_sentence(arguments, sentence, elsewhere, cli):
    Path("world.yaml").write_text("world: city\n")
    Path("data.yaml").write_text("data: demo\n")
    Path("both.yaml").write_text("data: demo\nworld: city\n")
    ended = cli(*arguments)
    assert ended.status == 2
    assert ended.err.count("\n") == 1
    assert sentence in ended.err


def test_the_library_names_parameters_and_the_command_line_its_options():
    sentence = "`max_cost` is 0, `models` are none, and `price` is a key of its YAML."
    assert str(UserError(sentence, "max_cost", "models")) == sentence
    assert (
        options.in_options(sentence, ["max_cost", "models"])
        == "--max-cost is 0, --model are none, and `price` is a key of its YAML."
    )


def named_parameters() -> set[tuple[str, str]]:
    """Module and name of every parameter that an error of the library names."""
    found = set()
    for path in Path(lightemma.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "UserError":
                found |= {(path.name, one.value) for one in node.args[1:] if isinstance(one, ast.Constant)}
    return found


def test_every_parameter_that_an_error_names_is_an_option(cli):
    commands = (*COMMANDS, "compare", "probe", "report", "simulate data", "plot frame", "video")
    commands += ("worldmodel train", "worldmodel play", "worldmodel agent", "worldmodel atari")
    commands += ("show", "distill collect", "distill train")
    known = " ".join(cli(*command.split(), "--help").out for command in commands)
    parameters = named_parameters()
    assert ("session.py", "max_cost") in parameters
    for module, parameter in parameters:
        option = options.in_options(f"`{parameter}`", [parameter])
        assert f" {option} " in known, f"{module} names {parameter}, and no command has {option}"
