"""Replays: one small file per episode, also those of version 0.1."""

from __future__ import annotations

import math
from pathlib import Path

import msgspec
import numpy as np
import pytest

from lightemma.agents import KINDS
from lightemma.camera import CameraEntry
from lightemma.closed_loop.driven_source import DrivenSource
from lightemma.closed_loop.plan_follower import PlanFollower
from lightemma.closed_loop.records import EPISODES, read_episodes
from lightemma.closed_loop.replay import (
    ActorEntry,
    Replay,
    ReplayStep,
    read_replay,
    replay_path,
    write_replay,
)
from lightemma.closed_loop.replay_agents import pose_at, surroundings_at
from lightemma.closed_loop.set_up import open_drives
from lightemma.closed_loop.spec import EpisodeSpec, LoopRules
from lightemma.closed_loop.worlds.city import CityFactory
from lightemma.comparing.context import context_of
from lightemma.errors import UserError
from lightemma.run_folder.store import read_frames
from lightemma.sessions.benchmark import Benchmark, WorldSettings
from lightemma.simulation.render import front_camera


def step(time: float, *actors: tuple[int, float, float, float, float], x: float = 0.0, heading: float = 0.0):
    return ReplayStep(time, (x, 0.0, heading, 5.0, 0.0), list(actors), [(0, "red")])


#: Straight on at 5 m/s; actor 1 stands, actor 2 is missing from 1 to 2.5 s, 3 is of a kind that only its world knows.
REPLAY = Replay(
    [ActorEntry(1, "car", 4.0, 2.0), ActorEntry(2, "pedestrian", 0.5, 0.6), ActorEntry(3, "moose", 2.0, 1.0)],
    [
        step(
            time,
            (1, 30.0, 4.0, 3.1, 0.0),
            *([] if 1.0 <= time < 2.5 else [(2, 10.0, time, 1.57, 1.0)]),
            (3, 20.0, -2.0 * time, -3.1 if time % 1.0 else 3.1, 2.0),
            x=5.0 * time,
        )
        for time in np.arange(0.0, 4.5, 0.5).tolist()
    ],
    CameraEntry.of(front_camera((800, 450))),
)


def test_what_is_written_is_read_and_is_small(tmp_path):
    write_replay(tmp_path, "a.day.000", REPLAY)
    assert read_replay(tmp_path, "a.day.000") == REPLAY
    first = replay_path(tmp_path, "a.day.000").read_bytes()
    write_replay(tmp_path, "a.day.000", REPLAY)
    assert replay_path(tmp_path, "a.day.000").read_bytes() == first
    assert len(first) < len(msgspec.json.encode(REPLAY)) / 2
    assert [path.name for path in replay_path(tmp_path, "x").parent.iterdir()] == ["a.day.000.json.gz"]
    assert read_replay(tmp_path, "b.day.000") is None


@pytest.mark.parametrize("damage", [lambda data: data[:-20], lambda data: b"no gzip", lambda data: b""])
def test_a_damaged_replay_is_one_sentence(tmp_path, damage):
    write_replay(tmp_path, "a", REPLAY)
    path = replay_path(tmp_path, "a")
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(UserError, match="is damaged"):
        read_replay(tmp_path, "a")


OLD_LINE = (
    '{"name":"%s","scenario":"cruise","seed":0,"conditions":"day","left_hand":false,"decisions":2,"missing":0,'
    '"failed_calls":0,"verdict":{"end":"goal","time_s":1.0,"progress":1.0,"crashes":[{"time":0.5,"struck":"thing",'
    '"at_fault":false}],"red_lights":0,"off_road":false,"wrong_side":0,"min_ttc_s":null,"harsh_s":0.0,"standing_s":0.0},'
    '"score":{"progress":1.0,"collision":1.0,"red_light":1.0,"off_road":1.0,"side":1.0,"ttc":1.0,"comfort":1.0,'
    '"score":100.0,"success":true},"actors":[[1,"car",4.4,1.82]],"trace":[[0.0,[84.063,-108.403,-2.3262,%s,0.0],'
    '[[1,22.32,-173.961,-2.3262,11.533]],[[0,"green"]]]]}\n'
)


def test_files_of_version_0_1_are_read(tmp_path):
    lines = [OLD_LINE % ("a.day.000", 5.0), OLD_LINE % ("a.day.001", 6.0), '{"name":"a.day.002","sc']
    (tmp_path / EPISODES).write_text("".join(lines))
    one, two = read_episodes(tmp_path)
    assert (one.name, one.outcome.end, one.score.score) == ("a.day.000", "goal", 100.0)
    assert [crash.struck for crash in two.outcome.crashes] == ["thing"]
    replay = read_replay(tmp_path, "a.day.001")
    assert replay.actors == [ActorEntry(1, "car", 4.4, 1.82)]
    assert replay.steps == [
        ReplayStep(0.0, (84.063, -108.403, -2.3262, 6.0, 0.0), [(1, 22.32, -173.961, -2.3262, 11.533)], [(0, "green")])
    ]
    assert replay.camera is None
    assert read_replay(tmp_path, "a.day.002") is None


def test_agents_are_where_the_replay_has_them():
    around = surroundings_at(REPLAY, 0.25)
    assert pose_at(REPLAY, 0.25).x == pytest.approx(1.25)
    agents = around.agents
    assert agents.centres[0, 0] == pytest.approx((28.75, 4.0))
    assert [KINDS[kind] for kind in agents.kinds] == ["vehicle", "pedestrian", "other"]
    assert list(agents.categories) == ["vehicle.car", "human.pedestrian.adult", "moose"]
    # Missing between 0.5 and 2.5 s; times are 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3.25.
    assert agents.valid[1].tolist() == [True, False, False, False, False, True, True]
    assert agents.valid[0].all()
    # Headings turn the short way, over the jump at pi.
    assert np.abs(np.cos(agents.yaws[2]) + 1.0).max() < 0.01
    assert around.ego[:, 0] == pytest.approx(5.0 * np.arange(0.0, 3.5, 0.5))
    # The replay ends at 4 s.
    late = surroundings_at(REPLAY, 3.0).agents
    assert late.valid[0].tolist() == [True, True, True, False, False, False, False]


def test_the_replay_of_a_drive_agrees_with_the_world(tmp_path: Path):
    world = WorldSettings(scenarios=["left-turn"], seeds=1)
    drives, _ = open_drives(Benchmark(world=world, planners=["expert"]), tmp_path, workers=0)
    drives.run()
    folder = tmp_path / "drive-expert"
    assert (folder / EPISODES).stat().st_size < 1500, "the line has only numbers"
    source = DrivenSource(folder)
    frames = source.scene_frames("left-turn.day.000")
    records = read_frames(folder)
    world = CityFactory().open(EpisodeSpec("left-turn", 0), LoopRules(), pictures=False)
    look = source.agents()
    for frame, record in zip(frames[:12], records[:12], strict=True):
        state = world.simulation.state()
        assert (frame.pose.x, frame.pose.y) == pytest.approx((state.ego.pose.x, state.ego.pose.y), abs=2e-3)
        agents = look(record.scene, record.sample_token).agents
        here = agents.valid[:, 0]
        assert here.sum() == len(state.actors)
        cos, sin = math.cos(frame.pose.heading), math.sin(frame.pose.heading)
        moved = [(one.pose.x - frame.pose.x, one.pose.y - frame.pose.y) for one in state.actors]
        seen = sorted((x * cos + y * sin, y * cos - x * sin) for x, y in moved)
        np.testing.assert_allclose(sorted(map(tuple, agents.centres[here, 0].tolist())), seen, atol=0.02)
        follower = PlanFollower(np.array(record.actions), limits=world.limits)
        for tick in range(10):
            world.step(*follower.command(tick))
    assert look("left-turn.day.000", "no such token") is None
    # What figures and videos use, for any source.
    around = context_of(source).agents
    assert around is not None
    assert len(around(records[0].scene, records[0].sample_token).agents.sizes) >= len(world.actors())
