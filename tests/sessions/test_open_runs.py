"""From a benchmark to runs: their names, and what is refused before the first call."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from lightemma.backends.base import Backend
from lightemma.backends.config import Limits, ModelConfig
from lightemma.backends.scripted import ScriptedBackend
from lightemma.errors import UserError
from lightemma.planners.chain_of_thought import ChainOfThought
from lightemma.run_folder.store import is_run, read_frames, read_manifest
from lightemma.sessions.benchmark import Benchmark
from lightemma.sessions.frames_of_source import FramesOfSource, open_runs
from lightemma.sessions.session import Session, check_writable
from tests.conftest import STEADY_TEXT, MadeUpSource, make_frame, make_frames, steady

GOOD = {"scene": ["A road."], "intent": ["Go on."], "action": [STEADY_TEXT]}


class Seeing(ScriptedBackend):
    """Reads pictures, unlike its base."""

    reads_pictures = True


def named(kind: type[ScriptedBackend] = ScriptedBackend, **limits: int) -> Callable[[str], Backend]:
    """Makes a model of any name."""

    def make(name: str) -> Backend:
        config = ModelConfig(name=name, provider="scripted", model=f"{name}-id", limits=Limits.model_validate(limits))
        return kind.from_answers(GOOD, repeat=True, config=config)

    return make


def study(
    results: Path, backends: Callable[[str], Backend] | None = None, frames=None, **settings
) -> Session[FramesOfSource]:
    source = MadeUpSource(make_frames() if frames is None else frames)
    return open_runs(Benchmark(data="made-up", **settings), results, source, backends or named())


class Slow(ChainOfThought):
    """A planner with its own name."""

    name = "slow-thought"


def names(made: Session[FramesOfSource]) -> list[str]:
    return [job.name for job in made.jobs]


def test_runs_are_named_by_their_differences(tmp_path):
    here = __name__
    assert names(study(tmp_path, models=["a", "b"])) == ["a", "b"]
    assert names(study(tmp_path, models=["a"], prompts="three-stage-json")) == ["a+three-stage-json"]
    assert names(study(tmp_path, models=["a"], planners=["chain-of-thought", f"{here}:Slow"])) == [
        "a",
        "a+slow-thought",
    ]
    both = study(tmp_path, models=["a", "b"], planners=["constant-action", "chain-of-thought", "stop"])
    assert names(both) == ["constant-action", "a", "b", "stop"], "a planner without model is run once"


def test_a_name_is_for_a_single_run(tmp_path):
    assert names(study(tmp_path, models=["a"], name="mine")) == ["mine"]
    with pytest.raises(UserError, match="`name` names one run, but this makes 3"):
        study(tmp_path, models=["a", "b"], planners=["chain-of-thought", "stop"], name="mine")


def test_two_runs_of_one_name_are_refused(tmp_path):
    with pytest.raises(UserError, match="Two runs would be called 'a'"):
        study(tmp_path, models=["a", "b", "a"])
    with pytest.raises(UserError, match="Two runs would be called 'stop'"):
        study(tmp_path, planners=["stop", "stop"])


def test_a_planner_with_a_model_must_get_one(tmp_path):
    with pytest.raises(UserError, match="'chain-of-thought' asks a model; name one with `models`"):
        study(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_pictures_that_are_missing_are_counted_and_the_first_is_named(tmp_path):
    frames = make_frames({"scene-0001": 4})
    there = tmp_path / "there.jpg"
    Image.new("RGB", (8, 8)).save(there)
    frames = [
        make_frame(index=0, image_path=there),
        *(make_frame(index=i, image_path=tmp_path / "no.jpg") for i in (1, 2)),
    ]
    expected = r"2 of 3 pictures are missing under drives, the first is 'samples/CAM_FRONT/scene-0001-1\.jpg'"
    with pytest.raises(UserError, match=expected):
        study(tmp_path / "results", named(Seeing), frames, models=["a"])
    assert names(study(tmp_path / "results", named(), frames, models=["a"])) == ["a"], "no model reads them"


def test_a_source_without_pictures_is_refused_only_for_models_that_read_them(tmp_path):
    with pytest.raises(UserError, match="drives has no pictures for 5 of 5 frames, and a model needs them"):
        study(tmp_path, named(Seeing), models=["a"])
    assert names(study(tmp_path, named(Seeing), planners=["constant-action"])) == ["constant-action"]
    assert names(study(tmp_path, named(), models=["a"])) == ["a"]


def test_nothing_but_too_short_scenes_is_refused(tmp_path):
    with pytest.raises(UserError, match="drives has no scene long enough for a benchmark frame"):
        study(tmp_path, frames=[], planners=["stop"])


def test_results_that_cannot_be_written_are_refused_before_the_data_are_opened(tmp_path):
    (tmp_path / "results").write_text("in the way")
    benchmark = Benchmark(data="nuscenes:/no/such/place@v1.0-mini", planners=["stop"])
    with pytest.raises(UserError, match=r"folder '.*results' cannot be written .*`results`"):
        open_runs(benchmark, tmp_path / "results")


def test_a_folder_without_write_permission_is_refused(tmp_path, monkeypatch):
    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "touch", denied)
    with pytest.raises(UserError, match=r"cannot be written \(Permission denied\)"):
        check_writable(tmp_path)


def test_the_probe_for_writing_leaves_nothing_behind(tmp_path):
    check_writable(tmp_path / "new" / "results")
    assert list((tmp_path / "new" / "results").iterdir()) == []


@pytest.mark.parametrize("name", ["../outside", "a/b", "", ".", "..", "/tmp/x", "a\nb"])
def test_a_name_cannot_lead_out_of_the_results_folder(tmp_path, name):
    with pytest.raises(UserError, match="A run cannot be called"):
        study(tmp_path / "results", planners=["stop"], name=name)
    assert not (tmp_path / "results").exists()


def test_the_manifest_describes_the_run(tmp_path):
    made = study(
        tmp_path, named(concurrency=3), models=["a"], scenes=["scene-0001"], stride=2, limit=1, parser="tolerant"
    )
    (outcome,) = made.run()
    assert (outcome.total, outcome.done) == (1, 1)
    manifest = read_manifest(tmp_path / "a")
    assert (manifest.data.source, manifest.data.name, manifest.data.version) == ("made-up", "drives", "v1.0-made-up")
    assert (manifest.data.scenes, manifest.data.frames, manifest.data.stride, manifest.data.limit) == (1, 1, 2, 1)
    assert manifest.model is not None
    assert (manifest.model.name, manifest.model.model, manifest.model.answered_as) == ("a", "a-id", "a-id")
    assert manifest.prompts is not None
    assert (manifest.prompts.name, manifest.prompts.sha256) == ("three-stage", made.jobs[0].prompts.sha256)
    assert (manifest.planner.name, manifest.parser, manifest.images) == ("chain-of-thought", "tolerant", None)
    assert manifest.ended is not None
    assert manifest.packages["numpy"]


def test_a_run_of_a_baseline_names_no_model_and_no_prompts(tmp_path):
    made = study(tmp_path, planners=["damped-acceleration"])
    made.run()
    manifest = read_manifest(tmp_path / "damped-acceleration")
    assert (manifest.model, manifest.prompts, manifest.images) == (None, None, None)
    assert manifest.planner.settings == {"time_constant_s": 2.0}


def test_arcs_are_another_protocol_and_other_points(tmp_path):
    frames = [make_frame(history=steady(5.0, 0.1))]
    for integration in ("euler", "arc"):
        made = study(tmp_path / integration, frames=frames, planners=["constant-action"], integration=integration)
        made.run()
    euler, arc = (tmp_path / name / "constant-action" for name in ("euler", "arc"))
    assert read_manifest(euler).protocol != read_manifest(arc).protocol
    assert read_frames(euler)[0].trajectory != read_frames(arc)[0].trajectory


def test_stride_and_scenes_choose_the_frames(tmp_path):
    made = study(tmp_path, planners=["stop"], frames=make_frames({"s-1": 5, "s-2": 2, "s-3": 1}), stride=2)
    assert [frame.sample_token for frame in made.work.frames()] == ["s-1/0", "s-1/2", "s-1/4", "s-2/0", "s-3/0"]
    with pytest.raises(UserError, match="There is no scene 's-4' in drives; did you mean"):
        study(tmp_path, planners=["stop"], frames=list(made.work.frames()), scenes=["s-1", "s-4"])


def test_the_models_limit_decides_how_many_frames_are_concurrent(tmp_path):
    most = []

    class Counting(ScriptedBackend):
        under_way = 0

        async def generate(self, request):
            self.under_way += 1
            most.append(self.under_way)
            try:
                return await super().generate(request)
            finally:
                self.under_way -= 1

    def make(name: str) -> Backend:
        config = ModelConfig(name=name, provider="scripted", model=name, limits=Limits(concurrency=3))
        return Counting.from_answers(GOOD, repeat=True, latency_s=0.005, config=config)

    made = study(tmp_path, make, models=["a"])
    made.run()
    assert max(most) == 3
    most.clear()
    made = study(tmp_path, make, models=["b"], concurrency=2)
    made.run()
    assert max(most) == 2
    assert is_run(tmp_path / "b")
