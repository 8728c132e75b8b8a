"""The city's world as the closed loop wants it: with an end, an account in the loop's words, and an expert at hand."""

from __future__ import annotations

import math

import numpy as np

from lightemma.closed_loop.comfort import harsh_seconds, standing_seconds
from lightemma.closed_loop.handover import TICKS_PER_ACTION, TICKS_PER_S
from lightemma.closed_loop.records import Crash, End, Struck, Verdict
from lightemma.closed_loop.spec import EpisodeSpec, LoopRules
from lightemma.frame import FloatArray
from lightemma.simulation.ego import Limits
from lightemma.simulation.events import Event
from lightemma.simulation.expert import Expert
from lightemma.simulation.geometry import Area, box_corners
from lightemma.simulation.scenarios import CONDITIONS, make_world
from lightemma.simulation.state import EGO_CENTRE_AHEAD, EGO_LENGTH, EGO_WIDTH, ActorKind, City, EgoState, WorldState
from lightemma.simulation.world import World

#: Seconds in a row with a corner off the carriageway after which the episode is over.
OFF_ROAD_S = 1.0

_STRUCK: dict[ActorKind, Struck] = {
    "pedestrian": "person",
    "officer": "person",
    "worker": "person",
    "cone": "thing",
    "barrier": "thing",
}


class CityWorld:
    """One episode's world.

    Args:
        world: at time 0.

    Attributes:
        world: as given, for drivers that know it.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self._area = Area(world.city.drivable)
        self._expert = Expert()
        self._seen = 0
        self._crashes: list[Crash] = []
        self._red_lights = self._wrong_side = self._off_ticks = 0
        self._off_road = False
        self._end: End | None = None
        self._ticks = 0
        self._planned: tuple[int, FloatArray] = -1, np.zeros((0, 2))
        self._motion = [(world.ego.speed, world.ego.curvature)]

    @property
    def city(self) -> City:
        """Everything that stands still."""
        return self.world.city

    @property
    def past(self) -> FloatArray:
        """(7, 3) x, y, heading at -3.5 … -0.5 s."""
        return self.world.past

    @property
    def over(self) -> bool:
        """Whether the episode has ended."""
        return self._end is not None

    def state(self) -> WorldState:
        """Everything that moves, now."""
        return self.world.state()

    def ego_state(self) -> EgoState:
        """The ego car, now."""
        return self.world.ego_state()

    def step(self, speed: float, curvature: float) -> None:
        """Goes on by 0.05 s."""
        self.world.step(speed, curvature)
        self._ticks += 1
        if self._ticks % TICKS_PER_ACTION == 0:
            self._motion.append((self.world.ego.speed, self.world.ego.curvature))
        events = self.world.referee.events
        for event in events[self._seen :]:
            self._take_note(event)
        self._seen = len(events)
        if self._off_road:
            self._off_ticks = self._off_ticks + 1 if self._is_off_road() else 0
            if self._off_ticks >= OFF_ROAD_S * TICKS_PER_S:
                self._end = self._end or "off-road"
        if self._end is None and self.world.finished:
            self._end = "time-out"

    def expert_plan(self) -> FloatArray:
        """(6, 2) what somebody who knows the world would do."""
        tick, plan = self._planned
        if tick != self._ticks:
            plan = self._expert.plan(self.world).actions
            self._planned = self._ticks, plan
        return plan

    def verdict(self) -> Verdict:
        """How it went so far."""
        account = self.world.referee.verdict()
        speeds, curvatures = np.array(self._motion).T
        return Verdict(
            end=self._end or "time-out",
            time_s=round(self._ticks / TICKS_PER_S, 3),
            progress=1.0 if account.goal_reached else account.progress_share,
            crashes=self._crashes,
            red_lights=self._red_lights,
            off_road=self._off_road,
            wrong_side=self._wrong_side,
            min_ttc_s=account.min_ttc if math.isfinite(account.min_ttc) else None,
            harsh_s=harsh_seconds(speeds, curvatures),
            standing_s=standing_seconds(speeds),
        )

    def _take_note(self, event: Event) -> None:
        if event.kind == "collision":
            self._crashes.append(Crash(round(event.time, 3), self._struck(event.actor), event.at_fault))
            self._end = self._end or "collision"
        elif event.kind == "red-light":
            self._red_lights += 1
        elif event.kind == "wrong-side":
            self._wrong_side += 1
        elif event.kind == "off-road":
            self._off_road = True
        else:
            self._end = self._end or event.kind

    def _struck(self, number: int | None) -> Struck:
        kind: ActorKind = next((actor.kind for actor in self.world.state().actors if actor.number == number), "car")
        return _STRUCK.get(kind, "vehicle")

    def _is_off_road(self) -> bool:
        pose = self.world.ego.pose
        x = pose.x + EGO_CENTRE_AHEAD * math.cos(pose.heading)
        y = pose.y + EGO_CENTRE_AHEAD * math.sin(pose.heading)
        return not self._area.contains(box_corners(x, y, pose.heading, EGO_LENGTH, EGO_WIDTH)).all()


def open_world(spec: EpisodeSpec, rules: LoopRules) -> CityWorld:
    """The world of an episode, at its start."""
    limits = Limits() if rules.limits else None
    conditions = CONDITIONS[spec.conditions]
    return CityWorld(make_world(spec.scenario, spec.seed, conditions, left_hand=spec.left_hand, limits=limits))
