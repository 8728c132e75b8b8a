"""A planted driver that sees is measured as what the simulator shows it from the turned car; one that is blind, as nothing."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from PIL import Image

from lightemma.data.pictures import PicturePolicy
from lightemma.evaluation.scores import RunScores, score
from lightemma.evaluation.study import make_study
from lightemma.evaluation.tables.probes import Probes
from lightemma.frame import Camera, Frame
from lightemma.planners.base import Planner, PlannerSettings
from lightemma.probes.base import Untouched
from lightemma.probes.geometry import common_window, cropped_camera, turned
from lightemma.probes.registry import chosen_probes
from lightemma.probes.yaw import TURNS
from lightemma.run_folder.probe_entry import Law, ProbeEntry
from lightemma.sessions.probed_frames import probed_set
from lightemma.sessions.views import load_view
from lightemma.simulation.dataset.drives import Drive
from lightemma.simulation.dataset.expert_drive import record
from lightemma.simulation.render import make_renderer
from lightemma.simulation.render.pinhole import front_camera
from tests.conftest import make_frame, make_manifest, make_record, steady
from tests.plugins.planted_drivers import PlantedDriver

SIZE = (480, 270)
CAMERA = front_camera(SIZE)
LAW = Law("It turns back.", "turns", 0.5)

pytestmark = pytest.mark.pictures


def turned_car(degrees: float) -> Camera:
    """The camera of a car that is turned about the camera's place."""
    half = math.radians(degrees) / 2
    w, x, y, z = CAMERA.rotation.tolist()
    cos, sin = math.cos(half), math.sin(half)
    return replace(
        CAMERA, rotation=np.array([cos * w - sin * z, cos * x - sin * y, cos * y + sin * x, cos * z + sin * w])
    )


@pytest.fixture(scope="module")
def seen(tmp_path_factory) -> Mapping[float, list[Frame]]:
    """Degrees -> a frame of a straight road, drawn from the car turned by so much and cropped as the probe crops."""
    folder, found = tmp_path_factory.mktemp("seen"), {degrees: list[Frame]() for degrees in (0.0, *TURNS.values())}
    window = common_window([turned(CAMERA, math.radians(degrees)) for degrees in TURNS.values()], CAMERA)
    with make_renderer("painter") as renderer:
        drive = record(Drive("cruise", 1), key_frames=10)
        renderer.load(drive.city)
        for degrees, frames in found.items():
            pixels = renderer.draw(drive.looks[8].state, turned_car(degrees), SIZE, seed=1)
            if degrees:
                right, bottom = window.left + window.size[0], window.top + window.size[1]
                pixels = pixels[window.top : bottom, window.left : right]
            path = folder / f"{degrees}.png"
            Image.fromarray(pixels).save(path)
            camera = cropped_camera(CAMERA, window) if degrees else CAMERA
            frame = make_frame("road", history=steady(5.0, 0.004), image_path=path)
            frames.append(replace(frame, camera=camera))
    return found


def planned(planner: Planner, frames: list[Frame], name: str, probe: ProbeEntry | None = None, amount: float = 0.0):
    """A run of a planner in this process."""
    policy = PicturePolicy()
    plans = [asyncio.run(planner.plan(frame, load_view(frame, 1, policy), {})) for frame in frames]
    manifest = make_manifest(name, frames, planner="planted-driver", probe=probe)
    records = [make_record(frame, plan.actions) for frame, plan in zip(frames, plans, strict=True)]
    return score(name, manifest, [msgspec.structs.replace(one, probe_amount=amount) for one in records])


def effects(planner: Planner, seen: Mapping[float, list[Frame]]) -> Mapping[str, float]:
    """Of the probes mirror and yaw, and of yaw as the simulator draws it."""
    frames = seen[0.0]
    runs: list[RunScores] = [planned(planner, frames, "it")]
    for probe in chosen_probes(["mirror", "yaw"]):
        changed = probed_set(probe, Untouched(frames))
        entry = ProbeEntry(probe.label, probe.name, "it", probe.law)
        amount = changed.amounts.get(frames[0].sample_token, 0.0)
        runs.append(planned(planner, list(changed.frames), f"it+{probe.label}", entry, amount))
    for name, degrees in TURNS.items():
        entry = ProbeEntry(f"truth-{name}", "truth", "it", LAW)
        runs.append(planned(planner, seen[degrees], f"it+truth-{name}", entry, math.radians(degrees)))
    rows = Probes().build(make_study(runs, resamples=200))
    return {row.probe: row.effect for row in rows if row.part == "all"}


def made(**options: object) -> Planner:
    return PlantedDriver(PlannerSettings(options=options))


def test_one_that_sees_turns_back_as_before_the_simulator_s_own_pictures(seen):
    found = effects(made(), seen)
    assert found["truth"] == pytest.approx(-1.0, abs=0.05)
    assert found["yaw"] == pytest.approx(found["truth"], abs=0.05)
    assert found["mirror"] < 0.05


def test_one_that_is_blind_does_exactly_nothing(seen):
    found = effects(made(sees=False), seen)
    assert (found["yaw"], found["truth"], found["mirror"]) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        ({"gain": 2.0}, lambda found: found["yaw"] == pytest.approx(-2.0, abs=0.1) and found["mirror"] < 0.05),
        ({"leans": 0.05}, lambda found: found["yaw"] == pytest.approx(-1.0, abs=0.05) and found["mirror"] > 0.2),
    ],
    ids=["overdoes", "leans"],
)
def test_a_planted_fault_shows_in_its_own_column(seen, options, wrong: Callable[[Mapping[str, float]], bool]):
    found = effects(made(**options), seen)
    assert wrong(found), found
