"""A street with two junctions and traffic that comes back, for tests of the traffic alone."""

import numpy as np

from lightemma.frame import Pose
from lightemma.simulation.actors import Vehicle
from lightemma.simulation.geometry import Path
from lightemma.simulation.network import Turn
from lightemma.simulation.pedestrians import Person, Walker
from lightemma.simulation.scenarios.base import green_at
from lightemma.simulation.street_builder import build_streets
from lightemma.simulation.streets import JunctionPlan, StreetPlan, Stretch
from lightemma.simulation.traffic import Traffic

DT = 0.05


def busy_streets(lanes: int = 1):
    return build_streets(
        StreetPlan(
            Pose(5.0, -3.0, 0.7),
            (
                Stretch(((160.0, 0.0),)),
                JunctionPlan(side_length=120.0),
                Stretch(((60.0, 0.0), (60.0, 0.008), (40.0, 0.0))),
                JunctionPlan(left=False, signals=False, side_length=120.0),
                Stretch(((150.0, 0.0),), crossings=(90.0,)),
            ),
            lanes=lanes,
        )
    )


def busy_traffic(seed: int, lanes: int = 1, count: int = 16) -> Traffic:
    streets = busy_streets(lanes)
    network = streets.network
    rng = np.random.default_rng(seed)
    entries = [n for road in streets.stretches[:1] for n in road.forward]
    entries += [n for road in streets.stretches[-1:] for n in road.backward]
    entries += [road.backward[0] for j in streets.junctions for k, road in j.arms.items() if k in ("north", "south")]
    turns: tuple[Turn, ...] = ("straight", "straight", "left", "right")
    places: dict[int, float] = {}
    vehicles = []
    for i in range(count):
        entry = entries[i % len(entries)]
        route = network.onward(entry, turns[int(rng.integers(4))])
        at = places.get(entry, 8.0)
        places[entry] = at + float(rng.uniform(18.0, 26.0))
        # Long vehicles drive straight on: the corners of these streets are made for cars.
        long = all(network.lanes[n].turn == "straight" for n in route) and rng.random() < 0.3
        kind = ("truck", "bus")[int(rng.integers(2))] if long else ("car", "van")[int(rng.random() < 0.2)]
        if at > 90.0:
            continue
        vehicles.append(Vehicle(kind, route, at, 5.0, float(rng.uniform(8.0, 13.0)), returns=True, changes=lanes > 1))
    walkers = []
    for number, c in enumerate(network.crossings):
        (x0, y0), (x1, y1) = c.start, c.end
        path = Path.from_pieces(Pose(x0, y0, float(np.arctan2(y1 - y0, x1 - x0))), [(c.length, 0.0)])
        walkers.append(Walker(number, Person(path, 0.0, 1.3, (0, 0, 0), crossing=c.number, ready=10.0 * number)))
    return Traffic(network, vehicles, (), walkers, {0: green_at(0.0)})


def run(traffic: Traffic, seconds: float, look, every: int = 5):
    for step in range(round(seconds / DT)):
        time = step * DT
        traffic.step(time, DT)
        for walker in traffic.rules.walkers:
            if walker.activity == "wait" and step % 4 == 0 and traffic.rules.may_step_off(walker, time):
                walker.activity = "walk"
            walker.step(DT)
        if step % every == 0:
            look(time)
