"""The open loop: every frame once, no call twice, failures are recorded as failures, and nothing is lost at the end."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from PIL import Image

from lightemma.backends.base import Backend, CallError, Completion, Request
from lightemma.backends.config import Limits, ModelConfig
from lightemma.backends.replay import Recorded, ReplayBackend
from lightemma.backends.scripted import ScriptedBackend
from lightemma.calls.health import CONFIRMED
from lightemma.calls.limits import ProviderLimits
from lightemma.calls.monitor import Monitor
from lightemma.errors import UserError
from lightemma.evaluation.scores import load_scores
from lightemma.files import lines_of
from lightemma.frame import Frame
from lightemma.planners.baselines import ConstantAction
from lightemma.planners.chain_of_thought import ChainOfThought
from lightemma.run_folder.frame_lines import frames_file
from lightemma.run_folder.manifest import ConcurrencyEntry
from lightemma.run_folder.records import STAGES
from lightemma.run_folder.store import read_frames, read_manifest
from lightemma.sessions.concurrency_entries import SessionConcurrency
from lightemma.sessions.run import RunOutcome
from tests.conftest import STEADY_TEXT, lines_of_run, make_frame, make_frames
from tests.sessions.one_run import drive_run

FRAMES = make_frames({"scene-0001": 6, "scene-0002": 4})
GOOD = {"scene": ["A road."], "intent": ["Go on."], "action": [STEADY_TEXT]}


def config(**limits: float) -> ModelConfig:
    # One attempt per call: further attempts are tested in tests/calls.
    limits = {"attempts": 1} | limits
    return ModelConfig(name="vlm", provider="scripted", model="vlm-model", limits=Limits.model_validate(limits))


def good_backend(**more: float) -> ScriptedBackend:
    return ScriptedBackend.from_answers(GOOD, repeat=True, config=config(), **more)


def drive_once(folder: Path, backend: Backend | None, frames: list[Frame] = FRAMES, concurrency: int = 1) -> RunOutcome:
    """One session of a run over ``frames``."""
    return asyncio.run(one_session(folder, backend, frames, concurrency))


async def one_session(
    folder: Path,
    backend: Backend | None,
    frames: list[Frame] = FRAMES,
    concurrency: int = 1,
    watch: Callable[[Monitor], None] | None = None,
) -> RunOutcome:
    planner = ChainOfThought() if backend else ConstantAction()
    return await drive_run(folder, planner, {"main": backend} if backend else {}, frames, concurrency, watch)


def outcomes(folder: Path) -> dict[str, str]:
    return {record.sample_token: record.outcome for record in read_frames(folder)}


def asked(backend: ScriptedBackend) -> Counter[tuple[str, str]]:
    return Counter((request.sample_token, request.stage) for request in backend.requests)


def every_stage(frames: Iterable[Frame]) -> Counter[tuple[str, str]]:
    return Counter((frame.sample_token, stage) for frame in frames for stage in STAGES)


class Crowded(ScriptedBackend):
    """Counts the calls in progress, and how often it is closed."""

    under_way = most = closed = 0

    async def generate(self, request: Request) -> Completion:
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            return await super().generate(request)
        finally:
            self.under_way -= 1

    async def aclose(self) -> None:
        self.closed += 1


def test_concurrent_frames_are_each_driven_once(tmp_path):
    backend = Crowded.from_answers(GOOD, repeat=True, latency_s=0.005, config=config())
    outcome = drive_once(tmp_path / "vlm", backend, concurrency=4)
    assert backend.most == 4
    assert asked(backend) == every_stage(FRAMES)
    assert outcomes(tmp_path / "vlm") == {frame.sample_token: "ok" for frame in FRAMES}
    assert len(lines_of_run(tmp_path / "vlm")) == len(FRAMES)
    assert (outcome.total, outcome.done, outcome.kept, outcome.failed) == (10, 10, 0, 0)


def test_the_stages_of_concurrent_frames_keep_their_order(tmp_path):
    backend = good_backend(latency_s=0.002)
    drive_once(tmp_path / "vlm", backend, concurrency=5)
    for frame in FRAMES:
        mine = [request.stage for request in backend.requests if request.sample_token == frame.sample_token]
        assert mine == list(STAGES)


def test_more_concurrency_than_frames_does_no_harm(tmp_path):
    assert drive_once(tmp_path / "vlm", good_backend(), FRAMES[:2], concurrency=50).done == 2


def test_resuming_after_a_crash_sends_only_the_missing_calls(tmp_path):
    script = {**GOOD, "action": [STEADY_TEXT] * 4 + [RuntimeError("power cut")]}
    script["scene"] = script["scene"] * 5
    script["intent"] = script["intent"] * 5
    with pytest.raises(RuntimeError, match="power cut"):
        drive_once(tmp_path / "vlm", ScriptedBackend.from_answers(script, config=config()))
    assert list(outcomes(tmp_path / "vlm")) == [frame.sample_token for frame in FRAMES[:4]]
    assert read_manifest(tmp_path / "vlm").ended is None

    again = good_backend()
    outcome = drive_once(tmp_path / "vlm", again)
    assert asked(again) == every_stage(FRAMES[4:])
    assert (outcome.done, outcome.kept) == (6, 4)
    assert set(outcomes(tmp_path / "vlm").values()) == {"ok"}
    assert read_manifest(tmp_path / "vlm").ended is not None


def test_a_finished_run_asks_nothing_more(tmp_path):
    drive_once(tmp_path / "vlm", good_backend())
    before = frames_file(tmp_path / "vlm").read_bytes()
    again = good_backend()
    assert drive_once(tmp_path / "vlm", again) == RunOutcome(total=10, done=0, kept=10, failed=0)
    assert again.requests == []
    assert frames_file(tmp_path / "vlm").read_bytes() == before


def test_format_errors_are_answers_and_are_not_asked_again(tmp_path):
    drive_once(
        tmp_path / "vlm", ScriptedBackend.from_answers({**GOOD, "action": ["no numbers"]}, repeat=True), FRAMES[:2]
    )
    again = good_backend()
    drive_once(tmp_path / "vlm", again, FRAMES[:2])
    assert again.requests == []
    assert set(outcomes(tmp_path / "vlm").values()) == {"format:prose"}


def test_failed_calls_are_tried_again_in_the_next_session(tmp_path):
    script = {**GOOD, "intent": ["Go on.", CallError("overloaded", "busy"), "Go on."]}
    first = ScriptedBackend.from_answers(script, repeat=True, config=config())
    assert drive_once(tmp_path / "vlm", first, FRAMES[:3]).failed == 1
    second, third = FRAMES[1].sample_token, FRAMES[2].sample_token
    assert outcomes(tmp_path / "vlm")[second] == "call:overloaded"

    again = good_backend()
    outcome = drive_once(tmp_path / "vlm", again, FRAMES[:3])
    assert asked(again) == every_stage(FRAMES[1:2])
    assert (outcome.done, outcome.kept, outcome.failed) == (1, 2, 0)
    assert list(outcomes(tmp_path / "vlm").items())[1:] == [(second, "ok"), (third, "ok")]


def test_a_failed_call_is_neither_passed_on_nor_scored(tmp_path):
    script = {**GOOD, "scene": ["A road.", CallError("server_error", "HTTP 500: without a secret")]}
    backend = ScriptedBackend.from_answers(script, repeat=True, config=config())
    drive_once(tmp_path / "vlm", backend, FRAMES[:2])
    failed = read_frames(tmp_path / "vlm")[1]
    assert asked(backend)[failed.sample_token, "intent"] == 0
    assert [(stage.stage, stage.outcome, stage.response) for stage in failed.calls] == [
        ("scene", "call:server_error", None)
    ]
    assert failed.calls[0].error == "HTTP 500: without a secret"
    assert failed.actions is None
    assert failed.trajectory is None
    assert load_scores(tmp_path / "vlm").ok.tolist() == [True, False]


def test_a_refusal_ends_the_frame_although_it_has_text(tmp_path):
    refusal = Completion("I cannot help with that.", finish_reason="refused")
    backend = ScriptedBackend.from_answers({**GOOD, "intent": [refusal]}, repeat=True, config=config())
    drive_once(tmp_path / "vlm", backend, FRAMES[:1])
    assert list(asked(backend)) == [(FRAMES[0].sample_token, "scene"), (FRAMES[0].sample_token, "intent")]
    assert outcomes(tmp_path / "vlm") == {FRAMES[0].sample_token: "call:refused"}


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [("auth", "refused the key for model 'vlm'"), ("model_not_found", "knows no model 'vlm-model'")],
)
def test_a_failure_that_no_further_call_can_escape_ends_the_run(tmp_path, kind, sentence):
    script = [*[text for texts in GOOD.values() for text in texts] * 2, *[CallError(kind, "no")] * 20]
    backend = Crowded.from_answers(script, config=config())
    with pytest.raises(UserError, match=sentence):
        drive_once(tmp_path / "vlm", backend)
    # After answers it must be said again by the calls of several frames; the last one is not recorded.
    assert list(outcomes(tmp_path / "vlm").values()) == ["ok", "ok", *[f"call:{kind}"] * (CONFIRMED - 1)]
    assert backend.closed == 1


def test_one_fatal_failure_stops_concurrent_frames(tmp_path):
    script = [CallError("auth", "no"), *["A road."] * 100]
    backend = Crowded.from_answers(script, latency_s=0.02, config=config())
    with pytest.raises(UserError, match="refused the key"):
        drive_once(tmp_path / "vlm", backend, concurrency=4)
    assert len(backend.requests) <= 8
    assert backend.closed == 1


def test_an_answer_that_takes_too_long_is_a_timeout(tmp_path):
    backend = ScriptedBackend.from_answers(GOOD, repeat=True, latency_s=5, config=config(timeout_s=0.05))
    assert drive_once(tmp_path / "vlm", backend, FRAMES[:1]).failed == 1
    record = read_frames(tmp_path / "vlm")[0]
    assert record.outcome == "call:timeout"
    assert record.calls[0].error == "no answer within 0.05 s"
    assert record.calls[0].latency_s == pytest.approx(0.05, abs=0.5)


def test_the_backend_is_closed_once_at_the_end(tmp_path):
    backend = Crowded.from_answers(GOOD, repeat=True, config=config())
    drive_once(tmp_path / "vlm", backend, concurrency=3)
    assert backend.closed == 1


def test_the_manifest_names_the_answering_model_even_after_a_session_without_calls(tmp_path):
    answer = Completion("A road.", model="vlm-model-2025-05-01")
    backend = ScriptedBackend.from_answers(
        {**GOOD, "action": [Completion(STEADY_TEXT, model=answer.model)]}, repeat=True
    )
    for _ in range(2):
        drive_once(tmp_path / "vlm", backend, FRAMES[:2])
        model = read_manifest(tmp_path / "vlm").model
        assert model is not None
        assert model.answered_as == "vlm-model-2025-05-01"


def test_a_call_missing_in_a_recording_is_a_failed_call(tmp_path):
    calls = [Recorded(stage, Completion(GOOD[stage][0], latency_s=7.0)) for stage in STAGES]
    recording = {FRAMES[0].sample_token: calls}
    drive_once(tmp_path / "vlm", ReplayBackend(config(), recording), FRAMES[:2])
    first, second = read_frames(tmp_path / "vlm")
    assert (first.outcome, second.outcome) == ("ok", "call:not_recorded")
    assert [stage.latency_s for stage in first.calls] == [7.0, 7.0, 7.0], "the recorded seconds, not the replay's"


def test_a_planner_without_model_needs_no_backend(tmp_path):
    drive_once(tmp_path / "vlm", None)
    records = read_frames(tmp_path / "vlm")
    assert [record.sample_token for record in records] == [frame.sample_token for frame in FRAMES]
    assert all(record.calls == [] and record.outcome == "ok" and record.image_sha256 is None for record in records)
    assert records[0].trajectory == [(2.5 * step, 0.0) for step in range(1, 7)]


def test_a_cancelled_run_leaves_whole_lines_and_resumes(tmp_path):
    backend = Crowded.from_answers(GOOD, repeat=True, latency_s=0.01, config=config())

    async def cancel_midway() -> None:
        task = asyncio.create_task(one_session(tmp_path / "vlm", backend, concurrency=3))
        while len(backend.requests) < 14:
            await asyncio.sleep(0.002)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancel_midway())
    lines = list(lines_of(frames_file(tmp_path / "vlm")))
    done = [msgspec.json.decode(line)["sample_token"] for line in lines]
    assert lines[-1].endswith(b"\n")
    assert 0 < len(done) < len(FRAMES)
    assert backend.closed == 1
    outcome = drive_once(tmp_path / "vlm", good_backend())
    assert (outcome.kept, outcome.done) == (len(done), len(FRAMES) - len(done))
    assert set(outcomes(tmp_path / "vlm")) == {frame.sample_token for frame in FRAMES}


class Seeing(ScriptedBackend):
    """Reads pictures, unlike its base."""

    reads_pictures = True


def test_a_broken_picture_fails_its_frame_by_name(tmp_path):
    path = tmp_path / "broken.jpg"
    path.write_bytes(b"\xff\xd8 no more")
    whole = tmp_path / "whole.jpg"
    Image.new("RGB", (32, 18), (90, 120, 150)).save(whole)
    frames = make_frames({"scene-0001": 3})
    pictures = [whole, path, whole]
    frames = [replace(frame, image_path=one) for frame, one in zip(frames, pictures, strict=True)]
    backend = Seeing.from_answers(GOOD, repeat=True, config=config())
    outcome = drive_once(tmp_path / "vlm", backend, frames)
    assert (outcome.done, outcome.failed) == (3, 1)
    assert "broken.jpg" in outcome.reason
    records = read_frames(tmp_path / "vlm")
    assert [record.outcome for record in records] == ["ok", "call:picture", "ok"]
    assert "broken.jpg" in records[1].error
    whole.rename(path)  # mended
    assert drive_once(tmp_path / "vlm", backend, [replace(one, image_path=path) for one in frames]).failed == 0


@pytest.mark.parametrize("content", [b"", None, b"\xff\xd8 no more"], ids=["empty", "missing", "torn"])
def test_pictures_that_are_all_unreadable_end_the_run(tmp_path, content):
    path = tmp_path / "one.jpg"
    path.write_bytes(b"" if content is None else content)
    frames = [replace(frame, image_path=path) for frame in make_frames({"scene-0001": 14})]

    class Vanishing(Seeing):
        def prepare_run(self, folder, servers):
            if content is None:
                path.unlink()

    backend = Vanishing.from_answers(GOOD, repeat=True, config=config())
    with pytest.raises(UserError, match=r"one\.jpg"):
        drive_once(tmp_path / "vlm", backend, frames)
    assert len(read_frames(tmp_path / "vlm")) == 10
    assert backend.requests == []


def test_a_picture_is_recorded_by_its_digest_and_never_embedded(tmp_path):
    path = tmp_path / "seen.jpg"
    Image.new("RGB", (32, 18), (90, 120, 150)).save(path)
    drive_once(tmp_path / "vlm", Seeing.from_answers(GOOD, repeat=True, config=config()), [make_frame(image_path=path)])
    record = read_frames(tmp_path / "vlm")[0]
    assert record.image_sha256 is not None
    assert len(record.image_sha256) == 64
    assert len(b"\n".join(lines_of_run(tmp_path / "vlm"))) < 12_000


def test_the_live_view_counts_frames_of_an_earlier_session(tmp_path):
    drive_once(tmp_path / "vlm", good_backend(), FRAMES[:2])
    seen: list[Monitor] = []
    asyncio.run(one_session(tmp_path / "vlm", good_backend(), FRAMES[:2], watch=seen.append))
    assert [(monitor.kept, monitor.done, monitor.frames) for monitor in seen] == [(2, 0, 2)]


def test_the_manifest_says_how_many_calls_at_a_time_were_allowed(tmp_path):
    drive_once(tmp_path / "alone", good_backend(), concurrency=1)
    (entry,) = read_manifest(tmp_path / "alone").concurrency
    assert (entry.role, entry.fixed, entry.levels) == ("main", 1, ((0.0, 1),))
    # A session in which nobody was asked adds nothing.
    drive_once(tmp_path / "alone", good_backend(), concurrency=4)
    assert read_manifest(tmp_path / "alone").concurrency == (entry,)


class Reading(ScriptedBackend):
    """Notes at every call what the manifest says by then, which is what is left of a session that is killed."""

    folder: Path
    said: list[list[int | None]]

    async def generate(self, request: Request) -> Completion:
        self.said.append([entry.fixed for entry in read_manifest(self.folder).concurrency])
        return await super().generate(request)


@pytest.mark.parametrize("before", [0, 2])
def test_the_level_of_a_session_is_known_before_its_second_frame(tmp_path, before):
    if before:
        drive_once(tmp_path / "vlm", good_backend(), FRAMES[:before], concurrency=3)
    backend = Reading.from_answers(GOOD, repeat=True, config=config())
    backend.folder, backend.said = tmp_path / "vlm", []
    drive_once(tmp_path / "vlm", backend, FRAMES[: before + 2], concurrency=1)
    earlier = [3] if before else []
    assert backend.said == [*[earlier] * 3, *[[*earlier, 1]] * 3]


def test_a_level_that_changes_later_is_noted_while_the_run_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr("lightemma.sessions.run.NOTED_S", 0.0)
    levels: list[int] = []

    class Refusing(ScriptedBackend):
        async def generate(self, request: Request) -> Completion:
            levels[:] = [
                level for entry in read_manifest(tmp_path / "vlm").concurrency for _, level in entry.levels
            ] or levels
            if request.sample_token == FRAMES[1].sample_token:
                raise CallError("rate_limited", "slow down")
            return await super().generate(request)

    backend = Refusing.from_answers(GOOD, repeat=True, config=config())
    many = make_frames({f"s-{number}": 6 for number in range(6)})
    asyncio.run(drive_run(tmp_path / "vlm", ChainOfThought(), {"main": backend}, [*FRAMES[:2], *many], None))
    assert levels[0] == 8
    assert min(levels) < 8


def test_a_session_adds_its_level_to_those_before():
    before = ConcurrencyEntry("2026-01-01T00:00:00+00:00", "main", 1, ((0.0, 1),))
    limits = ProviderLimits(Limits(concurrency=3))
    known = SessionConcurrency((before,), {"main": limits})
    assert known.entries() == (before,)
    limits.answers += 1
    first, second = known.entries()
    assert (first, second.fixed, second.levels) == (before, 3, ((0.0, 3),))


def test_an_adapting_level_is_noted_over_time(tmp_path):
    asyncio.run(drive_run(tmp_path / "run", ChainOfThought(), {"main": good_backend()}, FRAMES, None))
    (entry,) = read_manifest(tmp_path / "run").concurrency
    assert entry.fixed is None
    assert entry.levels[0] == (0.0, 8)
    assert all(after >= before for (before, _), (after, _) in zip(entry.levels, entry.levels[1:], strict=False))
