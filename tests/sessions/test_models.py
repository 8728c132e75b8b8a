"""``--model`` values become backends, wrong ones are refused, and a key never reaches a file."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import yaml

from lightemma.backends.base import CallError, Completion, Message, Request, TextPart
from lightemma.backends.scripted import ScriptedBackend
from lightemma.data.pictures import PicturePolicy
from lightemma.errors import UserError
from lightemma.run_folder.records import CallRecord, Usage
from lightemma.run_folder.store import read_frames, read_manifest
from lightemma.sessions.benchmark import Benchmark
from lightemma.sessions.frames_of_source import open_runs
from lightemma.sessions.models import make_backend, model_entry
from tests.conftest import (
    STEADY_TEXT,
    MadeUpSource,
    make_frame,
    make_frames,
    make_manifest,
    make_record,
    steady_run,
    write_archive,
    write_run,
)
from tests.fake_providers import ReplyServer
from tests.fake_providers.replies import Reply, answer, failure

SCRIPTED = {"name": "script", "provider": "scripted", "model": "script-1", "options": {"answers": ["yes"]}}


def write_yaml(path: Path, values: dict | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(values if isinstance(values, str) else yaml.safe_dump(values, sort_keys=False))
    return path


def ask(backend, token: str = "scene-0001/0", stage: str = "scene") -> Completion:
    return asyncio.run(backend.generate(Request((Message("user", (TextPart("?"),)),), token, stage)))


def test_a_model_is_found_by_name_and_by_path(elsewhere):
    path = write_yaml(elsewhere / "configs" / "models" / "script.yaml", SCRIPTED)
    for spec in ("script", str(path), "configs/models/script.yaml"):
        backend = make_backend(spec)
        assert isinstance(backend, ScriptedBackend)
        assert ask(backend).text == "yes"


def test_an_unknown_name_offers_near_ones(elsewhere):
    for name in ("tiny-vlm-a", "tiny-vlm-b"):
        write_yaml(elsewhere / "configs" / "models" / f"{name}.yaml", SCRIPTED)
    with pytest.raises(UserError, match=r"There is no model 'tiny-vlm' in configs/models; did you mean .*tiny-vlm-b"):
        make_backend("tiny-vlm")


def test_a_path_that_is_not_there_is_named(elsewhere):
    with pytest.raises(UserError, match=r"There is no file 'mine/gone\.yaml'"):
        make_backend("mine/gone.yaml")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("name: a\nprovider: scripted\nmodell: m\n", r"line 3: there is no key 'modell'; did you mean model\?"),
        ("name: a\nmodel: m\n", r"the key 'provider' is missing"),
        (
            "name: a\nprovider: scripted\nmodel: m\nlimits:\n  timeout: 3\n",
            r"line 5: .*'limits\.timeout'; did you mean timeout_s",
        ),
        (
            "name: a\nprovider: scripted\nmodel: m\nprice:\n  input: -1\n  output: 2\n",
            r"line 5: 'price\.input' is wrong",
        ),
        ("name: a b\nprovider: scripted\nmodel: m\n", r"line 1: 'name' is wrong"),
    ],
)
def test_a_wrong_key_is_named_with_its_line(elsewhere, text, complaint):
    path = write_yaml(elsewhere / "mine.yaml", text)
    with pytest.raises(UserError, match=complaint) as caught:
        make_backend(str(path))
    assert "mine.yaml" in str(caught.value)


def test_an_unknown_provider_offers_near_ones(elsewhere):
    path = write_yaml(elsewhere / "mine.yaml", SCRIPTED | {"provider": "open-ai-compatible"})
    with pytest.raises(UserError, match=r"names the provider 'open-ai-compatible'.*did you mean openai-compatible"):
        make_backend(str(path))


OWN_BACKEND = """
from lightemma.backends.base import Backend, Completion

class Shouting(Backend):
    reads_pictures = False

    async def generate(self, request):
        return Completion(request.messages[-1].text.upper())

class NoBackend:
    pass
"""


@pytest.fixture
def own_module(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (elsewhere / "own_backend.py").write_text(OWN_BACKEND)
    monkeypatch.syspath_prepend(elsewhere)
    return "own_backend"


def test_a_users_class_is_a_model(own_module, elsewhere):
    backend = make_backend(f"{own_module}:Shouting")
    request = Request((Message("user", (TextPart("ahead?"),)),), "t", "scene")
    assert asyncio.run(backend.generate(request)).text == "AHEAD?"
    assert (backend.config.name, backend.config.provider) == ("Shouting", "own_backend:Shouting")
    path = write_yaml(elsewhere / "mine.yaml", {"name": "loud", "provider": f"{own_module}:Shouting", "model": "m"})
    assert make_backend(str(path)).config.name == "loud"


@pytest.mark.parametrize(
    ("place", "complaint"),
    [
        ("own_backend:Silent", "Module 'own_backend' has no 'Silent'"),
        ("own_backend:NoBackend", r"'own_backend:NoBackend' is not a backend: it does not subclass .*Backend"),
        ("no_such_module:Silent", "cannot be imported .*PYTHONPATH"),
    ],
)
def test_a_class_that_is_not_a_backend_is_refused(own_module, place, complaint):
    with pytest.raises(UserError, match=complaint):
        make_backend(place)


def test_a_replayed_run_answers_and_fails_as_recorded(tmp_path):
    frame, unlucky = make_frames({"scene-0001": 2})
    usage = Usage(100, 10, 20, 5, "api")
    stages = [
        CallRecord("scene", "?", "A road.", "ok", usage, 1.5),
        CallRecord("intent", "?", "Go", "ok", usage, 2.5),
        CallRecord("action", "?", "[(1.0, 0.0), (1", "format:truncated", usage, 3.5),
    ]
    failed = [CallRecord("scene", "?", None, "call:overloaded", error="busy")]
    records = [
        make_record(frame, None, "format:truncated", stages),
        make_record(unlucky, None, "call:overloaded", failed),
    ]
    folder = write_run(tmp_path, make_manifest("vlm", [frame, unlucky]), records)

    backend = make_backend(f"replay:{folder}")
    assert (backend.config.name, backend.config.model, backend.reads_pictures) == ("vlm", "vlm-model", False)
    scene = ask(backend)
    assert (scene.text, scene.usage, scene.latency_s, scene.finish_reason) == ("A road.", usage, 1.5, "stop")
    assert ask(backend, stage="action").finish_reason == "length", "a replay must call it truncated again"
    with pytest.raises(CallError, match="busy") as caught:
        ask(backend, unlucky.sample_token)
    assert caught.value.kind == "overloaded"
    with pytest.raises(CallError) as caught:
        ask(backend, "another/0")
    assert caught.value.kind == "not_recorded"


def test_a_replayed_archive_marks_failures_that_were_passed_on_as_answers(tmp_path):
    def answers(token: str, stage: str) -> str:
        return "Error generating response: HTTP code 500" if stage == "scene" else f"{stage} of {token}"

    backend = make_backend(f"replay:{write_archive(tmp_path / 'tiny', answers)}")
    assert (backend.config.name, backend.config.model) == ("tiny", "tiny-vlm")
    scene = ask(backend)
    assert (scene.text, scene.failure) == ("Error generating response: HTTP code 500", "server_error")
    assert (ask(backend, stage="intent").text, ask(backend, stage="intent").failure) == ("intent of scene-0001/0", None)


def test_a_run_that_asked_no_model_cannot_be_replayed(tmp_path):
    folder = steady_run(tmp_path, "stop", make_frames(), 0.0, planner="stop")
    with pytest.raises(UserError, match="asked no model, so there is nothing to replay"):
        make_backend(f"replay:{folder}")


def test_an_archive_may_have_any_name(tmp_path):
    assert make_backend(f"replay:{write_archive(tmp_path / 'tiny vlm (1)')}").config.name == "tiny-vlm-1"
    folder = steady_run(tmp_path, "über vlm", make_frames(), 5.0)
    assert make_backend(f"replay:{folder}").config.name == "ber-vlm"
    with pytest.raises(UserError, match="'no such:thing here' cannot be imported"):
        make_backend("no such:thing here")


def test_a_replay_of_nothing_is_named(tmp_path):
    with pytest.raises(UserError, match=r"There is no archive '.*gone'"):
        make_backend(f"replay:{tmp_path / 'gone'}")


def test_the_manifest_keeps_what_decides_the_answers(elsewhere):
    values = SCRIPTED | {"revision": "abc", "seed": 7, "temperature": 0.5, "price": {"input": 1.0, "output": 2.0}}
    entry = model_entry(make_backend(str(write_yaml(elsewhere / "mine.yaml", values))))
    assert (entry.name, entry.provider, entry.model, entry.revision) == ("script", "scripted", "script-1", "abc")
    assert entry.parameters["temperature"] == 0.5
    assert entry.parameters["seed"] == 7
    assert entry.price is not None
    assert (entry.price["input"], entry.price["output"], entry.price["cached_input"]) == (1.0, 2.0, None)


KEY = "sk-test-0123456789-never-in-a-file"


def replies() -> list[Reply]:
    """One good frame, then a failure whose message repeats the key, as some servers do."""
    good = [answer("A road."), answer("Go on."), answer(STEADY_TEXT)]
    return [*good, failure(500, f"internal error, Authorization was Bearer {KEY}")]


def test_a_key_never_reaches_a_file(elsewhere, tmp_path, monkeypatch):
    pytest.importorskip("openai")
    monkeypatch.setenv("TINY_KEY", KEY)
    with ReplyServer(*replies()) as server:
        values = {
            "name": "tiny", "provider": "openai-compatible", "model": "tiny-1", "api_key_env": "TINY_KEY",
            "base_url": server.base_url, "limits": {"attempts": 1}, "options": {"extra_body": {"top_k": 1}},
        }  # fmt: skip
        path = write_yaml(elsewhere / "mine.yaml", values)
        frames = [make_frame(index=index, image_path=picture(tmp_path, index)) for index in range(2)]
        study = open_runs(
            Benchmark(data="made-up", models=[str(path)], concurrency=1), tmp_path / "results", MadeUpSource(frames)
        )
        (outcome,) = study.run()
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}", "it did reach the server"
    assert outcome.failed == 1
    assert [record.outcome for record in read_frames(tmp_path / "results" / "tiny")] == ["ok", "call:server_error"]
    manifest = read_manifest(tmp_path / "results" / "tiny")
    assert manifest.images == PicturePolicy().as_dict()
    written = [path for path in (tmp_path / "results").rglob("*") if path.is_file()]
    assert {path.name for path in written} == {"manifest.json", "frames.jsonl", "prompts.json", "responses.sqlite"}
    for file in written:
        assert KEY.encode() not in file.read_bytes(), file


def picture(folder: Path, number: int = 0) -> Path:
    from PIL import Image

    path = folder / f"seen-{number}.jpg"
    Image.new("RGB", (32, 18), (90 + 40 * number, 120, 150)).save(path)
    return path
