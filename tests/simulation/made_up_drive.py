"""A recording of a short drive through the hand-made city, and a fake renderer, for tests without the simulation."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from lightemma.frame import Camera, Pose
from lightemma.simulation.dataset.drives import Drive
from lightemma.simulation.dataset.recording import GAP, Note, Recording, camera_looks
from lightemma.simulation.render import Renderer
from lightemma.simulation.state import EgoState, WorldState
from tests.simulation.made_up_city import made_up_city, made_up_state

KEY_FRAMES = 4
SPEED = 6.0


def made_up_states(seconds: float) -> list[WorldState]:
    """States at 20 Hz: the ego at 6 m/s, other actors at constant speeds."""
    first = made_up_state(time=0.0)
    states = []
    for step in range(round(seconds * 20) + 1):
        time = step / 20
        actors = tuple(
            replace(
                actor,
                pose=Pose(
                    actor.pose.x + actor.speed * time * math.cos(actor.pose.heading),
                    actor.pose.y + actor.speed * time * math.sin(actor.pose.heading),
                    actor.pose.heading,
                ),
            )
            for actor in first.actors
            # One comes late, one leaves early: annotations need not cover the whole scene.
            if not (actor.number == 8 and time < 0.7) and not (actor.number == 9 and time > 1.2)
        )
        ego = EgoState(Pose(SPEED * time, -1.75, 0.0), SPEED, 0.0)
        states.append(WorldState(time, ego, actors, first.signals))
    return states


def made_up_recording(
    name: str = "made-up", seed: int = 0, key_frames: int = KEY_FRAMES, sweeps: bool = False, **conditions: str
) -> Recording:
    drive = Drive(name, seed, **conditions)
    looks = camera_looks(drive, made_up_states(key_frames * GAP), key_frames, sweeps)
    note = Note(
        {"scene": "A street.", "intent": "Goes on.", "reason": "Nothing is in the way."}, np.full((6, 2), SPEED)
    )
    return Recording(
        drive, "Drives along a street", "Go on", made_up_city(drive.conditions), tuple(looks), (note,) * key_frames
    )


class Plain(Renderer):
    """Draws a picture of one colour that the seed decides, with a white line through it."""

    name = "plain"

    def __init__(self) -> None:
        self.loaded: list[str] = []
        self.drawn = 0

    @property
    def details(self) -> dict[str, str]:
        return {"version": "1"}

    def load(self, city) -> None:
        self.loaded.append(city.name)

    def draw(self, state: WorldState, camera: Camera, size: tuple[int, int], seed: int) -> np.ndarray:
        assert self.loaded
        self.drawn += 1
        picture = np.full((size[1], size[0], 3), seed % 200, dtype=np.uint8)
        picture[size[1] // 2] = 255
        return picture

    def close(self) -> None:
        self.loaded.clear()
