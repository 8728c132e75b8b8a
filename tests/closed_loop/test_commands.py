"""A navigation command in the closed loop: from the route, never from the future; refused where a world has none."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import yaml

from lightemma.closed_loop.set_up import open_drives
from lightemma.closed_loop.worlds.city_command import route_command
from lightemma.errors import UserError
from lightemma.frame import Pose
from lightemma.run_folder.store import read_frames, read_manifest
from lightemma.sessions.benchmark import Benchmark
from lightemma.simulation.geometry import Path as Route
from tests.conftest import STEADY_TEXT


@pytest.mark.parametrize(
    ("turn", "at", "command"),
    [(90, 0.0, "left"), (-90, 0.0, "right"), (25, 0.0, "straight"), (90, 60.0, "straight"), (-90, 10.0, "right")],
)
def test_the_route_says_where_it_turns_within_forty_metres(turn, at, command):
    angle = math.radians(turn)
    arc = abs(angle) * 10.0
    route = Route.from_pieces(Pose(0.0, 0.0, 0.0), [(25.0, 0.0), (arc, angle / arc), (80.0, 0.0)])
    assert route_command(route, route.pose(at)) == command


def benchmark(folder: Path, world: dict[str, object], **inputs: object) -> Benchmark:
    path = folder / "m.yaml"
    options = {"answers": {"action": [STEADY_TEXT]}, "repeat": True}
    path.write_text(yaml.safe_dump({"name": "m", "provider": "scripted", "model": "m", "options": options}))
    planners = ["single-call"]
    given = {"planners": planners, "planner_options": {"reasoning": False}, "models": [str(path)], "inputs": inputs}
    return Benchmark.model_validate({"world": world, **given})


def test_a_drive_in_the_city_is_told_where_its_route_goes(tmp_path):
    world = {"scenarios": ["cruise"], "seeds": [1], "draw": False}
    session, _ = open_drives(benchmark(tmp_path, world, command=True), tmp_path / "r", workers=0)
    session.run()
    (job,) = session.jobs
    folder = tmp_path / "r" / job.name
    inputs = read_manifest(folder).inputs
    assert (inputs.command, inputs.leaks_future) == ("route", False)
    frames = read_frames(folder)
    assert {frame.command for frame in frames} <= {"left", "right", "straight"}
    assert all("(a navigation command): " in frame.calls[0].prompt for frame in frames)


def test_a_world_without_a_route_refuses_a_command(tmp_path):
    world = {"name": "tests.plugins.straight_world:StraightWorld", "draw": False, "seeds": [1]}
    session, _ = open_drives(benchmark(tmp_path, world, command=True), tmp_path / "r", workers=0)
    with pytest.raises(UserError, match="has no route that says where to go next; leave `command` out"):
        session.run()


@pytest.mark.parametrize(
    ("inputs", "said"), [({"cameras": "all6"}, "front camera only"), ({"few_shot": 1}, "examples from")]
)
def test_what_worlds_do_not_have_is_refused_at_once(inputs, said, tmp_path):
    with pytest.raises(UserError, match=said):
        open_drives(benchmark(tmp_path, {"scenarios": ["cruise"], "draw": False}, **inputs), tmp_path / "r", workers=0)
