"""The evaluation judges plans over recorded drives in the same way as the simulation, which has the true state."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lightemma.data.annotations import AnnotationIndex
from lightemma.data.drivable import DrivableMaps
from lightemma.data.nuscenes import NuScenesSource
from lightemma.evaluation.metrics.agents_around import planned_poses
from lightemma.evaluation.metrics.plan_safety import SafetyJudge
from lightemma.evaluation.scene_context import SceneContext
from lightemma.frame import FloatArray, Pose
from lightemma.kinematics import hold_last_action
from lightemma.protocol import LIGHTEMMA
from lightemma.simulation.dataset.drives import Drive
from lightemma.simulation.dataset.expert_drive import record
from lightemma.simulation.dataset.recording import GAP, Recording
from lightemma.simulation.dataset.writer import DatasetWriter, Layout
from lightemma.simulation.geometry import Area, box_corners, box_meets
from lightemma.simulation.state import EGO_CENTRE_AHEAD, EGO_LENGTH, EGO_WIDTH
from tests.conftest import steady
from tests.evaluation.surroundings_kit import run_of
from tests.simulation.made_up_drive import Plain

#: Plans from careful to reckless, straight on and off to both sides, and the drive that each is judged on: with traffic ahead,
#: people on the road, obstacles next to it, and in left-hand traffic.
PLANS = {
    "held": (None, Drive("left-turn", 2, left_hand=True)),
    "slow": (steady(3.0), Drive("stopped-queue", 1)),
    "regardless": (steady(14.0), Drive("pedestrian-crossing", 1)),
    "off to the left": (steady(8.0, 0.06), Drive("roadworks-narrowing", 1)),
    "off to the right": (steady(8.0, -0.06), Drive("left-turn", 2, left_hand=True)),
}
#: Metres within which noise of poses, interpolation and different sampling times may decide.
MARGIN = 0.25


@pytest.fixture(scope="module")
def recordings() -> list[Recording]:
    drives = {drive.name: drive for _, drive in PLANS.values()}
    return [record(drive, sweeps=True) for drive in drives.values()]


@pytest.fixture(scope="module")
def root(tmp_path_factory, recordings):
    folder = tmp_path_factory.mktemp("city")
    writer = DatasetWriter(folder, Layout(size=(160, 90), renderer="plain"))
    for recording in recordings:
        writer.write(recording, Plain())
    return folder


def in_world(pose: Pose, plan: FloatArray) -> FloatArray:
    cos, sin = np.cos(pose.heading), np.sin(pose.heading)
    return np.column_stack(
        [
            pose.x + plan[:, 0] * cos - plan[:, 1] * sin,
            pose.y + plan[:, 0] * sin + plan[:, 1] * cos,
            pose.heading + plan[:, 2],
        ]
    )


def simulators_contacts(recording: Recording, key_frame: int, plan: FloatArray, margin: float) -> bool:
    """Whether the ego's box, enlarged by ``margin`` metres, touches a true box of another at any look within the plan."""
    now = recording.key_frames[key_frame]
    places = in_world(now.pose, plan)
    for look in recording.looks:
        seconds = (look.timestamp - now.timestamp) / 1e6
        if not 0.05 < seconds <= 3.02:
            continue
        step = min(seconds / GAP, 6.0)
        before = min(int(step), 5)
        x, y, heading = (places[before] + (places[before + 1] - places[before]) * (step - before)).tolist()
        middle = (x + EGO_CENTRE_AHEAD * math.cos(heading), y + EGO_CENTRE_AHEAD * math.sin(heading))
        own = [*middle, heading, EGO_LENGTH + 2 * margin, EGO_WIDTH + 2 * margin]
        for actor in look.state.actors:
            if abs(actor.pose.x - middle[0]) > 12.0 or abs(actor.pose.y - middle[1]) > 12.0:
                continue
            other = [actor.pose.x, actor.pose.y, actor.pose.heading, actor.length, actor.width]
            if box_meets(own, other):
                return True
    return False


def leaves_the_road(recording: Recording, key_frame: int, plan: FloatArray, margin: float) -> list[bool]:
    """Per step, whether a corner of the box, enlarged by ``margin`` metres, is off the carriageway."""
    area = Area(recording.city.drivable)
    found = []
    for x, y, heading in in_world(recording.key_frames[key_frame].pose, plan)[1:]:
        middle = (x + EGO_CENTRE_AHEAD * np.cos(heading), y + EGO_CENTRE_AHEAD * np.sin(heading))
        corners = box_corners(*middle, heading, EGO_LENGTH + 2 * margin, EGO_WIDTH + 2 * margin)
        found.append(not area.contains(corners).all())
    return found


@pytest.mark.parametrize("name", PLANS)
def test_collisions_and_road_are_judged_the_same_on_every_frame(root, recordings, name):
    source = NuScenesSource(root, "v1.0-sim")
    index, maps = AnnotationIndex.load(root, "v1.0-sim"), DrivableMaps(root, "v1.0-sim")
    plan, drive = PLANS[name]
    frames = list(source.scene_frames(drive.name))
    plans = [hold_last_action(frame.history.actions) if plan is None else plan for frame in frames]
    run = run_of(name, frames, plans)
    scene = SafetyJudge(run.scenes, run.tokens, SceneContext(agents=index.surroundings, maps=maps.of))
    found = scene.judge_run(run)
    poses = planned_poses(run.trajectory, run.actions, LIGHTEMMA)
    by_name = {recording.drive.name: recording for recording in recordings}
    hits = sure = doubtful = 0
    for row, frame in enumerate(frames):
        recording, key_frame = by_name[frame.scene], frame.frame_index + LIGHTEMMA.history_positions - 1
        least, most = (simulators_contacts(recording, key_frame, poses[row], by) for by in (-MARGIN, MARGIN))
        verdict = bool(found.hits["exact"][row].max())
        assert least <= verdict <= most, f"{frame.scene} #{frame.frame_index}: {least} {verdict} {most}"
        hits, sure, doubtful = hits + verdict, sure + (least == most), doubtful + (least != most)
        off_least, off_most = (leaves_the_road(recording, key_frame, poses[row], by) for by in (-0.05, 0.05))
        for step, (surely, perhaps) in enumerate(zip(off_least, off_most, strict=True)):
            judged = found.off_road[row, step]
            if not np.isnan(judged) and not scene.ground.judge(scene.around.ego).off_road[row, step]:
                assert surely <= bool(judged) <= perhaps, f"{frame.scene} #{frame.frame_index} step {step + 1}"
    assert doubtful < 0.15 * len(frames)
    if name == "regardless":
        assert hits > 0.1 * len(frames)  # or nothing was put to the test
    if name.startswith("off"):
        assert np.nanmean(found.off_road.max(axis=1)) > 0.3
