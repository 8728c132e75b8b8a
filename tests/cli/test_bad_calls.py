"""Errors in a model's settings or its calls: one sentence, exit status 2, and nothing is lost."""

from __future__ import annotations

import io
import re
import sqlite3
from pathlib import Path

import pytest
import yaml
from PIL import Image

from lightemma.backends.base import Backend, Completion, Request
from lightemma.backends.registry import providers
from lightemma.calls.cache import FILE, VERSION
from lightemma.run_folder.frame_lines import frames_file
from lightemma.sessions.models import make_backend
from tests.cli.test_bad_input import SEES, TABLES, place, sentence, world  # noqa: F401 -- fixtures
from tests.conftest import lines_of_run

RUN = ("run", "--data", TABLES, "--limit", 2, "--out", "out")


def model(folder: Path, **changes: object) -> Path:
    settings = {"name": "mine", "provider": "openai-compatible", "model": "m", "base_url": "http://127.0.0.1:9/v1"}
    path = folder / "mine.yaml"
    path.write_text(yaml.safe_dump(settings | changes))
    return path


def test_a_missing_key_is_named_by_its_variable(place, cli, monkeypatch):  # noqa: F811
    monkeypatch.delenv("MINE_KEY", raising=False)
    for name, variable in (("gpt-4o", "OPENAI_API_KEY"), ("claude-sonnet-4.5", "ANTHROPIC_API_KEY")):
        monkeypatch.delenv(variable, raising=False)
        path = Path(__file__).parents[2] / "configs" / "models" / f"{name}.yaml"
        assert variable in sentence(cli, *RUN, "--model", path)
    assert "MINE_KEY" in sentence(cli, *RUN, "--model", model(place, api_key_env="MINE_KEY"))


@pytest.mark.parametrize("address", ["localhost:8000", "ftp://x/v1", "not an address"])
def test_an_invalid_address_is_named(place, cli, address):  # noqa: F811
    assert "base_url" in sentence(cli, *RUN, "--model", model(place, base_url=address))


def test_an_address_without_a_server_is_named_before_the_first_call(place, cli):  # noqa: F811
    pytest.importorskip("openai")
    message = sentence(cli, *RUN, "--model", model(place, limits={"attempts": 1}))
    assert "server at 127.0.0.1:9 is not up" in message
    assert not lines_of_run(place / "out" / "nuscenes-v1.0-tiny" / "mine")


@pytest.mark.parametrize(
    ("option", "complaint"),
    [
        (("--max-cost", 0), "--max-cost is 0"),
        (("--concurrency", 0), "--concurrency is wrong"),
        (("--batch",), "no batch"),
    ],
)
def test_impossible_ways_of_running_are_refused(place, cli, option, complaint):  # noqa: F811
    arguments = SEES.split()
    assert complaint in sentence(cli, *RUN, *arguments, *option)


def test_a_cap_without_a_price_is_refused(place, cli):  # noqa: F811
    assert "price" in sentence(cli, *RUN, *SEES.split(), "--max-cost", 1)


def test_a_cache_of_a_newer_program_is_refused_and_kept(place, cli):  # noqa: F811
    (place / "out").mkdir()
    with sqlite3.connect(place / "out" / FILE) as database:
        database.execute(f"PRAGMA user_version = {VERSION + 1}")
    assert "newer" in sentence(cli, *RUN, *SEES.split())
    assert (place / "out" / FILE).is_file()


def test_a_cache_that_cannot_be_written_is_named(place, cli):  # noqa: F811
    (place / "out" / FILE).mkdir(parents=True)
    assert FILE in sentence(cli, *RUN, *SEES.split())


def picture_of(kind: str) -> bytes:
    buffer = io.BytesIO()
    if kind == "huge":
        Image.new("1", (12_500, 8_000)).save(buffer, "PNG")
        return buffer.getvalue()
    Image.effect_noise((320, 180), 50).convert("RGB").save(buffer, "JPEG")
    return buffer.getvalue()[:2000]


@pytest.mark.parametrize(
    ("kind", "complaint"), [("corrupt", "torn|no picture"), ("huge", "megapixels|too large|pixels")]
)
def test_a_picture_that_cannot_be_sent_is_found_before_the_first_call(place, cli, kind, complaint):  # noqa: F811
    assert cli(*RUN, *SEES.split(), "--concurrency", 1).status == 0
    done = frames_file(place / "out" / "nuscenes-v1.0-tiny" / "Seeing").read_bytes()
    broken = picture_of(kind)
    for path in (place / "nuscenes" / "samples" / "CAM_FRONT").iterdir():
        path.write_bytes(broken)
    ended = cli("run", "--data", TABLES, "--limit", 2, "--out", "other", *SEES.split())
    assert ended.status == 2
    assert "2 of 2 pictures" in ended.err
    assert re.search(complaint, ended.err), ended.err
    assert "CAM_FRONT" in ended.err
    assert not (place / "other" / "nuscenes-v1.0-tiny" / "Seeing").exists()
    assert frames_file(place / "out" / "nuscenes-v1.0-tiny" / "Seeing").read_bytes() == done


class Offered(Backend):
    """A backend of another package."""

    async def generate(self, request: Request) -> Completion:
        return Completion("here")


def test_a_package_can_offer_its_backend_by_name(tmp_path, monkeypatch):
    from importlib.metadata import EntryPoint

    from lightemma.backends import registry

    point = EntryPoint("offered", "tests.cli.test_bad_calls:Offered", registry.ENTRY_POINTS)
    monkeypatch.setattr(registry, "entry_points", lambda group: [point] if group == registry.ENTRY_POINTS else [])
    assert "offered" in providers()
    assert isinstance(make_backend(str(model(tmp_path, provider="offered"))), Offered)


def test_the_options_of_a_provider_are_shown(cli):
    ended = cli("models", "--provider", "openai")
    assert ended.status == 0
    assert "reasoning_effort" in ended.out
    assert "no provider 'opena'; did you mean openai" in sentence(cli, "models", "--provider", "opena")
