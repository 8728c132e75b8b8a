"""Cars and vans: rounded skins over rings of points, with glass, wheels, lamps and plates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lightemma.frame import FloatArray
from lightemma.simulation.render.meshes.mesh import BoolArray, Colour, MeshBuilder, Surface, crossed, scaled
from lightemma.simulation.render.meshes.shapes import Box, Outfit, Shape
from lightemma.simulation.render.meshes.solids import add_box, add_contact_shadow, between_rings
from lightemma.simulation.render.meshes.vehicle_parts import LampRow, add_plate, add_wheel, lamp_halos

GLASS: Colour = (0.075, 0.085, 0.095)
TRIM: Colour = (0.085, 0.085, 0.09)

# The plan of a body, right half from back to front: share of the half length, share of the half width.
_FINE = [(-1, 0), (-0.995, 0.5), (-0.98, 0.78), (-0.945, 0.95), (-0.88, 1), (-0.45, 1), (-0.1, 1), (-0.03, 1),
         (0.45, 1), (0.82, 1), (0.90, 0.95), (0.955, 0.78), (0.985, 0.5), (1, 0)]  # fmt: skip
_COARSE = [(-1, 0), (-0.98, 0.8), (-0.9, 1), (-0.1, 1), (-0.03, 1), (0.84, 1), (0.95, 0.8), (1, 0)]


@dataclass(frozen=True, slots=True)
class Design:
    """Proportions of a body.

    Attributes:
        belt: height of the windows' lower edge, as a share of the whole.
        glass: x of the lower and x of the upper edge of the rear window, then of the windscreen's upper and lower edge,
            as shares of the length from the middle.
        slope: by how much of the height the bonnet falls towards the front.
        boot: the same towards the back.
        closed: whether the sides behind the driver have no windows.
        narrow: half width of the roof as a share of that of the body.
    """

    belt: float
    glass: tuple[float, float, float, float]
    slope: float
    boot: float
    closed: bool = False
    narrow: float = 0.74


HATCHBACK = Design(0.60, (-0.465, -0.36, 0.06, 0.245), 0.11, 0.0)
SALOON = Design(0.605, (-0.375, -0.21, 0.05, 0.225), 0.09, 0.02)
ESTATE = Design(0.59, (-0.475, -0.41, 0.07, 0.235), 0.09, 0.0)
CROSSOVER = Design(0.60, (-0.47, -0.39, 0.09, 0.26), 0.07, 0.0, narrow=0.79)
VAN = Design(0.50, (-0.487, -0.478, 0.285, 0.405), 0.10, 0.0, closed=True, narrow=0.87)
_CARS = (HATCHBACK, SALOON, ESTATE, CROSSOVER)


def car_shape(outfit: Outfit) -> Shape:
    """A car or van around the middle of its footprint."""
    length, width, height = outfit.size
    design = VAN if outfit.kind == "van" else _CARS[outfit.variant % 4]
    if outfit.kind == "car" and height > 1.58:
        design = CROSSOVER
    builder = MeshBuilder(anchor=(0.0, 0.0, 0.4))
    add_contact_shadow(builder, length, width)
    radius = 0.325 if outfit.kind == "car" else 0.35
    axles = (-0.30 * length, 0.315 * length)
    for x in axles:
        for side in (-1.0, 1.0):
            add_wheel(builder, x, side, width / 2, radius, outside=False, fine=outfit.fine)
    plan = _plan(outfit.fine)
    rear = _add_body(builder, outfit, design, plan)
    # Mirrors before the cabin, so that it hides the far one.
    if outfit.fine:
        for side in (-1, 1):
            low = sorted((side * width * 0.46, side * (width * 0.5 + 0.12)))
            x, z = design.glass[3] * length - 0.22, design.belt * height
            add_box(
                builder, (x, low[0], z), (x + 0.13, low[1], z + 0.13), outfit.colour, surface=Surface.PAINT, bottom=True
            )
    _add_cabin(builder, outfit, design, plan)
    for x in axles:
        for side in (-1.0, 1.0):
            add_wheel(builder, x, side, width / 2, radius, outside=True, fine=outfit.fine)
    add_plate(builder, -length / 2 - 0.012, rear.plate, back=True)
    add_plate(builder, length / 2 + 0.012, 0.30 * height, back=False)
    halos = lamp_halos(outfit, rear, third=(design.glass[1] * length - 0.1, height * 0.95))
    return Shape(builder.build(), halos, _cores(outfit, design))


def _cores(outfit: Outfit, design: Design) -> tuple[Box, Box]:
    """A box inside the lower body, and one that reaches from it into the cabin."""
    length, width, height = outfit.size
    half, end, belt = width / 2, length / 2, design.belt * height
    top = belt - max(design.slope, design.boot) * height
    _, back, front, _ = (share * length for share in design.glass)
    return (
        ((-0.86 * end + 0.05, -0.92 * half, 0.32), (0.80 * end - 0.13, 0.92 * half, top - 0.02)),
        (
            (0.86 * back + 0.14 * front, -0.94 * design.narrow * half, 0.32),
            (0.14 * back + 0.86 * front, 0.94 * design.narrow * half, height - 0.07),
        ),
    )


def _plan(fine: bool) -> FloatArray:
    """(c, 2) the whole plan, counter-clockwise from the middle of the back, right side first."""
    right = np.array(_FINE if fine else _COARSE, dtype=np.float64)
    left = right[-2:0:-1]
    return np.concatenate([right * (1, -1), left])


def _rings(plan: FloatArray, levels: FloatArray) -> FloatArray:
    """(r, c, 3) a plan at (r, 4) levels: height, back x, front x, half width."""
    middle, half = (levels[:, 1] + levels[:, 2]) / 2, (levels[:, 2] - levels[:, 1]) / 2
    return np.stack(
        [
            middle[:, None] + half[:, None] * plan[None, :, 0],
            levels[:, 3, None] * plan[None, :, 1],
            np.broadcast_to(levels[:, :1], (len(levels), len(plan))),
        ],
        axis=2,
    )


def _add_skin(builder: MeshBuilder, points: FloatArray, groups: list[tuple[BoolArray, Colour, Surface, float]]) -> None:
    """A skin over (r, c, 3) rings; each (r - 1, c) mask of faces with a colour, a surface and a glow."""
    rings, count = points.shape[:2]
    before, after = np.arange(-1, count - 1), np.arange(1, count + 1) % count
    across = crossed(
        (points[:, after] - points[:, before]).transpose(2, 0, 1), np.gradient(points, axis=0).transpose(2, 0, 1)
    )
    across /= np.maximum(np.sqrt(np.sum(across**2, axis=0)), 1e-9)
    at = between_rings(count, rings).reshape(rings - 1, count, 4)
    faces, smooth = points.reshape(-1, 3)[at], across.reshape(3, -1).T[at]
    for mask, colour, surface, glow in groups:
        if mask.any():
            builder.add_many(faces[mask], colour, surface=surface, solid=True, glow=glow, normals=smooth[mask])


def _add_body(builder: MeshBuilder, outfit: Outfit, design: Design, plan: FloatArray) -> LampRow:
    """Adds the lower body with its lamps, and returns where those are."""
    length, width, height = outfit.size
    half, end, belt = width / 2, length / 2, design.belt * height
    levels = np.array(
        [
            (0.19, -end + 0.14, end - 0.12, 0.86 * half),
            (0.29, -end + 0.03, end - 0.03, 0.965 * half),
            (0.44 * belt / 0.88, -end, end, half),
            (0.64 * belt / 0.88, -end + 0.005, end - 0.01, half),
            (0.80 * belt / 0.88, -end + 0.02, end - 0.04, 0.985 * half),
            (belt, -end + 0.05, end - 0.13, 0.945 * half),
            (belt + 0.025, -end + 0.13, end - 0.30, 0.86 * half),
            (belt + 0.045, -end + 0.30, end - 0.65, 0.40 * half),
            (belt + 0.05, -end + 0.40, end - 0.90, 0.0),
        ]
    )
    points = _rings(plan, levels)
    share = points[:, :, 0] / end
    weight = np.array([0, 0, 0.1, 0.45, 0.9, 1, 1, 1, 1])[:, None]
    points[:, :, 2] -= weight * height * design.slope * np.clip((share - 0.35) / 0.65, 0, 1) ** 1.4
    points[:, :, 2] -= weight * height * design.boot * np.clip((-share - 0.6) / 0.4, 0, 1)
    rows, columns = len(levels) - 1, len(plan)
    row = np.arange(rows)[:, None] + np.zeros(columns, dtype=int)
    mid = (plan + np.roll(plan, -1, axis=0)) / 2
    u, v = mid[None, :, 0], np.abs(mid[None, :, 1])
    side = np.sign(mid[None, :, 1])
    low_lamp, high_lamp = (3, 4) if outfit.kind == "car" else (2, 4)
    tail = (row >= low_lamp) & (row <= high_lamp) & (u < -0.9) & (v > (0.55 if outfit.kind == "car" else 0.8))
    head = (row >= 3) & (row <= (3 if outfit.kind == "car" else 4)) & (u > 0.85) & (v > 0.55)
    grille = (row >= 1) & (row <= 2) & (u > 0.95) & (v < 0.75)
    bumper = (row == 0) | ((row == 1) & (u < -0.95) & (v < 0.8))
    blink = (outfit.left & (side > 0)) | (outfit.right & (side < 0))
    amber = blink & (((row == low_lamp) & tail) | (head & (v > 0.8)))
    lit = outfit.braking or outfit.lamps
    red = (1.0, 0.07, 0.04) if outfit.braking else ((0.85, 0.05, 0.04) if lit else (0.40, 0.035, 0.035))
    tail, head = tail & ~amber, head & ~amber
    paint = ~(tail | head | amber | grille | bumper)
    _add_skin(
        builder,
        points,
        [
            (bumper | grille, TRIM, Surface.MATTE, 0.0),
            (paint, outfit.colour, Surface.PAINT, 0.0),
            (tail, red, Surface.GLASS, 5.0 if outfit.braking else (0.9 if lit else 0.0)),
            (head, (0.93, 0.93, 0.90), Surface.GLASS, 6.0 if outfit.lamps else 0.0),
            (amber, (1.0, 0.55, 0.04), Surface.GLASS, 5.0),
        ],
    )
    high = float(levels[low_lamp : high_lamp + 2, 0].mean())
    return LampRow(
        back=-end, front=end, half=0.8 * half, tail=high, head=float(points[4, :, 2].min()), plate=0.52 * belt
    )


def _add_cabin(builder: MeshBuilder, outfit: Outfit, design: Design, plan: FloatArray) -> None:
    """Windows, pillars and roof."""
    length, width, height = outfit.size
    half, base = width / 2, design.belt * height
    low_back, high_back, high_front, low_front = (share * length for share in design.glass)
    top, narrow = height - 0.05, design.narrow * half
    sill, head = 0.08, 0.90

    def level(share: float) -> tuple[float, float, float, float]:
        bulge = 0.05 * half * np.sin(np.pi * share)
        return (
            base + (top - base) * share,
            low_back + (high_back - low_back) * share,
            low_front + (high_front - low_front) * share,
            0.885 * half + (narrow - 0.885 * half) * share + float(bulge),
        )

    levels = [level(-0.08), level(sill), level(0.5), level(head), level(1.0)] if outfit.fine else [
        level(-0.08), level(sill), level(head), level(1.0)]  # fmt: skip
    walls = len(levels) - 1
    over = top + 0.035
    levels += [
        (over, high_back + 0.10, high_front - 0.10, 0.86 * narrow),
        (height, high_back + 0.3, high_front - 0.3, 0.0),
    ]
    points = _rings(plan, np.array(levels))
    rows, columns = len(levels) - 1, len(plan)
    row = np.arange(rows)[:, None] + np.zeros(columns, dtype=int)
    mid = (plan + np.roll(plan, -1, axis=0)) / 2
    u, v = mid[None, :, 0], np.abs(mid[None, :, 1])
    pane = (row >= 1) & (row < walls - 1)
    ends = (np.abs(u) > 0.93) & (v < 0.87)
    # No window where the B pillar is, nor in the corners.
    sides = (v > 0.97) & (np.abs(u) < 0.88) & (np.abs(u + 0.065) > 0.02)
    if design.closed:
        # A van's rear doors have windows apart from each other.
        ends = ends & ((u > 0) | ((v > 0.1) & (v < 0.8)))
        sides = sides & (u > 0.5 if outfit.fine else u > 0.2)
    glass = pane & (ends | sides)
    third = (row == walls - 1) & (u < -0.95) & (v < 0.4) if outfit.braking else np.zeros_like(glass)
    _add_skin(
        builder,
        points,
        [
            (~glass & ~third, scaled(outfit.colour, 0.97), Surface.PAINT, 0.0),
            (glass, GLASS, Surface.GLASS, 0.0),
            (third, (1.0, 0.07, 0.04), Surface.GLASS, 5.0),
        ],
    )
