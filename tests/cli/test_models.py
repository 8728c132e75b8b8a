"""lightemma models, doctor and estimate, as commands."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from lightemma.config_files import config_names
from tests.data.nuscenes_tables_writer import make_world

SECRET = "sk-very-secret-0123456789"
KEYS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "OPENROUTER_API_KEY")


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in KEYS:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def drive(tmp_path: Path) -> str:
    """A --data value: one scene of 24 key frames, so ten benchmark frames, with pictures."""
    make_world((24,), names=("scene-0001",)).write(tmp_path / "data", pictures=True)
    return f"nuscenes:{tmp_path / 'data'}@v1.0-tiny"


def rows(out: str) -> dict[str, str]:
    """First text of each line -> the line."""
    return {line.split()[0]: line for line in out.splitlines() if line.split()}


def test_models_lists_all_with_prices_and_what_is_missing(cli, elsewhere):
    pytest.importorskip("openai")
    done = cli("models")
    assert done.status == 0
    lines = rows(done.out)
    assert set(config_names("models")) <= set(lines)
    assert "key OPENAI_API_KEY" in lines["gpt-4o"]
    assert " 2.5 " in lines["gpt-4o"]
    assert " 10 " in lines["gpt-4o"]
    assert "2027-01-14" in lines["gpt-4o"]
    assert "(past)" in lines["claude-3.7-sonnet"]
    assert "switched off 2026-02-19" in lines["claude-3.7-sonnet"]
    assert "4 x 48 GB" in lines["qwen2.5-vl-72b"]
    assert lines["scripted-example"].rstrip().endswith("ready")
    assert "genai-prices" in done.out


def test_models_ready_with_a_key_that_is_not_shown(cli, elsewhere, monkeypatch):
    pytest.importorskip("openai")
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    done = cli("models")
    assert rows(done.out)["gpt-4.1"].rstrip().endswith("ready")
    assert SECRET not in done.out + done.err


def test_a_users_models_are_listed_and_broken_ones_are_named(cli, elsewhere):
    folder = elsewhere / "configs" / "models"
    folder.mkdir(parents=True)
    (folder / "mine.yaml").write_text("name: mine\nprovider: scripted\nmodel: m\nprice: {input: 1, output: 2.25}\n")
    (folder / "broken.yaml").write_text("name: broken\nprovider: scripted\n")
    done = cli("models")
    assert " 2.25 " in rows(done.out)["mine"]
    assert "Left out: " in done.out
    assert "broken.yaml" in done.out


def test_one_model_in_full(cli, elsewhere, monkeypatch):
    pytest.importorskip("openai")
    done = cli("models", "gpt-4o")
    assert done.status == 0
    lines = rows(done.out)
    assert lines["model"].split() == ["model", "gpt-4o-2024-11-20"]
    assert "input 2.5, output 10, from cache 1.25" in done.out
    assert "input 1.25, output 5" in done.out
    assert "lacks key OPENAI_API_KEY; export OPENAI_API_KEY=…" in done.out
    assert Path(lines["file"].split()[1]).is_file()


def test_one_model_without_login_in_its_address(cli, elsewhere):
    path = elsewhere / "mine.yaml"
    path.write_text(
        "name: mine\nprovider: openai-compatible\nmodel: m\nbase_url: http://user:hidden@localhost:1/v1?key=hidden\n"
    )
    done = cli("models", path)
    assert done.status == 0
    assert "http://localhost:1/v1" in done.out
    assert "hidden" not in done.out


def test_a_model_that_does_not_exist(cli, elsewhere):
    done = cli("models", "gpt4o")
    assert done.status == 2
    assert "did you mean gpt-4o" in done.err


def test_doctor_ends_with_the_next_step(cli, elsewhere):
    done = cli("doctor")
    assert done.status == 0
    assert done.out.splitlines()[-1] == "Next: lightemma demo"
    assert "key OPENAI_API_KEY" in done.out
    assert not (elsewhere / "results").exists()


def test_doctor_never_shows_a_key(cli, elsewhere, monkeypatch):
    for name in KEYS:
        monkeypatch.setenv(name, SECRET)
    done = cli("doctor", "--model", "gpt-4o")
    assert "is set, for" in done.out
    shown = done.out + done.err
    assert all(part not in shown for part in (SECRET, SECRET[:6], SECRET[-6:]))


def test_doctor_with_data_and_model(cli, elsewhere, drive):
    done = cli("doctor", "--data", drive, "--model", "gpt-4o")
    assert done.status == 0  # the demo can still run
    assert "10 of 10 front-camera pictures" in done.out
    assert done.out.splitlines()[-1] in {
        "Next: export OPENAI_API_KEY=…",
        "Next: pip install 'lightemma[openai]'",
    }
    away = cli("doctor", "--data", "nuscenes:/nowhere@v1.0-mini")
    assert away.status == 0
    assert "MISSING  data nuscenes:/nowhere@v1.0-mini" in away.out


def test_doctor_fails_where_the_demo_cannot_run(cli, elsewhere, monkeypatch):
    from lightemma.preflight import doctor

    monkeypatch.setattr(doctor, "installed_version", lambda _name: None)
    monkeypatch.setattr(doctor.check_packages, "__defaults__", (None, lambda _name: None))
    done = cli("doctor")
    assert done.status == 1
    assert done.out.splitlines()[-1] == "Next: pip install lightemma"


def test_estimate(cli, elsewhere, drive):
    done = cli("estimate", "--data", drive, "--model", "gpt-4o,qwen2.5-vl-7b,gpt-6.2-sol")
    assert done.status == 0, done.err
    dollars, _, hardware = done.out.partition("On your own H100s")
    lines = rows(dollars)
    assert "An estimate" in done.out
    assert "qwen2.5-vl-7b" in rows(hardware)
    assert "gpt-4o" not in rows(hardware.partition("Assumptions")[0])
    assert lines["gpt-4o"].split()[1:3] == ["10", "30"]
    assert lines["qwen2.5-vl-7b"].split()[-3:] == ["?", "?", "?"]
    assert "Total: $" in done.out
    assert "2 of 3 runs have no known price" in done.out
    assert "runs on your own hardware" in done.out
    assert "give `price` in its YAML" in done.out


def test_options_override_the_benchmark_of_an_estimate(cli, elsewhere, drive):
    yaml = f"data: {drive}\nmodels: [gpt-4o]\nplanners: [chain-of-thought, stop]\nlimit: 4\n"
    (elsewhere / "mine.yaml").write_text(yaml)
    assert rows(cli("estimate", "mine.yaml").out)["gpt-4o"].split()[1:3] == ["4", "12"]
    assert rows(cli("estimate", "mine.yaml", "--limit", 2).out)["gpt-4o"].split()[1:3] == ["2", "6"]


def test_estimate_takes_the_options_that_decide_what_run_drives(cli, elsewhere, drive):
    import inspect

    from lightemma.cli.estimate import estimate
    from lightemma.cli.options import SessionOptions
    from lightemma.cli.run import run

    how = {field.name for field in dataclasses.fields(SessionOptions)}
    assert set(inspect.signature(run).parameters) - how <= set(inspect.signature(estimate).parameters)
    arguments = (
        "--data",
        drive,
        "--model",
        "gpt-4o",
        "--parser",
        "tolerant",
        "--concurrency",
        4,
        "--integration",
        "arc",
    )
    assert cli("estimate", *arguments).status == 0


def test_estimate_shows_what_share_a_cost_limit_pays_for(cli, elsewhere, drive):
    arguments = ("estimate", "--data", drive, "--model", "gpt-4o", "--max-cost")
    assert "$100 pays for about 100% of it" in cli(*arguments, 100).out
    some = cli(*arguments, 0.05).out
    assert "$0.05 pays for about" in some
    assert "100%" not in some


def test_estimate_leaves_out_finished_frames(cli, elsewhere, drive):
    arguments = ("--data", drive, "--model", "scripted-example", "--limit", 5)
    assert cli("run", *arguments).status == 0
    done = cli("estimate", *arguments)
    assert "5 frames are already there" in done.out
    assert "asks no model, costs nothing" in done.out


def test_estimate_without_a_model_or_data(cli, elsewhere, drive):
    done = cli("estimate", "--data", drive, "--planner", "stop")
    assert (done.status, "no calls, no cost" in done.out) == (0, True)
    assert cli("estimate").status == 2
    assert cli("estimate", "--data", drive).status == 2
