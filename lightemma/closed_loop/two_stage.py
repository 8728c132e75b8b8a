"""A two-stage drive: single plans of an episode, each driven to its end from a start of its own.

The pseudo closed loop of NAVSIM v2 (Cao et al., "Pseudo-simulation for autonomous driving", CoRL 2025), with the world itself
in place of pictures that were made beforehand: it is copied, the car is put beside its place, and everybody else reacts.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from lightemma.closed_loop.episode import DecisionPoint, Episode, Finished
from lightemma.closed_loop.privileged import PrivilegedDriver, WorldPlan
from lightemma.closed_loop.records import EpisodeOutcome, Roll
from lightemma.closed_loop.replay import ActorEntry, Replay, ReplayStep
from lightemma.closed_loop.spec import EpisodeSpec, LoopRules, TwoStageRules
from lightemma.closed_loop.starts import HORIZON, Start, find_starts, stepwise
from lightemma.closed_loop.two_stage_score import merged
from lightemma.closed_loop.world import World
from lightemma.errors import UserError
from lightemma.frame import FloatArray
from lightemma.protocol import LIGHTEMMA
from lightemma.simulation.perturb import Perturbation

#: Half seconds between the beginnings of two rolls in time stamps and replays, where they come one after the other.
SLOT = HORIZON + 2
#: Metres of the expert's way below which it stands, so that no progress is missing.
STANDS = 2.0


class RollOut:
    """One plan from one start.

    Args:
        start: from where.
        spec: the episode.
        rules: of the loop.
        number: of the decision.
        folder: of the run, where pictures are written.
        driver: plan of a privileged driver; None where a planner plans.

    Attributes:
        world: a copy of the start's.
    """

    def __init__(
        self,
        start: Start,
        spec: EpisodeSpec,
        rules: LoopRules,
        number: int,
        folder: Path,
        driver: WorldPlan | None = None,
    ) -> None:
        world = start.world.placed(Perturbation(), number)
        assert world is not None, "it was copied before"
        self._start, self._number, self.world = start, number, world
        rules, begun = stepwise(rules, HORIZON), number * SLOT * world.info.steps_per_action
        self._episode = Episode(spec, rules, world, folder, driver, step=number, begun=begun)
        self._from = self._place()

    def look(self) -> DecisionPoint:
        """The decision at the start."""
        return self._episode.look()

    def drive(self, actions: FloatArray | None) -> Roll:
        """Drives a whole plan, or what a car does without one.

        Args:
            actions: (6, 2) the plan, or None if there was none.
        """
        if actions is not None:
            self._episode.follow(actions)
        else:
            for _ in range(HORIZON):
                self._episode.follow(None)
        start = self._start
        moved = start.perturbation
        return Roll(
            decision=self._number,
            point=start.point,
            stage=start.stage,
            time=start.time,
            sideways=round(moved.sideways, 4),
            turned=round(moved.turned, 5),
            faster=round(moved.faster, 4),
            start=self._from,
            end=self._place(),
            expert_m=round(start.expert_m, 3),
            outcome=self._judged(self._episode.outcome()),
        )

    @property
    def replay(self) -> Replay:
        """What happened, at the time of the roll's slot."""
        replay = self._episode.replay()
        begin = replay.steps[0].time - self._number * SLOT * LIGHTEMMA.dt
        steps = [msgspec.structs.replace(one, time=round(one.time - begin, 3)) for one in replay.steps]
        return Replay(replay.actors, steps, replay.camera, replay.ground)

    def _place(self) -> tuple[float, float]:
        pose = self.world.car.pose
        return round(pose.x, 3), round(pose.y, 3)

    def _judged(self, outcome: EpisodeOutcome) -> EpisodeOutcome:
        """The outcome with the share of the expert's progress, which is whole where the expert stands."""
        start, progress = self._start, outcome.progress
        if start.expert_m < STANDS:
            progress = 1.0
        elif progress is not None and start.expert_progress:
            progress = min(progress / start.expert_progress, 1.0)
        elif start.expert_progress is None:
            progress = None
        end = outcome.end if self.world.over else "horizon"
        return msgspec.structs.replace(outcome, end=end, progress=progress, expert_time_s=None, incidents=None)


class TwoStageEpisode:
    """The rolls of an episode, one after the other; it answers as an `Episode` does.

    Args:
        spec: which episode.
        rules: how the loop is closed.
        two: how many plans, and where.
        world: the world, at the start of the episode.
        folder: the run's folder, where pictures are written.
        driver: a privileged driver; None where a planner plans.

    Raises:
        UserError: if the world has no expert, or cannot put the car elsewhere.
    """

    def __init__(
        self,
        spec: EpisodeSpec,
        rules: LoopRules,
        two: TwoStageRules,
        world: World,
        folder: Path,
        driver: PrivilegedDriver | None = None,
    ) -> None:
        self._spec, self._rules, self._folder, self._driver = spec, rules, folder, driver
        self._knows = world.info.knows
        self._starts = find_starts(spec, rules, two, world)
        if not self._starts:
            raise UserError(f"The expert's drive of '{spec.name}' has no moment to plan at; leave this episode out.")
        self._rolls: list[Roll] = []
        self._replays: list[Replay] = []
        self._roll: RollOut | None = None

    def look(self) -> DecisionPoint:
        """The next start, as a planner sees it; the end after the last one."""
        number = len(self._rolls)
        if number == len(self._starts):
            return DecisionPoint(None, finished=Finished(merged(self._rolls), self._joined(), self._knows, self._rolls))
        start = self._starts[number]
        plan = None if self._driver is None else self._driver.begin_later(self._spec, round(start.time / LIGHTEMMA.dt))
        self._roll = RollOut(start, self._spec, self._rules, number, self._folder, plan)
        return self._roll.look()

    def advance(self, actions: FloatArray | None, latency_s: float = 0.0) -> DecisionPoint:
        """Drives a plan to its end, and goes to the next start. The planner's time does not count."""
        assert self._roll is not None, "looked at before"
        self._rolls.append(self._roll.drive(actions))
        self._replays.append(self._roll.replay)
        return self.look()

    def _joined(self) -> Replay:
        actors: dict[int, ActorEntry] = {}
        steps: list[ReplayStep] = []
        for replay in self._replays:
            for actor in replay.actors:
                actors.setdefault(actor.number, actor)
            steps += replay.steps
        return Replay(list(actors.values()), steps, self._replays[0].camera, self._replays[0].ground)
