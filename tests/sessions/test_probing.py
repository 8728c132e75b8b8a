"""Probes driven by the command: runs of their own, kept answers, price, resuming, and what is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import pytest
import yaml

from lightemma.comparing.frame_view import frame_view, open_context
from lightemma.comparing.load import load_and_compare
from lightemma.data.pictures import picture_pixels
from lightemma.protocol import LIGHTEMMA
from lightemma.run_folder.places import runs_under
from lightemma.run_folder.store import read_frames, read_manifest
from lightemma.sessions.benchmark import Benchmark
from lightemma.sessions.frames_of_source import open_runs
from tests.conftest import STEADY_TEXT, lines_of_run, put_lines, run_at, write_archive
from tests.sessions.one_run import in_order

PICTURED = "tests.planners.pictured_drives:PicturedDrives:pictures"
MODEL = "tests.plugins.planted_drivers:PlantedModel"
SPARE = ("--quiet", "--tables", "tables")
SPEEDING = "It should speed up over the next three seconds."


def scripted(name: str, **more: object) -> str:
    """A model's file that always says the same."""
    answers = {"scene": ["A road."], "intent": [SPEEDING], "action": [STEADY_TEXT]}
    values = {"name": name, "provider": "scripted", "model": "m", "options": {"answers": answers, "repeat": True}}
    path = Path(f"{name}.yaml")
    path.write_text(yaml.safe_dump(values | more))
    return str(path)


@pytest.fixture(scope="module")
def driven(tmp_path_factory):
    """A folder of runs with one of a model that acts on its words."""
    folder = tmp_path_factory.mktemp("driven")
    data = f"tests.planners.pictured_drives:PicturedDrives:{folder / 'pictures'}"
    open_runs(Benchmark(data=data, models=[MODEL]), folder / "results").run()
    return folder / "results"


@pytest.fixture
def planted(elsewhere, driven):
    """The run as a folder, for one test."""
    shutil.copytree(driven, "results")
    return Path("results/PlantedModel")


def test_a_model_is_driven_and_then_probed_and_the_price_comes_first(elsewhere, cli):
    ended = cli("probe", MODEL, "--data", PICTURED, "--probes", "grey,opposite-words", *SPARE)
    assert ended.status == 0, ended.err
    first, second = ended.out.splitlines()[:2]
    assert first == "Price: 3 runs, 56 calls, no dollars.", "8 frames: three calls, three calls, and one"
    assert second.startswith("PlantedModel: 8 frames")
    assert {path.name for path in runs_under(Path("results"))} == {
        "PlantedModel",
        "PlantedModel+probe-grey",
        "PlantedModel+probe-opposite-words",
    }
    entry = read_manifest(run_at("results/PlantedModel+probe-grey")).probe
    assert (entry.name, entry.of, entry.law.measure) == ("grey", "PlantedModel", "moves")
    assert entry.settings == {"level": 128}
    assert read_manifest(run_at("results/PlantedModel")).probe is None
    assert "opposite-words" in Path("tables/probes.csv").read_text()


def test_a_name_alone_means_the_run_in_the_results(planted, cli):
    ended = cli("probe", "PlantedModel", "--probes", "words", *SPARE)
    assert ended.status == 0, ended.err
    assert "\nPrice: " in ended.out
    assert run_at("results/PlantedModel+probe-opposite-words").is_dir()


@pytest.mark.parametrize("name", ["elsewhere", "results/elsewhere", "constant-action"])
def test_a_name_that_is_no_run_is_said_to_be_none(elsewhere, cli, name):
    ended = cli("probe", name)
    assert ended.status == 2
    assert f"there is no run '{name}'" in ended.err
    assert "--data" in ended.err


def test_only_the_action_is_asked_again_when_the_words_are_swapped(planted, cli):
    ended = cli("probe", planted, "--probes", "words", *SPARE)
    assert ended.status == 0, ended.err
    for name in ("opposite-words", "no-words"):
        plain = {frame.sample_token: frame for frame in read_frames(planted)}
        for frame in read_frames(run_at(f"results/PlantedModel+probe-{name}")):
            scene, intent, action = frame.calls
            assert scene.response == plain[frame.sample_token].calls[0].response
            assert scene.cached
            assert intent.cached
            assert (scene.attempts, intent.attempts, action.attempts) == (0, 0, 1)
            assert intent.response != plain[frame.sample_token].calls[1].response
            assert intent.response in action.prompt
            if name == "opposite-words":
                assert "slow down markedly" in intent.response
                assert frame.probe_amount == -1.0
                assert frame.actions[-1][0] < plain[frame.sample_token].actions[-1][0]
    found = {row.probe: row for row in load_and_compare([Path("results")]).probes}
    assert found["opposite-words"].effect == pytest.approx(3.0), "1.5 m/s up becomes 1.5 m/s down"
    assert found["opposite-words"].violation == 0.0


def test_histories_are_changed_without_asking_for_the_scene_again(planted, cli):
    ended = cli("probe", planted, "--probes", "half-history,reversed-history", *SPARE)
    assert ended.status == 0, ended.err
    assert "reversed-history is left out: it needs histories that are not the same in reverse." in ended.out
    frames = in_order(run_at("results/PlantedModel+probe-half-history"))
    assert all(frame.calls[0].attempts == 0 for frame in frames)
    assert any(frame.calls[1].attempts == 1 for frame in frames)
    plain = {frame.sample_token: frame.history[-1][0] for frame in read_frames(planted)}
    assert all(frame.history[-1][0] == plain[frame.sample_token] / 2 for frame in frames)
    (row,) = load_and_compare([Path("results")]).probes
    assert (row.probe, row.effect) == ("half-history", pytest.approx(1.0, abs=0.01))


def test_the_same_command_resumes_and_asks_nothing_twice(planted, cli):
    arguments = ("probe", planted, "--probes", "grey", *SPARE, "--no-cache")
    assert cli(*arguments).status == 0
    folder = Path("results/PlantedModel+probe-grey")
    lines = lines_of_run(folder)
    put_lines(folder, lines[:5])
    ended = cli(*arguments)
    assert "Price: 1 run, 9 calls, no dollars." in ended.out
    assert "8 frames, 5 already done" in ended.out
    assert lines_of_run(folder)[:5] == lines[:5]
    assert len(read_frames(folder)) == 8


def test_every_nth_frame_is_a_run_with_its_own_name(planted, cli):
    assert cli("probe", planted, "--probes", "grey", "--stride", "3", *SPARE).status == 0
    folder = Path("results/PlantedModel+probe-grey+every-3")
    assert sorted((frame.scene, frame.frame_index) for frame in read_frames(folder)) == [
        ("fast", 0), ("fast", 3), ("slow", 0), ("slow", 3),
    ]  # fmt: skip
    (row,) = load_and_compare([planted, folder]).probes
    assert (row.frames, row.scenes) == (4, 2)


def test_frames_without_an_untouched_plan_are_not_paid_for(planted, cli):
    lines = lines_of_run(planted)
    failed = msgspec.json.decode(lines[0]) | {"actions": None, "trajectory": None, "outcome": "format:prose"}
    put_lines(planted, [msgspec.json.encode(failed), *lines[1:]])
    assert cli("probe", planted, "--probes", "recoded", *SPARE).status == 0
    assert len(read_frames(run_at("results/PlantedModel+probe-recoded"))) == 7


def test_money_is_not_spent_unasked_and_the_price_needs_no_key(elsewhere, cli, monkeypatch):
    monkeypatch.delenv("SOME_KEY", raising=False)
    price = {"input": 1000.0, "output": 1000.0}
    values = {"provider": "openai-compatible", "base_url": "https://example.org/v1", "api_key_env": "SOME_KEY"}
    model = Path("dear.yaml")
    model.write_text(yaml.safe_dump({"name": "dear", "model": "m", "price": price, **values}))
    ended = cli("probe", "./dear.yaml", "--data", PICTURED, "--probes", "grey,no-words", *SPARE)
    assert ended.status == 2
    assert "Price: 3 runs, 56 calls, about $" in ended.out
    assert "Nothing was asked yet; give --yes to spend that, or --max-cost" in ended.err
    assert not list(Path("results").rglob("dear"))


def test_a_formula_is_probed_like_a_model(elsewhere, cli):
    ended = cli("probe", "constant-action", "--data", PICTURED, "--probes", "grey,mirror,yaw,words,prompts", *SPARE)
    assert ended.status == 0, ended.err
    assert "yaw-left-3 is left out: it needs pictures with the camera's calibration." in ended.out
    assert "paraphrase-polite is left out: it needs a planner with prompts" in ended.out
    assert "opposite-words is left out" in ended.out
    grey, mirror, *_ = load_and_compare([Path("results")]).probes
    assert (grey.effect, grey.unchanged, grey.violation) == (0.0, 1.0, 1.0)
    assert (mirror.effect, mirror.violation) == (0.0, 0.0)


@pytest.mark.parametrize(("planner", "options"), [("single-call", {"reasoning": False}), ("single-call", {})])
def test_a_finished_run_of_any_planner_is_probed_as_it_was_asked(elsewhere, cli, planner, options):
    benchmark = Benchmark(data=PICTURED, models=[scripted("one")], planners=[planner], planner_options=options)
    (run,) = open_runs(benchmark, Path("results")).jobs
    open_runs(benchmark, Path("results")).run()
    folder = next(Path("results").rglob(f"{run.name}/manifest.json")).parent
    ended = cli("probe", str(folder), "--probes", "grey", "--model", "./one.yaml", *SPARE)
    assert ended.status == 0, ended.err
    (probed,) = [read_manifest(path.parent) for path in Path("results").rglob("*+probe-grey/manifest.json")]
    assert probed.planner == read_manifest(folder).planner


def test_other_wordings_are_runs_with_other_prompts(elsewhere, cli):
    model = scripted("vlm")
    ended = cli("probe", model, "--data", PICTURED, "--probes", "paraphrase", *SPARE)
    assert ended.status == 0, ended.err
    plain, polite, reworded = (
        in_order(run_at(f"results/vlm{more}"))[0].calls[1].prompt
        for more in ("", "+probe-paraphrase-polite", "+probe-paraphrase-reworded")
    )
    assert polite == f"Please read all of this carefully before you answer.\n\n{plain}\n\nThank you."
    assert reworded.startswith("This picture is from the front camera")
    found = load_and_compare([Path("results")]).probes
    assert [(row.probe, row.unchanged, row.effect) for row in found] == [
        ("paraphrase-polite", 1.0, 0.0),
        ("paraphrase-reworded", 1.0, 0.0),
    ]


def test_probed_runs_do_not_enter_a_comparison(planted, cli):
    assert cli("probe", planted, "--probes", "grey", *SPARE).status == 0
    ended = cli("compare", "results", "--out", "compared")
    assert ended.status == 0, ended.err
    assert "probe" not in Path("compared/summary.csv").read_text()
    assert "PlantedModel,grey,all" in Path("compared/probes.csv").read_text()
    alone = cli("compare", "results/PlantedModel+probe-grey", "--out", "alone")
    assert alone.status == 2
    assert "is compared with its untouched run only; name that too: 'PlantedModel'" in alone.err


def test_a_probed_run_is_scored_and_drawn_as_its_planner_saw_it(planted, cli, monkeypatch):
    assert cli("probe", planted, "--probes", "mirror,grey", *SPARE).status == 0
    folder = Path("results/PlantedModel+probe-grey")
    ended = cli("evaluate", "results")
    assert ended.status == 0, ended.err
    assert "PlantedModel+probe-grey: 8 frames" in ended.out
    record = in_order(folder)[0]
    context = open_context(None, folder, read_manifest(folder))
    view, note = frame_view(record, context, LIGHTEMMA)
    assert note == ""
    assert (view.picture == 128).all()
    assert (
        picture_pixels(open_context(None, planted, read_manifest(planted)).frames(record.scene, record.sample_token))
        != 128
    ).all()
    unknown = msgspec.structs.replace(read_manifest(folder).probe, family="os", name="os:system")
    strange = msgspec.structs.replace(read_manifest(folder), probe=unknown)
    assert open_context(None, folder, strange).frames is None, "a class that a manifest names is not loaded"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["results/PlantedModel+probe-grey"], "is the run of a probe; give the untouched run"),
        (
            ["results/PlantedModel", "--prompts", "three-stage-json"],
            "was driven with another prompts than there is now",
        ),
        (["results/PlantedModel", "--parser", "tolerant"], "another planner and parser than there is now"),
        (["results/PlantedModel", "--max-side", "16"], "another pictures than there is now"),
        (["results/PlantedModel", "--scenes", "slo"], "has no scene 'slo'; did you mean slow"),
        ([], "Nothing says what to probe"),
        (["constant-action"], "Nothing says what to drive"),
        (["results/PlantedModel", "--probes", "gray"], "There is no probe 'gray'"),
        (["constant-action,stop", "--data", "demo"], "There is no model 'constant-action,stop'"),
    ],
)
def test_what_cannot_be_probed_is_refused_in_a_sentence(planted, cli, arguments, says):
    shutil.copytree(planted, "results/PlantedModel+probe-grey")
    manifest = Path("results/PlantedModel+probe-grey/manifest.json")
    probe = {"name": "grey", "family": "grey", "of": "PlantedModel"}
    law = {"statement": "It moves.", "measure": "moves", "tolerance": 0.5}
    manifest.write_bytes(
        msgspec.json.encode(msgspec.json.decode(manifest.read_bytes()) | {"probe": probe | {"law": law}})
    )
    if "--probes" not in arguments:
        arguments = [*arguments, "--probes", "grey"]
    ended = cli("probe", *arguments, *SPARE)
    assert ended.status == 2
    assert says in ended.err


def test_the_model_of_a_yaml_is_named_again(planted, cli):
    """A run knows its model's name, and not the place of its YAML."""
    manifest = Path("results/PlantedModel/manifest.json")
    kept = msgspec.json.decode(manifest.read_bytes())
    (entry,) = kept["models"].values()
    entry |= {"name": "my-server", "provider": "openai-compatible"}
    manifest.write_bytes(msgspec.json.encode(kept))
    ended = cli("probe", "results/PlantedModel", "--probes", "grey", *SPARE)
    assert ended.status == 2
    assert "asked 'my-server', which is no model's name in configs/models; name its YAML with --model." in ended.err


def test_a_recording_cannot_be_asked_anything_else(planted, cli):
    assert cli("run", "--data", PICTURED, "--model", f"replay:{planted}", "--name", "again", "--quiet").status == 0
    ended = cli("probe", "results/again", "--probes", "grey", *SPARE)
    assert ended.status == 2
    assert "holds recorded answers of 'PlantedModel', which cannot be asked anything else" in ended.err


def test_the_words_of_an_archive_are_probed_for_one_call_a_frame(elsewhere, cli):
    write_archive(Path("arch/tiny"))
    assert cli("import", "arch/tiny").status == 0
    assert cli("prompts", "extract", "arch/tiny", "--out", "recorded").status == 0
    model = ("--model", scripted("vlm"), "--data", "published:arch/tiny")
    ended = cli("probe", "results/tiny", *model, "--probes", "words", *SPARE)
    assert ended.status == 2
    assert "driven with another prompts" in ended.err
    ended = cli("probe", "results/tiny", *model, "--prompts", "recorded", "--probes", "words", *SPARE)
    assert ended.status == 0, ended.err
    assert "opposite-words is left out" in ended.out, "the archive's statements say nothing about speed"
    assert "Price: 3 runs, 15 calls, no dollars." in ended.out
    for name in ("other-words", "other-scene", "no-words"):
        frames = in_order(run_at(f"results/tiny+probe-{name}"))
        assert [[call.attempts for call in frame.calls] for frame in frames] == [[0, 0, 1]] * 5


def test_the_list_names_every_probe_with_its_law(cli):
    ended = cli("probe", "--list")
    assert "yaw  (geometry; left-3, right-3, left-6, right-6)" in ended.out
    assert "    law: In the mirror the plan is the mirror image." in ended.out
