"""A navigation command in the closed loop: from the route, never from the future; refused where a world has none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml
from msgspec import UNSET

from lightemma.closed_loop.set_up import open_drives
from lightemma.closed_loop.worlds.city_command import route_command
from lightemma.errors import UserError
from lightemma.prompts.inputs import said_command
from lightemma.run_folder.store import read_frames, read_manifest
from lightemma.sessions.benchmark import Benchmark
from lightemma.simulation.scenarios import make_world
from tests.conftest import STEADY_TEXT

COMMANDS = {
    ("left-turn", False): "left",
    ("left-turn", True): "left",
    ("right-turn", True): "right",
    ("straight-on", False): "straight",
    ("t-junction-left", False): "left",
    ("t-junction-right", True): "right",
    ("two-lanes-straight", False): "straight",
    ("bend", False): "follow",
    ("bend", True): "follow",
}


@pytest.mark.parametrize(("scenario", "left_hand"), COMMANDS)
def test_the_route_announces_its_junction_and_counts_down_to_it(scenario, left_hand):
    city = make_world(scenario, 3, left_hand=left_hand)
    network, route = city.setup.streets.network, city.route
    said = [route_command(network, route, route.path.pose(at)) for at in np.arange(0.0, city.setup.goal, 2.0)]
    wanted = COMMANDS[scenario, left_hand]
    assert said[-1][0] == "follow"
    assert {name for name, _ in said} == {wanted, "follow"}
    metres = [metres for name, metres in said if name == wanted]
    if wanted != "follow":
        assert metres[0] > 45.0
        assert metres[-1] == 0.0
        assert metres == sorted(metres, reverse=True)
    assert all((metres is None) == (name == "follow") for name, metres in said)


def test_left_right_and_straight_are_commands_at_one_place():
    one = {name: make_world(name, 5) for name in ("left-turn", "right-turn", "straight-on")}
    starts = {(city.ego.pose.x, city.ego.pose.y, city.ego.pose.heading) for city in one.values()}
    said = [route_command(city.setup.streets.network, city.route, city.route.path.pose(180.0)) for city in one.values()]
    assert len(starts) == 1
    assert len({metres for _, metres in said}) == 1
    assert [command for command, _ in said] == ["left", "right", "straight"]


@pytest.mark.parametrize(
    ("command", "metres", "said"),
    [
        ("left", None, "left"),
        ("straight", 23.4, "straight on in 23 m"),
        ("right", 0.0, "right here"),
        ("follow", None, "follow the road"),
        ("u-turn", 8.0, "u-turn in 8 m"),
    ],
)
def test_a_command_is_said_with_its_metres(command, metres, said):
    assert said_command(command, metres) == said


def benchmark(folder: Path, world: dict[str, object], **inputs: object) -> Benchmark:
    path = folder / "m.yaml"
    options = {"answers": {"action": [STEADY_TEXT]}, "repeat": True}
    path.write_text(yaml.safe_dump({"name": "m", "provider": "scripted", "model": "m", "options": options}))
    planners = ["single-call"]
    given = {"planners": planners, "planner_options": {"reasoning": False}, "models": [str(path)], "inputs": inputs}
    return Benchmark.model_validate({"world": world, **given})


def test_a_drive_in_the_city_is_told_where_its_route_goes(tmp_path):
    world = {"scenarios": ["light-stays-red"], "seeds": [3], "draw": False}
    session, _ = open_drives(benchmark(tmp_path, world, command=True), tmp_path / "r", workers=0)
    session.run()
    (job,) = session.jobs
    folder = tmp_path / "r" / job.name
    inputs = read_manifest(folder).inputs
    assert (inputs.command, inputs.leaks_future) == ("route", False)
    frames = read_frames(folder)
    for frame in frames:
        metres = None if frame.command_m is UNSET else frame.command_m
        assert f"(a navigation command): {said_command(frame.command, metres)}." in frame.calls[0].prompt
    assert any(frame.command == "straight" and frame.command_m < 30.0 for frame in frames)


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
