"""The contract of planners, for all shipped and some made-up ones: run, resume, replay, re-read, estimate, batch."""

from __future__ import annotations

import asyncio
import csv
import json
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np
import pytest
import yaml

from lightemma.backends.base import BatchBackend, BatchStatus, Completion
from lightemma.backends.config import ModelConfig
from lightemma.calls.cache import ResponseCache
from lightemma.calls.cancellation import Cancellation
from lightemma.data.pictures import PicturePolicy
from lightemma.errors import UserError
from lightemma.evaluation.scores import load_scores
from lightemma.parsing import TIERS
from lightemma.planners.base import Needs, Plan, PlannerSettings
from lightemma.planners.plan_checks import InvalidPlan, check_plan
from lightemma.planners.planning import PlannerRunner
from lightemma.planners.registry import ENTRY_POINTS, PLANNERS, make_planner, planners
from lightemma.run_folder.frame_lines import frames_file
from lightemma.run_folder.places import find_run
from lightemma.run_folder.records import CallRecord
from lightemma.run_folder.store import read_frames, read_manifest
from lightemma.run_folder.tool_records import ToolsRecord
from lightemma.sessions.batch import BatchRun
from lightemma.sessions.views import Views, load_view
from tests.conftest import STEADY_TEXT, lines_of_run, put_lines, run_at, steady
from tests.planners.pictured_drives import PicturedDrives
from tests.plugins.installed import install

MADE_UP = "tests.planners.made_up_planners:"
#: The strict parser refuses it, the tolerant one reads it.
LOOSE_TEXT = STEADY_TEXT.replace("), (", ") (")
FRAMES = 8


@dataclass(frozen=True)
class Case:
    """A planner with what it is run with.

    Attributes:
        planner: as ``--planner`` names it.
        run: the run's name.
        answers: role -> stage -> the script of its model; none for planners without models.
        calls: stages of a frame, in order.
        options: the planner's own.
        answer: index of the call that holds the plan.
        refused: outcome of the frames whose answer the strict parser refuses.
    """

    planner: str
    run: str
    answers: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    calls: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    answer: int | None = None
    refused: str = "format:missing_commas"

    def model_values(self, folder: Path) -> dict[str, str]:
        """Role -> the YAML of its scripted model, written to ``folder``."""
        values = {}
        for role, answers in self.answers.items():
            path = folder / f"{role}-model.yaml"
            options = {"answers": answers, "repeat": True}
            price = {"input": 1.0 if role == "main" else 10.0, "output": 0.0}
            config = {"name": f"{role}-model", "provider": "scripted", "model": "m", "options": options, "price": price}
            path.write_text(yaml.safe_dump(config))
            values[role] = str(path)
        return values

    def arguments(self, folder: Path) -> list[str]:
        """The arguments of ``run`` and ``estimate``."""
        values = self.model_values(folder)
        value = next(iter(values.values())) if len(values) == 1 else ",".join(f"{r}={v}" for r, v in values.items())
        return [
            *("--data", f"tests.planners.pictured_drives:PicturedDrives:{folder / 'pictures'}"),
            *("--planner", self.planner),
            *(argument for option in self.options for argument in ("--planner-option", option)),
            *(("--model", value) if values else ()),
            *("--out", str(folder / "results"), "--concurrency", "1"),
        ]


#: The plan's text: correct in every second frame, without commas in the others.
DECISIONS = [STEADY_TEXT, LOOSE_TEXT]
#: The same for points: the tolerant parser alone reads those with words before them.
POINTS = ["[(2.5, 0.0), (5.0, 0.0), (7.5, 0.0), (10.0, 0.0), (12.5, 0.0), (15.0, 0.0)]"]
POINTS.append(f"The points: {POINTS[0]}")
CHAIN = {"scene": ["A road."], "intent": ["Go on."], "action": DECISIONS}
MODEL_CASES = [
    Case("chain-of-thought", "main-model", {"main": CHAIN}, ("scene", "intent", "action"), answer=2),
    Case(
        f"{MADE_UP}TwoLooks",
        "main-model+two-looks",
        {"main": {"look": ["A car left.", "A sign right."], "decide": DECISIONS}},
        ("look", "look", "decide"),
        answer=2,
    ),
    Case(
        "tests.plugins.two_roles_planner:TwoRoles",
        "main-model+controller-model+two-roles",
        {"main": {"look": ["Two cars.", "No sign."]}, "controller": {"decide": DECISIONS}},
        ("look", "look", "decide"),
        answer=2,
    ),
    Case(
        f"{MADE_UP}Hybrid",
        "main-model+hybrid",
        {"main": {"look": ["A road."]}},
        ("look",),
    ),
    Case(
        "single-call",
        "main-model+single-call",
        {"main": {"action": [f"Clear.\n{text}" for text in DECISIONS]}},
        ("action",),
        answer=0,
    ),
    Case(
        "waypoints", "main-model+waypoints", {"main": {"action": POINTS}}, ("action",), answer=0, refused="format:prose"
    ),
    Case("choose", "main-model+choose", {"main": {"action": ["3"]}}, ("action",)),
    Case(
        "expert-tools",
        "main-model+expert-tools",
        {"main": {"tools-plan": ['[{"task": "motion-words", "id": 1}]'], **CHAIN}},
        ("tools-plan", "scene", "intent", "action"),
        answer=3,
    ),
]
FREE_CASES = [
    *(Case(name, name) for name in PLANNERS if name not in {case.planner for case in MODEL_CASES}),
    Case("damped-acceleration", "damped-acceleration+time_constant_s-3.0", options=("time_constant_s=3",)),
    Case("tests.plugins.picture_planner:Brightness", "brightness"),
    Case("tests.plugins.picture_planner:Brightness", "brightness+pictures-3", options=("pictures=3",)),
]
CASES = MODEL_CASES + FREE_CASES
every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.run)
free_case = pytest.mark.parametrize("case", FREE_CASES, ids=lambda case: case.run)
model_case = pytest.mark.parametrize("case", MODEL_CASES, ids=lambda case: case.run)


def test_every_planner_has_a_case():
    assert {case.planner for case in CASES} >= set(PLANNERS)


@pytest.fixture
def run(cli, tmp_path):
    """Runs a case and gives its folder."""

    def drive(case: Case, *more: str, status: int = 0) -> Path:
        ended = cli("run", *case.arguments(tmp_path), *more)
        assert ended.status == status, ended.err
        folder = tmp_path / "results" / case.run
        return find_run(folder) or folder

    return drive


def untimed(folder: Path) -> list[object]:
    """The frames without measured times."""
    return [
        msgspec.structs.replace(
            frame,
            latency_s=None,
            calls=[msgspec.structs.replace(call, latency_s=None) for call in frame.calls],
            tools=msgspec.UNSET if frame.tools is msgspec.UNSET else untimed_tools(frame.tools),
        )
        for frame in read_frames(folder)
    ]


def untimed_tools(tools: ToolsRecord) -> ToolsRecord:
    tasks = [msgspec.structs.replace(task, seconds=0.0) for task in tools.tasks]
    return msgspec.structs.replace(tools, tasks=tasks, seconds=0.0, waited=0.0)


def table(path: Path) -> dict[str, dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return {row["run"]: row for row in csv.DictReader(file)}


@every_case
def test_a_run_records_every_call_and_every_second(case, run):
    folder = run(case)
    frames, manifest = read_frames(folder), read_manifest(folder)
    assert len(frames) == FRAMES
    outcomes = {"ok"} if case.answer is None else {"ok", case.refused}
    assert {frame.outcome for frame in frames} == outcomes
    for frame in frames:
        assert [call.stage for call in frame.calls] == list(case.calls)
        assert [call.model for call in frame.calls] == [f"{call.role}-model" for call in frame.calls]
        assert frame.answer == case.answer
        assert frame.answer is None or frame.calls[frame.answer].outcome == frame.outcome
        assert (frame.latency_s is None) == bool(case.calls)
    assert {role: entry.name for role, entry in manifest.models.items()} == {
        role: f"{role}-model" for role in case.answers
    }
    scores = load_scores(folder)
    assert np.isfinite(scores.latency).all()
    assert scores.calls.tolist() == [float(len(case.calls))] * FRAMES


@every_case
def test_an_interrupted_run_resumes_and_ends_the_same(case, run, tmp_path):
    whole = untimed(run(case))
    folder = run_at(tmp_path / "results" / case.run)
    before = frames_file(folder).read_bytes()
    run(case)
    assert frames_file(folder).read_bytes() == before, "a finished run is not changed"
    lines = lines_of_run(folder)
    put_lines(folder, lines[:4], torn=lines[4][:30])
    resumed = untimed(run(case))
    assert resumed == whole


@model_case
def test_a_replay_repeats_every_call_in_order(case, run, cli, tmp_path):
    first = run(case)
    arguments = case.arguments(tmp_path)
    arguments[arguments.index("--model") + 1] = f"replay:{first}"
    ended = cli("run", *arguments, "--name", "again")
    assert ended.status == 0, ended.err
    assert untimed(run_at(tmp_path / "results" / "again")) == untimed(first)


@model_case
@pytest.mark.parametrize("tier", TIERS)
def test_every_parser_reads_a_stored_run_as_it_would_have_read_it_driving(case, run, tmp_path, tier):
    stored = load_scores(run(case), tier)
    run_at(tmp_path / "results" / case.run).rename(tmp_path / "elsewhere")
    fresh = load_scores(run(case, "--parser", tier))
    assert stored.manifest.parser == fresh.manifest.parser == tier
    assert stored.outcomes == fresh.outcomes
    np.testing.assert_array_equal(stored.actions, fresh.actions)
    assert stored.ok.sum() == (FRAMES if tier != "strict" or case.answer is None else FRAMES // 2)


@free_case
def test_parsers_do_not_change_plans_without_text(case, run):
    folder = run(case)
    for tier in TIERS:
        np.testing.assert_array_equal(load_scores(folder, tier).actions, load_scores(folder).actions)


def test_compare_and_report_read_a_run_by_another_parser(run, cli, tmp_path):
    case = MODEL_CASES[1]
    folder = run(case)
    assert cli("compare", str(folder), "--parser", "tolerant", "--out", tmp_path / "t").status == 0
    assert int(table(tmp_path / "t" / "summary.csv")[case.run]["ok_frames"]) == FRAMES


@model_case
def test_an_estimate_counts_the_calls_of_each_model(case, cli, tmp_path):
    ended = cli("estimate", *case.arguments(tmp_path))
    assert ended.status == 0, ended.err
    for role in case.answers:
        name = case.run if len(case.answers) == 1 else f"{case.run} ({role})"
        assert name in " ".join(ended.out.split())


class Batches(BatchBackend):
    """A provider that answers a batch immediately, by stage."""

    def __init__(self, role: str, answers: dict[str, list[str]]) -> None:
        super().__init__(ModelConfig(name=f"{role}-model", provider="test", model="m"))
        self.answers, self.batches = answers, []

    async def generate(self, request):
        raise AssertionError("a batch run makes no single calls")

    async def submit_batch(self, requests):
        self.batches.append(dict(requests))
        return str(len(self.batches) - 1)

    async def batch_status(self, batch_id):
        return BatchStatus(True, 0, 0, "done")

    async def fetch_batch(self, batch_id):
        return {key: Completion(self.answers[one.stage][0]) for key, one in self.batches[int(batch_id)].items()}


@model_case
def test_a_batch_answers_wave_after_wave(case, tmp_path):
    frames = list(PicturedDrives(str(tmp_path / "pictures")).frames())
    backends = {role: Batches(role, answers) for role, answers in case.answers.items()}
    planner = make_planner(case.planner)

    async def drive():
        with ResponseCache(tmp_path / "c.sqlite") as cache:
            waves = BatchRun(backends, cache, tmp_path, Cancellation(), lambda _: None, poll_s=0.0)
            runner = PlannerRunner(planner, await waves.answer(lambda: frames, planner, Views(1, PicturePolicy())))
            return [await runner.plan(frame, load_view(frame, 1, PicturePolicy())) for frame in frames]

    planned = asyncio.run(drive())
    for one in planned:
        assert one.plan.outcome == "ok"
        assert [call.stage for call in one.plan.calls] == list(case.calls)
        assert {call.role for call in one.plan.calls} == set(case.answers)
    assert all(backend.batches for backend in backends.values())


# Pictures for planners without a model.


@pytest.mark.parametrize("count", [1, 3])
def test_a_planner_without_a_model_sees_its_pictures(run, count):
    options = ("pictures=3",) if count == 3 else ()
    name = "brightness" + ("+pictures-3" if count == 3 else "")
    folder = run(Case("tests.plugins.picture_planner:Brightness", name, options=options))
    frames = read_frames(folder)
    # Frame n has picture n + 7 as its own, of level 10 (n + 7); the mean of three is the level of the middle one.
    level = np.array([10.0 * (frame.frame_index + 7 - (count - 1) / 2) for frame in frames])
    driven = np.array([frame.actions[0][0] / frame.history[-1][0] for frame in frames])
    np.testing.assert_allclose(driven, level / 128.0, atol=0.01)
    assert all(frame.image_sha256 for frame in frames)
    assert read_manifest(folder).images == PicturePolicy().as_dict()


# Several models.


def test_each_model_has_its_own_price(run, cli, tmp_path):
    case = MODEL_CASES[2]
    folder = run(case)
    # Scripted answers are counted at four characters a token; the main model costs $1, the controller $10 a million.
    dollars = sum(
        call.usage.input * (1.0 if call.role == "main" else 10.0) / 1e6
        for frame in read_frames(folder)
        for call in frame.calls
    )
    cli("compare", str(folder), "--out", tmp_path / "t")
    row = table(tmp_path / "t" / "summary.csv")[case.run]
    assert float(row["cost_usd"]) == pytest.approx(dollars)
    assert row["model"] == "main-model+controller-model"


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ("{main}", "has the roles main, controller; give --model main=MODEL,controller=MODEL"),
        ("main={main}", "names no model for 'controller'"),
        ("main={main},controller={controller},critic={main}", "names the role 'critic', but the planner"),
        ("main={main},{controller}", "without a role next to 'main="),
        ("main={main},controller={controller},main={controller}", "names the role 'main' twice"),
    ],
)
def test_wrong_roles_are_one_sentence(cli, tmp_path, values, sentence):
    case = MODEL_CASES[2]
    arguments = case.arguments(tmp_path)
    arguments[arguments.index("--model") + 1] = values.format(**case.model_values(tmp_path))
    ended = cli("run", *arguments)
    assert ended.status == 2
    assert sentence in ended.err
    assert not (tmp_path / "results").exists() or not list((tmp_path / "results").iterdir())


def test_a_constraint_is_checked_for_any_planner(cli, tmp_path, monkeypatch):
    from lightemma.backends.scripted import ScriptedBackend

    case = Case(f"{MADE_UP}Strict", "main-model+strict-form", {"main": {"*": ["x"]}})
    assert cli("run", *case.arguments(tmp_path)).status == 0
    monkeypatch.setattr(ScriptedBackend, "constraints", property(lambda self: frozenset({"json"})))
    ended = cli("run", *case.arguments(tmp_path), "--name", "other")
    assert ended.status == 2
    assert "cannot be constrained to a regular expression, which the planner 'strict-form' needs" in ended.err


# Errors in a planner.


def test_an_error_costs_one_frame_and_the_same_command_tries_it_again(run, cli, tmp_path):
    case = Case(f"{MADE_UP}FailsSometimes", "main-model+fails-sometimes", {"main": {"look": ["A road."]}})
    folder = run(case, status=1)
    frames = read_frames(folder)
    failed = [frame for frame in frames if frame.outcome == "call:planner_error"]
    assert len(failed) == 2
    assert [frame.outcome for frame in frames].count("ok") == FRAMES - 2
    assert failed[0].error.startswith("ZeroDivisionError: no lane in slow at all (made_up_planners.py, line ")
    assert [call.stage for call in failed[0].calls] == ["look"], "what was paid for is recorded"
    ended = cli("run", *case.arguments(tmp_path))
    assert ended.status == 1
    assert "2 on which the planner failed, first by ZeroDivisionError: no lane in slow" in ended.out
    assert f"{FRAMES - 2} already done" in ended.out


def test_a_planner_that_fails_on_every_frame_ends_the_run_early(cli, tmp_path):
    arguments = Case(f"{MADE_UP}FailsAlways", "fails-always").arguments(tmp_path)
    arguments[arguments.index("--data") + 1] = "demo"
    ended = cli("run", *arguments)
    assert ended.status == 2
    assert "class 'FailsAlways' in " in ended.err
    assert "made_up_planners.py) failed on each of the first 10 frames: AttributeError: 'Frame' object" in ended.err
    assert "fault in lightemma" not in ended.err
    assert len(read_frames(run_at(tmp_path / "results" / "fails-always"))) == 10


@pytest.mark.parametrize(
    ("planner", "models", "cause"),
    [
        ("FivePairs", {}, "the plan's actions have shape (5, 2), not (6, 2)"),
        ("AsksAnother", {"main": {"*": ["x"]}}, "asks the model 'controller', which its needs() does not name"),
    ],
)
def test_an_invalid_plan_is_recorded_and_reported(run, cli, tmp_path, planner, models, cause):
    name = {"FivePairs": "five-pairs", "AsksAnother": "main-model+asks-another"}[planner]
    case = Case(f"{MADE_UP}{planner}", name, models)
    folder = run(case, status=1)
    assert all(cause in frame.error for frame in read_frames(folder))
    assert cli("compare", str(folder), "--out", tmp_path / "t").status == 0


CALL = CallRecord("look", "?", "!", "ok")


@pytest.mark.parametrize(
    ("plan", "cause"),
    [
        (None, "returned nothing, not a Plan"),
        ((steady(1.0), "ok"), "returned a tuple, not a Plan"),
        (Plan(np.zeros((5, 2)), "ok"), "shape (5, 2)"),
        (Plan(np.zeros((1, 6, 2)), "ok"), "shape (1, 6, 2)"),
        (Plan(np.zeros(12), "ok"), "shape (12,)"),
        (Plan(np.full((6, 2), np.nan), "ok"), "finite"),
        (Plan(np.array([[1.0, np.inf]] * 6), "ok"), "finite"),
        (Plan([[1.0, 0.0]] * 6, "ok"), "a list, not a numpy array"),
        (Plan(np.array([["1", "0"]] * 6), "ok"), "type <U1"),
        (Plan(np.array([[1, 0]] * 6), "ok"), "type int64"),
        (Plan(np.array([[1.0, None]] * 6, dtype=object), "ok"), "type object"),
        (Plan(np.zeros((6, 2), dtype=complex), "ok"), "type complex128"),
        (Plan(np.zeros((6, 2), dtype=bool), "ok"), "type bool"),
        (Plan(None, "ok"), "but it has no actions"),
        (Plan(steady(1.0), "format:prose"), "but it has actions"),
        (Plan(None, "bad"), "outcome is 'bad'"),
        (Plan(None, "format:"), "outcome is 'format:'"),
        (Plan(None, None), "outcome is None"),
        (Plan(steady(1.0), "ok", answer=1), "answer is 1, but the frame has 1 calls"),
        (Plan(steady(1.0), "ok", answer=-1), "answer is -1"),
        (Plan(steady(1.0), "ok", answer=True), "answer is True"),
        (Plan(steady(1.0), "ok", calls=("look",)), "calls are a tuple"),
        (Plan(steady(1.0), "ok", calls=["look"]), "calls are a list"),
        (Plan(steady(1.0), "ok", calls=[CALL, CALL]), "not those that were made"),
    ],
)
def test_an_invalid_plan_is_refused_with_the_reason(plan, cause):
    with pytest.raises(InvalidPlan) as caught:
        check_plan(plan, [CALL])
    assert cause in str(caught.value)


def test_any_float_makes_a_plan():
    for kind in (np.float16, np.float32, np.float64):
        actions = check_plan(Plan(steady(1.5).astype(kind), "ok"), []).actions
        assert actions.dtype == np.float64
        assert actions.tolist() == steady(1.5).tolist()


def test_a_run_of_a_planner_without_models_can_be_interrupted_and_resumed(cli, tmp_path):
    case = Case(f"{MADE_UP}Interrupting", "interrupting")
    ended = cli("run", *case.arguments(tmp_path))
    assert ended.status == 130
    done = len(read_frames(run_at(tmp_path / "results" / "interrupting")))
    assert 3 <= done < FRAMES
    statuses = [cli("run", *case.arguments(tmp_path)).status for _ in range(2)]
    assert len(read_frames(run_at(tmp_path / "results" / "interrupting"))) == FRAMES
    assert statuses[-1] == 0


# Classes that cannot be planners.


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("OldConstructor", "has an __init__ that does not take (self, settings)"),
        ("NoConstructorArgument", "has an __init__ that does not take (self, settings)"),
        ("ForgetsSuper", "does not call super().__init__(settings)"),
        ("RaisesInConstructor", "cannot be made: FileNotFoundError: weights.pt is not here (made_up_planners.py, line"),
        ("OldContract", "has 'asks_model', as planners of lightemma 0.1 had"),
        ("NoName", 'has no name; give it one, such as name = "my-planner"'),
        ("NoPlan", "does not write plan"),
        ("NotAsync", "has a plan() that is not `async def`"),
        ("OtherArguments", "has a plan() that does not take (self, frame, view, calls)"),
        ("WrongNeeds", "returns dict from needs(), not Needs"),
        ("WrongRoles", "cannot be made: ValueError: Needs(models='main'): give a tuple"),
        ("RaisesInNeeds", "cannot be made: RuntimeError: not ready"),
        ("WrongOptions", "has an Options class that does not subclass Planner.Options"),
    ],
)
def test_a_class_that_cannot_be_a_planner_is_one_sentence(cli, tmp_path, name, cause):
    ended = cli("run", "--data", "demo", "--planner", MADE_UP + name, "--out", tmp_path)
    assert ended.status == 2
    assert ended.err.count("\n") == 1
    assert f"class '{name}' in " in ended.err
    assert "made_up_planners.py" in ended.err
    assert cause in ended.err
    assert "fault in lightemma" not in ended.err


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("1 +", "SyntaxError"),
        ("import no_such_package", "No module named 'no_such_package'"),
        ("1 / 0", "ZeroDivisionError"),
    ],
)
def test_a_module_that_cannot_be_imported_is_one_sentence(cli, tmp_path, monkeypatch, text, cause):
    (tmp_path / "broken_planner.py").write_text(text + "\n")
    monkeypatch.syspath_prepend(tmp_path)
    ended = cli("run", "--data", "demo", "--planner", "broken_planner:Mine", "--out", tmp_path / "out")
    assert ended.status == 2
    assert "'broken_planner:Mine' cannot be imported" in ended.err
    assert cause in ended.err
    assert "(broken_planner.py, line 1)" in ended.err
    assert "PYTHONPATH" not in ended.err


@pytest.mark.parametrize(
    ("options", "cause"),
    [
        (
            ["time_constant=3"],
            "No planner here has an option 'time_constant'; the options are damped-acceleration: time_",
        ),
        (["time_constant_s=-1"], "option 'time_constant_s' is wrong: input should be greater than 0"),
        (["time_constant_s=soon"], "option 'time_constant_s' is wrong"),
        (["time_constant_s"], "--planner-option is 'time_constant_s'; give KEY=VALUE"),
    ],
)
def test_wrong_options_name_the_existing_ones(cli, tmp_path, options, cause):
    arguments = Case("damped-acceleration", "x", options=tuple(options)).arguments(tmp_path)
    ended = cli("run", *arguments)
    assert ended.status == 2
    assert cause in ended.err


def test_options_reach_the_planner_from_a_benchmark_and_the_manifest(cli, tmp_path):
    path = tmp_path / "mine.yaml"
    data = f"tests.planners.pictured_drives:PicturedDrives:{tmp_path / 'pictures'}"
    options = {"time_constant_s": 3.5}
    planners_named = ["damped-acceleration", "stop"]
    path.write_text(yaml.safe_dump({"data": data, "planners": planners_named, "planner_options": options}))
    assert cli("run", str(path), "--out", tmp_path / "results").status == 0
    manifest = read_manifest(run_at(tmp_path / "results" / "damped-acceleration+time_constant_s-3.5"))
    assert manifest.planner.settings == options
    assert manifest.planner.name == "damped-acceleration-time_constant_s-3.5"
    assert read_manifest(run_at(tmp_path / "results" / "stop")).planner.settings == {}, "each takes its own"


@pytest.mark.parametrize(
    "values",
    [
        {"pictures": -1},
        {"pictures": 9},
        {"pictures": "1"},
        {"models": "main"},
        {"models": ("Main",)},
        {"models": ("a", "a")},
    ],
)
def test_needs_that_make_no_sense_are_refused(values):
    with pytest.raises(ValueError, match=r"Needs\("):
        Needs(**values)


# By name.


def test_an_installed_package_offers_its_planner_by_name(run, cli, monkeypatch, tmp_path):
    place = "tests.plugins.picture_planner:Brightness"
    broken = "tests.planners.made_up_planners:NoPlan"
    install(monkeypatch, tmp_path / "site", {ENTRY_POINTS: {"bright": place, "broken": broken, "stop": place}})
    run(Case("bright", "brightness"))
    assert planners()["bright"].package == "made-up-package"
    assert make_planner("stop").name == "stop", "shipped planners have priority"
    ended = cli("planners")
    assert ended.status == 0
    assert "bright  (from made-up-package)\n    Drives on the faster" in ended.out
    assert "needs the picture, no model" in ended.out
    assert "option pictures  (int; default 1)  how many of the newest pictures are looked at" in ended.out
    assert "broken  (from made-up-package)\n    cannot be used: " in ended.out
    assert "option time_constant_s" in cli("planners", "damped-acceleration").out
    said = cli("run", "--data", "demo", "--planner", "brigt", "--out", tmp_path / "none").err
    assert "There is no planner 'brigt'; did you mean bright" in said


def test_settings_have_defaults_so_that_any_planner_is_made_in_a_notebook():
    for case in CASES:
        assert make_planner(case.planner).options is not None
    assert PlannerSettings().parser == "strict"


# Files of 0.1.


def as_old(folder: Path) -> None:
    """Rewrites a run's files as version 0.1 wrote them."""
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["model"] = next(iter(manifest.pop("models").values()), None)
    manifest["format"] = 1
    (folder / "manifest.json").write_text(json.dumps(manifest))
    lines = []
    for text in lines_of_run(folder):
        line = json.loads(text)
        line["stages"] = line.pop("calls")
        for call in line["stages"]:
            del call["role"], call["model"]
        for key in ("answer", "latency_s", "error"):
            del line[key]
        lines.append(json.dumps(line).encode())
    put_lines(folder, lines)


ONE_ROLE = [case for case in CASES if len(case.answers) < 2]


@pytest.mark.parametrize("case", ONE_ROLE, ids=lambda case: case.run)
def test_a_run_of_0_1_is_compared_and_resumed(case, run):
    folder = run(case)
    new = untimed(folder)
    as_old(folder)
    assert load_scores(folder).outcomes == [frame.outcome for frame in new]
    put_lines(folder, lines_of_run(folder)[:4])
    run(case)
    assert [(frame.outcome, frame.actions) for frame in read_frames(folder)] == [
        (frame.outcome, frame.actions) for frame in new
    ]


@pytest.mark.parametrize("case", MODEL_CASES[:2], ids=lambda case: case.run)
def test_a_run_of_0_1_is_read_again_and_replayed(case, run, cli, tmp_path):
    folder = run(case)
    new = untimed(folder)
    as_old(folder)
    assert load_scores(folder, "tolerant").ok.all()
    arguments = case.arguments(tmp_path)
    arguments[arguments.index("--model") + 1] = f"replay:{folder}"
    assert cli("run", *arguments, "--name", "again").status == 0
    assert untimed(run_at(tmp_path / "results" / "again")) == new


def test_a_run_of_0_1_that_does_not_say_its_answer_is_refused(run):
    twice = {"main": {"look": ["A car.", STEADY_TEXT], "decide": [STEADY_TEXT]}}
    case = Case(f"{MADE_UP}TwoLooks", "main-model+two-looks", twice)
    folder = run(case)
    as_old(folder)
    with pytest.raises(UserError, match="it could be 2 of 3"):
        load_scores(folder, "tolerant")
