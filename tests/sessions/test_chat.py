"""Runs with other prompt styles: their names, their requests, and what is refused before the first call."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from lightemma.backends.base import Backend
from lightemma.backends.config import ModelConfig
from lightemma.backends.replay import ReplayBackend
from lightemma.backends.scripted import ScriptedBackend
from lightemma.errors import UserError
from lightemma.evaluation.comparison import compare_runs
from lightemma.evaluation.scores import load_scores
from lightemma.evaluation.tables.files import write_tables
from lightemma.frame import EarlierPicture, EgoHistory, Frame
from lightemma.run_folder.store import read_frames, read_manifest
from lightemma.sessions.benchmark import Benchmark
from lightemma.sessions.frames_of_source import FramesOfSource, open_runs
from lightemma.sessions.run import Spending
from lightemma.sessions.session import Session
from tests.backends.conftest import _providers, no_certificates, server  # noqa: F401 -- fixtures
from tests.backends.kit import ANTHROPIC, CHAT, COMPATIBLE, GOOGLE, arrived
from tests.conftest import STEADY_TEXT, MadeUpSource, make_frames, steady

GOOD = {"scene": ["A road."], "intent": ["Go on."], "action": [STEADY_TEXT]}


class Seeing(ScriptedBackend):
    """Reads pictures, unlike its base."""

    reads_pictures = True


def scripted(name: str) -> Backend:
    config = ModelConfig(name=name, provider="scripted", model=f"{name}-id")
    return ScriptedBackend.from_answers(GOOD, repeat=True, config=config)


def seeing(name: str) -> Backend:
    config = ModelConfig(name=name, provider="scripted", model=f"{name}-id")
    return Seeing.from_answers(GOOD, repeat=True, config=config)


def pictured(folder: Path) -> list[Frame]:
    """Five frames, each with a picture, a history and seven earlier pictures of its own."""
    frames = []
    for number, frame in enumerate(make_frames()):
        path = folder / f"{number}.jpg"
        Image.new("RGB", (32, 18), (40 * number, 120, 150)).save(path)
        earlier = []
        for age in range(7, 0, -1):
            before = folder / f"{number}-{age}.jpg"
            Image.new("RGB", (32, 18), (40 * number, 20 * age, 50)).save(before)
            earlier.append(EarlierPicture(before, frame.timestamp - 500_000 * age))
        history = EgoHistory(frame.history.positions, steady(4.0 + number))
        frames.append(replace(frame, image_path=path, history=history, earlier=tuple(earlier)))
    return frames


def study(folder: Path, backends=scripted, over=None, **settings) -> Session[FramesOfSource]:
    source = MadeUpSource(make_frames() if over is None else over)
    backend = backends if callable(backends) else lambda _: backends
    return open_runs(Benchmark(data="made-up", models=["m"], **settings), folder / "results", source, backend)


# Names and manifests.


@pytest.mark.parametrize(
    ("settings", "name", "planner"),
    [
        ({}, "m", "chain-of-thought"),
        ({"dialogue": True}, "m+dialogue", "chain-of-thought-dialogue"),
        ({"frames": 3}, "m+3-frames", "chain-of-thought-3-frames"),
        ({"answer": "guided"}, "m+guided", "chain-of-thought-guided"),
        (
            {"dialogue": True, "frames": 2, "answer": "guided", "prompts": "three-stage-json"},
            "m+dialogue+2-frames+guided+three-stage-json",
            "chain-of-thought-dialogue-2-frames-guided",
        ),
    ],
)
def test_each_prompt_style_makes_a_different_run(tmp_path, settings, name, planner):
    made = study(tmp_path, **settings)
    assert [job.name for job in made.jobs] == [name]
    made.run()
    manifest = read_manifest(tmp_path / "results" / name)
    assert manifest.planner.name == planner
    assert {key: manifest.planner.settings.get(key) for key in ("dialogue", "frames", "answer")} == {
        "dialogue": settings.get("dialogue"),
        "frames": settings.get("frames"),
        "answer": settings.get("answer"),
    }


def test_the_separate_prompts_have_not_changed(tmp_path):
    made = study(tmp_path)
    made.run()
    manifest = read_manifest(tmp_path / "results" / "m")
    assert manifest.planner.settings == {"parser": "strict"}
    assert manifest.prompts is not None
    # The digest of the shipped set has never changed, so that older runs can be resumed.
    assert manifest.prompts.sha256.startswith("eec474c61bfe1448")


def test_a_run_is_not_resumed_with_another_style(tmp_path):
    first = study(tmp_path, name="mine", limit=1)
    first.run()
    for settings in ({"dialogue": True}, {"frames": 2}, {"answer": "guided"}):
        other = study(tmp_path, name="mine", limit=1, **settings)
        with pytest.raises(UserError, match="planner"):
            other.run()


def test_prompt_styles_are_compared_as_different_planners(tmp_path):
    for settings in ({}, {"dialogue": True}, {"answer": "guided"}):
        made = study(tmp_path, **settings)
        made.run()
    names = ("m", "m+dialogue", "m+guided")
    write_tables(compare_runs([load_scores(tmp_path / "results" / name) for name in names]), tmp_path / "tables")
    with (tmp_path / "tables" / "summary.csv").open() as file:
        rows = {row["run"]: row["planner"] for row in csv.DictReader(file)}
    assert {name: rows[name] for name in names} == {
        "m": "chain-of-thought",
        "m+dialogue": "chain-of-thought-dialogue",
        "m+guided": "chain-of-thought-guided",
    }


def test_baselines_are_not_affected(tmp_path):
    made = study(tmp_path, planners=["constant-action", "chain-of-thought"], dialogue=True)
    assert [job.name for job in made.jobs] == ["constant-action", "m+dialogue"]


# Requests.


def driven(folder, server, backend, **settings):  # noqa: F811
    made = study(folder, backend, pictured(folder), **settings)
    (outcome,) = made.run()
    assert (outcome.done, outcome.failed) == (5, 0)
    return made.jobs[0].name, server.requests


def by_turns(requests):
    """The received requests, by number of turns."""
    found: dict[int, list[list[tuple[str, list[str | bytes]]]]] = {}
    for received in requests:
        turns = arrived(received)
        found.setdefault(len(turns), []).append(turns)
    return found


@pytest.mark.parametrize("provider", [COMPATIBLE, ANTHROPIC, GOOGLE], ids=lambda provider: provider.name)
def test_the_requests_of_a_dialogue(server, provider, tmp_path):  # noqa: F811
    name, requests = driven(tmp_path, server, provider.make(server), dialogue=True)
    found = by_turns(requests)
    assert {turns: len(all_) for turns, all_ in found.items()} == {1: 5, 3: 5, 5: 5}
    for three in found[3]:
        assert three[:1] in found[1], "turn 2 contains turn 1"
    for five in found[5]:
        assert five[:3] in found[3], "turn 3 contains turn 2"
        pictures = [part for _, parts in five for part in parts if isinstance(part, bytes)]
        assert len(pictures) == 1
        assert five[0][1][0] == pictures[0], "the picture comes first"
    assert len(read_frames(tmp_path / "results" / name)) == 5


def test_prompt_styles_share_answers_of_the_same_requests_only(server, tmp_path):  # noqa: F811
    frames = pictured(tmp_path)
    asked = []
    for settings in ({}, {"dialogue": True}, {"frames": 2}, {"answer": "guided"}):
        made = study(tmp_path, COMPATIBLE.make(server), frames, **settings)
        made.run()
        asked.append(server.counts.requests)
    # The scene turn of a dialogue is the scene prompt; guided, only the action call differs.
    assert asked == [15, 15 + 10, 25 + 15, 40 + 5]
    again = study(tmp_path, COMPATIBLE.make(server), frames, dialogue=True, name="again")
    again.run()
    assert server.counts.requests == asked[-1], "same requests, answered from the cache"


@pytest.mark.parametrize("dialogue", [False, True])
def test_the_requests_with_several_pictures(server, tmp_path, dialogue):  # noqa: F811
    _, requests = driven(tmp_path, server, CHAT.make(server), frames=3, dialogue=dialogue)
    by_number = {
        tuple((tmp_path / f"{number}{age}.jpg").read_bytes() for age in ("-2", "-1", "")) for number in range(5)
    }
    for received in requests:
        turns = arrived(received)
        pictures = tuple(part for _, parts in turns for part in parts if isinstance(part, bytes))
        assert pictures in by_number
        labels = [part for part in turns[0][1] if isinstance(part, str)]
        assert [label.split("camera ")[1][:9] for label in labels[:2]] == ["1.0 s ago", "0.5 s ago"]
    assert len(requests) == 15


def test_a_dialogue_with_several_pictures_can_be_batched(server, tmp_path):  # noqa: F811
    single, batch = tmp_path / "single", tmp_path / "batch"
    for folder in (single, batch):
        folder.mkdir()
    name, _ = driven(single, server, CHAT.make(server), frames=2, dialogue=True)
    asked = server.counts.requests
    made = study(batch, CHAT.make(server), pictured(batch), frames=2, dialogue=True)
    made.run(Spending(batch=True, poll_s=0.0))
    assert server.counts.requests == asked

    def answers_of(folder):
        records = read_frames(folder / "results" / name)
        return {r.sample_token: [(s.stage, s.prompt, s.response) for s in r.calls] for r in records}

    assert answers_of(batch) == answers_of(single)


def test_a_dialogue_beyond_the_context_is_summarised_and_its_tables_are_complete(server, tmp_path):  # noqa: F811
    backend = COMPATIBLE.make(server, max_output_tokens=240, context_tokens=1560)
    server.server.settings.context_tokens = 1560
    name, requests = driven(tmp_path, server, backend, dialogue=True)
    records = read_frames(tmp_path / "results" / name)
    assert {record.outcome for record in records} == {"ok"}
    assert any("summary" in [stage.stage for stage in record.calls] for record in records)
    assert all(received.status == 200 for received in requests)
    write_tables(compare_runs([load_scores(tmp_path / "results" / name)]), tmp_path / "tables")
    with (tmp_path / "tables" / "summary.csv").open() as file:
        row = next(csv.DictReader(file))
    calls = sum(len(record.calls) for record in records)
    tokens = sum(stage.usage.input for record in records for stage in record.calls)
    assert float(row["calls_per_frame"]) == pytest.approx(calls / 5)
    assert float(row["input_tokens"]) == pytest.approx(tokens / 5)
    assert read_manifest(tmp_path / "results" / name).planner.settings["context_tokens"] == 1560


# Refused before the first call.


def test_a_model_that_cannot_be_constrained_is_refused_before_the_first_call(server, tmp_path):  # noqa: F811
    frames = pictured(tmp_path)
    made = study(tmp_path, CHAT.make(server), frames, answer="guided")
    with pytest.raises(
        UserError, match=r"constrained to a JSON schema only.*asks for a list; add `prompts` three-stage-json"
    ):
        made.run()
    off = COMPATIBLE.make(server, options={"structured_output": False})
    made = study(tmp_path, off, frames, answer="guided")
    with pytest.raises(UserError, match="cannot be constrained to a form of answer; leave `answer` guided out"):
        made.run()
    recording = ReplayBackend(ModelConfig(name="r", provider="replay", model="r"), {})
    made = study(tmp_path, recording, frames, answer="guided")
    with pytest.raises(UserError, match=r"provider replay.* cannot be constrained"):
        made.run()
    assert server.counts.requests == 0
    assert not [path for path in (tmp_path / "results").iterdir() if path.is_dir()]


def test_a_local_model_is_refused_with_what_to_do(tmp_path):
    pytest.importorskip("torch", reason="local models need the extra `local`")
    pytest.importorskip("transformers", reason="local models need the extra `local`")
    from lightemma.backends.transformers import TransformersBackend

    backend = TransformersBackend(ModelConfig(name="local", provider="transformers", model="some/model"))
    for prompts in ("three-stage", "three-stage-json"):
        made = study(tmp_path, backend, pictured(tmp_path), answer="guided", prompts=prompts)
        with pytest.raises(UserError, match=r"provider transformers.* cannot be constrained.* vLLM server"):
            made.run()


def test_earlier_pictures_that_are_missing_are_named(tmp_path):
    frames = pictured(tmp_path)
    frames[1].earlier[-2].path.unlink()
    assert study(tmp_path, seeing, frames), "no model reads them"
    with pytest.raises(UserError, match=r"1 of 5 pictures are missing under drives, the first is '1-2\.jpg'"):
        open_runs(Benchmark(data="x", models=["m"], frames=3), tmp_path / "results", MadeUpSource(frames), seeing)


def test_a_source_that_knows_no_earlier_pictures_is_refused(tmp_path):
    frames = [replace(frame, earlier=()) for frame in pictured(tmp_path)]
    with pytest.raises(UserError, match=r"does not say which pictures come before .*leave `pictures` out"):
        open_runs(Benchmark(data="x", models=["m"], frames=2), tmp_path / "results", MadeUpSource(frames), seeing)


@pytest.mark.parametrize("frames", [0, 9])
def test_there_are_not_more_pictures_than_the_history_has(frames):
    with pytest.raises(ValueError, match="pictures"):
        Benchmark(data="x", frames=frames)
