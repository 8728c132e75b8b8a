"""Lets any driver drive through the city, and records the drive for a data set: states, and the expert's label of each."""

from __future__ import annotations

import asyncio
import tempfile
from collections import deque
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from lightemma.closed_loop.episode import DecisionPoint, Episode
from lightemma.closed_loop.mixture import MIXTURE, parse_mixture
from lightemma.closed_loop.privileged import ExpertDriver, PrivilegedDriver, named_driver
from lightemma.closed_loop.spec import EpisodeSpec, LoopRules
from lightemma.closed_loop.worlds.city import CityFactory
from lightemma.closed_loop.worlds.city_world import CityWorld
from lightemma.errors import UserError, near_names
from lightemma.frame import EarlierPicture, FloatArray, Picture, Pose
from lightemma.label_rows import Steered
from lightemma.planners.base import Planner, View
from lightemma.planners.planning import PlannerRunner
from lightemma.planners.registry import make_planner
from lightemma.planners.registry import planners as known_planners
from lightemma.protocol import LIGHTEMMA
from lightemma.simulation.conditions import conditions_name
from lightemma.simulation.dataset.drives import Drive
from lightemma.simulation.dataset.recording import KEY_FRAMES, Note, Recording, camera_looks
from lightemma.simulation.state import WorldState


@dataclass(frozen=True, slots=True)
class Driving:
    """Who drives.

    Attributes:
        driver: a driver that knows the city, or a planner that asks no model.
        mixture: probability with which the expert steers in its place; None where it never does.
    """

    driver: PrivilegedDriver | Planner
    mixture: float | None = None


def driving_named(text: str) -> Driving:
    """Who drives, by the name that a command line gives.

    Args:
        text: ``expert``, ``noisy-expert``, ``noisy-expert:SIGMA``, ``idm``, ``random`` and the other drivers of the city; a
            planner; or ``mixture:BETA:NAME``, the expert in turns with one of these.

    Raises:
        UserError: if there is no such driver, or it asks a model.
    """
    mixture, name = None, text
    if text.partition(":")[0] == MIXTURE:
        _, _, rest = text.partition(":")
        share, _, name = rest.partition(":")
        mixture = parse_mixture(f"{MIXTURE}:{share}")
        if not name:
            raise UserError(
                f"The driver '{text}' does not say who drives when the expert does not; give {MIXTURE}:{share}:NAME, such as "
                f"{MIXTURE}:{share}:constant-action."
            )
    driver: PrivilegedDriver | Planner | None = named_driver(CityFactory.drivers, name)
    if driver is None:
        if ":" not in name and name not in known_planners():
            raise UserError(
                f"There is no driver '{name}'; {near_names(name, [*CityFactory.drivers, *known_planners()])}"
            )
        driver = make_planner(name)
    needs = driver.needs()
    if needs.models or needs.examples:
        raise UserError(
            f"The driver '{name}' asks a model; let it drive with `lightemma drive --model MODEL --planner {name} "
            "--record-facts --no-early-end`, which keeps pictures and labels too."
        )
    return Driving(driver, mixture)


class _RecordedWorld(CityWorld):
    """A city that keeps the state of every step, and is driven on after its end."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.states: list[WorldState] = [*self.simulation.warm_up, self._state_now()]

    def take_past(self) -> None:
        """Puts the car of the warm-up where its history says: that of a disturbed start is not the one that was driven."""
        poses = np.array([*self.simulation.history_poses, self.simulation.track[-1]])
        speeds = np.hypot(*np.gradient(poses[:, :2], LIGHTEMMA.dt, axis=0).T)
        gains = np.gradient(speeds, LIGHTEMMA.dt)
        for number, (pose, speed, gain) in enumerate(zip(poses[:-1].tolist(), speeds, gains, strict=False)):
            state = self.states[number]
            ego = replace(state.ego, pose=Pose(*pose), speed=float(speed), acceleration=float(gain))
            self.states[number] = replace(state, ego=ego)

    @property
    def over(self) -> bool:
        return False

    def step(self, speed: float, curvature: float) -> None:
        super().step(speed, curvature)
        self.states.append(self._state_now())


class _RecordedFactory(CityFactory):
    world: ClassVar[type[CityWorld]] = _RecordedWorld


class DriveRecorder:
    """Records drives, one after the other; use it as a context manager.

    Args:
        driving: who drives.
        size: of the pictures that a driver that looks is shown.
        renderer: of the same.
        facts: whether what is seen is recorded; it takes three times as long as the drive.
    """

    def __init__(self, driving: Driving, size: tuple[int, int], renderer: str, facts: bool = True) -> None:
        self._driving, self._size, self._renderer, self._facts = driving, size, renderer, facts
        self._factory = _RecordedFactory()

    def __enter__(self) -> DriveRecorder:
        return self

    def __exit__(self, *_: object) -> None:
        self._factory.close()

    def record(
        self, drive: Drive, sweeps: bool = False, key_frames: int = KEY_FRAMES, place: str | None = None
    ) -> Recording:
        """Drives and records; a plan is made every half second.

        The recording begins with the warm-up, so that the first benchmark frame is the first moment of the episode. It goes
        on after faults and after the goal, until it has all its key frames.

        Args:
            drive: what to drive.
            sweeps: whether the camera takes six times as many pictures.
            key_frames: their number; there are two per second.
            place: where the drive's scenario is found, if not by its name (``module:NAME``).

        Raises:
            UserError: if there is no such scenario, or the driver fails.
        """
        options = {"scenario": place} if place and place != drive.scenario else {}
        spec = EpisodeSpec(drive.scenario, drive.seed, conditions_name(drive.conditions), drive.left_hand, options)
        rules = LoopRules(
            size=self._size,
            renderer=self._renderer,
            mixture=self._driving.mixture,
            disturb=drive.disturbed,
            early_end=False,
            facts=self._facts or self._driving.driver.needs().truth,
        )
        world = self._factory.open(spec, rules, pictures=self._driving.driver.needs().pictures > 0)
        assert isinstance(world, _RecordedWorld)
        if drive.disturbed:
            world.take_past()
        try:
            warm_up = len(world.states) - 1
            with tempfile.TemporaryDirectory(prefix="lightemma-") as folder:
                notes = self._drive(spec, rules, world, Path(folder), key_frames - warm_up)
        finally:
            world.close()
        setup = world.simulation.setup
        return Recording(
            drive,
            setup.description,
            setup.right_answer,
            world.simulation.city,
            tuple(camera_looks(drive, world.states, key_frames, sweeps)),
            (*[None] * warm_up, *notes),
        )

    def _drive(self, spec: EpisodeSpec, rules: LoopRules, world: CityWorld, folder: Path, decisions: int) -> list[Note]:
        driver = self._driving.driver
        own = driver.begin(spec) if isinstance(driver, PrivilegedDriver) else None
        episode = Episode(spec, rules, world, folder, own)
        planner = None if own else _Asked(driver)
        notes = []
        point = episode.look()
        for _ in range(decisions):
            note = _note(point, "expert" if isinstance(driver, ExpertDriver) else point.steered)
            notes.append(note if self._facts else replace(note, facts=None))
            point = episode.advance(planner.plan(point) if planner else point.driver_plan)
        return notes


def _note(point: DecisionPoint, steered: Steered) -> Note:
    frame, label = point.frame, point.label
    assert frame is not None
    assert label is not None
    words = None if label.words is None else asdict(label.words)
    return Note(words, label.actions, label.valid, label.reason, steered, frame.command, point.facts)


class _Asked:
    """A planner that is asked decision by decision.

    Args:
        planner: asks no model.
    """

    def __init__(self, planner: Planner) -> None:
        self._planner = planner
        self._runner = PlannerRunner(planner, {})
        self._seen: deque[tuple[EarlierPicture, Picture]] = deque(maxlen=max(planner.needs().pictures - 1, 0))

    def plan(self, point: DecisionPoint) -> FloatArray | None:
        """(6, 2) the plan, or None if the planner has none.

        Raises:
            UserError: if the planner itself failed.
        """
        frame, picture, view = point.frame, point.picture, View()
        assert frame is not None
        if not self._planner.needs().command:
            frame = replace(frame, command=None)
        if picture is not None:
            frame = replace(frame, earlier=tuple(one for one, _ in self._seen))
            view = View((*(earlier for _, earlier in self._seen), picture))
            if frame.image_path is not None:
                self._seen.append((EarlierPicture(frame.image_path, frame.timestamp), picture))
        if self._planner.needs().truth:
            view = replace(view, facts=point.facts)
        planned = asyncio.run(self._runner.plan(frame, view))
        if planned.error is not None:
            raise UserError(f"The driver '{self._planner.name}' failed in '{frame.scene}': {planned.error}")
        return planned.plan.actions
