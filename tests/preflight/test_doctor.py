"""What the doctor finds on a made-up machine."""

from __future__ import annotations

import os
import socket
import stat
from datetime import date
from pathlib import Path

import msgspec
import pytest
from packaging.specifiers import SpecifierSet

from lightemma.backends.config import ModelConfig
from lightemma.backends.registry import key_variable
from lightemma.preflight import doctor
from lightemma.preflight import readiness as able
from lightemma.preflight.doctor import Finding
from lightemma.preflight.readiness import Readiness
from lightemma.run_folder.store import write_manifest
from tests.conftest import make_manifest
from tests.data.nuscenes_tables_writer import make_world

TODAY = date(2026, 11, 22)
SECRET = "sk-very-secret-0123456789"
ALL = {"openai": "3.54.0", "anthropic": "2.12.0", "google-genai": "3.4.0", "torch": "2.13.0", "transformers": "5.23.0"}


def config(name: str = "it", provider: str = "openai", **more) -> ModelConfig:
    return ModelConfig(name=name, provider=provider, model=f"org/{name}", **more)


def ready(one: ModelConfig, environ=None, versions=None, listening=False, gpu=False) -> Readiness:
    installed = ALL | {"accelerate": "1.15.0"} if versions is None else versions
    return able.readiness(one, TODAY, environ or {}, installed.get, lambda _host, _port: listening, lambda: gpu)


def test_python():
    assert doctor.check_python((3, 11, 0)).state == "ok"
    old = doctor.check_python((3, 10, 9))
    assert (old.state, old.demo) == ("missing", True)
    assert old.next


REQUIREMENTS = [
    "numpy>=1.26",
    "rich>=13.9",
    'openai>=2.0; extra == "openai"',
    'numpy<2,>=1.26; extra == "nuscenes"',
    "nuscenes-devkit (>=1.2.0) ; extra == 'nuscenes'",
    'pytest>=8; extra == "dev"',
]


def test_packages_all_there():
    have = {"numpy": "1.26.4", "rich": "15.0.0", "openai": "3.54.0", "nuscenes-devkit": "1.2.0"}
    findings = doctor.check_packages(REQUIREMENTS, have.get)
    assert [(f.what, f.state) for f in findings] == [
        ("packages", "ok"),
        ("extra openai", "ok"),
        ("extra nuscenes", "ok"),
    ]
    assert findings[0].demo
    assert not any(f.demo for f in findings[1:])


def test_packages_missing_old_and_too_new():
    core, openai, nuscenes = doctor.check_packages(REQUIREMENTS, {"numpy": "2.1.0", "openai": "1.99"}.get)
    assert (core.state, core.detail, core.next) == ("missing", "rich is not installed", "pip install lightemma")
    assert (openai.state, openai.detail) == ("warning", "openai 1.99 is not >=2.0")
    assert openai.next.startswith("pip install 'lightemma[openai]'")
    assert "numpy 2.1.0 is not <2,>=1.26" in nuscenes.detail
    assert not doctor.demo_runs([core])
    assert doctor.demo_runs([openai, nuscenes])
    assert doctor.next_step([openai, core, nuscenes]) == "pip install lightemma"


@pytest.mark.parametrize(
    ("version", "bounds", "within"),
    [
        ("2.0", ">=2", True),
        ("2.0.0", ">=2.0.0.0", True),
        ("1.26.4", ">=1.26,<2", True),
        ("2.0rc1", "<2", False),
        ("10.0", ">=9.5", True),
        ("1.9", ">=1.10", False),
        ("1.0+cpu", ">=1.0", True),
        ("1.0", "", True),
        ("2.0rc1", ">=2.0", False),
        ("2.1rc1", ">=2.0", True),
        ("3.0", "~=2.0", False),
        ("2.9", "~=2.0", True),
        ("2.0", "!=2.0", False),
        ("2.0.post1", ">=2.0", True),
        ("2.0.dev3", ">=2.0", False),
        ("2.0", "==2.*", True),
        ("from its folder", ">=1", False),
        ("from its folder", "", True),
    ],
)
def test_versions_against_bounds(version, bounds, within):
    assert doctor.within(version, SpecifierSet(bounds)) is within


def test_requirements_for_other_systems_are_not_missing():
    for marker in ("sys_platform == 'nowhere'", "sys_platform == 'nowhere' and extra == 'openai'"):
        findings = doctor.check_packages([f"elsewhere>=1; {marker}", "numpy>=1"], {"numpy": "2.0"}.get)
        assert [(finding.what, finding.state) for finding in findings] == [("packages", "ok")]
    here = "elsewhere>=1; python_version >= '3.0' and extra == 'openai'"
    _, openai = doctor.check_packages(["numpy>=1", here], {"numpy": "2.0"}.get)
    assert (openai.what, openai.detail) == ("extra openai", "elsewhere is not installed")


def test_this_package_can_be_looked_at():
    findings = doctor.check_packages()
    assert findings[0].state == "ok"
    assert {"extra openai", "extra anthropic", "extra google", "extra local"} <= {f.what for f in findings}


def test_gpu_as_torch_or_the_driver_sees_it():
    none, found = (lambda _name: None), (lambda name: f"/usr/bin/{name}")

    def smi(_path):
        return ["Some GPU, 24 GiB"]

    assert doctor.check_gpu(lambda: ["H100, 80 GiB"], none, smi).detail == "H100, 80 GiB"
    assert doctor.check_gpu(lambda: None, found, smi).state == "ok"
    blind = doctor.check_gpu(list, found, smi)
    assert blind.state == "warning"
    assert blind.next
    assert doctor.check_gpu(lambda: None, none, smi).state == "warning"
    assert doctor.check_gpu(list, found, lambda _path: []).detail.startswith("none found")


def test_a_broken_nvidia_smi_is_no_gpu(tmp_path):
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\nexit 9\n")
    tool.chmod(0o755)
    assert doctor._nvidia_smi_gpus(str(tool)) == []
    tool.write_text("#!/bin/sh\necho 'A100, 81920 MiB'\n")
    assert doctor._nvidia_smi_gpus(str(tool)) == ["A100, 81920 MiB"]
    assert doctor._nvidia_smi_gpus(str(tmp_path / "none")) == []


def test_only_the_presence_of_keys_is_reported():
    configs = [config("a"), config("b"), config("c", "google"), config("d", "openai-compatible", api_key_env="MY_KEY")]
    keys = {"OPENAI_API_KEY": SECRET, "MY_KEY": "   "}
    there, google, blank = doctor.check_keys(configs, keys)
    assert (there.what, there.state, there.detail) == ("key OPENAI_API_KEY", "ok", "is set, for a, b")
    assert (google.what, google.state, google.next) == ("key GEMINI_API_KEY", "warning", "export GEMINI_API_KEY=…")
    assert blank.state == "warning"
    other = doctor.check_keys(configs, {"OPENAI_API_KEY": "another-one-of-other-length", "MY_KEY": ""})
    assert other == [there, google, blank]
    assert all(part not in str([there, google, blank]) for part in (SECRET, SECRET[:5], SECRET[-4:], str(len(SECRET))))


def test_which_variable_holds_a_key():
    assert key_variable(config(provider="anthropic")) == "ANTHROPIC_API_KEY"
    assert key_variable(config(api_key_env="OTHER")) == "OTHER"
    assert key_variable(config(base_url="http://localhost:1/v1")) is None
    assert key_variable(config(provider="openai-compatible", base_url="http://x/v1")) is None
    assert key_variable(config(provider="transformers")) is None


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://localhost:8000/v1", ("localhost", 8000)),
        ("http://127.0.0.1/v1", ("127.0.0.1", 80)),
        ("https://[::1]:9/v1", ("::1", 9)),
        ("https://api.openai.com/v1", None),
        ("http://localhost.example.org/v1", None),
        ("http://localhost:notaport/v1", None),
        (None, None),
    ],
)
def test_servers_on_this_machine(url, address):
    found = [] if address is None else [address]
    assert able.local_addresses(config(base_url=url)) == found
    several = config(provider="endpoints", options={"urls": [url or "elsewhere", "http://127.0.0.1:7/v1"]})
    assert able.local_addresses(several) == [*found, ("127.0.0.1", 7)]


def test_only_a_listening_port_counts():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        assert able.listens("127.0.0.1", port)
    assert not able.listens("127.0.0.1", port)


def test_what_keeps_a_model_from_being_asked():
    local = config(provider="openai-compatible", base_url="http://localhost:8000/v1")
    inside = config(provider="transformers", gpus="1 x 24 GB")
    assert ready(config(), {"OPENAI_API_KEY": SECRET}) == Readiness(True)
    assert ready(config()) == Readiness(False, "key OPENAI_API_KEY", "export OPENAI_API_KEY=…")
    assert ready(config(), versions={}) == Readiness(False, "package openai", "pip install 'lightemma[openai]'")
    assert ready(config(provider="google"), versions={}).lacks == "package google-genai"
    assert ready(inside, versions={"torch": "2"}).lacks == "package transformers and accelerate"
    assert ready(inside).lacks == "GPU, 1 x 24 GB"
    assert ready(inside, gpu=True).ready
    assert ready(config(provider="transformers")).ready  # a small one, without `gpus`
    assert ready(local).next == "lightemma serve org/it --set port=8000"
    assert ready(local, listening=True).ready
    assert ready(config(retires=TODAY)).lacks == "switched off 2026-11-22"
    assert ready(config(provider="scripted")).ready
    assert ready(config(provider="lightemma.backends.scripted:ScriptedBackend")).ready
    missing = ready(config(provider="my_package:Mine"))
    assert (missing.ready, missing.lacks) == (False, "provider my_package:Mine")
    assert "cannot be imported" in missing.next
    assert ready(config(provider="opena")).next.endswith("did you mean openai?")


def test_days_of_switch_off_are_flagged():
    def flag(day: date | None) -> str:
        return able.retirement(config(retires=day), TODAY)

    assert flag(None) == ""
    assert flag(date(2026, 11, 22)) == "2026-11-22 (past)"
    assert flag(date(2026, 11, 30)) == "2026-11-30 (in 8 days)"
    assert flag(date(2026, 12, 22)) == "2026-12-22 (in 30 days)"
    assert flag(date(2026, 12, 23)) == "2026-12-23"


def test_models_that_are_ready():
    configs = [config("a"), config("b"), config("script", "scripted")]
    some = doctor.check_models(configs, lambda one: Readiness(one.name != "a"))
    assert (some.state, some.detail) == ("ok", "b")
    none = doctor.check_models(configs, lambda one: Readiness(one.provider == "scripted"))
    assert (none.state, none.next[:16]) == ("warning", "lightemma models")


def test_one_model():
    def check(spec: str, environ: dict[str, str], today: date = TODAY) -> Finding:
        return doctor.check_model(spec, today, environ, ALL.get, lambda _host, _port: False, lambda: False)

    assert check("gpt-4o", {"OPENAI_API_KEY": SECRET}).state == "ok"
    assert check("gpt-4o", {}).detail == "lacks key OPENAI_API_KEY"
    assert check("gpt-4o", {"OPENAI_API_KEY": SECRET}, date(2027, 1, 1)).state == "warning"
    assert check("gpt-4o", {"OPENAI_API_KEY": SECRET}, date(2027, 2, 1)).state == "missing"
    unknown = check("gpt4o", {})
    assert unknown.state == "missing"
    assert "did you mean gpt-4o" in unknown.detail


def test_folders(tmp_path):
    assert doctor.check_folder("results", tmp_path).state == "ok"
    deep = tmp_path / "a" / "b"
    made = doctor.check_folder("results", deep)
    assert (made.state, "can be made" in made.detail) == ("ok", True)
    assert not deep.exists()
    (tmp_path / "file").touch()
    assert doctor.check_folder("results", tmp_path / "file" / "runs").state == "missing"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_folders_that_are_another_s(tmp_path):
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        assert doctor.check_folder("this folder", tmp_path, demo=True).state == "missing"
    finally:
        tmp_path.chmod(stat.S_IRWXU)


def test_little_free_space_is_reported(tmp_path, monkeypatch):
    usage = type("usage", (), {"free": 1 << 20})
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _path: usage)
    low = doctor.check_folder("results", tmp_path)
    assert (low.state, "free some space" in low.next) == ("warning", True)


def test_answers_kept(tmp_path):
    assert doctor.check_cache(tmp_path).state == "ok"
    (tmp_path / "responses.sqlite").write_bytes(b"x" * 2_000_000)
    assert "1.9 MiB" in doctor.check_cache(tmp_path).detail


def test_data(tmp_path):
    root = tmp_path / "data"
    make_world((24, 20), names=("scene-0001", "scene-0002")).write(root, pictures=True)
    spec = f"nuscenes:{root}@v1.0-tiny"
    source, pictures = doctor.check_data(spec, tmp_path)
    assert (source.state, source.detail) == ("ok", "2 scenes, 16 benchmark frames")
    assert (pictures.state, pictures.detail) == ("ok", "16 of 16 front-camera pictures")
    files = sorted((root / "samples" / "CAM_FRONT").iterdir())
    for path in files[8:]:
        path.unlink()
    _, some = doctor.check_data(spec, tmp_path)
    assert (some.state, "the first: 'samples/CAM_FRONT" in some.next) == ("missing", True)
    for path in files[:8]:
        path.unlink()
    _, none = doctor.check_data(spec, tmp_path)
    assert (none.state, none.detail) == ("warning", "0 of 16 front-camera pictures")


def test_data_without_long_scenes(tmp_path):
    make_world((5,), names=("scene-0001",)).write(tmp_path / "data")
    (finding,) = doctor.check_data(f"nuscenes:{tmp_path / 'data'}@v1.0-tiny", tmp_path)
    assert finding.state == "missing"


def test_data_that_is_not_there(tmp_path):
    for spec in ("nuscenes:/nowhere@v1.0-mini", "nuscenes:", "elsewhere", f"published:{tmp_path}/none.zip"):
        (finding,) = doctor.check_data(spec, tmp_path)
        assert finding.state == "missing"
        assert finding.next


def test_configs_that_are_wrong_are_named(elsewhere):
    folder = elsewhere / "configs" / "models"
    folder.mkdir(parents=True)
    (folder / "broken.yaml").write_text("name: broken\n")
    configs, wrong = doctor.known_configs()
    assert "gpt-4o" in configs
    assert [finding.what for finding in wrong] == ["model broken"]


OK = Finding("Python", "ok", "3.11", demo=True)
READY = Finding("models ready", "ok", "a, b")
NONE_READY = Finding("models ready", "warning", "none", "lightemma models")


@pytest.mark.parametrize(
    ("findings", "data", "model", "step"),
    [
        ([OK, NONE_READY], None, None, "lightemma demo"),
        ([OK, READY], None, None, "lightemma demo"),
        ([Finding("packages", "missing", "", "pip install lightemma", True), READY], "x", "a", "pip install lightemma"),
        ([READY, Finding("model a", "missing", "", "export K=…")], None, "a", "export K=…"),
        ([READY, Finding("data x", "missing", "", "unpack")], "x", None, "unpack"),
        ([READY, Finding("pictures", "missing", "", "unpack")], "x", "a", "unpack"),
        ([READY], "x", None, "lightemma estimate --data x --model a --limit 30"),
        ([READY], "x", "b", "lightemma estimate --data x --model b --limit 30"),
        ([NONE_READY], "x", None, "lightemma run --data x --planner constant-action,damped-acceleration"),
        ([READY], None, "b", "lightemma run --data demo --model b --limit 3"),
        # What is there is looked at.
        ([READY, Finding("runs", "ok", "none in results yet")], None, None, "lightemma demo"),
        ([READY, Finding("runs", "ok", "2 finished", "lightemma report r")], None, None, "lightemma report r"),
        (
            [READY, Finding("runs", "ok", "2 finished", "lightemma report r")],
            None,
            "b",
            "lightemma run --data demo --model b --limit 3",
        ),
        # The demo runs without what it does not need.
        ([OK, Finding("results", "missing", "", "chmod"), READY], None, None, "lightemma demo"),
    ],
)
def test_the_next_step(findings, data, model, step):
    assert doctor.next_step(findings, data, model) == step


def test_a_spec_without_yaml_is_looked_at_too(tmp_path: Path):
    found = doctor.check_model("replay:some.zip", TODAY, {}, {}.get)
    assert found.state == "ok"


@pytest.mark.parametrize(("ready", "step"), [(READY, "run --data demo --model a"), (NONE_READY, "models ")])
def test_after_the_demo_a_model_is_next(ready, step):
    assert doctor.next_step([OK, ready], demo_done=True).startswith(f"lightemma {step}")


def test_runs_that_are_there_are_counted(tmp_path):
    results = tmp_path / "my results"
    assert doctor.check_runs(results) == Finding("runs", "ok", f"none in {results} yet")
    for name, ended in (("one", None), ("broken", None), ("two", "2026-11-27T05:00:00+00:00")):
        (results / "demo" / name).mkdir(parents=True)
        write_manifest(results / "demo" / name, msgspec.structs.replace(make_manifest(name, []), ended=ended))
        if name == "broken":
            (results / "demo" / name / "manifest.json").write_text("{")
        found = doctor.check_runs(results)
        verb = "report" if ended else "runs"
        assert found.next == f"lightemma {verb} '{results}'"
    assert found.detail == f"1 finished, 2 not finished in {results}"
