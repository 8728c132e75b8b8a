"""Controls that know the truth: what a world says can be seen, and nothing that is hidden."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace

import pytest
import yaml

from lightemma.experts.base import Question
from lightemma.experts.executor import Scene, question_of
from lightemma.experts.oracle_lane import OracleLane
from lightemma.experts.oracle_light import OracleLight
from lightemma.experts.oracle_road_users import OracleRoadUsers
from lightemma.experts.task_plan import Task
from lightemma.observed_facts import ObservedFacts, PrivilegedFacts, SeenLane, SeenLeader, SeenLight, SeenThing
from lightemma.run_folder.store import read_frames
from tests.conftest import STEADY_TEXT, make_frame
from tests.plugins.straight_world import LENGTH, StraightRoad, StraightWorld


def thing(number, kind, ahead, aside, speed):
    box = (ahead + 3.4 + 2.0, aside, 0.8, 4.0, 1.8, 1.6, 0.0)
    return SeenThing(
        number=number, kind=kind, box_2d=(0, 0, 9, 9), box_3d=box, distance=ahead, speed=speed, visible_share=1.0
    )


FACTS = ObservedFacts(
    things=(thing(1, "pedestrian", 6.0, 4.0, 0.0), thing(2, "car", 14.0, 0.2, 3.0)),
    light=SeenLight(colour="red", box_2d=(0, 0, 9, 9), distance=31.0, visible_share=1.0),
    stop_line=24.0,
    lane=SeenLane(offset=-0.4, heading_error=0.02, curvatures=(0.0, 0.01, 0.01, 0.02, None, None)),
    leader=SeenLeader(number=2, gap=13.6, speed=3.0),
    privileged=PrivilegedFacts(goal=100.0),
)


def test_oracles_say_what_the_facts_say():
    question = Question(make_frame(), facts=FACTS)
    users, light, lane = (one.look(question) for one in (OracleRoadUsers(), OracleLight(), OracleLane()))
    assert users.words == (
        "Ahead: car 14 m ahead in our lane, moving at 3.0 m/s; pedestrian 6 m ahead 4 m to the left, standing."
    )
    assert users.numbers == {"lead_distance_m": 13.6, "lead_speed_mps": 3.0}
    assert light.words == "The traffic light of our lane is red, 31 m ahead. The line to stop at is 24 m ahead."
    assert lane.words == (
        "Our car is 0.4 m to the right of the lane's middle and points 1° to the left of it. Ahead it is: straight at 5 m, "
        "bending left (radius 100 m) at 15 m."
    )
    assert lane.numbers["lane_curvature_1pm"] == 0.01


def test_where_nothing_is_seen_they_say_so():
    question = Question(make_frame(), facts=ObservedFacts())
    said = [one.look(question).words for one in (OracleRoadUsers(), OracleLight(), OracleLane())]
    assert said == [
        "No road user is seen within 60 m ahead.",
        "No traffic light of our lane is seen.",
        "Our lane is not seen.",
    ]


@pytest.mark.parametrize("oracle", [OracleLight(), OracleLane(), OracleRoadUsers()])
def test_without_the_truth_they_fail(oracle):
    with pytest.raises(ValueError, match="not known"):
        oracle.look(Question(make_frame()))


def test_no_oracle_is_told_what_is_hidden():
    asked = question_of(Task(1, "own-light"), OracleLight().card, Scene(make_frame(), facts=FACTS), {})
    assert asked.facts == FACTS.visible()
    assert asked.facts.privileged is None


def drive(cli, tmp_path, *more):
    answers = {"scene": ["A road."], "intent": ["Continue."], "action": [STEADY_TEXT]}
    model = {"name": "m", "provider": "scripted", "model": "m", "options": {"answers": answers, "repeat": True}}
    (tmp_path / "m.yaml").write_text(yaml.safe_dump(model))
    option = ("--planner", "expert-tools", "--planner-option", "tools=oracle")
    return cli(
        "drive", *option, "--model", tmp_path / "m.yaml", "--no-draw", "--seeds", "1", "--out", tmp_path / "r", *more
    )


class LitRoad(StraightRoad):
    """With a red light at its end."""

    def __init__(self, spec, rules, pictures):
        super().__init__(spec, rules, pictures)
        self._tells = rules.facts

    def observe(self):
        light = SeenLight(colour="red", box_2d=(0, 0, 9, 9), distance=LENGTH - self._x, visible_share=1.0)
        facts = ObservedFacts(light=light, privileged=PrivilegedFacts(goal=1.0)) if self._tells else None
        return replace(super().observe(), facts=facts)


class LitWorld(StraightWorld):
    """Tells what can be seen."""

    def open(self, spec, rules, *, pictures):
        return LitRoad(spec, rules, pictures)


def test_in_a_world_oracles_tell_what_can_be_seen(cli, tmp_path):
    done = drive(cli, tmp_path, "--world", f"{__name__}:LitWorld", "--replan", "6")
    assert done.status == 0, done.err
    (folder,) = (tmp_path / "r").glob("*/drive-m*")
    frames = read_frames(folder)
    tasks = [{task.expert: task for task in frame.tools.tasks} for frame in frames]
    far = [one["oracle-light"].numbers["light_distance_m"] for one in tasks]
    assert (len(far) > 2, far[0]) == (True, LENGTH)
    # Three seconds at 5 m/s between two decisions.
    assert [before - after for before, after in itertools.pairwise(far)] == pytest.approx(
        [15.0] * (len(far) - 1), abs=0.2
    )
    assert all("is red" in frame.calls[0].prompt and "is red" not in frame.calls[2].prompt for frame in frames)
    assert {one["oracle-lane"].words for one in tasks} == {"Our lane is not seen."}
    assert json.loads((folder / "manifest.json").read_text())["inputs"]["experts"] == "oracle"


def test_a_world_that_cannot_say_is_refused(cli, tmp_path):
    done = drive(cli, tmp_path, "--world", "tests.plugins.straight_world:StraightWorld")
    assert done.status == 2
    assert "does not say what can be seen" in done.err
