"""Everything that moves or changes in the panda3d renderer: actors, signal heads, their contact shadows and the glow of lamps.

Runs in the worker only.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from lightemma.frame import FloatArray
from lightemma.simulation.render.meshes.mesh import Layer
from lightemma.simulation.render.meshes.scene import Placed, PlacedHalos, city_halos, placed_things, shape_of
from lightemma.simulation.render.meshes.shapes import Halo
from lightemma.simulation.render.palettes import Look
from lightemma.simulation.render.panda_graphics import Graphics, vertices
from lightemma.simulation.render.panda_views import LAYERED, SHADOWED
from lightemma.simulation.state import City, WorldState

_FARTHEST = 250.0
"""Metres beyond which nothing that moves is drawn."""


@dataclass(frozen=True, slots=True)
class Viewpoint:
    """Position of the camera in the world, and its axes to the right and up; all (3,) metres."""

    place: FloatArray
    right: FloatArray
    up: FloatArray


@dataclass(frozen=True, slots=True)
class _Kept:
    """A shape as nodes that can be put at many places."""

    body: Any
    blob: Any
    halos: tuple[Halo, ...]


class Movers:
    """Nodes of everything that moves in one city.

    Attributes:
        node: parent of the bodies.
        halos: parent of the glow.
    """

    def __init__(self, graphics: Graphics, root: Any, programs: Mapping[str, Any], city: City, look: Look) -> None:
        core = graphics.core
        self._graphics, self._core, self._programs, self._city, self._look = graphics, core, programs, city, look
        self._shapes: dict[object, _Kept] = {}
        self._street_lamps = city_halos(city, look)
        self.node = root.attachNewNode("movers")
        self.node.setBin("near-first", 0)
        self._blobs = root.attachNewNode("blobs")
        self._blobs.setShader(programs["shade"])
        self._blobs.setTransparency(core.TransparencyAttrib.MAlpha)
        self._blobs.setBin("fixed", 8)
        self._blobs.setDepthWrite(False)
        self._blobs.setDepthOffset(1)
        self.halos = root.attachNewNode("halos")
        self.halos.setShader(programs["halo"])
        self.halos.setBin("fixed", 20)
        self.halos.setDepthWrite(False)
        blend = core.ColorBlendAttrib
        self.halos.setAttrib(blend.make(blend.MAdd, blend.OOne, blend.OOne))
        for node in (self._blobs, self.halos):
            node.hide(core.BitMask32(SHADOWED | LAYERED))

    def place(self, state: WorldState, view: Viewpoint, *, owned: bool = False) -> None:
        """Moves everything to its pose at one moment; ``owned``: also tells shaders whose each body is."""
        self.node.getChildren().detach()
        self._blobs.getChildren().detach()
        self.halos.getChildren().detach()
        glowing: list[PlacedHalos] = list(self._street_lamps)
        for thing in placed_things(self._city, self._look, state):
            if math.hypot(thing.pose.x - view.place[0], thing.pose.y - view.place[1]) < _FARTHEST:
                halos = self._place(thing, owned)
                if halos:
                    glowing.append(PlacedHalos(thing.pose, thing.height, halos))
        self._add_halos(glowing, view)

    def _place(self, thing: Placed, owned: bool) -> tuple[Halo, ...]:
        """Puts a shape, reused where possible, at its pose, and returns its halos."""
        if thing.key not in self._shapes:
            if len(self._shapes) > 600:
                self._shapes.clear()
            shape = shape_of(thing.key)
            blob = np.flatnonzero(shape.mesh.layers == Layer.SHADOW)
            body = np.flatnonzero(shape.mesh.layers != Layer.SHADOW)
            self._shapes[thing.key] = _Kept(
                body=self._graphics.body(shape.mesh.chosen(body), self._programs),
                blob=self._core.NodePath(self._graphics.geom(shape.mesh.chosen(blob))) if len(blob) else None,
                halos=shape.halos,
            )
        kept = self._shapes[thing.key]
        for parent, node, lift in ((self.node, kept.body, 0.0), (self._blobs, kept.blob, 0.012)):
            if node is not None:
                holder = parent.attachNewNode("at")
                holder.setPosHpr(
                    thing.pose.x, thing.pose.y, thing.height + lift, math.degrees(thing.pose.heading), 0, 0
                )
                if owned:
                    holder.setShaderInput("owner", float(thing.owner))
                node.instanceTo(holder)
        return kept.halos

    def _add_halos(self, glowing: list[PlacedHalos], view: Viewpoint) -> None:
        """Discs of light that face the camera, a little nearer than their lamps."""
        corners, tints, spots = [], [], []
        square = np.array([(-1, -1), (1, -1), (1, 1), (-1, -1), (1, 1), (-1, 1)], dtype=np.float64)
        misty = 1.0 if self._look.haze < 100 else 0.0
        for group in glowing:
            pose, height = group.pose, group.height
            cos, sin = math.cos(pose.heading), math.sin(pose.heading)
            for halo in group.halos:
                x, y, z = halo.place
                at = np.array([pose.x + cos * x - sin * y, pose.y + sin * x + cos * y, height + z])
                to_eye = view.place - at
                far = float(np.linalg.norm(to_eye))
                strength = halo.strength * math.exp(-far / (2.2 * self._look.haze)) * (1.0 - 0.5 * misty)
                if halo.facing is not None:
                    bearing = pose.heading + halo.facing
                    seen = (to_eye[0] * math.cos(bearing) + to_eye[1] * math.sin(bearing)) / max(far, 0.1)
                    strength *= max(seen, 0.0) ** 1.5
                if strength < 0.02:
                    continue
                radius = halo.radius * (1.0 + 0.25 * misty)
                centre = at + to_eye / max(far, 0.1) * min(0.25, far / 2)
                corners.append(centre + radius * (square[:, :1] * view.right + square[:, 1:] * view.up))
                tints.append(np.tile(halo.colour, (6, 1)))
                spots.append(np.column_stack([square, np.full(6, strength), np.zeros(6)]))
        if corners:
            points = np.concatenate(corners)
            node = vertices(self._core, points, np.zeros_like(points), np.concatenate(tints), np.concatenate(spots))
            node.setBounds(self._core.OmniBoundingVolume())
            self.halos.attachNewNode(node)
