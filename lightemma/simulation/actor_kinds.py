"""The kinds of road users and obstacles: one entry with all facts of each kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from lightemma.errors import UserError, near_names

#: What a collision with it counts as: hitting a person, a vehicle, or a thing such as a cone.
Struck = Literal["person", "vehicle", "thing"]


@dataclass(frozen=True, slots=True)
class ActorKind:
    """One kind of road user or obstacle.

    Attributes:
        name: its name in states and replays.
        size: length, width and height in metres.
        struck: what a collision with it counts as.
        category: nuScenes' category.
        described: nuScenes' description of the category, the same for all kinds of that category.
        spoken: its name in the expert's explanations.
        mesh: ``module:function`` that gives its shape for an outfit; a module without dots is one of ``render.meshes``.
        rides: whether it is a person on wheels, who drives on the carriageway.
    """

    name: str
    size: tuple[float, float, float]
    struck: Struck
    category: str
    described: str
    spoken: str
    mesh: str
    rides: bool = False

    @property
    def is_vehicle(self) -> bool:
        """Whether it drives on the carriageway."""
        return self.struck == "vehicle" or self.rides

    @property
    def walks(self) -> bool:
        """Whether it is a person, who stands on the kerb's height and moves the legs."""
        return self.struck == "person" and not self.rides


_TRUCK = ("vehicle.truck", "A delivery van, or a truck.")

ACTOR_KINDS: Final[dict[str, ActorKind]] = {
    kind.name: kind
    for kind in (
        ActorKind("car", (4.4, 1.82, 1.48), "vehicle", "vehicle.car", "A car.", "car", "cars:car_shape"),
        ActorKind("van", (5.4, 2.0, 2.3), "vehicle", *_TRUCK, "van", "cars:car_shape"),
        ActorKind("truck", (8.2, 2.45, 3.2), "vehicle", *_TRUCK, "lorry", "lorries:truck_shape"),
        ActorKind("bus", (11.5, 2.5, 3.1), "vehicle", "vehicle.bus.rigid", "A bus.", "bus", "lorries:bus_shape"),
        ActorKind(
            "cyclist",
            (1.8, 0.62, 1.74),
            "person",
            "vehicle.bicycle",
            "A bicycle, and who rides it.",
            "cyclist",
            "bicycles:cyclist_shape",
            rides=True,
        ),
        ActorKind(
            "pedestrian",
            (0.5, 0.6, 1.72),
            "person",
            "human.pedestrian.adult",
            "A person on foot.",
            "pedestrian",
            "people:person_shape",
        ),
        ActorKind(
            "officer",
            (0.5, 0.65, 1.8),
            "person",
            "human.pedestrian.police_officer",
            "A police officer who directs traffic.",
            "police officer",
            "people:person_shape",
        ),
        ActorKind(
            "worker",
            (0.5, 0.65, 1.76),
            "person",
            "human.pedestrian.construction_worker",
            "A person who works on the road.",
            "worker",
            "people:person_shape",
        ),
        ActorKind(
            "cone",
            (0.36, 0.36, 0.72),
            "thing",
            "movable_object.trafficcone",
            "A traffic cone.",
            "cone",
            "obstacles:cone_shape",
        ),
        ActorKind(
            "barrier",
            (0.45, 2.2, 1.0),
            "thing",
            "movable_object.barrier",
            "A barrier of a construction site.",
            "barrier",
            "obstacles:barrier_shape",
        ),
    )
}


def kind_named(name: str) -> ActorKind:
    """The kind with this name.

    Raises:
        UserError: if no kind has this name.
    """
    try:
        return ACTOR_KINDS[name]
    except KeyError:
        raise UserError(f"There is no kind of actor '{name}'; {near_names(name, ACTOR_KINDS)}") from None
