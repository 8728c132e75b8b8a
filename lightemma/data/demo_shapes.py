"""Things that stand along a road: cars, people, trees, houses, lamps, signs and traffic lights, as faces.

Each function adds to a builder, or makes a mesh around its own origin (x forward, y left, z up, metres).
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from lightemma.data.demo_mesh import Colour, Layer, Mesh, MeshBuilder
from lightemma.frame import FloatArray, Pose

CAR_SIZE = (1.8, 4.4, 1.46)
"""Width, length and height of a car in metres, in the order of nuScenes."""

VAN_SIZE = (1.95, 5.2, 2.25)
"""The same of a delivery van."""

PERSON_SIZE = (0.6, 0.6, 1.75)
"""The same of a person."""

Signal = Literal["red", "green"]

_GLASS: Colour = (46, 56, 66)
_TYRE: Colour = (24, 24, 26)
_STEEL: Colour = (98, 102, 106)
_ROUND = np.column_stack([np.cos(np.linspace(0, 2 * np.pi, 15)[:-1]), np.sin(np.linspace(0, 2 * np.pi, 15)[:-1])])


def dimmed(colour: Colour, share: float) -> Colour:
    """The colour with its brightness multiplied."""
    return (colour[0] * share, colour[1] * share, colour[2] * share)


def car_mesh(colour: Colour, braking: bool, van: bool = False) -> Mesh:
    """A car around the middle of its footprint.

    Args:
        colour: of the body.
        braking: whether its brake lights are lit.
        van: a delivery van in place of a car.
    """
    builder = MeshBuilder()
    width, length, height = VAN_SIZE if van else CAR_SIZE
    half, end = width / 2, length / 2
    builder.add(_ROUND * (end * 1.12, half * 1.18), (52, 53, 56), Layer.SHADOW)
    anchor = (0.0, 0.0, 0.5)
    belt = 1.25 if van else 0.92
    for x in (-end + 0.85, end - 0.85):
        for side in (-1.0, 1.0):
            inner, outer = side * (half - 0.26), side * (half - 0.02)
            disc = np.column_stack([x + 0.33 * _ROUND[:, 0], np.full(len(_ROUND), inner), 0.33 + 0.33 * _ROUND[:, 1]])
            builder.add(disc, _TYRE, anchor=anchor)
            for face, low in ((-0.1, 0.0), (0.1, 0.0), (-0.27, 0.14), (0.27, 0.14)):
                builder.add(_across(x + face, inner, outer, low, 0.5), _TYRE, anchor=anchor)
    bottom = _rectangle(-end, end, half, 0.28)
    middle = _rectangle(-end - 0.02, end + 0.02, half + 0.01, belt * 0.62)
    top = _rectangle(-end + 0.12, end - (0.06 if van else 0.2), half - 0.04, belt)
    _add_hull(builder, bottom, middle, colour, anchor)
    _add_hull(builder, middle, top, colour, anchor)
    for x in (-end + 0.85, end - 0.85):
        for side in (-1, 1):
            wheel = np.column_stack(
                [x + 0.33 * _ROUND[:, 0], np.full(14, side * (half + 0.02)), 0.33 + 0.33 * _ROUND[:, 1]]
            )
            hub = np.column_stack(
                [x + 0.18 * _ROUND[:, 0], np.full(14, side * (half + 0.03)), 0.33 + 0.18 * _ROUND[:, 1]]
            )
            for disc, paint in ((wheel, _TYRE), (hub, _STEEL)):
                builder.add(disc[::-side], paint, anchor=anchor, solid=True)
    if van:
        lower, upper = (
            _rectangle(-end + 0.12, end - 0.06, half - 0.04, belt),
            _rectangle(-end + 0.2, end - 1.1, half - 0.14, height),
        )
    else:
        lower, upper = (
            _rectangle(-end + 0.22, end - 1.15, half - 0.06, belt),
            _rectangle(-end + 0.75, end - 1.95, half - 0.24, height),
        )
    _add_hull(builder, lower, upper, colour, anchor)
    builder.add(upper, dimmed(colour, 1.04), anchor=anchor, solid=True)
    for index in range(4):
        pane = np.array([lower[index - 1], lower[index], upper[index], upper[index - 1]])
        if van and index in (1, 3):
            # A van's sides are closed but for the driver's window, in the front fifth.
            pane = _part(pane, (0.8, 0.97) if index == 1 else (0.03, 0.2), (0.1, 0.7))
        else:
            pane = _part(pane, (0.07, 0.93), (0.1, 0.72 if van else 0.88))
        builder.add(pane, _GLASS, anchor=anchor, solid=True)
    _add_lamps(builder, (width, length, height), belt, braking, anchor)
    return builder.build()


def _add_lamps(
    builder: MeshBuilder, size: tuple[float, float, float], belt: float, braking: bool, anchor: tuple[float, ...]
) -> None:
    """Rear lights, head lights, plates and the third brake light."""
    half, end, height = size[0] / 2, size[1] / 2, size[2]
    low, high = belt * 0.62, belt * 0.92
    red: Colour = (255, 36, 22) if braking else (132, 22, 24)
    for side in (-1.0, 1.0):
        outer, inner = side * (half - 0.05), side * (half - 0.38)
        back = _across(-end - 0.03, min(outer, inner), max(outer, inner), low, high)
        builder.add(back, red, anchor=anchor, solid=True, glowing=braking)
        front = _across(end + 0.03, min(outer, inner), max(outer, inner), low - 0.04, high - 0.06)[::-1]
        builder.add(front, (250, 248, 228), anchor=anchor, solid=True)
    builder.add(_across(-end - 0.04, -half + 0.08, half - 0.08, 0.3, 0.42), (40, 40, 42), anchor=anchor, solid=True)
    builder.add(_across(-end - 0.04, -0.27, 0.27, low - 0.02, low + 0.12), (232, 232, 224), anchor=anchor, solid=True)
    builder.add(_across(end + 0.04, -half + 0.3, half - 0.3, 0.34, 0.52)[::-1], (36, 36, 38), anchor=anchor, solid=True)
    if braking:
        x = -end + 0.14 if height > 2 else -end + 0.62
        strip = _across(x, -0.22, 0.22, height - 0.16, height - 0.09)
        builder.add(strip, red, anchor=anchor, solid=True, glowing=True)


def person_mesh(coat: Colour, stride: float) -> Mesh:
    """A person on foot around the place where they stand; ``stride`` is the metres between the feet."""
    builder = MeshBuilder()
    base = (0.0, 0.0, 0.0)
    builder.add(_ROUND * (0.34, 0.3), (70, 70, 72), Layer.SHADOW)
    for side in (-1.0, 1.0):
        foot, hip = side * (0.06 + stride / 2), side * 0.09
        leg = [(foot - 0.07, 0.0), (foot + 0.07, 0.0), (hip + 0.09, 0.88), (hip - 0.09, 0.88)]
        builder.add_upright(base, leg, (44, 46, 60))
    builder.add_upright(base, [(-0.2, 0.8), (0.2, 0.8), (0.25, 1.3), (0.16, 1.48), (-0.16, 1.48), (-0.25, 1.3)], coat)
    builder.add_upright(base, _ROUND * (0.11, 0.14) + (0.0, 1.61), (186, 146, 120))
    return builder.build()


def add_tree(
    builder: MeshBuilder,
    rng: np.random.Generator,
    at: FloatArray,
    *,
    height: float,
    leaves: Colour,
    near: bool = True,
) -> None:
    """A broad-leaved tree at the (2,) place ``at``, ``height`` metres tall, with fewer leaves if it stays far off."""
    base = (float(at[0]), float(at[1]), 0.0)
    crown = 0.34 * height
    builder.add(_ROUND * (0.75 * crown) + at, (64, 76, 56), Layer.SHADOW)
    builder.add_upright(base, [(-0.16, 0.0), (0.16, 0.0), (0.09, 0.6 * height), (-0.09, 0.6 * height)], (84, 68, 54))
    outlines, colours = [], []
    tiers = ((0.62, 5, 0.66), (0.5, 6, 0.84), (0.36, 6, 1.0), (0.24, 7, 1.16))
    for size, count, light in tiers if near else tiers[:3:2]:
        for angle, reach, tint in rng.uniform((0.0, 0.1, 0.93), (2 * np.pi, 1.0, 1.07), (count, 3)):
            out = crown * (0.97 - size) * np.sqrt(reach)
            # The lighter leaves sit up and to the left, where the sun is.
            left = out * np.cos(angle) + 0.25 * crown * (light - 0.8)
            up = 0.66 * height + 0.85 * out * np.sin(angle) + 0.25 * crown * (light - 0.8)
            rough = rng.uniform(0.84, 1.12, (len(_ROUND), 1)) * size * crown
            outlines.append(_ROUND * rough + (left, up))
            colours.append(dimmed(leaves, light * tint))
    builder.add_upright_many(base, np.array(outlines), np.array(colours))


def add_bush(builder: MeshBuilder, rng: np.random.Generator, at: FloatArray, leaves: Colour) -> None:
    """A low bush at the (2,) place ``at``."""
    base = (float(at[0]), float(at[1]), 0.0)
    for size, light in ((0.7, 0.7), (0.5, 0.85), (0.4, 1.0)):
        for _ in range(3):
            middle = np.array([rng.uniform(-0.6, 0.6), rng.uniform(0.3, 0.7)])
            blob = _ROUND * rng.uniform(0.85, 1.1, len(_ROUND))[:, None] * size + middle
            builder.add_upright(base, np.maximum(blob, (-9.0, 0.0)), dimmed(leaves, light * rng.uniform(0.95, 1.05)))


def add_house(
    builder: MeshBuilder,
    at: Pose,
    *,
    size: tuple[float, float],
    floors: int,
    wall: Colour,
    rng: np.random.Generator,
    near: bool = True,
) -> None:
    """A house of flat walls with windows.

    Args:
        builder: gets the faces.
        at: the middle of its footprint; its heading runs along the front.
        size: metres along the front and in depth.
        floors: of 3.1 metres each.
        wall: colour of the walls.
        rng: decides which windows are light or dark.
        near: whether the windows have visible frames.
    """
    height = 3.1 * floors + 0.8
    corners = _rectangle(-size[0] / 2, size[0] / 2, size[1] / 2, 0.0)[:, :2]
    cos, sin = np.cos(at.heading), np.sin(at.heading)
    corners = corners @ np.array([[cos, sin], [-sin, cos]]) + (at.x, at.y)
    for start, stop in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        bays = max(1, round(float(np.linalg.norm(stop - start)) / 3.2))
        middles = start + (stop - start) * ((np.arange(bays) + 0.5) / bays)[:, None]
        reach = (stop - start) / bays / 2  # from the middle of a bay to its end
        anchors = np.column_stack([middles, np.zeros(bays)])

        def panels(
            share: float,
            low: float,
            high: float,
            light: FloatArray | float = 1.0,
            colour: Colour = wall,
            places: FloatArray = middles,
            reach: FloatArray = reach,
            anchors: FloatArray = anchors,
        ) -> None:
            """A part of every bay: so much of its width, between two heights in metres."""
            left, right = places - share * reach, places + share * reach
            flat = np.stack([left, right, right, left], axis=1)
            up = np.broadcast_to(np.array([low, low, high, high])[:, None], (*flat.shape[:2], 1))
            colours = np.array(colour) * np.broadcast_to(np.asarray(light), len(places))[:, None]
            builder.add_many(np.concatenate([flat, up], axis=2), colours, anchors=anchors, solid=True)

        panels(1.0, 0.0, height)
        panels(1.0, 0.0, 0.6, 0.7)
        panels(1.0, height - 0.45, height, 0.82)
        for floor in range(floors):
            low = 3.1 * floor + 0.95
            if near:
                panels(0.56, low - 0.08, low + 1.68, 1.12)
            panels(0.48, low, low + 1.6, rng.uniform(0.55, 1.05, bays), (112, 128, 142))


def add_lamp_post(builder: MeshBuilder, at: FloatArray, arm: float) -> None:
    """A street lamp at the (2,) place ``at`` with an arm of so many metres, positive to the left."""
    base = (float(at[0]), float(at[1]), 0.0)
    builder.add_upright(base, [(-0.08, 0.0), (0.08, 0.0), (0.05, 7.4), (-0.05, 7.4)], _STEEL)
    builder.add_upright(base, [(0.0, 7.3), (arm, 7.6), (arm, 7.7), (0.0, 7.42)], _STEEL)
    head = [(arm * 0.7, 7.56), (arm * 1.15, 7.64), (arm * 1.15, 7.76), (arm * 0.7, 7.74)]
    builder.add_upright(base, head, (206, 208, 204))


def add_sign(builder: MeshBuilder, at: FloatArray, kind: Literal["priority", "parking"]) -> None:
    """A traffic sign at the (2,) place ``at``."""
    base = (float(at[0]), float(at[1]), 0.0)
    builder.add_upright(base, [(-0.04, 0.0), (0.04, 0.0), (0.04, 2.3), (-0.04, 2.3)], _STEEL)
    if kind == "priority":
        diamond = np.array([(0.0, -1.0), (1.0, 0.0), (0.0, 1.0), (-1.0, 0.0)])
        builder.add_upright(base, diamond * 0.45 + (0.0, 2.5), (244, 244, 240))
        builder.add_upright(base, diamond * 0.34 + (0.0, 2.5), (250, 200, 30))
    else:
        builder.add_upright(base, _square(0.0, 2.5, 0.34, 0.34), (28, 84, 168))
        builder.add_upright(base, _square(0.09, 2.5, 0.045, 0.24), (244, 244, 240))
        builder.add_upright(base, _ROUND * (0.16, 0.14) + (-0.01, 2.6), (244, 244, 240))
        builder.add_upright(base, _ROUND * (0.07, 0.06) + (-0.02, 2.6), (28, 84, 168))


def signal_mesh(state: Signal, arm: float) -> Mesh:
    """A traffic light around the foot of its post.

    Args:
        state: which lamp is lit.
        arm: metres from the post to a second head over the road, positive to the left; 0 for the post's head only.
    """
    builder = MeshBuilder()
    base = (0.0, 0.0, 0.0)
    tall = 5.9 if arm else 3.3
    builder.add_upright(base, [(-0.1, 0.0), (0.1, 0.0), (0.08, tall), (-0.08, tall)], (74, 78, 80))
    if arm:
        builder.add_upright(base, [(0.0, tall - 0.2), (arm, tall - 0.1), (arm, tall), (0.0, tall)], (74, 78, 80))
    for left, up in ((0.0, 2.75), (arm, 5.55)) if arm else ((0.0, 2.75),):
        builder.add_upright(base, _square(left, up, 0.27, 0.62), (222, 222, 214))
        builder.add_upright(base, _square(left, up, 0.23, 0.58), (22, 24, 26))
        for name, lit, dark, height in (
            ("red", (255, 40, 30), (66, 18, 18), up + 0.37),
            ("amber", (255, 190, 40), (64, 50, 18), up),
            ("green", (40, 255, 130), (16, 54, 34), up - 0.37),
        ):
            shining = name == state
            if shining:
                builder.add_upright(base, _ROUND * 0.23 + (left, height), dimmed(lit, 0.55), glowing=True)
            colour: Colour = lit if shining else dark
            builder.add_upright(base, _ROUND * 0.165 + (left, height), colour, glowing=shining)
    return builder.build()


def _rectangle(back: float, front: float, half: float, z: float) -> FloatArray:
    """(4, 3) corners, counter-clockwise from above, the right rear first."""
    return np.array([(back, -half, z), (front, -half, z), (front, half, z), (back, half, z)])


def _square(left: float, up: float, half_width: float, half_height: float) -> FloatArray:
    """(4, 2) outline of an upright rectangle around a point."""
    return np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * (half_width, half_height) + (left, up)


def _across(x: float, right: float, left: float, low: float, high: float) -> FloatArray:
    """(4, 3) corners of an upright rectangle across the car, counter-clockwise from behind."""
    return np.array([(x, left, low), (x, right, low), (x, right, high), (x, left, high)])


def _add_hull(
    builder: MeshBuilder, lower: FloatArray, upper: FloatArray, colour: Colour, anchor: tuple[float, ...]
) -> None:
    """The walls between two rings of four corners, and the upper lid."""
    for index in range(4):
        wall = np.array([lower[index - 1], lower[index], upper[index], upper[index - 1]])
        builder.add(wall, colour, anchor=anchor, solid=True)
    builder.add(upper, colour, anchor=anchor, solid=True)


def _part(panel: FloatArray, along: tuple[float, float], up: tuple[float, float]) -> FloatArray:
    """A part of a panel (lower left, lower right, upper right, upper left), given in shares of its sides."""
    corners = []
    for share, rise in ((along[0], up[0]), (along[1], up[0]), (along[1], up[1]), (along[0], up[1])):
        low = panel[0] + (panel[1] - panel[0]) * share
        high = panel[3] + (panel[2] - panel[3]) * share
        corners.append(low + (high - low) * rise)
    return np.array(corners)
