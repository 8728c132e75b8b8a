"""Runs over other inputs: what they cost, what they are called, what is recorded, and what is refused."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import yaml

from lightemma.backends.base import PicturePart
from lightemma.backends.facts import Facts
from lightemma.backends.scripted import ScriptedBackend
from lightemma.data.commands import command_of, with_command
from lightemma.data.pictures import PicturePolicy, load_picture
from lightemma.errors import UserError
from lightemma.evaluation.scores import load_scores
from lightemma.kinematics import actions_through
from lightemma.planners.expert_tools import ExpertTools
from lightemma.preflight.estimate import estimate_runs, offline_backend
from lightemma.run_folder.records import FrameRecord
from lightemma.run_folder.store import read_manifest
from lightemma.sessions.benchmark import Benchmark
from lightemma.sessions.frames_of_source import open_runs
from lightemma.sessions.models import make_backend
from tests.backends.kit import KEY
from tests.conftest import STEADY_TEXT, MadeUpSource, make_frame, make_frames, plan_text, steady
from tests.fake_providers import FakeProviders
from tests.planners.pictured_drives import PicturedDrives
from tests.sessions.one_run import in_order

FRAMES = make_frames({"scene-0001": 2, "scene-0002": 2, "scene-0003": 2})
POINTS = str([(2.5 * step, 0.0) for step in range(1, 7)])
DAY = datetime(2026, 11, 1, tzinfo=UTC)
#: Options of two planners.
TWO = {"tools": "all", "shuffled": True}
KINDS = ("chain-of-thought", "single-call", "waypoints", "choose")


def scripted(folder: Path, **answers: list[str]) -> str:
    """The YAML of a scripted model."""
    path = folder / "m.yaml"
    said = {"scene": ["A road."], "intent": ["Go on."], "action": [STEADY_TEXT]} | answers
    options = {"answers": said, "repeat": True}
    path.write_text(yaml.safe_dump({"name": "m", "provider": "scripted", "model": "m", "options": options}))
    return str(path)


def driven(folder: Path, source: MadeUpSource | PicturedDrives, **given: object) -> dict[str, list[FrameRecord]]:
    """Drives a benchmark: run -> frames."""
    benchmark = Benchmark.model_validate({"data": "made-up", **given})
    session = open_runs(benchmark, folder / "results", source)
    session.run()
    return {job.name: in_order(folder / "results" / job.name) for job in session.jobs}


# --- samples ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def providers():
    with FakeProviders() as server:
        yield server


@pytest.fixture(scope="module")
def drives(tmp_path_factory):
    return PicturedDrives(str(tmp_path_factory.mktemp("drives")))


@pytest.mark.parametrize(
    ("provider", "planner"),
    [
        *(("openai", planner) for planner in KINDS),
        *((provider, "choose") for provider in ("openai-compatible", "google", "anthropic")),
    ],
)
def test_six_samples_cost_at_most_twice_one_where_a_call_brings_several(
    provider, planner, providers, drives, tmp_path, monkeypatch
):
    for variable in ("OPENAI_API_KEY", "GEMINI_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.setenv(variable, KEY)
    versioned = provider.startswith("openai")
    address = providers.openai_address if versioned else providers.address
    key = {"api_key_env": "OPENAI_API_KEY"} if provider == "openai-compatible" else {}
    model = {"name": "m", "provider": provider, "model": "model-1", "base_url": address, "temperature": 0.7, **key}
    (tmp_path / "m.yaml").write_text(yaml.safe_dump(model))
    cost = {}
    for samples in (1, 6):
        providers.reset()
        inputs = {"samples": samples}
        (frames,) = driven(
            tmp_path / str(samples),
            drives,
            planners=[planner],
            models=[str(tmp_path / "m.yaml")],
            prompts="three-stage-json",
            inputs=inputs,
            answer="guided",
            limit=1,
        ).values()
        assert {frame.outcome for frame in frames} == {"ok"}
        assert {len(frame.samples or ()) for frame in frames} == {6 if samples == 6 else 0}
        calls = [call for frame in frames for call in frame.calls]
        assert providers.counts.requests == len(calls)
        cost[samples] = len(calls), sum(call.usage.input + call.usage.output for call in calls if call.usage)
    times = [many / one for one, many in zip(cost[1], cost[6], strict=True)]
    if provider == "anthropic":
        assert cost[6][0] == cost[1][0] + 5, "a call for each further answer"
    else:
        assert max(times) <= 2.0
        assert times[0] == 1.0
        estimates = {}
        for samples in (1, 6):
            benchmark = Benchmark(
                data="x", planners=[planner], models=[str(tmp_path / "m.yaml")], inputs={"samples": samples}
            )
            session = open_runs(benchmark, tmp_path / "r", drives, offline_backend)
            (estimates[samples],) = estimate_runs(session, DAY)
        assert estimates[6].remaining_calls == estimates[1].remaining_calls
        assert estimates[6].input_tokens == estimates[1].input_tokens
        assert estimates[6].output_tokens > estimates[1].output_tokens


def test_an_estimate_counts_a_call_for_each_sample_where_a_call_brings_one(tmp_path):
    path = tmp_path / "m.yaml"
    path.write_text(
        yaml.safe_dump({"name": "m", "provider": "anthropic", "model": "claude-sonnet-4-5", "temperature": 1.0})
    )
    found = {}
    for samples in (1, 6):
        benchmark = Benchmark(data="x", planners=["single-call"], models=[str(path)], inputs={"samples": samples})
        session = open_runs(benchmark, tmp_path / "r", MadeUpSource(FRAMES), offline_backend)
        (found[samples],) = estimate_runs(session, DAY)
    assert found[6].remaining_calls == 6 * found[1].remaining_calls
    assert found[6].usd == pytest.approx(6 * found[1].usd)


def test_samples_are_recorded_replayed_and_read_again(tmp_path):
    texts = [plan_text(steady(v)) for v in (4.0, 5.0)] + [STEADY_TEXT.replace("), (", ") (")]
    model = scripted(tmp_path, action=texts)
    source = MadeUpSource(FRAMES)
    given = {"planners": ["chain-of-thought"], "inputs": {"samples": 3}, "concurrency": 1}
    ((name, frames),) = driven(tmp_path, source, models=[model], **given).items()
    assert name == "m+3-samples"
    folder = tmp_path / "results" / name
    assert read_manifest(folder).inputs.samples == 3
    for frame in frames:
        assert [call.stage for call in frame.calls] == ["scene", "intent", "action", "action", "action"]
        assert [sample.outcome for sample in frame.samples] == ["ok", "ok", "format:missing_commas"]
        assert np.array_equal(frame.actions, steady(4.0))
    scores = load_scores(folder)
    assert scores.samples.errors.shape == (6, 3, 6)
    again = load_scores(folder, "tolerant")
    assert again.actions[:, 0, 0].tolist() == [5.0] * 6, "three plans now: the middle is another"
    assert not np.isnan(again.samples.errors).any()
    ((_, replayed),) = driven(tmp_path / "again", source, models=[f"replay:{folder}"], **given).items()
    assert [frame.samples for frame in replayed] == [frame.samples for frame in frames]


def test_samples_that_cannot_differ_are_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    path = tmp_path / "m.yaml"
    path.write_text(yaml.safe_dump({"name": "m", "provider": "openai", "model": "gpt-4o"}))
    benchmark = Benchmark(data="x", models=[str(path)], inputs={"samples": 6})
    with pytest.raises(
        UserError, match=r"6 samples of 'm' at temperature 0 would be the same answer; give `temperature`"
    ):
        open_runs(benchmark, tmp_path, MadeUpSource(FRAMES), offline_backend)
    with pytest.raises(ValueError, match="`temperature` is for samples"):
        Benchmark(data="x", inputs={"temperature": 0.7})


# --- other inputs -----------------------------------------------------------------------------------------------------


def test_examples_are_of_other_scenes_and_the_same_every_time(tmp_path):
    source = PicturedDrives(str(tmp_path / "pictures"))
    model = scripted(tmp_path, action=[POINTS])
    given = {"planners": ["waypoints"], "models": [model], "inputs": {"few_shot": 1}}
    ((name, frames),) = driven(tmp_path, source, **given).items()
    assert name == "m+waypoints+1-shot"
    shown = Counter((frame.scene, *frame.examples) for frame in frames)
    assert sorted(scene for scene, _ in shown) == ["fast", "slow"], "one example for all frames of a scene"
    for scene, token in shown:
        assert not token.startswith(scene)
    ((_, again),) = driven(tmp_path / "again", source, **given).items()
    assert [frame.examples for frame in again] == [frame.examples for frame in frames]
    with pytest.raises(UserError, match="has 1 scenes beside 'slow' to take examples from, and `few_shot` wants 2"):
        driven(tmp_path / "two", source, **{**given, "inputs": {"few_shot": 2}})


def test_examples_depend_on_the_seed_and_cover_every_other_scene(tmp_path):
    model = scripted(tmp_path)
    tokens = set()
    for seed in range(6):
        given = {"planners": ["single-call"], "models": [model], "inputs": {"few_shot": 2, "few_shot_seed": seed}}
        (frames,) = driven(tmp_path / str(seed), MadeUpSource(FRAMES), **given).values()
        for frame in frames:
            assert {token.partition("/")[0] for token in frame.examples} == {f.scene for f in FRAMES} - {frame.scene}
        tokens.add(tuple(frames[0].examples))
    assert len(tokens) > 2


@pytest.mark.parametrize(
    ("aside", "command"), [(2.0, "left"), (1.99, "straight"), (-1.99, "straight"), (-2.0, "right")]
)
def test_a_command_is_two_metres_to_the_side_after_three_seconds(aside, command):
    future = np.column_stack([np.arange(1.0, 7.0), np.full(6, 9.0)])
    future[-1, 1] = aside
    assert command_of(future) == command


def test_a_run_with_commands_says_that_they_leak_the_future(tmp_path):
    frames = [make_frame("turn", n, driven=steady(5.0, 0.05)) for n in range(2)]
    model = scripted(tmp_path)
    made = driven(tmp_path, MadeUpSource(frames), models=[model], inputs={"command": True})
    (records,) = made.values()
    assert {record.command for record in records} == {"left"}
    assert "command): left." in records[0].calls[1].prompt
    inputs = read_manifest(tmp_path / "results" / "m+command").inputs
    assert (inputs.command, inputs.leaks_future) == ("recorded future", True)
    assert "leaks the future" in inputs.words
    with pytest.raises(UserError, match="has no recorded future"):
        with_command(replace(frames[0], future=None))


def test_a_grid_is_a_run_for_every_cell_of_every_planner_that_takes_a_style(tmp_path):
    cells = [{"history": 0}, {"command": True, "pictures": 2}, {"history": 3}]
    made = driven(
        tmp_path,
        PicturedDrives(str(tmp_path / "pictures")),
        planners=["constant-action", "chain-of-thought", "single-call"],
        models=[scripted(tmp_path)],
        grid=cells,
    )
    assert list(made) == [
        "constant-action",
        *("m", "m+history-0", "m+2-frames+command"),
        *("m+single-call", "m+single-call+history-0", "m+single-call+2-frames+command"),
    ]


def test_the_shipped_grid_is_a_benchmark():
    from lightemma.config_files import find_config, load_config

    grid = load_config(find_config("benchmarks", "inputs-grid"), Benchmark)
    assert len(grid.cells) == 9
    assert [cell.style.suffix for cell in grid.cells][:3] == [(), ("history-0",), ("history-1",)]


def test_a_cell_of_options_is_a_run_of_the_planners_that_have_them(tmp_path):
    made = driven(
        tmp_path,
        PicturedDrives(str(tmp_path / "pictures")),
        planners=["constant-action", "chain-of-thought", "expert-tools"],
        planner_options={"tools": "none", "experts": ["motion-words"]},
        models=[scripted(tmp_path)],
        grid=[
            {"planner_options": {"tools": "all"}},
            {"planner_options": {"tools": "none"}},
            {"planner_options": {"tools": "lying", "lie_rate": 1.0}, "history": 0},
            {"history": 0},
        ],
    )
    experts = "m+expert-tools+experts-motion-words"
    assert list(made) == [
        "constant-action",
        *("m", "m+history-0"),
        *(f"{experts}+tools-{mode}" for mode in ("none", "all", "lying+lie_rate-1.0+history-0", "none+history-0")),
    ]
    assert all(frame.tools.planted for frame in made[f"{experts}+tools-lying+lie_rate-1.0+history-0"])


def test_options_of_a_cell_that_no_planner_has_together_are_refused(tmp_path):
    for options, said in (({"tool": "all"}, "No planner here has an option 'tool'"), (TWO, "make it several cells")):
        planners = ["expert-tools", "choose"]
        with pytest.raises(UserError, match=said):
            driven(tmp_path, MadeUpSource(FRAMES), planners=planners, grid=[{"planner_options": options}])


@pytest.mark.parametrize("name", ["experts", "experts-city"])
def test_the_shipped_ways_with_experts_are_benchmarks_with_one_plain_run(name):
    from lightemma.config_files import find_config, load_config

    cells = load_config(find_config("benchmarks", name), Benchmark).cells
    tools = [cell.options["tools"] for cell in cells]
    assert tools[0] == "none"
    assert set(tools) == {"none", "chosen", "all", "oracle", "lying"}
    assert all(ExpertTools.Options.model_validate(cell.options) for cell in cells)


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"history": 2}, "it is one of 0, 1, 3"),
        ({"samples": 0}, "greater than or equal to 1"),
        ({"few_shot": -1}, "greater than or equal to 0"),
        ({"cameras": "back"}, "'front', 'front3' or 'all6'"),
        ({"routes": 1}, "Extra inputs are not permitted"),
    ],
)
def test_inputs_that_there_are_not_are_refused(inputs, said):
    with pytest.raises(ValueError, match=said):
        Benchmark(data="x", inputs=inputs)


class Seeing(ScriptedBackend):
    """A script that is shown pictures; remembers every request."""

    facts = Facts(asks_model=False, cacheable=False)


class AroundTheCar(PicturedDrives):
    """The same drives with cameras on the sides, whose pictures are those of other moments."""

    def cameras(self):
        return lambda scene, token: {
            "CAM_FRONT_LEFT": self._root / f"samples/CAM_FRONT/{scene}-0.png",
            "CAM_FRONT_RIGHT": self._root / f"samples/CAM_FRONT/{scene}-1.png",
        }


def test_pictures_of_other_cameras_are_sent_where_the_source_has_them(tmp_path):
    spec = scripted(tmp_path, action=[POINTS])
    seeing: list[Seeing] = []

    def backends(value: str) -> Seeing:
        seeing.append(Seeing(make_backend(value).config))
        return seeing[-1]

    given = {"data": "x", "planners": ["waypoints"], "models": [spec], "limit": 1}
    source = AroundTheCar(str(tmp_path / "pictures"))
    session = open_runs(Benchmark(**given, inputs={"cameras": "front3"}), tmp_path / "r", source, backends)
    session.run()
    (request,) = seeing[-1].requests
    shown = [part.picture.sha256 for part in request.messages[0].parts if isinstance(part, PicturePart)]
    paths = [tmp_path / f"pictures/samples/CAM_FRONT/slow-{number}.png" for number in (0, 1, 7)]
    assert shown == [load_picture(path, PicturePolicy()).sha256 for path in paths]
    assert read_manifest(tmp_path / "r" / "m+waypoints+front3").inputs.words == "front3, 3 s"
    for cameras, other, said in (
        ("all6", source, "has no picture of CAM_BACK_LEFT, CAM_BACK, CAM_BACK_RIGHT; leave `cameras` out"),
        ("front3", PicturedDrives(str(tmp_path / "pictures")), "drives has pictures of the front camera only"),
    ):
        with pytest.raises(UserError, match=said):
            open_runs(Benchmark(**given, inputs={"cameras": cameras}), tmp_path / "r", other, backends)


def test_a_planner_that_asks_in_its_own_way_takes_no_inputs(tmp_path):
    benchmark = Benchmark(
        data="x",
        planners=["tests.planners.made_up_planners:TwoLooks"],
        models=[scripted(tmp_path)],
        inputs={"history": 1, "samples": 2},
    )
    with pytest.raises(UserError, match="how it asks its model; leave out `history` and `samples`"):
        open_runs(benchmark, tmp_path, MadeUpSource(FRAMES))


def test_the_recorded_drive_of_an_example_is_what_its_driver_did():
    future = make_frame(driven=steady(6.0, 0.02)).future
    np.testing.assert_allclose(actions_through(future)[:5], steady(6.0, 0.02)[:5], atol=1e-9)
