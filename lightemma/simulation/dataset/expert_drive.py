"""Lets the expert drive a scenario and records it, the warm-up included."""

from __future__ import annotations

from dataclasses import asdict

from lightemma.simulation.dataset.drives import Drive
from lightemma.simulation.dataset.recording import GAP, KEY_FRAMES, Note, Recording, camera_looks
from lightemma.simulation.ego import Limits
from lightemma.simulation.expert import Expert
from lightemma.simulation.explain import explain
from lightemma.simulation.mean_pairs import mean_pairs
from lightemma.simulation.scenarios import make_world
from lightemma.simulation.world import STEP_TIME


def record(drive: Drive, sweeps: bool = False, key_frames: int = KEY_FRAMES, place: str | None = None) -> Recording:
    """Drives and records; after the first pair of each plan the expert plans again.

    The recording begins with the warm-up, so that the first benchmark frame is the first moment of the episode.

    Args:
        drive: what to drive.
        sweeps: whether the camera takes six times as many pictures.
        key_frames: their number; there are two per second.
        place: where the drive's scenario is found, if not by its name (``module:NAME``).

    Raises:
        UserError: if there is no such scenario.
    """
    world = make_world(place or drive.scenario, drive.seed, drive.conditions, drive.left_hand)
    expert = Expert()
    states = [*world.warm_up, world.state()]
    notes: list[Note | None] = [None] * len(world.warm_up)
    while len(notes) < key_frames:
        plan = expert.plan(world)
        pairs = mean_pairs(plan.motion, world.ego.limits or Limits(), world.protocol)
        notes.append(Note(asdict(explain(world, plan)), pairs))
        speed, curvature = plan.actions[0].tolist()
        for _ in range(round(GAP / STEP_TIME)):
            world.step(speed, curvature)
            states.append(world.state())
    return Recording(
        drive,
        world.setup.description,
        world.setup.right_answer,
        world.city,
        tuple(camera_looks(drive, states, key_frames, sweeps)),
        tuple(notes[:key_frames]),
    )
