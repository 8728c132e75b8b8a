"""What --data may be, where it is noted, and what is said of a source of the user's own that is wrong."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lightemma.data.data_locations import recall_source
from lightemma.data.source_kinds import SOURCES, data_help, source_kinds
from lightemma.data.sources import absolute_spec
from lightemma.run_folder.store import read_manifest
from tests.conftest import run_at
from tests.plugins.installed import install

HEAD = """
from lightemma.data.base import DataInfo, FrameSource
from tests.conftest import make_frame

class Mine(FrameSource):
    info = DataInfo("mine", "mine", "", 1)
    scene_names = ["scene-0001"]
    def scene_frames(self, scene):
        return [make_frame(index=0), make_frame(index=1)]
"""
FAULTS = {
    "raises": ("def scene_frames(self, scene): return 1 / 0", "`scene_frames` failed with ZeroDivisionError: division"),
    "raises KeyError": ("def scene_frames(self, scene): return {}[scene]", "`scene_frames` failed with KeyError"),
    "gives None": (
        "def scene_frames(self, scene): return None",
        "scene_frames gave NoneType instead of a list of Frame",
    ),
    "gives texts": ("def scene_frames(self, scene): return ['a']", "scene_frames gave list instead of a list of Frame"),
    "constructor": ("def __init__(self): raise ValueError('no disk')", "`open` failed with ValueError: no disk"),
    "place that is not taken": ("", r"`open` failed with TypeError: .* takes", ":somewhere"),
    "no place": ("def __init__(self, root): pass", "`open` failed with TypeError: .*missing 1 required"),
    "info": ("info = 'mine'", "`info` gave str instead of DataInfo"),
    "names twice": ("scene_names = ['a', 'a']", "`scene_names` gave names that are empty, no text or there twice"),
    "names": ("scene_names = [1]", "`scene_names` gave names that are empty, no text or there twice"),
    "open": ("@classmethod\n    def open(cls, place, settings): return 5", "`open` gave int instead of a FrameSource"),
}
LATE_FAULTS = {
    "agents": ("def agents(self): return {}", "`agents` gave dict instead of a function"),
    "agents raise": ("def agents(self): return lambda s, t: 1 / 0", "`agents` failed with ZeroDivisionError"),
    "agents answer": ("def agents(self): return lambda s, t: 3", "`agents` gave int instead of Surroundings or None"),
    "maps": ("def maps(self): return 3", "`maps` gave int instead of a function"),
    "maps answer": ("def maps(self): return lambda s: []", "`maps` gave list instead of a map with"),
    "facts": ("def facts(self): return ['day']", "`facts` gave list instead of scene names to SceneFacts"),
    "facts answer": ("def facts(self): return {'scene-0001': 'day'}", "`facts` gave dict instead of scene names to"),
    "no token": ("def agents(self): return lambda token: None", "`agents` failed with TypeError"),
}


def own(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, line: str) -> None:
    (folder / f"{name}.py").write_text(f"{HEAD}\n    {line}\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(folder))


@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_of_the_users_class_is_one_sentence_that_names_it(elsewhere, cli, monkeypatch, kind):
    line, complaint, *rest = FAULTS[kind]
    module = f"own_{re.sub('[^a-z]', '_', kind)}"
    own(elsewhere, monkeypatch, module, line)
    ended = cli("run", "--data", f"{module}:Mine{''.join(rest)}", "--planner", "stop")
    assert (ended.status, ended.err.count("\n")) == (2, 1)
    assert re.search(complaint, ended.err)
    assert f"class 'Mine' in {elsewhere / module}.py" in ended.err
    assert "fault in lightemma" not in ended.err


@pytest.mark.parametrize("kind", LATE_FAULTS)
def test_a_fault_in_what_is_asked_when_comparing_is_a_sentence_too(elsewhere, cli, monkeypatch, kind):
    line, complaint = LATE_FAULTS[kind]
    module = f"late_{re.sub('[^a-z]', '_', kind)}"
    own(elsewhere, monkeypatch, module, line)
    assert cli("run", "--data", f"{module}:Mine", "--planner", "stop").status == 0
    ended = cli("compare", "results", "--data", f"{module}:Mine", "--out", "tables")
    assert (ended.status, ended.err.count("\n")) == (2, 1)
    assert re.search(complaint, ended.err)
    assert f"{module}.py" in ended.err


def test_a_class_that_lacks_a_method_is_named(elsewhere, cli, monkeypatch):
    text = "from lightemma.data.base import FrameSource\nclass Mine(FrameSource):\n    pass\n"
    (elsewhere / "bare.py").write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(str(elsewhere))
    ended = cli("run", "--data", "bare:Mine", "--planner", "stop")
    assert ended.status == 2
    assert "something is missing that a source must have: info, scene_frames, scene_names" in ended.err


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [
        ("nuscene:data@v1", "There is no data source 'nuscene'; did you mean nuscenes?"),
        (
            "nuscene:data",
            "There is no data source 'nuscene' nor a module of this name on PYTHONPATH; did you mean nuscenes?",
        ),
        ("my_drives:Mine", "There is no data source 'my_drives' nor a module of this name on PYTHONPATH"),
        ("nuscenes", "is incomplete; write nuscenes:ROOT@VERSION"),
        ("folder", "is incomplete; write folder:DIR"),
        ("demo:here", "the demo drives have no place; write demo"),
        ("", "There is no data source ''"),
        ("gone_away.drives:Mine", "'gone_away.drives:Mine' cannot be imported"),
        ("json:NoSuchClass", "Module 'json' has no 'NoSuchClass'"),
        ("json:JSONDecoder", "does not subclass lightemma.data.base:FrameSource"),
        ("json:not-a-class", "There is no data source 'json:not-a-class'; write"),
    ],
)
def test_wrong_specs_are_one_sentence(elsewhere, cli, spec, complaint):
    ended = cli("run", "--data", spec, "--planner", "stop")
    assert (ended.status, ended.err.count("\n")) == (2, 1)
    assert complaint in ended.err


def test_help_lists_every_kind_and_a_built_in_name_cannot_be_taken(monkeypatch, tmp_path):
    install(monkeypatch, tmp_path, {"lightemma.sources": {"demo": "json:JSONDecoder", "extra": "json:JSONDecoder"}})
    kinds = source_kinds()
    assert kinds["demo"] in SOURCES
    assert kinds["extra"].place == "json:JSONDecoder"
    assert all(kind.form in data_help() for kind in SOURCES)
    assert "module:Class" in data_help()


@pytest.mark.parametrize("command", ["run", "estimate", "doctor"])
def test_help_of_commands_lists_every_source(cli, monkeypatch, command):
    monkeypatch.setenv("COLUMNS", "300")
    shown = " ".join(re.sub("[^ -~]", " ", cli(command, "--help").out).split())
    assert all(kind.form in shown for kind in SOURCES)


def test_specs_that_are_noted_mean_the_same_from_elsewhere(elsewhere, monkeypatch, tmp_path):
    (elsewhere / "drives").mkdir()
    assert absolute_spec("demo") == "demo"
    assert absolute_spec("nuscenes:data@v1.0-mini") == f"nuscenes:{elsewhere}/data@v1.0-mini"
    assert absolute_spec("argoverse2:drives") == f"argoverse2:{elsewhere}/drives"
    assert absolute_spec("my.module:Mine") == "my.module:Mine"
    assert absolute_spec("my.module:Mine:drives") == f"my.module:Mine:{elsewhere}/drives"
    assert absolute_spec("my.module:Mine:4,8") == "my.module:Mine:4,8"
    install(monkeypatch, tmp_path / "site", {"lightemma.sources": {"extra": "json:JSONDecoder"}})
    assert absolute_spec("extra:drives") == f"extra:{elsewhere}/drives"
    assert absolute_spec("extra:seed=3") == "extra:seed=3"


def test_data_of_one_name_is_told_apart_by_its_frames(elsewhere, cli):
    for place, scene in (("a", "monday"), ("b", "tuesday")):
        folder = elsewhere / place / "drives"
        folder.mkdir(parents=True)
        rows = [f"{scene},{1_700_000_000_000_000 + 500_000 * n},{5 * n},0,0" for n in range(16)]
        (folder / "poses.csv").write_text("\n".join(["scene,timestamp_us,x,y,heading", *rows]), encoding="utf-8")
        ended = cli("run", "--data", f"folder:{place}/drives", "--planner", "stop", "--out", "results", "--name", place)
        assert ended.status == 0, ended
    for place in ("a", "b"):
        entry = read_manifest(run_at(Path("results") / place)).data
        assert (entry.source, entry.name, entry.version) == ("folder", "drives", "")
        noted = recall_source(Path("results"), entry.source, entry.name, entry.version, entry.frame_set)
        assert noted == f"folder:{elsewhere / place / 'drives'}"
    last = recall_source(Path("results"), "folder", "drives", "", "of no run")
    assert last == f"folder:{elsewhere / 'b' / 'drives'}"
