"""Made-up frames, runs and archives, small enough to compute by hand, and the command line as a fixture."""

from __future__ import annotations

import functools
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer.main
from hypothesis import settings

from lightemma.data.base import DataInfo, FrameSource
from lightemma.frame import Camera, EgoHistory, FloatArray, Frame, Pose
from lightemma.kinematics import integrate
from lightemma.planners.base import Plan, View
from lightemma.planners.planning import Planned
from lightemma.protocol import LIGHTEMMA
from lightemma.run_folder.frame_lines import FRAMES, GROWING_FRAMES, PACKED_FRAMES, frames_file
from lightemma.run_folder.manifest import DataEntry, Manifest, ModelEntry, PlannerEntry, frame_set_digest
from lightemma.run_folder.places import find_run
from lightemma.run_folder.records import CallRecord, FrameRecord
from lightemma.run_folder.store import RunWriter, whole_lines
from lightemma.sessions.open_loop import frame_record
from tests.shared_data import IMPORTED, PUBLISHED, command_line

# A busy machine is no error: no example is timed. The same examples everywhere: what fails once fails always.
settings.register_profile("untimed", deadline=None, derandomize=True)
settings.load_profile("untimed")

# The commands are built from their functions' signatures once per process, not again for every call of main().
typer.main.get_command = functools.cache(typer.main.get_command)

TWO_SCENES = {"scene-0001": 3, "scene-0002": 2}


def steady(speed: float, curvature: float = 0.0) -> FloatArray:
    """One action six times, (6, 2)."""
    return np.tile([speed, curvature], (6, 1)).astype(np.float64)


def plan_text(actions: FloatArray) -> str:
    """Actions as text for the strict parser."""
    return "[" + ", ".join(f"({speed!r}, {curvature!r})" for speed, curvature in actions.tolist()) + "]"


STEADY_TEXT = plan_text(steady(5.0))


def make_frame(
    scene: str = "scene-0001",
    index: int = 0,
    *,
    history: FloatArray | None = None,
    driven: FloatArray | None = None,
    image_path: Path | None = None,
) -> Frame:
    """A frame of a car that drove ``history`` and then ``driven``; by default straight on at 5 m/s.

    Two straight steady plans dv apart in speed are 0.5 dv, 1.0 dv, … 3.0 dv metres apart.
    """
    history = steady(5.0) if history is None else history
    image = f"samples/CAM_FRONT/{scene}-{index}.jpg"
    return Frame(
        scene=scene,
        frame_index=index,
        sample_token=f"{scene}/{index}",
        timestamp=1_500_000_000_000_000 + 500_000 * index,
        image=image,
        image_path=image_path,
        camera=Camera(np.eye(3), np.array([0.5, -0.5, 0.5, -0.5]), np.array([1.7, 0.0, 1.5]), (1600, 900)),
        pose=Pose(0.0, 0.0, 0.0),
        history=EgoHistory(np.linspace([-17.5, 0.0], [0.0, 0.0], 8), history),
        future=integrate(history if driven is None else driven),
    )


def make_frames(scenes: Mapping[str, int] = TWO_SCENES, **changes: Any) -> list[Frame]:
    """Frames of scenes; ``scenes`` gives the number of frames of each."""
    return [make_frame(scene, index, **changes) for scene, count in scenes.items() for index in range(count)]


class MadeUpSource(FrameSource):
    """A source of given frames."""

    def __init__(self, frames: Sequence[Frame], version: str = "v1.0-made-up") -> None:
        self._frames = list(frames)
        self._version = version

    @property
    def info(self) -> DataInfo:
        return DataInfo("made-up", "drives", self._version, len(self.scene_names))

    @property
    def scene_names(self) -> Sequence[str]:
        return list(dict.fromkeys(frame.scene for frame in self._frames))

    def scene_frames(self, scene: str) -> list[Frame]:
        return [frame for frame in self._frames if frame.scene == scene]


def make_manifest(
    run: str, frames: Sequence[Frame], planner: str = "chain-of-thought", parser: str = "strict", **changes: Any
) -> Manifest:
    """The manifest of a run over ``frames``; the model has the run's name."""
    data = DataEntry(
        source="made-up",
        name="drives",
        version="v1.0-made-up",
        scenes=len({frame.scene for frame in frames}),
        frames=len(frames),
        frame_set=frame_set_digest(frame.sample_token for frame in frames),
    )
    models = {"main": ModelEntry(run, "scripted", f"{run}-model")} if planner == "chain-of-thought" else {}
    given = {"protocol": LIGHTEMMA.as_dict(), "data": data, "models": models} | changes
    return Manifest(run=run, planner=PlannerEntry(planner), parser=parser, **given)


def make_record(
    frame: Frame, actions: FloatArray | None, outcome: str = "ok", stages: Sequence[CallRecord] = ()
) -> FrameRecord:
    """A finished frame; if its last stage is ``action``, that call is its answer."""
    answered = bool(stages) and stages[-1].stage == "action" and not outcome.startswith("call:")
    plan = Plan(actions, outcome, list(stages), len(stages) - 1 if answered else None)
    return frame_record(frame, View(), Planned(plan, None), LIGHTEMMA)


def write_run(results: Path, manifest: Manifest, records: Iterable[FrameRecord]) -> Path:
    """A run in ``results``, named as its manifest says."""
    folder = results / manifest.run
    with RunWriter(folder, manifest) as writer:
        for record in records:
            writer.append(record)
    return folder


def lines_of_run(folder: Path) -> list[bytes]:
    """The whole lines of a run's frames, without their ends, from whatever file has them."""
    return list(whole_lines(frames_file(folder)))


def put_lines(folder: Path, lines: Iterable[bytes], torn: bytes = b"") -> None:
    """Makes these lines, and the beginning of a further one, all that a run has of frames, in a plain file."""
    (folder / FRAMES).write_bytes(b"".join(line + b"\n" for line in lines) + torn)
    for name in (GROWING_FRAMES, PACKED_FRAMES):
        (folder / name).unlink(missing_ok=True)


def steady_run(
    results: Path, run: str, frames: Sequence[Frame], speed: float, failed: Mapping[str, str] | None = None, **more: Any
) -> Path:
    """A run that plans ``speed`` straight on for every frame, except those for whose token ``failed`` has an outcome."""
    failed = failed or {}
    records = [
        make_record(
            frame, None if frame.sample_token in failed else steady(speed), failed.get(frame.sample_token, "ok")
        )
        for frame in frames
    ]
    return write_run(results, make_manifest(run, frames, **more), records)


def write_archive(
    root: Path,
    answers: Callable[[str, str], str] | None = None,
    scenes: Mapping[str, int] = TWO_SCENES,
    question: Callable[[str], str] = lambda token: "What is ahead?",
    model: str = "tiny-vlm",
) -> Path:
    """A LightEMMA v2 output folder, ``root/output/scene-XXXX.json``.

    Args:
        root: its folder, whose name is the archive's.
        answers: (sample token, stage) to the model's answer; good answers if left out.
        scenes: frames per scene.
        question: sample token to the prompt of the scene stage.
        model: as named in the files.
    """
    output = root / "output"
    output.mkdir(parents=True)
    for scene, count in scenes.items():
        frames = [_archive_frame(frame, answers or good_answer, question) for frame in make_frames({scene: count})]
        whole = {"scene_info": {"name": scene}, "metadata": {"model": model}, "frames": frames}
        (output / f"{scene}.json").write_text(json.dumps(whole), encoding="utf-8")
    return root


def good_answer(token: str, stage: str) -> str:
    """An answer without errors."""
    return STEADY_TEXT if stage == "action" else f"The {stage} of {token}."


def _archive_frame(frame: Frame, answers: Callable[[str, str], str], question: Callable[[str], str]) -> dict[str, Any]:
    token = frame.sample_token
    scene, intent, action = (answers(token, stage) for stage in ("scene", "intent", "action"))
    speeds, curvatures = frame.history.actions.T.tolist()
    motion = f"speeds {speeds} and curvatures {curvatures}"
    return {
        "frame_index": frame.frame_index,
        "sample_token": token,
        "image_name": Path(frame.image).name,
        "timestamp": frame.timestamp,
        "camera_params": {
            "rotation": frame.camera.rotation.tolist(),
            "translation": frame.camera.translation.tolist(),
            "camera_intrinsic": frame.camera.intrinsic.tolist(),
        },
        "ego_info": {
            "position": [0.0, 0.0],
            "heading": 0.0,
            "obs_positions": frame.history.positions.tolist(),
            "obs_actions": frame.history.actions.tolist(),
            "gt_positions": frame.future.tolist(),
        },
        "inference": {
            "scene_prompt": question(token),
            "scene_description": scene,
            "intent_prompt": f"Ahead is this: {scene} So far {motion}. What now?",
            "driving_intent": intent,
            "waypoint_prompt": f"Ahead is this: {scene} You want: {intent} So far {motion}. Six pairs!",
            "pred_actions_str": action,
        },
        "token_usage": {
            key: {"input": 100, "output": 20} for key in ("scene_prompt", "intent_prompt", "waypoint_prompt")
        },
        "time_usage": {"scene_prompt": 1.0, "intent_prompt": 2.0, "waypoint_prompt": 3.0},
    }


def run_at(place: str | Path) -> Path:
    """The folder of a run that a command wrote: ``results/<data>/<run>`` for ``results/<run>``."""
    found = find_run(Path(place))
    assert found is not None, f"no run {place}"
    return found


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    status: int
    out: str
    err: str


Cli = Callable[..., Ended]


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """The command line in this process: arguments to status and output."""
    from lightemma.cli import main

    def call(*arguments: object) -> Ended:
        monkeypatch.setattr(sys, "argv", ["lightemma", *map(str, arguments)])
        capsys.readouterr()
        status: object = 0
        try:
            main()
        except SystemExit as end:
            status = end.code or 0
        assert isinstance(status, int)
        out, err = capsys.readouterr()
        return Ended(status, out, err)

    return call


@pytest.fixture(autouse=True)
def nothing_is_left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Tests run in any order: forgets the modules that one wrote and imported, and the environment that it changed."""
    modules, environment = set(sys.modules), _environment()
    yield
    written = str(tmp_path_factory.getbasetemp())
    for name in sys.modules.keys() - modules:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(written):
            del sys.modules[name]
    for name in _environment().keys() - environment.keys():
        del os.environ[name]
    os.environ.update(environment)


def _environment() -> dict[str, str]:
    """The environment without what pytest keeps in it, which changes within a test."""
    return {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}


@pytest.fixture(scope="session")
def published_results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two of the published runs, imported once for all tests; skips where the archives are absent."""
    archives = [PUBLISHED / f"{model}.zip" for model in IMPORTED]
    if not all(archive.exists() for archive in archives):
        pytest.skip(f"{PUBLISHED} is absent")
    folder = tmp_path_factory.mktemp("published") / "results"
    command_line("import", *archives, "--out", folder)
    return folder / "published"


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, so that relative paths and configs/ are the test's own."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder
