"""One episode in the simulated city as a world of the closed loop: pictures, an outcome and an expert."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from copy import deepcopy

import numpy as np

from lightemma.closed_loop.comfort import harsh_seconds, standing_seconds
from lightemma.closed_loop.plan_follower import TICKS_PER_ACTION, TICKS_PER_S
from lightemma.closed_loop.records import Crash, End, EpisodeOutcome, Infraction, Met, Struck
from lightemma.closed_loop.replay import ActorEntry, ReplayGround, ReplayStep
from lightemma.closed_loop.spec import EpisodeSpec, LoopRules
from lightemma.closed_loop.world import CarState, ExpertLabel, ExpertWords, Observation, World
from lightemma.closed_loop.world_info import EVERYTHING, WorldInfo
from lightemma.closed_loop.worlds.city_camera import CameraRenderer
from lightemma.closed_loop.worlds.city_command import route_command
from lightemma.closed_loop.worlds.city_idm import idm_plan
from lightemma.closed_loop.worlds.city_reference import expert_time
from lightemma.frame import FloatArray, Picture, Pose
from lightemma.kinematics import integrate
from lightemma.observed_facts import ObservedFacts
from lightemma.simulation.actor_kinds import kind_named
from lightemma.simulation.ego import Limits
from lightemma.simulation.events import Event, Referee
from lightemma.simulation.geometry import Area, box_corners
from lightemma.simulation.labels import Labeller
from lightemma.simulation.observed import observe_facts
from lightemma.simulation.perturb import Perturbation, perturbed
from lightemma.simulation.render import front_camera
from lightemma.simulation.state import EGO_CENTRE_AHEAD, EGO_LENGTH, EGO_WIDTH, WorldState
from lightemma.simulation.world import STEP_TIME, CitySimulation

#: What every episode of the city says about itself.
INFO = WorldInfo("city", action_dt=STEP_TIME, knows=EVERYTHING)
#: Seconds in a row with a corner off the carriageway after which the episode is over.
OFF_ROAD_S = 1.0


class CityWorld(World):
    """One episode in the city.

    Args:
        simulation: at time 0.
        spec: the episode; seeds of the camera's noise come from it.
        rules: the size of the pictures.
        camera: draws what the front camera sees, with the city loaded; None where no pictures are wanted.
        give_back: takes the camera back at the end.

    Attributes:
        simulation: as given, for drivers that know the city.
        referee: records what has happened so far.
    """

    def __init__(
        self,
        simulation: CitySimulation,
        spec: EpisodeSpec,
        rules: LoopRules,
        camera: CameraRenderer | None = None,
        give_back: Callable[[CameraRenderer], None] | None = None,
    ) -> None:
        self.simulation = simulation
        self.referee = Referee(simulation)
        self._spec, self._rules, self._renderer, self._give_back = spec, rules, camera, give_back
        self._from_start = True
        self._camera, self._tells_facts = front_camera(rules.size), rules.facts
        self._area = Area(simulation.city.drivable)
        self._labeller = Labeller(simulation)
        self._seen = 0
        self._crashes: list[Crash] = []
        self._infractions: list[Infraction] = []
        self._red_lights = self._wrong_side = self._hindered = self._off_ticks = 0
        self._off_road = False
        self._end: End | None = None
        self._early_end = rules.early_end
        self._ticks = self._decisions = 0
        self._labelled: tuple[int, ExpertLabel] = -1, ExpertLabel(np.zeros((0, 2)), valid=False)
        self._driven: FloatArray = np.zeros((0, 2))
        self._state: tuple[int, WorldState] = 0, simulation.state()
        self._motion = [(simulation.ego.speed, simulation.ego.curvature)]

    def history(self) -> FloatArray:
        """(7, 3) x, y, heading at -3.5 … -0.5 s."""
        return self.simulation.history_poses

    @property
    def info(self) -> WorldInfo:
        """It judges everything, at 20 steps a second."""
        return INFO

    @property
    def car(self) -> CarState:
        """The car now."""
        ego = self.simulation.ego
        return CarState(ego.pose, ego.speed, ego.curvature)

    @property
    def limits(self) -> Limits | None:
        """What the car can do; None where it has every command at once."""
        return self.simulation.ego.limits

    @property
    def over(self) -> bool:
        """Whether the episode has ended."""
        return self._end is not None

    def observe(self) -> Observation:
        """What the car sees now, and the expert's positions in the next 3 s."""
        picture: Picture | None = None
        if self._renderer is not None:
            picture = self._renderer.picture(self._state_now(), self._spec.picture_seed(self._decisions))
        self._decisions += 1
        streets, route = self.simulation.setup.streets, self.simulation.route
        command, command_m = route_command(streets.network, route, self.simulation.ego.pose)
        label = self.label()
        return Observation(
            self._camera,
            picture,
            integrate(label.actions) if label.valid else None,
            command,
            command_m,
            self.facts(command) if self._tells_facts else None,
        )

    def facts(self, command: str | None = None) -> ObservedFacts:
        """What is seen now, and in the privileged block what is not."""
        return observe_facts(self.simulation, self._camera, command, privileged=True, state=self._state_now())

    def step(self, speed: float, curvature: float) -> None:
        """Moves on by 0.05 s."""
        self.simulation.step(speed, curvature)
        self.referee.look()
        self._ticks += 1
        if self._ticks % TICKS_PER_ACTION == 0:
            self._motion.append((self.simulation.ego.speed, self.simulation.ego.curvature))
        events = self.referee.events
        for event in events[self._seen :]:
            self._take_note(event)
        self._seen = len(events)
        if self._off_road:
            self._off_ticks = self._off_ticks + 1 if self._is_off_road() else 0
            if self._off_ticks >= OFF_ROAD_S * TICKS_PER_S:
                self._end_early("off-road")
        if self._end is None and self.referee.finished:
            self._end = "time-out"

    def label(self) -> ExpertLabel:
        """What the expert would do now, in pairs and in words."""
        tick, label = self._labelled
        if tick != self._ticks:
            made = self._labeller.label()
            said = made.words
            words = ExpertWords(said.scene, said.intent, said.reason) if said else None
            label = ExpertLabel(made.pairs, made.valid, made.reason, words)
            self._labelled, self._driven = (self._ticks, label), made.driven
        return label

    def expert_plan(self) -> FloatArray:
        """(6, 2) what the expert would drive now: the label's pairs without what they make up for in the integrator."""
        self.label()
        return self._driven

    def idm_plan(self) -> FloatArray:
        """(6, 2) what the intelligent driver model would drive now, along the route and behind the car ahead."""
        return idm_plan(self.simulation)

    def outcome(self) -> EpisodeOutcome:
        """The numbers of the episode so far."""
        account, conduct = self.referee.account(), self.referee.conduct
        speeds, curvatures = np.array(self._motion).T
        return EpisodeOutcome(
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
            expert_time_s=round(expert_time(self._spec, account.progress), 3) if self._from_start else None,
            off_route=account.count("off-route") > 0,
            infractions=self._infractions,
            hindered=self._hindered,
            speeding_s=round(conduct.speeding_s, 1),
            close_share=conduct.close_s / conduct.following_s if conduct.following_s else None,
            incidents=[
                Met(one.name, one.reached or one.met is not None, one.met is not None, one.met)
                for one in self.simulation.incidents
                if one.name
            ],
        )

    def placed(self, perturbation: Perturbation, decision: int = 0) -> CityWorld | None:
        """A copy that goes on from here, with the car put elsewhere; everybody else reacts to it. It uses this one's camera."""
        simulation = perturbed(self.simulation, perturbation)
        if simulation is None:
            return None
        simulation.start = float(simulation.traffic.at[0])
        other = CityWorld(simulation, self._spec, self._rules, self._renderer)
        other._decisions, other._from_start = decision, False
        return other

    def replay_step(self) -> ReplayStep:
        """This moment of the replay, to the millimetre and tenth of a milliradian."""
        state = self._state_now()
        ego = state.ego
        return ReplayStep(
            time=round(state.time, 3),
            ego=(*_place(ego.pose), round(ego.speed, 3), round(ego.curvature, 5)),
            actors=[(actor.number, *_place(actor.pose), round(actor.speed, 3)) for actor in state.actors],
            signals=[(signal.number, signal.colour) for signal in state.signals],
        )

    def actors(self) -> Sequence[ActorEntry]:
        """All road users and things of this moment."""
        return [ActorEntry(one.number, one.kind, one.length, one.width) for one in self._state_now().actors]

    def ground(self) -> ReplayGround:
        """The carriageway to the decimetre, and where signal heads stand."""
        return ReplayGround(
            streets=[[(round(x, 1), round(y, 1)) for x, y in ring.tolist()] for ring in self.simulation.city.drivable],
            lights=[(one.number, round(one.pose.x, 1), round(one.pose.y, 1)) for one in self._state_now().signals],
        )

    def copy(self) -> CityWorld:
        """The same state, to go on independently; it draws no pictures."""
        still = *self.simulation.fixed, self._spec, self._camera, self._area, self._state[1]
        shared = {id(one): one for one in still}
        return deepcopy(self, {**shared, id(self._renderer): None, id(self._give_back): None})

    def close(self) -> None:
        """Gives the camera back."""
        if self._renderer is not None and self._give_back is not None:
            self._give_back(self._renderer)
        self._renderer = None

    def _state_now(self) -> WorldState:
        if self._state[0] != self._ticks:
            self._state = self._ticks, self.simulation.state()
        return self._state[1]

    def _end_early(self, why: End) -> None:
        """Ends the episode by a fault, unless it is driven on for what can be collected after it."""
        if self._early_end:
            self._end = self._end or why

    def _take_note(self, event: Event) -> None:
        if event.kind != "goal":
            x, y = event.place
            against = "" if event.actor is None else self._kind(event.actor)
            self._infractions.append(
                Infraction(
                    event.kind, round(event.time, 3), round(x, 2), round(y, 2), event.at_fault, against, event.detail
                )
            )
        if event.kind == "collision":
            self._crashes.append(Crash(round(event.time, 3), self._struck(event.actor), event.at_fault))
            self._end_early("collision")
        elif event.kind == "red-light":
            self._red_lights += 1
        elif event.kind == "wrong-side":
            self._wrong_side += 1
        elif event.kind == "off-road":
            self._off_road = True
        elif event.kind == "off-route":
            # A car in the meadow is off its route, too; there the rule about the road ends the episode.
            if not self._off_road:
                self._end_early("off-route")
        elif event.kind == "goal":
            self._end = self._end or "goal"
        elif event.kind == "stuck":
            self._end_early("stuck")
        elif event.kind != "speeding":  # which is counted by its time
            self._hindered += 1

    def _struck(self, number: int | None) -> Struck:
        return kind_named(self._kind(number)).struck

    def _kind(self, number: int | None) -> str:
        return next((actor.kind for actor in self._state_now().actors if actor.number == number), "car")

    def _is_off_road(self) -> bool:
        pose = self.simulation.ego.pose
        x = pose.x + EGO_CENTRE_AHEAD * math.cos(pose.heading)
        y = pose.y + EGO_CENTRE_AHEAD * math.sin(pose.heading)
        return not self._area.contains(box_corners(x, y, pose.heading, EGO_LENGTH, EGO_WIDTH)).all()


def _place(pose: Pose) -> tuple[float, float, float]:
    return round(pose.x, 3), round(pose.y, 3), round(math.remainder(pose.heading, 2.0 * math.pi), 4)
