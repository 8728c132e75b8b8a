"""The appearance of a thing at one moment: its faces and lit lamps, and the key under which they can be cached."""

from __future__ import annotations

from dataclasses import dataclass

from lightemma.simulation.actor_kinds import kind_named
from lightemma.simulation.render.meshes.mesh import Colour, Mesh
from lightemma.simulation.state import ActorState

BLINKS = 1.5
"""Hertz at which indicators blink."""

GAIT_STEPS = 24
"""Number of poses in one walking cycle."""


@dataclass(frozen=True, slots=True)
class Halo:
    """The glow around a lit lamp.

    Attributes:
        place: metres in the thing's own frame.
        colour: shown colour at its middle.
        radius: metres.
        strength: 0 … 1 and more.
        facing: heading in radians towards which it shines; None for every direction.
    """

    place: tuple[float, float, float]
    colour: Colour
    radius: float
    strength: float
    facing: float | None = None


Box = tuple[tuple[float, float, float], tuple[float, float, float]]
"""Two opposite corners in metres: the lower x, y and z, and the upper."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Faces and halos of a thing around its own origin (x forward, y left, z up).

    Attributes:
        mesh: the faces.
        halos: the glow of its lamps.
        cores: boxes inside it that nobody looks through from eye level, because faces with one anchor are all around them.
    """

    mesh: Mesh
    halos: tuple[Halo, ...] = ()
    cores: tuple[Box, ...] = ()


@dataclass(frozen=True, slots=True)
class Outfit:
    """Everything that decides the appearance of an actor, without its position; equal outfits share one shape.

    Attributes:
        kind: name of its kind.
        size: length, width and height in metres.
        colour: paint or coat.
        variant: number of its design.
        braking: whether brake lights are on.
        left: whether the left indicator is bright at this moment.
        right: the same on the right.
        lamps: whether head and tail lamps are on.
        gait: step of the walking cycle, 0 … GAIT_STEPS - 1, or -1 while standing.
        fine: whether small parts are wanted.
    """

    kind: str
    size: tuple[float, float, float]
    colour: Colour
    variant: int
    braking: bool = False
    left: bool = False
    right: bool = False
    lamps: bool = False
    gait: int = -1
    fine: bool = True


def outfit_of(actor: ActorState, time: float, *, lamps: bool, fine: bool) -> Outfit:
    """The outfit of an actor at a time in seconds; ``lamps``: whether it is dark enough for lights."""
    on = (time * BLINKS) % 1.0 < 0.5
    walks = kind_named(actor.kind).walks
    # A person who stands has phase 0 and no speed; one in mid-stride keeps the phase.
    stands = actor.gait == 0.0 and abs(actor.speed) < 0.05
    steps = -1
    if walks and not stands:
        steps = int(actor.gait / 6.283185307179586 * GAIT_STEPS) % GAIT_STEPS
    return Outfit(
        kind=actor.kind,
        size=(round(actor.length, 2), round(actor.width, 2), round(actor.height, 2)),
        colour=(round(actor.colour[0], 3), round(actor.colour[1], 3), round(actor.colour[2], 3)),
        variant=actor.number % 12,
        braking=actor.braking,
        left=on and actor.indicator in ("left", "both"),
        right=on and actor.indicator in ("right", "both"),
        lamps=lamps and not actor.parked,
        gait=steps,
        fine=fine,
    )
