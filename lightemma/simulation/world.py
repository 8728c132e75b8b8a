"""The simulation of the city: it moves all actors at 20 Hz and gives the state at any time."""

from __future__ import annotations

import math
from copy import copy
from typing import Any

import numpy as np

from lightemma.frame import FloatArray
from lightemma.kinematics import BRAKING
from lightemma.protocol import LIGHTEMMA, Protocol
from lightemma.simulation.actor_kinds import kind_named
from lightemma.simulation.actors import Vehicle
from lightemma.simulation.ego import EgoCar, Limits
from lightemma.simulation.fleet import pose_of
from lightemma.simulation.network import Route
from lightemma.simulation.pedestrians import Walker
from lightemma.simulation.setup import WARM_UP, Setup
from lightemma.simulation.state import ActorState, Conditions, EgoState, SignalState, WorldState
from lightemma.simulation.static_city import build_city
from lightemma.simulation.traffic import Traffic

#: Seconds per step.
STEP_TIME = 0.05
#: Steps between two looks of the incidents.
INCIDENT_STEPS = 2
#: Actors' numbers: vehicles count from 1, things and people from here.
FIRST_THING, FIRST_PERSON = 400, 700
_PERSON = kind_named("pedestrian").size


class CitySimulation:
    """One episode.

    It begins at time 0, after a warm-up in which the ego has driven its route as the traffic does; the warm-up's states are
    kept at 2 Hz. Two simulations of the same setup, seed and actions are equal in every byte.

    Args:
        setup: from a scenario.
        seed: of houses, plants and lamps around the streets.
        conditions: light and weather.
        limits: what the ego car can do; None for one that reaches every command immediately.
        protocol: how long a pair of speed and curvature is held, and the rule of motion without limits.

    Attributes:
        setup: as given.
        city: everything that stands still.
        heads: post, arm and signal phase of each signal head, in the order of a state's signals.
        history_poses: (7, 3) x, y, heading of the ego's rear axle at -3.5 … -0.5 s.
        warm_up: the world at those times.
        track: x, y, heading of the rear axle every 0.5 s, the history and time 0 included.
        time: seconds since the start.
        ego: the car.
        traffic: all vehicles.
        walkers: all people.
        controllers: the lights by junction, as they are now.
        incidents: what happens because of where the ego is.
        half_diagonal: (n,) metres, half the diagonals of `boxes`.
    """

    def __init__(
        self,
        setup: Setup,
        seed: int,
        conditions: Conditions = Conditions(),  # noqa: B008 - frozen
        limits: Limits | None = Limits(),  # noqa: B008 - frozen
        protocol: Protocol = LIGHTEMMA,
    ) -> None:
        self.setup = setup
        self.seed = seed
        self.protocol = protocol
        self.city, self.heads = build_city(setup, seed, conditions)
        self.walkers = [Walker(FIRST_PERSON + i, person) for i, person in enumerate(setup.people)]
        self.controllers = dict(setup.controllers)
        self.incidents = [copy(one) for one in setup.incidents]
        ego = Vehicle("car", setup.lanes, setup.at, setup.speed, setup.desired)
        self.traffic = Traffic(
            setup.streets.network, (ego, *setup.vehicles), setup.things, self.walkers, self.controllers
        )
        self._thing_states = tuple(
            ActorState(FIRST_THING + i, t.kind, t.pose, 0.0, *kind_named(t.kind).size, t.colour, parked=True)
            for i, t in enumerate(setup.things)
        )
        self.thing_boxes: FloatArray = np.array(
            [(t.pose.x, t.pose.y, t.pose.heading, *kind_named(t.kind).size[:2]) for t in setup.things]
        ).reshape(-1, 5)
        people = np.zeros((len(self.walkers), 5))
        people[:, 3:] = _PERSON[:2]
        self._boxes: FloatArray = np.concatenate([self.traffic.boxes, self.thing_boxes, people])
        self._velocities: FloatArray = np.zeros((len(self._boxes), 2))
        self.half_diagonal: FloatArray = np.hypot(self._boxes[:, 3], self._boxes[:, 4]) / 2.0
        self._join_boxes()
        self._steps = -round(WARM_UP / STEP_TIME)
        self._hold_steps = round(protocol.dt / STEP_TIME)
        self._warm(limits)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """A copy: the vehicles' boxes are again part of its own arrays of all actors, as a copied view is not."""
        self.__dict__.update(state)
        self._join_boxes()

    def _join_boxes(self) -> None:
        count = len(self.traffic.at)
        self.traffic.keep_boxes_in(self._boxes[:count], self._velocities[:count])

    def _warm(self, limits: Limits | None) -> None:
        """Drives the ego along its route until time 0."""
        path = self.route.path
        every, states, poses = self._hold_steps, [], []
        self.ego = EgoCar(path.pose(self.setup.at), self.setup.speed, 0.0, limits, self.protocol)
        while self._steps < 0:
            if self._steps % every == 0:
                states.append(self.state())
                poses.append(self.ego.pose)
            self._steps += 1
            self._let_happen()
            self.traffic.step(self.time, STEP_TIME)
            self._walk()
            along = float(self.traffic.at[0])
            self.ego.pose = path.pose(along)
            self.ego.speed = float(self.traffic.speed[0])
            self.ego.curvature = path.curvature(along)
            self.ego.acceleration = float(self.traffic.acceleration[0])
        self.warm_up = tuple(states)
        self.history_poses: FloatArray = np.array([(pose.x, pose.y, pose.heading) for pose in poses])
        self.track: list[tuple[float, float, float]] = [
            (float(x), float(y), float(h)) for x, y, h in self.history_poses
        ]
        self._remember()
        self.traffic.place_ego(self.ego.state())
        self.start = float(self.traffic.at[0])

    @property
    def fixed(self) -> tuple[object, ...]:
        """What never changes, to be shared with copies: it is most of what there is to copy."""
        return (
            self.setup,
            self.setup.streets,
            self.traffic.network,
            self.city,
            self.warm_up,
            self._thing_states,
            *self.traffic.routes.entries,
        )

    @property
    def time(self) -> float:
        """Seconds since the episode's start, negative in the warm-up."""
        return self._steps * STEP_TIME

    @property
    def boxes(self) -> FloatArray:
        """(n, 5) boxes of vehicles, things and people in this order; the first row is the ego's own."""
        self.traffic.settle()
        return self._boxes

    @property
    def velocities(self) -> FloatArray:
        """(n, 2) m/s of the same."""
        self.traffic.settle()
        return self._velocities

    def box(self, row: int) -> list[float]:
        """One row of `boxes`; the vehicles' boxes are computed only if it is one of them."""
        if row < len(self.traffic.at):
            self.traffic.settle()
        values: list[float] = self._boxes[row].tolist()
        return values

    @property
    def route(self) -> Route:
        """The ego's route."""
        return self.traffic.route_of(0)

    def step(self, speed: float, curvature: float) -> None:
        """Advances the world by 0.05 s; the ego receives this speed (m/s) and curvature (1/m, positive = left)."""
        left = self._hold_steps - self._steps % self._hold_steps
        self.ego.step(speed, curvature, STEP_TIME, left * STEP_TIME)
        self._steps += 1
        self.traffic.place_ego(self.ego.state())
        self._let_happen()
        self.traffic.step(self.time, STEP_TIME)
        self._walk()
        if self._steps % self._hold_steps == 0:
            self._remember()

    def _remember(self) -> None:
        self.track.append((self.ego.pose.x, self.ego.pose.y, self.ego.pose.heading))

    def _let_happen(self) -> None:
        if self._steps % INCIDENT_STEPS == 0:
            for incident in self.incidents:
                incident.look(self)

    def _walk(self) -> None:
        if self._steps % 2:
            return
        row = len(self.traffic.at) + len(self.thing_boxes) - 1
        for walker in self.walkers:
            row += 1
            if (
                walker.activity == "wait"
                and self._steps % 4 == 0
                and self.traffic.rules.may_step_off(walker, self.time)
            ):
                walker.activity = "walk"
            if walker.speed or self._steps % 20 == 0:
                walker.step(2.0 * STEP_TIME)
                pose, speed = walker.pose, walker.speed
                self._boxes[row, :3] = (pose.x, pose.y, pose.heading)
                self._velocities[row] = (speed * math.cos(pose.heading), speed * math.sin(pose.heading))

    def number_of(self, row: int) -> int:
        """The actor's number of a row of `boxes`."""
        count = len(self.traffic.at)
        if row < count:
            return self.traffic.number[row]
        row -= count
        return FIRST_THING + row if row < len(self.thing_boxes) else FIRST_PERSON + row - len(self.thing_boxes)

    def state(self) -> WorldState:
        """The state of the world now."""
        traffic = self.traffic
        actors = [self._vehicle(n) for n in range(1, len(traffic.at)) if traffic.active[n]]
        actors.extend(self._thing_states)
        for walker in self.walkers:
            length, width, _ = _PERSON
            person = walker.person
            actors.append(
                ActorState(
                    walker.number,
                    "pedestrian",
                    walker.pose,
                    walker.speed,
                    length,
                    width,
                    person.height,
                    person.colour,
                    gait=walker.gait,
                )
            )
        signals = tuple(
            SignalState(number, pose, arm, self.controllers[group[0]].colour(group[1], self.time))
            for number, (pose, arm, group) in enumerate(self.heads)
        )
        return WorldState(self.time, self.ego_state(), tuple(actors), signals)

    def ego_state(self) -> EgoState:
        """The ego car now."""
        return self.ego.state()

    def _vehicle(self, n: int) -> ActorState:
        traffic = self.traffic
        vehicle = traffic.vehicles[n]
        length, width, height = (float(value) for value in traffic.size[n])
        return ActorState(
            number=traffic.number[n],
            kind=vehicle.kind,
            pose=pose_of(traffic.boxes[n]),
            speed=float(traffic.speed[n]),
            length=length,
            width=width,
            height=height,
            colour=vehicle.colour,
            braking=bool(traffic.acceleration[n] < -BRAKING or traffic.speed[n] < 0.1),
            indicator=traffic.indicator(n),
        )
